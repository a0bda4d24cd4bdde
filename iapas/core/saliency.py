"""Saliency metrics: S-measure, mean absolute error, the best F-measure of the mean curve.

Compared with PySODMetrics 1.6.2 (float predictions, ``normalize=False``; F with both its old and its new class) on
random and real maps: equal within 1e-12. One difference is meant: where the foreground's centroid lies on the last
row or column, some quadrants are empty; they count with weight 0 here and give nan there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, FloatMap

Prediction = npt.NDArray[np.float64]
"""(H, W) float64 in [0, 1], original image pixels."""

_EPS = float(np.spacing(1.0))


class Saliency:
    """Means over images, added one by one; keeps 256 numbers whatever their count."""

    def __init__(self) -> None:
        self._images = 0
        self._s_measure = 0.0
        self._mae = 0.0
        self._f = np.zeros(256)

    def add(self, prediction: npt.NDArray[np.floating], truth: BoolMap) -> None:
        """One image: ``prediction`` (H, W) float in [0, 1], ``truth`` (H, W) bool. Raises ValueError for others."""
        if prediction.shape != truth.shape or truth.dtype != bool or truth.size == 0:
            raise ValueError(
                f"truth must be bool of the prediction's shape {prediction.shape}, got {truth.dtype} {truth.shape}"
            )
        if not (prediction.min() >= 0 and prediction.max() <= 1):
            raise ValueError(
                f"a prediction must be in [0, 1], got values from {prediction.min()} to {prediction.max()}"
            )
        values = prediction.astype(np.float64)
        self._images += 1
        self._s_measure += s_measure(values, truth)
        self._mae += mae(values, truth)
        self._f += f_curve(values, truth)

    def result(self) -> dict[str, float]:
        """``s_measure``, ``mae``, ``f_max``: fractions in [0, 1]; nan where no image was added."""
        if self._images == 0:
            return {"s_measure": np.nan, "mae": np.nan, "f_max": np.nan}
        return {
            "s_measure": self._s_measure / self._images,
            "mae": self._mae / self._images,
            "f_max": float((self._f / self._images).max()),
        }


def sharpen(score_map: FloatMap) -> Prediction:
    """A score map, (H, W) float32 >= 0, as a saliency map in [0, 1]: min-max, then 1 / (1 + exp(-14 (p - 0.5))).

    Saliency metrics judge the values, not their order: halves are pulled to 0 and 1. A constant map gives
    its lowest value everywhere.
    """
    values = score_map.astype(np.float64)
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    sharpened: Prediction = 1 / (1 + np.exp(-14 * (scaled - 0.5)))
    return sharpened


def mae(prediction: Prediction, truth: BoolMap) -> float:
    """Mean of |prediction - truth| (Perazzi et al., Saliency filters, CVPR 2012)."""
    return float(np.abs(prediction - truth).mean())


def f_curve(prediction: Prediction, truth: BoolMap, beta2: float = 0.3) -> npt.NDArray[np.float64]:
    """(256,) F-measures at the thresholds 255, 254, ... 0 (Achanta et al., CVPR 2009); all 0 where truth is empty.

    The prediction is cut (not rounded) to 0..255. F = (1 + beta2) P R / (beta2 P + R).
    """
    levels = (prediction * 255).astype(np.uint8)
    found = np.cumsum(np.bincount(levels[truth], minlength=256)[::-1])
    predicted = np.cumsum(np.bincount(levels.ravel(), minlength=256)[::-1])
    # with P = found / predicted and R = found / positives
    return (1 + beta2) * found / np.maximum(beta2 * np.count_nonzero(truth) + predicted, 1)


def s_measure(prediction: Prediction, truth: BoolMap, alpha: float = 0.5) -> float:
    """Structure measure, alpha * object + (1 - alpha) * region, at least 0 (Fan et al., ICCV 2017, section 3)."""
    share = float(truth.mean())
    if share == 0:
        return 1 - float(prediction.mean())
    if share == 1:
        return float(prediction.mean())
    objects = share * _object_score(prediction[truth]) + (1 - share) * _object_score(1 - prediction[~truth])
    return max(0.0, alpha * objects + (1 - alpha) * _region_score(prediction, truth))


def _object_score(values: npt.NDArray[np.float64]) -> float:
    """2 x / (x^2 + 1 + sigma), x the mean and sigma the sample deviation (equations 4 to 6, lambda as released)."""
    mean = float(values.mean())
    deviation = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 2 * mean / (mean**2 + 1 + deviation + _EPS)


def _region_score(prediction: Prediction, truth: BoolMap) -> float:
    """SSIM of the four quadrants around the foreground's centroid, weighted by their areas (equations 1 to 3)."""
    row, column = (int(np.round(index.mean())) + 1 for index in np.nonzero(truth))
    score = 0.0
    for rows in (slice(None, row), slice(row, None)):
        for columns in (slice(None, column), slice(column, None)):
            part = truth[rows, columns]
            if part.size:
                score += _ssim(prediction[rows, columns], part) * part.size / truth.size
    return score


def _ssim(prediction: Prediction, truth: BoolMap) -> float:
    """Structural similarity of one block, without the constants (equation 1); 1 where both are flat and black."""
    x, y = float(prediction.mean()), float(truth.mean())
    dx, dy = prediction - x, truth - y
    freedom = truth.size - 1 + _EPS
    above = 4 * x * y * float((dx * dy).sum()) / freedom
    below = (x**2 + y**2) * float((dx**2).sum() + (dy**2).sum()) / freedom
    if above != 0:
        return above / (below + _EPS)
    return 1.0 if below == 0 else 0.0
