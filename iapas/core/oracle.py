"""The oracle of "Segment anything in the SAM era" studies: which of a picture's masks would have been the defect.

Masks are superimposed, or negated, so that their union comes closest to the ground truth (Song et al., section 3: how
is not told; ours is greedy, and closest means the highest IoU). It looks at the truth: an upper bound, no method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, Regions, crop_frame

Step = tuple[int, Literal["add", "add negated", "take away"]]
"""A mask (its place in the regions), and what was done with it."""

_DEEDS: tuple[Literal["add", "add negated", "take away"], ...] = ("add", "add negated", "take away")


@dataclass(frozen=True, eq=False)
class Selection:
    """``mask``: (H, W) bool, image pixels; ``steps``: how it came about; ``iou`` with the truth: nan if both are empty."""

    mask: BoolMap
    steps: tuple[Step, ...]
    iou: float


def select_masks(regions: Regions, truth: BoolMap) -> Selection:
    """The masks of ``regions`` (m >= 0.5) put together towards ``truth``, (H, W) bool in the same frame.

    Beginning with nothing, each step adds a mask, adds the negative of one, or takes one away, whichever raises the
    IoU most (of equal ones the first, adding before taking away), until none does. Raises ValueError for another size.
    """
    if truth.shape != regions.size or truth.dtype != bool:
        raise ValueError(f"truth must be bool of shape {regions.size}, got {truth.dtype} {truth.shape}")
    cells, members = _cells(regions)
    positive = np.bincount(cells[truth], minlength=members.shape[1]).astype(np.float64)
    negative = np.bincount(cells[~truth], minlength=members.shape[1]).astype(np.float64)
    total = float(positive.sum())
    chosen = np.zeros(members.shape[1], bool)
    steps: list[Step] = []
    reached = 0.0
    while len(regions):
        hits, misses = (_after(members, chosen, pixels) for pixels in (positive, negative))
        iou = hits / np.maximum(misses + total, 1)
        best = int(iou.argmax())
        if iou.flat[best] <= reached:
            break
        reached = float(iou.flat[best])
        deed, at = divmod(best, len(regions))
        steps.append((at, _DEEDS[deed]))
        member = members[at]
        chosen = chosen | member if deed == 0 else chosen | ~member if deed == 1 else chosen & ~member
    empty = total == 0 and not steps
    return Selection(chosen[cells], tuple(steps), np.nan if empty else reached)


def _after(members: npt.NDArray[np.bool_], chosen: BoolMap, pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(3, N): how many of ``pixels`` (in each cell) are chosen after each deed with each mask."""
    now = float(pixels[chosen].sum())
    outside = np.where(chosen, 0, pixels)
    new = members @ outside
    return np.stack([now + new, now + float(outside.sum()) - new, now - members @ np.where(chosen, pixels, 0)])


def _cells(regions: Regions) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Pixels that lie in the same masks are one cell: (H, W) cells, and (N, K) which masks hold each.

    Greedy steps then work on a few hundred numbers, whatever the size of the picture.
    """
    cells = np.zeros(regions.size, np.int64)
    held: list[frozenset[int]] = [frozenset()]
    for i, (box, crop) in enumerate(zip(regions.boxes, regions.crops or (), strict=True)):
        x0, y0, x1, y1 = crop_frame(box, regions.size)
        inside = crop >= 128
        view = cells[y0:y1, x0:x1]
        split = np.flatnonzero(np.bincount(view[inside], minlength=1))
        renamed = np.zeros(len(held), np.int64)
        renamed[split] = len(held) + np.arange(split.size)
        view[inside] = renamed[view[inside]]
        held += [held[cell] | {i} for cell in split]
    members = np.zeros((len(regions), len(held)), bool)
    for cell, masks in enumerate(held):
        members[list(masks), cell] = True
    return cells, members
