"""The place where one defect is painted, and the brushes that painters share.

Painters work on a small window of the scene, in linear light, at the defect's plainest; how visible it becomes is
decided afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from iapas.synthesis.texture import Map, Rng
from iapas.types import BoolMap

Path = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Patch:
    """A window of the scene.

    ``colour`` (h, w, 3) linear light; ``centre`` (row, column) and ``radius`` of the defect, in pixels of the window;
    ``scale``: 1 for a picture of 256 pixels; ``whole``: the colour of all the scene. ``part`` and ``bare`` as in
    :class:`iapas.synthesis.scene.Scene`, cut to the window; ``element``: one of its elements, ``others``: the others.
    """

    colour: Map
    centre: tuple[float, float]
    radius: float
    scale: float
    light: tuple[float, float]
    whole: Map
    part: BoolMap | None = None
    element: BoolMap | None = None
    others: BoolMap | None = None
    bare: Map | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the window."""
        return self.colour.shape[0], self.colour.shape[1]

    def away(self) -> tuple[Map, Map]:
        """Rows and columns from the centre, broadcastable to the window."""
        rows = np.arange(self.size[0], dtype=np.float32)[:, None] - np.float32(self.centre[0])
        columns = np.arange(self.size[1], dtype=np.float32)[None, :] - np.float32(self.centre[1])
        return rows, columns

    def tone(self) -> Map:
        """The usual colour of the window, (3,)."""
        usual: Map = np.median(self.colour[::3, ::3].reshape(-1, 3), axis=0).astype(np.float32)
        return usual


@dataclass(frozen=True)
class Painted:
    """A window with a defect.

    ``colour`` (h, w, 3): the window with the defect at its plainest; ``cover`` (h, w) 0..1: where the brush went;
    ``words``: what a person would add to the name; ``relief``: light and shadow of a surface that is no longer flat.
    """

    colour: Map
    cover: Map
    words: tuple[str, ...] = ()
    relief: bool = False


def between(rng: Rng, low: float, high: float) -> float:
    """A number from ``low`` to ``high``, as often from each octave."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def cloud(rng: Rng, size: tuple[int, int], widest: float, octaves: int = 3, fall: float = 0.6) -> Map:
    """Noise of some octaves from ``widest`` pixels down; mean about 0, deviation about 1."""
    total: Map = np.zeros(size, np.float32)
    power, gain, across = 0.0, 1.0, float(widest)
    for _ in range(octaves):
        across = max(across, 1.0)
        small = (int(size[0] / across) + 3, int(size[1] / across) + 3)
        values: Map = rng.standard_normal(small, dtype=np.float32)
        if across > 1:
            wide = (max(int(small[1] * across), size[1]), max(int(small[0] * across), size[0]))
            values = cv2.resize(values, wide, interpolation=cv2.INTER_CUBIC)
        total += np.float32(gain) * values[: size[0], : size[1]]
        power += gain * gain * (0.55 if across > 1 else 1.0)
        gain, across = gain * fall, across / 2
        if across < 0.5:
            break
    total /= np.float32(np.sqrt(power))
    return total


def soft(distance: Map, softness: float) -> Map:
    """1 inside (``distance`` < 0), 0 outside, over an edge of ``softness`` pixels."""
    cover: Map = np.clip(0.5 - distance / np.float32(max(softness, 1e-3)), 0, 1).astype(np.float32)
    return cover


def ellipse(rng: Rng, patch: Patch, radius: float, stretch: float = 1.0, rough: float = 0.15) -> Map:
    """Signed distance, about in pixels, to an irregular ellipse at the centre; its longer half axis is ``radius``."""
    rows, columns = patch.away()
    turn = rng.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u = (columns * cos + rows * sin) / np.float32(radius)
    v = (rows * cos - columns * sin) / np.float32(radius / stretch)
    mean = radius / np.sqrt(stretch)
    far: Map = (np.sqrt(u * u + v * v) - 1) * np.float32(mean)
    if rough > 0 and radius > 2:
        far = far + np.float32(rough * mean) * cloud(rng, patch.size, max(mean * rng.uniform(0.4, 1.0), 2), 3)
    return far


def polygon(rng: Rng, patch: Patch, radius: float) -> Map:
    """Signed distance to an angular fragment: the hull of a few points."""
    count = int(rng.integers(4, 8))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    far = radius * rng.uniform(0.45, 1.0, (count, 1))
    points = np.stack([np.cos(angle), np.sin(angle)], 1) * far * [1.0, rng.uniform(0.4, 1.0)]
    turn = rng.uniform(0, np.pi)
    points = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = points + patch.centre[::-1]
    inside = np.zeros(patch.size, np.uint8)
    cv2.fillPoly(inside, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    distance: Map = 0.5 - inside.astype(np.float32) / 255
    return distance * 2


def shape(rng: Rng, patch: Patch, radius: float, longest: float = 2.5) -> Map:
    """Signed distance to some blot: smooth, rough, angular, or a part of a cloud."""
    which = rng.random()
    if which < 0.12 and radius > 3:
        return polygon(rng, patch, radius)
    if which < 0.25 and radius > 8:
        within = ellipse(rng, patch, radius, between(rng, 1, longest), 0.1) / np.float32(radius)
        within = np.where(within > 0, 6 * within, within) + 0.55 * cloud(rng, patch.size, radius * 0.7, 4, 0.65)
        return (within * np.float32(0.5 * radius)).astype(np.float32)
    return ellipse(rng, patch, radius, between(rng, 1, longest), rng.choice([0.03, 0.12, 0.25]))


def strokes(size: tuple[int, int], paths: list[Path], widths: list[npt.NDArray[np.floating]]) -> Map:
    """Cover (h, w), 0..1, of polylines; ``widths`` in pixels for each point of each path; hairlines are fainter."""
    scale = 2
    canvas = np.zeros((size[0] * scale, size[1] * scale), np.uint8)
    for path, wide in zip(paths, widths, strict=True):
        points = np.rint((path[:, ::-1] + 0.5) * scale * 16).astype(np.int32)
        for k in range(len(points) - 1):
            width = float(wide[k]) * scale
            if width <= 0.15:
                continue
            level = int(255 * min(width, 1.0))
            cv2.line(canvas, points[k].tolist(), points[k + 1].tolist(), level, max(1, round(width)), cv2.LINE_AA, 4)
    small: Map = cv2.resize(canvas, size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    return small / np.float32(255)


def curve(rng: Rng, patch: Patch, bend: float, points: int = 24, wobble: float = 0.0) -> Path:
    """A path through the centre, 2 * radius long; ``bend``: how curved; ``wobble``: pixels of shaking."""
    angle = rng.uniform(0, 2 * np.pi)
    turns = bend * np.linspace(-1, 1, points) + wobble * np.cumsum(rng.normal(0, 1, points)) / np.sqrt(points)
    step = 2 * patch.radius / points
    path = np.cumsum(np.stack([np.sin(angle + turns), np.cos(angle + turns)], 1) * step, axis=0)
    middle: Path = path - path.mean(0) + patch.centre
    return middle


def across(path: Path, distance: float) -> Path:
    """``path`` moved sideways."""
    along = np.gradient(path, axis=0)
    side = np.stack([along[:, 1], -along[:, 0]], 1)
    moved: Path = path + distance * side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-6)
    return moved


def darker(colour: Map, cover: Map, amount: float) -> Map:
    """``colour`` with ``amount`` (0..1) of its light taken away under ``cover``."""
    below: Map = colour * (1 - np.float32(amount) * cover)[..., None]
    return below


def lighter(colour: Map, cover: Map, amount: float, tone: Map) -> Map:
    """``colour`` moved towards a light that stands out from ``tone`` under ``cover``."""
    goal = np.maximum(tone * 2.6, 0.25 + 0.5 * tone) * np.float32(amount)
    above: Map = colour + cover[..., None] * np.maximum(goal - 0.4 * colour, 0.15 * goal)
    return above


def toned(rng: Rng, patch: Patch, cover: Map, dark: bool, plain: tuple[float, float] = (0.5, 0.95)) -> Map:
    """The window darker or lighter under ``cover``."""
    amount = rng.uniform(*plain)
    return darker(patch.colour, cover, amount) if dark else lighter(patch.colour, cover, amount, patch.tone())


def moved(picture: Map, down: float, right: float) -> Map:
    """``picture``, (h, w) or (h, w, 3), moved; its border goes on."""
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float64)
    there: Map = cv2.warpAffine(picture, matrix, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return there


def over(below: Map, above: Map, cover: Map) -> Map:
    """``above``, (3,) or (h, w, 3), over ``below`` where ``cover`` is 1."""
    mixed: Map = below + (above - below) * cover[..., None]
    return mixed


def slopes(height: Map, light: tuple[float, float]) -> Map:
    """How much ``height`` (pixels) faces the light: > 0 towards it."""
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    right = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    facing: Map = down * np.float32(-light[0]) + right * np.float32(-light[1])
    return -facing


def shaded(colour: Map, height: Map, light: tuple[float, float], strength: float) -> Map:
    """``colour`` where the surface is raised by ``height`` pixels: bright sides towards the light, dark ones away."""
    facing = np.tanh(np.float32(strength) * slopes(height, light))
    relief: Map = colour * (1 + np.where(facing > 0, 1.3, 0.85) * facing)[..., None].astype(np.float32)
    return relief


def material(rng: Rng, patch: Patch) -> Map:
    """Another stuff: (h, w, 3), grey or coloured, with a texture of its own, darker or lighter than the window."""
    tone = patch.tone()
    grey = float(tone.mean())
    level = between(rng, 0.02, 0.85)
    if abs(np.log(level / max(grey, 0.01))) < 0.5:
        level = grey * (0.35 if rng.random() < 0.5 else 2.2)
    tint = np.exp(rng.normal(0, rng.choice([0.03, 0.35]), 3))
    grain = cloud(rng, patch.size, between(rng, 1, 12), int(rng.integers(1, 4)))
    stuff: Map = (level * np.maximum(1 + rng.uniform(0.02, 0.3) * grain, 0.1))[..., None] * tint.astype(np.float32)
    return stuff.astype(np.float32)
