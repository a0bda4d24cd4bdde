"""Exact pixel metrics over many images: average precision, the best F1, IoU.

A pixel's score and label are packed into one uint32 key, sorted once, and read from the top in chunks:
4 bytes for each pixel and no binning. :func:`pack` each image, fill one array, then :func:`rank`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, FloatMap

Keys = npt.NDArray[np.uint32]
"""(N,) uint32: the bits of a float32 score >= 0, shifted left by one, and the label in the lowest bit."""

Counts = npt.NDArray[np.int64]

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Ranking:
    """What the order of pooled pixels says; fractions in [0, 1], nan where no pixel is positive.

    ``f1_threshold``: pixels with a score at or above it give ``f1_max``; of several the highest.
    """

    average_precision: float
    f1_max: float
    f1_threshold: float


def pack(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Keys:
    """Keys of pixels in any order: ``scores`` float (taken as float32), finite and >= 0; ``labels`` bool, same shape.

    Returns (N,) keys, flat. Raises ValueError for scores that are NaN, infinite or negative, labels that are not
    bool, and shapes that differ.
    """
    if scores.shape != labels.shape or labels.dtype != bool:
        raise ValueError(
            f"labels must be bool of the scores' shape {scores.shape}, got {labels.dtype} of shape {labels.shape}"
        )
    values = np.ascontiguousarray(scores, np.float32).ravel()
    if values.size and not (values.min() >= 0 and values.max() < np.inf):
        raise ValueError(f"scores must be finite and >= 0, got values from {values.min()} to {values.max()}")
    # The bit patterns of floats >= 0 sort as integers do; the shift drops the sign bit, so -0.0 becomes 0.
    keys = values.view(np.uint32) << np.uint32(1)
    keys |= labels.ravel()
    return keys


def rank(keys: Keys) -> Ranking:
    """Average precision and the best F1 of pooled :func:`pack` keys; **sorts ``keys`` in place**.

    AP = sum over the distinct scores, highest first, of (R_n - R_n-1) * P_n, without interpolation, as scikit-learn's
    ``average_precision_score``. F1 = 2 TP / (predicted + positives), at every distinct score.
    """
    keys.sort()
    positives = _count_positives(keys)
    if positives == 0:
        return Ranking(np.nan, np.nan, np.nan)
    area, best, threshold, before = 0.0, -1.0, np.nan, 0
    for found, predicted, scores in _steps(keys):
        area += float((np.diff(found, prepend=before) * (found / predicted)).sum())
        before = int(found[-1])
        f1 = 2 * found / (predicted + positives)
        top = int(f1.argmax())
        if f1[top] > best:
            best, threshold = float(f1[top]), float(scores[top])
    return Ranking(area / positives, best, threshold)


def average_precision(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """Average precision over all pixels, see :func:`rank`; nan where no label is True. Arguments as :func:`pack`."""
    return rank(pack(scores, labels)).average_precision


def f1_max(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> tuple[float, float]:
    """The best F1 over all thresholds (score >= threshold) and its threshold; (nan, nan) where no label is True."""
    ranking = rank(pack(scores, labels))
    return ranking.f1_max, ranking.f1_threshold


def count(mask: BoolMap, truth: BoolMap) -> tuple[int, int, int]:
    """Pixels (true positive, false positive, false negative) of two bool masks of one shape; sums pool images."""
    hits = int(np.count_nonzero(mask & truth))
    return hits, int(np.count_nonzero(mask)) - hits, int(np.count_nonzero(truth)) - hits


def iou_f1(tp: int, fp: int, fn: int) -> tuple[float, float]:
    """IoU = tp / (tp + fp + fn) and F1 = 2 tp / (2 tp + fp + fn) of pooled pixel counts; nan where all are 0."""
    if tp + fp + fn == 0:
        return np.nan, np.nan
    return tp / (tp + fp + fn), 2 * tp / (2 * tp + fp + fn)


def _count_positives(keys: Keys) -> int:
    return sum(int(np.count_nonzero(keys[at : at + _CHUNK] & 1)) for at in range(0, keys.size, _CHUNK))


def _steps(keys: Keys) -> Iterator[tuple[Counts, Counts, FloatMap]]:
    """The distinct scores of sorted ``keys``, highest first, in chunks: (positives and pixels at or above, score)."""
    above = 0
    for end in range(keys.size, 0, -_CHUNK):
        start = max(0, end - _CHUNK)
        chunk = keys[start:end]
        bits = chunk >> 1
        first = np.empty(chunk.size, bool)  # the lowest pixel of a score: with it, all pixels of the score are in
        first[0] = start == 0 or bits[0] != keys[start - 1] >> 1
        np.not_equal(bits[1:], bits[:-1], out=first[1:])
        found = above + np.cumsum((chunk & 1)[::-1], dtype=np.int64)[::-1]
        above = int(found[0])
        index = np.flatnonzero(first)[::-1]
        if index.size:
            yield found[index], keys.size - start - index, bits[index].view(np.float32)
