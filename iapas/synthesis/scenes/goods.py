"""Packaged and everyday goods: bottles, cans, labels, blisters, glass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from iapas.synthesis.scenes.fasteners import lathe, metal, sheen
from iapas.synthesis.scenes.grounds import dyed, paint, rgb, tint
from iapas.synthesis.scenes.poses import Pose, box, dome, length
from iapas.synthesis.scenes.prints import sheet, word
from iapas.synthesis.scenes.studio import Drawn, Finish, Solid, Stage
from iapas.synthesis.texture import Map, Rng, mix, noise, step


def bottle_mouth(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A bottle, a glass or a lens from above: rings of glass, dark and bright by turns, and arcs of reflected lamps."""
    r, radius, angle = pose.r, length(pose.x, pose.y), np.arctan2(pose.y, pose.x)
    places = np.linspace(0, 1.05, 300)
    edges = np.sort(rng.uniform(0.15, 1.0, int(rng.integers(4, 12))))
    tones = np.exp(rng.uniform(np.log(0.01), np.log(0.7), len(edges) + 1))
    profile = tones[np.searchsorted(edges, places)]
    profile = np.convolve(np.pad(profile, 4, "edge"), np.hanning(int(rng.integers(3, 10)) | 1), "same")[4:-4] / 2
    uneven = 0.004 * r * np.cos(2 * angle + rng.uniform(0, 6)) + 0.004 * r * stage.broad
    grey = np.interp((radius + uneven) / r, places, profile)
    grey = grey * (1 + rng.uniform(0, 0.3) * np.cos(angle - rng.uniform(0, 6)))
    for _ in range(int(rng.integers(2, 9))):  # lamps and windows in the glass
        at, wide, way = rng.uniform(0.2, 0.97) * r, rng.uniform(0.006, 0.03) * r, rng.uniform(-np.pi, np.pi)
        away = np.abs((angle - way + np.pi) % (2 * np.pi) - np.pi)
        span = rng.uniform(0.05, 0.8)
        grey = grey + rng.uniform(0.1, 0.9) * np.exp(-(((radius - at) / wide) ** 2) - (away / span) ** 4)
    glass = dyed(np.maximum(grey, 0.004).astype(np.float32), tint(rng, 0.5))
    height = lathe(rng, radius, r, 0.2 * r)
    body = Solid(
        step(radius + uneven - r, 1.5), height * 0.5, glass, Finish(rng.uniform(0.1, 0.6), 0.9, False, 0.01), 0.1 * r
    )
    return Drawn([body], pose.apart(body.cover))


def can_top(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """The lid of a can or jar: a turned disc, with a tab, print or an embossed word."""
    r, radius = pose.r, length(pose.x, pose.y)
    colour, finish = metal(rng)
    height = lathe(rng, radius, r) + dome(radius - r, 0.05 * r, 0.08 * r)
    lid = Solid(step(radius - r, 1.3), height, sheen(rng, pose, colour), finish, 0.12 * r)
    if pose.cell is not None or rng.random() < 0.5:
        ink, letters = word(rng, pose, 0.6)
        marked = mix(lid.albedo, paint(rng, 0.01, 0.6, 1.0), 0.9 * ink)
        printed = Solid(lid.cover, height + 0.02 * r * ink, marked, finish, lid.tall)
        if pose.cell is not None:
            return Drawn([printed], pose.apart(lid.cover))
        return Drawn([printed], letters, [lid])
    outer = box(pose.x - 0.25 * r, pose.y, 0.34 * r, 0.2 * r, 0.18 * r)
    inner = box(pose.x - 0.36 * r, pose.y, 0.16 * r, 0.12 * r, 0.1 * r)
    tab = np.maximum(outer, -inner)
    rivet = length(pose.x, pose.y) - 0.08 * r
    pull = Solid(step(tab, 1.3), dome(tab, 0.05 * r, 0.06 * r), colour, finish, 0.05 * r)
    pin = Solid(step(rivet, 1.3), dome(rivet, 0.08 * r, 0.06 * r), colour, finish, 0.01 * r)
    score = 0.015 * r * step(np.abs(box(pose.x + 0.4 * r, pose.y, 0.35 * r, 0.3 * r, 0.28 * r)) - 0.01 * r, 1.5)
    scored = Solid(lid.cover, height - score, lid.albedo, finish, lid.tall)
    return Drawn([scored, pull, pin], [tab < 0], [scored, pin])


def bottle(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A bottle, vial, ampoule or syringe lying or standing: glass or plastic, liquid, a cap, a printed label."""
    r, at = pose.r, pose.x / pose.r
    wide = r * rng.uniform(0.2, 0.42)
    neck, shoulder, narrow = rng.uniform(0.4, 0.75), rng.uniform(0.05, 0.35), rng.uniform(0.3, 0.75)
    ease = np.clip((at - neck + shoulder) / shoulder, 0, 1)
    half = wide * (1 + (narrow - 1) * ease * ease * (3 - 2 * ease))
    foot = np.clip((at + 1) / 0.08, 0, 1)
    half = half * (0.75 + 0.25 * np.sqrt(np.clip(1 - (1 - foot) ** 2, 0, 1)))
    far = np.maximum(np.abs(pose.y) - half, np.abs(pose.x) - r)
    height = np.sqrt(np.maximum(half**2 - pose.y**2, 0))
    across = pose.y / np.maximum(half, 1)
    tone = rng.uniform(0.02, 0.6)
    glass: Map = tone * (1 - rng.uniform(0, 0.8) * np.abs(across) ** 6)
    if rng.random() < 0.5:  # filled up to a level
        glass = glass * (1 - rng.uniform(0.1, 0.6) * step((at - rng.uniform(-0.2, 0.6)) * r, 2))
    for _ in range(int(rng.integers(1, 4))):
        where, thin = rng.uniform(-0.9, 0.9), rng.uniform(0.02, 0.12)
        glass = glass + rng.uniform(0.05, 0.5) * np.exp(-(((across - where) / thin) ** 2)) * step(
            np.abs(at) * r - 0.85 * r, 0.1 * r
        )
    body = Solid(
        step(far, 1.4) * rng.choice([1.0, 0.85]),
        height,
        dyed(glass.astype(np.float32), tint(rng, 0.9)),
        Finish(0.4, 0.9, False, 0.01),
        0.3 * wide,
    )
    over = np.abs(pose.x - 0.9 * r) - 0.12 * r
    ribs = 1 + rng.uniform(0, 0.03) * np.sin(np.arcsin(np.clip(across, -1, 1)) * rng.integers(20, 60))
    lid = np.maximum(np.abs(pose.y) - wide * narrow * 1.12, over)
    cap = Solid(
        step(lid, 1.4),
        np.sqrt(np.maximum((wide * narrow * 1.12) ** 2 - pose.y**2, 0)) * ribs,
        paint(rng, 0.02, 0.8, 1.0),
        Finish(0.2, 0.6),
        0.2 * wide,
    )
    solids = [body, cap]
    if rng.random() < 0.7:
        shown = np.maximum(np.abs(pose.y) - half * 1.001, np.abs(pose.x + 0.35 * r) - 0.4 * r)
        ink, _, marks = sheet(rng, Pose(pose.x + np.float32(0.35 * r), pose.y, 0.42 * r), 6)
        paper = paint(rng, 0.3, 0.85, 0.3)
        blank = Solid(step(shown, 1.4), height, dyed(np.ones(stage.size, np.float32), paper), Finish(0.1, 0.4), 0)
        ink_tone = paint(rng, 0.01, 0.3, 1.0)
        printed = replace(blank, albedo=mix(blank.albedo, ink_tone, ink))
        return Drawn([*solids, printed], [mark & (shown < -1) for mark in marks], [*solids, blank])
    return Drawn(solids, [lid < 0], [body])


def label(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Labels, cartons, leaflets: words, codes, logos and rules printed on paper, card, foil or plastic."""
    far = box(pose.x, pose.y, pose.r, pose.r * rng.uniform(0.6, 1.0), pose.r * rng.choice([0.0, 0.02, 0.1]))
    if rng.random() < 0.4:
        far = np.full(stage.size, -1e3, np.float32)
    paper = paint(rng, 0.25, 0.85, 0.35) if rng.random() < 0.7 else paint(rng, 0.02, 0.4, 0.9)
    fibre = 1 + rng.uniform(0, 0.04) * noise(rng, stage.size, 1.5) + rng.uniform(0, 0.05) * stage.broad
    plain = dyed(fibre.astype(np.float32), paper)
    ink, which, items = sheet(rng, pose, int(rng.integers(3, 16)))
    low, high = (0.01, 0.2) if paper.mean() > 0.2 else (0.4, 0.9)
    inks = np.array([paint(rng, low, high, 1.0) for _ in range(int(rng.integers(1, 4)))], np.float32)
    albedo = mix(plain, inks[which % len(inks)], ink * (1 - rng.uniform(0, 0.1) * np.abs(stage.grain)))
    creased = rng.uniform(0, 1.2) * noise(rng, stage.size, pose.r * 0.3) + dome(far, 2, 1.0)
    finish = Finish(rng.uniform(0, 0.5), rng.uniform(0.2, 0.9), rng.random() < 0.1, 0.05)
    full, blank = (Solid(step(far, 1.3), creased, a.astype(np.float32), finish, 0.01 * pose.r) for a in (albedo, plain))
    return Drawn([full], [item & (far < -1) for item in items[:40]], [blank])


def blister(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Pills under clear domes on embossed foil; a pill could be missing."""
    columns, rows = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    pitch = 1.84 * pose.r / max(columns, rows)
    far = box(pose.x, pose.y, pitch * columns / 2 + 0.08 * pose.r, pitch * rows / 2 + 0.08 * pose.r, 0.06 * pose.r)
    column, row = np.floor(pose.x / pitch + columns / 2), np.floor(pose.y / pitch + rows / 2)
    x, y = pose.x - (column - columns / 2 + 0.5) * pitch, pose.y - (row - rows / 2 + 0.5) * pitch
    within = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    half, slim = pitch * rng.uniform(0.26, 0.38), rng.choice([1.0, 0.55])
    cell = (np.clip(row, 0, rows - 1) * columns + np.clip(column, 0, columns - 1)).astype(np.int32)
    loose = (rng.uniform(-1, 1, (2, rows * columns)) * 0.08 * half).astype(np.float32)
    pill = np.where(within, box(x - loose[0][cell], y - loose[1][cell], half, half * slim, half * slim * 0.98), 9)
    pocket = np.where(within, box(x, y, half * 1.22, half * (slim + 0.22), half * (slim + 0.2)), 9).astype(np.float32)
    net = np.sin(pose.x * rng.uniform(0.5, 1.6)) * np.sin(pose.y * rng.uniform(0.5, 1.6)) * rng.uniform(0, 0.5)
    foil = Solid(
        step(far, 1.3),
        net + dome(far, 3, 2),
        rgb(0.55, 0.55, 0.56),
        Finish(rng.uniform(0.3, 0.9), rng.uniform(0.3, 0.9), True, 0.1),
        0.05 * pose.r,
    )
    pills = Solid(
        step(pill.astype(np.float32), 1.4),
        dome(pill, half * 0.8, 0.5 * half),
        paint(rng, 0.1, 0.85, 0.9),
        Finish(0.15, 0.5),
        0.25 * half,
    )
    hull = step(pocket, 2) * 0.18 + 0.5 * step(np.abs(pocket + 0.06 * half) - 0.06 * half, 2)
    clear = Solid(
        np.minimum(hull, 0.49),
        dome(pocket, 0.5 * half, 0.6 * half),
        rgb(0.5, 0.5, 0.52),
        Finish(1.5, 0.95, False, 0.02),
        0.1 * half,
    )
    return Drawn(
        [foil, pills, clear], [(pill < 0.5) & (cell == k) & within for k in range(rows * columns)], [foil, clear]
    )


def pane(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A sheet of glass or film over the ground: edges that shine, reflections of windows across it."""
    far = box(pose.x, pose.y, pose.r, pose.r * rng.uniform(0.5, 1.0), pose.r * rng.uniform(0, 0.15))
    inside = step(far, 1.4)
    way = rng.uniform(0, np.pi)
    along = (pose.x * np.cos(way) + pose.y * np.sin(way)) / pose.r
    shine: Map = np.zeros(stage.size, np.float32)
    for _ in range(int(rng.integers(1, 6))):
        at, wide = rng.uniform(-1, 1), rng.uniform(0.02, 0.4)
        shine = shine + rng.uniform(0.05, 0.4) * step(
            (np.abs(along - at) - wide) * pose.r, pose.r * rng.uniform(0.01, 0.2)
        )
    edge = step(np.abs(far + 0.012 * pose.r) - 0.012 * pose.r, 1.5) * rng.uniform(0.2, 0.8)
    haze = np.clip(rng.uniform(0.03, 0.2) + shine + edge, 0, 0.9) * inside
    tone = rng.uniform(0.4, 1.0)
    sheet_of_glass = Solid(
        haze.astype(np.float32), dome(far, 0.04 * pose.r, 2), tone * rgb(1.0, 1.0, 1.0), Finish(0.5, 0.9, False, 0.0), 0
    )
    under = Solid(
        inside * rng.uniform(0.05, 0.5),
        np.zeros(stage.size, np.float32),
        paint(rng, 0.01, 0.3, 0.8),
        Finish(0.0),
        0.03 * pose.r,
    )
    bolt, shinef = metal(rng)
    corner = length(np.abs(pose.x) - 0.8 * pose.r, np.abs(pose.y) - 0.35 * pose.r) - 0.05 * pose.r
    screws = Solid(step(corner, 1.3), dome(corner, 0.05 * pose.r, 0.03 * pose.r), bolt, shinef, 0.02 * pose.r)
    quarter = [(corner < 0) & (sx * pose.x > 0) & (sy * pose.y > 0) for sx in (-1, 1) for sy in (-1, 1)]
    return Drawn([under, sheet_of_glass, screws], quarter, [under, sheet_of_glass])


def pouch(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A filled bag or wrapper: crimped ends, wrinkles that run from them, print."""
    r = pose.r
    half = r * rng.uniform(0.45, 0.8)
    belly = half * (1 - 0.12 * (pose.x / r) ** 2)
    far = np.maximum(
        np.abs(pose.y) - belly, np.abs(pose.x) - r + 0.02 * r * np.abs(np.sin(pose.y / r * rng.uniform(20, 60)))
    )
    seam = np.abs(pose.x) > 0.88 * r
    swell = np.sqrt(np.clip(1 - (pose.y / half) ** 2, 0, 1)) * np.clip(1 - (pose.x / (0.88 * r)) ** 2, 0, 1) ** 0.5
    folds = noise(rng, stage.size, r * 0.2) + 0.6 * noise(rng, stage.size, r * 0.07)
    wrinkled = rng.uniform(0.005, 0.03) * r * folds * (0.4 + (pose.x / r) ** 2)
    crimps = np.where(seam, 0.008 * r * np.sin(pose.x / r * rng.uniform(150, 300)), 0)
    height = rng.uniform(0.1, 0.3) * r * swell + np.where(seam, 0, wrinkled) + crimps
    colour = paint(rng, 0.05, 0.8, 0.9)
    ink, which, items = sheet(rng, Pose(pose.x, pose.y, 0.85 * min(r, 1.2 * half)), int(rng.integers(2, 9)))
    inks = np.array([paint(rng, 0.01, 0.8, 1.0) for _ in range(3)], np.float32)
    plain = dyed(1 + 0.03 * stage.broad, colour)
    finish = Finish(rng.uniform(0.2, 0.9), rng.uniform(0.5, 0.95), rng.random() < 0.35, 0.02)
    full, blank = (
        Solid(step(far, 1.4), height, a, finish, 0.15 * r) for a in (mix(plain, inks[which % 3], ink), plain)
    )
    return Drawn([full], [item & (far < -1) for item in items], [blank])
