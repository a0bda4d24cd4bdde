"""Looks at every file of a data set before hours are spent on it: what is missing, broken, doubled or odd."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.errors import ImageError
from iapas.evaluation.datasets.layout import Layout
from iapas.evaluation.datasets.opening import layout_of
from iapas.evaluation.datasets.samples import DataSet, Sample
from iapas.evaluation.datasets.tree import Tree, list_names, sort_names
from iapas.files.images import read_image
from iapas.files.names import escaped, shown
from iapas.files.truth import as_truth, read_labels
from iapas.run.progress import progress
from iapas.settings import Reading

EXAMPLES = 5
"""Of each finding so many are named."""

_KINDS = {
    "image-unreadable": (True, "images that cannot be read"),
    "mask-missing": (True, "images with a defect and without a mask"),
    "mask-unreadable": (True, "masks that cannot be read"),
    "mask-size": (True, "masks of another size than their image"),
    "folder-unreadable": (True, "folders that cannot be read: what is in them is missing"),
    "mask-empty": (False, "images with a defect whose mask is empty"),
    "mask-on-normal": (False, "normal images with a mask that is not empty"),
    "mask-faint": (False, "masks that hold values, none of which counts as a defect: these images count as normal"),
    "mask-not-binary": (False, "masks with more than two values"),
    "mask-shared": (False, "masks that several images share"),
    "mask-orphan": (False, "masks without an image"),
    "image-doubled": (False, "images that are byte for byte another test image"),
    "image-in-training": (False, "test images that stage 1 sees too, under another name"),
    "category-all-good": (False, "categories without an image with a defect: nothing can be measured in them"),
    "category-missing": (False, "categories of the published set that are not there"),
    "file-unknown": (False, "pictures that are no part of the layout"),
    "link": (False, "links to folders, or out of the root, that are not followed"),
}
_READING = Reading()


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    ``unusable``: these images cannot be judged. ``what``: in words. ``examples``: a few of the ``count``.
    """

    code: str
    unusable: bool
    what: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What :func:`check_dataset` found. ``counts``: category -> defect type ("" normal) -> test images."""

    name: str
    root: str
    counts: dict[str, dict[str, int]]
    stage1: dict[str, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether every image can be judged."""
        return not any(finding.unusable for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        defects = [(defect, count) for counts in self.counts.values() for defect, count in counts.items()]
        return {
            **asdict(self),
            "root": escaped(self.root),
            "images": sum(count for _, count in defects),
            "defective": sum(count for defect, count in defects if defect),
            "usable": self.usable,
        }


@dataclass
class _Found:
    """Findings as they are gathered: code -> what each is about."""

    by_code: dict[str, list[str]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    def add(self, code: str, about: str) -> None:
        self.by_code.setdefault(code, []).append(about)

    def findings(self) -> Iterator[Finding]:
        for code, (unusable, what) in _KINDS.items():
            if about := self.by_code.get(code):
                yield Finding(code, unusable, what, len(about), tuple(about[:EXAMPLES]))


def check_dataset(dataset: DataSet, *, quiet: bool = True) -> Report:
    """Read every test image of ``dataset`` and its mask once, and the bytes of the images of stage 1.

    Progress goes to stderr unless ``quiet``. Raises MissingError when the folder has gone.
    """
    layout = layout_of(dataset.name, dataset.folders)
    tree = sort_names(list_names(dataset.root), layout)
    masks = {os.path.join(dataset.root, entry.path): entry.mask for entry in tree.entries}  # noqa: PTH118
    found = _Found()
    with progress(len(dataset.test), quiet) as report:
        for done, sample in enumerate(dataset.test, 1):
            _sample(sample, os.path.join(dataset.root, masks.get(sample.path, "")), layout, found)  # noqa: PTH118
            report(done, 0)
    _training(dataset, found)
    _tree(tree, dataset, layout, found)
    return Report(
        dataset.name,
        dataset.root,
        _counts(dataset.test),
        {category: len(paths) for category, paths in dataset.stage1.items()},
        tuple(found.findings()),
        dataset.notes,
    )


def _sample(sample: Sample, beside: str, layout: Layout, found: _Found) -> None:
    """One image and its mask; ``beside``: the mask file of a normal image, if there is one."""
    size, turned = None, ""
    try:
        picture = read_image(sample.path, _READING)
        size = picture.height, picture.width
        turned = "; the image is displayed turned, by its EXIF" if picture.exif_orientation > 4 else ""
        first = found.hashes.setdefault(picture.sha256, sample.id)
        if first != sample.id:
            found.add("image-doubled", f"{sample.id} = {first}")
    except ImageError as error:
        found.add("image-unreadable", f"{sample.id}: {error}")
    if sample.mask == "":
        found.add("mask-missing", sample.id)
        return
    path = sample.mask or beside
    if not os.path.isfile(path):  # noqa: PTH113
        return
    try:
        labels = read_labels(path)
    except ImageError as error:
        found.add("mask-unreadable", f"{sample.id}: {error}")
        return
    if size and labels.shape != size:
        text = f"{sample.id}: the mask is {labels.shape[1]} x {labels.shape[0]}, the image {size[1]} x {size[0]}"
        found.add("mask-size", text + turned)
    _mask(sample, labels, layout, found)


def _mask(sample: Sample, labels: npt.NDArray[np.uint8], layout: Layout, found: _Found) -> None:
    """What a mask holds, against what the image is said to be."""
    truth = bool(as_truth(labels, layout.rule).any())
    values = int(np.count_nonzero(np.bincount(labels.ravel(), minlength=256)))
    if values > 2 and layout.rule == "half":
        found.add("mask-not-binary", f"{sample.id}: {values} values, read as above 127")
    if sample.defect and not truth:
        found.add("mask-empty", sample.id)
    elif not sample.defect and truth:
        found.add("mask-on-normal", sample.id)
    elif not sample.defect and layout.decides == "content" and labels.any():
        found.add("mask-faint", f"{sample.id}: the greatest value is {int(labels.max())}")


def _training(dataset: DataSet, found: _Found) -> None:
    """Stage-1 images that are test images under another name."""
    tested = {sample.path for sample in dataset.test}
    for path in sorted({path for paths in dataset.stage1.values() for path in paths} - tested):
        try:
            with Path(path).open("rb") as file:
                same = found.hashes.get(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError:
            continue
        if same:
            found.add("image-in-training", f"{same} = {_shown_below(path, dataset.root)}")


def _tree(tree: Tree, dataset: DataSet, layout: Layout, found: _Found) -> None:
    """What the listing shows without a look into files."""
    for code, paths in (
        ("folder-unreadable", tree.unreadable),
        ("mask-orphan", tree.orphans),
        ("file-unknown", tree.strangers),
        ("link", tree.links),
    ):
        for path in paths:
            found.add(code, shown(path))
    for mask, count in sorted(Counter(entry.mask for entry in tree.entries if entry.mask).items()):
        if count > 1:
            found.add("mask-shared", f"{shown(mask)}: {count} images")
    for category, counts in _counts(dataset.test).items():
        if set(counts) == {""}:
            found.add("category-all-good", category)
    present = {entry.fields.get("category", "") for entry in tree.entries}
    for category in layout.categories:
        if category not in present:
            found.add("category-missing", category)


def _counts(samples: Iterable[Sample]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for sample in samples:
        counts.setdefault(sample.category, Counter())[sample.defect] += 1
    return {category: dict(sorted(counter.items())) for category, counter in sorted(counts.items())}


def _shown_below(path: str, root: str) -> str:
    return shown(os.path.relpath(path, root).replace(os.sep, "/"))
