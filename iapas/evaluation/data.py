"""What is judged: the samples of a data set with the hashes of their files, so that tables never mix data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iapas.config import fingerprint
from iapas.evaluation.datasets import DataSet, Sample


@dataclass(frozen=True)
class Item:
    """A sample, and the SHA-256 of its image and its mask; "" where a file is not there or cannot be read."""

    sample: Sample
    image_hash: str
    mask_hash: str

    @property
    def defective(self) -> bool:
        """Whether it is of a defect type."""
        return bool(self.sample.defect)


def items_of(samples: Iterable[Sample]) -> list[Item]:
    """The samples with their hashes, in their order; every file is read once."""
    return [Item(sample, _hash(sample.path), _hash(sample.mask or "")) for sample in samples]


def limited(samples: Sequence[Sample], limit: int | None) -> Sequence[Sample]:
    """At most ``limit`` samples, evenly spaced; None: all."""
    if limit is None or limit >= len(samples):
        return samples
    return [samples[i * len(samples) // limit] for i in range(limit)]


def by_category(items: Iterable[Item]) -> dict[str, list[Item]]:
    """The items of each category, in the order of the names."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.sample.category, []).append(item)
    return dict(sorted(found.items()))


def described(dataset: DataSet, items: Sequence[Item], split: str, limit: int | None) -> dict[str, Any]:
    """What was judged, for results.json: counts, and a hash over the ids, images and masks."""
    return {
        "images": len(items),
        "defective": sum(item.defective for item in items),
        "sha256": fingerprint([[item.sample.id, item.image_hash, item.mask_hash] for item in items]),
        "split": split,
        "limit": limit,
        "notes": list(dataset.notes),
    }


def categories_of(items: Iterable[Item]) -> Mapping[str, str]:
    """The category of each id."""
    return {item.sample.id: item.sample.category for item in items}


def _hash(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
