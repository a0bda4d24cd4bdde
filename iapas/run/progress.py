"""How far the run is: a bar on a terminal, a line now and then elsewhere, nothing when quiet. On stderr."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("iapas")

Report = Callable[[int, int], None]
"""Called with the number of images done, and of those failed."""

_SECONDS, _SHARE = 10.0, 0.1


@contextmanager
def progress(total: int, quiet: bool = False) -> Iterator[Report]:
    """Show the progress through ``total`` images; yields what to call after each."""
    if quiet or not total:
        yield lambda done, failed: None
    elif sys.stderr.isatty():
        with _bar(total) as report:
            yield report
    else:
        yield _lines(total)


@contextmanager
def _bar(total: int) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    start = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, rate="")

        def report(done: int, failed: int) -> None:
            rate = f"{done / max(time.monotonic() - start, 1e-9):.1f}/s" + (f", {failed} failed" if failed else "")
            bar.update(task, completed=done, rate=rate)

        yield report


def _lines(total: int) -> Report:
    """A line every ten seconds or ten percent, whichever comes later, so that logs stay short."""
    start = last = time.monotonic()
    said = 0

    def report(done: int, failed: int) -> None:
        nonlocal last, said
        now = time.monotonic()
        if done < total and (now - last < _SECONDS or (done - said < _SHARE * total and now - last < 6 * _SECONDS)):
            return
        last, said = now, done
        rate = done / max(now - start, 1e-9)
        log.info("%d of %d images, %d failed, %.1f/s, %.0f s left", done, total, failed, rate, (total - done) / rate)

    return report
