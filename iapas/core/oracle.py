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

Step = tuple[int, Literal["add", "take away", "add negated"]]
"""A mask (its place in the regions), and what was done with it."""

_DEEDS: tuple[Literal["add", "take away", "add negated"], ...] = ("add", "take away", "add negated")


@dataclass(frozen=True, eq=False)
class Selection:
    """``mask``: (H, W) bool, image pixels; ``steps``: how it came about; ``iou``: nan where mask, truth are empty."""

    mask: BoolMap
    steps: tuple[Step, ...]
    iou: float


def select_masks(regions: Regions, truth: BoolMap) -> Selection:
    """The masks of ``regions`` (m >= 0.5) put together towards ``truth``, (H, W) bool in the same frame.

    Beginning with nothing, each step adds a mask, takes one away, or adds the negative of one, whichever raises the
    IoU most (of equal ones the first), until none does. As the negative of a small mask is nearly everything, and may
    lead astray, it is also done without negatives, and the better of both is taken. Raises ValueError for another size.
    """
    if truth.shape != regions.size or truth.dtype != bool:
        raise ValueError(f"truth must be bool of shape {regions.size}, got {truth.dtype} {truth.shape}")
    cells, members = _cells(regions)
    positive = np.bincount(cells[truth], minlength=members.shape[1]).astype(np.float64)
    negative = np.bincount(cells[~truth], minlength=members.shape[1]).astype(np.float64)
    plain, free = (_greedy(members, positive, negative, deeds) for deeds in (2, 3))
    chosen, steps, iou = free if free[2] > plain[2] else plain
    empty = not positive.any() and not steps
    return Selection(chosen[cells], steps, np.nan if empty else iou)


def _greedy(
    members: npt.NDArray[np.bool_], positive: npt.NDArray[np.float64], negative: npt.NDArray[np.float64], deeds: int
) -> tuple[npt.NDArray[np.bool_], tuple[Step, ...], float]:
    """The cells chosen with the first ``deeds`` of all, how, and the IoU."""
    total = float(positive.sum())
    chosen = np.zeros(members.shape[1], bool)
    steps: list[Step] = []
    reached = 0.0
    while len(members):
        hits, misses = (_after(members, chosen, pixels)[:deeds] for pixels in (positive, negative))
        iou = hits / np.maximum(misses + total, 1)
        best = int(iou.argmax())
        if iou.flat[best] <= reached:
            break
        reached = float(iou.flat[best])
        deed, at = divmod(best, len(members))
        steps.append((at, _DEEDS[deed]))
        member = members[at]
        chosen = (chosen | member, chosen & ~member, chosen | ~member)[deed]
    return chosen, tuple(steps), reached


def _after(
    members: npt.NDArray[np.bool_], chosen: npt.NDArray[np.bool_], pixels: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(3, N): how many of ``pixels`` (in each cell) are chosen after each deed with each mask."""
    now = float(pixels[chosen].sum())
    outside = np.where(chosen, 0, pixels)
    new = members @ outside
    return np.stack([now + new, now - members @ np.where(chosen, pixels, 0), now + float(outside.sum()) - new])


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
