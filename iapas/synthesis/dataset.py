"""A data set of generated pictures in the layout of MVTec AD, with words for every defect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iapas import __version__
from iapas.errors import OutputError, UsageError
from iapas.files.atomic import write_bytes, write_text
from iapas.files.results import mask_png, picture_png
from iapas.synthesis.defects import KINDS
from iapas.synthesis.sample import CLEAN, Sample, draw

CATEGORY = "synthetic"
SIDES = 64, 1024
"""The least and the greatest side of a picture, in pixels."""


@dataclass(frozen=True)
class Order:
    """What is wanted: ``count`` pictures of ``size`` (height, width); ``kinds`` of defect, all if empty.

    Raises UsageError for what cannot be drawn.
    """

    count: int = 500
    size: tuple[int, int] = (256, 256)
    seed: int = 0
    kinds: tuple[str, ...] = ()
    clean_share: float = CLEAN

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"{self.count} pictures: at least 1")
        if not SIDES[0] <= min(self.size) <= max(self.size) <= SIDES[1]:
            raise UsageError(f"{self.size[1]} x {self.size[0]} pixels: sides from {SIDES[0]} to {SIDES[1]}")
        if not 0 <= self.clean_share <= 1:
            raise UsageError(f"a clean share of {self.clean_share}: from 0 to 1")
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise UsageError(f"no kind of defect is called {unknown[0]!r}", f"there are: {', '.join(KINDS)}")


def write_dataset(out: Path, order: Order, report: Callable[[int], None] = lambda done: None) -> dict[str, int]:
    """Write the pictures, their masks, ``words.json`` and ``synth.json`` below ``out``; how many of each kind.

    Picture k depends on the seed and k alone: a longer data set begins as a shorter one. Every other clean picture
    is for training. Raises OutputError where ``out`` is not an empty folder or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out} is not empty", "name a folder that is new")
    entries, counts = [], Counter[str]()
    clean = 0
    for k in range(order.count):
        sample = draw(seed_of(order.seed, k), order.size, order.clean_share, order.kinds or None)
        kind = sample.defects[0].kind.replace(" ", "_") if sample.defects else "good"
        part = "train" if kind == "good" and clean % 2 else "test"
        clean += kind == "good"
        entries.append(_write(out, f"{CATEGORY}/{part}/{kind}/{k:05d}.png", sample))
        counts[kind] += 1
        report(k + 1)
    write_text(out / "words.json", json.dumps(entries, indent=1) + "\n")
    settings = {
        "seed": order.seed,
        "pictures": order.count,
        "width": order.size[1],
        "height": order.size[0],
        "kinds": list(order.kinds or KINDS),
        "clean_share": order.clean_share,
        "versions": {"iapas": __version__, "numpy": np.__version__, "opencv": cv2.__version__},
    }
    write_text(out / "synth.json", json.dumps(settings, indent=1) + "\n")
    return dict(sorted(counts.items()))


def seed_of(seed: int, k: int) -> int:
    """The seed of picture ``k`` of the data set of ``seed``."""
    return int(np.random.SeedSequence([seed, k]).generate_state(1, np.uint64)[0])


def _write(out: Path, name: str, sample: Sample) -> dict[str, Any]:
    """Write a picture and the mask of all its defects; the entry of both in ``words.json``."""
    write_bytes(out / name, picture_png(sample.image), fsync=False)
    entry: dict[str, Any] = {"image": name, "mask": None, "scene": sample.scene, "seed": sample.seed, "defects": []}
    if sample.defects:
        entry["mask"] = name.replace("/test/", "/ground_truth/").replace(".png", "_mask.png")
        write_bytes(out / entry["mask"], mask_png(sample.labels > 0), fsync=False)
    for defect in sample.defects:
        left, top, width, height = cv2.boundingRect(defect.mask.view(np.uint8))
        entry["defects"].append(
            {
                "kind": defect.kind,
                "phrase": defect.phrase,
                "attributes": defect.attributes,
                "box": [left, top, left + width, top + height],
                "pixels": int(defect.mask.sum()),
            }
        )
    return entry


def parsed_size(text: str) -> tuple[int, int]:
    """(height, width) of ``256`` or ``320x240`` (width x height). Raises UsageError."""
    numbers: Sequence[str] = text.lower().split("x")
    if len(numbers) > 2 or not all(number.isascii() and number.isdigit() for number in numbers):
        raise UsageError(f"a size of {text!r}: as 256, or as 320x240 (width x height)")
    return int(numbers[-1]), int(numbers[0])
