"""The region of interest: where in a picture to look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iapas.errors import RoiMismatch
from iapas.types import BoolMap

Frame = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Roi:
    """A rectangle (x, y, width, height in pixels of the displayed frame), or a mask (H, W) bool: True is looked at."""

    rectangle: Frame | None = None
    mask: BoolMap | None = None


def cut_out(roi: Roi | None, size: tuple[int, int]) -> tuple[Frame, BoolMap | None]:
    """The frame x0 y0 x1 y1 to look at in an image of ``size`` (height, width), and the mask within it, if any.

    A rectangle that sticks out is clipped. Raises RoiMismatch when nothing is left, or a mask has another size.
    """
    height, width = size
    if roi is None:
        return (0, 0, width, height), None
    if roi.mask is not None:
        return _around(roi.mask, size)
    x, y, w, h = roi.rectangle or (0, 0, width, height)
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + w), min(height, y + h)
    if x0 >= x1 or y0 >= y1:
        raise RoiMismatch(f"the region of interest {x},{y},{w},{h} lies outside the image of {width} x {height} pixels")
    return (x0, y0, x1, y1), None


def _around(mask: BoolMap, size: tuple[int, int]) -> tuple[Frame, BoolMap]:
    if mask.shape != size:
        raise RoiMismatch(
            f"the mask of the region of interest has {mask.shape[1]} x {mask.shape[0]} pixels, "
            f"the image {size[1]} x {size[0]}"
        )
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(ys):
        raise RoiMismatch("the mask of the region of interest is black: there is nothing to look at")
    x0, y0, x1, y1 = int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1
    return (x0, y0, x1, y1), mask[y0:y1, x0:x1]
