"""Detection by phrases: OWLv2 (Minderer et al. 2023) as a detector; a mask decoder draws its boxes.

Written against transformers' Owlv2ForObjectDetection, whose weights are loaded. Tried with random weights; the
published ones could not be fetched where iapas was written, and are unverified here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iapas.core.boxes import clip_boxes, nms
from iapas.models import memory
from iapas.models.clip_phrases import Asked, Texts, require_kind
from iapas.models.loading import Runtime, load
from iapas.models.precision import computing, finite
from iapas.settings import DetectorSettings
from iapas.types import FloatMap, Image, Phrase, Regions

_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
_PHRASES_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Encoded:
    """An image's ``size`` (height, width), its P ``features`` (1, P, C), and their ``boxes`` (P, 4) in shares.

    Boxes are centre and size in shares of the square that the image was padded to. They depend on no phrase.
    """

    size: tuple[int, int]
    features: Any
    boxes: FloatMap


class Owlv2Detector:
    """A detector (see protocols) that gives each of its many boxes to the phrase that fits it best.

    A region's score is the probability of its phrase; those above ``box_threshold`` are kept. All go through one
    class-agnostic NMS. Where memory runs out images are looked at one by one: the model has one resolution.
    """

    def __init__(self, folder: Path, settings: DetectorSettings, runtime: Runtime) -> None:
        require_kind(folder, ("owlv2",), "OWLv2")
        self._settings, self._runtime = settings, runtime
        self._model: Any = load("Owlv2ForObjectDetection", folder, runtime)
        self._side = int(self._model.config.vision_config.image_size)
        limit = int(self._model.config.text_config.max_position_embeddings)
        self._texts: Any = Texts(folder, limit, self._embed, runtime)

    def encode(self, images: Sequence[Image]) -> list[Encoded]:
        """The images' features and boxes; a GPU takes them together. Raises OutOfMemory, ModelNonfinite."""
        together = len(images) if self._runtime.device == "cuda" else 1
        parts = memory.in_chunks(len(images), together, lambda part: self._encode(images[part]))
        return [entry for part in parts for entry in part]

    def detect(self, encoded: Sequence[Encoded], phrases: Sequence[Phrase]) -> list[Regions]:
        """Regions without masks, highest score first. Raises OutOfMemory, ModelNonfinite."""
        asked = self._texts.ask(tuple(phrase.text for phrase in phrases))
        return [self._regions(entry, asked) for entry in encoded]

    def close(self) -> None:
        """Give the memory back."""
        self._model = self._texts = None
        memory.free()

    def _embed(self, ids: Any, masks: Any) -> Any:
        features = self._model.owlv2.get_text_features(ids, attention_mask=masks, return_dict=True).pooler_output
        return features / features.norm(dim=-1, keepdim=True)

    def _encode(self, images: Sequence[Image]) -> list[Encoded]:
        import torch

        batch = torch.from_numpy(np.stack([prepared(image, self._side) for image in images]))
        batch = batch.to(self._runtime.device)

        def run(runtime: Runtime) -> tuple[Any, Any]:
            with torch.inference_mode():
                with computing(runtime):
                    grid = self._model.image_embedder(batch)[0].float()
                return grid.flatten(1, 2), self._model.box_predictor(grid.flatten(1, 2), grid)

        features, boxes = finite(run, self._runtime, "the detector's image encoder")
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        return [Encoded(size, features[i : i + 1], boxes[i].cpu().numpy()) for i, size in enumerate(sizes)]

    def _regions(self, entry: Encoded, asked: Asked) -> Regions:
        """The best boxes that no better one overlaps, in pixels of the image."""
        if not asked.phrases:
            return Regions.empty(entry.size)
        scores, phrases = self._score(entry, asked)
        sure = np.flatnonzero(scores > self._settings.box_threshold)
        centres, sides = np.split(entry.boxes[sure], 2, axis=1)
        # the image was padded to a square, of which its boxes are shares
        boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1) * np.float32(max(entry.size))
        kept = nms(boxes, scores[sure], self._settings.nms)[: self._settings.max_regions]
        names = [asked.phrases[i] for i in phrases[sure][kept]]
        return Regions(entry.size, clip_boxes(boxes[kept], entry.size), scores[sure][kept], names, None, asked.notes)

    def _score(self, entry: Encoded, asked: Asked) -> tuple[FloatMap, Any]:
        """For each box the probability of the phrase that fits it best, and which that is."""
        import torch

        def run(part: slice) -> Any:
            with torch.inference_mode():
                return self._model.class_predictor(entry.features, asked.features[None, part])[0][0]

        parts = memory.in_chunks(len(asked.phrases), _PHRASES_AT_ONCE, run)
        best = finite(lambda _: torch.cat(parts, dim=-1), self._runtime, "the detector").max(dim=-1)
        return best.values.sigmoid().cpu().numpy(), best.indices.cpu().numpy()


def prepared(image: Image, side: int) -> FloatMap:
    """(3, side, side) float32: the image padded with black to a square, resized and normalised.

    Blurred and sampled as the released code does by scikit-image; with OpenCV, one channel at a time, so that a large
    picture stays small.
    """
    length = max(image.shape[:2])
    channels = np.zeros((3, side, side), np.float32)
    sigma = max(0.0, (length / side - 1) / 2)
    width = 2 * int(4 * sigma + 0.5) + 1
    for i in range(3):
        square = np.zeros((length, length), np.float32)
        square[: image.shape[0], : image.shape[1]] = image[..., i]
        if sigma:
            cv2.GaussianBlur(square, (width, width), sigma, dst=square, borderType=cv2.BORDER_REFLECT_101)
        resized = cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR)
        channels[i] = (resized / 255 - _MEAN[i]) / _STD[i]
    return channels
