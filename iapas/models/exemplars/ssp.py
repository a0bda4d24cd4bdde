"""SSP without training (Fan et al. 2022, "Self-Support Few-Shot Semantic Segmentation", section 3).

Examples give a first match; what is surest in it becomes prototypes of the picture's own. Layer 3 of a ResNet, dilated
to a stride of 8, makes the features; the published SSP trains it further, this one takes it as it is. One round, as the
released code without ``refine``. Real checkpoints have not been run here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.matching import as_scores, enlarged
from iapas.errors import ConfigError
from iapas.models.exemplars.extractors import Extractor
from iapas.models.exemplars.masks import classes, touched
from iapas.models.loading import Runtime, load, model_kind
from iapas.types import BoolMap, FloatMap, Image

SCALE = 10.0  # of cosine similarities before their softmax
SURE_FOREGROUND, SURE_BACKGROUND = 0.7, 0.6  # probabilities above which a cell is a prototype of its own picture
FEWEST = 12  # cells that are taken where none is sure
SHARPNESS = 2.0  # of the softmax over background cells (adaptive self-support)
OWN_FOREGROUND = 0.5  # share of the picture's own prototype in the foreground's
OWN_BACKGROUND = 0.3  # share of the mean one in the background's; the adaptive one has the rest

Prototypes = tuple[FloatMap, FloatMap]
"""Foreground and background, (C,) float32 each."""


@dataclass(frozen=True, eq=False)
class _Pooled:
    """The prototypes of one class, a pair for each example."""

    pairs: list[Prototypes]

    def mean(self) -> Prototypes:
        foreground, background = (np.mean(side, axis=0) for side in zip(*self.pairs, strict=True))
        return foreground, background


class Ssp:
    """The protocol Exemplars, by a ResNet.

    Masks of integers hold several classes; the score is that of the likeliest.
    """

    def __init__(self, folder: Path, side: int, runtime: Runtime) -> None:
        kind = model_kind(folder)
        if kind != "resnet":
            raise ConfigError(
                f"ssp needs a ResNet, not a model of type {kind!r}", "exemplars.extractor can be resnet50"
            )
        model = load("ResNetModel", folder, runtime)
        dilate(model)
        self._extractor = Extractor(model, _layer_3, max(1, round(side / 32)) * 32, runtime)
        self._known: list[Prototypes] = []

    def prepare(self, supports: Sequence[tuple[Image, npt.NDArray[Any]]]) -> None:
        """Take the prototypes of the examples: images, each with its mask, (H, W) bool or integers.

        Raises ValueError when no mask has a pixel, or one has no background.
        """
        pooled: dict[int, _Pooled] = {}
        for image, mask in supports:
            found = classes(mask)
            if not found:
                continue
            (features,) = self._extractor.features([image])
            for label, where in found.items():
                pooled.setdefault(label, _Pooled([])).pairs.append(pool(features, where))
        if not pooled:
            raise ValueError("the examples have no foreground")
        self._known = [part.mean() for _, part in sorted(pooled.items())]

    def score(self, images: Sequence[Image]) -> list[FloatMap]:
        """(H, W) float32 in 0..1 for each image: the probability of the foreground.

        Raises OutOfMemory, ModelNonfinite.
        """
        found = []
        for image, features in zip(images, self._extractor.features(images), strict=True):
            size = (image.shape[0], image.shape[1])
            margins = [enlarged(self_support(features, *known), size) for known in self._known]
            found.append(as_scores(np.maximum.reduce(margins), 1 / SCALE))
        return found

    def close(self) -> None:
        """Give the model's memory back."""
        self._extractor.close()


def pool(features: FloatMap, mask: BoolMap) -> Prototypes:
    """The mean feature of ``features`` (h, w, C) inside and outside of ``mask`` (H, W) bool, which is resized.

    Bilinear with aligned corners, as released; a mask that would vanish counts in each cell it touches.
    """
    grid = (features.shape[0], features.shape[1])
    inside = enlarged(mask.astype(np.float32), grid)
    if not inside.any():
        inside = touched(mask, grid).astype(np.float32)
    if inside.min() >= 1:
        raise ValueError("an example has no background")
    foreground, background = (np.tensordot(part, features, 2) / (part.sum() + 1e-5) for part in (inside, 1 - inside))
    return foreground, background


def self_support(features: FloatMap, foreground: FloatMap, background: FloatMap) -> FloatMap:
    """(h, w) float32 in -2..2: similarity to the foreground less that to the background, by the picture's own cells."""
    cells = features.reshape(-1, features.shape[2])
    first = SCALE * (_cosine(cells, foreground) - _cosine(cells, background))
    sure = 1 / (1 + np.exp(-first))
    like, unlike = cells[surest(sure, SURE_FOREGROUND)], cells[surest(1 - sure, SURE_BACKGROUND)]
    own = foreground * (1 - OWN_FOREGROUND) + like.mean(axis=0) * OWN_FOREGROUND
    around = unlike.mean(axis=0) * OWN_BACKGROUND + adaptive(cells, unlike) * (1 - OWN_BACKGROUND)
    margin = _cosine(cells, own) - _cosine(cells, around)
    return margin.reshape(features.shape[:2]).astype(np.float32)


def surest(probability: FloatMap, limit: float) -> npt.NDArray[np.int64]:
    """The cells above ``limit``; where there is none the FEWEST likeliest."""
    above = np.flatnonzero(probability > limit)
    return above if len(above) else np.argsort(-probability, kind="stable")[:FEWEST]


def adaptive(cells: FloatMap, unlike: FloatMap) -> FloatMap:
    """(n, C): for each of ``cells`` (n, C) the mean of ``unlike`` (m, C), weighted by likeness."""
    weights = np.exp(SHARPNESS * (_unit(cells) @ _unit(unlike).T))
    found: FloatMap = (weights / weights.sum(axis=1, keepdims=True)) @ unlike
    return found


def _unit(rows: FloatMap) -> FloatMap:
    unit: FloatMap = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-8))
    return unit


def _cosine(cells: FloatMap, other: FloatMap) -> FloatMap:
    """(n,): of ``cells`` (n, C) with one vector (C,), or with one each (n, C)."""
    found: FloatMap = (_unit(cells) * _unit(other)).sum(axis=-1)
    return found


def dilate(model: Any) -> None:
    """Have layer 3 of a ResNet keep the grid, with wider kernels from its second block on, and without its last ReLU.

    As the released code does, whose ResNet differs in its first convolutions too: three small ones, not one.
    """
    from torch import nn

    blocks = model.encoder.stages[2].layers
    for i, block in enumerate(blocks):
        for convolution in (part for part in block.modules() if isinstance(part, nn.Conv2d)):
            convolution.stride = (1, 1)
            if i and convolution.kernel_size == (3, 3):
                convolution.dilation = convolution.padding = (2, 2)
    blocks[-1].activation = nn.Identity()


def _layer_3(model: Any, given: Any) -> Any:
    """Layer 4 is left out."""
    found = model.embedder(given)
    for stage in model.encoder.stages[:3]:
        found = stage(found)
    return found
