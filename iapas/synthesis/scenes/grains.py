"""What generated surfaces are made of, made quickly: noise, cells, periodic coordinates, colours, chance.

Maps are (H, W) float32, sizes (height, width), lengths pixels. Everything comes from the generator that is handed in.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from iapas.synthesis.texture import Map, Rng

Size = tuple[int, int]
Tint = tuple[float, float, float]


def unit(size: Size) -> float:
    """How many pixels a pixel of a 256 x 256 picture is here."""
    return float(np.sqrt(size[0] * size[1]) / 256)


def between(rng: Rng, low: float, high: float) -> float:
    """A number, each as likely."""
    return float(rng.uniform(low, high))


def spread(rng: Rng, low: float, high: float) -> float:
    """A number, each ratio as likely: sizes, contrasts."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def chance(rng: Rng, share: float) -> bool:
    """Whether something happens that happens in ``share`` of the cases."""
    return bool(rng.random() < share)


def any_light(rng: Rng) -> tuple[float, float]:
    """A direction (row, column), a unit vector; more often from above."""
    angle = between(rng, 0, 2 * np.pi) if chance(rng, 0.4) else between(rng, -np.pi, 0)
    return float(np.sin(angle)), float(np.cos(angle))


def tint(rng: Rng, strength: float = 0.06) -> Tint:
    """A colour near grey, of mean 1."""
    values = np.exp(rng.normal(0, strength, 3))
    red, green, blue = values / values.mean()
    return float(red), float(green), float(blue)


def hue(rng: Rng, hues: tuple[float, float], saturation: tuple[float, float]) -> Tint:
    """A colour of mean 1 with a hue between two turns (0 red, 1/3 green, 2/3 blue)."""
    values = np.array(colorsys.hsv_to_rgb(between(rng, *hues) % 1, between(rng, *saturation), 1.0)) ** 2.2
    red, green, blue = values / values.mean()
    return float(red), float(green), float(blue)


def any_hue(rng: Rng) -> Tint:
    """Any colour of mean 1, pale ones more often than deep ones."""
    deep = 0.85 * between(rng, 0, 1) ** 2
    return hue(rng, (0, 1), (deep, deep))


def white(rng: Rng, size: Size) -> Map:
    """Noise without correlation: mean 0, deviation 1, within three deviations."""
    raw = np.frombuffer(rng.bytes(3 * size[0] * size[1]), np.uint8).reshape(3, *size)
    total: Map = cv2.add(cv2.add(raw[0], raw[1], dtype=cv2.CV_32F), raw[2], dtype=cv2.CV_32F)
    return (total - np.float32(382.5)) * np.float32(1 / 128.0)


def _standard(values: Map) -> Map:
    mean, deviation = cv2.meanStdDev(values)
    return (values - np.float32(mean[0, 0])) * np.float32(1 / max(float(deviation[0, 0]), 1e-6))


def cloud(rng: Rng, size: Size, across: float, down: float | None = None) -> Map:
    """Noise of mean 0 and deviation 1, correlated over ``across`` and ``down`` pixels (a Gaussian's deviation)."""
    down = across if down is None else down
    fx, fy = max(1.0, across / 1.6), max(1.0, down / 1.6)  # made small, and enlarged
    small = (max(3, int(size[0] / fy) + 2), max(3, int(size[1] / fx) + 2))
    values = cv2.GaussianBlur(white(rng, small), (0, 0), max(across / fx, 0.01), None, max(down / fy, 0.01))
    if fx > 1 or fy > 1:
        wide = max(size[1], int(small[1] * fx)), max(size[0], int(small[0] * fy))
        values = cv2.resize(values, wide, interpolation=cv2.INTER_CUBIC)
    return _standard(values[: size[0], : size[1]])


def rough(rng: Rng, size: Size, widest: float, finest: float = 1.0, slope: float = 1.0) -> Map:
    """Noise of all scales from ``widest`` to ``finest``, amplitude ~ scale ** slope; mean 0, deviation 1."""
    octaves = 1 + max(0, int(np.log2(widest / finest)))
    total: Map = np.zeros((2, 2), np.float32)
    for scale in [widest / 2**octave for octave in range(octaves)]:
        spacing = max(1.0, scale / 1.6)
        small = (int(np.ceil(size[0] / spacing)) + 2, int(np.ceil(size[1] / spacing)) + 2)
        fresh = cv2.GaussianBlur(white(rng, small), (0, 0), max(scale / spacing, 0.3)) * np.float32(scale**slope)
        total = fresh + cv2.resize(total, small[::-1], interpolation=cv2.INTER_CUBIC)
    if spacing > 1:
        total = cv2.resize(total, (size[1] + 2, size[0] + 2), interpolation=cv2.INTER_CUBIC)
    return _standard(total[: size[0], : size[1]])


def turned(size: Size, angle: float, draw: Map) -> Map:
    """The middle of ``draw`` (a map at least :func:`room_to_turn` large), turned by ``angle`` radians."""
    high, wide = draw.shape
    cos, sin = np.cos(angle), np.sin(angle)
    ahead = np.array([[cos, -sin, 0], [sin, cos, 0]], np.float32)
    ahead[:, 2] = (wide / 2, high / 2) - ahead[:, :2] @ (size[1] / 2, size[0] / 2)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(draw, ahead, size[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT)


def blurred(values: npt.NDArray[Any], across: float) -> Map:
    """The same map seen less sharply: a Gaussian of deviation ``across`` pixels."""
    return cv2.GaussianBlur(values, (0, 0), across)


def room_to_turn(size: Size, angle: float) -> Size:
    """How large a map has to be so that it covers ``size`` when turned."""
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    return int(size[0] * cos + size[1] * sin) + 3, int(size[1] * cos + size[0] * sin) + 3


def any_angle(rng: Rng, straight: float = 0.6) -> float:
    """An angle in radians; along the picture's sides in ``straight`` of the cases, nearly."""
    if chance(rng, straight):
        return float(rng.integers(2)) * np.pi / 2 + float(rng.normal(0, 0.015))
    return between(rng, 0, np.pi)


def axes(
    rng: Rng, size: Size, angle: float, period: tuple[float, float], wobble: float = 0.0, across: float = 40.0
) -> tuple[Map, Map]:
    """Coordinates along and across a turned grid, in periods; ``wobble``: how far lines wander, in periods."""
    y = np.arange(size[0], dtype=np.float32)[:, None]
    x = np.arange(size[1], dtype=np.float32)[None, :]
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    begin = rng.uniform(0, 50, 2).astype(np.float32)
    u = (x * cos + y * sin) / np.float32(period[0]) + begin[0]
    v = (y * cos - x * sin) / np.float32(period[1]) + begin[1]
    if wobble:
        u += np.float32(wobble) * cloud(rng, size, across)
        v += np.float32(wobble) * cloud(rng, size, across)
    return u, v


def per_period(rng: Rng, at: Map, deviation: float = 1.0) -> Map:
    """For each whole number in ``at`` a number of its own, mean 0."""
    table: Map = rng.normal(0, deviation, 256).astype(np.float32)
    numbers: Map = table[np.floor(at).astype(np.int32) & 255]
    return numbers


def per_square(rng: Rng, u: Map, v: Map, deviation: float = 1.0) -> Map:
    """For each square of whole numbers a number of its own, mean 0."""
    table = rng.normal(0, deviation, 1024).astype(np.float32)
    at = np.floor(u).astype(np.int32) * 31 + np.floor(v).astype(np.int32) * 17
    numbers: Map = table[at & 1023]
    return numbers


def part_of(at: Map) -> Map:
    """Where in its period, -0.5..0.5."""
    return at - np.floor(at) - np.float32(0.5)


def odd(at: Map) -> Map:
    """1 in every second period, else 0."""
    return (np.floor(at).astype(np.int32) & 1).astype(np.float32)


def rounded(at: Map) -> Map:
    """A round thread for each period: 1 in its middle, 0 at its sides."""
    round_thread: Map = np.sqrt(np.maximum(1 - 4 * np.square(part_of(at)), 0))
    return round_thread


@dataclass(frozen=True)
class Cells:
    """A plane divided among random points: each pixel's cell, how far its point and the next cell are, in pixels."""

    label: npt.NDArray[Any]
    near: Map
    edge: Map

    def each(self, rng: Rng, deviation: float = 1.0) -> Map:
        """A number of its own for each cell, mean 0."""
        table = rng.normal(0, deviation, 4096).astype(np.float32)
        numbers: Map = table[self.label & 4095]
        return numbers


def cells(rng: Rng, size: Size, across: float, jitter: float = 0.5, stretch: float = 1.0) -> Cells:
    """Cells about ``across`` wide, ``stretch`` times as long from left to right as from top to bottom."""
    wide = (size[0], max(8, int(size[1] / stretch)))
    pad = int(across) + 1
    rows, columns = np.mgrid[: wide[0] + 2 * pad : across, : wide[1] + 2 * pad : across]
    columns = columns + (np.arange(len(columns)) % 2)[:, None] * across / 2
    at = np.stack([rows, columns], -1).reshape(-1, 2) + rng.uniform(-jitter, jitter, (rows.size, 2)) * across
    at = np.rint(at).astype(np.int32)
    canvas = np.full((wide[0] + 2 * pad, wide[1] + 2 * pad), 255, np.uint8)
    within = (at >= 0).all(1) & (at < canvas.shape).all(1)
    canvas[at[within, 0], at[within, 1]] = 0
    near, label = cv2.distanceTransformWithLabels(canvas, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    near, label = near[pad:-pad, pad:-pad], label[pad:-pad, pad:-pad]
    same = np.full(label.shape, 255, np.uint8)
    same[:, 1:][label[:, 1:] != label[:, :-1]] = 0
    same[1:][label[1:] != label[:-1]] = 0
    edge = cv2.distanceTransform(same, cv2.DIST_L2, 5)
    if stretch != 1:
        near, edge = (cv2.resize(values, size[::-1]) for values in (near, edge))
        label = cv2.resize(label, size[::-1], interpolation=cv2.INTER_NEAREST)
    return Cells(label, near, edge)


def warped(rng: Rng, values: Map, amount: float, across: float) -> Map:
    """The same map with everything moved by about ``amount`` pixels, differently every ``across`` pixels."""
    size = (values.shape[0], values.shape[1])
    y = np.arange(size[0], dtype=np.float32)[:, None] + np.float32(amount) * cloud(rng, size, across)
    x = np.arange(size[1], dtype=np.float32)[None, :] + np.float32(amount) * cloud(rng, size, across)
    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
