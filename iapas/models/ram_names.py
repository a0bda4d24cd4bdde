"""The official names of RAM's and RAM++'s tensors: which there must be, of what shape, what they are called here."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from iapas.errors import MissingError

DESCRIPTIONS = 51  # of each tag in RAM++; the number of RAM's tags, 4585, is no multiple of it

IGNORED = re.compile(
    r"""
      text_decoder\. | tag_encoder\.                        # RAM's captioning branch
    | tagging_head\.embeddings\.                            # deleted at construction by the official code
    | tagging_head\.encoder\.layer\.\d+\.attention\.        # the same
    | logit_scale$                                          # of training
    | .*relative_position_index | .*attn_mask               # always as constructed, in the official code too
    | .*position_ids$
    """,
    re.VERBOSE,
)
"""Names, from their start, of tensors that tags do not depend on."""

VISUAL = "visual_encoder."

_BACKBONE_NAMES = (
    ("patch_embed.proj.", "embeddings.patch_embeddings.projection."),
    ("patch_embed.norm.", "embeddings.norm."),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".attn.proj.", ".attention.output.dense."),
    (".attn.relative_position_bias_table", ".attention.self.relative_position_bias_table"),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
)
"""Official names to those of the hub, which every transformers reads; its own names changed with its versions."""

_HEAD_NAMES = (
    ("tagging_head.encoder.layer.", "layers."),
    (".crossattention.self.", "."),
    (".crossattention.output.dense.", ".attended."),
    (".crossattention.output.LayerNorm.", ".attended_norm."),
    (".intermediate.dense.", ".up."),
    (".output.dense.", ".down."),
    (".output.LayerNorm.", ".norm."),
)


@dataclass(frozen=True)
class Shape:
    """The sizes of a network; as they stand, those of RAM with Swin-L at 384 px.

    ``descriptions``: text embeddings for each tag, 51 in RAM++. ``embed`` to ``heads`` are the backbone's.
    """

    tags: int = 4585
    descriptions: int = 1
    width: int = 512
    hidden: int = 768
    layers: int = 2
    intermediate: int = 3072
    embed: int = 192
    patch: int = 4
    window: int = 12
    depths: tuple[int, ...] = (2, 2, 18, 2)
    heads: tuple[int, ...] = (6, 12, 24, 48)

    @property
    def side(self) -> int:
        """Of the pictures, in pixels: the last stage's grid is one window."""
        return (self.patch * self.window) << (len(self.depths) - 1)

    @property
    def channels(self) -> int:
        """Of the backbone's last stage."""
        return self.embed << (len(self.depths) - 1)


def shape_of(state: dict[str, Any]) -> Shape:
    """The sizes of the network that tensors belong to. Raises MissingError where one is not there, or is odd.

    The picture's side follows from the table of relative positions: tables are never resampled.
    """
    try:
        rows, width = state["label_embed"].shape
        hidden = int(state["wordvec_proj.weight"].shape[0])
        intermediate = int(state["tagging_head.encoder.layer.0.intermediate.dense.weight"].shape[0])
        embed, _, patch, _ = state[f"{VISUAL}patch_embed.proj.weight"].shape
        depths = tuple(_counted(state, rf"{VISUAL}layers\.(\d+)\.blocks\.(\d+)\.").values())
        tables = [state[f"{VISUAL}layers.{i}.blocks.0.attn.relative_position_bias_table"] for i in range(len(depths))]
        window = (math.isqrt(tables[0].shape[0]) + 1) // 2
        heads = tuple(table.shape[1] for table in tables)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise MissingError(f"it is no RAM or RAM++: {error}") from error
    layers = len(_counted(state, r"tagging_head\.encoder\.layer\.(\d+)\.(crossattention)"))
    descriptions = DESCRIPTIONS if rows % DESCRIPTIONS == 0 else 1
    tags = rows // descriptions
    return Shape(tags, descriptions, width, hidden, layers, intermediate, embed, patch, window, depths, heads)


def expected(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The official name and the shape of each tensor that tagging uses."""
    yield "label_embed", (shape.tags * shape.descriptions, shape.width)
    if shape.descriptions > 1:
        yield "reweight_scale", ()
    yield from _layer("wordvec_proj", shape.hidden, shape.width)
    yield from _layer("image_proj", shape.width, shape.channels)
    yield from _layer("fc", 1, shape.hidden)
    for i in range(shape.layers):
        yield from _expected_of_head(f"tagging_head.encoder.layer.{i}.", shape)
    yield f"{VISUAL}patch_embed.proj.weight", (shape.embed, 3, shape.patch, shape.patch)
    yield f"{VISUAL}patch_embed.proj.bias", (shape.embed,)
    yield from _layer(f"{VISUAL}patch_embed.norm", shape.embed)
    yield from _layer(f"{VISUAL}norm", shape.channels)
    for i, (depth, heads) in enumerate(zip(shape.depths, shape.heads, strict=True)):
        dim, stage = shape.embed * 2**i, f"{VISUAL}layers.{i}."
        for block in range(depth):
            yield f"{stage}blocks.{block}.attn.relative_position_bias_table", ((2 * shape.window - 1) ** 2, heads)
            yield from _expected_of_block(f"{stage}blocks.{block}.", dim)
        if i + 1 < len(shape.depths):
            yield from _layer(f"{stage}downsample.norm", 4 * dim)
            yield f"{stage}downsample.reduction.weight", (2 * dim, 4 * dim)


def for_backbone(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The backbone's tensors under the names of Swin checkpoints on the hub; query, key and value apart."""
    for name, value in state.items():
        if not name.startswith(VISUAL):
            continue
        short = name.removeprefix(VISUAL)
        if ".attn.qkv." in short:
            for part, third in zip(("query", "key", "value"), value.chunk(3), strict=True):
                yield "encoder." + short.replace(".attn.qkv.", f".attention.self.{part}."), third.contiguous()
            continue
        for old, new in _BACKBONE_NAMES:
            short = short.replace(old, new)
        if short.startswith("norm."):
            short = f"layer{short}"
        yield (f"encoder.{short}" if short.startswith("layers.") else short), value


def for_head(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The other tensors under the names of :class:`iapas.models.ram_network.Head`."""
    for name, value in state.items():
        if name.startswith(VISUAL):
            continue
        for old, new in _HEAD_NAMES:
            name = name.replace(old, new)
        yield name, value


def _layer(name: str, *shape: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A linear layer's or a norm's weight and bias."""
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _expected_of_head(layer: str, shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden = shape.hidden
    yield from _layer(f"{layer}crossattention.self.query", hidden, hidden)
    yield from _layer(f"{layer}crossattention.self.key", hidden, shape.width)
    yield from _layer(f"{layer}crossattention.self.value", hidden, shape.width)
    yield from _layer(f"{layer}crossattention.output.dense", hidden, hidden)
    yield from _layer(f"{layer}crossattention.output.LayerNorm", hidden)
    yield from _layer(f"{layer}intermediate.dense", shape.intermediate, hidden)
    yield from _layer(f"{layer}output.dense", hidden, shape.intermediate)
    yield from _layer(f"{layer}output.LayerNorm", hidden)


def _expected_of_block(block: str, dim: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _layer(f"{block}norm1", dim)
    yield from _layer(f"{block}attn.qkv", 3 * dim, dim)
    yield from _layer(f"{block}attn.proj", dim, dim)
    yield from _layer(f"{block}norm2", dim)
    yield from _layer(f"{block}mlp.fc1", 4 * dim, dim)
    yield from _layer(f"{block}mlp.fc2", dim, 4 * dim)


def _counted(names: Iterable[str], pattern: str) -> dict[str, int]:
    """How many values the pattern's second group takes for each value of its first, by the numbers of the first."""
    found = {match.groups() for match in map(re.compile(pattern).match, names) if match}
    counts = Counter(first for first, _ in found)
    return {str(number): counts[str(number)] for number in range(len(counts))}
