"""The filter bank's features beside those of the compact model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iapas.embedded.classical.view import view
from iapas.embedded.compact.model import CompactModel
from iapas.embedded.compact.picture import fitted
from iapas.embedded.exemplars.filters import CELL, FilterBank, squared
from iapas.types import FloatMap, Image

QUIET = 0.05  # root mean square of activations: less is not made to count as much as usual
ORDINARY = 0.3  # a constant feature: cells where the model sees nothing are alike


class PairFeatures:
    """The protocol FeatureExtractor: (side / 4, side / 4, 110) float32 for each picture, resized to ``side`` squared.

    ``model``: None for the shipped one. Of a part on a plain ground it sees the part alone.
    """

    def __init__(self, side: int = 256, model: CompactModel | None = None) -> None:
        self._filters, self._model = FilterBank(side), model or CompactModel()

    def features(self, images: Sequence[Image]) -> list[FloatMap]:
        """Features of (H, W, 3) uint8 RGB pictures."""
        return [np.dstack(both) for both in zip(self._filters.features(images), map(self._seen, images), strict=True)]

    def close(self) -> None:
        """Nothing to release."""

    def _seen(self, image: Image) -> FloatMap:
        side = self._filters.side
        seen, cells = view(squared(image, side), side), side // CELL
        left, top = (min(int(at / CELL), cells - 1) for at in seen.frame[:2])
        right, bottom = (min(round(at / CELL), cells) for at in seen.frame[2:])
        size = (max(1, right - left), max(1, bottom - top))
        where = slice(top, top + size[1]), slice(left, left + size[0])
        layers = [np.full((cells, cells, 1), ORDINARY, np.float32)]
        for layer in self._model(seen).features:
            full = np.zeros((cells, cells, len(layer)), np.float32)
            full[where] = _evened(layer, size)
            layers.append(full)
        return np.dstack(layers)


def _evened(layer: FloatMap, size: tuple[int, int]) -> FloatMap:
    """(C, h, w) activations as (height, width, C) of ``size``, less what is usual; each layer counts the same."""
    away = layer - np.median(layer, axis=(1, 2), keepdims=True)
    spread = max(float(np.sqrt(np.mean(away * away))), QUIET) * np.sqrt(len(layer))
    return np.moveaxis(fitted(np.asarray(away / spread, np.float32), size), 0, 2)
