"""The only writer of files: a file under its final name is complete.

Data go to a temporary file in the same folder, which is renamed when they are on the disk. With ``fsync`` the
order is the one that survives a power cut: data, then the rename, then the folder that holds the new name.
Writers of many files sync the folders themselves, once for many renames (see ``iapas.files.store``).
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from iapas.errors import OutputError

_TEMPORARY = re.compile(r"\.iapas-[0-9a-f]{16}\.tmp")
"""Short and without the final name, so that it fits wherever that fits; random, as process ids repeat in containers."""

_WAYS_OUT = {
    errno.ENOSPC: "the disk is full: make room, then run the same command again to continue",
    errno.EDQUOT: "your disk quota is used up: make room, then run the same command again to continue",
    errno.EFBIG: "the file system or a limit (ulimit -f) refuses files of this size",
    errno.EROFS: "the file system is read-only: choose another folder with --out",
    errno.EACCES: "no permission to write there: choose another folder with --out",
    errno.EPERM: "no permission to write there: choose another folder with --out",
    errno.EIO: "the disk reports a fault",
}


def write_bytes(path: str | Path, data: bytes, *, fsync: bool = True, sync_folder: bool = True) -> None:
    """Put ``data`` under ``path``, whole or not at all, making its folders.

    ``fsync``: wait until the data are on the disk; ``sync_folder``: and the new name too. Raises OutputError with
    the way out; then no temporary file stays behind.
    """
    path = Path(path)
    temporary = path.parent / f".iapas-{secrets.token_hex(8)}.tmp"
    with guarded(path):
        _write(path, temporary, data, fsync, sync_folder)


def write_text(path: str | Path, text: str, *, fsync: bool = True) -> None:
    """As ``write_bytes``, in UTF-8; what UTF-8 cannot hold (lone surrogates) is escaped."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"), fsync=fsync)


@contextmanager
def guarded(path: str | Path) -> Iterator[None]:
    """Turn an OSError of the block into an OutputError about ``path``."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(f"cannot write {path}: {reason}", _WAYS_OUT.get(error.errno or 0, "")) from error


def make_folder(folder: Path) -> None:
    """Make ``folder`` and its parents; what is new is on the disk afterwards."""
    new = folder
    while not new.is_dir() and new != new.parent:
        new = new.parent
    folder.mkdir(parents=True, exist_ok=True)
    for part in [folder, *folder.parents]:
        if part == new:
            return
        sync_folder(part.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk (where the system can do that: not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # some network file systems cannot sync a folder
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data``: a single ``os.write`` may take a part of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def clean_temporaries(folder: str | Path) -> int:
    """Remove what killed writers left in ``folder`` and below; the number of files removed."""
    removed = 0
    for parent, _, names in os.walk(folder):
        for name in filter(_TEMPORARY.fullmatch, names):
            (Path(parent) / name).unlink(missing_ok=True)
            removed += 1
    return removed


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one of ours that was never finished."""
    return _TEMPORARY.fullmatch(name) is not None


def _write(path: Path, temporary: Path, data: bytes, fsync: bool, sync_names: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(temporary, flags, 0o666)
    except FileNotFoundError:
        make_folder(path.parent)
        descriptor = os.open(temporary, flags, 0o666)
    try:
        try:
            write_all(descriptor, data)
            if fsync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if fsync and sync_names:
        sync_folder(path.parent)
