"""What the network sees of a picture."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.embedded.classical.view import View
from iapas.types import FloatMap

FIELDS = ("residual", "median", "rowcol", "texture", "line", "phase")  # of the classical detector's maps
FIELD_COUNT = len(FIELDS) + 2  # and how odd the texture is, and the verdict
CHANNELS = 5 + FIELD_COUNT
PATCH = 4  # pixels: side of the cells that the network computes on
STRIDE = 16  # pixels: both sides must be multiples of it
DETAIL = 8.0  # pixels: reach of the local mean and deviation
CERTAIN = 0.995  # the map's log odds are those of CERTAIN at most
LIGHT_FLOOR, DETAIL_FLOOR, COLOUR_SCALE = 4.0, 1.0, 12.0  # in units of L: 0..100


def fields(seen: View) -> FloatMap:
    """What classical vision has measured, (8, h, w) float32 in -4..4: maps in units of their noise, and its verdict.

    A network that is given them need not learn to see a hairline or a broken pattern; the last is the score map that
    nobody's words have shifted, which the network corrects.
    """
    maps = seen.channels
    odd = maps.oddness - np.float32(np.median(maps.oddness[::2, ::2]))
    measured = [_squashed(np.asarray(m, np.float32)) for m in (*(maps.maps[name] for name in FIELDS), odd)]
    return np.stack([*measured, np.float32(0.75) * log_odds(seen.score_map)])


def fitted(stack: FloatMap, size: tuple[int, int]) -> FloatMap:
    """(C, h, w) at ``size``, (width, height)."""
    if stack.shape[:0:-1] == size:
        return stack
    planes = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in stack]
    return np.asarray(planes, np.float32)


def log_odds(score_map: FloatMap) -> FloatMap:
    """Of a score map, (h, w) float32 in 0..1; those of CERTAIN at most, of 1 - CERTAIN at least."""
    chance = np.clip(score_map, 1 - CERTAIN, CERTAIN)
    return np.asarray(np.log(chance / (1 - chance)), np.float32)


def planes(work: FloatMap) -> FloatMap:
    """The picture itself, (5, h, w) float32 in -4..4, from (h, w, 3) float32 RGB in 0..1.

    Lightness and a, b less their medians, in robust deviations of the picture; lightness by its local mean and
    deviation; lightness as it is. So neither exposure nor contrast matters much, and faint defects come forward.
    """
    lab = np.asarray(cv2.cvtColor(np.ascontiguousarray(work, np.float32), cv2.COLOR_RGB2LAB), np.float32)
    light, chroma = np.ascontiguousarray(lab[..., 0]), lab[..., 1:]
    some = light[::2, ::2]
    centre = np.float32(np.median(some))
    spread = np.float32(1.4826 * np.median(np.abs(some - centre)) + LIGHT_FLOOR)
    mean = _blur(light)
    deviation = np.sqrt(np.maximum(_blur(light * light) - mean * mean, 0)) + np.float32(DETAIL_FLOOR)
    tints = np.asarray((chroma - np.median(chroma[::2, ::2], axis=(0, 1))) / COLOUR_SCALE, np.float32)
    return np.stack(
        [
            _squashed((light - centre) / spread),
            _squashed((light - mean) / deviation),
            light / np.float32(50) - np.float32(1),
            _squashed(tints[..., 0]),
            _squashed(tints[..., 1]),
        ]
    ).astype(np.float32)


def cells(planes: FloatMap) -> FloatMap:
    """(C, h, w) to (C * 16, h/4, w/4): each cell's pixels become channels."""
    count, height, width = planes.shape
    apart = planes.reshape(count, height // PATCH, PATCH, width // PATCH, PATCH)
    together: FloatMap = apart.transpose(0, 2, 4, 1, 3).reshape(-1, height // PATCH, width // PATCH)
    return np.ascontiguousarray(together)


def pixels(cells: FloatMap) -> FloatMap:
    """(16, h, w) to (4 h, 4 w): the way back, for one map."""
    _, height, width = cells.shape
    apart = cells.reshape(PATCH, PATCH, height, width).transpose(2, 0, 3, 1)
    return np.ascontiguousarray(apart.reshape(height * PATCH, width * PATCH))


def _blur(field: FloatMap) -> FloatMap:
    return np.asarray(cv2.GaussianBlur(field, (0, 0), DETAIL, borderType=cv2.BORDER_REFLECT), np.float32)


def _squashed(values: FloatMap) -> FloatMap:
    """Nearly as it is up to 2, at most 4: burnt-out highlights must not outshout the rest."""
    squashed: FloatMap = 4 * np.tanh(values / np.float32(4))
    return squashed
