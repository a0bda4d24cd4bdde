"""What the user points at, as a sorted list of images with their ids.

A folder is listed without a look into its files: names and types come from the directory itself, so that
millions of images cost a few hundred bytes each and no more than a few seconds a million.
"""

# ruff: noqa: PTH100, PTH112, PTH118, PTH119, PTH120, PTH122, PTH123
# Plain strings: a Path for each of millions of names takes many times their time and memory.

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from iapas.errors import ReadDenied, UsageError
from iapas.files.formats import EXTENSIONS
from iapas.files.names import escaped, shown
from iapas.files.results import SUFFIXES, check_id
from iapas.files.walking import Found, glob, has_wildcard, joined, split_glob, walk

log = logging.getLogger("iapas")


@dataclass(frozen=True, slots=True)
class Source:
    """One image to read.

    ``id``: see the contract of a run folder. ``path``: for the system, with bytes that are not UTF-8 as
    surrogates. ``problem``: why its row is failed (``io-denied``) without a look at it, or None: a name too long for
    its results, or a folder that cannot be read, so that the run does not look complete.
    """

    id: str
    path: str
    problem: str | None = None


@dataclass(frozen=True)
class Listing:
    """The images, sorted by id, each once; and what was left out, in sentences."""

    sources: list[Source]
    warnings: tuple[str, ...] = ()


def list_images(inputs: Sequence[str], *, extensions: Collection[str] = tuple(EXTENSIONS)) -> Listing:
    """Every image of the files, folders, globs and @lists in ``inputs``; warnings are logged as well.

    Folders are listed recursively, by ``extensions`` (lower case, with the dot; any case matches), without
    hidden names; links to folders, and links that lead out of the folder, are not followed. Files that are
    named, by themselves or in a list, are taken whatever their name. Nothing is opened but the lists.
    Raises UsageError: nothing found, an input that does not exist, or two files with one id.
    """
    found = Found(extensions)
    for given in inputs:
        _gather(given, found)
    root = _common(found)
    pairs = [(_id(path, root), path) for path in found.files]
    for folder in found.folders:
        prefix = _id(folder, root)
        pairs += ((joined(prefix, escaped(path)), os.path.join(folder, path)) for path in walk(folder, found))
    warnings = found.warnings()
    if not pairs:
        raise UsageError(_nothing(inputs, found, warnings))
    for warning in warnings:
        log.warning("%s", warning)
    sources = _sources(pairs)
    sources += [Source(_id(path, root), path, "this folder cannot be read") for path in found.unreadable]
    return Listing(sorted(sources, key=lambda source: source.id), tuple(warnings))


def default_name(inputs: Sequence[str]) -> str:
    """The name of the first input, for ``runs/<name>``: of a glob its fixed folder, of @list.txt the list."""
    first = inputs[0]
    if not os.path.lexists(first):
        first = split_glob(first)[0] if has_wildcard(first) else first.removeprefix("@")
    return escaped(os.path.basename(os.path.abspath(first))) or "images"


def _gather(given: str, found: Found) -> None:
    """Sorts one input into files and folders."""
    if os.path.isdir(given):
        found.folders.append(given)
    elif os.path.lexists(given):
        found.files.append(given)
    elif given.startswith("@"):
        _gather_list(given[1:], found)
    elif has_wildcard(given):
        base, parts = split_glob(given)
        extension = os.path.splitext(parts[-1])[1]
        any_name = len(extension) > 1 and not has_wildcard(extension)  # *.dat asks for just these files
        for path in dict.fromkeys(glob(base, parts, found)):
            if os.path.isdir(path):
                if "**" not in parts:
                    found.folders.append(path)
            elif any_name or os.path.splitext(path)[1].lower() in found.extensions:
                found.files.append(path)
    else:
        raise UsageError(f"{shown(given)!r} is not there", "give files, folders, quoted globs, or @list.txt")


def _gather_list(path: str, found: Found) -> None:
    """One path a line, from here or else from the list's folder; blank lines and # comments are skipped."""
    total, missing = 0, 0
    try:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines):
                line = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
                text = os.fsdecode(line.rstrip(b"\r\n"))
                if not text.strip() or text.startswith("#"):
                    continue
                beside = os.path.join(os.path.dirname(path), text)
                if not os.path.lexists(text) and os.path.lexists(beside):
                    text = beside
                total, missing = total + 1, missing + (not os.path.lexists(text))
                (found.folders if os.path.isdir(text) else found.files).append(text)
    except (OSError, UnicodeDecodeError) as error:  # names that are not UTF-8 exist, but not on Windows
        raise UsageError(f"the list {shown(path)!r} cannot be read: {error}") from error
    if total and total == missing:
        first = shown(found.files[-total])
        raise UsageError(f"none of the {total} files in the list {shown(path)!r} is there, the first being {first!r}")


def _common(found: Found) -> str:
    """The deepest folder that holds everything."""
    folders = {os.path.abspath(folder) for folder in found.folders}
    folders |= {os.path.dirname(os.path.abspath(file)) for file in found.files}
    try:
        return os.path.commonpath(folders) if folders else "."
    except ValueError as error:  # Windows: on two drives
        raise UsageError(f"the inputs have no folder in common: {error}") from error


def _id(path: str, root: str) -> str:
    """Relative to ``root``, an absolute path above it; empty for the root itself."""
    return escaped(os.path.abspath(path)[len(root) :].replace(os.sep, "/").lstrip("/"))


def _sources(pairs: list[tuple[str, str]]) -> list[Source]:
    """Sorted by id. A file that was given twice is one entry; two files with one id are an error."""
    pairs.sort()
    sources: list[Source] = []
    for image_id, path in pairs:
        if sources and sources[-1].id == image_id:
            _require_same(sources[-1], path)
            continue
        sources.append(Source(image_id, path, _problem(image_id)))
    _require_distinct_files(sources)
    return sources


def _require_same(source: Source, path: str) -> None:
    if os.path.abspath(source.path) != os.path.abspath(path):
        both = f"{source.path!a} and {path!a}"
        raise UsageError(f"two files have the same id {source.id!r}: {both}", "rename one, or run them apart")


def _problem(image_id: str) -> str | None:
    if len(image_id) < 60 and os.name != "nt":  # at most four bytes a character: too short to be too long
        return None
    try:
        check_id(image_id)
    except ReadDenied as error:
        return str(error)
    return None


def _require_distinct_files(sources: Sequence[Source]) -> None:
    """No image may need a file where another needs a folder: ``a`` is stored as masks/a.png, beside ``a.png/1``."""
    wanted: dict[str, str] = {}
    last = ""
    for source in sources:
        folder = source.id.rpartition("/")[0]
        if folder != last:
            for parent in _parents(source.id):
                stem, dot, end = parent.rpartition(".")
                if dot + end in SUFFIXES.values():
                    wanted[stem] = source.id
        last = folder
    for source in sources if wanted else ():
        if source.id in wanted:
            pair = f"{source.id!r} and {wanted[source.id]!r}"
            raise UsageError(f"the results of {pair} would lie under one name", "rename one, or run them apart")


def _parents(image_id: str) -> Iterable[str]:
    parts = image_id.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def _nothing(inputs: Sequence[str], found: Found, warnings: Sequence[str]) -> str:
    where = ", ".join(shown(given) for given in inputs) or "no input"
    others = f"; {found.others} files have other names" if found.others else ""
    return "; ".join([f"no images in {where}: looked for {', '.join(found.extensions)}{others}", *warnings])
