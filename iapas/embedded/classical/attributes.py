"""What is measured on each candidate region, against the ring around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from iapas.embedded.classical.candidates import Candidate
from iapas.embedded.classical.channels import Channels, blur, mad, sample

NAMES = (
    "side",  # +1 darker than its ring, -1 brighter
    "dL",  # difference of mean lightness from the ring over both spreads: an effect size
    "zL",  # log of the same difference over the picture's noise at the region's thickness
    "cL",  # log of the same difference in units of L
    "dR",  # effect size after row and column medians were removed
    "dP",  # effect size over the irregularity: > 0 where the region breaks a regular pattern
    "zP",  # mean irregularity, in units of its noise
    "edge",  # log of the mean gradient on the contour over the picture's median gradient
    "la",  # log of the share of the picture
    "bt",  # share of the contour that lies on the frame of the picture
    "th",  # thickness, work pixels
    "lel",  # log elongation: contour length over twice the thickness
    "ext",  # area over area of the box
    "dT",  # greatest effect size over the texture maps
    "rT",  # rarity: minus log of the share of the rest of the picture whose texture is more unusual still
    "rL",  # the same for lightness, on the region's own side
    "dC",  # greatest effect size over a and b
    "warm",  # effect size towards red and yellow
    "relief",  # a bright and a dark part side by side, 0..1
    "large",  # 1 for a candidate found at the coarse scale
)
COLUMN = {name: k for k, name in enumerate(NAMES)}
TEXTURE_WEIGHT = 0.5  # of an effect size over a texture map, whose pixels are not independent, beside one of tone
MIN_EFFECT = 0.4  # candidates below are no defects, and are not measured further
RAREST = 0.003  # share of a picture: what is rarer than this is not told apart
NOISE_SCALES = (1.5, 3.0, 6.0, 12.0, 24.0)  # work pixels
HALF_ABOVE = 64 * 64  # regions with a larger box are measured at half the size, for speed


# Layers of the stack that every region is measured on, and what is added to the spreads of each.
RESIDUAL, ROWCOL, PHASE, ODDNESS, GRADIENT = range(5)
TEXTURE, CHROMA = slice(5, 9), slice(9, 11)
FLOORS = np.array([0.6, 0.6, 0.6, 0.6, 0.6, 0.15, 0.15, 0.15, 0.15, 1.5, 1.5])


@dataclass(frozen=True)
class _Level:
    """All maps at one resolution, (h, w, 9 or 11): chroma only for coloured pictures."""

    step: int
    maps: np.ndarray


def _level(channels: Channels, step: int) -> _Level:
    layers = [channels.residual, channels.rowcol, channels.maps["phase"]]
    layers += [channels.oddness, channels.gradient, channels.texture]
    if channels.coloured:
        layers.append(channels.chroma)
    if step > 1:
        height, width = channels.residual.shape
        size = (max(1, width // step), max(1, height // step))
        layers = [cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in layers]
    return _Level(step, np.dstack(layers))


def _noise_by_thickness(residual: np.ndarray, surface: np.ndarray | None) -> np.ndarray:
    """Noise of the residual averaged over regions as thick as each of ``NOISE_SCALES``."""
    return np.array([mad(blur(residual, scale / 2), surface) for scale in NOISE_SCALES])


def _stats(maps: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, std = cv2.meanStdDev(maps, mask=mask)
    return mean[:, 0], std[:, 0]


def _window(candidate: Candidate, level: _Level) -> tuple[slice, slice, np.ndarray, np.ndarray]:
    """The region's surroundings: slices into the level's maps, the region and its ring as uint8 masks."""
    height, width = level.maps.shape[:2]
    x0, y0, x1, y1 = candidate.box
    mask, step = candidate.mask, level.step
    if step > 1:
        w, h = x1 - x0, y1 - y0
        x0, y0 = min(x0 // step, width - 1), min(y0 // step, height - 1)
        size = (
            max(1, min(width - x0, w // step)),
            max(1, min(height - y0, h // step)),
        )
        mask = (cv2.resize(mask * np.uint8(255), size, interpolation=cv2.INTER_AREA) > 127).astype(np.uint8)
        x1, y1 = x0 + size[0], y0 + size[1]
    reach = int(np.clip(0.3 * candidate.area**0.5, 3, 20) / step + 0.5)
    left, top = max(0, x0 - reach), max(0, y0 - reach)
    right, bottom = min(width, x1 + reach), min(height, y1 + reach)
    inside = np.zeros((bottom - top, right - left), np.uint8)
    inside[y0 - top : y1 - top, x0 - left : x1 - left] = mask
    outer = cv2.dilate(inside, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    inner = cv2.dilate(inside, np.ones((3, 3), np.uint8))
    return slice(top, bottom), slice(left, right), inside, outer - inner


def _rarity(ordered: np.ndarray, mean: float, area: float) -> float:
    """Minus log of the share of the pixels outside a region that lie beyond its mean, 0..6.

    ``ordered``: all values, ascending; half of the region's own pixels lie beyond its mean, and do not count.
    """
    beyond = len(ordered) - int(np.searchsorted(ordered, mean)) - 0.5 * area
    return -float(np.log(max(0.0, beyond) / max(1.0, len(ordered) - area) + RAREST))


def _shape(candidate: Candidate, size: tuple[int, int]) -> dict[str, float]:
    """Attributes of the outline alone."""
    x0, y0, x1, y1 = candidate.box
    height, width = size
    padded = cv2.copyMakeBorder(candidate.mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    contour = (padded - cv2.erode(padded, np.ones((3, 3), np.uint8)))[1:-1, 1:-1]
    length = int(cv2.countNonZero(contour))
    on_frame = 0
    for touches, line in (
        (x0 == 0, contour[:, 0]),
        (x1 == width, contour[:, -1]),
        (y0 == 0, contour[0]),
        (y1 == height, contour[-1]),
    ):
        on_frame += int(line.sum()) if touches else 0
    thickness = max(1.0, 2 * float(depth.max()) - 1)
    return {
        "la": float(np.log(candidate.area / (height * width))),
        "bt": min(1.0, on_frame / length),
        "th": thickness,
        "lel": float(np.log(length / (2 * thickness + 1))),
        "ext": candidate.area / ((x1 - x0) * (y1 - y0)),
        "large": float(candidate.large),
    }


def _relief(tone: np.ndarray, inside: np.ndarray, ring_mean: float, noise: float) -> float:
    """How evenly a region's strong pixels are split into bright and dark: 0 one-sided, 1 half and half."""
    values = tone[inside > 0] - ring_mean
    bright, dark = float((values > 2 * noise).mean()), float((values < -2 * noise).mean())
    return 2 * min(bright, dark) / max(bright + dark, 0.2)


def measure(found: list[Candidate], channels: Channels) -> tuple[list[Candidate], np.ndarray]:
    """The candidates that stand out at all, and their attributes (N, len(NAMES)) float64."""
    size = channels.residual.shape
    levels = (_level(channels, 1), _level(channels, 2))
    noise = _noise_by_thickness(channels.residual, channels.surface)
    steepness = float(np.median(sample(channels.gradient, channels.surface))) + 0.25
    pixel_noise = mad(channels.residual, channels.surface) + 0.3
    odd, tones = (np.sort(sample(f, channels.surface).ravel()) for f in (channels.oddness, channels.residual))
    darkness = -tones[::-1]
    share = len(odd) / channels.residual.size
    kept: list[Candidate] = []
    rows: list[list[float]] = []
    for candidate in found:
        x0, y0, x1, y1 = candidate.box
        level = levels[int((x1 - x0) * (y1 - y0) > HALF_ABOVE)]
        ys, xs, inside, ring = _window(candidate, level)
        if not ring.any() or not inside.any():
            continue
        maps = level.maps[ys, xs]
        mean_in, std_in = _stats(maps, inside)
        mean_out, std_out = _stats(maps, ring)
        difference = mean_in - mean_out
        effect = difference / (std_in + std_out + FLOORS[: len(difference)])
        colour = effect[CHROMA] if channels.coloured else np.zeros(2)
        texture = float(np.abs(effect[TEXTURE]).max())
        tone = max(abs(effect[RESIDUAL]), abs(effect[ROWCOL]), effect[PHASE])
        if max(tone, np.abs(colour).max(), TEXTURE_WEIGHT * texture) < MIN_EFFECT:
            continue
        side = 1.0 if difference[RESIDUAL] < 0 else -1.0
        shape = _shape(candidate, size)
        sigma = float(np.interp(shape["th"], NOISE_SCALES, noise))
        contour = inside - cv2.erode(inside, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
        slope = cv2.mean(np.ascontiguousarray(maps[..., GRADIENT]), mask=contour)[0]
        apart = float(abs(difference[RESIDUAL]))
        tail = (darkness, -mean_in[RESIDUAL]) if side > 0 else (tones, mean_in[RESIDUAL])
        measured = {
            **shape,
            "side": side,
            "dL": abs(effect[RESIDUAL]),
            "zL": float(np.log1p(apart / (sigma + 0.3))),
            "cL": float(np.log1p(apart)),
            "dR": abs(effect[ROWCOL]),
            "dP": effect[PHASE],
            "zP": mean_in[PHASE],
            "edge": float(np.log(0.1 + slope / steepness)),
            "dT": texture,
            "rT": _rarity(odd, mean_in[ODDNESS], candidate.area * share),
            "rL": _rarity(*tail, candidate.area * share),
            "dC": float(np.abs(colour).max()),
            "warm": float(colour.min()),
            "relief": _relief(maps[..., RESIDUAL], inside, float(mean_out[RESIDUAL]), pixel_noise),
        }
        kept.append(candidate)
        rows.append([measured[name] for name in NAMES])
    return kept, np.array(rows, np.float64).reshape(len(rows), len(NAMES))
