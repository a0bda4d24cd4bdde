"""Cables in section, transistors, chips, boards and plugs."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.scenes.fasteners import metal
from iapas.synthesis.scenes.grounds import dyed, paint, rgb, tint
from iapas.synthesis.scenes.poses import Pose, box, dome, length
from iapas.synthesis.scenes.prints import word
from iapas.synthesis.scenes.studio import Drawn, Finish, Solid, Stage, soften
from iapas.synthesis.texture import Map, Rng, mix, noise, step


def _shifted(pose: Pose, x: float, y: float, r: float, turn: float = 0.0) -> Pose:
    """A pose of radius ``r`` at (x, y) of ``pose``'s frame, turned."""
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    a, b = pose.x - np.float32(x), pose.y - np.float32(y)
    return Pose(a * cos + b * sin, b * cos - a * sin, r)


def _strands(rng: Rng, pose: Pose, r: float, stage: Stage) -> Solid:
    """A bundle of wires cut across: bright uneven discs with dark gaps."""
    pitch = r * rng.uniform(0.12, 0.32)
    wobble = np.float32(0.25 * pitch)
    x: Map = pose.x + wobble * noise(rng, stage.size, 2.2 * pitch)
    y = pose.y + wobble * noise(rng, stage.size, 2.2 * pitch)
    row = np.round(y / np.float32(0.866 * pitch))
    x = x + 0.5 * pitch * (row % 2)
    column = np.round(x / pitch)
    away = length(x - column * pitch, y - row * 0.866 * pitch)
    tones = rng.uniform(0.25, 1.0, 257).astype(np.float32)
    tone = tones[(row * 31 + column * 17).astype(np.int32) % 257]
    disc = step(away - 0.48 * pitch, 1.3)
    cut = 1 + 0.25 * noise(rng, stage.size, max(1.0, 0.1 * pitch), max(1.0, 0.5 * pitch))
    bright = (0.04 + 0.8 * disc * tone * cut).astype(np.float32)
    albedo = dyed(np.clip(bright, 0.02, 1.2), rgb(0.95, 0.55, 0.35) if rng.random() < 0.7 else rgb(0.8, 0.8, 0.8))
    height = 0.3 * pitch * disc * tone + soften(disc * tone, 0.2 * pitch)
    return Solid(step(length(pose.x, pose.y) - r, 2), height, albedo, Finish(0.5, 0.5, True, 0.1), 0)


def cable(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A cable cut across: a sheath around one to five insulated cores of strands; a core could be missing."""
    r = pose.r
    radius = length(pose.x, pose.y)
    out = 1 + rng.uniform(0, 0.02) * noise(rng, stage.size, r * 0.4)
    sheath, inner = r * out, r * rng.uniform(0.78, 0.92)
    rubber = Finish(rng.uniform(0.05, 0.4), rng.uniform(0.1, 0.6), False, 0.15)
    ring = Solid(
        step(radius - sheath, 1.4),
        dome(radius - sheath, 0.06 * r, 0.06 * r),
        paint(rng, 0.02, 0.75, 0.5),
        rubber,
        0.06 * r,
    )
    fill = Solid(
        step(radius - inner, 2),
        dome(-(radius - inner), 0.1 * r, 0.0) - 0.15 * r,
        paint(rng, 0.01, 0.7, 0.2),
        Finish(0.05, 0.2, False, 0.5),
        0,
    )
    count = int(rng.choice([1, 2, 3, 3, 3, 4, 5]))
    core_r = inner * {1: 0.8, 2: 0.48, 3: 0.46, 4: 0.40, 5: 0.36}[count] * rng.uniform(0.88, 0.99)
    core = _cores(rng, pose, count, core_r, 0.0 if count == 1 else inner - core_r * 1.02)
    far = length(core.x, core.y * np.float32(rng.uniform(0.95, 1.05))) - np.float32(core_r)
    colours = np.array([paint(rng, 0.03, 0.7, 1.0) for _ in range(count)], np.float32)
    plastic = Solid(step(far, 1.5), dome(far, 0.1 * core_r, 0.1 * core_r), colours[core.cell], rubber, 0.1 * core_r)
    strands = _strands(rng, core, core_r * rng.uniform(0.65, 0.88), stage)
    elements = [(far < 0) & (core.cell == k) for k in range(count)]
    return Drawn([ring, fill, plastic, strands], elements if count > 1 else (), [ring, fill])


def _cores(rng: Rng, pose: Pose, count: int, r: float, out: float) -> Pose:
    """The nearest of ``count`` cores of radius ``r``, whose middles lie at ``out``, each turned as it fell."""
    first = rng.uniform(0, 6.3)
    ways = first + 2 * np.pi * np.arange(count) / count + rng.normal(0, 0.04, count)
    middles = (out * np.array([np.cos(ways), np.sin(ways)])).astype(np.float32)
    cell = np.argmin([length(pose.x - x, pose.y - y) for x, y in middles.T], axis=0)
    x, y = pose.x - middles[0][cell], pose.y - middles[1][cell]
    turns = rng.uniform(0, 6.3, count)
    cos, sin = np.cos(turns).astype(np.float32)[cell], np.sin(turns).astype(np.float32)[cell]
    return Pose(x * cos + y * sin, y * cos - x * sin, r, cell, count)


def _perforated(rng: Rng, stage: Stage, pose: Pose) -> Solid:
    """The board under a part: a grid of holes, with or without copper rings."""
    pitch = pose.r * rng.uniform(0.14, 0.35)
    near = length((pose.x + pitch / 2) % pitch - pitch / 2, (pose.y + pitch / 2) % pitch - pitch / 2)
    board = dyed(1 + 0.05 * stage.broad + 0.04 * stage.grain, paint(rng, 0.02, 0.4, 0.9))
    pads = step(near - 0.36 * pitch, 1.4)[..., None] * float(rng.random() < 0.7)
    copper = rgb(1.0, 0.75, 0.45) * rng.uniform(0.2, 0.6)
    hole = step(near - rng.uniform(0.14, 0.24) * pitch, 1.4)
    albedo = (board + (copper - board) * pads) * (1 - 0.97 * hole[..., None])
    height = dome(near - 0.36 * pitch, 2, 1) - 2 * hole
    return Solid(np.ones(stage.size, np.float32), height, albedo.astype(np.float32), Finish(0.15, 0.4, False, 0.05), 0)


def transistor(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A black body with a metal tab and legs, on a perforated board or a plain ground; legs are its elements."""
    r = pose.r * 0.62
    body_y = -0.35 * r
    here = Pose(pose.x, pose.y - body_y, r)
    wide, high = 0.55 * r, 0.5 * r
    far = box(here.x, here.y, wide, high, 0.06 * r)
    black = rng.uniform(0.01, 0.04) * tint(rng, 0.2)
    body = Solid(step(far, 1.3), dome(far, 0.1 * r, 0.3 * r, 1.4), black, Finish(0.2, 0.4, False, 0.15), 0.3 * r)
    colour, finish = metal(rng)
    tab = box(here.x, here.y + high * 1.3, wide * 0.98, 0.4 * r, 0.03 * r)
    drilled = length(here.x, here.y + high * 1.5) - 0.16 * r
    plate = Solid(step(tab, 1.3) * (1 - step(drilled, 1.3)), dome(tab, 0.05 * r, 0.1 * r), colour, finish, 0.1 * r)
    legs: Map = np.full(stage.size, 99, np.float32)
    marks = []
    count = int(rng.choice([2, 3, 3, 3, 5]))
    spread = rng.uniform(0.8, 1.5)
    tin, shine = metal(rng)
    for k in range(count):
        at = (k - (count - 1) / 2) * 2 * wide * 0.75 / max(count - 1, 1)
        splay = at * (spread - 1) * np.clip((here.y - high) / (0.8 * r), 0, 1)
        leg = np.maximum(np.abs(here.x - at - splay) - 0.045 * r, np.abs(here.y - high - 0.5 * r) - 0.62 * r)
        legs = np.minimum(legs, leg)
        marks.append((leg < 0) & (far > 0))
    feet = Solid(step(legs, 1.3), dome(legs, 0.05 * r, 0.08 * r), tin, shine, 0.15 * r)
    ground = [_perforated(rng, stage, pose)] if rng.random() < 0.7 else []
    ink, _ = word(rng, Pose(here.x, here.y, r), 0.4)
    albedo = mix(
        dyed(np.ones(stage.size, np.float32), black),
        np.full((*stage.size, 3), 0.35, np.float32),
        ink * rng.uniform(0.3, 0.9),
    )
    top = Solid(body.cover, body.height, albedo, body.finish, body.tall)
    tabbed = [plate] if rng.random() < 0.6 else []
    return Drawn([*ground, feet, *tabbed, top], marks, [*ground, *tabbed, top])


def chip(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A chip with legs on two or four sides, with its print and a dot, on a board."""
    r = pose.r * 0.7
    wide, high = r, r * rng.choice([1.0, 0.5, 0.4, 0.7])
    sides = 4 if high > 0.9 * r else 2
    count = int(rng.integers(4, 17))
    pitch = 2 * wide * 0.9 / count
    along = np.floor((pose.x + 0.9 * wide) / pitch)
    near = np.abs((pose.x + 0.9 * wide) % pitch - pitch / 2) - 0.25 * pitch
    reach = rng.uniform(0.12, 0.3) * r
    legs = np.maximum(np.maximum(near, np.abs(pose.x) - 0.9 * wide), np.abs(pose.y) - high - reach)
    if sides == 4:
        across = np.abs((pose.y + 0.9 * wide) % pitch - pitch / 2) - 0.25 * pitch
        legs = np.minimum(
            legs, np.maximum(np.maximum(across, np.abs(pose.y) - 0.9 * wide), np.abs(pose.x) - wide - reach)
        )
    far = box(pose.x, pose.y, wide, high, 0.02 * r)
    black = rgb(0.02, 0.02, 0.021) * rng.uniform(0.5, 3)
    ink, letters = word(rng, Pose(pose.x, pose.y, r), 0.6)
    dot = step(length(pose.x + 0.8 * wide, pose.y - 0.75 * high) - 0.06 * r, 1.4)
    body = dyed(1 + 0.05 * stage.grain, black)
    white = np.full(3, rng.uniform(0.1, 0.6), np.float32)
    printed = mix(body, white, np.maximum(ink, dot) * rng.uniform(0.4, 0.95))
    height = dome(far, 0.06 * r, 0.2 * r, 1.2)
    finish = Finish(0.25, 0.35, False, 0.12)
    tin, shine = metal(rng)
    feet = Solid(
        step(legs, 1.2), dome(legs, 0.1 * pitch, 0.15 * pitch) - 0.3 * np.maximum(far, 0), tin, shine, 0.06 * r
    )
    board = _board(rng, stage, pose)
    top, blank = (
        Solid(step(far, 1.3), height, albedo, finish, 0.12 * r) for albedo in (printed.astype(np.float32), body)
    )
    if rng.random() < 0.5:
        return Drawn([board, feet, top], [letter & (far < 0) for letter in letters], [board, feet, blank])
    out = (legs < 0.5) & (far > 1)
    upper = [
        out & (np.abs(pose.x) < wide) & (along == k) & (pose.y * side > high) for k in range(count) for side in (-1, 1)
    ]
    return Drawn([board, feet, top], upper, [board, top])


def _board(rng: Rng, stage: Stage, pose: Pose) -> Solid:
    """A board with traces, pads and a lacquer."""
    size = stage.size
    canvas, holes = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    unit = max(3.0, pose.r * rng.uniform(0.08, 0.2))
    for _ in range(int(rng.integers(4, 26))):
        at = rng.uniform(0, 1, 2) * [size[1], size[0]]
        points, way = [at], int(rng.integers(8))
        for _ in range(int(rng.integers(1, 5))):
            far = rng.uniform(1.5, 9) * unit
            at = at + far * np.array([np.cos(way * np.pi / 4), np.sin(way * np.pi / 4)])
            points.append(at)
            way += int(rng.choice([-1, 1]))
        path = np.rint(np.array(points) * 8).astype(np.int32).reshape(-1, 1, 2)
        beside = int(rng.integers(1, 4))
        for k in range(beside):
            cv2.polylines(
                canvas, [path + int(k * unit * 0.6 * 8)], False, 255, max(1, int(unit * 0.22)), cv2.LINE_AA, 3
            )
        if rng.random() < 0.7:
            end = tuple(int(v) for v in path[-1, 0])
            cv2.circle(canvas, end, int(unit * 0.35 * 8), 255, -1, cv2.LINE_AA, 3)
            cv2.circle(holes, end, int(unit * 0.15 * 8), 255, -1, cv2.LINE_AA, 3)
    copper = canvas.astype(np.float32) / 255
    base = paint(rng, 0.02, 0.25, 0.9) if rng.random() < 0.3 else rgb(0.012, 0.09, 0.04) * rng.uniform(0.5, 2.5)
    over = base * rng.uniform(1.3, 2.5) if rng.random() < 0.7 else rgb(0.6, 0.42, 0.2)
    albedo = mix(dyed(1 + 0.04 * stage.broad, base), over, copper)
    albedo = albedo * (1 - 0.95 * holes[..., None].astype(np.float32) / 255)
    return Solid(
        np.ones(size, np.float32),
        soften(0.8 * copper, 0.8),
        albedo.astype(np.float32),
        Finish(0.3, 0.7, False, 0.03),
        0,
    )


def circuit(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A board full of small parts in rows: resistors, capacitors, chips, plugs; each could be missing."""
    r = pose.r
    board = _board(rng, stage, pose)
    edge = box(pose.x, pose.y, r, r * rng.uniform(0.6, 1.0), 0.04 * r) if rng.random() < 0.5 else None
    if edge is not None:
        board = Solid(step(edge, 1.3), board.height + dome(edge, 2, 2), board.albedo, board.finish, 0.04 * r)
    taken: list[tuple[float, float, float]] = []
    groups: list[tuple[Map, Map]] = []
    for _ in range(int(rng.integers(5, 16))):
        x, y = rng.uniform(-0.85, 0.85, 2) * r * [1, 0.65]
        half = r * rng.uniform(0.04, 0.2)
        if any(np.hypot(x - a, y - b) < 1.25 * (half + c) for a, b, c in taken):
            continue
        taken.append((x, y, half))
        part = _shifted(pose, x, y, half, rng.integers(4) * np.pi / 2)
        if rng.random() < 0.25:
            far = length(part.x, part.y) - 0.9 * half
        else:
            far = box(part.x, part.y, 0.95 * half, half * rng.uniform(0.35, 0.9), 0.05 * half)
        groups.append((far, part.x))
    return _mounted(rng, stage, board, groups, taken)


def _mounted(
    rng: Rng, stage: Stage, board: Solid, groups: list[tuple[Map, Map]], taken: list[tuple[float, float, float]]
) -> Drawn:
    """``board`` with parts at the distances ``groups``; their ends are of tin."""
    bodies: Map = np.full(stage.size, np.inf, np.float32)
    albedo = np.zeros((*stage.size, 3), np.float32)
    height = np.zeros(stage.size, np.float32)
    for (far, x), (_, _, half) in zip(groups, taken, strict=True):
        inside = far < 1.5
        tone = paint(rng, 0.01, 0.5, 0.7) if rng.random() < 0.5 else rgb(0.02, 0.02, 0.02)
        albedo[inside] = tone
        height[inside] = dome(far[inside], rng.choice([0.15, 0.6]) * half, 0.35 * half)
        if rng.random() < 0.6:
            ends = inside & (np.abs(x) > 0.62 * half)
            albedo[ends] = rng.uniform(0.35, 0.8)
        elif rng.random() < 0.6:
            ends = inside & (np.abs(far + 0.3 * half) < 0.06 * half)
            albedo[ends] = rng.uniform(0.2, 0.8)
        bodies = np.minimum(bodies, far)
    parts = Solid(
        step(bodies, 1.3),
        height,
        albedo,
        Finish(0.3, 0.5, False, 0.08),
        float(np.mean([t[2] for t in taken])) * 0.4 if taken else 0.0,
    )
    return Drawn([board, parts], [far < 0.5 for far, _ in groups], [board])


def plug(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A plug or terminal block: a housing with a row or two of pins or openings."""
    r = pose.r
    rows, count = int(rng.integers(1, 3)), int(rng.integers(2, 11))
    pitch = 1.8 * r / count
    high = pitch * rows * 0.62
    far = box(pose.x, pose.y, r, high, 0.08 * high)
    housing = Solid(
        step(far, 1.3),
        dome(far, 0.1 * high, 0.3 * high, 1.3),
        paint(rng, 0.02, 0.75, 0.8),
        Finish(0.2, 0.5, False, 0.08),
        0.3 * high,
    )
    column = np.floor((pose.x + 0.9 * r) / pitch)
    x = (pose.x + 0.9 * r) % pitch - pitch / 2
    line = np.clip(np.floor(pose.y / (0.9 * high * 2 / rows) + rows / 2), 0, rows - 1)
    y = pose.y - (line - (rows - 1) / 2) * (0.9 * high * 2 / rows)
    within = (np.abs(pose.x) < 0.9 * r) & (np.abs(pose.y) < 0.9 * high)
    socket = np.where(within, box(x, y, 0.36 * pitch, 0.36 * pitch, 0.05 * pitch), 9).astype(np.float32)
    well = Solid(step(socket, 1.3), -dome(socket, 0.06 * pitch, 0.2 * pitch), rgb(0.012, 0.012, 0.012), Finish(0.1), 0)
    tin, shine = metal(rng)
    pin = np.where(within, box(x, y, 0.13 * pitch, 0.13 * pitch), 9).astype(np.float32)
    pins = Solid(step(pin, 1.2), dome(pin, 0.08 * pitch, 0.1 * pitch), tin, shine, 0.1 * pitch)
    elements = [(pin < 0.5) & (column == k) & (line == row) for k in range(count) for row in range(rows)]
    return Drawn([housing, well, pins], elements, [housing, well])
