"""Light on generated surfaces: relief, gloss, lamps, shadows, reflections, and other things that are no defect."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from iapas.synthesis.scene import Scene
from iapas.synthesis.scenes.grains import Size, between, blurred, chance, cloud, rough, spread, tint, unit, white
from iapas.synthesis.texture import Map, Rng, step
from iapas.types import BoolMap


@dataclass(frozen=True)
class Look:
    """A surface before lamps and oddities: colour (H, W, 3), elements and what is there without them, as in Scene."""

    colour: Map
    light: tuple[float, float] = (-0.7, -0.7)
    elements: tuple[BoolMap, ...] = ()
    bare: Map | None = None


def lit(
    height: Map, light: tuple[float, float], elevation: float = 0.8, gloss: float = 0.0, sharp: float = 20.0
) -> tuple[Map, Map]:
    """Shade (1 where flat) and gloss (to be added; 0 where turned away) of a relief, ``height`` in pixels.

    ``elevation``: of the light above the surface, radians. ``sharp``: the exponent of Blinn's gloss.
    """
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    right = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    cos, sin = np.float32(np.cos(elevation)), np.float32(np.sin(elevation))
    towards = down * np.float32(light[0]) + right * np.float32(light[1])
    steep = 1 / np.sqrt(1 + np.square(down) + np.square(right))
    shade: Map = np.maximum((sin - cos * towards) * steep, 0.03) * (1 / sin)
    if not gloss:
        return shade, np.zeros_like(shade)
    half = np.array([cos, 1 + sin]) / np.hypot(cos, 1 + sin)
    facing = np.clip((np.float32(half[1]) - np.float32(half[0]) * towards) * steep, 0, 1)
    shine: Map = np.float32(gloss) * np.exp(np.float32(sharp) * (facing - 1) * 2)
    return shade, shine


def hollow(height: Map, across: float, depth: float) -> Map:
    """A factor below 1 where a place lies lower than what is around it: light does not reach it."""
    small = blurred(height, across) - height
    factor: Map = np.exp(-np.float32(depth) * np.maximum(small, 0))
    return factor


def on_all(grey: Map) -> Map:
    """The same map for red, green and blue, (H, W, 3): several times quicker to count with than a view."""
    three: Map = cv2.merge((grey, grey, grey))
    return three


def laid(below: Map, above: Map, cover: Map) -> Map:
    """``above`` over ``below``, both (H, W, 3), where ``cover`` (H, W) is 1."""
    mixed: Map = below + (above - below) * on_all(cover)
    return mixed


def coloured(grey: Map, tone: tuple[float, float, float]) -> Map:
    """A grey map times a colour: (H, W, 3)."""
    return cv2.merge([grey * np.float32(share) for share in tone])


def toned(grey: Map, amount: Map, below: tuple[float, float, float], above: tuple[float, float, float]) -> Map:
    """A grey map times a colour that goes from ``below`` where ``amount`` is 0 to ``above`` where it is 1."""
    colour: Map = cv2.merge(
        [grey * (np.float32(a) + np.float32(b - a) * amount) for a, b in zip(below, above, strict=True)]
    )
    return colour


def finished(rng: Rng, look: Look, kind: str) -> Scene:
    """The surface below a lamp, with the oddities that a clean picture may show."""
    size = look.colour.shape[:2]
    if chance(rng, 0.12):
        look = _slanted(rng, look)
    if chance(rng, 0.05):
        look = _near(rng, look)
    gain = _lamp(rng, size) * np.float32(min(1.0, 0.55 / max(float(look.colour.mean()), 1e-3)))
    add: Map | None = None
    for share, oddity in ((0.22, _shadow), (0.30, _stains), (0.18, _seam), (0.15, _strip), (0.12, _dust)):
        if chance(rng, share):
            gain *= oddity(rng, size)
    if chance(rng, 0.14):
        add = _reflection(rng, size, float(look.colour.mean()))
    colour, bare = look.colour * on_all(gain), look.bare
    if add is not None:
        colour += on_all(add)
    if bare is not None:
        bare = bare * on_all(gain)
        if add is not None:
            bare += on_all(add)
    scene = Scene(colour, kind, None, look.elements, bare, look.light)
    return _framed(rng, scene) if chance(rng, 0.13) else scene


def _slanted(rng: Rng, look: Look) -> Look:
    """The surface seen at a slant: it is smaller at one side than at the other."""
    high, wide = look.colour.shape[:2]
    frame = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    inner = frame + (frame.mean(0) - frame) * rng.uniform(0, 0.45, (4, 1)).astype(np.float32)
    turn = cv2.getPerspectiveTransform(inner, frame)

    def seen(values: Map, how: int) -> Map:
        return cv2.warpPerspective(values, turn, (wide, high), flags=how, borderMode=cv2.BORDER_REFLECT)

    elements = [seen(element.astype(np.uint8), cv2.INTER_NEAREST) > 0 for element in look.elements]
    return replace(
        look,
        colour=seen(look.colour, cv2.INTER_LINEAR),
        bare=None if look.bare is None else seen(look.bare, cv2.INTER_LINEAR),
        elements=tuple(element for element in elements if element.any()),
    )


def _near(rng: Rng, look: Look) -> Look:
    """The surface is out of focus towards one side."""
    size = look.colour.shape[:2]
    share, across = (
        np.clip(_ramp(rng, size) + np.float32(between(rng, -0.2, 0.6)), 0, 1),
        spread(rng, 1, 4) * unit(size),
    )
    bare = None if look.bare is None else laid(look.bare, blurred(look.bare, across), share)
    return replace(look, colour=laid(look.colour, blurred(look.colour, across), share), bare=bare)


def _ramp(rng: Rng, size: Size, angle: float | None = None) -> Map:
    """From about -0.5 to 0.5 across the picture in some direction."""
    angle = between(rng, 0, 2 * np.pi) if angle is None else angle
    y = np.linspace(-0.5, 0.5, size[0], dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, size[1], dtype=np.float32)[None, :]
    return x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))


def _lamp(rng: Rng, size: Size) -> Map:
    gain = np.exp(np.float32(rng.normal(0, 0.35)) * _ramp(rng, size))
    if chance(rng, 0.45):
        row, column = between(rng, -0.6, 0.6), between(rng, -0.6, 0.6)
        y = np.linspace(-0.5, 0.5, size[0], dtype=np.float32)[:, None] - np.float32(row)
        x = np.linspace(-0.5, 0.5, size[1], dtype=np.float32)[None, :] - np.float32(column)
        gain /= 1 + np.float32(spread(rng, 0.2, 4.0)) * (np.square(x) + np.square(y))
    if chance(rng, 0.3):
        gain *= np.exp(np.float32(between(rng, 0.02, 0.14)) * cloud(rng, size, between(rng, 30, 90) * unit(size)))
    return gain


def _shadow(rng: Rng, size: Size) -> Map:
    """One soft edge, straight or of something leafy."""
    soft = spread(rng, 0.02, 0.4)
    at = _ramp(rng, size) - np.float32(between(rng, -0.35, 0.35))
    if chance(rng, 0.3):
        soft = max(soft, 0.06)
        at += np.float32(between(rng, 0.03, 0.12)) * rough(rng, size, between(rng, 15, 60) * unit(size), 6.0)
    elif chance(rng, 0.3):
        at = np.abs(at) - np.float32(between(rng, 0.08, 0.3))
    return 1 - np.float32(between(rng, 0.1, 0.6)) * step(-at, soft)


def _stains(rng: Rng, size: Size) -> Map:
    """Faint unevenness everywhere."""
    spots = rough(rng, size, spread(rng, 8, 60) * unit(size), 2.0)
    if chance(rng, 0.5):
        spots = np.maximum(spots, 0)
    gain: Map = np.exp(np.float32(rng.choice((-1, 1)) * between(rng, 0.02, 0.09)) * spots)
    return gain


def _seam(rng: Rng, size: Size) -> Map:
    """A regular line across the picture: a joint, a weld, a lane mark, an edge between two tones."""
    straight = float(rng.integers(4)) * np.pi / 2 + float(rng.normal(0, 0.02))
    at = _ramp(rng, size, None if chance(rng, 0.15) else straight)
    at = (at - np.float32(between(rng, -0.42, 0.42))) * np.float32(max(size))
    edge = spread(rng, 0.7, 4) * unit(size)
    change = spread(rng, 0.5, 1.8)
    if chance(rng, 0.4):
        inside = step(-at, edge)
    else:
        wide = np.float32(spread(rng, 0.8, 14) * unit(size))
        inside = step(np.abs(at) - wide, edge)
        if chance(rng, 0.3):
            inside += 0.5 * step(np.abs(at - 3 * wide) - wide, edge)
    return 1 + np.float32(change - 1) * inside


def _strip(rng: Rng, size: Size) -> Map:
    """A wide band that is a little lighter or darker, soft: uneven rolling, a reflection of the surroundings."""
    at = _ramp(rng, size, float(rng.integers(2)) * np.pi / 2)
    bands = np.zeros(size, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        wide = np.float32(spread(rng, 0.01, 0.2))
        bands += np.float32(rng.normal(0, 0.13)) * np.exp(-np.square((at - np.float32(between(rng, -0.5, 0.5))) / wide))
    gain: Map = np.exp(bands)
    return gain


def _dust(rng: Rng, size: Size) -> Map:
    """Specks everywhere, too many and too small to be a defect."""
    specks = blurred(white(rng, size), between(rng, 0.5, 0.9) * unit(size))
    specks = np.maximum(specks - np.float32(2.3 * specks.std()), 0)
    gain: Map = np.maximum(1 + np.float32(rng.choice((-1.0, 1.0)) * spread(rng, 0.2, 1.2)) * specks, 0.1)
    return gain


def _reflection(rng: Rng, size: Size, level: float) -> Map:
    """What a glossy surface of mean light ``level`` mirrors: a lamp, a window, a strip light."""
    angle = between(rng, 0, np.pi)
    a = _ramp(rng, size, angle) - np.float32(between(rng, -0.4, 0.4))
    b = _ramp(rng, size, angle + np.pi / 2) - np.float32(between(rng, -0.4, 0.4))
    half_a, half_b = spread(rng, 0.04, 0.35), spread(rng, 0.3, 1.2)
    if chance(rng, 0.5):
        seen = np.exp(-np.square(a / np.float32(half_a)) - np.square(b / np.float32(half_b)))
    else:
        soft, half_b = spread(rng, 0.03, 0.3), half_b + 0.8
        far = np.maximum(np.abs(a) - np.float32(half_a), np.abs(b) - np.float32(half_b))
        seen = step(far, soft)
    added: Map = np.float32(level * spread(rng, 0.1, 1.2)) * seen
    return added


def _framed(rng: Rng, scene: Scene) -> Scene:
    """The surface ends before the picture does, on one to three sides: beyond is a dark or bright ground."""
    size = scene.colour.shape[:2]
    inside = np.ones(size, np.float32)
    level = spread(rng, 0.004, 0.08) if chance(rng, 0.75) else between(rng, 0.3, 0.9)
    soft = spread(rng, 0.8, 5) * unit(size) / max(size)
    for side in rng.permutation(4)[: int(rng.integers(1, 4))]:
        far = _ramp(rng, size, float(side) * np.pi / 2 + float(rng.normal(0, 0.01))) + np.float32(0.5)
        inside *= step(np.float32(between(rng, 0.005, 0.09)) - far, soft)
    uneven = np.float32(spread(rng, 0.005, 0.08)) * cloud(rng, size, spread(rng, 1, 60) * unit(size))
    ground = coloured(np.float32(level) * (1 + uneven), tint(rng))
    bare = None if scene.bare is None else laid(ground, scene.bare, inside)
    part = inside > 0.5
    elements = tuple(element & part for element in scene.elements)
    return replace(
        scene,
        colour=laid(ground, scene.colour, inside),
        bare=bare,
        part=part,
        elements=tuple(element for element in elements if element.any()),
    )
