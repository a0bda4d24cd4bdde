"""Zippers, brushes, ropes, hoses: goods of threads, bristles and cords."""

from __future__ import annotations

import numpy as np

from iapas.synthesis.scenes.fasteners import material, metal
from iapas.synthesis.scenes.grounds import dyed, paint
from iapas.synthesis.scenes.poses import Pose, box, dome
from iapas.synthesis.scenes.studio import Drawn, Finish, Solid, Stage, specks
from iapas.synthesis.texture import Rng, step


def zipper(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Two woven tapes and the teeth that hold them, one of which could be missing."""
    r = pose.r
    pitch, half = r * rng.uniform(0.07, 0.2), r * rng.uniform(0.12, 0.25)
    tape = np.abs(pose.y) - r * rng.uniform(0.6, 1.6)
    thread = r * rng.uniform(0.02, 0.06)
    weave = np.sin(2 * np.pi * pose.x / thread) * np.sin(2 * np.pi * pose.y / thread)
    seam = step(np.abs(np.abs(pose.y) - 1.9 * half) - 0.06 * half, 1.5) * (
        0.5 + 0.5 * np.sin(2 * np.pi * pose.x / (3 * thread))
    )
    colour = paint(rng, 0.01, 0.6, 1.0)
    cloth = dyed(
        (1 + 0.12 * weave + 0.05 * stage.broad + 0.1 * stage.grain * 0.5).astype(np.float32),
        colour,
    )
    fabric = Solid(step(tape, 1.5), 0.3 * weave + thread * 0.3 * seam, cloth, Finish(0.03, 0.2, False, 0.2), 0.06 * r)
    tin, shine = metal(rng) if rng.random() < 0.6 else (colour * 1.3, Finish(0.3, 0.6))
    number = np.round(pose.x / pitch)
    side = 1 - 2 * (np.abs(number) % 2)
    x, y = pose.x - number * pitch, pose.y * side
    tooth = np.minimum(
        box(x, y - 0.45 * half, 0.36 * pitch, 0.55 * half, 0.15 * pitch),
        box(x, y + 0.1 * half, 0.5 * pitch, 0.18 * half, 0.1 * half),
    )
    teeth = Solid(step(tooth, 1.3), dome(tooth, 0.3 * pitch, 0.35 * pitch), tin, shine, 0.25 * pitch)
    names = rng.permutation(np.unique(number[(tooth < 0) & (tape < 0)]))[:30]
    cord = np.abs(pose.y) - half * rng.uniform(0.9, 1.1)
    rope = Solid(
        step(np.abs(cord) - 0.15 * half, 1.5),
        np.sqrt(np.maximum((0.15 * half) ** 2 - cord**2, 0)),
        cloth,
        fabric.finish,
        0.1 * half,
    )
    return Drawn([fabric, rope, teeth], [(tooth < 0.5) & (number == k) for k in names], [fabric, rope])


def brush(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """The head of a brush from above: tufts of bristles in rows, of one or more colours."""
    r = pose.r
    head = box(pose.x, pose.y, r, r * 0.45, 0.4 * r)
    plate = Solid(
        step(head, 1.4), dome(head, 0.15 * r, 0.12 * r), paint(rng, 0.02, 0.8, 1.0), Finish(0.3, 0.7), 0.15 * r
    )
    rows, columns = int(rng.integers(3, 6)), int(rng.integers(6, 14))
    px, py = 1.84 * r / columns, 0.76 * r / rows
    column, row = np.floor(pose.x / px + columns / 2), np.floor(pose.y / py + rows / 2)
    within = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    cell = (np.clip(row, 0, rows - 1) * columns + np.clip(column, 0, columns - 1)).astype(np.int32)
    count = rows * columns
    loose = (rng.normal(0, 0.06, (2, count)) * py).astype(np.float32)
    x = pose.x - (column - columns / 2 + 0.5) * px - loose[0][cell]
    y = pose.y - (row - rows / 2 + 0.5) * py - loose[1][cell]
    frayed = 0.03 * py * specks(stage, rng, 0.06 * py)
    tuft = box(x, y, 0.46 * px, 0.44 * py, 0.3 * min(px, py)) + frayed
    tuft = np.where(within & (head < -0.06 * r), tuft, 9).astype(np.float32)
    colours = np.array([paint(rng, 0.05, 0.85, 1.0) for _ in range(int(rng.integers(1, 4)))], np.float32)
    pattern = (np.arange(count) % columns if rng.random() < 0.5 else np.arange(count) // columns) % len(colours)
    ends = np.clip(
        0.65 + 0.25 * stage.grain + 0.1 * specks(stage, rng, 0.04 * r), 0.1, 1.4
    )  # lit ends of bristles, dark gaps
    albedo = colours[pattern][cell] * (ends * np.clip(1.15 + tuft / (0.6 * py), 0.5, 1.2))[..., None]
    tufts = Solid(
        step(tuft, 1.5),
        dome(tuft, 0.2 * py, 0.1 * py),
        albedo.astype(np.float32),
        Finish(0.1, 0.4, False, 0.4),
        0.2 * py,
    )
    names = rng.permutation(count)[:30]
    return Drawn([plate, tufts], [(tuft < 0.5) & (cell == k) for k in names], [plate])


def rope(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Ropes, hoses, wires and cords: one or several side by side across the picture, twisted or ribbed."""
    count = int(rng.choice([1, 1, 2, 3, 5, 8]))
    pitch = pose.r * 1.9 / max(count, 2)
    lane = np.clip(np.round(pose.y / pitch + (count - 1) / 2), 0, count - 1)
    sway = rng.uniform(0, 0.15) * pitch * np.sin(pose.x / pose.r * rng.uniform(0.5, 3) + lane)
    y = pose.y - (lane - (count - 1) / 2) * pitch - sway
    half = pitch * rng.uniform(0.3, 0.48)
    u = np.clip(y / half, -1, 1)
    long = half * rng.uniform(0.3, 2.0)
    slope = np.arcsin(u) * rng.choice([0.0, 0.5, 1.0, 2.0])
    twist = np.abs(np.sin(np.pi * pose.x / long + slope + lane))
    deep = rng.uniform(0.02, 0.16)
    cover = step(np.abs(y) - half * (1 - deep + deep * twist), 1.4)
    fuzz = rng.uniform(0, 0.15) * stage.grain
    height = np.sqrt(np.maximum(1 - u**2, 0)) * half * 0.8 + deep * half * 1.5 * twist + fuzz
    tones = np.array([paint(rng, 0.02, 0.7, 0.9) for _ in range(count)], np.float32)
    albedo = tones[lane.astype(np.int32)] * (0.8 + 0.2 * twist + fuzz)[..., None]
    _, finish = material(rng)
    if finish.metal and rng.random() < 0.6:
        finish = Finish(0.1, 0.3, False, 0.1)
    body = Solid(cover, height.astype(np.float32), albedo.astype(np.float32), finish, half * 0.6)
    elements = [(cover > 0.5) & (lane == k) for k in range(count)] if count > 1 else []
    return Drawn([body], elements)
