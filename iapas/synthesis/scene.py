"""A picture without a defect, before any camera has looked at it."""

from __future__ import annotations

from dataclasses import dataclass

from iapas.synthesis.texture import Map
from iapas.types import BoolMap


@dataclass(frozen=True)
class Scene:
    """What is photographed.

    ``colour``: (H, W, 3) float32 in linear light, 0..1 (over 1: burnt out), light and shadow included.
    ``part``: (H, W) bool, the pixels of the product; None where its surface fills the frame.
    ``elements``: (H, W) bool each, things that belong there and that could be missing or wrong: a screw of a tray, a
    hole of a plate, a letter of a print.
    ``bare``: ``colour`` as it would be without any of the elements; None where that cannot be said.
    ``light``: from where the light comes, (row, column), a unit vector in the picture's plane.
    ``kind``: what it shows, for instance "brushed metal".
    """

    colour: Map
    kind: str
    part: BoolMap | None = None
    elements: tuple[BoolMap, ...] = ()
    bare: Map | None = None
    light: tuple[float, float] = (-0.7, -0.7)
