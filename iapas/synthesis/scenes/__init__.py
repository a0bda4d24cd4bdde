"""Scenes without a defect: surfaces that fill the picture, parts, trays and prints."""

from __future__ import annotations

from iapas.synthesis.scene import Scene
from iapas.synthesis.scenes.surfaces import SURFACES
from iapas.synthesis.texture import Rng


def draw_scene(rng: Rng, size: tuple[int, int]) -> Scene:
    """Draw a scene of some kind, (height, width) large; the same state of ``rng`` draws the same."""
    kinds = list(SURFACES)
    return SURFACES[kinds[int(rng.integers(len(kinds)))]](rng, size)
