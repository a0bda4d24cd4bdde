"""Masks from phrases in one model: SAM 3 (Carion et al. 2025) as a detector that brings masks along.

Written against transformers' Sam3Model, whose weights are loaded: those of the image model, and the published files,
which are of the video model that holds it. Tried with random weights; the real ones are gated and have not been run
here. transformers' processor needs torchvision, so pictures are prepared here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iapas.core.boxes import clip_boxes, nms, with_masks
from iapas.models import memory
from iapas.models.clip_phrases import Asked, Texts, require_kind
from iapas.models.loading import Runtime, load
from iapas.models.pictures import pixels
from iapas.models.precision import computing, finite
from iapas.models.upsampling import Upsampling
from iapas.settings import DetectorSettings
from iapas.types import FloatMap, Image, MaskCrop, Phrase, Regions

_NORMAL = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
_IN_MASK = 0.5
"""The probability above which a pixel is in a mask (the released code)."""
_PHRASES_AT_ONCE = {"cuda": 8, "cpu": 1}
"""Each has 200 masks of 288 x 288 and maps of 256 channels as large."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """An image's ``size`` (height, width), its feature maps, and their positions (alike for all images)."""

    size: tuple[int, int]
    levels: tuple[Any, ...]
    positions: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """N candidates: ``boxes`` (N, 4) in shares of the image, ``scores`` (N,), the number of each one's phrase.

    ``masks``: (N, h, w) float32 tensor, probabilities over the whole image.
    """

    boxes: FloatMap
    scores: FloatMap
    phrases: Any
    masks: Any


class Sam3Detector:
    """A detector (see protocols) that finds all that a phrase names, with masks, one phrase at a time.

    A region's score is the probability that it is what the phrase names, times that of the phrase being in the
    picture; those above ``box_threshold`` are kept, of each phrase the ``max_regions`` best. Regions of all phrases go
    through one class-agnostic NMS. Where memory runs out fewer phrases, or images, are looked at together: the model
    has one resolution.
    """

    def __init__(self, folder: Path, settings: DetectorSettings, runtime: Runtime) -> None:
        require_kind(folder, ("sam3", "sam3_video"), "SAM 3")
        self._settings, self._runtime = settings, runtime
        self._model: Any = load("Sam3Model", folder, runtime)
        self._side = int(self._model.config.image_size)
        limit = int(self._model.config.text_config.max_position_embeddings)
        self._texts: Any = Texts(folder, limit, self._embed, runtime)

    def encode(self, images: Sequence[Image]) -> list[Encoded]:
        """The images' features; a GPU takes them together. Raises OutOfMemory, ModelNonfinite."""
        together = len(images) if self._runtime.device == "cuda" else 1
        parts = memory.in_chunks(len(images), together, lambda part: self._encode(images[part]))
        return [entry for part in parts for entry in part]

    def detect(self, encoded: Sequence[Encoded], phrases: Sequence[Phrase]) -> list[Regions]:
        """Regions with hard masks, highest score first. Raises OutOfMemory, ModelNonfinite."""
        asked = self._texts.ask(tuple(phrase.text for phrase in phrases))
        return [self._regions(entry, asked) for entry in encoded]

    def close(self) -> None:
        """Give the memory back."""
        self._model = self._texts = None
        memory.free()

    def _embed(self, ids: Any, masks: Any) -> Any:
        return self._model.get_text_features(ids, attention_mask=masks, return_dict=True).pooler_output

    def _encode(self, images: Sequence[Image]) -> list[Encoded]:
        import torch

        batch = pixels(images, (self._side, self._side), self._runtime.device, _NORMAL)

        def run(runtime: Runtime) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            with torch.inference_mode(), computing(runtime):
                found = self._model.get_vision_features(batch)
            levels = tuple(level.float() for level in found.fpn_hidden_states[:-1])  # the model leaves out the last
            return levels, tuple(position[:1].float() for position in found.fpn_position_encoding[:-1])

        levels, positions = finite(run, self._runtime, "the detector's image encoder")
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        return [Encoded(size, tuple(level[i : i + 1] for level in levels), positions) for i, size in enumerate(sizes)]

    def _regions(self, entry: Encoded, asked: Asked) -> Regions:
        """The best candidates that no better one overlaps, in pixels of the image."""
        height, width = entry.size
        if not asked.phrases:
            return Regions.empty(entry.size)
        chunk = _PHRASES_AT_ONCE[self._runtime.device]
        parts = memory.in_chunks(len(asked.phrases), chunk, lambda part: self._look(entry, asked, part))
        boxes = np.concatenate([part.boxes for part in parts]) * np.array([width, height, width, height], np.float32)
        scores = np.concatenate([part.scores for part in parts])
        kept = nms(boxes, scores, self._settings.nms)[: self._settings.max_regions]
        names = np.concatenate([part.phrases for part in parts])[kept]
        inside = clip_boxes(boxes[kept], entry.size)
        # what has no area, or was turned inside out, is no region
        usable = (inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])
        kept, names, inside = kept[usable], names[usable], inside[usable]
        masks = [mask for part in parts for mask in part.masks]
        drawn = self._draw([masks[i] for i in kept], entry.size)
        found = Regions(entry.size, inside, scores[kept], [asked.phrases[i] for i in names], None, asked.notes)
        return with_masks(found, drawn)

    def _look(self, entry: Encoded, asked: Asked, part: slice) -> Found:
        """What the phrases of ``part`` find."""
        import torch

        out = finite(lambda runtime: self._run(entry, asked, part, runtime), self._runtime, "the detector")
        scores, boxes, masks = out
        best = scores.topk(min(self._settings.max_regions, scores.shape[1]), dim=1)
        row, column = torch.nonzero(best.values > self._settings.box_threshold, as_tuple=True)
        query = best.indices[row, column]
        return Found(
            boxes[row, query].cpu().numpy(),
            scores[row, query].cpu().numpy(),
            row.cpu().numpy() + part.start,
            masks[row, query].sigmoid(),
        )

    def _run(self, entry: Encoded, asked: Asked, part: slice, runtime: Runtime) -> tuple[Any, Any, Any]:
        """Scores (n, Q), boxes (n, Q, 4) as x0 y0 x1 y1 in shares, mask logits (n, Q, h, w) for n phrases."""
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPooling
        from transformers.models.sam3.modeling_sam3 import Sam3VisionEncoderOutput

        features, masks = asked.features[part], asked.masks[part]
        count = len(features)
        levels = tuple(level.expand(count, -1, -1, -1) for level in entry.levels)
        positions = tuple(position.expand(count, -1, -1, -1) for position in entry.positions)
        seen = Sam3VisionEncoderOutput(  # the model leaves out the last level: any will do
            fpn_hidden_states=(*levels, levels[-1]), fpn_position_encoding=(*positions, positions[-1])
        )
        with torch.inference_mode(), computing(runtime):
            out = self._model(
                vision_embeds=seen, text_embeds=BaseModelOutputWithPooling(pooler_output=features), attention_mask=masks
            )
        scores = out.pred_logits.float().sigmoid() * out.presence_logits.float().sigmoid()
        return scores, out.pred_boxes.float(), out.pred_masks.float()

    def _draw(self, masks: Sequence[Any], size: tuple[int, int]) -> list[MaskCrop]:
        """The masks (h, w) in pixels of the image; each is empty where no pixel is over a half."""
        import torch

        if not masks:
            return []
        coarse = torch.stack(list(masks))
        upsampling = Upsampling.stretched(tuple(coarse.shape[-2:]), size, self._runtime.device)
        windows = upsampling.windows(coarse, _IN_MASK)
        return [MaskCrop.of((window > _IN_MASK).cpu().numpy(), origin) for origin, window in windows]
