"""Multi-scale deformable attention (Zhu et al. 2021, section 4.1) as one weighted gather, for CPUs.

Bilinear sampling times attention is a sum of values at whole cells with known weights: four corners of each sampling
point. ``embedding_bag`` sums rows with weights and makes nothing in between, where ``grid_sample`` writes every sampled
value out and reads it again. Queries go in chunks whose arrays stay in the processor's cache, and below the megabyte
from which on the allocator (see memory.settle) asks the system for fresh pages: those are slow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_QUERIES_AT_ONCE = 240


@dataclass(frozen=True)
class Grids:
    """What the cells of all levels are like for each of (queries * heads * levels * points) sampling points.

    ``wide`` and ``high`` (float32): the level's size; ``right`` and ``bottom`` (int32): its last column and line;
    ``line`` and ``start`` (int32): how many rows of the values a line takes, and where level and head begin. Written
    out for a whole chunk, as broadcasting over four levels would cost more than the arithmetic.
    """

    wide: Any
    high: Any
    right: Any
    bottom: Any
    line: Any
    start: Any
    heads: int

    @classmethod
    def of(cls, shapes: Sequence[tuple[int, int]], queries: int, heads: int, points: int) -> Grids:
        """For levels of ``shapes`` (height, width), of which the values lie one after the other."""
        import torch

        size = torch.tensor(shapes, dtype=torch.int32)
        high, wide = (each.repeat_interleave(points).repeat(queries * heads) for each in size.unbind(1))
        before = torch.cumsum(size.prod(1), 0, dtype=torch.int32) - size.prod(1)
        head = torch.arange(heads, dtype=torch.int32)
        start = (before[None].int() * heads + head[:, None]).repeat_interleave(points, 1).flatten().repeat(queries)
        return cls(wide.float(), high.float(), wide - 1, high - 1, wide * heads, start, heads)


def gather(values: Any, x: Any, y: Any, weights: Any, grids: Grids) -> Any:
    """(Q * heads, C): for each query and head the weighted sum of values at its points.

    ``values`` (cells * heads, C); ``x`` and ``y`` (Q * heads, levels * points) in cells, of which the first has its
    centre at 0; ``weights`` alike. Outside of the grid all is zero.
    """
    import torch

    end = x.numel()
    right, bottom, line, start = (
        each[:end].view(x.shape) for each in (grids.right, grids.bottom, grids.line, grids.start)
    )
    left, top = x.floor(), y.floor()
    x_share, y_share = x - left, (y - top).mul_(weights)
    columns = [_inside(left.int(), right, 1 - x_share)]
    columns.append(_inside(left.int().add_(1), right, x_share))
    lines = [_inside(top.int(), bottom, weights - y_share), _inside(top.int().add_(1), bottom, y_share)]
    index = start.new_empty(len(x), 4, x.shape[1])
    share = weights.new_empty(index.shape)
    for column, _ in columns:
        column.mul_(grids.heads)
    for i, (row, row_share) in enumerate(lines):
        row.mul_(line).add_(start)
        for j, (column, column_share) in enumerate(columns):
            torch.add(row, column, out=index[:, 2 * i + j])
            torch.mul(row_share, column_share, out=share[:, 2 * i + j])
    return torch.nn.functional.embedding_bag(
        index.flatten(1), values, mode="sum", per_sample_weights=share.flatten(1).to(values.dtype)
    )


def _inside(place: Any, last: Any, share: Any) -> tuple[Any, Any]:
    """``place`` moved into 0..last, and ``share`` where it was there already, else 0."""
    moved = place.clamp(min=0).minimum(last)
    return moved, share.masked_fill_(moved != place, 0)


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

    ``value`` (B, S, heads, C); ``locations`` (B, Q, heads, levels, points, 2): x y in shares of a level; ``weights``
    (B, Q, heads, levels, points). Returns (B, Q, heads * C).
    """
    batch, cells, heads, channels = value.shape
    queries, points = locations.shape[1], locations.shape[4]
    grids = Grids.of(shapes, min(queries, _QUERIES_AT_ONCE), heads, points)
    out = value.new_empty(batch, queries, heads * channels)
    for image in range(batch):
        rows = value[image].reshape(cells * heads, channels)
        for chunk in _chunks(queries):
            x, y = locations[image, chunk].flatten(2, 3).flatten(0, 1).unbind(-1)
            end = x.numel()
            x = (x.reshape(-1) * grids.wide[:end]).sub_(0.5).view(x.shape)
            y = (y.reshape(-1) * grids.high[:end]).sub_(0.5).view(y.shape)
            found = gather(rows, x, y, weights[image, chunk].reshape(x.shape), grids)
            out[image, chunk] = found.view(-1, heads * channels)
    return out


def encode(
    layer: Any,
    low: Callable[[], bool],
    hidden_states: Any,
    attention_mask: Any,
    position_embeddings: Any,
    reference_points: Any,
    spatial_shapes_list: Sequence[tuple[int, int]],
    **_: Any,
) -> tuple[Any, None]:
    """Stands for the forward of ``GroundingDinoDeformableLayer`` (``layer``), for pictures without padding.

    ``hidden_states`` and ``position_embeddings`` (B, Q, C), ``reference_points`` (B, Q, levels, 2). Where ``low()``,
    the feed-forward layers compute in bfloat16.
    """
    import torch

    attention = layer.self_attn
    heads, points, queries = attention.n_heads, attention.n_points, hidden_states.shape[1]
    grids = Grids.of(spatial_shapes_list, min(queries, _QUERIES_AT_ONCE), heads, points)
    feed = _feed_forward(layer, torch.bfloat16 if low() else torch.float32)
    offsets = [_every_other(attention.sampling_offsets, i) for i in (0, 1)]
    out = torch.empty_like(hidden_states)
    for image in range(len(hidden_states)):
        rows = attention.value_proj(hidden_states[image]).view(queries * heads, -1)
        for chunk in _chunks(queries):
            states = hidden_states[image, chunk]
            asked = states + position_embeddings[image, chunk]
            x, y = (
                torch.nn.functional.linear(asked, *offset).add_(centre).view(-1, points * len(spatial_shapes_list))
                for offset, centre in zip(
                    offsets, _centres(reference_points[image, chunk], grids, points, heads), strict=True
                )
            )
            weights = attention.attention_weights(asked).view(x.shape).softmax(-1)
            found = attention.output_proj(gather(rows, x, y, weights, grids).view(states.shape))
            states = layer.self_attn_layer_norm(found.add_(states))
            out[image, chunk] = layer.final_layer_norm(feed(states).add_(states))
    return out, None


def _centres(reference: Any, grids: Grids, points: int, heads: int) -> list[Any]:
    """[x, y], each (Q, heads * levels * points): the ``reference`` (Q, levels, 2), in cells."""
    spread = reference.repeat_interleave(points, 1).repeat(1, heads, 1)
    return [
        (spread[..., i].reshape(-1) * size[: spread[..., i].numel()]).sub_(0.5).view(len(reference), -1)
        for i, size in ((0, grids.wide), (1, grids.high))
    ]


def _every_other(linear: Any, first: int) -> tuple[Any, Any]:
    """Weight and bias of the outputs ``first``, ``first`` + 2, ... of a linear layer."""
    return linear.weight[first::2].contiguous(), linear.bias[first::2].contiguous()


def _feed_forward(layer: Any, kind: Any) -> Callable[[Any], Any]:
    """The layer's two linear maps as a function of at most a chunk of float32 states, computed in the type ``kind``."""
    import torch

    first, second = ((each.weight.to(kind).t(), each.bias.to(kind)) for each in (layer.fc1, layer.fc2))
    room = first[0].new_empty(_QUERIES_AT_ONCE, len(first[1]))
    in_place = isinstance(layer.activation_fn, torch.nn.ReLU)

    def feed(states: Any) -> Any:
        inner = torch.addmm(first[1], states.to(kind), first[0], out=room[: len(states)])
        inner = inner.relu_() if in_place else layer.activation_fn(inner)
        return torch.addmm(second[1], inner, second[0]).to(states.dtype)

    return feed


def _chunks(count: int) -> list[slice]:
    return [slice(first, first + _QUERIES_AT_ONCE) for first in range(0, count, _QUERIES_AT_ONCE)]
