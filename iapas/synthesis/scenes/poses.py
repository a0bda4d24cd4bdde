"""Where parts lie, one or a tray of them, and distances to their outlines in their own frame.

Distances are in pixels, negative inside. A tray folds the picture: every cell holds the same part, each a little
different, and all of them are drawn at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from iapas.synthesis.texture import Map, Rng
from iapas.types import BoolMap


@dataclass(frozen=True)
class Pose:
    """``x`` and ``y``: (H, W), pixels from the part's middle in the part's frame; ``r``: half its length in pixels.

    ``cell``: (H, W) int, which part of a tray a pixel belongs to, below ``count``; None for a single part.
    """

    x: Map
    y: Map
    r: float
    cell: Map | None = None
    count: int = 1

    def vary(self, rng: Rng, spread: float) -> Map:
        """1, a little more or less from part to part: (H, W), or (1, 1) for a single part."""
        own = np.random.default_rng(rng.integers(2**31))  # what else is drawn does not depend on how many there are
        if self.cell is None:
            return np.full((1, 1), 1 + spread * own.normal(), np.float32)
        one: Map = (1 + spread * own.standard_normal(self.count, dtype=np.float32))[self.cell]
        return one

    def apart(self, cover: Map) -> list[BoolMap]:
        """``cover`` split into the parts of the tray; nothing for a single part, which can't be missing."""
        if self.cell is None:
            return []
        inside = cover > 0.5
        return [inside & (self.cell == k) for k in range(self.count)]


def single(rng: Rng, size: tuple[int, int], aspect: float = 1.0, turn: bool = True) -> Pose:
    """One part, ``aspect`` times as long as wide, any rotation with ``turn``.

    It fills half to nearly all of what fits, and is now and then so near that the picture cuts it.
    """
    if turn:
        angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.7 else rng.integers(4) * np.pi / 2 + rng.normal(0, 0.03)
    else:
        angle = (rng.integers(2) * np.pi / 2) + rng.normal(0, 0.02)
    cos, sin = np.cos(angle), np.sin(angle)
    reach = np.array([abs(sin) + abs(cos) / aspect, abs(cos) + abs(sin) / aspect])  # rows, columns, of r = 1
    if aspect < 1.2:
        reach = np.array([1.0, 1.0])
    fill = rng.uniform(0.3, 0.98) ** 0.6 if rng.random() < (0.88 if aspect < 2 else 0.75) else rng.uniform(1.0, 2.0)
    r = fill * float(np.min(np.array(size) / 2 / reach))
    slack = np.abs(np.array(size) / 2 - reach * r)
    shift = slack * rng.uniform(-1, 1, 2) * rng.uniform(0, 1)
    rows, columns = _axes(size)
    y0, x0 = rows - np.float32(size[0] / 2 + shift[0]), columns - np.float32(size[1] / 2 + shift[1])
    return Pose(_turned(x0, y0, cos, sin), _turned(y0, -x0, cos, sin), r)


def tray(rng: Rng, size: tuple[int, int], aspect: float = 1.0, turn: bool = False, share: float | None = None) -> Pose:
    """Equal parts in rows; with ``turn`` each lies as it fell. ``share``: their length, if it is known."""
    rows, columns = _axes(size)
    tilt = rng.integers(2) * np.pi / 2 + rng.normal(0, 0.04)
    x0, y0 = columns - np.float32(size[1] / 2), rows - np.float32(size[0] / 2)
    x, y = _turned(x0, y0, np.cos(tilt), np.sin(tilt)), _turned(y0, -x0, np.cos(tilt), np.sin(tilt))
    share = tray_share(rng) if share is None else share
    r = min(size) / 2 * share * (1 if aspect < 1.5 else 1.2)
    gap = rng.uniform(1.08, 1.6)
    wide, high = 2 * r * gap, 2 * r * gap / (1 if turn else aspect)
    below, beside = rng.uniform(0, 1, 2)
    down = np.floor(y / high + below)
    y = y - ((down + 0.5 - below) * high).astype(np.float32)
    beside = beside + (0.5 * (down % 2) if rng.random() < 0.3 else 0.0)
    right = np.floor(x / wide + beside)
    x = x - ((right + 0.5 - beside) * wide).astype(np.float32)
    down, right = (down - down.min()).astype(np.int32), (right - right.min()).astype(np.int32)
    cell = down * (int(right.max()) + 1) + right
    count = int(cell.max()) + 1
    loose = (gap - 1) * r * 0.4
    x = x - (loose * rng.uniform(-1, 1, count)).astype(np.float32)[cell]
    y = y - (loose / (1 if turn else aspect) * rng.uniform(-1, 1, count)).astype(np.float32)[cell]
    spread = rng.uniform(0, 2 * np.pi, count) if turn else rng.normal(0, 0.03, count) * rng.uniform(0, 1)
    cos, sin = np.cos(spread).astype(np.float32)[cell], np.sin(spread).astype(np.float32)[cell]
    return Pose(x * cos + y * sin, y * cos - x * sin, r, cell, count)


def tray_share(rng: Rng) -> float:
    """How long the parts of a tray are, as a share of the picture's shorter side."""
    return 1 / rng.uniform(2.0, 6.5)


def _axes(size: tuple[int, int]) -> tuple[Map, Map]:
    """Rows and columns as (H, 1) and (1, W)."""
    return np.arange(size[0], dtype=np.float32)[:, None], np.arange(size[1], dtype=np.float32)[None]


def _turned(a: Map, b: Map, cos: float, sin: float) -> Map:
    return (a * np.float32(cos) + b * np.float32(sin)).astype(np.float32)


def length(x: Map, y: Map) -> Map:
    """Distance from the origin."""
    far: Map = np.sqrt(x * x + y * y)
    return far


def box(x: Map, y: Map, half_x: float, half_y: float, corner: float = 0.0) -> Map:
    """Distance to a box with rounded corners."""
    a, b = np.abs(x) - (half_x - corner), np.abs(y) - (half_y - corner)
    return length(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0) - corner


def polygon(x: Map, y: Map, sides: int, inner: float) -> Map:
    """Distance to a regular polygon whose inner radius is ``inner``."""
    far = np.full(x.shape, -np.inf, np.float32)
    for k in range(sides):
        way = 2 * np.pi * k / sides
        far = np.maximum(far, x * np.float32(np.cos(way)) + y * np.float32(np.sin(way)))
    return far - np.float32(inner)


def dome(distance: Map, wide: float, high: float, power: float = 2.0) -> Map:
    """Heights of an edge that rises over ``wide`` pixels inside the outline to ``high``; round for ``power`` 2."""
    rise = np.clip(-distance / max(wide, 0.5), 0, 1)
    heights: Map = np.float32(high) * (1 - (1 - rise) ** power) ** (1 / power)
    return heights


def stencil(pose: Pose, tile: Map) -> Map:
    """A drawn picture, (N, N) over -1..1 of the part's own frame, laid where the part lies: float32, 0 outside."""
    side = tile.shape[0]
    scale = np.float32(side / (2 * pose.r))
    factor = max(1, int(scale))
    small = cv2.resize(tile, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    x, y = (v * (scale / factor) + np.float32(small.shape[0] / 2 - 0.5) for v in (pose.x, pose.y))
    seen: Map = cv2.remap(small, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    return seen.astype(np.float32)
