"""An image of an evaluation as a strip: the photograph, the truth outlined on it, and the heat map."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.types import BoolMap, FloatMap, Image

SIDE = 240
"""Long side of each of the three, in pixels."""

_GAP = 4
_OUTLINE, _HALO = (255, 214, 10), (0, 0, 0)


def draw_judged(image: Image, truth: BoolMap, scores: FloatMap, most: float) -> Image:
    """(h, 3 w and gaps, 3) uint8: ``image`` (H, W, 3) uint8, ``truth`` outlined, ``scores`` 0 to ``most`` as colours.

    ``truth`` and ``scores`` are of one size, which need not be the image's. Colours are those of the report: black 0,
    pale yellow ``most``.
    """
    reduced = min(1.0, SIDE / max(image.shape[:2]))
    width, height = (max(16, round(side * reduced)) for side in (image.shape[1], image.shape[0]))
    photo = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    inside = cv2.resize(truth.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0
    values = cv2.resize(scores, (width, height), interpolation=cv2.INTER_AREA) / max(most, 1e-9)
    shades = np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
    heat = np.asarray(cv2.applyColorMap(shades, cv2.COLORMAP_INFERNO)[:, :, ::-1], np.uint8)
    gap = np.full((height, _GAP, 3), 128, np.uint8)
    return np.concatenate([photo, gap, _outlined(photo, inside), gap, heat], axis=1)


def _outlined(photo: Image, inside: BoolMap) -> Image:
    """A line just outside what is true, with a dark halo: legible on any picture."""
    canvas = photo.copy()
    near, wide = (cv2.dilate(inside.astype(np.uint8), np.ones((size, size), np.uint8)) > 0 for size in (3, 5))
    canvas[wide & ~near] = _HALO
    canvas[near & ~inside] = _OUTLINE
    return canvas
