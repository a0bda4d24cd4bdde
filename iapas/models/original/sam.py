"""SAM as its authors' package computes it (segment-anything 1.0): resizing, network and masks are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from iapas.models import memory
from iapas.models.conversion.sam import HEADS, LAYOUT, Shape
from iapas.models.loading import Runtime
from iapas.models.original import packages, weights
from iapas.models.precision import finite
from iapas.models.sam import CPU_CHUNK, clip_prompts, usable_prompts
from iapas.settings import DecoderSettings
from iapas.types import FloatMap, Image, MaskCrop


class OriginalSamDecoder:
    """The protocol MaskDecoder, by the authors' ``SamPredictor``. Computes in fp32, one image after another.

    As :class:`iapas.models.sam.SamDecoder` it gives one mask for a prompt, and none for boxes without area.
    """

    def __init__(self, folder: Path, settings: DecoderSettings, runtime: Runtime) -> None:
        state, shape = weights.read(folder, LAYOUT)
        self._model: Any = weights.fill(network(shape), state, LAYOUT, folder).to(runtime.device)
        self._predictor = packages.load("segment_anything").SamPredictor
        self._chunk = settings.chunk if runtime.device == "cuda" else min(settings.chunk, CPU_CHUNK)
        self._runtime = Runtime(runtime.device, "fp32", runtime.threads)

    def encode(self, images: Sequence[Image]) -> list[Any]:
        """A predictor for each image, which holds its features. Raises OutOfMemory, ModelNonfinite."""
        parts = memory.in_chunks(len(images), 1, lambda part: [self._encode(image) for image in images[part]])
        return [predictor for part in parts for predictor in part]

    def decode(
        self,
        encoded: Sequence[Any],
        *,
        boxes: Sequence[FloatMap] | None = None,
        points: Sequence[FloatMap] | None = None,
    ) -> list[list[MaskCrop]]:
        """The mask of each box (N, 4), or of each point (N, 2), for each image; both are clipped to the image."""
        if (boxes is None) == (points is None):
            raise ValueError("either boxes or points must be given")
        prompts = boxes if boxes is not None else points
        return [self._masks(entry, mine) for entry, mine in zip(encoded, prompts or (), strict=True)]

    def close(self) -> None:
        """Give the model's memory back."""
        self._model = None
        memory.free()

    def _encode(self, image: Image) -> Any:
        predictor = self._predictor(self._model)

        def run(_: Runtime) -> Any:
            with packages.silent():
                predictor.set_image(image)
            return predictor.features

        finite(run, self._runtime, "the image encoder of the mask decoder")
        return predictor

    def _masks(self, predictor: Any, prompts: FloatMap) -> list[MaskCrop]:
        clipped = clip_prompts(prompts, predictor.original_size)
        usable = np.flatnonzero(usable_prompts(clipped))
        found = memory.in_chunks(len(usable), self._chunk, lambda part: self._predict(predictor, clipped[usable[part]]))
        masks = [MaskCrop.of(np.zeros((0, 0), bool))] * len(clipped)
        for place, mask in zip(usable, (mask for part in found for mask in part), strict=True):
            masks[place] = mask
        return masks

    def _predict(self, predictor: Any, prompts: FloatMap) -> list[MaskCrop]:
        """The masks of usable boxes or points; logit > 0."""
        import torch

        is_box = prompts.shape[1] == 4
        scale = predictor.transform.apply_boxes if is_box else predictor.transform.apply_coords
        scaled = torch.as_tensor(scale(prompts, predictor.original_size), dtype=torch.float, device=predictor.device)
        ones = torch.ones((len(scaled), 1), dtype=torch.int, device=predictor.device)
        given = (None, None, scaled) if is_box else (scaled[:, None], ones, None)

        def run(_: Runtime) -> Any:
            return predictor.predict_torch(*given, multimask_output=False, return_logits=True)[0]

        logits = finite(run, self._runtime, "the mask decoder")
        return [MaskCrop.of(mask) for mask in (logits[:, 0] > self._model.mask_threshold).cpu().numpy()]


def network(shape: Shape) -> Any:
    """The authors' network of these sizes, untrained, with the switches of their three models."""
    import torch

    parts = packages.load("segment_anything.modeling")
    return parts.Sam(
        image_encoder=parts.ImageEncoderViT(
            depth=shape.layers,
            embed_dim=shape.width,
            img_size=shape.side,
            mlp_ratio=shape.feed_forward / shape.width,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            num_heads=shape.heads,
            patch_size=shape.patch,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=shape.full,
            window_size=shape.window,
            out_chans=shape.channels,
        ),
        prompt_encoder=parts.PromptEncoder(
            embed_dim=shape.channels,
            image_embedding_size=(shape.grid, shape.grid),
            input_image_size=(shape.side, shape.side),
            mask_in_chans=shape.mask_channels,
        ),
        mask_decoder=parts.MaskDecoder(
            num_multimask_outputs=shape.masks,
            transformer=parts.TwoWayTransformer(
                depth=shape.decoder_layers,
                embedding_dim=shape.channels,
                mlp_dim=shape.decoder_feed_forward,
                num_heads=HEADS,
            ),
            transformer_dim=shape.channels,
            iou_head_depth=3,
            iou_head_hidden_dim=shape.iou_width,
        ),
    )
