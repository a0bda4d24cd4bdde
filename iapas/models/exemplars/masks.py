"""Masks of examples as models want them, and masks of models as score maps."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, FloatMap


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
    if small.any() or not mask.any():
        return np.asarray(small)
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
