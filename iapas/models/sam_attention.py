"""The attention of SAM's image encoder for CPUs: the same numbers in less time and memory.

SAM's is that of Kirillov et al. 2023, appendix A, its relative positions those of Li et al. 2022 (MViTv2): each pair of
places has a bias, the sum of one for their lines and one for their columns. Over a picture's 4096 places that is 0.8 GB
for twelve heads, written and read again in each of the layers that see all of it. Here it is made for a few lines of
places at once and in the same memory, so that it stays in the processor's cache: at full size ViT-B takes 0.1 GB, not
1.6, and two thirds to three quarters of the time (one thread, fp32 and bf16).
"""

from __future__ import annotations

from functools import partial
from typing import Any

_BIASES_AT_ONCE = 1 << 20
"""For each thread: four megabytes in float32."""


def make_lean(model: Any) -> None:
    """Have the image encoder of ``model`` (SAM, SAM-HQ) attend in this way. Its results stay, up to rounding."""
    for layer in model.vision_encoder.layers:
        if layer.attn.use_rel_pos:
            layer.attn.forward = partial(attend, layer.attn)


def attend(attention: Any, hidden_states: Any, output_attentions: bool | None = None) -> tuple[Any, None]:
    """What ``attention``, a module of transformers, makes of (B, h, w, C) states; B counts pictures or windows."""
    batch, height, width, _ = hidden_states.shape
    heads = attention.num_attention_heads
    places = height * width
    qkv = attention.qkv(hidden_states).view(batch, places, 3, heads, -1)
    query, key, value = (part.transpose(1, 2) for part in qkv.unbind(2))  # (B, heads, places, c)
    by_line, by_column = _biases(attention, query, height, width)
    result = query.new_empty((batch, places, heads, query.shape[-1])).transpose(1, 2)
    for one in range(batch):
        _attend_one(*(part[one] for part in (query, key, value, by_line, by_column, result)))
    return attention.proj(result.transpose(1, 2).reshape(batch, height, width, -1)), None


def _biases(attention: Any, query: Any, height: int, width: int) -> tuple[Any, Any]:
    """(B, heads, h, w, h) and (B, heads, h, w, w): the bias of each place for each line, and for each column."""
    import torch

    grid = query.reshape(*query.shape[:2], height, width, -1)
    lines = attention.get_rel_pos(height, height, attention.rel_pos_h)
    columns = attention.get_rel_pos(width, width, attention.rel_pos_w)
    return torch.einsum("bnhwc,hkc->bnhwk", grid, lines), torch.einsum("bnhwc,wkc->bnhwk", grid, columns)


def _attend_one(query: Any, key: Any, value: Any, by_line: Any, by_column: Any, result: Any) -> None:
    """Attention within one picture or window, (heads, places, c) each, into ``result``."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    heads, height, width = by_line.shape[:3]
    places = height * width
    limit = _BIASES_AT_ONCE * torch.get_num_threads()
    together = max(1, min(heads, limit // places**2))
    lines = max(1, min(height, limit // (width * places)))
    buffer = query.new_empty((together, lines, width, height, width))
    for head in range(0, heads, together):
        some = slice(head, min(head + together, heads))
        for line in range(0, height, lines):
            rows = slice(line, min(line + lines, height))
            bias = buffer[: some.stop - head, : rows.stop - line]
            torch.add(by_line[some, rows, :, :, None], by_column[some, rows, :, None, :], out=bias)
            here = slice(rows.start * width, rows.stop * width)
            # with a dimension for a batch, and the mask's too: without them torch takes its slow path
            result[some, here] = scaled_dot_product_attention(
                query[None, some, here],
                key[None, some],
                value[None, some],
                attn_mask=bias.view(1, len(bias), -1, places),
            )[0]
