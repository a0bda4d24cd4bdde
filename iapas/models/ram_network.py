"""The networks of RAM (Zhang et al. 2023) and RAM++ (Huang et al. 2023): an image backbone, then a logit for each tag.

The backbone is transformers' Swin. transformers has no BERT layer without self-attention, so that of the tagging head
is here. Both give the numbers of the official code (tests/models/test_ram_parity.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from iapas.models.ram_names import Shape

HEADS = 4  # of the tagging head; the weights do not tell them
TAGS_AT_ONCE = 1024
"""Tags do not see each other: memory follows this number, the result does not."""


class Layer(nn.Module):  # type: ignore[misc]
    """A BERT layer (post-norm) with cross-attention alone: tags look at the image tokens."""

    def __init__(self, hidden: int, width: int, intermediate: int) -> None:
        super().__init__()
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(width, hidden)
        self.value = nn.Linear(width, hidden)
        self.attended = nn.Linear(hidden, hidden)
        self.attended_norm = nn.LayerNorm(hidden, eps=1e-12)
        self.up = nn.Linear(hidden, intermediate)
        self.down = nn.Linear(intermediate, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, queries: Any, tokens: Any) -> Any:
        """(B, T, hidden) from tags (B, T, hidden) and image tokens (B, S, width)."""
        parts = self.query(queries), self.key(tokens), self.value(tokens)
        query, key, value = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in parts)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        seen = self.attended_norm(self.attended(mixed.transpose(1, 2).flatten(2)) + queries)
        return self.norm(self.down(nn.functional.gelu(self.up(seen))) + seen)


class Head(nn.Module):  # type: ignore[misc]
    """What follows the backbone; float32."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.image_proj = nn.Linear(shape.channels, shape.width)
        self.label_embed = nn.Parameter(torch.empty(shape.tags * shape.descriptions, shape.width))
        if shape.descriptions > 1:
            self.reweight_scale = nn.Parameter(torch.empty(()))
        self.wordvec_proj = nn.Linear(shape.width, shape.hidden)
        self.layers = nn.ModuleList(Layer(shape.hidden, shape.width, shape.intermediate) for _ in range(shape.layers))
        self.fc = nn.Linear(shape.hidden, 1)

    def tokens(self, features: Any) -> Any:
        """(B, 1 + S, width) image tokens, their mean first, from the backbone's (B, S, channels)."""
        return self.image_proj(torch.cat([features.mean(dim=1, keepdim=True), features], dim=1))

    def labels(self, tokens: Any, tags: slice) -> Any:
        """(B, T, width) text embeddings of some tags; RAM++ weighs each tag's descriptions by the image."""
        count = self.shape.descriptions
        if count == 1:
            return self.label_embed[tags].expand(len(tokens), -1, -1)
        rows = self.label_embed.unflatten(0, (-1, count))[tags]
        return torch.bmm(self.description_weights(tokens, tags), rows).transpose(0, 1)

    def description_weights(self, tokens: Any, tags: slice) -> Any:
        """(T, B, descriptions), sums of one (Huang et al. 2023, section 3.3): the mean token's likeness to each."""
        whole = tokens[:, 0] / tokens[:, 0].norm(dim=-1, keepdim=True)
        rows = self.label_embed.unflatten(0, (-1, self.shape.descriptions))[tags]
        return (self.reweight_scale.exp() * (rows @ whole.T)).softmax(dim=1).transpose(1, 2)

    def forward(self, tokens: Any, at_once: int = TAGS_AT_ONCE) -> Any:
        """(B, tags) logits."""
        logits = []
        for start in range(0, self.shape.tags, at_once):
            queries = self.wordvec_proj(self.labels(tokens, slice(start, start + at_once))).relu()
            for layer in self.layers:
                queries = layer(queries, tokens)
            logits.append(self.fc(queries).squeeze(-1))
        return torch.cat(logits, dim=1)


@dataclass(frozen=True)
class Network:
    """A loaded RAM or RAM++: ``backbone`` is transformers' SwinModel."""

    shape: Shape
    backbone: Any
    head: Head

    def features(self, pixels: Any) -> Any:
        """(B, S, channels) from (B, 3, side, side) float32 normalised pixels; the heavy part."""
        return self.backbone(pixels).last_hidden_state

    def logits(self, features: Any) -> Any:
        """(B, tags) from what :meth:`features` gave."""
        return self.head(self.head.tokens(features))
