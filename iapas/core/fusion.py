"""Fusion of a matched mask with the masks of a segment-everything model.

After Liu et al., "Exploring Few-Shot Defect Segmentation in General Industrial Scenarios"; where its text and its
released code differ, both are there (Fusion.area_condition, Fusion.erase_ring). Compared with the code's own numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from iapas.types import BoolMap

LARGE = 0.4  # of the picture: from this area on a mask ...
MOST = 0.6  # ... must be covered by more than this


@dataclass(frozen=True)
class Fusion:
    """How masks are fused. Every comparison is strict.

    ``mode``: ``sam`` the selected masks alone; ``union`` with the matched mask; ``replace`` the same, but a part of
    the matched mask that a selected mask covers gives way to it. ``tau1``: share of a mask that must be matched for it
    to be selected. ``tau2``: share of a part that the mask, widened by a square of side ``dilation``, must cover.
    ``area_condition``: see LARGE. ``erase_ring``: the code erases the widening around a mask that replaces, whatever
    lies there; else the covered part is taken away (the text).
    """

    mode: Literal["none", "sam", "union", "replace"] = "replace"
    tau1: float = 0.2
    tau2: float = 0.9
    dilation: int = 21
    area_condition: bool = True
    erase_ring: bool = True


def disjoint(masks: Sequence[BoolMap]) -> list[BoolMap]:
    """The masks (H, W) bool by area, smallest first, each without what smaller ones hold (then perhaps empty)."""
    parts: list[BoolMap] = []
    taken: BoolMap | None = None
    for mask in sorted(masks, key=np.count_nonzero):
        parts.append(mask if taken is None else mask & ~taken)
        taken = mask if taken is None else taken | mask
    return parts


def selected(matched: BoolMap, parts: Sequence[BoolMap], rule: Fusion) -> list[BoolMap]:
    """Those of the disjoint masks that ``matched`` (H, W) bool covers."""
    chosen = []
    for part in parts:
        area = np.count_nonzero(part)
        share = np.count_nonzero(part & matched) / area if area else 0.0
        small_enough = area < LARGE * part.size or share > MOST or not rule.area_condition
        if area and share > rule.tau1 and small_enough:
            chosen.append(part)
    return chosen


def fuse(matched: BoolMap, masks: Sequence[BoolMap], rule: Fusion) -> BoolMap:
    """The fused mask (H, W) bool of ``matched`` and the masks of all parts of the picture, which may overlap.

    Where no mask is selected ``matched`` stays as it is.
    """
    chosen = [] if rule.mode == "none" else selected(matched, disjoint(masks), rule)
    if not chosen:
        return matched.copy()
    union: BoolMap = np.logical_or.reduce(chosen)
    if rule.mode == "sam":
        return union
    if rule.mode == "union":
        return union | matched
    return _replace(matched, chosen, union, rule)


def _replace(matched: BoolMap, chosen: Sequence[BoolMap], union: BoolMap, rule: Fusion) -> BoolMap:
    _, labels = cv2.connectedComponents(matched.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    areas = np.bincount(labels.ravel())
    square = np.ones((rule.dilation, rule.dilation), np.uint8)
    ring, protected, covered = (np.zeros_like(matched) for _ in range(3))
    for mask in chosen:
        wide = cv2.dilate(mask.astype(np.uint8), square) > 0
        inside = np.bincount(labels[wide], minlength=len(areas))
        inside[0] = 0
        part = int(inside.argmax())
        if areas[part] and inside[part] > rule.tau2 * areas[part] and part:
            ring |= wide & ~mask
            protected |= mask
            covered |= labels == part
    if rule.erase_ring:
        return (matched | union) & ~(ring & ~protected)
    return (matched & ~covered) | union
