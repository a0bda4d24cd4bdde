"""Small holes and islands of a mask."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.types import BoolMap


def fill_holes(mask: BoolMap, min_area: int) -> BoolMap:
    """``mask`` (H, W) bool, of whose holes those with fewer than ``min_area`` pixels are filled (8-connected)."""
    small, _ = _small(~mask, min_area)
    return mask | small


def drop_islands(mask: BoolMap, min_area: int) -> BoolMap:
    """``mask`` (H, W) bool without its parts of fewer than ``min_area`` pixels (8-connected).

    Where all are smaller the largest one stays.
    """
    small, largest = _small(mask, min_area)
    kept = mask & ~small
    return kept if kept.any() else largest


def _small(parts: BoolMap, min_area: int) -> tuple[BoolMap, BoolMap]:
    """Where the small ones of the connected ``parts`` are, and the largest one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(parts.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # all the rest
    is_small = areas < min_area
    is_small[0] = False
    largest = np.zeros(count, bool)
    largest[areas.argmax()] = count > 1
    return is_small[labels], largest[labels]
