"""``iapas segment``: list, describe, segment what is not done yet, and close the books.

One process reads the list and writes the manifest; workers read images and write results. In memory are the ids and
the images in hand.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from iapas.config import Config
from iapas.errors import ReadDenied
from iapas.files.atomic import clean_temporaries, write_text
from iapas.files.inputs import Source, default_name, list_images
from iapas.files.manifest import KEYS, Row
from iapas.files.profiles import profiles_text, read_profiles
from iapas.files.store import RunFolder, done_rows, open_run
from iapas.profile_checks import profile_warnings
from iapas.roles import check
from iapas.run.capacity import open_pool, worker_count
from iapas.run.contents import contents
from iapas.run.products import ProductOf, by_config, describe_products, sample_paths
from iapas.run.progress import progress
from iapas.run.signals import Signals
from iapas.run.tasks import MakeSegmenter, SegmentTask, set_up, work
from iapas.run.worker import Done, Failure
from iapas.run.workers import Pool
from iapas.segmenter import Segmenter
from iapas.types import ObjectProfile
from iapas.views.report import report_html

log = logging.getLogger("iapas")

Inputs = Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class RunSummary:
    """What is in a run folder after a run, and how this run ended."""

    out: str
    images: int
    """Rows of the manifest; ``ok`` and ``failed`` add up to it."""
    ok: int
    failed: int
    defect: int
    done_now: int
    """Rows that this run added; the others were there."""
    left: int
    """Images without a row, because the run was interrupted."""
    seconds: float
    report: str
    interrupted: int | None = None
    """The signal that ended the run early."""

    @property
    def exit_status(self) -> int:
        """0; 3 when some row is failed; 128 + signal when interrupted."""
        return 128 + self.interrupted if self.interrupted else 3 if self.failed else 0

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for people and for ``--json``."""
        return asdict(self)


@dataclass(frozen=True)
class _Job:
    folder: RunFolder
    sources: Sequence[Source]
    todo: Sequence[int]
    """Places in ``sources`` of the images without a row."""
    config: Config
    product_of: ProductOf
    stage1: Mapping[str, Sequence[str]]
    """For some products the images that their profile is made from, instead of the sources."""
    given: Mapping[str, ObjectProfile]
    make: MakeSegmenter
    stop: Signals


def segment_run(
    inputs: Inputs,
    config: Config,
    out: str | os.PathLike[str] | None = None,
    *,
    profile: str | os.PathLike[str] | None = None,
    restart: bool = False,
    retry_failed: bool = False,
    quiet: bool = False,
    make: MakeSegmenter = Segmenter.from_config,
) -> RunSummary:
    """Segment every image of ``inputs`` into the run folder ``out``, or go on with what is there.

    ``out``: None for ``runs/<first input's name>``. ``profile``: a file of stage-1 profiles to use instead of making
    them. ``make`` builds the segmenter in each worker. Images fail one by one, into the manifest. A RunError
    (UsageError, ConfigError, OutputError, ...) says that the run could not go on: what was finished is
    kept, and the same call continues.
    """
    log.info("%s", config.title)
    sources = list_images([os.fspath(given) for given in inputs]).sources
    return segment_sources(
        sources,
        config,
        default_out(inputs) if out is None else out,
        product_of=by_config(config),
        profile=profile,
        restart=restart,
        retry_failed=retry_failed,
        quiet=quiet,
        make=make,
    )


def segment_sources(
    sources: Sequence[Source],
    config: Config,
    out: str | os.PathLike[str],
    *,
    product_of: ProductOf,
    stage1: Mapping[str, Sequence[str]] | None = None,
    profile: str | os.PathLike[str] | None = None,
    restart: bool = False,
    retry_failed: bool = False,
    quiet: bool = False,
    make: MakeSegmenter = Segmenter.from_config,
) -> RunSummary:
    """``segment_run`` for images that are listed already, in the order of their ids.

    ``product_of``: the product of an id. ``stage1``: for a product the paths that its profile is made from; without
    an entry, its own images.
    """
    start = time.monotonic()
    given = read_profiles(os.fspath(profile)) if profile is not None else {}
    root = Path(out)
    with open_run(root, config, contents(config), restart=restart, retry_failed=retry_failed) as folder:
        before = len(folder.manifest)
        todo = [place for place, source in enumerate(sources) if source.id not in folder.manifest]
        if before:
            log.info("continuing: %d images are done, %d are left", len(sources) - len(todo), len(todo))
        with Signals() as signals:
            profiles = _process(
                _Job(folder, sources, todo, config, product_of, stage1 or {}, given, make, signals), quiet
            )
            done = len(folder.manifest) - before
            counts = folder.manifest.counts
            summary = RunSummary(
                out=str(root),
                images=len(folder.manifest),
                ok=counts["ok"],
                failed=counts["failed"],
                defect=counts["defect"],
                done_now=done,
                left=len(todo) - done,
                seconds=round(time.monotonic() - start, 3),
                report=str(root / "report.html"),
                interrupted=signals.number,
            )
            folder.finish(summary.as_dict())
            _write_report(folder, profiles, product_of)
    return summary


def dry_run(
    inputs: Inputs,
    config: Config,
    out: str | os.PathLike[str] | None = None,
    *,
    profile: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """What ``segment_run`` would do, as plain data. Writes nothing; raises what it would raise at the start."""
    sources = list_images([os.fspath(given) for given in inputs]).sources
    root = default_out(inputs) if out is None else Path(out)
    product_of = by_config(config)
    rows = done_rows(root, config, contents(config))
    given = read_profiles(os.fspath(profile)) if profile is not None else {}
    return {
        "title": config.title,
        "out": str(root),
        "images": len(sources),
        "left": sum(source.id not in rows for source in sources),
        "products": len({product_of(source.id) for source in sources}),
        "profile": str(profile) if given else "made from a sample" if not rows else "that of the run folder",
        "workers": worker_count(config),
    }


def default_out(inputs: Inputs) -> Path:
    """``runs/<first input's name>``."""
    return Path("runs") / default_name([os.fspath(given) for given in inputs])


def _process(job: _Job, quiet: bool) -> dict[str, ObjectProfile]:
    """Both stages, for the images without a row; the profiles of all products."""
    setup = partial(set_up, job.make, job.config, job.folder.root)
    failed, whole = 0, False
    try:
        with (
            open_pool(job.config, setup, work, len(job.todo), grouped=True) as pool,
            progress(len(job.todo), quiet) as report,
        ):
            profiles = _profiles(job, pool)
            for done, row in enumerate(_rows(job, pool, profiles), start=1):
                job.folder.append(row)
                failed += row["status"] == "failed"
                report(done, failed)
        whole = not job.stop
    finally:
        if not whole:  # workers were ended in the middle of a file
            clean_temporaries(job.folder.root)
    return profiles


def _write_report(folder: RunFolder, profiles: Mapping[str, ObjectProfile], product_of: ProductOf) -> None:
    rows = (row | {"product": product_of(row["id"])} for row in folder.detailed_rows())
    page = report_html(folder.run, rows, profiles, folder.has_overlay, folder.thumbnail)
    write_text(folder.root / "report.html", page)


def _profiles(job: _Job, pool: Pool) -> dict[str, ObjectProfile]:
    """The profile of each product: the given one, else the run's own, else made now; noted in the run folder."""
    file = job.folder.root / "profile.json"
    products = {job.product_of(job.sources[place].id) for place in job.todo}
    profiles = read_profiles(file) if file.exists() else {}
    if job.given:
        for_all = {product: job.given[""] for product in products if "" in job.given}
        complete = job.make(job.config).complete
        profiles |= {product: complete(profile) for product, profile in {**for_all, **job.given}.items()}
    if products - profiles.keys():
        check(job.config, (1,))
    paths = sample_paths(job.sources, products - profiles.keys(), job.product_of)
    paths |= {product: job.stage1[product] for product in paths if product in job.stage1}
    profiles |= describe_products(pool, paths, job.config, lambda: bool(job.stop))
    log_profile_warnings(profiles)
    job.folder.pin_profiles(
        {product: hashlib.sha256(profiles_text({product: p}).encode()).hexdigest() for product, p in profiles.items()}
    )
    if profiles:
        write_text(file, profiles_text(profiles))
    return profiles


def log_profile_warnings(profiles: Mapping[str, ObjectProfile]) -> None:
    """Say once for each product what its user should know."""
    for product, profile in sorted(profiles.items()):
        for warning in profile_warnings(profile):
            log.warning("%s%s", f"{product}: " if product else "", warning)


def _rows(job: _Job, pool: Pool, profiles: Mapping[str, ObjectProfile]) -> Iterator[Row]:
    """The row of each image, as they are finished."""
    sources = [job.sources[place] for place in job.todo]
    for source in sources:
        if source.problem:
            yield _row(source.id, {}, Failure(ReadDenied.code, source.problem), 0.0)
    tasks = (
        SegmentTask(source.id, source.path, profiles[job.product_of(source.id)])
        for source in sources
        if not source.problem
    )
    for task, outcome in pool.run(tasks, stop=lambda: bool(job.stop)):
        facts, failure = outcome.value if isinstance(outcome, Done) else ({}, outcome)
        if failure:
            log.debug("%s: %s", task.image_id, failure.details or failure.message)
        yield _row(task.image_id, facts, failure, outcome.seconds)


def _row(image_id: str, facts: Mapping[str, Any], failure: Failure | None, seconds: float) -> Row:
    """A row of the manifest; what is not known is null."""
    told: Row = {
        "id": image_id,
        "status": "failed" if failure else "ok",
        "error": failure.code if failure else None,
        "message": failure.message if failure else None,
        "warnings": [],
        "seconds": round(seconds, 4),
    }
    return dict.fromkeys(KEYS) | told | dict(facts)
