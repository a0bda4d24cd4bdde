"""A run folder as exports read it: the images that have results, and how many have none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from iapas.errors import OutputError, ReadDenied, UsageError
from iapas.files.manifest import read_rows
from iapas.files.provenance import read_run
from iapas.files.results import check_id

_HINT = "give a folder that iapas segment wrote: runs/<name>"


@dataclass(frozen=True)
class FinishedRun:
    """What a run has left. ``sizes``: (height, width) of each image with results, by id, in the order of the ids."""

    root: Path
    sizes: dict[str, tuple[int, int]]
    failed: int
    """Images that could not be segmented."""
    left: int | None
    """Images that an interrupted run did not come to; None: the run was killed or goes on, so nobody knows."""
    score_maps: bool
    """Whether the run kept its score maps."""


def open_finished(root: Path) -> FinishedRun:
    """Read the books of a run folder. Raises UsageError when it is none, or holds no result."""
    if not root.is_dir():
        raise UsageError(f"{root} is not there", _HINT)
    try:
        run = read_run(root, ())
        rows = [row for _, row in read_rows(root / "manifest.jsonl")]
    except OutputError as error:
        raise UsageError(str(error.args[0]), _HINT) from error
    done = sorted((row for row in rows if row["status"] == "ok"), key=lambda row: str(row["id"]))
    if run is None or not done:
        raise UsageError(f"{root} holds no results", _HINT)
    for row in done:
        _check(root, row["id"])
    summary = run.get("summary") if "ended" in run else None
    try:
        return FinishedRun(
            root=root,
            sizes={row["id"]: (int(row["height"]), int(row["width"])) for row in done},
            failed=len(rows) - len(done),
            left=None if summary is None else int(summary["left"]),
            score_maps=run["config"]["output"]["score_map"] != "none",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{root} is not as a run leaves it: {error!r}", _HINT) from error


def stems(run: FinishedRun) -> dict[str, str]:
    """Each id without its extension, for formats that name files so.

    Raises UsageError when two images would have one name (``1.jpg`` beside ``1.png``).
    """
    owners: dict[str, str] = {}
    for image_id in run.sizes:
        folder, slash, name = image_id.rpartition("/")
        stem = folder + slash + (name.rpartition(".")[0] or name)
        if stem in owners:
            pair = f"{owners[stem]!r} and {image_id!r}"
            raise UsageError(f"{pair} have one name in this format, which drops extensions", "rename one of them")
        owners[stem] = image_id
    return {image_id: stem for stem, image_id in owners.items()}


def _check(root: Path, image_id: str) -> None:
    """The manifest may have been made by someone else: no file of its images may lie outside the folder."""
    try:
        check_id(image_id)
    except (ReadDenied, UnicodeError) as error:
        raise UsageError(f"{root / 'manifest.jsonl'}: {image_id!a} is not an id", "") from error
