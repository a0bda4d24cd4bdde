"""Where on a scene a defect goes, and the window on which it is painted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from iapas.synthesis.defects.kinds import Kind
from iapas.synthesis.defects.patch import Patch, between
from iapas.synthesis.scene import Scene
from iapas.synthesis.texture import Map, Rng
from iapas.types import BoolMap

_ON_THE_RIM = 0.12
"""How many of the defects that may lie anywhere on a part lie across its rim: cracks that begin there, worn edges."""


_NEARER = 2.5
"""How much larger defects are on a surface that fills the picture than on a part of which all is seen."""


@dataclass(frozen=True)
class Place:
    """A window (top, left, bottom, right) and what lies in it."""

    box: tuple[int, int, int, int]
    patch: Patch

    @property
    def window(self) -> tuple[slice, slice]:
        """The window as an index."""
        top, left, bottom, right = self.box
        return slice(top, bottom), slice(left, right)

    def fade(self, size: tuple[int, ...]) -> Map:
        """1 in the window, falling to 0 at those of its sides that lie within the picture."""
        top, left, bottom, right = self.box
        rows, columns = np.ones(bottom - top, np.float32), np.ones(right - left, np.float32)
        for line, low, high in ((rows, top > 0, bottom < size[0]), (columns, left > 0, right < size[1])):
            ramp = np.minimum(np.arange(len(line), dtype=np.float32) / 5, 1)
            line *= (ramp if low else 1) * (ramp[::-1] if high else 1)
        return rows[:, None] * columns[None]


def place(rng: Rng, scene: Scene, kind: Kind, radius: float | None = None) -> Place:
    """A place for a defect of this kind; ``radius`` in pixels, drawn if None."""
    size = scene.colour.shape[0], scene.colour.shape[1]
    if kind.where == "element":
        return _at_element(rng, scene, size)
    if radius is None:
        radius = between(rng, *kind.radius) * _extent(scene, size)
        if scene.part is None:  # a surface is photographed from as near as its defects ask for
            radius = min(radius * between(rng, 1, _NEARER), max(radius, kind.radius[1] * min(size)))
    radius = max(radius, 1.5)
    on_rim = kind.where == "outline" or (scene.part is not None and rng.random() < _ON_THE_RIM)
    centre = _on_outline(rng, scene, size) if on_rim else _on_part(rng, scene.part, size)
    return _window(scene, size, centre, radius)


def _extent(scene: Scene, size: tuple[int, int]) -> float:
    """The shorter side, in pixels, of what can be wrong: of the picture, or about of the part."""
    if scene.part is None:
        return float(min(size))
    covered = cv2.countNonZero(scene.part.view(np.uint8))
    return float(min(min(size), max(1.1 * np.sqrt(covered), 0.15 * min(size))))


def _on_part(rng: Rng, part: BoolMap | None, size: tuple[int, int]) -> tuple[float, float]:
    for _ in range(40):
        row, column = int(rng.integers(0, size[0])), int(rng.integers(0, size[1]))
        if part is None or part[row, column]:
            break
    return row, column


def _on_outline(rng: Rng, scene: Scene, size: tuple[int, int]) -> tuple[float, float]:
    """A point of the part's outline; of the picture's frame where there is none."""
    if scene.part is not None:
        contours, _ = cv2.findContours(scene.part.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        points = np.concatenate(contours)[:, 0] if contours else np.zeros((0, 2), int)
        inner = points[((points > 1) & (points < np.array(size[::-1]) - 2)).all(1)]
        if len(inner):
            column, row = inner[int(rng.integers(0, len(inner)))]
            return float(row), float(column)
    at = rng.uniform(0, 1), rng.choice([0.0, 1.0])
    row_share, column_share = at if rng.random() < 0.5 else at[::-1]
    return row_share * (size[0] - 1), column_share * (size[1] - 1)


def _at_element(rng: Rng, scene: Scene, size: tuple[int, int]) -> Place:
    element = scene.elements[int(rng.integers(0, len(scene.elements)))]
    left, top, width, height = cv2.boundingRect(element.view(np.uint8))
    centre = top + (height - 1) / 2, left + (width - 1) / 2
    there = _window(scene, size, centre, max(2.0, 0.5 * float(np.hypot(width, height))))
    here = there.window
    others = np.zeros(there.patch.size, bool)
    for other in scene.elements:
        if other is not element:
            others |= other[here]
    return Place(there.box, replace(there.patch, element=element[here], others=others))


def _window(scene: Scene, size: tuple[int, int], centre: tuple[float, float], radius: float) -> Place:
    scale = min(size) / 256
    reach = 1.4 * radius + 6 + 6 * scale
    top, left = max(0, int(centre[0] - reach)), max(0, int(centre[1] - reach))
    bottom, right = min(size[0], int(centre[0] + reach) + 1), min(size[1], int(centre[1] + reach) + 1)
    here = slice(top, bottom), slice(left, right)
    patch = Patch(
        colour=scene.colour[here],
        centre=(centre[0] - top, centre[1] - left),
        radius=radius,
        scale=scale,
        light=scene.light,
        whole=scene.colour,
        part=None if scene.part is None else scene.part[here],
        bare=None if scene.bare is None else scene.bare[here],
    )
    return Place((top, left, bottom, right), patch)
