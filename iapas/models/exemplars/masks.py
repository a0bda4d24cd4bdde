"""Masks of examples as models want them, and masks of models as score maps."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from iapas.models.upsampling import Upsampling
from iapas.types import BoolMap, FloatMap, MaskCrop


def classes(mask: npt.NDArray[Any]) -> dict[int, BoolMap]:
    """The mask (H, W) of each class in it: where it is True, or for integers each value above 0 by itself."""
    if mask.dtype == bool:
        return {1: mask} if mask.any() else {}
    return {int(value): mask == value for value in np.unique(mask) if value > 0}


def fitted(mask: BoolMap, size: tuple[int, int]) -> BoolMap:
    """``mask`` (H, W) bool at ``size`` (height, width): bilinear, at least half.

    Where that would lose all of it, each of its pixels is mapped to its pixel there instead.
    """
    small = cv2.resize(mask.astype(np.float32), size[::-1]) >= 0.5
    return touched(mask, size) if mask.any() and not small.any() else np.asarray(small)


def touched(mask: BoolMap, size: tuple[int, int]) -> BoolMap:
    """(h, w) bool of ``size``: the cells in which ``mask`` (H, W) bool has a pixel."""
    ys, xs = np.nonzero(mask)
    cells = np.zeros(size, bool)
    cells[ys * size[0] // mask.shape[0], xs * size[1] // mask.shape[1]] = True
    return cells


def probabilities(logits: Any, size: tuple[int, int]) -> FloatMap:
    """(N, h, w) mask logits to the greatest of their probabilities, (H, W) float32 in 0..1: over 0.5 where a logit > 0.

    Resized to ``size`` (height, width), bilinear, before they become probabilities, as the released code of SAM does.
    """
    from torch.nn.functional import interpolate

    large = interpolate(logits.float()[None], size, mode="bilinear", align_corners=False)[0]
    found: FloatMap = large.amax(dim=0).sigmoid().cpu().numpy().astype(np.float32)
    return found


def full(logits: Any, upsampling: Upsampling, size: tuple[int, int]) -> FloatMap:
    """Coarse logits (h, w) of one mask to its probabilities, (H, W) float32 in 0..1; those below 2 % are 0."""
    found = np.zeros(size, np.float32)
    for (x, y), window in upsampling.windows(logits[None], above=-4.0):
        height, width = window.shape
        found[y : y + height, x : x + width] = window.sigmoid().cpu().numpy()
    return found


def cells_of(mask: MaskCrop, size: tuple[int, int], grid: tuple[int, int]) -> BoolMap:
    """(h, w) bool: the cells in which a mask of an image of ``size`` (height, width) has a pixel."""
    whole = np.zeros(size, bool)
    x0, y0, x1, y1 = mask.frame
    whole[y0:y1, x0:x1] = mask.pixels > 0
    return touched(whole, grid)
