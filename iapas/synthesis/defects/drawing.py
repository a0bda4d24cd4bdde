"""Defects drawn on a scene: exact masks, the words for them, and none that cannot be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from iapas.synthesis.camera import Camera
from iapas.synthesis.defects.kinds import KINDS, Kind, likely
from iapas.synthesis.defects.measure import attributes, change, lightness, noticeable
from iapas.synthesis.defects.patch import between
from iapas.synthesis.defects.placing import Place, place
from iapas.synthesis.scene import Scene
from iapas.synthesis.texture import Map, Rng
from iapas.types import BoolMap

_TRIES = 6
_LARGEST = 0.4
"""More of the picture than this is no defect any more."""
_BUSIEST = 40.0
"""Levels: a surface of greater deviation has parts of its own, on which a defect shows."""


@dataclass(frozen=True)
class Defect:
    """Something wrong.

    ``kind``: its name in :data:`iapas.synthesis.defects.kinds.KINDS`; ``phrase``: what a person would type;
    ``attributes``: those of :data:`iapas.embedded.words.ATTRIBUTES` that hold (True) or do not (False), what cannot
    be said is absent; ``mask``: (H, W) bool.
    """

    kind: str
    phrase: str
    attributes: dict[str, bool]
    mask: BoolMap


def draw_defects(
    rng: Rng, scene: Scene, camera: Camera, levels: Map, kinds: Sequence[str] | None = None
) -> tuple[Map, list[Defect]]:
    """One to four defects, mostly one or two and mostly of one kind.

    ``levels``: (H, W, 1 or 3) what ``camera`` makes of the scene. Returns the levels with the defects, and these,
    whose masks do not overlap; rarely none, where none could be made visible.
    """
    names, weights = likely(scene.kind, bool(scene.elements) and scene.bare is not None, scene.part is not None)
    if kinds is not None:
        chosen = [(name, weight) for name, weight in zip(names, weights, strict=True) if name in kinds]
        if not chosen:
            return levels, []
        names, weights = [name for name, _ in chosen], [weight for _, weight in chosen]
    odds = np.array(weights) / sum(weights)
    levels, taken = levels.copy(), np.zeros(levels.shape[:2], bool)
    wanted = int(rng.choice([1, 2, 3, 4], p=[0.56, 0.25, 0.12, 0.07]))
    defects: list[Defect] = []
    name, radius = "", None
    for _ in range(_TRIES * wanted):
        if not defects or rng.random() < 0.3:
            name, radius = str(rng.choice(names, p=odds)), None
        there = place(rng, scene, KINDS[name], radius and radius * between(rng, 0.6, 1.6))
        defect = _draw(rng, name, there, camera, levels, taken)
        if defect is not None:
            defects.append(defect)
            taken |= defect.mask
            radius = there.patch.radius if KINDS[name].where != "element" else None
            if len(defects) == wanted:
                break
    return levels, defects


def _draw(rng: Rng, name: str, there: Place, camera: Camera, levels: Map, taken: BoolMap) -> Defect | None:
    """Draw one into ``levels``; None (and nothing drawn) if it cannot be seen, is too large or lies on another."""
    kind, patch, here = KINDS[name], there.patch, there.window
    painted = kind.paint(rng, patch)
    if painted is None:
        return None
    colour, cover = painted.colour, painted.cover
    if kind.confined and patch.part is not None:
        inside = cv2.blur(patch.part.astype(np.float32), (3, 3)) * patch.part
        colour, cover = patch.colour + (colour - patch.colour) * inside[..., None], cover * inside
    fade = there.fade(taken.shape)
    colour, cover = patch.colour + (colour - patch.colour) * fade[..., None], cover * fade
    top, left = there.box[:2]
    before = camera.develop(patch.colour, top, left)
    after = camera.develop(np.maximum(colour, 0).astype(np.float32), top, left)
    difference = after - before
    mask, strength = noticeable(change(difference), cover, kind.smooth * patch.scale**0.5)
    noise = _noise(before, mask, camera)
    alpha = _visibility(rng, kind, before, mask, strength, noise)
    area = int(mask.sum())
    if area < 3 or area > _LARGEST * taken.size or alpha * strength < _least(kind, before, mask, noise):
        return None
    if (taken[here] & mask).sum() > 0.1 * area:
        return None
    mask &= ~taken[here]
    was = levels[here].copy()
    levels[here] += np.float32(alpha) * difference
    said = attributes(was, levels[here], mask, patch.part, area / taken.size, patch.scale, painted.relief)
    said = _complete(kind, said, there, mask, taken.shape)
    full = np.zeros(taken.shape, bool)
    full[here] = mask
    return Defect(name, _phrase(rng, kind, said, painted.words), said, full)


def _noise(before: Map, mask: BoolMap, camera: Camera) -> float:
    """What hides a defect in the window: the deviation of the fine grain or half that of all, the camera's noise."""
    light = lightness(before)
    fine = light - cv2.GaussianBlur(light, (0, 0), 2.0)
    outside = ~mask if not mask.all() else mask
    spread = 0.37 * float(np.subtract(*np.quantile(light[outside][::3], [0.75, 0.25])))
    return float(np.hypot(max(1.48 * np.median(np.abs(fine[outside])), spread), 0.7 * camera.noise))


def _deviation(before: Map, mask: BoolMap, noise: float) -> float:
    """Of the surface around the mask, in levels, with all that is coarser than the grain."""
    light = lightness(before)
    outside = light[~mask] if not mask.all() else light
    return float(np.hypot(min(_BUSIEST, outside.std()), noise))


def _least(kind: Kind, before: Map, mask: BoolMap, noise: float) -> float:
    """The change in levels below which a person would not see it: what is smooth and wide is seen in more noise."""
    if kind.smooth >= 1.5:
        return max(4.0, 0.6 * noise)
    return max(6.0, 1.1 * noise, 0.8 * _deviation(before, mask, noise))


def _visibility(rng: Rng, kind: Kind, before: Map, mask: BoolMap, strength: float, noise: float) -> float:
    """How much of the painted change is used, 0..1: mostly 0.8 to 5 times the deviation of the surface."""
    if not kind.fades or rng.random() < 0.3 or strength <= 0:
        return 1.0
    wanted = max(6.0, _deviation(before, mask, noise) * between(rng, 0.8, 5.0))
    return min(1.0, wanted / strength)


def _complete(kind: Kind, said: dict[str, bool], there: Place, mask: BoolMap, size: tuple[int, ...]) -> dict[str, bool]:
    """Measured attributes together with those that hold by nature."""
    rows, columns = np.nonzero(mask)
    top, left = there.box[:2]
    gap = min(
        rows.min() + top, columns.min() + left, size[0] - 1 - rows.max() - top, size[1] - 1 - columns.max() - left
    )
    part = there.patch.part
    on_rim = part is not None and bool((cv2.erode(part.view(np.uint8), np.ones((5, 5), np.uint8)) == 0)[mask].any())
    if gap > 3 and not on_rim:
        said["border"] = False
    for name in ("missing", "foreign", "bent", "print"):
        said[name] = False
    said.update(kind.claims)
    for name in kind.unsaid:
        said.pop(name, None)
    return said


def _phrase(rng: Rng, kind: Kind, said: dict[str, bool], words: tuple[str, ...]) -> str:
    """An adjective or two and a noun."""
    tone = [word for word in ("dark", "bright") if said.get(word)]
    extent = [word for word in ("small", "large") if said.get(word)]
    fitting = [
        *tone,
        *extent,
        *words,
        *(["faint"] if said.get("faint") else []),
        *(["long"] if said.get("elongated") else []),
    ]
    count = min(len(fitting), int(rng.choice([0, 1, 2], p=[0.35, 0.45, 0.2])))
    picked = sorted(rng.permutation(len(fitting))[:count])
    return " ".join([*(fitting[k] for k in picked), str(rng.choice(kind.nouns))])
