"""What was computed before, kept between runs under one folder: entries of bytes, by what they hang on.

An entry's key is made from all that its content hangs on, so it is never out of date; any may be deleted at any time.
Several processes may read, write and clear at once: an entry appears whole, by a rename, and carries its own SHA-256,
so that what a power cut or a bad disk tore is taken for absent. What was not used for longest goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iapas import __version__, shipped
from iapas.config import fingerprint
from iapas.errors import ConfigError, OutputError, UsageError
from iapas.files.atomic import is_temporary, write_bytes

KINDS = {"profiles": 100_000_000, "encodings": 4_000_000_000}
"""Each kind of entry with its limit in bytes, where IAPAS_CACHE_LIMIT says no other."""

CHECKSUMS = "checksums"
"""The kind that is one file: the digests of model files (iapas.models.checksums)."""

_KEPT = 0.9  # of the limit, after old entries were removed: not every new one then removes others
_ABANDONED = 3600.0  # seconds after which a temporary file has no writer any more
_ENTRY = re.compile(r"[0-9a-f]{64}")
_DIGEST = 32  # bytes


@dataclass
class Cache:
    """Entries of one of the KINDS. Cheap to make; a cache that cannot be read or written is done without."""

    kind: str
    limit: int | None = None
    _written: int | None = field(default=None, init=False, repr=False)  # bytes since the last look at the folder

    def get(self, key: Any) -> bytes | None:
        """The entry of ``key`` (plain data; the version of iapas is added), or None."""
        file = self._file(key)
        try:
            data = file.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # used just now
        return data[_DIGEST:]

    def put(self, key: Any, data: bytes) -> None:
        """Keep ``data`` under ``key``, and remove the oldest entries beyond the limit. Never fails for the disk.

        Raises ConfigError for an IAPAS_CACHE_LIMIT that is no number.
        """
        limit = limit_of(self.kind) if self.limit is None else self.limit
        if len(data) + _DIGEST > limit:
            return
        with contextlib.suppress(OutputError):
            write_bytes(self._file(key), hashlib.sha256(data).digest() + data, fsync=False)
            # other processes write too, so a sixteenth of the limit is the most that each may add unseen
            if self._written is None or self._written + len(data) > limit / 16:
                _shrink(self.kind, limit)
                self._written = 0
            else:
                self._written += len(data)

    def _file(self, key: Any) -> Path:
        return shipped.cache_root() / self.kind / fingerprint([key, __version__])


def limit_of(kind: str) -> int:
    """The most bytes that a kind may take: IAPAS_CACHE_LIMIT (in MB; 0: nothing is kept), else as in KINDS."""
    text = os.environ.get("IAPAS_CACHE_LIMIT", "")
    if not text:
        return KINDS[kind]
    try:
        megabytes = float(text)
    except ValueError:
        megabytes = -1.0
    if not 0 <= megabytes < 1e12:
        raise ConfigError(f"IAPAS_CACHE_LIMIT is {text!r}: it must be a number of megabytes, 0 for no cache")
    return int(megabytes * 1_000_000)


def cache_info() -> dict[str, dict[str, int | None]]:
    """For each kind its ``entries``, their ``bytes``, and its ``limit`` in bytes (None for the checksums)."""
    found: dict[str, dict[str, int | None]] = {}
    for kind in (*KINDS, CHECKSUMS):
        sizes = [size for _, size, _ in _entries(kind)]
        limit = None if kind == CHECKSUMS else limit_of(kind)
        found[kind] = {"entries": len(sizes), "bytes": sum(sizes), "limit": limit}
    return found


def clear_cache(kind: str = "") -> tuple[int, int]:
    """Remove all entries, or those of a kind; their number and bytes. Nothing else in these folders is touched.

    Raises UsageError for an unknown kind, and OutputError for an entry that cannot be removed.
    """
    kinds = (*KINDS, CHECKSUMS)
    if kind and kind not in kinds:
        raise UsageError(f"there is no cache called {kind!r}", f"known are: {', '.join(kinds)}")
    number = freed = 0
    for one in [kind] if kind else kinds:
        for _, size, file in list(_entries(one)):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"cannot remove {file}: {error.strerror or error}") from error
            number, freed = number + 1, freed + size
    return number, freed


def _entries(kind: str) -> Iterator[tuple[float, int, Path]]:
    """When each entry was last used, its size in bytes, and its file; abandoned temporary files are removed."""
    root = shipped.cache_root()
    files = [root / "checksums.json"] if kind == CHECKSUMS else _listed(root / kind)
    for file in files:
        try:
            what = file.stat()
        except OSError:  # another process has removed it
            continue
        if is_temporary(file.name):
            if time.time() - what.st_mtime > _ABANDONED:
                with contextlib.suppress(OSError):
                    file.unlink()
        else:
            yield what.st_mtime, what.st_size, file


def _listed(folder: Path) -> list[Path]:
    try:
        return [file for file in folder.iterdir() if _ENTRY.fullmatch(file.name) or is_temporary(file.name)]
    except OSError:
        return []


def _shrink(kind: str, limit: int) -> None:
    entries = sorted(_entries(kind))
    size = sum(size for _, size, _ in entries)
    if size <= limit:
        return
    for _, freed, file in entries:
        if size <= _KEPT * limit:
            return
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
            size -= freed
