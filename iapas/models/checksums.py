"""Are the files of a model what they should be? SHA-256 over them, remembered until a file changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from iapas import shipped
from iapas.errors import MissingError

SUMS = "SHA256SUMS"
"""The name of the list of checksums in a model's folder, in the format of sha256sum."""

ADDED = ("ram_tag_list.txt", "ram_tag_list_threshold.txt")
"""RAM's tags and their thresholds, which users put beside its weights: its repositories on the hub hold neither."""

_COUNTED = (".safetensors", ".pth", ".json", ".txt", ".model", ".jinja")  # weights, configs, texts
_SETTLED = 2.0  # seconds: a file younger than that can change again without its times showing it
_NAMED = 5
_HINT = "half downloaded or changed: fetch or copy it again; do not use it as it is"

Known = dict[str, list[object]]
"""What a file was when its checksum was taken, and the checksum, by its path."""


def folder_digest(folder: Path) -> str:
    """64 hex digits over the names and contents of the weights and configs in ``folder``."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(_digests(folder).items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def verify(folder: Path) -> str:
    """Compare the files of a model with SHA256SUMS, or in the cache of Hugging Face with the names of their blobs.

    Returns in words what they agree with; "" where there is nothing to compare with. Raises MissingError with the
    names of the files that differ, are not there, or that the list does not know.
    """
    if (folder / SUMS).is_file():
        wrong, against = _against_list(folder), SUMS
    elif any(path.is_symlink() for path in folder.iterdir()):
        wrong, against = _against_blobs(folder), "the checksums of the hub"
    else:
        return ""
    if wrong:
        names = "; ".join(wrong[:_NAMED]) + ("; ..." if len(wrong) > _NAMED else "")
        raise MissingError(f"{folder} is not what {against} says: {names}", _HINT)
    return against


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS for what is in ``folder`` now."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(_digests(folder).items()))
    _write(folder / SUMS, lines)


def git_sha1(file: Path) -> str:
    """The name that git, and so the hub, gives to the contents of a small file."""
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def sha256(file: Path) -> str:
    """The SHA-256 of a file, without the memory of it."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def counted(folder: Path) -> list[Path]:
    """The files of a model's folder that loading can read, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix in _COUNTED)


def _against_list(folder: Path) -> list[str]:
    """What is wrong in ``folder``, by its SHA256SUMS."""
    listed = {}
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition(" ")
        name = name.strip().removeprefix("*")
        if len(digest) != 64 or not name or Path(name).name != name:
            return [f"{SUMS} has a line that is not a checksum and a name: {line[:80]!r}"]
        listed[name] = digest.lower()
    files = [folder / name for name in listed if (folder / name).is_file()]
    found = _remembered(files)
    wrong = [f"{name} is missing" for name in listed if folder / name not in found]
    wrong += [f"{path.name} differs" for path, digest in found.items() if digest != listed[path.name]]
    known = {*listed, *ADDED}
    return wrong + [f"{path.name} is not listed" for path in counted(folder) if path.name not in known]


def _against_blobs(folder: Path) -> list[str]:
    """What is wrong in a snapshot of the cache: its links point to blobs that are named after their contents."""
    wrong, large = [], {}
    for path in counted(folder):
        name = path.resolve().name
        if not path.is_symlink():
            wrong += [] if path.name in ADDED else [f"{path.name} did not come from the hub"]
        elif not path.is_file():
            wrong.append(f"{path.name} is missing")
        elif len(name) == 64:
            large[path] = name
        elif git_sha1(path) != name:
            wrong.append(f"{path.name} differs")
    return wrong + [f"{path.name} differs" for path, digest in _remembered(large).items() if digest != large[path]]


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: digest for path, digest in _remembered(counted(folder)).items()}


def _remembered(files: Iterable[Path]) -> dict[Path, str]:
    """The SHA-256 of each file; what was read before and has not changed since is not read again."""
    known, digests, new = _read() | _session, {}, False
    for path in files:
        where, what = str(path.resolve()), path.stat()
        state = [what.st_size, what.st_mtime_ns, what.st_ctime_ns, what.st_ino, what.st_dev]
        if known.get(where, [])[:-1] == state:
            digests[path] = str(known[where][-1])
            continue
        digests[path] = sha256(path)
        if time.time() - max(what.st_mtime, what.st_ctime) > _SETTLED:
            known[where] = _session[where] = [*state, digests[path]]
            new = True
    if new:
        with contextlib.suppress(OSError):  # read-only, or full: then they are read again next time
            _memory().parent.mkdir(parents=True, exist_ok=True)
            _write(_memory(), json.dumps({where: state for where, state in known.items() if Path(where).exists()}))
    return digests


_session: Known = {}  # what this process has read, where nothing can be written


def _memory() -> Path:
    return shipped.cache_root() / "checksums.json"


def _read() -> Known:
    try:
        data = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in data.items() if isinstance(v, list)} if isinstance(data, dict) else {}


def _write(file: Path, text: str) -> None:
    """Write all of it or nothing."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
