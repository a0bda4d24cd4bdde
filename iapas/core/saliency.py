"""Saliency metrics: S-measure, mean absolute error, weighted F, the best E- and F-measure of the mean curves.

Compared with PySODMetrics 1.6.2 (float predictions, ``normalize=False``; F with both its old and its new class) on
random and real maps: equal within 1e-12, weighted F within 1e-9 (its distances are float32 here). Two differences are
meant: where the foreground's centroid lies on the last row or column, some quadrants are empty; they count with
weight 0 here and give nan there; and a mean E-measure above 1, which its division by H W - 1 allows, is given as 1.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, FloatMap

Prediction = npt.NDArray[np.float64]
"""(H, W) float64 in [0, 1], original image pixels."""

Curve = npt.NDArray[np.float64]
"""(256,) float64: a value for each of the thresholds 255, 254, ... 0 on a prediction cut (not rounded) to 0..255."""

_EPS = float(np.spacing(1.0))
_REACH = 3  # of the 7 x 7 Gaussian
_NEAR = sorted(
    ((y, x) for y in range(-_REACH - 1, _REACH + 2) for x in range(-_REACH - 1, _REACH + 2)),
    key=lambda offset: (offset[0] ** 2 + offset[1] ** 2, offset[1], offset[0]),
)
"""Offsets (row, column) from the nearest on; of equally near ones first what SciPy's distance transform takes."""


class Saliency:
    """Means over images, added one by one; keeps 512 numbers whatever their count.

    ``weighted_beta2``: of the weighted F-measure; 1 is Margolin's and that of most packages, some papers take 0.3.
    """

    def __init__(self, weighted_beta2: float = 1.0) -> None:
        self._beta2 = weighted_beta2
        self._images = 0
        self._s_measure = 0.0
        self._mae = 0.0
        self._weighted = 0.0
        self._e: Curve = np.zeros(256)
        self._f: Curve = np.zeros(256)

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
        self._weighted += weighted_f(values, truth, self._beta2)
        self._e += e_curve(values, truth)
        self._f += f_curve(values, truth)

    def result(self) -> dict[str, float]:
        """``s_measure``, ``mae``, ``e_measure_max``, ``weighted_f``, ``f_max``: in [0, 1]; nan without an image."""
        images = self._images or np.nan
        return {
            "s_measure": self._s_measure / images,
            "mae": self._mae / images,
            "e_measure_max": min(1.0, float(self._e.max()) / images) if self._images else np.nan,
            "weighted_f": self._weighted / images,
            "f_max": float(self._f.max()) / images,
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


def f_curve(prediction: Prediction, truth: BoolMap, beta2: float = 0.3) -> Curve:
    """F = (1 + beta2) P R / (beta2 P + R) (Achanta et al., CVPR 2009); all 0 where truth is empty."""
    found, predicted = _at_or_above(prediction, truth)
    # with P = found / predicted and R = found / positives
    return (1 + beta2) * found / np.maximum(beta2 * np.count_nonzero(truth) + predicted, 1)


def e_curve(prediction: Prediction, truth: BoolMap) -> Curve:
    """Enhanced-alignment measure (Fan et al., IJCAI 2018, equations 2 to 5), divided by H W - 1 as released."""
    found, predicted = _at_or_above(prediction, truth)
    pixels, positives = truth.size, int(np.count_nonzero(truth))
    if positives == 0:
        total = (pixels - predicted).astype(np.float64)
    elif positives == pixels:
        total = predicted.astype(np.float64)
    else:
        total = np.zeros(256)
        share, expected = predicted / pixels, positives / pixels
        for of_prediction, of_truth, count in (
            (1 - share, 1 - expected, found),
            (1 - share, -expected, predicted - found),
            (-share, 1 - expected, positives - found),
            (-share, -expected, pixels - predicted - positives + found),
        ):
            alignment = 2 * of_prediction * of_truth / (of_prediction**2 + of_truth**2 + _EPS)
            total += (alignment + 1) ** 2 / 4 * count
    return total / (pixels - 1 + _EPS)


def weighted_f(prediction: Prediction, truth: BoolMap, beta2: float = 1.0) -> float:
    """Weighted F-measure (Margolin et al., How to evaluate foreground maps?, CVPR 2014, section 4); 0 for empty truth.

    Errors inside the foreground are shared with neighbours, errors outside count up to twice with the distance from it.
    """
    if not truth.any():
        return 0.0
    error = np.abs(prediction - truth)
    shared = cv2.GaussianBlur(_carried_out(error, truth), (2 * _REACH + 1,) * 2, 5, borderType=cv2.BORDER_CONSTANT)
    distance = cv2.distanceTransform((~truth).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    missed = np.minimum(error, shared)[truth]
    wrong = (error * (2 - np.exp(np.log(0.5) / 5 * distance.astype(np.float64))))[~truth]
    found = missed.size - float(missed.sum())
    recall = 1 - float(missed.mean())
    precision = found / (found + float(wrong.sum()) + _EPS)
    return (1 + beta2) * recall * precision / (recall + beta2 * precision + _EPS)


def s_measure(prediction: Prediction, truth: BoolMap, alpha: float = 0.5) -> float:
    """Structure measure, alpha * object + (1 - alpha) * region, at least 0 (Fan et al., ICCV 2017, section 3)."""
    share = float(truth.mean())
    if share == 0:
        return 1 - float(prediction.mean())
    if share == 1:
        return float(prediction.mean())
    objects = share * _object_score(prediction[truth]) + (1 - share) * _object_score(1 - prediction[~truth])
    return max(0.0, alpha * objects + (1 - alpha) * _region_score(prediction, truth))


def _at_or_above(prediction: Prediction, truth: BoolMap) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(256,) pixels of the foreground, and of the image, at or above the thresholds 255, 254, ... 0."""
    levels = (prediction * 255).astype(np.uint8)
    found = np.cumsum(np.bincount(levels[truth], minlength=256)[::-1])
    return found, np.cumsum(np.bincount(levels.ravel(), minlength=256)[::-1])


def _carried_out(error: Prediction, truth: BoolMap) -> Prediction:
    """``error`` with that of the nearest foreground pixel at background pixels that the Gaussian reaches from there."""
    margin = _REACH + 1
    inside, values = np.pad(truth, margin), np.pad(error, margin)
    reached = cv2.dilate(truth.astype(np.uint8), np.ones((2 * _REACH + 1,) * 2, np.uint8)).astype(bool) & ~truth
    left = np.flatnonzero(np.pad(reached, margin))
    carried = values.copy()
    for row, column in _NEAR:
        nearest = left + row * inside.shape[1] + column
        hit = inside.ravel()[nearest]
        carried.ravel()[left[hit]] = values.ravel()[nearest[hit]]
        left = left[~hit]
    return carried[margin:-margin, margin:-margin]


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
