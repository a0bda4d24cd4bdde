"""Surfaces of stone, earth and wood: concrete, asphalt, marble, granite, plaster, tiles, boards."""

from __future__ import annotations

import numpy as np

from iapas.synthesis.scenes.grains import (
    Size,
    any_angle,
    any_hue,
    any_light,
    axes,
    between,
    blurred,
    cells,
    chance,
    cloud,
    hue,
    odd,
    part_of,
    per_square,
    room_to_turn,
    rough,
    spread,
    tint,
    turned,
    unit,
    warped,
    white,
)
from iapas.synthesis.scenes.shading import Look, coloured, hollow, laid, lit, on_all, toned
from iapas.synthesis.texture import Map, Rng


def asphalt(rng: Rng, size: Size) -> Look:
    """Asphalt or gravel: stones with tones of their own, light on one side, dark between them; from near and far."""
    scale, light = unit(size), any_light(rng)
    across = spread(rng, 2.2, 22) * scale
    stones = cells(rng, size, across, 0.5, spread(rng, 0.8, 1.25))
    dome = np.minimum(stones.edge, across * between(rng, 0.12, 0.45))
    height = np.sqrt(dome) * np.float32(spread(rng, 0.4, 1.6) * np.sqrt(across)) + np.float32(0.3) * cloud(rng, size, 1)
    height += stones.each(rng, spread(rng, 0.05, 0.25) * across)
    if across > 6 * scale and chance(rng, 0.6):  # the smaller ones in between
        small = cells(rng, size, across / between(rng, 2.2, 4), 0.5)
        height = np.maximum(height, np.sqrt(small.edge) + small.each(rng, 0.1 * across))
    height = blurred(height, between(rng, 0.5, 1.0) * max(1.0, across / 8))
    shade, shine = lit(height, light, between(rng, 0.5, 1.2), between(rng, 0, 0.25), 15)
    grey = np.exp(stones.each(rng, spread(rng, 0.1, 0.7))) * shade * hollow(height, across / 2, between(rng, 0.1, 0.6))
    grey *= spread(rng, 0.05, 0.4) * np.exp(np.float32(spread(rng, 0.08, 0.25)) * white(rng, size))
    gap = np.exp(-np.square(stones.edge / np.float32(max(0.8, spread(rng, 0.05, 0.2) * across))))
    grey *= 1 - np.float32(between(rng, 0, 0.8)) * gap
    warm = np.clip(0.5 + stones.each(rng, 0.4), 0, 1)
    return Look(toned(grey, warm, tint(rng, 0.05), tint(rng, 0.1)) + 0.4 * on_all(shine), light)


def pavement(rng: Rng, size: Size) -> Look:
    """Asphalt or mortar from some metres away: fine speckle, wide faint stains."""
    scale, light = unit(size) * spread(rng, 0.6, 1.6), any_light(rng)
    grain = rough(rng, size, spread(rng, 2, 6) * scale, 0.7, between(rng, -0.3, 0.5))
    stains = rough(rng, size, spread(rng, 20, 90) * scale, 4.0)
    grey = np.exp(np.float32(spread(rng, 0.05, 0.3)) * grain + np.float32(between(rng, 0.02, 0.12)) * stains)
    specks = cloud(rng, size, between(rng, 0.6, 1.2) * scale)
    grey *= np.exp(np.float32(between(rng, 0, 0.4)) * np.maximum(specks - 1.6, 0))
    grey *= np.exp(-np.float32(between(rng, 0, 0.7)) * np.maximum(-specks - 1.6, 0))
    return Look(coloured(grey * np.float32(spread(rng, 0.08, 0.5)), tint(rng, 0.08)), light)


def concrete(rng: Rng, size: Size) -> Look:
    """Concrete or plaster: clouds, fine grain, small pores here and there that belong to it, trowel marks."""
    scale, light = unit(size) * spread(rng, 0.6, 2), any_light(rng)
    tone = np.float32(between(rng, 0.04, 0.2)) * rough(rng, size, spread(rng, 20, 90) * scale, 2.0)
    height = rough(rng, size, spread(rng, 3, 20) * scale, 0.8, between(rng, 0.4, 1.0)) * np.float32(
        spread(rng, 0.15, 1.5) * scale
    )
    if chance(rng, 0.3):
        angle = between(rng, 0, np.pi)
        marks = cloud(rng, room_to_turn(size, angle), spread(rng, 20, 80) * scale, spread(rng, 1.5, 6) * scale)
        height += np.float32(spread(rng, 0.3, 2.0) * scale) * turned(size, angle, marks)
    if chance(rng, 0.4):
        pores = np.maximum(cloud(rng, size, spread(rng, 1.0, 2.2) * scale) - between(rng, 1.5, 2.2), 0)
        height -= 5 * pores
        tone -= 2.0 * pores
    shade, _ = lit(height, light, between(rng, 0.5, 1.2))
    grey = spread(rng, 0.1, 0.6) * shade * np.exp(tone)
    return Look(coloured(grey, hue(rng, (0.04, 0.14), (0, 0.35)) if chance(rng, 0.6) else tint(rng)), light)


def marble(rng: Rng, size: Size) -> Look:
    """Veined stone: clouds and veins of several widths, dark on light or light on dark."""
    scale = unit(size) * spread(rng, 0.5, 2.2)
    base = rough(rng, size, spread(rng, 30, 90) * scale, 2.0, between(rng, 0.6, 1.1))
    ink = np.float32(between(rng, 0.1, 0.5)) * np.clip(0.5 + 0.5 * base, 0, 1)
    for _ in range(int(rng.integers(2, 5))):
        field = rough(rng, size, spread(rng, 6, 50) * scale, 1.5, 1.0)
        vein = np.exp(-np.abs(field) / np.float32(spread(rng, 0.05, 0.4)))
        ink += np.float32(between(rng, 0.1, 0.9)) * vein * np.clip(0.6 + 0.4 * cloud(rng, size, 40 * scale), 0, 1)
    ink = np.clip(ink, 0, 1)
    pale, dark = spread(rng, 0.3, 0.8), spread(rng, 0.02, 0.25)
    if chance(rng, 0.3):
        pale, dark = dark, pale
    grey = pale * np.power(np.float32(dark / pale), ink) * (1 + np.float32(0.02) * white(rng, size))
    return Look(toned(grey, ink, tint(rng, 0.05), tint(rng, 0.12)), any_light(rng))


def granite(rng: Rng, size: Size) -> Look:
    """Granite or terrazzo: grains of a few minerals, from salt and pepper to hand-sized chips in cement."""
    scale = unit(size)
    across = spread(rng, 2, 30) * scale
    grains = cells(rng, size, across, 0.5, spread(rng, 0.7, 1.4))
    kinds = np.sort(rng.uniform(0.02, 0.8, 6)).astype(np.float32)
    which = np.clip(np.floor(grains.each(rng, spread(rng, 1.5, 4)) + 3), 0, 5).astype(np.int32)
    grey = kinds[which]
    if chance(rng, 0.4) and across > 6 * scale:  # terrazzo: chips lie in cement
        chip = np.clip((grains.edge - between(rng, 0.05, 0.25) * across) / 1.2, 0, 1)
        grey = between(rng, 0.1, 0.7) * (1 - chip) + grey * chip
    colours = [tint(rng, 0.10) for _ in range(2)]
    grey = warped(rng, grey, 0.12 * across, max(2.0, 0.3 * across))
    grey *= np.exp(np.float32(spread(rng, 0.03, 0.2)) * rough(rng, size, 4 * scale, 0.8, 0.2))
    return Look(toned(grey, np.clip(grey, 0, 1), *colours), any_light(rng))


def tiles(rng: Rng, size: Size) -> Look:
    """Tiles with grout: square, in brick order or hexagonal, of stone, glaze or clay, a few or many in the picture."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 18, 170) * scale
    u, v = axes(
        rng, size, any_angle(rng, 0.7), (pitch * spread(rng, 0.6, 2), pitch), spread(rng, 0.001, 0.02), 60 * scale
    )
    order = int(rng.integers(3))
    if order == 1:
        u += np.float32(0.5) * odd(v)
    if order == 2:
        far, mark_u, mark_v = _hexagons(u, v)
    else:
        far = 0.5 - np.maximum(np.abs(part_of(u)), np.abs(part_of(v)))
        mark_u, mark_v = u, v
    grout = spread(rng, 0.008, 0.06)
    inside = np.clip((far * pitch - grout * pitch) / max(0.8, 0.02 * pitch), 0, 1)
    height = np.minimum(far, np.float32(grout * 3)) * np.float32(pitch * between(rng, 0.1, 0.5))
    shade, shine = lit(blurred(height, 0.8), light, 0.8, between(rng, 0, 0.2), 20)
    face = np.exp(per_square(rng, mark_u, mark_v, spread(rng, 0.01, 0.25)))
    face *= np.exp(
        np.float32(spread(rng, 0.01, 0.3)) * rough(rng, size, spread(rng, 3, 50) * scale, 0.8, between(rng, 0, 1))
    )
    body, joint = spread(rng, 0.06, 0.7), spread(rng, 0.03, 0.6)
    clay = joint * np.exp(np.float32(0.12) * rough(rng, size, 3 * scale, 0.8, 0.3))
    colour = coloured(face * np.float32(body), any_hue(rng) if chance(rng, 0.4) else hue(rng, (0.02, 0.15), (0, 0.5)))
    colour = laid(coloured(clay, tint(rng)), colour, inside)
    return Look(colour * on_all(shade) + on_all(shine * inside), light)


def _hexagons(u: Map, v: Map) -> tuple[Map, Map, Map]:
    """Distance to the side of each pixel's hexagon (in periods of u), and two numbers for each hexagon."""
    v = v / np.float32(np.sqrt(3))
    found = []
    for shift in (0.0, 0.5):
        du, dv = part_of(u + np.float32(shift)), part_of(v + np.float32(shift)) * np.float32(np.sqrt(3))
        side = np.maximum(np.abs(du), np.abs(du) * 0.5 + np.abs(dv) * np.float32(np.sqrt(0.75)))
        found.append((0.5 - side, np.floor(u + np.float32(shift)) + shift, np.floor(v + np.float32(shift)) + shift))
    (far, mark_u, mark_v), (far2, mark_u2, mark_v2) = found
    other = far2 > far
    return np.maximum(far, far2), np.where(other, mark_u2 * 2, mark_u), np.where(other, mark_v2 * 2, mark_v)


def wood(rng: Rng, size: Size) -> Look:
    """Boards or veneer: rings cut lengthwise, pores, knots that belong, sometimes joints between boards."""
    angle, scale = any_angle(rng, 0.85), unit(size) * spread(rng, 0.6, 2)
    large = room_to_turn(size, angle)
    y = np.arange(large[0], dtype=np.float32)[:, None]
    x = np.arange(large[1], dtype=np.float32)[None, :]
    bend = np.float32(spread(rng, 3, 25) * scale) * cloud(
        rng, large, spread(rng, 80, 300) * scale, spread(rng, 15, 60) * scale
    )
    rings = y + bend
    knots = np.zeros(large, np.float32)
    for _ in range(int(rng.integers(0, 4)) if chance(rng, 0.2) else 0):
        row, column, radius = between(rng, 0, large[0]), between(rng, 0, large[1]), spread(rng, 3, 14) * scale
        far = np.square((y - row) / np.float32(radius)) + np.square((x - column) / np.float32(1.5 * radius))
        rings += np.sign(y - np.float32(row)) * np.float32(1.5 * radius) * np.exp(-far / 6)
        knots = np.maximum(knots, np.exp(-np.square(far) / 1.5))
    u = rings / np.float32(spread(rng, 3, 22) * scale)
    saw = u - np.floor(u)
    grain = saw * saw * (1 - np.clip((saw - 0.85) / 0.15, 0, 1))
    ink = np.float32(between(rng, 0.15, 0.8)) * blurred(grain, 0.7)
    ink += np.float32(between(rng, 0.02, 0.2)) * cloud(rng, large, spread(rng, 15, 60) * scale, 0.8 * scale)
    pores = cloud(rng, large, spread(rng, 4, 14) * scale, 0.6 * scale)
    ink += np.float32(between(rng, 0, 0.5)) * np.maximum(pores - 1.3, 0) + 0.8 * knots
    ink = turned(size, angle, ink)
    tone = turned(size, angle, np.exp(np.float32(0.1) * cloud(rng, large, 200 * scale, 12 * scale)))
    grey = np.float32(spread(rng, 0.12, 0.6)) * tone * np.exp(-np.float32(spread(rng, 0.4, 1.6)) * ink)
    deep = hue(rng, (0.02, 0.1), (0.3, 0.75))
    return Look(toned(grey, np.clip(ink, 0, 1), hue(rng, (0.06, 0.13), (0.15, 0.5)), deep), any_light(rng))


STONE = {
    "asphalt": asphalt,
    "pavement": pavement,
    "concrete": concrete,
    "marble": marble,
    "granite": granite,
    "tiles": tiles,
    "wood": wood,
}
"""Kind -> what draws it."""
