"""Multi-scale deformable attention (Zhu et al. 2021, section 4.1) as one weighted gather, for CPUs.

Bilinear sampling times attention is a sum of values at whole cells with known weights: four corners of each sampling
point. ``embedding_bag`` sums rows with weights and makes nothing in between, where ``grid_sample`` writes every sampled
value out and reads it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_QUERIES_AT_ONCE = 512
"""So that the indices and weights of a chunk stay in the processor's cache."""


def sample(
    value: Any,
    _shapes: Any,
    shapes: Sequence[tuple[int, int]],
    _starts: Any,
    locations: Any,
    weights: Any,
    _step: int = 0,
) -> Any:
    """Stands for ``MultiScaleDeformableAttention.forward`` of transformers, with its arguments.

    ``value`` (B, S, heads, C): the cells of all levels, of ``shapes`` (height, width), one after the other.
    ``locations`` (B, Q, heads, levels, points, 2): x y in shares of a level; outside is zero. ``weights``
    (B, Q, heads, levels, points). Returns (B, Q, heads * C), in value's type.
    """
    import torch

    batch, cells, heads, channels = value.shape
    queries = locations.shape[1]
    head = torch.arange(heads, dtype=torch.int32, device=value.device).view(heads, 1, 1)
    grid = torch.tensor(shapes, dtype=torch.int32, device=value.device)
    starts = torch.cumsum(grid.prod(1), 0, dtype=torch.int32) - grid.prod(1)
    rows = value.reshape(batch, cells * heads, channels)
    out = value.new_empty(batch, queries, heads * channels)
    for image in range(batch):
        for first in range(0, queries, _QUERIES_AT_ONCE):
            chunk = slice(first, first + _QUERIES_AT_ONCE)
            index, share = _corners(locations[image, chunk], weights[image, chunk], grid, starts)
            index = (index.mul_(heads).add_(head)).view(-1, index.shape[-1] * index.shape[-2])
            found = torch.nn.functional.embedding_bag(
                index, rows[image], mode="sum", per_sample_weights=share.view(index.shape).to(value.dtype)
            )
            out[image, chunk] = found.view(-1, heads * channels)
    return out


def _corners(locations: Any, weights: Any, grid: Any, starts: Any) -> tuple[Any, Any]:
    """The cells and their shares, (Q, heads, 4, levels * points), for locations (Q, heads, levels, points, 2)."""
    import torch

    height, width = grid[:, :1], grid[:, 1:]  # (levels, 1)
    x, y = locations[..., 0] * width - 0.5, locations[..., 1] * height - 0.5
    left, top = x.floor(), y.floor()
    right_share, bottom_share = x - left, y - top
    x0, y0 = left.int(), top.int()
    shape = (*weights.shape[:2], 4, weights.shape[2] * weights.shape[3])
    index, share = x0.new_empty(shape), weights.new_empty(shape)
    columns = [_inside(x0, width, 1 - right_share), _inside(x0 + 1, width, right_share)]
    lines = [_inside(y0, height, (1 - bottom_share) * weights), _inside(y0 + 1, height, bottom_share * weights)]
    for i, (line, line_share) in enumerate(lines):
        line = line * width + starts[:, None]
        for j, (column, column_share) in enumerate(columns):
            torch.add(line, column, out=index[:, :, 2 * i + j].view(x0.shape))
            torch.mul(line_share, column_share, out=share[:, :, 2 * i + j].view(x0.shape))
    return index, share


def _inside(place: Any, end: Any, share: Any) -> tuple[Any, Any]:
    """``place`` moved into 0..end, and ``share`` where it was there already, else 0."""
    moved = place.clamp(min=0).minimum(end - 1)
    return moved, share * (moved == place)
