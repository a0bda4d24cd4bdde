"""The run folder: who may write to it, what it was made with, what is in it already.

Workers write the results of an image (``iapas.files.results``), then the parent appends its row: a row never comes
before its files. About once a second the folders with new names and then the manifest are synced, so after a
power cut, too, the files of every row are there.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import filelock

from iapas.config import Config
from iapas.errors import OutputError, ReadDenied
from iapas.files import atomic
from iapas.files.manifest import Manifest, Row, drop_failed, read_rows
from iapas.files.provenance import WAY_OUT, changes, new_run, now, read_run, require_same
from iapas.files.results import SUFFIXES, remove_result, result_path
from iapas.files.summary import detailed, write_summary

WRITTEN = ("manifest.jsonl", *SUFFIXES, "summary.csv", "report.html", "profile.json")
"""All that --restart deletes, in this order: a row never outlives its files. run.json, which says that the folder
is ours, is replaced."""

_LOCK, _OWNER, _PROBE = _OWN = ".iapas.lock", ".iapas.owner.json", ".iapas.probe"
_LEAST_FREE = 4_000_000
_SYNC_SECONDS = 1.0


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
            message = f"{self.root}: the profile of {names} is not the one that the results were made with"
            raise OutputError(message, f"{WAY_OUT}; name the profile to use with --profile FILE")
        self.run["profiles"] = {**known, **hashes}
        self.write_run()

    def write_run(self) -> None:
        """Write run.json."""
        atomic.write_text(self.root / "run.json", json.dumps(self.run, indent=2, ensure_ascii=False) + "\n")

    def detailed_rows(self) -> Iterator[Row]:
        """Every row in the order of the ids, with what its region file adds (see ``detailed``)."""
        return (detailed(self.root, row) for row in self.manifest.rows())

    def has_overlay(self, image_id: str) -> bool:
        """Whether there is a picture with outlines."""
        return result_path(self.root, "overlays", image_id).is_file()

    def thumbnail(self, image_id: str) -> bytes | None:
        """The JPEG of the image's strip for the report, if there is one."""
        try:
            return result_path(self.root, "thumbnails", image_id).read_bytes()
        except OSError:  # not made, or taken away: the report goes without
            return None

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Sync, then write summary.csv and run.json with the run's ``summary``."""
        self.sync()
        write_summary(self.root, self.detailed_rows())
        self.run |= {"ended": now(), "summary": dict(summary)}
        self.write_run()


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
    read_run(root, _OWN)  # not even a lock goes into the folder of someone else
    with _locked(root):
        rows = root / "manifest.jsonl"
        run = new_run(config, contents or {})
        before = read_run(root, _OWN)
        differences = changes(before, run) if before else []
        if any(read_rows(rows)) and not restart:
            require_same(root, differences)
        if differences or restart:  # what has no rows has no results to lose
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
        before = read_run(root, _OWN) if root.exists() else None
    ids = {row["id"] for _, row in read_rows(root / "manifest.jsonl")}
    if before and ids:
        require_same(root, changes(before, new_run(config, contents or {})))
    return ids


def _probe(root: Path) -> None:
    """Find out now, not after hours, that nothing can be written."""
    with atomic.guarded(root):
        atomic.make_folder(root)
    atomic.write_bytes(root / _PROBE, b"iapas", fsync=False)
    (root / _PROBE).unlink(missing_ok=True)
    free = shutil.disk_usage(root).free
    if free < _LEAST_FREE:
        message = f"{root}: only {free / 1e6:.1f} MB are free"
        raise OutputError(message, "make room, or choose another folder with --out")


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
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
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
