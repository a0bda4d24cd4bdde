"""The studio in which parts are photographed: lamps, materials, shading of heights, cast shadows.

Heights are in pixels above the ground, colours in linear light. What is random is drawn once, with the stage and the
solids; what shows them draws nothing by chance, so that a scene can be shown with and without a thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from iapas.synthesis.scene import Scene
from iapas.synthesis.scenes.grounds import draw_ground
from iapas.synthesis.texture import Map, Rng, noise
from iapas.types import BoolMap

_BALL = 64  # pixels across a ball that shows how a material looks from each side


@dataclass(frozen=True)
class Lamp:
    """A lamp in direction ``towards`` (right, down, up: a unit vector), ``wide`` (0..1) and ``strong`` (about 1)."""

    towards: tuple[float, float, float]
    wide: float
    strong: float


@dataclass(frozen=True)
class Stage:
    """Where the parts lie and how they are lit: what is common to everything in the picture.

    ``ground``: (H, W, 3); ``grain`` and ``broad``: (H, W) noise of deviation 1, of single pixels and of a sixth of the
    picture; ``lit``: (H, W), how much light falls there; ``swing``: what metal mirrors (waves of a room);
    ``shadow``, ``soft``, ``level``: 0..1, how dark and soft shadows are, and how pure the ``lighting`` is.
    """

    size: tuple[int, int]
    light: tuple[float, float]
    lamps: tuple[Lamp, ...]
    ground: Map
    grain: Map
    broad: Map
    lit: Map
    swing: tuple[float, float, float, float]
    shadow: float
    soft: float
    lighting: str
    level: float


@dataclass(frozen=True)
class Finish:
    """How a material looks: ``shine`` is how much it mirrors, ``gloss`` (0..1) how sharply; ``rough`` in pixels."""

    shine: float = 0.3
    gloss: float = 0.5
    metal: bool = False
    rough: float = 0.05


@dataclass(frozen=True)
class Solid:
    """A thing: where it is (0..1), how high (pixels), its colour, (H, W, 3) or (3,) for one, and its material."""

    cover: Map
    height: Map
    albedo: Map
    finish: Finish = Finish()
    tall: float = 4.0


@dataclass(frozen=True)
class Drawn:
    """Solids from below to above; ``elements`` could be missing, and ``plain`` are the solids without them."""

    solids: Sequence[Solid]
    elements: Sequence[BoolMap] = ()
    plain: Sequence[Solid] = ()


_LIGHTINGS = {"lamps": 0.64, "dark field": 0.12, "bright field": 0.09, "dome": 0.09, "backlight": 0.06}
"""How industry lights its parts, and how often: from low all round, along the lens, from everywhere, from behind."""


def set_up(rng: Rng, size: tuple[int, int], ground: str | None = None, lighting: str | None = None) -> Stage:
    """A stage of ``size``: random lamps, a random ground and lighting (``grounds.GROUNDS``, :data:`_LIGHTINGS`)."""
    if lighting is None:
        lighting = str(rng.choice(list(_LIGHTINGS), p=list(_LIGHTINGS.values())))
    turn = rng.uniform(0, 2 * np.pi)
    light = (float(np.sin(turn)), float(np.cos(turn)))
    level, shadow = float(rng.uniform(0, 1)), float(rng.uniform(0.15, 0.8))
    floor = draw_ground(rng, size, "light table" if lighting == "backlight" else ground)
    if lighting == "dark field":
        floor = floor * np.float32(0.02 + 0.3 * level**2)
    if lighting in ("dome", "backlight"):
        shadow *= 0.12
    rows = np.arange(size[0], dtype=np.float32)[:, None] / size[0] - 0.5
    columns = np.arange(size[1], dtype=np.float32)[None] / size[1] - 0.5
    return Stage(
        size,
        light,
        _lamps(rng, turn),
        floor,
        rng.standard_normal(size, dtype=np.float32),
        noise(rng, size, max(size) / 6),
        1 + np.float32(rng.uniform(0, 0.5)) * (rows * np.float32(light[0]) + columns * np.float32(light[1])),
        (rng.uniform(0.5, 5), rng.uniform(0, 6.3), rng.uniform(0, 6.3), rng.uniform(0.1, 0.6)),
        shadow,
        float(rng.uniform(0.15, 1.2)),
        lighting,
        level,
    )


def _lamps(rng: Rng, turn: float) -> tuple[Lamp, ...]:
    """One to three lamps, the first and strongest in the direction ``turn``."""
    lamps = []
    for k in range(int(rng.integers(1, 4))):
        way = turn if k == 0 else rng.uniform(0, 2 * np.pi)
        up = rng.uniform(0.35, 0.95)
        flat = np.sqrt(1 - up**2)
        towards = (float(flat * np.cos(way)), float(flat * np.sin(way)), float(up))
        strong = 1.0 if k == 0 else rng.uniform(0.1, 0.7)
        lamps.append(Lamp(towards, float(rng.uniform(0.03, 0.5) ** 1.5), float(strong)))
    return tuple(lamps)


def specks(stage: Stage, rng: Rng, scale: float) -> Map:
    """Noise of deviation 1 and about ``scale`` pixels; the stage's own where that is fine enough."""
    return stage.grain if scale < 1.4 else noise(rng, stage.size, scale)


def soften(values: Map, sigma: float) -> Map:
    """Gaussian blur; wide ones are made on a smaller picture."""
    if sigma < 0.3:
        return values
    factor = int(max(1, min(sigma / 2.5, min(values.shape[:2]) / 8)))
    if factor == 1:
        blurred: Map = cv2.GaussianBlur(values, (0, 0), sigma)
        return blurred
    small = cv2.resize(values, (values.shape[1] // factor, values.shape[0] // factor), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    wide: Map = cv2.resize(small, (values.shape[1], values.shape[0]), interpolation=cv2.INTER_LINEAR)
    return wide


def ball(stage: Stage, finish: Finish) -> Map:
    """How a ball of the material looks, (64, 64, 2): a factor for its own colour, and the light that it mirrors.

    A surface looks as the ball does where it faces the same way; a level surface has about factor 1.
    """
    y, x = (np.mgrid[:_BALL, :_BALL].astype(np.float32) + 0.5) * (2 / _BALL) - 1
    over = np.maximum(1, np.hypot(x, y) / 0.995)
    x, y = x / over, y / over
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    mirrored = 2 * z * x, 2 * z * y, 2 * z * z - 1
    diffuse = 0.35 + 0.15 * z
    seen = np.zeros_like(z)
    for lamp in stage.lamps:
        a, b, c = lamp.towards
        diffuse += 0.8 * lamp.strong * np.maximum(x * a + y * b + z * c + 0.2, 0) / 1.2
        away = 1 - (mirrored[0] * a + mirrored[1] * b + mirrored[2] * c)
        wide = lamp.wide * 0.5 + (1 - finish.gloss) ** 2 * 0.6 + 0.004
        seen += lamp.strong * np.exp(-((away / wide) ** 1.5)) * min(3.0, 0.25 / wide)
    middle = float(diffuse[_BALL // 2, _BALL // 2])
    if not finish.metal:
        fresnel = 0.06 + 0.5 * (1 - z) ** 3
        return _lighted(stage, np.dstack([diffuse / middle, finish.shine * 2 * fresnel * seen]), x, y, z)
    pace, phase, way, depth = stage.swing
    along = mirrored[0] * np.cos(way) + mirrored[1] * np.sin(way)
    room = 0.55 + depth * np.sin(pace * (0.4 + finish.gloss) * along + phase) + 0.3 * along
    room = np.maximum(room, 0.04) ** (1 + finish.gloss) * (0.4 + 0.6 * np.clip(0.6 + mirrored[2], 0, 1))
    share = finish.shine
    own = (1 - share) * diffuse / middle + share * (room + seen)
    return _lighted(stage, np.dstack([own, np.zeros_like(z)]), x, y, z)


def _lighted(stage: Stage, looks: Map, x: Map, y: Map, z: Map) -> Map:
    """What :func:`ball` shows under the lighting of the stage; (x, y, z) is where the surface faces."""
    level = stage.level
    if stage.lighting == "dark field":  # only slopes throw the light into the lens
        side = np.abs(x * stage.light[1] + y * stage.light[0])
        looks[..., 0] *= 0.03 + 0.1 * level + 2.5 * (level * (1 - z * z) + (1 - level) * side**2)
    elif stage.lighting == "bright field":  # slopes throw it away
        looks[..., 0] *= z ** (2 + 14 * level)
    elif stage.lighting == "dome":
        looks[..., 0] = (1 - 0.8 * level) * looks[..., 0] + 0.8 * level * (0.8 + 0.2 * z)
        looks[..., 1] *= 0.3
    elif stage.lighting == "backlight":
        looks[..., 0] = looks[..., 0] * (0.02 + 0.2 * level) + 0.6 * (1 - level) * (1 - z) ** 3
        looks[..., 1] *= 0.2
    return looks.astype(np.float32)


def shaded(stage: Stage, solid: Solid, where: tuple[slice, slice]) -> Map:
    """The colours of ``solid`` as its heights are lit, (h, w, 3) of the rows and columns ``where``."""
    plain = solid.height[where].astype(np.float32)
    height = plain + np.float32(0.6 * solid.finish.rough) * stage.grain[where]
    if solid.finish.metal:
        height += np.float32(0.004 * min(stage.size)) * stage.broad[where]  # no sheet is quite level
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    right = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    length = np.sqrt(1 + down * down + right * right) * np.float32(2 / (_BALL - 1))
    middle = np.float32((_BALL - 1) / 2)
    across, along = middle - right / length, middle - down / length
    looks = cv2.remap(ball(stage, solid.finish), across, along, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    reach = max(1.0, min(stage.size) / 64)
    lit = 1 - np.clip((soften(plain, reach) - plain) / np.float32(2.5 * reach), 0, 0.5)  # hollows are darker
    own: Map = cv2.merge([looks[..., 0] * lit] * 3)
    albedo = solid.albedo[where] if solid.albedo.ndim == 3 else solid.albedo
    own *= albedo.astype(np.float32)
    own += cv2.merge([looks[..., 1] * lit] * 3)
    return own


def shadowed(stage: Stage, below: Map, cover: Map, tall: float, where: tuple[slice, slice]) -> Map:
    """``below`` with the shadow of something ``tall`` (pixels) that stands there, of rows and columns ``where``."""
    cover = cover[where].astype(np.float32)
    move = np.array([[1, 0, -stage.light[1] * tall], [0, 1, -stage.light[0] * tall]], np.float32)
    cast = cv2.warpAffine(cover, move, cover.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    dark = np.float32(stage.shadow) * soften(cast, 0.4 + stage.soft * tall)
    near = np.float32(0.6 * stage.shadow) * soften(cover, 0.5 + 0.25 * tall)
    left = (1 - dark) * (1 - near)
    dimmed: Map = below[where] * cv2.merge([left] * 3)
    return dimmed


def laid(stage: Stage, below: Map, solids: Sequence[Solid]) -> Map:
    """``below`` with ``solids`` on it, each casting its shadow on those before, (H, W, 3)."""
    colour = below.copy()
    for solid in solids:
        left, top, wide, high = cv2.boundingRect((solid.cover > 0).astype(np.uint8))
        if not wide:
            continue
        pad = 4 + int(4 * (0.5 + stage.soft * solid.tall) + solid.tall)
        where = slice(max(0, top - pad), top + high + pad), slice(max(0, left - pad), left + wide + pad)
        if solid.tall > 0:
            colour[where] = shadowed(stage, colour, solid.cover, solid.tall, where)
        pad = 4
        where = slice(max(0, top - pad), top + high + pad), slice(max(0, left - pad), left + wide + pad)
        above = shaded(stage, solid, where)
        above -= colour[where]
        above *= cv2.merge([solid.cover[where].astype(np.float32)] * 3)
        colour[where] += above
    return colour


def to_scene(stage: Stage, kind: str, drawn: Drawn) -> Scene:
    """The picture of what was drawn; elements under 9 pixels or over a third of it are left out."""
    part = np.zeros(stage.size, bool)
    for solid in drawn.solids:
        part |= solid.cover > 0.5
    elements = tuple(e for e in drawn.elements if 9 <= np.count_nonzero(e) <= part.size / 3)
    plain = drawn.plain if elements else drawn.solids
    pairs = zip(drawn.solids, plain, strict=False)
    same = next((k for k, (one, other) in enumerate(pairs) if one is not other), min(len(plain), len(drawn.solids)))
    base = laid(stage, stage.ground, drawn.solids[:same])
    colour = _lit(stage, laid(stage, base, drawn.solids[same:]))
    bare = _lit(stage, laid(stage, base, plain[same:])) if elements else None
    whole = part if part.mean() < 0.97 else None
    return Scene(colour, kind, whole, elements, bare, stage.light)


def _lit(stage: Stage, colour: Map) -> Map:
    lit = colour * cv2.merge([stage.lit.astype(np.float32)] * 3)
    return np.maximum(lit, np.float32(0.001))
