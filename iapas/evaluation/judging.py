"""One category judged: its maps are read, one at a time, twice (under iap-as three times), and never held."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.intervals import LEVELS, counts_at, figures_at
from iapas.core.metrics import ImageFigures, PixelFigures, count, image_figures
from iapas.core.saliency import Saliency, sharpen
from iapas.errors import ImageError
from iapas.evaluation.data import Item
from iapas.evaluation.pixels import PixelPool, f1_max_at
from iapas.evaluation.protocols import Protocol, scaled
from iapas.evaluation.sources import Maps, require_same_size
from iapas.types import BoolMap, FloatMap

log = logging.getLogger("iapas")

TruthOf = Callable[[Item], BoolMap | None]
"""(H, W) bool, the truth of an image; None: a normal one, nothing is true. Raises ImageError."""

_HOLD = 100_000_000
"""Pixels of a category that are ranked in memory: 0.4 GB."""


@dataclass(frozen=True)
class Figures:
    """The figures of some images; nan where undefined."""

    images: int
    defective: int
    pixels: PixelFigures
    whole: ImageFigures
    saliency: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Judged:
    """A category. Arrays and lists are in the order of ``items``: those that could be judged."""

    category: str
    items: Sequence[Item]
    scores: npt.NDArray[np.float32]
    """(N,) float32: the maximum of each judged map."""
    figures: Figures
    by_defect: dict[str, Figures]
    curve: tuple[npt.NDArray[Any], npt.NDArray[Any]]
    """Recall and precision."""
    counts: npt.NDArray[np.uint32]
    """(N, 2, levels and then the protocol's steps): see :mod:`iapas.core.intervals`."""
    levels: int
    failed: dict[str, ImageError]
    verdict: Verdict
    notes: tuple[str, ...]
    limits: tuple[float, float]
    """Of the maps at the judged size, for drawing them."""


@dataclass
class Verdict:
    """The method's own masks against the truth: pooled pixels, and normal images that were left empty."""

    hits: int = 0
    wrong: int = 0
    missed: int = 0
    normal: int = 0
    empty: int = 0
    known: bool = True

    def add(self, mask: BoolMap | None, truth: BoolMap, defective: bool) -> None:
        """One image; None: the method gives no masks."""
        if mask is None:
            self.known = False
            return
        for name, number in zip(("hits", "wrong", "missed"), count(mask, truth), strict=True):
            setattr(self, name, getattr(self, name) + number)
        if not defective:
            self.normal += 1
            self.empty += not mask.any()


@dataclass(frozen=True)
class Judge:
    """Judges categories.

    ``maps`` by ``protocol``; ``saliency``: with the saliency metrics; ``scratch``: a folder for what is large.
    """

    maps: Maps
    protocol: Protocol
    truth_of: TruthOf
    saliency: bool
    scratch: Path
    told: Callable[[], None] = lambda: None
    """Called after each image."""

    def judge(self, category: str, items: Sequence[Item]) -> Judged:
        """All figures of a category. Images that cannot be judged are left out, and listed."""
        failed: dict[str, ImageError] = {}
        limits = self._limits(items, failed) if self.protocol.rescaled else (0.0, np.inf)
        verdict, salient = Verdict(), _Salient(self.maps.about.finished, items if self.saliency else ())
        judged: list[Item] = []
        tops: list[float] = []
        with PixelPool(self.scratch, _HOLD) as pool:
            for item in items:
                try:
                    if item.sample.id not in failed:
                        found, truth = self._native(item)
                        scores, known = self._judged(found, truth, limits)
                        verdict.add(self.maps.mask(item), truth, item.defective)
                        salient.add(found, truth, item.sample.defect)
                        pool.add(scores, known, item.sample.defect)
                        judged.append(item)
                        tops.append(float(scores.max()))
                except ImageError as error:
                    failed[item.sample.id] = error
                self.told()
            highest = np.array(tops, np.float32)
            whole, by_defect = self._figures(pool, judged, highest, salient)
            recall, precision, _ = pool.curve(200)
            levels = pool.curve(LEVELS)[2]
        return Judged(
            category=category,
            items=judged,
            scores=highest,
            figures=whole,
            by_defect=by_defect,
            curve=(recall, precision),
            counts=self._counts(judged, levels, limits),
            levels=levels.size,
            failed=failed,
            verdict=verdict,
            notes=tuple(salient.notes),
            limits=limits,
        )

    def pair(self, item: Item, limits: tuple[float, float]) -> tuple[FloatMap, BoolMap]:
        """The map and the truth of an image as they are judged."""
        return self._judged(*self._native(item), limits)

    def _native(self, item: Item) -> tuple[FloatMap, BoolMap]:
        """The map and the truth of an image, of its own size."""
        found, known = self.maps.scores(item), self.truth_of(item)
        truth = np.zeros(found.shape, bool) if known is None else known
        require_same_size(item, found, truth)
        return found, truth

    def _judged(self, found: FloatMap, truth: BoolMap, limits: tuple[float, float]) -> tuple[FloatMap, BoolMap]:
        scores = self._resized(found)
        return scaled(scores, *limits) if self.protocol.rescaled else scores, self.protocol.truth(truth)

    def _resized(self, found: FloatMap) -> FloatMap:
        if self.protocol.rescaled and self.maps.about.per_image:
            found = scaled(found, float(found.min()), float(found.max()))
        return self.protocol.scores(found)

    def _limits(self, items: Sequence[Item], failed: dict[str, ImageError]) -> tuple[float, float]:
        """The lowest and the highest score of a category."""
        low, high = np.inf, -np.inf
        for item in items:
            try:
                scores = self._resized(self._native(item)[0])
            except ImageError as error:
                failed[item.sample.id] = error
                continue
            low, high = min(low, float(scores.min())), max(high, float(scores.max()))
        return low, high

    def _figures(
        self, pool: PixelPool, items: Sequence[Item], scores: npt.NDArray[np.float32], salient: _Salient
    ) -> tuple[Figures, dict[str, Figures]]:
        """The figures of all images, and of each defect type: its images and the normal ones."""
        defects = np.array([item.sample.defect for item in items], object)
        whole = replace(self._some(pool, None, scores, defects), saliency=salient.result(""))
        kinds = sorted(set(defects.tolist()) - {""})
        if len(kinds) == 1:  # all of it
            return whole, {kinds[0]: whole}
        by_defect = {}
        for kind in kinds:
            chosen = (defects == kind) | (defects == "")
            found = self._some(pool, {kind, ""}, scores[chosen], defects[chosen])
            by_defect[kind] = replace(found, saliency=salient.result(kind))
        return whole, by_defect

    def _some(
        self, pool: PixelPool, groups: set[str] | None, scores: npt.NDArray[np.float32], defects: npt.NDArray[Any]
    ) -> Figures:
        pixels = pool.figures(groups)
        if self.protocol.steps.size:
            best, at = f1_max_at(pool, self.protocol.steps, groups)
            pixels = replace(pixels, f1_max=best, f1_threshold=at)
        labels = defects != ""
        whole = ImageFigures(np.nan, np.nan, np.nan)
        if labels.any() and not labels.all():  # with images of one kind alone there is nothing to tell apart
            whole = image_figures(scores, labels)
        return Figures(len(labels), int(labels.sum()), pixels, whole)

    def _counts(self, items: Sequence[Item], levels: FloatMap, limits: tuple[float, float]) -> npt.NDArray[np.uint32]:
        steps = self.protocol.steps[::-1].astype(np.float32)
        counts = np.zeros((len(items), 2, levels.size + steps.size), np.uint32)
        for row, item in zip(counts, items, strict=True):
            scores, truth = self.pair(item, limits)
            row[:, : levels.size] = counts_at(scores, truth, levels)
            if steps.size:
                row[:, levels.size :] = counts_at(scores, truth, steps)
        return counts


class _Salient:
    """The saliency metrics over the images of ``items`` with a defect; none where a finished map passes 1."""

    def __init__(self, finished: bool, items: Sequence[Item]) -> None:
        kinds = {item.sample.defect for item in items}
        self._finished = finished
        self._means = {kind: Saliency() for kind in (kinds | {""} if kinds else ())}
        """By defect type, and "" for all."""
        self._spoilt = False
        self.notes: list[str] = []

    def add(self, scores: FloatMap, truth: BoolMap, defect: str) -> None:
        if not self._means or self._spoilt or not truth.any():
            return
        if self._finished and scores.max() > 1:
            self._spoilt = True
            self.notes.append("no saliency metrics: the maps hold values above 1")
            return
        prediction = scores if self._finished else sharpen(scores)
        for kind in {"", defect}:
            self._means[kind].add(prediction, truth)

    def result(self, kind: str) -> dict[str, float]:
        """Of a defect type, or of all; empty where none were asked for."""
        if not self._means:
            return {}
        return (Saliency() if self._spoilt else self._means[kind]).result()


def single_ap(judged: Judged) -> npt.NDArray[np.float64]:
    """(N,) AP of each image alone, at the category's levels: to choose examples by; nan without positive pixels."""
    return figures_at(judged.counts[:, :, : judged.levels])[0]


def examples(judged: Judged) -> Iterator[tuple[str, int]]:
    """Which images to show, and why: places in ``items``. By their AP alone, the normal one by its score."""
    ap = single_ap(judged)
    known = np.flatnonzero(np.isfinite(ap))
    order = known[np.argsort(-ap[known], kind="stable")]
    if order.size:
        shown = {int(order[0]): "best"}
        shown.setdefault(int(order[-1]), "worst")
        shown.setdefault(int(order[order.size // 2]), "median")
        yield from ((name, place) for place, name in sorted(shown.items(), key=lambda pair: pair[1]))
    normal = np.array([not item.defective for item in judged.items], bool)
    if normal.any():
        yield "normal image with the highest score", int(np.flatnonzero(normal)[judged.scores[normal].argmax()])
