"""A bank of filters: tone, local contrast, texture and colour of each cell of a picture. No direction counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import FloatMap, Image

CELL = 4  # resized pixels; a grid of side / CELL squared
# Each response is compressed by x / sqrt(scale^2 + x^2), or a log, so that none outweighs the others. L is 0..100.
TONE = (1.5, 4.0, 8.0)  # blurs of the lightness, less its median in the picture
TONE_SCALE = 8.0
CONTRAST = ((1.0, 3.0), (2.0, 6.0), (4.0, 12.0), (8.0, 24.0))  # blur less wider blur
CONTRAST_SCALE, CONTRAST_WEIGHT = 4.0, 2.0
TEXTURE = ((0.0, 1.5), (1.0, 3.0), (2.0, 6.0))  # bands whose log of the local RMS is taken, less its median
TEXTURE_REACH, TEXTURE_FLOOR, TEXTURE_WEIGHT = 3.0, 0.4, 0.7
COLOUR_BLUR, COLOUR_SCALE = 2.0, 8.0
ORDINARY = 1.0  # a constant response: cells without any feature are alike, whatever little noise they have


class FilterBank:
    """The protocol FeatureExtractor: (side / 4, side / 4, 13) float32 for each picture, resized to ``side`` squared."""

    def __init__(self, side: int = 256) -> None:
        self.side = side

    def features(self, images: Sequence[Image]) -> list[FloatMap]:
        """Features of (H, W, 3) uint8 RGB pictures."""
        return [self._features(image) for image in images]

    def close(self) -> None:
        """Nothing to release."""

    def _features(self, image: Image) -> FloatMap:
        small = squared(image, self.side).astype(np.float32) / np.float32(255)
        light, *chroma = map(_plane, np.moveaxis(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), 2, 0))
        cells = self.side // CELL

        def shrink(response: FloatMap) -> FloatMap:
            return _plane(cv2.resize(response, (cells, cells), interpolation=cv2.INTER_AREA))

        responses = [*_tones(light), *_contrasts(light), *_textures(light), *map(_colour, chroma)]
        responses.append(np.full_like(light, ORDINARY))
        return np.dstack([shrink(response) for response in responses])


def squared(image: Image, side: int) -> Image:
    """An (H, W, 3) uint8 picture at ``side`` squared, whatever its shape."""
    mode = cv2.INTER_AREA if min(image.shape[:2]) > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side, side), interpolation=mode), np.uint8)


def _tones(light: FloatMap) -> list[FloatMap]:
    centre = _median(light)
    return [_compressed(_blur(light, sigma) - centre, TONE_SCALE) for sigma in TONE]


def _contrasts(light: FloatMap) -> list[FloatMap]:
    weight = np.float32(CONTRAST_WEIGHT)
    return [weight * _compressed(_blur(light, a) - _blur(light, b), CONTRAST_SCALE) for a, b in CONTRAST]


def _textures(light: FloatMap) -> list[FloatMap]:
    energies = []
    for fine, coarse in TEXTURE:
        band = _blur(light, fine) - _blur(light, coarse)
        power = _blur(band * band, TEXTURE_REACH)
        energies.append(np.log(np.float32(TEXTURE_FLOOR) + np.sqrt(np.maximum(power, 0))))
    return [np.float32(TEXTURE_WEIGHT) * (energy - _median(energy)) for energy in energies]


def _colour(chroma: FloatMap) -> FloatMap:
    return _compressed(_blur(chroma, COLOUR_BLUR) - _median(chroma), COLOUR_SCALE)


def _compressed(response: FloatMap, scale: float) -> FloatMap:
    squashed: FloatMap = response / np.sqrt(np.float32(scale * scale) + response * response)
    return squashed


def _blur(field: FloatMap, sigma: float) -> FloatMap:
    return field if sigma == 0 else _plane(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))


def _plane(values: npt.NDArray[Any]) -> FloatMap:
    return np.ascontiguousarray(values, np.float32)


def _median(field: FloatMap) -> np.float32:
    return np.float32(np.median(field[::2, ::2]))
