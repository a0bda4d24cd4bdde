"""The small picture of an image in the report: photograph and score map side by side, drawn while both are at hand.

One strip for each image, so that the report of a continued run needs none of the originals. Heat map and outlines
are coloured by the page, from the scores in the strip: outlines then follow the page's threshold.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import FloatMap, Image

SIDE = 240
"""Long side of either half, in pixels."""

_BLOCK = 16  # JPEG codes colours in blocks of 16 pixels: at a multiple the halves do not run into each other
_FIRST, _ONE = 20, 200  # grey values of a score just above 0, and of 1; compression blurs by a few grey values


def draw_strip(image: Image, scores: FloatMap) -> Image:
    """The reduced ``image``, and right of it the scores as grey values (:func:`grey_value`) of the same frame.

    ``image``: (H, W, 3) uint8 RGB; ``scores``: (H, W) float32, >= 0. Returns (h, 2w, 3) uint8, each half at most
    :data:`SIDE` long. A pixel of the right half is the highest score in its place, so that a hairline stays and
    some pixel reaches a threshold exactly when the image does.
    """
    height, width = strip_size(image.shape[:2])
    strip = np.empty((height, 2 * width, 3), np.uint8)
    strip[:, :width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    strip[:, width:] = grey_value(_highest(scores, height, width))[..., None]
    return strip


def strip_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(height, width) of either half for an image of ``shape`` (height, width); very long ones are squeezed.

    >>> strip_size((480, 640)), strip_size((640, 480)), strip_size((20, 30)), strip_size((100, 9000))
    ((180, 240), (235, 176), (11, 16), (3, 240))
    """
    height, width = shape[:2]
    reduced = width * min(1.0, SIDE / max(height, width))
    columns = max(_BLOCK, int(reduced) // _BLOCK * _BLOCK)
    return max(1, min(SIDE, round(columns * height / width))), columns


def grey_value(scores: FloatMap | float) -> npt.NDArray[np.uint8]:
    """Scores as grey values: 0 for 0, then in even steps from 20 for just above 0 to 200 for 1; above 1, up to 255.

    >>> grey_value(np.float32([0, 1e-9, 0.5, 1, 2, 1e9])).tolist()
    [0, 20, 110, 200, 228, 255]
    """
    s = np.asarray(scores, np.float32)
    low = _FIRST + (_ONE - _FIRST) * np.minimum(s, 1)
    high = (255 - _ONE) * (1 - 1 / np.maximum(s, 1))
    return np.where(s > 0, np.rint(low + high), 0).astype(np.uint8)


def score_at(value: float) -> float:
    """The score, of 0 to 1, that a grey value stands for; 1 for all above."""
    return min(1.0, max(0.0, (value - _FIRST) / (_ONE - _FIRST)))


def _highest(scores: FloatMap, height: int, width: int) -> FloatMap:
    """(height, width): the maximum of each cell of a grid laid over the scores."""
    rows = np.arange(height) * scores.shape[0] // height
    columns = np.arange(width) * scores.shape[1] // width
    tall = np.maximum.reduceat(scores, rows, axis=0) if height <= scores.shape[0] else scores[rows]
    if width > scores.shape[1]:
        return np.asarray(tall[:, columns], np.float32)
    return np.asarray(np.maximum.reduceat(tall, columns, axis=1), np.float32)
