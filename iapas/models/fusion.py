"""Grounding DINO's attention between picture and text (Liu et al. 2023, section 3.2), multiplied in a cheaper order.

There are thousands of cells and few tokens. The model projects every cell to queries and values of 1024 channels; these
maps are linear, so that they can be applied to the tokens instead, or to what tokens attend to, with equal results.
"""

from __future__ import annotations

from typing import Any


def attend(
    layer: Any, vision_features: Any, text_features: Any, **_masks: Any
) -> tuple[tuple[Any, None], tuple[Any, None]]:
    """Stands for the forward of ``GroundingDinoBiMultiHeadAttention`` (``layer``), for input without padding.

    ``vision_features`` (B, N, C) and ``text_features`` (B, T, C); masks are not looked at. Returns what the cells take
    from the text (B, N, C) and what the tokens take from the picture (B, T, C), each with None for its weights. The
    original clamps scores 50000 below the highest; their share is 0 with or without.
    """
    import torch

    heads, width = layer.num_heads, layer.head_dim
    batch, tokens, channels = text_features.shape

    def by_head(linear: Any) -> Any:
        return linear.weight.view(heads, width, channels)

    keys = layer.text_proj(text_features).view(batch, tokens, heads, width)
    asked = torch.einsum("bthw,hwc->bhtc", keys, by_head(layer.vision_proj)).flatten(1, 2)
    offset = torch.einsum("bthw,hw->bht", keys, layer.vision_proj.bias.view(heads, width)).flatten(1)
    scores = torch.baddbmm(
        offset[:, None], vision_features, asked.transpose(1, 2), beta=layer.scale, alpha=layer.scale
    )  # (B, N, heads * T)

    values = layer.values_text_proj(text_features).view(batch, tokens, heads, width)
    given = torch.einsum("bthw,chw->bhtc", values, layer.out_vision_proj.weight.view(channels, heads, width)).flatten(
        1, 2
    )
    to_tokens = scores.view(batch, -1, heads, tokens).softmax(-1).view(scores.shape)
    vision = torch.baddbmm(layer.out_vision_proj.bias, to_tokens, given)

    to_cells = scores.softmax(1).transpose(1, 2)
    seen = torch.bmm(to_cells, vision_features).view(batch, heads, tokens, channels)
    heard = torch.einsum("bhtc,hwc->bthw", seen, by_head(layer.values_vision_proj)).flatten(2)
    text = layer.out_text_proj(heard + layer.values_vision_proj.bias)  # the shares of all cells sum to 1
    return (vision, None), (text, None)
