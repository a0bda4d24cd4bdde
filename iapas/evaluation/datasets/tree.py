"""The files below a root, sorted by a layout into images, their masks, and what fits nowhere. No file is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from iapas.errors import MissingError
from iapas.evaluation.datasets.layout import Images, Layout
from iapas.evaluation.datasets.patterns import compiled, key, matched, plain
from iapas.files.names import shown
from iapas.files.truth import TRUTH_EXTENSIONS
from iapas.files.walking import Found, walk


@dataclass(frozen=True, slots=True)
class Entry:
    """An image of a layout. ``path``, ``mask``: relative to the root; ``mask``: "" where there is none."""

    path: str
    fields: dict[str, str]
    train: bool
    mask: str


@dataclass(frozen=True)
class Tree:
    """All of a root. ``orphans``: masks of no image; ``strangers``: other pictures; paths relative to the root."""

    entries: tuple[Entry, ...] = ()
    orphans: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass
class Names:
    """The paths below a root, relative to it, sorted, and what the walk could not enter or did not follow."""

    paths: list[str]
    unreadable: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def list_names(root: str) -> Names:
    """Every picture and .mat below ``root``, masks beside images included. Raises MissingError: no such folder."""
    if not os.path.isdir(root):  # noqa: PTH112 - also for names that are not UTF-8
        raise MissingError(f"the data set's folder {shown(root)!r} is not there", "give its own top folder with --root")
    found = Found(TRUTH_EXTENSIONS)
    names = Names(list(walk(root, found)))
    if root in found.unreadable or os.path.join(root, "") in found.unreadable:  # noqa: PTH118
        raise MissingError(f"the folder {shown(root)!r} cannot be read")
    for truth in found.truths:  # the walk leaves masks beside images to those who know what they are
        below = os.path.relpath(truth, root).replace(os.sep, "/")
        names.paths += [f"{below}/{path}" for path in walk(truth, found)]
    names.paths.sort()
    names.unreadable = sorted(_below(path, root) for path in found.unreadable)
    names.links = sorted(_below(path, root) for path in found.links)
    return names


def sort_names(names: Names, layout: Layout) -> Tree:
    """The names as ``layout`` has them."""
    truths: dict[tuple[str, ...], str] = {}
    rest: list[str] = []
    patterns = dict.fromkeys(pattern for images in layout.images for pattern in images.masks)
    for path in names.paths:
        hits = [(pattern, fields) for pattern in patterns if (fields := matched(pattern, path)) is not None]
        for pattern, fields in hits:
            truths.setdefault(key(pattern, fields), path)
        if not hits:
            rest.append(path)
    entries, strangers = _images(rest, layout, truths)
    if layout.paired_in_order:
        entries = _paired(entries, layout, truths)
    used = {entry.mask for entry in entries}
    orphans = sorted(set(names.paths) - set(rest) - used)
    return Tree(tuple(entries), tuple(orphans), tuple(strangers), tuple(names.unreadable), tuple(names.links))


def looked_for(layout: Layout) -> str:
    """The paths of the images of a layout, for messages."""
    return ", ".join(dict.fromkeys(plain(images.pattern) for images in layout.images))


def _images(rest: Iterable[str], layout: Layout, truths: dict[tuple[str, ...], str]) -> tuple[list[Entry], list[str]]:
    entries, strangers = [], []
    for path in rest:
        for images in layout.images:
            if (fields := matched(images.pattern, path)) is not None:
                entries.append(Entry(path, fields, images.train, _mask(images, fields, truths)))
                break
        else:
            strangers.append(path)
    return entries, strangers


def _mask(images: Images, fields: dict[str, str], truths: dict[tuple[str, ...], str]) -> str:
    return next((truths[k] for pattern in images.masks if (k := key(pattern, fields)) in truths), "")


def _paired(entries: list[Entry], layout: Layout, truths: dict[tuple[str, ...], str]) -> list[Entry]:
    """Images and masks of each folder paired in sorted order, where no stems are equal and there are as many of both.

    A single mask that is missing would shift all pairs behind it: where stems tell which belong together, they decide.
    """
    images = layout.images[0]
    folders: dict[str, list[str]] = {}
    for path in sorted(set(truths.values())):
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.fields["category"], entry.fields["defect"]), []).append(entry)
    paired: list[Entry] = []
    for (category, defect), group in groups.items():
        folder = images.masks[0].format(category=category, defect=defect, stem="", ext="").rpartition("/")[0]
        masks = folders.get(folder, [])
        if len(masks) == len(group) and not any(entry.mask for entry in group):
            paired += [replace(entry, mask=mask) for entry, mask in zip(group, masks, strict=True)]
        else:
            paired += group
    return sorted(paired, key=lambda entry: entry.path)


def _below(path: str, root: str) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def inner_folder(root: str, layout: Layout) -> str:
    """The one folder directly below ``root`` that holds this layout, or ""."""
    fitting = [folder for folder in inner_folders(root) if _holds(folder, layout)]
    return fitting[0] if len(fitting) == 1 else ""


def inner_folders(root: str) -> list[str]:
    """The folders directly below ``root``, at most 50: where a data set may lie that was not found in it."""
    with os.scandir(root) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    paths = [os.path.join(root, name) for name in names]  # noqa: PTH118
    return [path for path in paths if os.path.isdir(path)][:50]  # noqa: PTH112 - Path.is_dir may raise


def _holds(folder: str, layout: Layout) -> bool:
    patterns = [compiled(images.pattern) for images in layout.images]
    return any(pattern.fullmatch(path) for path in walk(folder, Found(TRUTH_EXTENSIONS)) for pattern in patterns)
