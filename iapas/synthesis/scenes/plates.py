"""Flat goods of metal or plastic: drilled, stamped, milled and cut plates, meshes, keypads, dials."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from iapas.synthesis.scenes.fasteners import material, metal
from iapas.synthesis.scenes.grounds import dyed, paint
from iapas.synthesis.scenes.poses import Pose, box, dome, length, polygon, stencil
from iapas.synthesis.scenes.prints import line, text
from iapas.synthesis.scenes.studio import Drawn, Solid, Stage, soften
from iapas.synthesis.texture import Map, Rng, mix, noise, step
from iapas.types import BoolMap

_TILE = 384


def face(rng: Rng, stage: Stage, pose: Pose, colour: Map) -> Map:
    """The colour of a rolled, brushed or painted face, (H, W, 3): streaks along the part, faint stains."""
    streaks: Map = np.zeros(stage.size, np.float32)
    if rng.random() < 0.6:
        bar = np.interp(pose.y / pose.r, np.linspace(-3, 3, 700), rng.standard_normal(700))
        streaks = rng.uniform(0.01, 0.12) * bar * (1 + 0.5 * stage.broad)
    stains = rng.uniform(0, 0.08) * noise(rng, stage.size, pose.r * rng.uniform(0.1, 0.5))
    return dyed(np.maximum(1 + streaks + stains, 0.1).astype(np.float32), colour)


def _outline(rng: Rng, r: float) -> Callable[[Map, Map], Map]:
    """What tells the distance to the outline of a plate; -1000 everywhere for one that fills the picture."""
    if rng.random() < 0.35:
        return lambda x, y: np.full(x.shape, -1e3, np.float32)
    if rng.random() < 0.3:
        return lambda x, y: length(x, y) - r
    high, corner = r * rng.uniform(0.55, 1.0), r * rng.uniform(0, 0.2)
    return lambda x, y: box(x, y, r, high, corner)


def perforated(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Holes in rows, round, square or long, through to the ground or blind."""
    colour, finish = material(rng)
    outline = _outline(rng, pose.r)
    far = outline(pose.x, pose.y)
    pitch = pose.r * rng.uniform(0.16, 0.7)
    row = np.floor(pose.y / pitch)
    lag = 0.5 * pitch * (row % 2) if rng.random() < 0.5 else 0
    column = np.floor((pose.x + lag) / pitch)
    x, y = pose.x + lag - (column + 0.5) * pitch, pose.y - (row + 0.5) * pitch
    half = pitch * rng.uniform(0.15, 0.42)
    shape = rng.random()
    hole = (
        length(x, y) - half
        if shape < 0.6
        else polygon(x, y, 6, half)
        if shape < 0.7
        else box(x, y, half, half * rng.uniform(0.3, 1), half * rng.uniform(0, 0.3))
    )
    hole = np.where(outline(pose.x - x, pose.y - y) < -1.5 * half, hole, 1e3).astype(np.float32)
    albedo = face(rng, stage, pose, colour)
    flat = dome(far, 0.03 * pose.r, 0.03 * pose.r)
    rim = step(np.abs(hole - 0.08 * pitch) - 0.05 * pitch, 0.05 * pitch + 1) * rng.uniform(-0.03, 0.06) * pitch
    tall = 0.05 * pose.r
    blank = Solid(step(far, 1.3), flat, albedo, finish, tall)
    open_ = step(hole, 1.3)
    if rng.random() < 0.6:
        drilled = Solid(blank.cover * (1 - open_), flat + rim, albedo, finish, tall)
    else:
        drilled = Solid(
            blank.cover, flat + rim - 0.3 * half * open_, albedo * (1 - 0.8 * open_[..., None]), finish, tall
        )
    count, marked = cv2.connectedComponents((hole < 1).astype(np.uint8))
    names = rng.permutation(np.arange(1, count))[:30]
    return Drawn([drilled], [marked == k for k in names], [blank])


def stamped(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A name plate: lines of letters stamped, engraved, raised or printed, rivets or holes in the corners."""
    colour, finish = material(rng)
    outline = _outline(rng, pose.r)
    far = outline(pose.x, pose.y)
    reach = 0.8 if far.min() > -900 else 1.0
    ink, letters = _lines(rng, pose, reach)
    flat = dome(far, 0.04 * pose.r, 0.05 * pose.r)
    albedo = face(rng, stage, pose, colour)
    sunk = rng.choice([-1, 1]) * rng.uniform(0.008, 0.03) * pose.r * soften(ink, 0.004 * pose.r)
    tone = paint(rng, 0.01, 0.7, 0.5)
    filled = mix(albedo, tone, ink * rng.uniform(0.5, 0.95)) if rng.random() < 0.5 else albedo
    corner = length(np.abs(pose.x) - 0.88 * pose.r, np.abs(pose.y) - 0.45 * pose.r) - 0.05 * pose.r
    rivets = dome(corner, 0.05 * pose.r, 0.04 * pose.r) * (1 if rng.random() < 0.5 else -1)
    cover = step(far, 1.3)
    plain = Solid(cover, flat + rivets, albedo, finish, 0.03 * pose.r)
    marked = Solid(cover, flat + rivets + sunk, filled, finish, 0.03 * pose.r)
    return Drawn([marked], [letter & (far < -2) for letter in letters], [plain])


def _lines(rng: Rng, pose: Pose, reach: float) -> tuple[Map, list[BoolMap]]:
    """One to five lines of letters: their ink, (H, W), and up to 40 letters."""
    tile, names = np.zeros((_TILE, _TILE), np.uint8), np.zeros((_TILE, _TILE), np.uint8)
    high = int(rng.uniform(0.08, 0.24) * _TILE)
    used, row = 0, int(_TILE / 2 - rng.uniform(0.5, 2.2) * high)
    for _ in range(int(rng.integers(1, 5))):
        ink, which = line(rng, text(rng, 3, 11))
        wide = min(int(ink.shape[1] * high / ink.shape[0]), int(_TILE * reach))
        left = int((_TILE - wide) / 2) if rng.random() < 0.5 else int((1 - reach) / 2 * _TILE)
        if row + high > _TILE or row < 0:
            break
        place = slice(row, row + high), slice(left, left + wide)
        tile[place] = cv2.resize(ink, (wide, high), interpolation=cv2.INTER_AREA)
        fitted = cv2.resize(which, (wide, high), interpolation=cv2.INTER_NEAREST)
        names[place] = np.where(fitted > 0, fitted + used, 0)
        used += int(which.max())
        row += int(high * rng.uniform(1.1, 1.6))
    ink = stencil(pose, tile) / 255
    scale = np.float32(_TILE / (2 * pose.r))
    at = [(v * scale + np.float32(_TILE / 2)).astype(np.float32) for v in (pose.x, pose.y)]
    number = cv2.remap(names, at[0], at[1], cv2.INTER_NEAREST)
    inked = cv2.dilate((ink > 0.3).astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    return ink, [inked & (number == k + 1) for k in range(min(used, 40))]


def milled(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A block with steps, pockets, slots and bores, chamfered; marks of the mill on its faces."""
    colour, finish = metal(rng) if rng.random() < 0.75 else material(rng)
    r = pose.r
    far = (
        _outline(rng, r)(pose.x, pose.y)
        if rng.random() < 0.5
        else box(pose.x, pose.y, r, r * rng.uniform(0.5, 1), 0.03 * r)
    )
    height = dome(far, 0.04 * r, 0.1 * r, 1.0)
    before = height
    through = np.full(stage.size, 9, np.float32)
    shade: Map = np.ones(stage.size, np.float32)
    taken = np.zeros(stage.size, bool)
    for _ in range(int(rng.integers(2, 10))):
        x, y = pose.x - r * rng.uniform(-0.75, 0.75), pose.y - r * rng.uniform(-0.5, 0.5)
        if rng.random() < 0.5:
            x = np.abs(pose.x) - r * rng.uniform(0.1, 0.8)  # what machines make is often symmetric
        kind = rng.integers(4)
        half = r * rng.uniform(0.05, 0.3)
        if kind == 0:
            inner = length(x, y) - half * 0.7
        elif kind == 1:
            inner = box(x, y, half * 2, half * rng.uniform(0.2, 1), half * 0.2)
        elif kind == 2:
            inner = box(x, y, half * rng.uniform(0.15, 0.5), half * 3, 0)
        else:
            inner = np.abs(length(x, y) - half) - half * rng.uniform(0.1, 0.3)
        if (taken & (inner < 0.03 * r)).any() and rng.random() < 0.8:
            continue
        taken |= inner < 0.03 * r
        if kind == 0 and rng.random() < 0.5:
            through = np.minimum(through, inner)
        depth = r * rng.uniform(-0.06, 0.12)
        height = height - depth * step(inner, max(1.5, 0.02 * r))
        shade = shade * (1 + rng.uniform(-0.25, 0.1) * step(inner, 1.5))
    arcs = np.sin((length(pose.x - 2 * r * rng.normal(), pose.y - 2 * r * rng.normal())) * rng.uniform(0.5, 2.5))
    albedo = face(rng, stage, pose, colour) * (shade * (1 + rng.uniform(0, 0.06) * arcs))[..., None].astype(np.float32)
    cover = step(far, 1.3)
    body = Solid(cover * (1 - step(through, 1.3)), height, albedo, finish, 0.08 * r)
    blank = Solid(cover, before, albedo / shade[..., None], finish, 0.08 * r)
    return Drawn([body], [through < 1] if through.min() < 0 else (), [blank])


def mesh(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Woven wires or a cast grid over a ground; also fences and grills."""
    colour, finish = material(rng)
    pitch = pose.r * rng.uniform(0.08, 0.5)
    wire = pitch * rng.uniform(0.06, 0.22)
    bend = 0.03 * pitch * noise(rng, stage.size, 4 * pitch)
    slant = rng.uniform(-0.5, 0.5) if rng.random() < 0.3 else 0.0
    a, b = (pose.x + slant * pose.y) / pitch + bend / pitch, pose.y / pitch + bend / pitch
    solids = []
    for one, other in ((a, b), (b, a)):
        away = np.abs(one - np.round(one)) * pitch
        turn = np.cos(np.pi * np.round(one)) * np.cos(np.pi * other) * wire  # over and under in turn
        lift = np.abs(turn) if rng.random() < 0.1 else turn
        height = np.sqrt(np.maximum(wire**2 - away**2, 0)) + lift
        solids.append((away - wire, height.astype(np.float32)))
    far = np.minimum(solids[0][0], solids[1][0])
    top = np.maximum(np.where(solids[0][0] < 0, solids[0][1], -99), np.where(solids[1][0] < 0, solids[1][1], -99))
    cover = step(far, 1.3)
    body = Solid(
        cover,
        np.where(far < 0.7, np.maximum(top, -wire), -wire).astype(np.float32),
        colour,
        finish,
        wire * rng.uniform(1, 4),
    )
    return Drawn([body])


def cut_sheet(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Brackets, keys, combs, lead frames: an outline cut or punched from a sheet, symmetric or not."""
    colour, finish = material(rng)
    tile: Map = np.zeros((_TILE, _TILE), np.uint8)
    kind = int(rng.integers(4))
    if kind == 0:
        _comb(rng, tile)
    elif kind == 1:
        _key(rng, tile)
    else:
        for _ in range(int(rng.integers(2, 6))):
            begin = rng.uniform(0.05, 0.6, 2)
            first, second = (
                (np.clip(at, 0.03, 0.97) * _TILE).astype(int) for at in (begin, begin + rng.uniform(0.15, 0.6, 2))
            )
            cv2.rectangle(tile, (int(first[0]), int(first[1])), (int(second[0]), int(second[1])), 255, -1)
        if kind == 2:
            tile = np.maximum(tile, tile[:, ::-1])
        cv2.rectangle(tile, (int(0.1 * _TILE), int(0.45 * _TILE)), (int(0.9 * _TILE), int(0.55 * _TILE)), 255, -1)
        inside = cv2.distanceTransform(tile, cv2.DIST_L2, 5)
        for row, column in np.argwhere(inside > 0.06 * _TILE)[:: max(1, int(rng.integers(900, 4000)))][:6]:
            cv2.circle(tile, (int(column), int(row)), int(rng.uniform(0.02, 0.045) * _TILE), 0, -1)
    corner = int(rng.choice([1, 5, 13]))
    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (corner, corner))
    tile = cv2.GaussianBlur(cv2.morphologyEx(tile, cv2.MORPH_OPEN, round_), (0, 0), 1.0)
    tile = cv2.morphologyEx(tile, cv2.MORPH_CLOSE, round_)
    deep = cv2.distanceTransform((tile > 127).astype(np.uint8), cv2.DIST_L2, 5)
    cover = stencil(pose, tile) / 255
    inside = stencil(pose, deep) * pose.r * 2 / _TILE
    height = dome(-inside, rng.uniform(0.01, 0.06) * pose.r, 0.04 * pose.r, 1.5)
    body = Solid(
        cover, height * pose.vary(rng, 0.02), face(rng, stage, pose, colour), finish, rng.uniform(0.02, 0.1) * pose.r
    )
    return Drawn([body], pose.apart(cover))


def _comb(rng: Rng, tile: Map) -> None:
    side = tile.shape[0]
    high, count = rng.uniform(0.1, 0.25), int(rng.integers(5, 28))
    cv2.rectangle(tile, (int(0.04 * side), int(0.3 * side)), (int(0.96 * side), int((0.3 + high) * side)), 255, -1)
    wide, share = 0.92 / count, rng.uniform(0.35, 0.7)
    for k in range(count):
        left = 0.04 + k * wide
        cv2.rectangle(
            tile, (int(left * side), int(0.3 * side)), (int((left + share * wide) * side), int(0.75 * side)), 255, -1
        )


def _key(rng: Rng, tile: Map) -> None:
    side = tile.shape[0]
    cv2.circle(tile, (int(0.22 * side), int(0.5 * side)), int(0.18 * side), 255, -1)
    cv2.circle(tile, (int(0.14 * side), int(0.5 * side)), int(rng.uniform(0.03, 0.07) * side), 0, -1)
    cv2.rectangle(tile, (int(0.35 * side), int(0.44 * side)), (int(0.95 * side), int(0.56 * side)), 255, -1)
    for k in range(int(rng.integers(4, 8))):
        left = 0.52 + k * 0.06
        cut = 0.44 + rng.uniform(0.01, 0.06)
        notch = np.array([[left, 0.43], [left + 0.02, cut], [left + 0.035, cut], [left + 0.055, 0.43]]) * side
        cv2.fillPoly(tile, [notch.astype(np.int32)], 0)
