"""Scenes without a defect: surfaces that fill the picture, parts, trays and prints."""

from __future__ import annotations

from iapas.synthesis.scene import Scene
from iapas.synthesis.scenes.objects import PARTS
from iapas.synthesis.scenes.surfaces import SURFACES
from iapas.synthesis.texture import Rng

_SHARE_OF_SURFACES = 0.65
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


def draw_scene(rng: Rng, size: tuple[int, int]) -> Scene:
    """Draw a scene of some kind, (height, width) large; the same state of ``rng`` draws the same."""
    if rng.random() < _SHARE_OF_SURFACES:
        kinds, weights = list(SURFACES), [_MORE_OFTEN.get(kind, 1.0) for kind in SURFACES]
        kind = kinds[int(rng.choice(len(kinds), p=[weight / sum(weights) for weight in weights]))]
        return SURFACES[kind](rng, size)
    parts = list(PARTS)
    return PARTS[parts[int(rng.integers(len(parts)))]](rng, size)
