"""Scenes without a defect: surfaces that fill the picture, parts, trays and prints."""

from __future__ import annotations

from collections.abc import Callable

from iapas.synthesis.scene import Scene
from iapas.synthesis.scenes.objects import PARTS
from iapas.synthesis.scenes.surfaces import SURFACES
from iapas.synthesis.texture import Rng

_SHARE_OF_SURFACES = 0.55
_MORE_OFTEN = {
    "ground block": 2.0,
    "strip steel": 2.0,
    "brushed metal": 1.5,
    "asphalt": 1.5,
    "pavement": 1.5,
    "weave": 1.5,
    "leather": 1.5,
    "layered surface": 3.0,
    "joined surfaces": 1.5,
}
"""Kinds of surface of which there are more in the world than of the others, each of which counts 1."""

_Draw = Callable[[Rng, tuple[int, int]], Scene]


def _weights() -> dict[str, float]:
    surfaces = {kind: _MORE_OFTEN.get(kind, 1.0) for kind in SURFACES}
    total = sum(surfaces.values())
    shares = {kind: _SHARE_OF_SURFACES * weight / total for kind, weight in surfaces.items()}
    return shares | dict.fromkeys(PARTS, (1 - _SHARE_OF_SURFACES) / len(PARTS))


SCENES: dict[str, _Draw] = {**SURFACES, **PARTS}
"""Kind -> what draws a scene of it."""
SHARES = _weights()
"""Kind -> its share of the scenes that :func:`draw_scene` draws."""


def draw_scene(rng: Rng, size: tuple[int, int]) -> Scene:
    """Draw a scene of some kind, (height, width) large; the same state of ``rng`` draws the same."""
    kinds = list(SHARES)
    return SCENES[kinds[int(rng.choice(len(kinds), p=list(SHARES.values())))]](rng, size)
