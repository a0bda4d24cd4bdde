"""Surfaces that fill the picture, by kind, and mixtures of two of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from iapas.synthesis.scene import Scene
from iapas.synthesis.scenes.grains import Size, axes, between, blurred, chance, cloud, part_of, spread, unit
from iapas.synthesis.scenes.shading import Look, finished, laid, lit, on_all
from iapas.synthesis.scenes.surfaces_cloth import CLOTH
from iapas.synthesis.scenes.surfaces_metal import METAL
from iapas.synthesis.scenes.surfaces_pattern import PATTERN
from iapas.synthesis.scenes.surfaces_soft import SOFT
from iapas.synthesis.scenes.surfaces_stone import STONE
from iapas.synthesis.texture import Map, Rng, step

_PURE: dict[str, Callable[[Rng, Size], Look]] = {**METAL, **STONE, **CLOTH, **SOFT, **PATTERN}


_SPARSE = frozenset(("marble", "granite", "glaze", "concrete", "traces", "printed lines"))
"""Kinds with single marks, which would look like defects on another surface."""


def _any(rng: Rng, size: Size, without: frozenset[str] = frozenset()) -> Look:
    names = [name for name in _PURE if name not in without]
    return _PURE[names[int(rng.integers(len(names)))]](rng, size)


def layered(rng: Rng, size: Size) -> Look:
    """One surface seen with the unevenness of another: a texture that has no name."""
    look, other = _any(rng, size, _SPARSE), cv2.cvtColor(_any(rng, size, _SPARSE).colour, cv2.COLOR_RGB2GRAY)
    tone = np.log(np.maximum(other, 0.002))
    tone -= np.float32(tone.mean())
    gain = np.exp(np.clip(tone * np.float32(spread(rng, 0.15, 1) / max(1.0, 2 * float(tone.std()))), -1.5, 1.2))
    bare = None if look.bare is None else look.bare * on_all(gain)
    return Look(look.colour * on_all(gain), look.light, look.elements, bare)


def joined(rng: Rng, size: Size) -> Look:
    """Two surfaces that meet at an edge or alternate in bands, with a step or a joint between them."""
    one, two, scale = _any(rng, size), _any(rng, size), unit(size)
    angle = (
        float(rng.integers(4)) * np.pi / 2 + float(rng.normal(0, 0.02)) if chance(rng, 0.6) else between(rng, 0, 6.3)
    )
    long = float(max(size)) * (between(rng, 1.2, 4) if chance(rng, 0.7) else between(rng, 0.15, 0.6))
    u, _ = axes(rng, size, angle, (long, long))
    at = np.abs(part_of(u)) * np.float32(long)
    if chance(rng, 0.35):
        at += cloud(rng, size, spread(rng, 8, 50) * scale) * np.float32(spread(rng, 1, 8) * scale)
    at -= np.float32(np.quantile(at[::8, ::8], between(rng, 0.12, 0.88)))  # neither is a mere corner
    share = step(-at, spread(rng, 0.8, 6) * scale)
    colour = laid(one.colour, two.colour * np.float32(_evened(one.colour, two.colour, rng)), share)
    if chance(rng, 0.5):
        shade, _ = lit(blurred(share, scale) * np.float32(spread(rng, 0.5, 4)), one.light, 0.8)
        colour *= on_all(shade)
    return Look(colour, one.light)


def _evened(one: Map, two: Map, rng: Rng) -> float:
    """By how much the second surface is made as light as the first, wholly or in part."""
    ratio = float(one.mean()) / max(float(two.mean()), 1e-3)
    return float(ratio ** between(rng, 0.3, 1))


LOOKS: dict[str, Callable[[Rng, Size], Look]] = {**_PURE, "layered surface": layered, "joined surfaces": joined}


def _surface(kind: str, rng: Rng, size: Size) -> Scene:
    return finished(rng, LOOKS[kind](rng, size), kind)


SURFACES: dict[str, Callable[[Rng, Size], Scene]] = {kind: partial(_surface, kind) for kind in LOOKS}
"""Kind -> what draws a scene of it, of a size (height, width), from a generator of random numbers."""
