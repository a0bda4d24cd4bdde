"""What an opened data set is: its images, each with its category, defect type and mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iapas.files.truth import Rule


@dataclass(frozen=True, slots=True)
class Sample:
    """One image to judge.

    ``id``: POSIX path relative to the root (of ``folder``: to images/), as ``iapas segment`` makes it. ``path``,
    ``mask``: for the system. ``defect``: its type, "" for a normal image. ``mask``: None for a normal image, whose
    truth is all zero; "" for a defective image whose mask is missing. ``rule``: how
    :func:`iapas.files.truth.read_truth` reads the mask.
    """

    id: str
    path: str
    category: str
    defect: str
    mask: str | None
    rule: Rule = "half"


@dataclass(frozen=True)
class DataSet:
    """The images of a set that are judged, sorted by id, and those that stage 1 may see.

    ``stage1``: category -> paths. ``notes``: choices that were made in opening it, in sentences, for the results.
    ``folders``: those of images and masks, where not the layout's own.
    """

    name: str
    root: str
    test: tuple[Sample, ...]
    stage1: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    folders: tuple[str, str] | None = None
