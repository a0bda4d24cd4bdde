"""Exact pixel metrics over any number of images in bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from iapas.core.metrics import (
    ImageFigures,
    PixelFigures,
    Totals,
    check_labels,
    image_figures,
    judge,
)
from iapas.core.ranking import Steps, Tally, places, region_areas, rows, runs_of_negatives, score_bits, steps
from iapas.evaluation.runs import Keys, Run, blocks
from iapas.files.scratch import Scratch
from iapas.types import BoolMap, FloatMap

__all__ = ["ImageFigures", "PixelFigures", "PixelPool", "f1_max_at", "image_figures"]

HOLD = 200_000_000


class PixelPool:
    """Collects the pixels of images, and says how well their scores tell defects apart: exact, without bins.

    Up to ``hold`` pixels are kept in memory, 4 bytes for each (8 for one of a defect; far less for piecewise constant
    maps); above that they go, sorted, to a temporary file in ``folder`` (default: the system's), which
    :meth:`close`, or leaving the ``with`` block, removes. Figures can be asked for at any time, and again.
    """

    def __init__(self, folder: Path | None = None, hold: int = HOLD) -> None:
        self._scratch = Scratch(folder)
        self._hold = 4 * hold
        self._groups: dict[str, tuple[Keys, Keys]] = {}
        self._totals: dict[str, Totals] = {}

    def __enter__(self) -> PixelPool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self._groups, self._totals = {}, {}
        self._scratch.close()

    def add(self, scores: FloatMap, truth: BoolMap, group: str = "") -> None:
        """One image: ``scores`` (H, W) float (taken as float32), finite and >= 0; ``truth`` (H, W) bool.

        ``group``: its defect type, "" for a normal image. Raises ValueError for anything else.
        """
        check_labels(scores, truth)
        if truth.ndim != 2:
            raise ValueError(f"a map must have two axes, got shape {truth.shape}")
        bits, flags = score_bits(scores).ravel(), np.ascontiguousarray(truth).ravel()
        areas, regions = region_areas(truth)
        negatives, positives = self._groups.setdefault(group, (Keys(), Keys()))
        if areas.size:
            positives.add(places(bits[flags], areas))
        constant = runs_of_negatives(bits, flags)
        if constant is None:
            negatives.add(bits[~flags])
        else:
            negatives.add_rows(constant)
        seen = Totals(areas.size, flags.size - areas.size, regions)
        self._totals[group] = self._totals.get(group, Totals()) + seen
        self._spill()

    def add_counts(
        self,
        scores: FloatMap,
        positives: npt.NDArray[np.integer],
        negatives: npt.NDArray[np.integer],
        group: str = "",
    ) -> None:
        """Pixels that are counted already: distinct ``scores`` (K,), and how many positive and negative ones have each.

        For AUPRO each positive pixel is a region of its own. Raises ValueError as :meth:`add`.
        """
        bits, true, other = score_bits(scores), positives > 0, negatives > 0
        down, up = self._groups.setdefault(group, (Keys(), Keys()))
        up.add_rows(rows(places(bits[true], np.ones(int(true.sum()), np.int64)), positives[true].astype(np.int64)))
        down.add_rows(rows(bits[other], negatives[other].astype(np.int64)))
        seen = Totals(int(positives.sum()), int(negatives.sum()), int(positives.sum()))
        self._totals[group] = self._totals.get(group, Totals()) + seen
        self._spill()

    def figures(self, groups: Collection[str] | None = None) -> PixelFigures:
        """The figures of all images, or of those of ``groups`` (a defect type: ``{"scratch", ""}``)."""
        return judge(self._ranking(groups), self.totals(groups))

    def totals(self, groups: Collection[str] | None = None) -> Totals:
        """How many pixels and regions there are, in all or in ``groups``."""
        return sum((seen for name, seen in self._totals.items() if groups is None or name in groups), Totals())

    def curve(
        self, points: int = 200, groups: Collection[str] | None = None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], FloatMap]:
        """Points of the precision-recall curve: (recall, precision, threshold), recall rising; empty without positives.

        At most ``points`` + 1 of the exact ones: the first in each step of 1 / ``points`` of recall, and recall 1.
        """
        total = self.totals(groups).positives
        found, passed = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        scores = [np.zeros(0, np.float32)]
        reached = -1
        for step in self._ranking(groups):
            bins = step.found * points // max(total, 1)
            chosen = np.diff(bins, prepend=reached) > 0
            reached = int(bins[-1]) if bins.size else reached
            found.append(step.found[chosen])
            passed.append(step.passed[chosen])
            scores.append(step.scores[chosen])
        hits = np.concatenate(found)
        return hits / max(total, 1), hits / np.maximum(hits + np.concatenate(passed), 1), np.concatenate(scores)

    def _spill(self) -> None:
        """What is too much for memory goes to the disk."""
        if sum(keys.held() for kinds in self._groups.values() for keys in kinds) > self._hold:
            for kinds in self._groups.values():
                for keys in kinds:
                    keys.spill(self._scratch)

    def _ranking(self, groups: Collection[str] | None, extra: Sequence[Run] = ()) -> Iterator[Steps]:
        chosen = [kinds for name, kinds in self._groups.items() if groups is None or name in groups]
        for kinds in chosen:
            for keys in kinds:
                keys.settle()
        negatives, positives = ([run for kinds in chosen for run in kinds[side].runs] for side in (0, 1))
        before = Tally()
        for block in blocks(negatives, [*positives, *extra]):
            step = steps(block, before)
            before = step.end
            yield step


def f1_max_at(
    pool: PixelPool, thresholds: npt.NDArray[np.floating], groups: Collection[str] | None = None
) -> tuple[float, float]:
    """The best F1 over given ``thresholds`` >= 0 (score >= threshold), and its threshold, of several the highest.

    (nan, nan) without positive pixels. Scores are compared as they are, in float32, with thresholds in float64.
    """
    total = pool.totals(groups).positives
    if not total:
        return np.nan, np.nan
    wanted = np.unique(np.asarray(thresholds, np.float64))
    least = wanted.astype(np.float32)  # the lowest float32 that is not below: then >= means the same
    least = np.where(least < wanted, np.nextafter(least, np.float32(np.inf)), least)
    # Rows that count no pixel make the ranking stop there.
    marks = rows(places(score_bits(least), np.ones(least.size, np.int64)), np.zeros(least.size, np.int64))
    best, at = -1.0, np.nan
    for step in pool._ranking(groups, [Run.of(marks)]):
        stops = np.isin(step.scores, least)
        f1 = 2 * step.found[stops] / (step.found[stops] + step.passed[stops] + total)
        if f1.size and f1.max() > best:
            best = float(f1.max())
            at = float(wanted[least == step.scores[stops][f1.argmax()]][-1])
    return best, at
