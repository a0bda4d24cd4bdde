"""Several things together: slabs of a textured material, plates with screws and labels on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from iapas.synthesis.scenes.fasteners import material, ring, screw_head
from iapas.synthesis.scenes.grounds import paint
from iapas.synthesis.scenes.plates import face
from iapas.synthesis.scenes.poses import Pose, box, dome, length
from iapas.synthesis.scenes.prints import sheet, word
from iapas.synthesis.scenes.studio import Drawn, Finish, Solid, Stage
from iapas.synthesis.scenes.surfaces import SURFACES
from iapas.synthesis.texture import Map, Rng, mix, noise, step


def slab(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A piece of some surface on the ground: a tile, a board, a patch of leather or cloth."""
    names = list(SURFACES)
    surface = SURFACES[names[int(rng.integers(len(names)))]](rng, stage.size)
    shape = rng.random()
    if shape < 0.25:
        far = length(pose.x, pose.y) - pose.r
    else:
        corner = pose.r * rng.choice([0.0, 0.03, 0.2])
        far = box(pose.x, pose.y, pose.r, pose.r * rng.uniform(0.4, 1.0), corner)
    far = far + rng.choice([0.0, 0.004, 0.015]) * pose.r * noise(rng, stage.size, pose.r * 0.1)
    edge = pose.r * rng.uniform(0.01, 0.08)
    height = dome(far, edge, edge * rng.uniform(0.2, 0.8))
    body = Solid(step(far, 1.4), height, surface.colour.astype(np.float32), Finish(rng.uniform(0, 0.3), 0.5, False, 0.0), 0.05 * pose.r)
    return Drawn([body])


def _inside(pose: Pose, x: Map, y: Map, r: float) -> Pose:
    return Pose(x.astype(np.float32), y.astype(np.float32), r)


def _one_of(rng: Rng, draw: Callable[[Rng, Stage, Pose], Drawn], stage: Stage, pose: Pose, x: float, y: float, r: float) -> Drawn:
    """A small part at (x, y), in shares of the radius, turned as it may be."""
    way = rng.uniform(0, 2 * np.pi)
    a, b = pose.x - np.float32(x * pose.r), pose.y - np.float32(y * pose.r)
    turned = _inside(pose, a * np.cos(way) + b * np.sin(way), b * np.cos(way) - a * np.sin(way), r)
    return draw(rng, stage, turned)


def panel(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A plate that is screwed down, with a label, an opening, engraved words; a screw could be missing."""
    r = pose.r
    colour, finish = material(rng)
    high = rng.uniform(0.5, 0.95)
    far = box(pose.x, pose.y, r, high * r, r * rng.choice([0.0, 0.05, 0.15]))
    albedo = face(rng, stage, pose, colour)
    height = dome(far, 0.03 * r, 0.04 * r)
    plate = Solid(step(far, 1.3), height, albedo, finish, 0.05 * r)
    if rng.random() < 0.6:
        ink, _ = word(rng, Pose(pose.x, pose.y - np.float32(0.35 * high * r), r), rng.uniform(0.2, 0.6))
        tone = np.broadcast_to(np.float32(paint(rng, 0.01, 0.8, 0.8)), albedo.shape)
        plate = replace(plate, albedo=mix(albedo, tone, ink * 0.9))
    solids = [plate]
    if rng.random() < 0.6:
        solids += _sticker(rng, stage, Pose(pose.x - np.float32(rng.uniform(-0.3, 0.3) * r), pose.y + np.float32(0.15 * r), 0.4 * r), height)
    if rng.random() < 0.5:
        place = rng.uniform(-0.5, 0.5), rng.uniform(-0.2, 0.3) * high, r * rng.uniform(0.1, 0.22)
        solids += list(_one_of(rng, ring, stage, pose, *place).solids)
    x0, y0, small = rng.uniform(0.72, 0.88), high - rng.uniform(0.14, 0.22), r * rng.uniform(0.06, 0.11)
    folded = _inside(pose, np.abs(pose.x) - x0 * r, np.abs(pose.y) - y0 * r, small)
    screws = screw_head(rng, stage, folded).solids
    cover = np.max([s.cover for s in screws], axis=0)
    quarters = [(cover > 0.5) & (a * pose.x > 0) & (b * pose.y > 0) for a in (-1, 1) for b in (-1, 1)]
    return Drawn([*solids, *screws], quarters, solids)


def _sticker(rng: Rng, stage: Stage, pose: Pose, height: Map) -> list[Solid]:
    """A printed label on something of ``height``."""
    far = box(pose.x, pose.y, pose.r, pose.r * rng.uniform(0.3, 0.7), pose.r * rng.choice([0.0, 0.05]))
    ink, _, _ = sheet(rng, pose, int(rng.integers(2, 8)))
    paper = np.broadcast_to(np.float32(paint(rng, 0.3, 0.85, 0.4)), (*stage.size, 3))
    tone = np.broadcast_to(np.float32(paint(rng, 0.01, 0.2, 0.9)), (*stage.size, 3))
    return [Solid(step(far, 1.3), height + dome(far, 2, 0.6), mix(paper, tone, ink), Finish(0.1, 0.5), 1.0)]
