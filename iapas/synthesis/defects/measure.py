"""What can be said of a defect, measured on the finished picture: where it shows, how strongly, and its attributes."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.texture import Map
from iapas.types import BoolMap

NOTICEABLE = 0.35
"""A pixel belongs to a defect where its change is more than this share of the largest."""


def lightness(levels: Map) -> Map:
    """(h, w) grey of (h, w, 1 or 3) levels."""
    if levels.shape[2] == 1:
        return levels[..., 0]
    grey: Map = cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY)
    return grey


def change(difference: Map) -> Map:
    """How much (h, w) of a difference in levels, (h, w, 1 or 3), is seen: of light, or a little less of colour."""
    light = lightness(difference)
    if difference.shape[2] == 1:
        return np.abs(light)
    hue = np.abs(difference - light[..., None]).max(2)
    seen: Map = np.maximum(np.abs(light), np.float32(0.7) * hue)
    return seen


def noticeable(seen: Map, cover: Map, smooth: float) -> tuple[BoolMap, float]:
    """The pixels that the change ``seen`` makes noticeable under the brush, and the change that is usual there."""
    strength = seen * np.minimum(cover * 8, 1)
    if smooth > 0.3:
        strength = cv2.GaussianBlur(strength, (0, 0), smooth)
    highest = float(strength.max())
    if highest <= 0:
        return np.zeros(seen.shape, bool), 0.0
    peak = float(np.quantile(strength[strength > 0.3 * highest], 0.8))
    mask = ((strength > NOTICEABLE * peak) & (cover > 0.04)).astype(np.uint8)
    if smooth >= 0.8:
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    mask = _without_specks(mask)
    return mask > 0, float(strength[mask > 0].mean()) if mask.any() else 0.0


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """Without components that are tiny beside the largest."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA]
    keep = areas >= max(2, 0.012 * areas[1:].max())
    keep[0] = False
    kept: np.ndarray = keep[labels].astype(np.uint8)
    return kept


def ring(mask: BoolMap, part: BoolMap | None, scale: float) -> BoolMap:
    """The surroundings of ``mask``; on the part alone where that leaves enough."""
    reach = int(np.clip(0.3 * np.sqrt(mask.sum()), 3, 20 * scale))
    inner = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    outer = cv2.dilate(inner, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
    around: BoolMap = (outer > 0) & (inner == 0)
    if part is not None and (around & part).sum() > 0.3 * around.sum():
        around &= part
    return around


def thickness(mask: BoolMap) -> tuple[float, float]:
    """Length over width of the usual component of ``mask``, and its width in pixels."""
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    far = cv2.distanceTransform(padded, cv2.DIST_L2, 5)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(padded, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA].astype(float)
    total = np.bincount(labels.ravel(), far.ravel(), count)[1:]
    width = np.maximum(4 * total / areas - 2.2, 1)  # of pixels, whose distances begin at 1
    weights = areas / areas.sum()
    return float(weights @ (areas / width**2)), float(weights @ width)


def attributes(
    before: Map, after: Map, mask: BoolMap, part: BoolMap | None, share: float, scale: float, relief: bool
) -> dict[str, bool]:
    """What holds of the defect ``mask`` in the window ``after`` (levels); what is in between is left out.

    ``before``: the same without it; ``share``: of the picture's pixels that it covers; ``relief``: it
    was painted as one, which is said if it has both sides.
    """
    said: dict[str, bool] = {}
    around = ring(mask, part, scale)
    if not around.any():
        around = ~mask if not mask.all() else mask
    light, was = lightness(after), lightness(before)
    contrast = float(light[mask].mean() - light[around].mean())
    moved = light[mask] - was[mask]
    sides = float(min((moved > 2).mean(), (moved < -2).mean()))
    plain = max(4.0, 0.35 * float(light[around].std()))
    if abs(contrast) > plain and sides < 0.25:
        said["dark"], said["bright"] = contrast < 0, contrast > 0
    _either(said, "faint", abs(contrast), 5.0, 10.0, below=True)
    long, _ = thickness(mask)
    _either(said, "elongated", long, 2.8, 4.5)
    _either(said, "compact", long, 2.6, 4.0, below=True)
    _either(said, "small", share, 0.003, 0.005, below=True)
    _either(said, "large", share, 0.025, 0.04)
    if sides < 0.08 or (relief and sides > 0.15):
        said["relief"] = sides > 0.1
    inside, outside = _grain(light, mask), _grain(light, around)
    if inside is not None and outside is not None:
        _either(said, "texture", abs(float(np.log((inside + 0.7) / (outside + 0.7)))), 0.2, 0.5)
    if after.shape[2] == 3:
        _colours(said, after, mask, around)
    return said


def _grain(light: Map, where: BoolMap) -> float | None:
    """The deviation of the fine grain, in levels; away from the border of ``where``, None if nothing is left then."""
    fine = np.abs(light - cv2.GaussianBlur(light, (7, 7), 1.2))
    inner = cv2.erode(where.view(np.uint8), np.ones((5, 5), np.uint8), borderValue=1) > 0
    return float(fine[inner].mean()) if inner.sum() > 30 else None


def _colours(said: dict[str, bool], after: Map, mask: BoolMap, around: BoolMap) -> None:
    """Whether the hue differs, and whether it is redder and yellower; levels are compared relative to their light."""
    inside, outside = after[mask].mean(0) + 8, after[around].mean(0) + 8
    hue = np.log(inside / inside.mean()) - np.log(outside / outside.mean())
    _either(said, "colour", float(np.abs(hue).max()), 0.05, 0.13)
    _either(said, "warm", float(hue[0] - hue[2]), 0.06, 0.2)


def _either(said: dict[str, bool], name: str, value: float, low: float, high: float, below: bool = False) -> None:
    """``name`` holds above ``high`` and not below ``low`` (``below``: the other way round); nothing between."""
    if value > high:
        said[name] = not below
    elif value < low:
        said[name] = below
