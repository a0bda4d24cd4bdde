"""Walks folders and globs: names only, no file is opened, no link to a folder is followed."""

# ruff: noqa: PTH118, PTH122
# Plain strings: a Path for each of millions of names takes many times their time and memory.

from __future__ import annotations

import fnmatch
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from iapas.files.names import shown


def has_wildcard(text: str) -> bool:
    """Whether it is a pattern."""
    return not {"*", "?", "["}.isdisjoint(text)


@dataclass
class Found:
    """What is gathered on the way; ``files`` and ``folders`` are paths as they were given."""

    extensions: Collection[str]
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    truths: list[str] = field(default_factory=list)
    others: int = 0

    def warnings(self) -> list[str]:
        """What was left out, in sentences."""
        warnings = [f"the folder {shown(path)} could not be read; its images are missing" for path in self.unreadable]
        if self.links:
            first = shown(self.links[0])
            warnings.append(
                f"{len(self.links)} links to folders, or out of the folder given, not followed: {first} ..."
            )
        warnings += [f"skipped {shown(path)}: the masks of the images beside it" for path in self.truths]
        return warnings + [f"skipped {shown(path)}: it is a run folder" for path in self.runs]


def split_glob(pattern: str) -> tuple[str, list[str]]:
    """The folder before the first wildcard, and the parts from there on."""
    parts = pattern.replace(os.sep, "/").rstrip("/").split("/")
    fixed = next(i for i, part in enumerate(parts) if has_wildcard(part))
    base = "/".join(parts[:fixed])
    return base or ("/" if pattern.startswith("/") else "."), parts[fixed:]


def glob(folder: str, parts: Sequence[str], found: Found) -> Iterator[str]:
    """Like glob.iglob, but ``**`` follows no links, which can form loops, and enters no run folders."""
    head, rest = parts[0], parts[1:]
    if head == "**":
        if _is_run(folder):
            found.runs.append(folder)
            return
        yield from glob(folder, rest or ["*"], found)
    elif not has_wildcard(head):
        path = os.path.join(folder, head)
        if os.path.lexists(path):
            yield from glob(path, rest, found) if rest else [path]
        return
    for entry in _entries(folder, found):
        if entry.name.startswith(".") and not head.startswith("."):
            continue
        if head == "**":
            if _is_folder(entry, links=False):
                yield from glob(entry.path, parts, found)
        elif fnmatch.fnmatch(entry.name, head):
            if not rest:
                yield entry.path
            elif _is_folder(entry, links=True):
                yield from glob(entry.path, rest, found)


def walk(root: str, found: Found) -> Iterator[str]:
    """Paths below ``root``, relative to it with forward slashes, of what has a picture's extension.

    A FIFO or a device with such a name is listed too: it becomes a failed row, it is not lost. ``masks`` beside
    ``images`` is a data set's ground truth, not its pictures, and left out; given by itself it is listed.
    """
    real_root = os.path.realpath(root)
    pending = [""]
    while pending:
        below = pending.pop()
        folder = os.path.join(root, below)
        if _is_run(folder):
            found.runs.append(folder)
            continue
        inner: dict[str, str] = {}
        for entry in _entries(folder, found):
            path = joined(below, entry.name)
            is_picture = os.path.splitext(entry.name)[1].lower() in found.extensions
            if entry.name.startswith("."):
                continue
            if _is_folder(entry, links=False):
                inner[entry.name] = path
            elif entry.is_symlink() and (_is_folder(entry, links=True) or _leads_out(entry, real_root, is_picture)):
                found.links.append(entry.path)
            elif is_picture:
                yield path
            else:
                found.others += 1
        if "images" in inner and "masks" in inner:
            found.truths.append(os.path.join(root, inner.pop("masks")))
        pending.extend(inner.values())


def _entries(folder: str, found: Found) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        found.unreadable.append(folder)


def _is_folder(entry: os.DirEntry[str], *, links: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=links)
    except OSError:  # a link into a folder that may not be entered
        return False


def _is_run(folder: str) -> bool:
    return all(os.path.lexists(os.path.join(folder, name)) for name in ("manifest.jsonl", "run.json"))


def _leads_out(entry: os.DirEntry[str], real_root: str, is_picture: bool) -> bool:
    return is_picture and not os.path.realpath(entry.path).startswith(real_root.rstrip(os.sep) + os.sep)


def joined(folder: str, name: str) -> str:
    """The name below ``folder``, which is empty at the top."""
    return f"{folder}/{name}" if folder else name
