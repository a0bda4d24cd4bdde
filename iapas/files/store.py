"""The run folder: who may write to it, what it was made with, what is in it already.

Workers write the results of an image (``iapas.files.results``), then the parent appends its row: a row never comes
before its files. About once a second the folders with new names and then the manifest are synced, so after a
power cut, too, the files of every row are there.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock

from iapas import __version__
from iapas.config import Config, fingerprint
from iapas.errors import OutputError, ReadDenied
from iapas.files import atomic
from iapas.files.manifest import Manifest, Row, drop_failed, read_rows
from iapas.files.results import SUFFIXES, remove_result, result_path
from iapas.files.summary import detailed, write_summary

WRITTEN = ("manifest.jsonl", *SUFFIXES, "summary.csv", "report.html", "profile.json", "run.json")
"""All that a run writes, and so all that --restart deletes, in this order: a row never outlives its files, and
run.json, which says that the folder is ours, goes last."""

_LOCK, _OWNER = ".iapas.lock", ".iapas.owner.json"
_LEAST_FREE = 4_000_000
_SYNC_SECONDS = 1.0
_VERSIONS = ("numpy", "opencv-python-headless", "pillow", "tifffile", "pycocotools", "torch", "transformers")


class RunFolder:
    """An open run folder; made by :func:`open_run`."""

    def __init__(self, root: Path, run: dict[str, Any], manifest: Manifest, fsync: bool) -> None:
        self.root = root
        self.run = run
        """What run.json holds."""
        self.manifest = manifest
        self._fsync = fsync
        self._folders: set[Path] = set()
        self._synced = time.monotonic()

    def append(self, row: Row) -> None:
        """Take the row of an image whose files are complete, or which failed."""
        if row["status"] == "failed":
            _remove(self.root, row["id"])
        elif self._fsync:
            self._folders |= {result_path(self.root, kind, row["id"]).parent for kind in SUFFIXES}
        self.manifest.append(row)
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Wait until all rows so far, and the names of their files, are on the disk."""
        if self._fsync:
            for folder in sorted(self._folders):
                if folder.is_dir():
                    with atomic.guarded(folder):
                        atomic.sync_folder(folder)
            self.manifest.sync()
        self._folders.clear()
        self._synced = time.monotonic()

    def pin_profiles(self, hashes: Mapping[str, str]) -> None:
        """Note the hash of each product's profile in run.json. Raises OutputError where it was another before."""
        known: dict[str, str] = self.run["profiles"]
        changed = [key for key in sorted(hashes) if known.get(key, hashes[key]) != hashes[key]]
        if changed and len(self.manifest):
            names = ", ".join(repr(key) if key else "the product" for key in changed)
            raise OutputError(
                f"{self.root}: the profile of {names} is not the one that the results were made with", _AGAIN
            )
        self.run["profiles"] = {**known, **hashes}
        self.write_run()

    def write_run(self) -> None:
        """Write run.json."""
        atomic.write_text(self.root / "run.json", json.dumps(self.run, indent=2, ensure_ascii=False) + "\n")

    def detailed_rows(self) -> Iterator[Row]:
        """Every row in the order of the ids, with ``largest_area_px`` and ``top_phrase`` of its region file."""
        return (detailed(self.root, row) for row in self.manifest.rows())

    def has_overlay(self, image_id: str) -> bool:
        """Whether there is a picture with outlines."""
        return result_path(self.root, "overlays", image_id).is_file()

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Sync, then write summary.csv and run.json with the run's ``summary``."""
        self.sync()
        write_summary(self.root, self.detailed_rows())
        self.run |= {"ended": _now(), "summary": dict(summary)}
        self.write_run()


_AGAIN = "--restart deletes these results and begins anew, --out takes another folder"


@contextmanager
def open_run(
    out: str | Path,
    config: Config,
    contents: Mapping[str, str] | None = None,
    *,
    restart: bool = False,
    retry_failed: bool = False,
) -> Iterator[RunFolder]:
    """Open ``out`` for a run with ``config``: a new folder, an empty one, or a run to go on with.

    ``contents``: hashes of files that the config names and that change results. ``restart`` deletes what an
    earlier run wrote; ``retry_failed`` forgets its failed rows. Raises OutputError when ``out`` cannot be written,
    is not a run of ours, is in use, or was made with another config: then it shows the difference.
    """
    root = Path(out)
    _probe(root)
    with _locked(root):
        rows = root / "manifest.jsonl"
        run = _new_run(config, dict(contents or {}))
        before = _read_run(root)
        changes = _changes(before, run) if before else []
        if any(read_rows(rows)) and not restart:
            _require_same(root, changes)
        if changes or restart:  # what has no rows has no results to lose
            _delete(root)
        elif before:
            run |= {key: before[key] for key in ("started", "profiles")}
            if "ended" not in before:  # it was killed
                atomic.clean_temporaries(root)
            if retry_failed:
                drop_failed(rows)
        manifest = Manifest(rows)
        folder = RunFolder(root, run, manifest, config.run.fsync)
        try:
            folder.write_run()
            yield folder
        finally:
            with suppress(OutputError):  # what is not synced now is cut off and done again when continuing
                folder.sync()
            manifest.close()


def done_rows(out: str | Path, config: Config, contents: Mapping[str, str] | None = None) -> set[str]:
    """The ids that have a row in ``out``, without writing anything. Raises OutputError as open_run does."""
    root = Path(out)
    with atomic.guarded(root):
        before = _read_run(root) if root.exists() else None
    ids = {row["id"] for _, row in read_rows(root / "manifest.jsonl")}
    if before and ids:
        _require_same(root, _changes(before, _new_run(config, dict(contents or {}))))
    return ids


def _probe(root: Path) -> None:
    """Find out now, not after hours, that nothing can be written."""
    with atomic.guarded(root):
        atomic.make_folder(root)
    atomic.write_bytes(root / ".iapas.probe", b"iapas", fsync=False)
    (root / ".iapas.probe").unlink(missing_ok=True)
    free = shutil.disk_usage(root).free
    if free < _LEAST_FREE:
        raise OutputError(
            f"{root}: only {free / 1e6:.1f} MB are free", "make room, or choose another folder with --out"
        )


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the folder for this process alone; the system lets go of it even when the process is killed."""
    lock = filelock.FileLock(root / _LOCK, timeout=0)
    with atomic.guarded(root / _LOCK):
        try:
            lock.acquire()
        except filelock.Timeout as error:
            message = f"{root} is in use by {_owner(root)}"
            raise OutputError(message, "wait for it, or choose another folder with --out") from error
    try:
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
        atomic.write_text(root / _OWNER, json.dumps(owner) + "\n", fsync=False)
        yield
    finally:
        with suppress(OSError):
            (root / _OWNER).unlink(missing_ok=True)
        lock.release()


def _owner(root: Path) -> str:
    try:
        owner = json.loads((root / _OWNER).read_bytes())
        return f"process {owner['pid']} on {owner['host']}, since {owner['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"


def _read_run(root: Path) -> dict[str, Any] | None:
    """run.json of a run of ours; None in a folder without anything of anyone's. Never touches strangers' files."""
    try:
        run = json.loads((root / "run.json").read_bytes())
        if isinstance(run, dict) and run.keys() >= {"iapas", "made_with", "started", "profiles"}:
            return run
    except FileNotFoundError:
        if all(path.name in (_LOCK, _OWNER) or atomic.is_temporary(path.name) for path in root.iterdir()):
            return None
    except ValueError:
        pass
    raise OutputError(f"{root} is not empty and not a run of iapas", "choose another folder with --out")


def _delete(root: Path) -> None:
    for name in WRITTEN:
        path = root / name
        with atomic.guarded(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _remove(root: Path, image_id: str) -> None:
    with suppress(ReadDenied), atomic.guarded(root):  # a name that cannot be written has no files
        remove_result(root, image_id)


def _new_run(config: Config, contents: dict[str, str]) -> dict[str, Any]:
    made_with = _flat(config.results()) | {f"content of {key}": value for key, value in contents.items()}
    made_with["iapas"] = __version__
    return {
        "iapas": __version__,
        "title": config.title,
        "started": _now(),
        "fingerprint": fingerprint(made_with),
        "profiles": {},
        "config": config.model_dump(mode="json"),
        "made_with": made_with,
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _require_same(root: Path, changes: list[str]) -> None:
    if changes:
        raise OutputError(f"{root} was made with another config: {'; '.join(changes)}", _AGAIN)


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each thing that gives the two runs different results."""
    old, new = before["made_with"], now["made_with"]
    return [
        f"{key} was {json.dumps(old.get(key))}, now {json.dumps(new.get(key))}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _versions() -> dict[str, str]:
    versions = {}
    for name in _VERSIONS:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
