"""Masks from coarse logits to pixels of the image, only where they are: no mask of a large image as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Step = tuple[int, int]
"""A bilinear resizing of one axis: to this many samples, of which the first so many are kept (the rest is padding)."""


@dataclass(frozen=True, eq=False)
class Axis:
    """The resizing of one axis as a matrix.

    ``weights``: (pixels, coarse) float32 tensor. ``first``, ``last``: (pixels,) the coarse samples between which the
    weights of a pixel lie; both never fall.
    """

    weights: Any
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]

    @classmethod
    def of(cls, coarse: int, steps: tuple[Step, ...], device: str) -> Axis:
        """The axis of ``coarse`` samples after ``steps``, taken from torch's own resizing of the unit vectors."""
        import torch
        from torch.nn.functional import interpolate

        weights = torch.eye(coarse)[None]
        for size, kept in steps:
            weights = interpolate(weights, size, mode="linear", align_corners=False)[..., :kept]
        used = (weights[0] > 0).numpy()
        last = coarse - 1 - used[::-1].argmax(axis=0)
        return cls(weights[0].T.contiguous().to(device), used.argmax(axis=0), last)

    def touched(self, first: int, last: int) -> slice:
        """The pixels into which the coarse samples ``first`` to ``last`` (inclusive) go."""
        return slice(int(np.searchsorted(self.last, first)), int(np.searchsorted(self.first, last, side="right")))

    def window(self, pixels: slice) -> tuple[slice, Any]:
        """The coarse samples that ``pixels`` (not empty) are made of, and their weights."""
        coarse = slice(int(self.first[pixels.start]), int(self.last[pixels.stop - 1]) + 1)
        return coarse, self.weights[pixels, coarse]


@dataclass(frozen=True, eq=False)
class Upsampling:
    """How a model's coarse (h, w) logits become (H, W) logits in pixels of the image."""

    rows: Axis
    columns: Axis

    @classmethod
    def stretched(cls, coarse: tuple[int, int], size: tuple[int, int], device: str) -> Upsampling:
        """From (h, w) ``coarse`` logits that show all of the image to its ``size`` (height, width)."""
        rows, columns = (_axis(coarse[i], ((size[i], size[i]),), device) for i in range(2))
        return cls(rows, columns)

    def windows(self, logits: Any, above: float = 0.0) -> Iterator[tuple[tuple[int, int], Any]]:
        """For each of the coarse ``logits`` (N, h, w): x, y and the (height, width) logits of the image from there on.

        Every pixel whose logit is over ``above`` lies in the window, which is empty where there is none. The values
        are those of the same pixels of the whole, up to rounding: a pixel is a mean of coarse logits, so one of these
        is over ``above`` too.
        """
        over = logits > above
        rows, columns = over.any(dim=2).cpu().numpy(), over.any(dim=1).cpu().numpy()
        for coarse, in_rows, in_columns in zip(logits, rows, columns, strict=True):
            ys, xs = _touched(self.rows, in_rows), _touched(self.columns, in_columns)
            if ys.start >= ys.stop or xs.start >= xs.stop:
                yield (0, 0), coarse[:0, :0]
                continue
            coarse_ys, row_weights = self.rows.window(ys)
            coarse_xs, column_weights = self.columns.window(xs)
            yield (xs.start, ys.start), row_weights @ coarse[coarse_ys, coarse_xs] @ column_weights.T


_axis = lru_cache(maxsize=8)(Axis.of)


def _touched(axis: Axis, used: npt.NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(used)
    return axis.touched(int(places[0]), int(places[-1])) if len(places) else slice(0, 0)
