"""The authors' Segment Anything (Kirillov et al. 2023): its sizes, and its tensors under transformers' names.

Names are those of the package segment-anything 1.0; no released file could be had where this was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from iapas.errors import MissingError
from iapas.models.conversion.layout import Layout, counted

HEADS = 8
"""Of the mask decoder, in every size; a file does not tell."""

_RENAMED = [
    (r"^vision_encoder\.", "image_encoder."),
    (r"patch_embed\.projection\.", "patch_embed.proj."),
    (r"^image_encoder\.layers\.", "image_encoder.blocks."),
    (r"^(image_encoder\.blocks\.\d+\.)layer_norm", r"\1norm"),
    (r"neck\.conv1\.", "neck.0."),
    (r"neck\.layer_norm1\.", "neck.1."),
    (r"neck\.conv2\.", "neck.2."),
    (r"neck\.layer_norm2\.", "neck.3."),
    (r"^shared_image_embedding\.", "prompt_encoder.shared_embedding."),
    (r"shared_embedding\.positional_embedding", "pe_layer.positional_encoding_gaussian_matrix"),
    (r"\.point_embed\.", ".point_embeddings."),
    (r"mask_embed\.conv1\.", "mask_downscaling.0."),
    (r"mask_embed\.layer_norm1\.", "mask_downscaling.1."),
    (r"mask_embed\.conv2\.", "mask_downscaling.3."),
    (r"mask_embed\.layer_norm2\.", "mask_downscaling.4."),
    (r"mask_embed\.conv3\.", "mask_downscaling.6."),
    (r"upscale_conv1\.", "output_upscaling.0."),
    (r"upscale_layer_norm\.", "output_upscaling.1."),
    (r"upscale_conv2\.", "output_upscaling.3."),
    (r"((?:mlps\.\d+|head)\.)layers\.0\.", r"\1layers.1."),
    (r"((?:mlps\.\d+|head)\.)proj_in\.", r"\1layers.0."),
    (r"((?:mlps\.\d+|head)\.)proj_out\.", r"\1layers.2."),
    (r"layer_norm_final_attn", "norm_final_attn"),
    (r"(transformer\.layers\.\d+\.)layer_norm", r"\1norm"),
]
"""From transformers' names to the authors', one after another."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a network: the image encoder's (``width`` to ``full``), then the small ones'."""

    width: int
    layers: int
    heads: int
    patch: int
    grid: int
    window: int
    full: tuple[int, ...]
    feed_forward: int
    channels: int
    mask_channels: int
    decoder_layers: int
    decoder_feed_forward: int
    iou_width: int
    masks: int

    @property
    def side(self) -> int:
        """Of the pictures, in pixels."""
        return self.patch * self.grid

    @property
    def name(self) -> str:
        """Of the registry; "" for sizes that are not published."""
        published = {(768, 12): "sam-vit-base", (1024, 24): "sam-vit-large", (1280, 32): "sam-vit-huge"}
        return published.get((self.width, self.layers), "") if self.side == 1024 else ""


def shape_of(state: dict[str, Any]) -> Shape:
    """The sizes of the network whose tensors these are. Raises MissingError where one is not there, or is odd.

    A block whose table of relative positions spans the grid attends to all of it; the others to a window.
    """
    try:
        width, _, patch, _ = state["image_encoder.patch_embed.proj.weight"].shape
        grid = int(state["image_encoder.pos_embed"].shape[1])
        layers = len(counted(state, r"image_encoder\.blocks\.(\d+)\.(norm1)\."))
        tables = [state[f"image_encoder.blocks.{i}.attn.rel_pos_h"].shape for i in range(layers)]
        spans = [(int(table[0]) + 1) // 2 for table in tables]
        masks, channels = state["mask_decoder.mask_tokens.weight"].shape
        return Shape(
            width=width,
            layers=layers,
            heads=width // int(tables[0][1]),
            patch=patch,
            grid=grid,
            window=min(spans),
            full=tuple(i for i, span in enumerate(spans) if span == grid),
            feed_forward=state["image_encoder.blocks.0.mlp.lin1.weight"].shape[0],
            channels=channels,
            mask_channels=state["prompt_encoder.mask_downscaling.3.weight"].shape[0],
            decoder_layers=len(counted(state, r"mask_decoder\.transformer\.layers\.(\d+)\.(norm1)\.")),
            decoder_feed_forward=state["mask_decoder.transformer.layers.0.mlp.lin1.weight"].shape[0],
            iou_width=state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0],
            masks=masks - 1,
        )
    except (KeyError, ValueError, IndexError) as error:
        raise MissingError(f"it is no whole Segment Anything: {error}") from error


def config_of(shape: Shape) -> Any:
    """The config of transformers for these sizes; what is not a size is as in the released code.

    ``layer_norm_eps`` of the mask decoder is the released code's 1e-5; transformers' own 1e-6 moves the masks by
    1.5e-4 of the largest logit.
    """
    from transformers import SamConfig

    vision = {
        "hidden_size": shape.width,
        "output_channels": shape.channels,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "image_size": shape.side,
        "patch_size": shape.patch,
        "window_size": shape.window,
        "global_attn_indexes": list(shape.full),
        "num_pos_feats": shape.channels // 2,
        "mlp_dim": shape.feed_forward,
    }
    prompts = {
        "hidden_size": shape.channels,
        "image_size": shape.side,
        "patch_size": shape.patch,
        "mask_input_channels": shape.mask_channels,
    }
    decoder = {
        "hidden_size": shape.channels,
        "mlp_dim": shape.decoder_feed_forward,
        "num_hidden_layers": shape.decoder_layers,
        "num_attention_heads": HEADS,
        "num_multimask_outputs": shape.masks,
        "iou_head_hidden_dim": shape.iou_width,
        "layer_norm_eps": 1e-5,
    }
    return SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)


def source(name: str) -> tuple[str, None]:
    """The authors' name of transformers' tensor ``name``; none is cut."""
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    return name, None


LAYOUT = Layout(
    "Segment Anything",
    "SamModel",
    ("image_encoder.pos_embed", "mask_decoder.mask_tokens.weight", "prompt_encoder.no_mask_embed.weight"),
    re.compile(r"pixel_(mean|std)$"),  # always as constructed
    shape_of,
    config_of,
    source,
)
