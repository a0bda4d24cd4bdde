"""Models that make dense features of pictures: PDN, DINO, DINOv2, ResNet, and the image encoders of the SAM family.

Pictures are stretched to a square, as in the released code of FM. Real checkpoints have not been run here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from iapas.errors import ConfigError
from iapas.models import memory, precision
from iapas.models.exemplars import pdn
from iapas.models.loading import Runtime, load, model_kind
from iapas.models.pictures import pixels
from iapas.models.sam import SamDecoder
from iapas.models.sam_networks import FAMILIES, Features
from iapas.protocols import FeatureExtractor
from iapas.settings import DecoderSettings
from iapas.types import FloatMap, Image

Look = Callable[[Any, Any], Any]
"""(model, normalised pixels (B, 3, S, S)) to features (B, C, h, w)."""


@dataclass(frozen=True)
class _Kind:
    """A kind of network of transformers: its class, how it is looked through, what its input's side must divide by."""

    model_class: str
    look: Look
    step: Callable[[Any], int]


def dense(folder: Path, side: int, runtime: Runtime) -> FeatureExtractor:
    """The feature extractor in a folder, for pictures at ``side`` squared; SAM's encoders have their own.

    Raises ConfigError where it is none.
    """
    if pdn.is_pdn(folder):
        return Extractor(pdn.load(folder).to(runtime.device), lambda model, given: model(given), side, runtime)
    kind = model_kind(folder)
    if kind in FAMILIES:
        return SamFeatures(folder, runtime)
    if kind not in KINDS:
        known = ", ".join(["pdn", *KINDS, *FAMILIES])
        raise ConfigError(f"a model of type {kind!r} makes no features", f"exemplars.extractor can be {known}")
    found = KINDS[kind]
    model = load(found.model_class, folder, runtime, **({"add_pooling_layer": False} if kind == "vit" else {}))
    step = found.step(model)
    return Extractor(model, found.look, max(1, round(side / step)) * step, runtime)


class Extractor:
    """The protocol FeatureExtractor, by a network. It runs in the runtime's precision; on a CPU one image at a time."""

    def __init__(self, model: Any, look: Look, side: int, runtime: Runtime) -> None:
        self._model, self._look, self._side, self._runtime = model, look, side, runtime

    def features(self, images: Sequence[Image]) -> list[FloatMap]:
        """(h, w, C) float32 for each image; the grid covers all of it. Raises OutOfMemory, ModelNonfinite."""
        together = len(images) if self._runtime.device == "cuda" else 1
        parts = memory.in_chunks(len(images), together, lambda part: self._features(images[part]))
        return [one for part in parts for one in part]

    def close(self) -> None:
        """Give the model's memory back."""
        self._model = None
        memory.free()

    def _features(self, images: Sequence[Image]) -> list[FloatMap]:
        import torch

        given = squares(images, self._side, self._runtime.device)

        def run(runtime: Runtime) -> Any:
            with torch.inference_mode(), precision.computing(runtime):
                return self._look(self._model, given).float()

        found = precision.finite(run, self._runtime, "the feature extractor")
        return [np.ascontiguousarray(one) for one in found.permute(0, 2, 3, 1).cpu().numpy()]


class SamFeatures:
    """The protocol FeatureExtractor, by the image encoder of SAM, SAM-HQ or SAM 2.1: its last and coarsest features."""

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        self._decoder = SamDecoder(folder, DecoderSettings(name="sam"), runtime)

    def features(self, images: Sequence[Image]) -> list[FloatMap]:
        """(h, w, C) float32 for each image; stretched to a square first, so that the grid covers all of it."""
        stretched = [_square(image, max(image.shape[:2])) for image in images]
        levels = [coarsest(entry.features)[0] for entry in self._decoder.encode(stretched)]
        return [np.ascontiguousarray(level.permute(1, 2, 0).cpu().numpy()) for level in levels]

    def close(self) -> None:
        """Give the model's memory back."""
        self._decoder.close()


def coarsest(features: Features) -> Any:
    """(B, C, h, w): of what an image encoder of the SAM family gives, the last and coarsest."""
    # SAM-HQ has the features of an early layer after it, SAM 2.1 two finer levels before it
    return features[-1] if len(features) == 3 else features[0]


def squares(images: Sequence[Image], side: int, device: str) -> Any:
    """(B, 3, side, side) float32 tensor, normalised: resized by OpenCV's bilinear rule, as the released code of FM."""
    return pixels([_square(image, side) for image in images], (side, side), device)


def _square(image: Image, side: int) -> Image:
    if image.shape[:2] == (side, side):
        return image
    resized: Image = np.asarray(cv2.resize(image, (side, side)), np.uint8)
    return resized


def _tokens(model: Any, given: Any) -> Any:
    """Patch tokens of the last block after the final normalisation, without the class token, as a grid."""
    extra = {"interpolate_pos_encoding": True} if model.config.model_type == "vit" else {}
    tokens = model(given, **extra).last_hidden_state
    height, width = (length // model.config.patch_size for length in given.shape[2:])
    return tokens[:, -height * width :].transpose(1, 2).unflatten(2, (height, width))


def _stages(model: Any, given: Any) -> Any:
    """Layers 2 and 3 of a ResNet, the second resized to the first (as PatchCore, Roth et al. 2022, section 3.1)."""
    from torch import cat
    from torch.nn.functional import interpolate

    _, _, second, third, *_ = model(given, output_hidden_states=True).hidden_states
    larger = interpolate(third.float(), second.shape[2:], mode="bilinear", align_corners=False)
    return cat([second.float(), larger], dim=1)


KINDS = {
    "vit": _Kind("ViTModel", _tokens, lambda model: int(model.config.patch_size)),
    "dinov2": _Kind("Dinov2Model", _tokens, lambda model: int(model.config.patch_size)),
    "resnet": _Kind("ResNetModel", _stages, lambda model: 32),
}
