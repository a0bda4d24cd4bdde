"""From a mask to polygons that give the same mask when they are drawn again."""

from __future__ import annotations

from collections import defaultdict

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap

Ring = npt.NDArray[np.int32]
"""(K, 2) int32, K >= 3: the corners x y of a closed polygon, as places of pixels in their array."""


def keyholes(mask: BoolMap) -> list[Ring]:
    """One polygon for each 8-connected part of ``mask``, (H, W) bool.

    Corners are pixels of the mask; whoever draws the outline and fills by the even-odd rule (``cv2.fillPoly``,
    Pillow's ``ImageDraw.polygon`` with an outline) has the same pixels again. Formats of plain polygons know no holes:
    a seam, there and back along a row of the part, joins the outline of a hole to what lies left of it. A part of one
    or two pixels repeats a corner.
    """
    contours, hierarchy = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return []
    rings = [np.asarray(contour, np.int32).reshape(-1, 2) for contour in contours]
    parents = np.asarray(hierarchy).reshape(-1, 4)[:, 3]
    holes: dict[int, list[Ring]] = defaultdict(list)
    for ring, parent in zip(rings, parents, strict=True):
        if parent >= 0:
            holes[int(parent)].append(ring)
    outer = [place for place, parent in enumerate(parents) if parent < 0]
    return [_corners(_joined(rings[place], holes[place], mask)) for place in outer]


def _joined(outline: Ring, holes: list[Ring], mask: BoolMap) -> Ring:
    """The outline with each of the ``holes`` spliced in, every pixel on the way a point."""
    if not holes:
        return outline
    points: list[tuple[int, int]] = []
    follow: list[int] = []  # the point after each point: a hole is spliced in by changing one entry
    at: dict[tuple[int, int], int] = {}

    def add(ring: Ring, end: int) -> int:
        """Append a chain of points that goes on at ``end``; the place of its first."""
        first = len(points)
        points.extend((int(x), int(y)) for x, y in ring)
        follow.extend(range(first + 1, len(points)))
        follow.append(end)
        at.update(zip(points[first:], range(first, len(points)), strict=True))
        return first

    add(outline, 0)
    # from left to right: the seam of a hole ends at what lies left of it, which is joined already
    for hole in sorted(holes, key=lambda ring: int(ring[:, 0].min())):
        start = int(hole[:, 0].argmin())
        x, y = int(hole[start, 0]), int(hole[start, 1])
        gaps = np.flatnonzero(~mask[y, :x])
        end = (int(gaps[-1]) + 1 if len(gaps) else 0, y)
        there = at[end]
        back = add(np.array([end], np.int32), follow[there])
        follow[there] = add(np.vstack([np.roll(hole, -start, axis=0), hole[start : start + 1]]), back)
    ring, place = [points[0]], follow[0]
    while place:
        ring.append(points[place])
        place = follow[place]
    return np.array(ring, np.int32)


def _corners(ring: Ring) -> Ring:
    """The points of a closed ring at which its direction changes; at least three, the last one repeated if need be.

    Steps go along rows, columns and diagonals, so nothing is lost.
    """
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)] if len(ring) > 1 else ring
    before = np.sign(ring - np.roll(ring, 1, axis=0))
    after = np.sign(np.roll(ring, -1, axis=0) - ring)
    corners = ring[(before != after).any(axis=1)] if len(ring) > 1 else ring
    missing = max(0, 3 - len(corners))
    return np.vstack([corners, np.repeat(corners[-1:], missing, axis=0)]) if missing else corners
