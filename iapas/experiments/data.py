"""The pictures of an experiment: data sets with a truth, or any folder; in categories that are asked for apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from iapas.config import fingerprint
from iapas.errors import UsageError
from iapas.evaluation.data import Item, items_of, limited
from iapas.evaluation.datasets import Sample, known_datasets, open_dataset
from iapas.files.inputs import list_images

Group = Literal["category", "defect"]
"""What a category is: the data set's own, or each defect type, with the normal images dealt out among them."""


@dataclass(frozen=True)
class Shot:
    """One image: its ``category`` as the experiment names it, and its data set."""

    item: Item
    dataset: str
    category: str
    judged: bool


@dataclass(frozen=True)
class Pictures:
    """All images, in the order of category and id. ``stage1``: for each category the paths that stage 1 may see."""

    shots: tuple[Shot, ...]
    stage1: Mapping[str, tuple[str, ...]]
    told: Mapping[str, Any]
    """For the provenance: of each data set the number of images, a hash over them and their masks, and notes."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return tuple(sorted({shot.category for shot in self.shots}))


def open_pictures(
    places: Sequence[tuple[str, Path]], group: Group = "category", limit: int | None = None, every_normal: int = 1
) -> Pictures:
    """The images of ``places``, (name, root): the name of a data set, or "" for a plain folder.

    ``limit``: at most so many images of each defect type of a category (of the normal ones too), evenly spaced.
    ``every_normal``: of the normal images only every n-th by id, before the limit. Raises UsageError, MissingError.
    """
    if not places:
        raise UsageError("there are no pictures", "give --data NAME=ROOT, or --data FOLDER")
    names = [name or root.name for name, root in places]
    if len(set(names)) != len(names):
        raise UsageError(f"two data sets have the same name: {', '.join(names)}")
    shots: list[Shot] = []
    stage1: dict[str, tuple[str, ...]] = {}
    told = {}
    for (name, root), title in zip(places, names, strict=True):
        samples, seen, notes = _opened(name, root)
        judged = bool(name)
        thinned = _every(samples, every_normal) if judged else samples
        grouped = _grouped(thinned, group) if judged else {title: list(samples)}
        for category, members in grouped.items():
            label = category if len(places) == 1 or category == title else f"{title}: {category}"
            chosen = _limited(members, limit)
            shots += [Shot(item, title, label, judged) for item in items_of(chosen)]
            own = {path for sample in members for path in seen.get(sample.category, ())}
            stage1[label] = tuple(sorted(own)) or tuple(sample.path for sample in members)
        mine = [shot.item for shot in shots if shot.dataset == title]
        told[title] = {
            "images": len(mine),
            "defective": sum(item.defective for item in mine) if judged else None,
            "sha256": fingerprint([[item.sample.id, item.image_hash, item.mask_hash] for item in mine]),
            "limit": limit,
            "notes": list(notes),
        }
    return Pictures(tuple(sorted(shots, key=lambda s: (s.dataset, s.category, s.item.sample.id))), stage1, told)


def place_of(text: str) -> tuple[str, Path]:
    """(name, root) of NAME=ROOT or FOLDER. A folder that holds images/ and masks/ is the data set ``folder``."""
    name, equals, root = text.partition("=")
    if equals:
        known = [layout.name for layout in known_datasets()]
        if name not in known:
            raise UsageError(f"there is no data set called {name!r}", f"known are: {', '.join(known)}")
        return name, Path(root).expanduser()
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"{text!r} is not a folder", "give --data NAME=ROOT, or --data FOLDER")
    return "folder" if (folder / "images").is_dir() and (folder / "masks").is_dir() else "", folder


def _opened(name: str, root: Path) -> tuple[Sequence[Sample], Mapping[str, Sequence[str]], Sequence[str]]:
    """The samples, the paths that stage 1 may see of each category, and what was chosen in opening them."""
    if name:
        dataset = open_dataset(name, root)
        return dataset.test, dataset.stage1, dataset.notes
    listing = list_images([str(root)])
    samples = [Sample(s.id, s.path, root.name, "", None) for s in listing.sources if not s.problem]
    return samples, {}, listing.warnings


def _every(samples: Sequence[Sample], number: int) -> list[Sample]:
    normal = [sample.id for sample in sorted(samples, key=lambda sample: sample.id) if not sample.defect]
    kept = set(normal[::number])
    return [sample for sample in samples if sample.defect or sample.id in kept]


def _grouped(samples: Iterable[Sample], group: Group) -> dict[str, list[Sample]]:
    """The samples of each category, by id."""
    found: dict[str, list[Sample]] = {}
    ordered = sorted(samples, key=lambda sample: sample.id)
    if group == "category":
        for sample in ordered:
            found.setdefault(sample.category, []).append(sample)
        return dict(sorted(found.items()))
    kinds = sorted({sample.defect for sample in ordered} - {""})
    normal = 0
    for sample in ordered:
        name = sample.defect or kinds[normal % len(kinds)] if kinds else sample.category
        normal += not sample.defect
        found.setdefault(name, []).append(sample)
    return dict(sorted(found.items()))


def _limited(samples: Sequence[Sample], limit: int | None) -> list[Sample]:
    kinds: dict[str, list[Sample]] = {}
    for sample in samples:
        kinds.setdefault(sample.defect, []).append(sample)
    return [sample for _, group in sorted(kinds.items()) for sample in limited(group, limit)]
