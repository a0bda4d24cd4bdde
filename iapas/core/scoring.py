"""From regions to a score map, from a score map to a mask, from good images to a threshold."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, FloatMap, Regions, crop_frame

ANY_POSITIVE = float(np.finfo(np.float32).tiny)
"""The threshold that keeps every positive score: the paper's union of the masks."""


def score_map(regions: Regions) -> FloatMap:
    """(H, W) float32, >= 0: the sum of s_i * m_i (IAP-AS, section 3), m_i in [0, 1]; zero where no region is.

    Not squashed or normalised: overlapping regions may pass 1.
    """
    total = np.zeros(regions.size, np.float32)
    for box, score, crop in zip(regions.boxes, regions.scores, regions.crops or (), strict=True):
        x0, y0, x1, y1 = crop_frame(box, regions.size)
        total[y0:y1, x0:x1] += crop * np.float32(score / 255)
    return total


def threshold_mask(scores: FloatMap, threshold: float, min_area: int = 0) -> BoolMap:
    """(H, W) bool: scores at or above ``threshold`` (> 0), less 8-connected parts of under ``min_area`` pixels."""
    mask = scores >= np.float32(threshold)
    if min_area <= 1 or not mask.any():
        return mask
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= min_area
    keep[0] = False
    return np.asarray(keep[labels], bool)


def minmax(scores: FloatMap) -> FloatMap:
    """The map scaled to [0, 1]; zeros where it is constant (a zero map stays zero)."""
    low, high = float(scores.min(initial=np.inf)), float(scores.max(initial=-np.inf))
    if not high > low:
        return np.zeros_like(scores)
    return ((scores - np.float32(low)) / np.float32(high - low)).astype(np.float32)


def critical_score(scores: FloatMap, min_area: int = 0) -> float:
    """The largest threshold at which :func:`threshold_mask` still finds something; 0.0 when none does."""
    if min_area <= 1:
        return float(scores.max(initial=0.0))
    levels = np.unique(scores[scores > 0])
    low, high = 0, len(levels)  # levels[:low] give a mask, levels[high:] do not: parts only grow as the threshold falls
    while low < high:
        middle = (low + high) // 2
        if threshold_mask(scores, float(levels[middle]), min_area).any():
            low = middle + 1
        else:
            high = middle
    return float(levels[low - 1]) if low else 0.0


def calibrated_threshold(critical: Sequence[float] | npt.NDArray[np.floating], false_alarms: float) -> float:
    """The threshold at which at most the share ``false_alarms`` of good images gets a mask.

    ``critical``: :func:`critical_score` of each of n good images. Of n + 1 exchangeable images, the n and the next
    one, at most the share may lie at or above the threshold (split conformal prediction: Vovk et al., Algorithmic
    Learning in a Random World, section 2.2), so floor(share * (n + 1)) - 1 of the n may, and on average the next
    good image keeps the promise too. Too few images for the share: the threshold lies above all of them.
    Raises ValueError without images, or for a share outside [0, 1).
    """
    if not len(critical):
        raise ValueError("a threshold needs at least one good image")
    if not 0 <= false_alarms < 1:
        raise ValueError(f"the share of false alarms must be in [0, 1), got {false_alarms}")
    falling = np.sort(np.asarray(critical, np.float32))[::-1]
    allowed = max(0, int(np.floor(false_alarms * (len(falling) + 1) + 1e-9)) - 1)
    return max(float(np.nextafter(falling[allowed], np.float32(np.inf))), ANY_POSITIVE)
