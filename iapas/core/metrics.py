"""Exact metrics of ranked pixels or images: average precision, the best F1, AUROC, AUPRO; and IoU of masks.

:mod:`iapas.core.ranking` ranks; here the ranking is judged, block by block, in a few numbers of memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.ranking import Pixels, Steps, places, score_bits, steps
from iapas.types import BoolMap

FPR_LIMIT = 0.3
"""AUPRO is taken up to this false positive rate (Bergmann et al., MVTec AD, IJCV 2021, section 5.2)."""

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Totals:
    """What is ranked: numbers of ``positives``, of ``negatives``, and of ``regions`` of positive ones."""

    positives: int = 0
    negatives: int = 0
    regions: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.positives + other.positives, self.negatives + other.negatives, self.regions + other.regions)


@dataclass(frozen=True)
class PixelFigures:
    """Fractions in [0, 1]; all nan without positive pixels, ``auroc`` and ``aupro`` also without negative ones.

    ``f1_threshold``: pixels with a score at or above it give ``f1_max``; of several the highest.
    """

    ap: float = np.nan
    f1_max: float = np.nan
    f1_threshold: float = np.nan
    auroc: float = np.nan
    aupro: float = np.nan


@dataclass(frozen=True)
class ImageFigures:
    """As :class:`PixelFigures`, of images."""

    auroc: float
    ap: float
    f1_max: float


def judge(ranking: Iterable[Steps], totals: Totals) -> PixelFigures:
    """The figures of a ranking, from the highest scores to the lowest.

    AP = sum over the distinct scores of (R_n - R_n-1) * P_n, without interpolation, as scikit-learn's
    ``average_precision_score``; F1 = 2 TP / (predicted + positives) at every distinct score; AUROC: the share of
    pairs in which the positive pixel has the higher score, equal ones half; AUPRO: the mean over all regions of the
    share covered, over the false positive rate, at every distinct score with straight lines between, up to
    :data:`FPR_LIMIT` and divided by it (Bergmann et al., IJCV 2021, section 5.2).
    """
    if totals.positives == 0:
        return PixelFigures()
    precision, wins, best, threshold = 0.0, 0.0, -1.0, np.nan
    overlap, limit = 0.0, FPR_LIMIT * totals.negatives
    found, passed, covered = 0, 0, 0.0
    for step in ranking:
        if not step.scores.size:
            continue
        new = np.diff(step.found, prepend=found)
        predicted = step.found + step.passed
        precision += float((new * (step.found / np.maximum(predicted, 1))).sum())
        wins += float((new * (totals.negatives - (step.above + step.passed) / 2)).sum())
        f1 = 2 * step.found / (predicted + totals.positives)
        top = int(f1.argmax())
        if f1[top] > best:
            best, threshold = float(f1[top]), float(step.scores[top])
        across = np.stack([step.above, step.passed], axis=1).ravel()
        before = np.concatenate([[covered], step.covered[:-1]])
        up = np.stack([before, step.covered], axis=1).ravel()
        overlap += _area_below(np.append(passed, across), np.append(covered, up), limit)
        found, passed, covered = int(step.found[-1]), int(step.passed[-1]), float(step.covered[-1])
    overlap += max(0.0, limit - passed) * covered
    if totals.negatives == 0:
        return PixelFigures(precision / totals.positives, best, threshold)
    return PixelFigures(
        precision / totals.positives,
        best,
        threshold,
        wins / totals.positives / totals.negatives,
        overlap / totals.regions / limit,
    )


def rank_values(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> tuple[Steps, Totals]:
    """Rank values of any shape, each a region of its own: ``scores`` float >= 0, ``labels`` bool of the same shape."""
    check_labels(scores, labels)
    bits, flags = score_bits(scores).ravel(), labels.ravel()
    positive = bits[flags]
    totals = Totals(positive.size, bits.size - positive.size, positive.size)
    return steps(Pixels([bits[~flags]], positives=[places(positive, np.ones(positive.size, np.int64))])), totals


def check_labels(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
    """Raise ValueError unless ``labels`` are bool and of the shape of ``scores``."""
    if scores.shape != labels.shape or labels.dtype != bool:
        raise ValueError(
            f"labels must be bool of the scores' shape {scores.shape}, got {labels.dtype} of shape {labels.shape}"
        )


def image_figures(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> ImageFigures:
    """Figures of images: ``scores`` (N,) float >= 0, ``labels`` (N,) bool, True for a defective one."""
    ranking, totals = rank_values(scores, labels)
    figures = judge([ranking], totals)
    return ImageFigures(figures.auroc, figures.ap, figures.f1_max)


def count(mask: BoolMap, truth: BoolMap) -> tuple[int, int, int]:
    """Pixels (true positive, false positive, false negative) of two bool masks of one shape; sums pool images."""
    hits = int(np.count_nonzero(mask & truth))
    return hits, int(np.count_nonzero(mask)) - hits, int(np.count_nonzero(truth)) - hits


def iou_f1(tp: int, fp: int, fn: int) -> tuple[float, float]:
    """IoU = tp / (tp + fp + fn) and F1 = 2 tp / (2 tp + fp + fn) of pooled pixel counts; nan where all are 0."""
    if tp + fp + fn == 0:
        return np.nan, np.nan
    return tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn)


def _area_below(x: npt.NDArray[Any], y: Curve, limit: float) -> float:
    """The area below the points (x rising), with straight lines between them, left of ``limit``."""
    width = np.diff(np.minimum(x, limit))
    run = np.maximum(np.diff(x), 1)
    return float((width * (y[:-1] + np.diff(y) * width / run / 2)).sum())
