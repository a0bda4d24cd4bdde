"""Surfaces of hide, rubber, plastic, foam, glaze, glass, paint, paper, crust."""

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
    per_period,
    rough,
    spread,
    tint,
    unit,
    warped,
    white,
)
from iapas.synthesis.scenes.shading import Look, coloured, hollow, lit, on_all, toned
from iapas.synthesis.scenes.surfaces_cloth import fibres
from iapas.synthesis.texture import Rng, step


def leather(rng: Rng, size: Size) -> Look:
    """Hide, real or embossed: creases around cells of two or three scales, wrinkles, a little gloss."""
    scale, light = unit(size), any_light(rng)
    across = spread(rng, 3.5, 26) * scale
    height = np.zeros(size, np.float32)
    for share in (1.0, 0.55, 2.3)[: int(rng.integers(1, 4))]:
        wide = across * share
        grains = cells(rng, size, wide, 0.5, spread(rng, 0.7, 1.5))
        crease = 1 - np.exp(-np.square(grains.edge / np.float32(between(rng, 0.12, 0.35) * wide)))
        height += crease * np.float32(between(rng, 0.3, 1) * np.sqrt(share)) + grains.each(rng, 0.06)
    height = warped(rng, height, 0.12 * across, max(2.0, 0.4 * across))
    height = blurred(height, between(rng, 0.6, 1.0) * max(1.0, across / 14))
    height += np.float32(between(rng, 0, 0.25)) * rough(rng, size, spread(rng, 20, 60) * scale, 4.0)
    height += np.float32(spread(rng, 0.01, 0.06)) * cloud(rng, size, 0.7 * scale)
    deep = np.float32(spread(rng, 0.07, 0.4) * across)
    shade, shine = lit(height * deep, light, between(rng, 0.4, 1.2), between(rng, 0, 0.3), spread(rng, 6, 40))
    grey = (
        shade * hollow(height, across / 4, between(rng, 0, 1)) * np.exp(np.float32(0.06) * rough(rng, size, 50 * scale))
    )
    brown = hue(rng, (0.02, 0.11), (0.1, 0.8)) if chance(rng, 0.6) else any_hue(rng)
    return Look(coloured(grey * np.float32(spread(rng, 0.015, 0.5)), brown) + 0.3 * on_all(shine), light)


def foam(rng: Rng, size: Size) -> Look:
    """Foam, sponge, bread, pumice: bubbles of many sizes, dark inside."""
    scale, light = unit(size), any_light(rng)
    across = spread(rng, 4, 26) * scale
    height = np.zeros(size, np.float32)
    for share in (1.0, 0.4):
        bubbles = cells(rng, size, across * share, 0.5, spread(rng, 0.8, 1.3))
        radius = np.float32(across * share) * np.clip(0.42 + bubbles.each(rng, between(rng, 0.05, 0.25)), 0, 0.7)
        height -= np.sqrt(np.maximum(radius * radius - np.square(bubbles.near), 0)) * np.float32(between(rng, 0.4, 1))
    height = blurred(height, 0.7) + np.float32(0.3) * cloud(rng, size, 1.0)
    shade, _ = lit(height, light, between(rng, 0.6, 1.3))
    grey = shade * np.exp(height * np.float32(spread(rng, 0.3, 4) / across))
    return Look(coloured(grey * np.float32(spread(rng, 0.05, 0.7)), hue(rng, (0, 0.6), (0, 0.5))), light)


def tread(rng: Rng, size: Size) -> Look:
    """Rubber treads, non-slip floors, plastic with studs: one raised shape repeated."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 10, 60) * scale
    u, v = axes(rng, size, any_angle(rng), (pitch * spread(rng, 0.6, 1.8), pitch), spread(rng, 0.002, 0.02), 50 * scale)
    if chance(rng, 0.5):
        u = u + np.float32(0.5) * odd(v)
    a, b = part_of(u), part_of(v)
    form, wide = int(rng.integers(4)), between(rng, 0.2, 0.42)
    if form == 0:
        far = np.hypot(a, b) - wide
    elif form == 1:
        far = np.maximum(np.abs(a), np.abs(b)) - wide
    elif form == 2:  # tear plate: lozenges that turn from square to square
        other = (np.floor(u).astype(np.int32) + np.floor(v).astype(np.int32)) & 1
        c, d = (a + b) * np.float32(0.7), (a - b) * np.float32(0.7)
        far = np.hypot(np.where(other, c, d) / 3, np.where(other, d, c)) - 0.12
    else:
        far = np.abs(part_of(u + np.abs(b) * np.float32(between(rng, 0.5, 1.5)))) - wide * 0.6
    raised = blurred(np.clip(0.5 - far * np.float32(pitch / (0.08 * pitch + 1)), 0, 1), 0.7)
    height = raised * np.float32(spread(rng, 0.04, 0.2) * pitch * rng.choice((-1, 1, 1)))
    height += np.float32(spread(rng, 0.05, 0.4)) * rough(rng, size, 3 * scale, 0.8, 0.3)
    shade, shine = lit(height, light, between(rng, 0.5, 1.1), between(rng, 0, 0.4), spread(rng, 8, 50))
    grey = shade * hollow(height, pitch / 6, 0.2) * np.exp(np.float32(0.06) * rough(rng, size, 40 * scale))
    black = tint(rng) if chance(rng, 0.6) else any_hue(rng)
    return Look(coloured(grey * np.float32(spread(rng, 0.01, 0.4)), black) + 0.5 * on_all(shine), light)


def moulded(rng: Rng, size: Size) -> Look:
    """Moulded plastic: a fine etched grain, sink marks, flow lines, more or less gloss."""
    scale, light = unit(size), any_light(rng)
    height = cloud(rng, size, spread(rng, 0.8, 4) * scale) * np.float32(spread(rng, 0.05, 0.6) * scale)
    height = np.maximum(height, 0) if chance(rng, 0.5) else height
    height += cloud(rng, size, spread(rng, 30, 80) * scale) * np.float32(spread(rng, 0.3, 4) * scale)
    shade, shine = lit(height, light, between(rng, 0.5, 1.2), spread(rng, 0.02, 0.5), spread(rng, 10, 90))
    grey = shade * (1 + np.float32(0.015) * white(rng, size)) * np.float32(spread(rng, 0.01, 0.7))
    return Look(coloured(grey, any_hue(rng) if chance(rng, 0.5) else tint(rng, 0.03)) + 0.5 * on_all(shine), light)


def glazed(rng: Rng, size: Size) -> Look:
    """Enamel, glaze, lacquer: nearly flat and mirror-like, with soft reflections of the room; sometimes flecks."""
    scale, light = unit(size), any_light(rng)
    wave = cloud(rng, size, spread(rng, 25, 90) * scale)
    mirror = step(np.float32(between(rng, -0.5, 1.5)) - wave, spread(rng, 0.6, 4))
    grey = np.full(size, spread(rng, 0.01, 0.8), np.float32) * (
        1 + np.float32(spread(rng, 0.003, 0.03)) * white(rng, size)
    )
    grey *= np.exp(np.float32(spread(rng, 0.005, 0.1)) * rough(rng, size, 60 * scale, 4.0))
    if chance(rng, 0.35):
        flecks = np.maximum(cloud(rng, size, spread(rng, 0.8, 2.5) * scale) - between(rng, 0.9, 1.8), 0)
        grey *= np.exp(-np.float32(spread(rng, 0.3, 3)) * flecks)
    colour = coloured(grey, any_hue(rng) if chance(rng, 0.5) else hue(rng, (0.05, 0.15), (0, 0.3)))
    return Look(colour + np.float32(spread(rng, 0.005, 0.2)) * on_all(mirror), light)


def glass(rng: Rng, size: Size) -> Look:
    """Glass or film before a ground that is out of focus: bright and dark shapes, streaks, caustics, a ghost edge."""
    scale = unit(size)
    behind = cloud(rng, size, spread(rng, 20, 90) * scale)
    if chance(rng, 0.5):
        behind = np.tanh(behind * np.float32(spread(rng, 1, 8)))
    grey = spread(rng, 0.03, 0.6) * np.exp(np.float32(spread(rng, 0.02, 0.6)) * behind)
    for _ in range(int(rng.integers(0, 4))):
        u, _ = axes(rng, size, any_angle(rng, 0.8), (size[1], size[1]), 0.02, 60 * scale)
        at = part_of(u)
        line = np.exp(-np.abs(at) / np.float32(spread(rng, 0.004, 0.1)))
        grey += np.float32(rng.choice((-0.4, 1)) * spread(rng, 0.01, 0.3) * grey.mean()) * line
    grey = np.maximum(grey, 0.002) * (1 + np.float32(spread(rng, 0.003, 0.03)) * white(rng, size))
    return Look(coloured(grey, hue(rng, (0.3, 0.65), (0, 0.4))), any_light(rng))


def paper(rng: Rng, size: Size) -> Look:
    """Paper, card, corrugated board: fibres, flecks, faint ribs."""
    scale, light = unit(size), any_light(rng)
    height = rough(rng, size, spread(rng, 4, 25) * scale, 0.8, between(rng, 0.2, 0.8)) * np.float32(
        spread(rng, 0.04, 0.5)
    )
    if chance(rng, 0.4):
        pitch = spread(rng, 6, 24) * scale
        u, _ = axes(rng, size, any_angle(rng, 0.9), (pitch, pitch), 0.03, 60 * scale)
        height += np.cos(np.float32(2 * np.pi) * u) * np.float32(spread(rng, 0.01, 0.05) * pitch)
        height += per_period(rng, u, 0.1)
    shade, _ = lit(blurred(height, 0.6), light, between(rng, 0.5, 1.1))
    grey = shade * np.exp(np.float32(spread(rng, 0.01, 0.06)) * white(rng, size))
    if chance(rng, 0.7):
        hairs = np.full(size, 128, np.uint8)
        levels = (between(rng, 40, 110), between(rng, 140, 210))
        fibres(rng, size, int(spread(rng, 60, 900)), spread(rng, 4, 18) * scale, hairs, levels)
        hairs = blurred(hairs, 0.6 * scale)
        grey *= 1 + np.float32(spread(rng, 0.1, 0.5) / 128) * (hairs.astype(np.float32) - 128)
    grey *= np.exp(np.float32(0.03) * rough(rng, size, 50 * scale, 3.0)) * np.float32(spread(rng, 0.2, 0.85))
    return Look(coloured(grey, hue(rng, (0.06, 0.13), (0, 0.55)) if chance(rng, 0.7) else tint(rng, 0.03)), light)


def crust(rng: Rng, size: Size) -> Look:
    """Crust, bark, skin of a fruit, dried food: lumps of many sizes, wrinkles, brown to black tones by height."""
    scale, light = unit(size) * spread(rng, 0.6, 2), any_light(rng)
    lumps = rough(rng, size, spread(rng, 8, 40) * scale, 1.0, between(rng, 0.7, 1.1))
    form = int(rng.integers(3))
    height = np.abs(lumps) if form == 0 else -np.abs(lumps) if form == 1 else lumps
    deep = spread(rng, 0.8, 5) * scale
    shade, shine = lit(height * np.float32(deep), light, between(rng, 0.5, 1.2), between(rng, 0, 0.2), 20)
    bloom = np.clip(0.5 + np.float32(between(rng, 0.1, 0.5)) * (height + 0.5 * cloud(rng, size, 10 * scale)), 0, 1)
    grey = shade * hollow(height, 5 * scale, between(rng, 0, 0.8)) * np.exp(np.float32(between(rng, 0, 1)) * bloom)
    low, high = hue(rng, (0, 0.14), (0.2, 0.8)), hue(rng, (0.02, 0.16), (0.05, 0.6))
    return Look(toned(grey * np.float32(spread(rng, 0.03, 0.35)), bloom, low, high) + 0.3 * on_all(shine), light)


def labyrinth(rng: Rng, size: Size) -> Look:
    """A pattern of one width without order: etched, wrinkled paint, veneer, coral, camouflage."""
    scale, light = unit(size), any_light(rng)
    wide, down = spread(rng, 1.5, 16) * scale, spread(rng, 0.5, 2)
    band = cloud(rng, size, wide, wide * down) - np.float32(between(rng, 0.4, 0.9)) * cloud(
        rng, size, 2 * wide, 2 * wide * down
    )
    form = np.tanh((band - np.float32(rng.normal(0, 0.4))) * np.float32(spread(rng, 0.6, 8)))
    shade, shine = lit(
        form * np.float32(spread(rng, 0.02, 0.2) * wide), light, between(rng, 0.5, 1.2), between(rng, 0, 0.3), 20
    )
    ink = np.clip(0.5 + 0.5 * form, 0, 1)
    grey = shade * np.exp(np.float32(spread(rng, 0.02, 0.5)) * form) * np.exp(np.float32(0.04) * white(rng, size))
    pair = any_hue(rng), any_hue(rng) if chance(rng, 0.3) else tint(rng)
    return Look(toned(grey * np.float32(spread(rng, 0.04, 0.5)), ink, *pair) + 0.5 * on_all(shine), light)


SOFT = {
    "leather": leather,
    "foam": foam,
    "tread": tread,
    "moulded plastic": moulded,
    "glaze": glazed,
    "glass": glass,
    "paper": paper,
    "crust": crust,
    "labyrinth": labyrinth,
}
"""Kind -> what draws it."""
