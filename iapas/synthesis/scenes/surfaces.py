"""Surfaces that fill the picture, by kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from iapas.synthesis.scene import Scene
from iapas.synthesis.scenes.grains import Size
from iapas.synthesis.scenes.shading import Look, finished
from iapas.synthesis.scenes.surfaces_cloth import CLOTH
from iapas.synthesis.scenes.surfaces_metal import METAL
from iapas.synthesis.scenes.surfaces_soft import SOFT
from iapas.synthesis.scenes.surfaces_stone import STONE
from iapas.synthesis.texture import Rng

LOOKS: dict[str, Callable[[Rng, Size], Look]] = {**METAL, **STONE, **CLOTH, **SOFT}


def _surface(kind: str, rng: Rng, size: Size) -> Scene:
    return finished(rng, LOOKS[kind](rng, size), kind)


SURFACES: dict[str, Callable[[Rng, Size], Scene]] = {kind: partial(_surface, kind) for kind in LOOKS}
"""Kind -> what draws a scene of it, of a size (height, width), from a generator of random numbers."""
