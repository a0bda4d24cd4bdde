"""Several things together: slabs of a textured material, plates with screws and labels, keypads, dials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from iapas.synthesis.scenes.fasteners import material, metal, ring, screw_head
from iapas.synthesis.scenes.grounds import paint, rgb
from iapas.synthesis.scenes.plates import face
from iapas.synthesis.scenes.poses import Pose, box, dome, length, stencil
from iapas.synthesis.scenes.prints import line, sheet, text, word
from iapas.synthesis.scenes.studio import Drawn, Finish, Solid, Stage
from iapas.synthesis.scenes.surfaces import SURFACES
from iapas.synthesis.texture import Map, Rng, mix, noise, step

_TILE = 384


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
    far = far + rng.choice([0.0, 0.003, 0.008]) * pose.r * noise(rng, stage.size, pose.r * 0.1)
    edge = pose.r * rng.uniform(0.01, 0.08)
    height = dome(far, edge, edge * rng.uniform(0.2, 0.8))
    body = Solid(
        step(far, 1.4),
        height,
        surface.colour.astype(np.float32),
        Finish(rng.uniform(0, 0.3), 0.5, False, 0.0),
        0.05 * pose.r,
    )
    return Drawn([body])


def _inside(pose: Pose, x: Map, y: Map, r: float) -> Pose:
    return Pose(x.astype(np.float32), y.astype(np.float32), r)


def _one_of(
    rng: Rng, draw: Callable[[Rng, Stage, Pose], Drawn], stage: Stage, pose: Pose, x: float, y: float, r: float
) -> Drawn:
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
        tone = paint(rng, 0.01, 0.8, 0.8)
        plate = replace(plate, albedo=mix(albedo, tone, ink * 0.9))
    solids = [plate]
    if rng.random() < 0.6:
        solids += _sticker(
            rng,
            stage,
            Pose(pose.x - np.float32(rng.uniform(-0.3, 0.3) * r), pose.y + np.float32(0.15 * r), 0.4 * r),
            height,
        )
    if len(solids) == 1 and rng.random() < 0.6:
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
    paper = paint(rng, 0.3, 0.85, 0.4)
    tone = paint(rng, 0.01, 0.2, 0.9)
    return [Solid(step(far, 1.3), height + dome(far, 2, 0.6), mix(paper, tone, ink), Finish(0.1, 0.5), 1.0)]


def keypad(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Keys or buttons in rows, each with its sign."""
    columns, rows = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    pitch = 2 * pose.r * 0.92 / max(columns, rows)
    column, row = np.floor(pose.x / pitch + columns / 2), np.floor(pose.y / pitch + rows / 2)
    x, y = pose.x - (column - columns / 2 + 0.5) * pitch, pose.y - (row - rows / 2 + 0.5) * pitch
    within = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    half = pitch * rng.uniform(0.3, 0.45)
    key = box(x, y, half, half * rng.uniform(0.6, 1), half * rng.uniform(0.05, 0.6))
    key = np.where(within, key, 9).astype(np.float32)
    wide, high = columns / max(columns, rows), rows / max(columns, rows)
    outer = box(pose.x, pose.y, pose.r * wide, pose.r * high, 0.08 * pose.r)
    case = Solid(
        step(outer, 1.3),
        dome(outer, 0.05 * pose.r, 0.08 * pose.r),
        paint(rng, 0.01, 0.7, 0.5),
        Finish(0.2, 0.5),
        0.05 * pose.r,
    )
    caps = Solid(
        step(key, 1.3),
        dome(key, rng.uniform(0.1, 0.8) * half, 0.3 * half),
        paint(rng, 0.01, 0.8, 0.5),
        Finish(0.25, 0.6),
        0.15 * half,
    )
    tile = np.zeros((_TILE, _TILE), np.uint8)
    cell = int(_TILE * 0.92 / max(columns, rows))
    for j in range(rows):
        for i in range(columns):
            ink, _ = line(rng, text(rng, 1, 2))
            wide_to = int(min(0.55 * cell, ink.shape[1] * 0.4 * cell / ink.shape[0]))
            small = cv2.resize(ink, (max(2, wide_to), max(2, int(0.4 * cell))), interpolation=cv2.INTER_AREA)
            top = int(_TILE / 2 + (j - rows / 2 + 0.5) * cell - small.shape[0] / 2)
            left = int(_TILE / 2 + (i - columns / 2 + 0.5) * cell - small.shape[1] / 2)
            tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    ink = stencil(pose, tile) / 255
    signs = Solid(ink * caps.cover, caps.height, paint(rng, 0.01, 0.8, 0.8), Finish(0.1, 0.3), 0)
    elements = [(ink > 0.3) & (row == j) & (column == i) for j in range(rows) for i in range(columns)]
    if rng.random() < 0.5:
        elements = [(key < 0.5) & (row == j) & (column == i) for j in range(rows) for i in range(columns)]
        return Drawn([case, caps, signs], elements, [case])
    return Drawn([case, caps, signs], elements, [case, caps])


def dial(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A gauge or clock: ticks, numbers, a hand, a bezel."""
    r, radius = pose.r, length(pose.x, pose.y)
    colour, finish = metal(rng)
    bezel = Solid(
        step(radius - r, 1.3), dome(np.abs(radius - 0.93 * r) - 0.07 * r, 0.06 * r, 0.06 * r), colour, finish, 0.06 * r
    )
    pale = rng.random() < 0.65
    tone = rng.uniform(0.5, 0.85) if pale else rng.uniform(0.01, 0.05)
    plate = Solid(
        step(radius - 0.87 * r, 1.3),
        -dome(-(radius - 0.87 * r), 0.03 * r, 0),
        tone * rgb(1.0, 1.0, 0.97),
        Finish(0.1, 0.7),
        0,
    )
    tile = np.zeros((_TILE, _TILE), np.uint8)
    half, ticks, major = _TILE / 2, int(rng.choice([24, 36, 50, 60])), int(rng.choice([5, 6, 10]))
    begin, span = (0, 2 * np.pi) if rng.random() < 0.4 else (0.75 * np.pi, 1.5 * np.pi)
    for k in range(ticks):
        way, long = begin + span * k / ticks, 0.1 if k % major == 0 else 0.05
        ends = [(int(half + half * f * np.cos(way)), int(half + half * f * np.sin(way))) for f in (0.82, 0.82 - long)]
        cv2.line(tile, ends[0], ends[1], 255, 3 if k % major == 0 else 1, cv2.LINE_AA)
        if k % major == 0:
            at = int(half + half * 0.6 * np.cos(way)) - 12, int(half + half * 0.6 * np.sin(way)) + 6
            cv2.putText(tile, str(k), at, 0, 0.6, 255, 2, cv2.LINE_AA)
    ink = Solid(
        stencil(pose, tile) / 255,
        np.zeros(stage.size, np.float32),
        rgb(0.02, 0.02, 0.02) if pale else rgb(0.7, 0.7, 0.7),
        Finish(0.05),
        0,
    )
    way = rng.uniform(0, 2 * np.pi)
    along, across = pose.x * np.cos(way) + pose.y * np.sin(way), pose.y * np.cos(way) - pose.x * np.sin(way)
    needle = np.minimum(
        np.maximum(np.abs(across) - 0.03 * r * (1 - along / (0.8 * r)), np.abs(along - 0.3 * r) - 0.42 * r),
        radius - 0.07 * r,
    )
    hand = Solid(
        step(needle, 1.3), dome(needle, 0.02 * r, 0.02 * r), paint(rng, 0.01, 0.5, 1.0), Finish(0.2, 0.5), 0.04 * r
    )
    return Drawn([bezel, plate, ink, hand], [needle < 0], [bezel, plate, ink])
