"""Which parts and scenes of parts there are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from iapas.synthesis.scene import Scene
from iapas.synthesis.scenes import assemblies, electrics, fasteners, goods, pieces, plates, strands
from iapas.synthesis.scenes.poses import Pose, single, tray, tray_share
from iapas.synthesis.scenes.studio import Drawn, Stage, set_up, to_scene
from iapas.synthesis.texture import Rng

Size = tuple[int, int]
_Draw = Callable[[Rng, Stage, Pose], Drawn]

_BODIES: dict[str, tuple[_Draw, float, bool]] = {
    "nut": (fasteners.nut, 1.0, True),
    "screw head": (fasteners.screw_head, 1.0, True),
    "screw": (fasteners.screw_side, 3.0, True),
    "gear": (fasteners.gear, 1.0, True),
    "casting": (fasteners.casting, 1.0, True),
    "ring": (fasteners.ring, 1.0, True),
    "spring": (fasteners.spring, 3.0, True),
    "cylinder": (fasteners.cylinder, 3.5, True),
    "capsule": (pieces.capsule, 2.6, True),
    "tablet": (pieces.tablet, 1.0, True),
    "kernel": (pieces.kernel, 1.0, True),
    "bent piece": (pieces.bent_piece, 1.0, True),
    "biscuit": (pieces.biscuit, 1.0, True),
    "wheel": (pieces.wheel, 1.0, True),
    "candle": (pieces.candle, 1.0, True),
    "cable": (electrics.cable, 1.0, False),
    "transistor": (electrics.transistor, 1.0, False),
    "chip": (electrics.chip, 1.0, False),
    "circuit": (electrics.circuit, 1.0, False),
    "plug": (electrics.plug, 2.5, False),
    "perforated plate": (plates.perforated, 1.0, False),
    "name plate": (plates.stamped, 1.0, False),
    "milled block": (plates.milled, 1.0, False),
    "mesh": (plates.mesh, 1.0, False),
    "cut sheet": (plates.cut_sheet, 1.0, True),
    "keypad": (assemblies.keypad, 1.0, False),
    "dial": (assemblies.dial, 1.0, False),
    "bottle mouth": (goods.bottle_mouth, 1.0, True),
    "can top": (goods.can_top, 1.0, True),
    "bottle": (goods.bottle, 2.4, False),
    "pouch": (goods.pouch, 1.3, False),
    "label": (goods.label, 1.0, False),
    "blister": (goods.blister, 1.0, False),
    "zipper": (strands.zipper, 1.0, False),
    "brush": (strands.brush, 2.2, False),
    "pane": (goods.pane, 1.0, False),
    "rope": (strands.rope, 1.0, False),
    "slab": (assemblies.slab, 1.0, False),
    "panel": (assemblies.panel, 1.0, False),
}
"""Kind -> (what draws it in a pose, how many times as long as wide it is, whether it also comes in trays)."""


def _one(rng: Rng, size: Size, kind: str) -> Scene:
    draw, aspect, _ = _BODIES[kind]
    stage = set_up(rng, size)
    return to_scene(stage, kind, draw(rng, stage, single(rng, size, aspect)))


def _many(rng: Rng, size: Size, kind: str) -> Scene:
    draw, aspect, _ = _BODIES[kind]
    stage = set_up(rng, size)
    return to_scene(stage, f"tray: {kind}", draw(rng, stage, tray(rng, size, aspect, rng.random() < 0.4)))


def _heap(rng: Rng, size: Size, kind: str) -> Scene:
    """Many of a kind, as they fell, over each other."""
    draw, aspect, _ = _BODIES[kind]
    stage, seed = set_up(rng, size), int(rng.integers(2**31))
    share = 1.3 * tray_share(rng)
    layers = [tray(rng, size, aspect, True, share) for _ in range(2)]
    solids = [solid for pose in layers for solid in draw(np.random.default_rng(seed), stage, pose).solids]
    return to_scene(stage, f"heap: {kind}", Drawn(solids))


_HEAPS = ("nut", "screw", "ring", "spring", "tablet", "capsule", "kernel", "bent piece", "cut sheet")

PARTS: dict[str, Callable[[Rng, Size], Scene]] = {
    **{kind: partial(_one, kind=kind) for kind in _BODIES},
    **{f"tray: {kind}": partial(_many, kind=kind) for kind, body in _BODIES.items() if body[2]},
    **{f"heap: {kind}": partial(_heap, kind=kind) for kind in _HEAPS},
}
"""Kind of part -> what draws a scene of it, (rng, (height, width))."""
