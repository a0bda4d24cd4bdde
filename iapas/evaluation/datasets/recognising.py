"""Which data set a folder holds."""

from __future__ import annotations

import os
from contextlib import suppress

from iapas.errors import MissingError
from iapas.evaluation.datasets.layouts import LAYOUTS
from iapas.evaluation.datasets.tree import Names, inner_folders, list_names, sort_names
from iapas.files.names import shown


def recognise_dataset(root: str | os.PathLike[str]) -> str:
    """The name of the data set whose layout explains most of the pictures below ``root``.

    Layouts that several sets share are told apart by the names of their categories; where none fits, the first of the
    table is meant. Raises MissingError: no such folder, or no layout fits.
    """
    place = os.fspath(root)
    names = list_names(place)
    name = _best(names)
    if not name:
        raise MissingError(
            f"no known data set in {shown(place)!r}: {len(names.paths)} pictures, in no layout that is known",
            _inside(place) or "iapas datasets list says what is known; --name NAME says what was looked for",
        )
    return name


def _best(names: Names) -> str:
    """The layout that explains most of the names and has masks for some; ""."""
    best, name = (0, 0), ""
    for layout in LAYOUTS.values():
        if layout.unverified:  # it looks like a folder of one's own
            continue
        tree = sort_names(names, layout)
        explained = sum(1 + bool(entry.mask) for entry in tree.entries)
        categories = {entry.fields.get("category", "") for entry in tree.entries}
        score = (explained, len(categories & set(layout.categories)))
        judged = any(entry.mask and not entry.train for entry in tree.entries)
        if judged and score > best:
            best, name = score, layout.name
    return name


def _inside(root: str) -> str:
    """Words about a data set one folder further down, or ""."""
    for folder in inner_folders(root):
        with suppress(MissingError):  # one that cannot be read
            if name := _best(list_names(folder)):
                return f"{shown(folder)} looks like {name}"
    return ""
