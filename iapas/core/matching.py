"""Matching of features: each cell of a query is compared with cells of the examples, inside and outside their masks.

After Liu et al., "Exploring Few-Shot Defect Segmentation in General Industrial Scenarios", FM, and its released code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, FloatMap

Kind = Literal["patch", "dense", "pool"]
"""Prototypes from a list of cells: means of three in a row, each cell, or one mean of all."""

Rows = npt.NDArray[np.floating]

WINDOW = 3  # cells that a patch prototype is the mean of
FEW = 10  # cells from which on patches are taken; so few are taken as they are
MASK_LEVEL = 30  # of 255: a resized mask is foreground above it (the released code)
BLOCK = 1 << 22  # similarities held at once: 16 MB
HALF_ABOVE = 1 << 23  # numbers in one example's prototypes (32 MB) from which on they are kept in float16

HALFWAY = 0.5
"""A map is at or above it exactly where the foreground is nearer: the default threshold of an uncalibrated profile."""


@dataclass(frozen=True, eq=False)
class Prototypes:
    """``foreground`` and ``background``: an array (n, C) for each example that has any, rows of length 1.

    float32, or float16 where an example has very many.
    """

    foreground: tuple[Rows, ...]
    background: tuple[Rows, ...]


def grid_mask(mask: BoolMap, grid: tuple[int, int], side: int) -> BoolMap:
    """``mask`` (H, W) bool on a grid (h, w) of cells: (h, w) bool, True for a cell with any foreground pixel.

    The mask is first resized to ``side`` squared as the released code does it (bilinear, above 30 of 255). Where that
    loses all of it, each of its own pixels is mapped to its cell instead: no defect is too small to be an example.
    """
    small = cv2.resize(mask.astype(np.uint8) * np.uint8(255), (side, side)) > MASK_LEVEL
    return _touched(small if small.any() else mask, grid)


def _touched(mask: BoolMap, grid: tuple[int, int]) -> BoolMap:
    ys, xs = np.nonzero(mask)
    cells = np.zeros(grid, bool)
    cells[ys * grid[0] // mask.shape[0], xs * grid[1] // mask.shape[1]] = True
    return cells


def prototypes(
    examples: Iterable[tuple[FloatMap, BoolMap]], foreground: Kind = "patch", background: Kind = "dense"
) -> Prototypes:
    """The prototypes of all examples, each its features (h, w, C) and its cells (h, w) bool; taken one by one.

    Raises ValueError where no example has foreground, or none has background.
    """
    inside, outside = [], []
    for features, cells in examples:
        if cells.any():
            inside.append(_gather(features[cells], foreground))
        if not cells.all():
            outside.append(_gather(features[~cells], background))
    if not inside or not outside:
        raise ValueError(f"the examples have no {'background' if inside else 'foreground'}")
    return Prototypes(tuple(inside), tuple(outside))


def _gather(cells: FloatMap, kind: Kind) -> Rows:
    """(n, C) cells in raster order to unit prototypes; patches run across the ends of rows, as in the released code."""
    if kind == "pool":
        cells = cells.mean(axis=0, keepdims=True)
    elif kind == "patch" and len(cells) > FEW:
        count = len(cells) - WINDOW + 1
        cells = np.add.reduce([cells[k : k + count] for k in range(WINDOW)]) / np.float32(WINDOW)
    rows = _unit(cells)
    return rows.astype(np.float16) if rows.size > HALF_ABOVE else rows


def _unit(rows: FloatMap) -> FloatMap:
    """Rows of length 1; a row of zeros stays."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: FloatMap = (rows / np.maximum(length, np.float32(1e-8))).astype(np.float32)
    return unit


def nearest(features: FloatMap, known: Iterable[Rows]) -> FloatMap:
    """(h, w) float32 in -1..1: the greatest cosine similarity of each cell of ``features`` (h, w, C) to any row.

    In blocks: memory beyond the arguments is that of one copy of the features and of some tens of MB.
    """
    height, width, depth = features.shape
    query = _unit(features.reshape(-1, depth))
    best = np.full(len(query), -np.inf, np.float32)
    step = min(len(query), 2048)
    for rows in known:
        for begin in range(0, len(rows), BLOCK // step):
            some = rows[begin : begin + BLOCK // step].astype(np.float32).T
            for at in range(0, len(query), step):
                view = best[at : at + step]
                np.maximum(view, (query[at : at + step] @ some).max(axis=1), out=view)
    return best.reshape(height, width)


def match(features: FloatMap, known: Prototypes) -> FloatMap:
    """(h, w) float32 in -2..2, the soft score: nearest foreground less nearest background, in cosine similarity."""
    return nearest(features, known.foreground) - nearest(features, known.background)


def enlarged(scores: FloatMap, size: tuple[int, int]) -> FloatMap:
    """(h, w) to (H, W), bilinear with aligned corners: the outermost cells lie on the outermost pixels."""
    rows, columns = (_weights(n, m) for n, m in zip(scores.shape, size, strict=True))
    return np.asarray(rows @ scores @ columns.T, np.float32)


def _weights(cells: int, pixels: int) -> FloatMap:
    """(pixels, cells) float32: the shares of the two nearest cells in each pixel."""
    places = np.linspace(0, cells - 1, pixels)
    return np.asarray(np.maximum(0, 1 - np.abs(places[:, None] - np.arange(cells))), np.float32)


def as_scores(difference: FloatMap, softness: float) -> FloatMap:
    """A soft score as a map in 0..1, float32: the logistic function of it over ``softness``.

    At or above HALFWAY exactly where the foreground is the nearer one: where the two are equal it is background.
    """
    odds = 1 / (1 + np.exp(-np.clip(difference / np.float32(softness), -60, 60)))
    below = np.nextafter(np.float32(HALFWAY), np.float32(0))
    scores: FloatMap = np.where(difference > 0, np.maximum(odds, HALFWAY), np.minimum(odds, below)).astype(np.float32)
    return scores
