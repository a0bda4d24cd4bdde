"""Maps from phrases: CLIPSeg (Lueddecke and Ecker 2022) as a detector whose regions are the parts of its maps.

Written against transformers' CLIPSegForImageSegmentation, whose weights are loaded. Tried with random weights; the
published ones could not be fetched where iapas was written, and are unverified here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iapas.core.boxes import nms
from iapas.models import memory
from iapas.models.clip_phrases import Asked, Texts, require_kind
from iapas.models.loading import Runtime, load
from iapas.models.pictures import pixels
from iapas.models.precision import computing, finite
from iapas.models.upsampling import Upsampling
from iapas.settings import DetectorSettings
from iapas.types import FloatMap, Image, MaskCrop, Phrase, Regions

_PHRASES_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class Encoded:
    """An image's ``size`` (height, width), and what the decoder wants of the image encoder's layers, (1, P, C) each."""

    size: tuple[int, int]
    layers: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a phrase's map: its greatest value, which phrase, and the soft mask that times it is the map there."""

    score: float
    phrase: int
    mask: MaskCrop


class ClipsegDetector:
    """A detector (see protocols) that makes a map for each phrase.

    A region is an 8-connected part of a phrase's map above ``box_threshold``. Its score is the map's greatest value in
    it, its soft mask the map divided by that: the sum of s_i * m_i over a phrase's regions is its map, where that is
    above the threshold, in steps of s_i / 255. Of each phrase the ``max_regions`` best parts, and of all of these
    those that class-agnostic NMS leaves, are kept. Where memory runs out fewer phrases, or images, are looked at
    together.
    """

    def __init__(self, folder: Path, settings: DetectorSettings, runtime: Runtime) -> None:
        require_kind(folder, ("clipseg",), "CLIPSeg")
        self._settings, self._runtime = settings, runtime
        self._model: Any = load("CLIPSegForImageSegmentation", folder, runtime)
        limit = int(self._model.config.text_config.max_position_embeddings)
        self._texts: Any = Texts(folder, limit, self._embed, runtime)

    def encode(self, images: Sequence[Image]) -> list[Encoded]:
        """The images' features; a GPU takes them together. Raises OutOfMemory, ModelNonfinite."""
        together = len(images) if self._runtime.device == "cuda" else 1
        parts = memory.in_chunks(len(images), together, lambda part: self._encode(images[part]))
        return [entry for part in parts for entry in part]

    def detect(self, encoded: Sequence[Encoded], phrases: Sequence[Phrase]) -> list[Regions]:
        """Regions with soft masks, highest score first. Raises OutOfMemory, ModelNonfinite."""
        asked = self._texts.ask(tuple(phrase.text for phrase in phrases))
        return [self._regions(entry, asked) for entry in encoded]

    def close(self) -> None:
        """Give the memory back."""
        self._model = self._texts = None
        memory.free()

    def _embed(self, ids: Any, masks: Any) -> Any:
        return self._model.clip.get_text_features(ids, attention_mask=masks, return_dict=True).pooler_output

    def _encode(self, images: Sequence[Image]) -> list[Encoded]:
        import torch

        batch = pixels(images, (self._settings.side, self._settings.side), self._runtime.device)

        def run(runtime: Runtime) -> tuple[Any, ...]:
            with torch.inference_mode(), computing(runtime):
                states = self._model.clip.get_image_features(batch, output_hidden_states=True).hidden_states
                # the first of them is what goes into the first layer
                return tuple(states[i + 1].float() for i in self._model.extract_layers)

        layers = finite(run, self._runtime, "the detector's image encoder")
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        return [Encoded(size, tuple(layer[i : i + 1] for layer in layers)) for i, size in enumerate(sizes)]

    def _regions(self, entry: Encoded, asked: Asked) -> Regions:
        """The best parts that no better one overlaps."""
        if not asked.phrases:
            return Regions.empty(entry.size)
        found = memory.in_chunks(len(asked.phrases), _PHRASES_AT_ONCE, lambda chunk: self._parts(entry, asked, chunk))
        parts = [part for some in found for part in some]
        boxes = np.array([part.mask.frame for part in parts], np.float32).reshape(-1, 4)
        scores = np.array([part.score for part in parts], np.float32)
        kept = nms(boxes, scores, self._settings.nms)[: self._settings.max_regions]
        names = [asked.phrases[parts[i].phrase] for i in kept]
        crops = tuple(parts[i].mask.pixels for i in kept)
        return Regions(entry.size, boxes[kept], scores[kept], names, crops, asked.notes)

    def _parts(self, entry: Encoded, asked: Asked, chunk: slice) -> list[Part]:
        """The parts of the maps of the phrases in ``chunk``."""
        maps = self._maps(entry, asked.features[chunk])
        upsampling = Upsampling.stretched(tuple(maps.shape[-2:]), entry.size, self._runtime.device)
        level = self._settings.box_threshold
        found = []
        for phrase, (origin, window) in enumerate(upsampling.windows(maps, level), chunk.start):
            mine = [Part(score, phrase, mask) for score, mask in soft_parts(window.cpu().numpy(), level, origin)]
            found += sorted(mine, key=lambda part: -part.score)[: self._settings.max_regions]
        return found

    def _maps(self, entry: Encoded, features: Any) -> Any:
        """(n, h, w) float32 in 0..1: the maps of n phrases, of all of the image."""
        import torch

        layers = tuple(layer.expand(len(features), -1, -1) for layer in entry.layers)

        def run(_: Runtime) -> Any:
            with torch.inference_mode():
                return self._model.decoder(layers, features).logits.sigmoid()

        return finite(run, self._runtime, "the detector")


def soft_parts(scores: FloatMap, level: float, origin: tuple[int, int] = (0, 0)) -> Iterator[tuple[float, MaskCrop]]:
    """The 8-connected parts of ``scores`` (h, w), >= 0, above ``level``: the greatest score and the soft mask of each.

    ``origin``: where in the image (x, y) the first score is.
    """
    above = scores > np.float32(level)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(above.astype(np.uint8), connectivity=8)
    for label in range(1, count):
        x, y, width, height = (int(value) for value in stats[label, :4])
        frame = slice(y, y + height), slice(x, x + width)
        values = np.where(labels[frame] == label, scores[frame], 0)
        best = float(values.max())
        pixels = np.rint(values * np.float32(255 / best)).astype(np.uint8)
        left, top = x + origin[0], y + origin[1]
        yield best, MaskCrop((left, top, left + width, top + height), pixels)
