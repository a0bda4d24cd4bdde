"""The protocol ``fewshot``: each image with a defect is a query, with examples of its class drawn for it by seed.

After Liu et al., "Exploring Few-Shot Defect Segmentation in General Industrial Scenarios...", GFDS: 1-way K-shot.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iapas.config import Config
from iapas.core.fusion import Fusion, fuse
from iapas.core.matching import HALFWAY
from iapas.errors import ImageError
from iapas.evaluation.data import Item
from iapas.evaluation.results import Row, number
from iapas.evaluation.sources import Unjudged
from iapas.files.images import read_image
from iapas.protocols import Exemplars, MaskGenerator
from iapas.types import BoolMap, Image
from iapas.views.markup import count

SEED = 2
"""Of the draws: the released code's."""

MASK_LEVEL = 30  # of 255: a resized mask is foreground above it (the released code)
_HELD = 1 << 26  # bytes of resized pictures that are kept for the next draws

Pair = tuple[Image, BoolMap]


@dataclass(frozen=True)
class Counts:
    """Pixels of predictions and truths: common to both, and in any of them; of the defect and of its background."""

    both: int = 0
    any: int = 0
    back_both: int = 0
    back_any: int = 0

    @classmethod
    def of(cls, found: BoolMap, truth: BoolMap) -> Counts:
        """Of one query."""
        both, either = int((found & truth).sum()), int((found | truth).sum())
        return cls(both, either, truth.size - either, truth.size - both)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.both + other.both,
            self.any + other.any,
            self.back_both + other.back_both,
            self.back_any + other.back_any,
        )

    @property
    def iou(self) -> float:
        """Of the defect; nan where there is none, nor anything found."""
        return self.both / self.any if self.any else math.nan

    @property
    def back_iou(self) -> float:
        """Of the background."""
        return self.back_both / self.back_any if self.back_any else math.nan


@dataclass
class Episodes:
    """What came out: ``queries``: a row for each judged one; ``counts`` by (category, class); ``seconds``: of scoring.

    ``seconds`` lacks the first query, which warms up, unless it is the only one.
    """

    queries: list[Row] = field(default_factory=list)
    counts: dict[tuple[str, str], Counts] = field(default_factory=dict)
    failed: list[Row] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    unused: dict[str, str] = field(default_factory=dict)
    """Examples that were drawn and could not be used, and why."""
    leaks: int = 0
    """How often an image of equal content was kept from being a query's example."""


def with_examples(config: Config) -> Config:
    """The config with its few-shot branch switched on: the examples are no folder's."""
    return config.model_copy(
        update={"exemplars": config.exemplars.model_copy(update={"support": "drawn for each image"})}
    )


def name_of(config: Config, shots: int) -> str:
    """A short name of what is judged, for tables."""
    settings = config.exemplars
    named = f"{settings.name} {Path(settings.extractor).name}" if settings.name == "fm" else settings.name
    return f"{named}, {shots}-shot"


def title_of(config: Config, shots: int) -> str:
    """The same in a sentence."""
    settings = config.exemplars
    what = "matching of features" if settings.name == "fm" else settings.name
    features = "filters without weights" if settings.extractor == "embedded" else Path(settings.extractor).name
    by = f" of {features}" if settings.name == "fm" else ""
    return f"{what}{by}, {count(shots, 'example')} for each image, without the zero-shot pipeline"


def side_of(config: Config) -> int:
    """The pixels squared that pictures and masks are resized to, and judged at."""
    return config.exemplars.model_side if config.exemplars.name == "sam2-video" else config.exemplars.side


def run_episodes(
    items: Sequence[Item],
    truth_of: Callable[[Item], BoolMap | None],
    method: Exemplars,
    config: Config,
    shots: int,
    seed: int,
    parts: MaskGenerator | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Episodes:
    """Judge ``method`` on each of ``items`` that has a defect; what fails is a row of ``failed``.

    A pixel is the defect's where its score reaches ``verdict.threshold``; ``auto``: HALFWAY, the nearer of the two.
    ``parts``: what these pixels are fused with, as ``exemplars.fusion`` says.
    """
    side, ended, of = side_of(config), Episodes(), config.exemplars
    rule = Fusion(of.fusion, of.tau1, of.tau2, of.dilation, of.area_condition, of.erase_ring)
    threshold = HALFWAY if config.verdict.threshold == "auto" else float(config.verdict.threshold)
    classes: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        if item.defective:
            classes.setdefault((item.sample.category, item.sample.defect), []).append(item)

    @lru_cache(maxsize=max(1, _HELD // (4 * side * side)))
    def pair(item: Item) -> Pair:
        return resized(item, truth_of, config, side)

    for key, members in sorted(classes.items()):
        for query in members:
            try:
                image, truth = pair(query)
                examples, names = _draw(query, members, shots, seed, pair, ended)
                _prepare(method, examples, query)
                start = time.perf_counter()
                found = np.asarray(method.score([image])[0] >= threshold)
                if parts is not None:
                    found = fuse(found, list(parts.generate(image).masks()), rule)
                ended.seconds.append(time.perf_counter() - start)
            except ImageError as error:
                row = {"id": query.sample.id, "category": key[0], "error": error.code, "message": str(error)}
                ended.failed.append(row)
            else:
                pixels = Counts.of(found, truth)
                ended.counts[key] = ended.counts.get(key, Counts()) + pixels
                told = {"id": query.sample.id, "category": key[0], "defect": key[1]}
                ended.queries.append(told | {"iou": number(pixels.iou), "examples": names})
            tick()
    ended.seconds = ended.seconds[1:] or ended.seconds
    return ended


def resized(item: Item, truth_of: Callable[[Item], BoolMap | None], config: Config, side: int) -> Pair:
    """Picture and mask at ``side`` squared, bilinear, the mask above 30 of 255: as in the released code.

    A defect that this would lose keeps the pixels that it touches. Raises ImageError, also for a mask that is empty.
    """
    picture, truth = read_image(item.sample.path, config.reading).frames[0], truth_of(item)
    if truth is None or not truth.any():
        raise Unjudged(f"{item.sample.id}: its mask is empty")
    if truth.shape != picture.shape[:2]:
        sizes = f"{truth.shape[1]} x {truth.shape[0]} pixels, the image {picture.shape[1]} x {picture.shape[0]}"
        raise Unjudged(f"the mask of {item.sample.id} is {sizes}")
    small = np.asarray(cv2.resize(truth.astype(np.uint8) * np.uint8(255), (side, side)) > MASK_LEVEL)
    if not small.any():
        ys, xs = np.nonzero(truth)
        small[ys * side // truth.shape[0], xs * side // truth.shape[1]] = True
    return np.asarray(cv2.resize(picture, (side, side)), np.uint8), small


def _draw(
    query: Item, members: Sequence[Item], shots: int, seed: int, pair: Callable[[Item], Pair], ended: Episodes
) -> tuple[list[Pair], list[str]]:
    """``shots`` examples of the query's class and their ids: in an order drawn by seed and id, those that can be used.

    None is the query's picture under whatever name, no two are one picture. Raises Unjudged where there are too few.
    """
    others = [item for item in members if item is not query]
    random.Random(f"{seed} {query.sample.id}").shuffle(others)  # noqa: S311
    taken, seen = dict[str, Pair](), {query.image_hash}
    for item in others:
        if len(taken) == shots:
            break
        if item.image_hash in seen:
            ended.leaks += item.image_hash == query.image_hash
            continue
        try:
            example = pair(item)
        except ImageError as error:
            ended.unused[item.sample.id] = str(error)
            continue
        if example[1].all():
            ended.unused[item.sample.id] = f"{item.sample.id}: its mask is full"
            continue
        taken[item.sample.id] = example
        seen.add(item.image_hash)
    if len(taken) < shots:
        able = count(len(taken), "other image")
        raise Unjudged(f"{query.sample.id}: its class has {able} that can be an example, {shots} are needed")
    return list(taken.values()), list(taken)


def _prepare(method: Exemplars, examples: Sequence[Pair], query: Item) -> None:
    try:
        method.prepare(examples)
    except ValueError as error:  # on the method's grid nothing, or all, is of the defect
        raise Unjudged(f"{query.sample.id}: {error}") from error


def fewshot_results(
    dataset: str, method: str, ended: Episodes, items: Sequence[Item], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """What results.json holds. ``miou``: over classes; of one class its IoU. ``fb_iou``: over products.

    ``merged``: with all classes of all products as one foreground. ``fb_iou_code``: (mean IoU of the classes + IoU of
    the background) / 2, as the released code takes it.
    """
    by_defect: list[Row] = [
        {"category": category, "defect": defect} | _figures([found])
        for (category, defect), found in ended.counts.items()
    ]
    rows: list[Row] = []
    for category in sorted({category for category, _ in ended.counts}):
        mine = [found for key, found in ended.counts.items() if key[0] == category]
        rows.append({"category": category} | _figures(mine))
    judged = [row["category"] for row in ended.queries]
    for row in rows:
        row["images"] = row["defective"] = judged.count(row["category"])
    of_class = [(row["category"], row["defect"]) for row in ended.queries]
    for row in by_defect:
        row["images"] = row["defective"] = of_class.count((row["category"], row["defect"]))
    merged = _figures(list(ended.counts.values()))
    mean: Row = {"category": "mean", "images": len(judged), "defective": len(judged), "miou": merged["miou"]}
    mean |= {key: _mean([row[key] for row in rows]) for key in ("fb_iou", "fb_iou_code")}
    return {
        "dataset": dataset,
        "protocol": "fewshot",
        "method": method,
        "rows": rows,
        "by_defect": by_defect,
        "mean": mean,
        "merged": {key: merged[key] for key in ("fb_iou", "fb_iou_code")},
        "undefined": {},
        "at_threshold": {"iou": None, "f1": None, "empty_on_normal": None},
        "failed": sorted(ended.failed, key=lambda row: row["id"]),
        "notes": _notes(ended, items),
        "provenance": dict(provenance),
    }


def _figures(classes: Sequence[Counts]) -> Row:
    """Of some classes together."""
    whole = sum(classes, Counts())
    ious = [found.iou for found in classes if found.any]
    miou = math.fsum(ious) / len(ious) if ious else math.nan
    return {
        "miou": number(miou),
        "fb_iou": number((whole.iou + whole.back_iou) / 2),
        "fb_iou_code": number((miou + whole.back_iou) / 2),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _notes(ended: Episodes, items: Sequence[Item]) -> list[str]:
    normal = sum(not item.defective for item in items)
    notes = []
    if normal:
        notes.append(f"{count(normal, 'normal image')} left out: each query has a defect of its class")
    if ended.leaks:
        times = count(ended.leaks, "time")
        notes.append(f"{times} the example drawn was the query's own picture under another name: another was taken")
    if ended.unused:
        first = next(iter(ended.unused.values()))
        notes.append(f"{count(len(ended.unused), 'image')} could not be an example; the first: {first}")
    if ended.failed:
        notes.append(f'{count(len(ended.failed), "image")} could not be judged, so in no figure: see "failed"')
    return notes
