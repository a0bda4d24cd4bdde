"""``iapas export``: what a run found, in a format that other tools read."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from iapas.errors import UsageError
from iapas.files.exports import FORMATS
from iapas.files.exports.finished import FinishedRun, open_finished

log = logging.getLogger("iapas")


def export_run(run: str | os.PathLike[str], form: str, out: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Write the results in the run folder ``run`` as ``form`` (a key of FORMATS); what was written, in short.

    ``out``: None for ``export/<form>`` in the run folder (``export/coco.json``), which no run deletes. Files that are
    there are replaced one by one, each whole; others stay. The same run gives the same bytes. Images that failed, or
    that an interrupted run did not come to, are not in it: ``failed`` and ``left`` count them. Raises UsageError,
    and OutputError when a result is broken or ``out`` cannot be written.
    """
    if form not in FORMATS:
        raise UsageError(f"there is no format {form!r}", f"known are: {', '.join(FORMATS)}")
    finished = open_finished(Path(run))
    inside = finished.root / "export"
    target = inside / ("coco.json" if form == "coco" else form) if out is None else Path(out)
    if _within(target, finished.root) and not _within(target, inside):
        raise UsageError(f"{target} is where the run keeps its own files", f"choose {inside}, or a folder elsewhere")
    _say_what_is_missing(finished)
    counts = FORMATS[form](finished, target)
    return {
        "format": form,
        "out": str(target),
        "images": len(finished.sizes),
        **counts,
        "failed": finished.failed,
        "left": finished.left,
    }


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _say_what_is_missing(run: FinishedRun) -> None:
    if run.failed:
        log.warning("%d images of the run failed and are not in the export", run.failed)
    if run.left:
        log.warning("%d images have no results: the run was interrupted; the same command continues it", run.left)
    if run.left is None:
        log.warning("the run has not ended: only the images finished so far are in the export")
