"""What the surfaces of generated pictures are made of: noise, relief, shapes, and the camera that looks at them.

Maps are (H, W) float; colours (H, W, 3) float in linear light, 0..1 (over 1: burnt out). Positions are pixels.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, Image

Map = npt.NDArray[Any]
Rng = np.random.Generator
Picture = tuple[Image, BoolMap]
"""A picture, (H, W, 3) uint8 RGB, and its defects, (H, W) bool."""


def grid(size: tuple[int, int]) -> tuple[Map, Map]:
    """Rows and columns of each pixel of ``size`` (height, width)."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    return rows, columns


def noise(rng: Rng, size: tuple[int, int], across: float, down: float | None = None) -> Map:
    """Gaussian noise of mean 0 and deviation 1, correlated over ``across`` and ``down`` pixels."""
    down = across if down is None else down
    fx, fy = max(1.0, across / 2), max(1.0, down / 2)  # wide noise is made small and enlarged: quick
    pad = 4
    small = (int(np.ceil(size[0] / fy)) + 2 * pad, int(np.ceil(size[1] / fx)) + 2 * pad)
    values: Map = rng.standard_normal(small, dtype=np.float32)
    values = cv2.GaussianBlur(values, (0, 0), max(across / fx, 0.01), None, max(down / fy, 0.01))
    values = cv2.resize(values, (int(small[1] * fx), int(small[0] * fy)), interpolation=cv2.INTER_CUBIC)
    top, left = int(pad * fy), int(pad * fx)
    values = values[top : top + size[0], left : left + size[1]]
    values = (values - values.mean()) / values.std()
    return values


def fractal(rng: Rng, size: tuple[int, int], widest: float, finest: float = 0.7, slope: float = 1.0) -> Map:
    """Noise of all scales from ``widest`` to ``finest`` pixels, amplitude ~ scale ** slope; mean 0, deviation 1."""
    total: Map = np.zeros(size, np.float32)
    scale = widest
    while scale >= finest:
        total += noise(rng, size, scale) * np.float32(scale**slope)
        scale /= 2
    total = (total - total.mean()) / total.std()
    return total


def step(distance: Map, softness: float = 1.0) -> Map:
    """1 where ``distance`` < 0, 0 where it is > 0, over an edge of about ``softness`` pixels."""
    return np.clip(0.5 - distance / softness, 0, 1).astype(np.float32)


def blob(
    rng: Rng, size: tuple[int, int], centre: tuple[float, float], radius: tuple[float, float], rough: float
) -> Map:
    """Signed distance, about in pixels, to an irregular ellipse; ``centre`` and ``radius`` are (row, column).

    ``rough``: how far its outline wanders, as a share of the radius.
    """
    rows, columns = grid(size)
    mean = float(np.sqrt(radius[0] * radius[1]))
    far = np.hypot((rows - centre[0]) / radius[0], (columns - centre[1]) / radius[1]) - 1
    return (far * mean + rough * mean * fractal(rng, size, mean / 2, 2.0)).astype(np.float32)


def stroke(size: tuple[int, int], path: npt.NDArray[np.floating]) -> tuple[Map, Map]:
    """For each pixel the distance to the polyline ``path``, (N, 2) of row and column, and where along it, 0..1."""
    scale = 4  # the distance transform knows whole pixels
    canvas = np.full((size[0] * scale, size[1] * scale), 255, np.uint8)
    points = np.rint((path[:, ::-1] + 0.5) * scale).astype(np.int32)
    cv2.polylines(canvas, [points.reshape(-1, 1, 2)], False, 0, 1)
    far = cv2.distanceTransform(canvas, cv2.DIST_L2, 5)
    far = cv2.resize(far, size[::-1], interpolation=cv2.INTER_AREA) / scale
    rows, columns = grid(size)
    along = (path[-1] - path[0]).astype(np.float32)
    at = ((rows - path[0, 0]) * along[0] + (columns - path[0, 1]) * along[1]) / float(along @ along)
    return far, np.clip(at, 0, 1)


def wander(
    rng: Rng, start: tuple[float, float], end: tuple[float, float], amount: float, depth: int = 7
) -> npt.NDArray[np.float64]:
    """A crack-like path, (2 ** depth + 1, 2): midpoints are moved sideways by ``amount`` times the piece's length."""
    path = np.array([start, end], np.float64)
    for _ in range(depth):
        along = np.diff(path, axis=0)
        side = along[:, ::-1] * [1, -1]
        middle = (path[1:] + path[:-1]) / 2 + side * rng.normal(0, amount, (len(side), 1))
        path = np.insert(path, np.arange(1, len(path)), middle, axis=0)
    return path


def relief(height: Map, light: tuple[float, float]) -> Map:
    """Slopes of ``height`` (pixels) towards ``light`` (down, right): > 0 on sides that face it, < 0 on others."""
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    right = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    return -(down * np.float32(light[0]) + right * np.float32(light[1]))


def tinted(grey: Map, colour: tuple[float, float, float]) -> Map:
    """A grey map times a colour: (H, W, 3)."""
    tint: Map = grey[..., None] * np.array(colour, np.float32)
    return tint


def mix(below: Map, above: Map, cover: Map) -> Map:
    """``above`` over ``below``, both (H, W, 3), where ``cover`` (H, W) is 1."""
    mixed: Map = below + (above - below) * cover[..., None]
    return mixed


def photograph(
    rng: Rng, scene: Map, lamp: tuple[float, float], fall: float = 0.25, grain: float = 0.01, blur: float = 0.7
) -> npt.NDArray[np.uint8]:
    """The scene as a camera sees it: (H, W, 3) uint8 RGB.

    ``lamp`` (row, column, as shares of the picture) is the brightest place, ``fall`` how much light is lost a
    picture's width away from it; then vignetting, lens blur, shot and sensor noise, gamma.
    """
    size = scene.shape[:2]
    rows, columns = grid(size)
    width = float(max(size))
    away = np.hypot(rows - lamp[0] * size[0], columns - lamp[1] * size[1]) / width
    corner = np.hypot(rows - size[0] / 2, columns - size[1] / 2) / width
    light = 1 / (1 + fall * 4 * away**2) * (1 - 0.35 * corner**2)
    seen: Map = cv2.GaussianBlur(np.maximum(scene * light[..., None], 0).astype(np.float32), (0, 0), blur)
    shot = cv2.GaussianBlur(rng.standard_normal(scene.shape, dtype=np.float32), (0, 0), 0.6) * 1.6
    common = rng.standard_normal((*size, 1), dtype=np.float32)
    seen = seen + (0.6 * shot + 0.6 * common) * grain * np.sqrt(seen + 0.02)
    # a film-like shoulder: highlights roll off instead of clipping hard
    seen = np.where(seen > 0.8, 0.8 + 0.2 * np.tanh((seen - 0.8) / 0.2), seen)
    levels: npt.NDArray[np.uint8] = np.rint(255 * np.clip(seen, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    return levels
