"""Surfaces of metal: ground, rolled, milled, turned, cast, blasted, and sheets with a shape."""

from __future__ import annotations

import cv2
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
    part_of,
    per_period,
    room_to_turn,
    rough,
    spread,
    tint,
    turned,
    unit,
    white,
)
from iapas.synthesis.scenes.shading import Look, coloured, hollow, lit, on_all
from iapas.synthesis.texture import Map, Rng


def lines(rng: Rng, size: Size, long: float, fine: float) -> Map:
    """Marks of a brush or a grindstone from left to right, of many lengths; deviation about 1."""
    drawn = np.zeros(size, np.float32)
    for _ in range(int(rng.integers(2, 5))):
        drawn += np.float32(between(rng, 0.2, 1)) * cloud(
            rng, size, long * spread(rng, 0.2, 5), fine * spread(rng, 0.6, 3)
        )
    return drawn * np.float32(1 / max(float(drawn.std()), 1e-6))


def brushed(rng: Rng, size: Size) -> Look:
    """Brushed, ground or rolled: marks all in one direction, some with a colour of anodising."""
    angle, scale = any_angle(rng, 0.7), unit(size) * spread(rng, 0.7, 2)
    larger = room_to_turn(size, angle)
    marks = lines(rng, larger, spread(rng, 12, 200) * scale, spread(rng, 0.4, 1.2) * scale)
    grey = spread(rng, 0.06, 0.5) * np.exp(np.float32(spread(rng, 0.02, 0.2)) * marks)
    if chance(rng, 0.5):
        grey *= np.exp(
            np.float32(between(rng, 0.03, 0.15)) * cloud(rng, larger, 300 * scale, between(rng, 3, 30) * scale)
        )
    grey = turned(size, angle, grey)
    grey *= 1 + np.float32(spread(rng, 0.01, 0.08)) * white(rng, size)
    return Look(coloured(grey, any_hue(rng) if chance(rng, 0.2) else tint(rng)), any_light(rng))


def strip_steel(rng: Rng, size: Size) -> Look:
    """Hot-rolled strip: dull, mottled, with streaks along the rolling and uneven bands."""
    angle, scale = any_angle(rng, 0.85), unit(size) * spread(rng, 0.6, 2)
    larger = room_to_turn(size, angle)
    mottle = rough(rng, larger, spread(rng, 6, 50) * scale, 0.8, between(rng, 0.0, 0.7))
    streaks = cloud(rng, larger, spread(rng, 30, 250) * scale, spread(rng, 1.5, 12) * scale)
    grey = np.exp(np.float32(spread(rng, 0.03, 0.35)) * mottle + np.float32(spread(rng, 0.02, 0.2)) * streaks)
    grey = turned(size, angle, grey) * np.float32(spread(rng, 0.04, 0.4))
    return Look(coloured(grey, tint(rng, 0.03)), any_light(rng))


def ground_block(rng: Rng, size: Size) -> Look:
    """Ground ceramic or a magnet's face: bright and dark lanes of grinding, fading along them, fine grain, bends."""
    angle, scale = float(rng.integers(2)) * np.pi / 2, unit(size) * spread(rng, 0.6, 1.8)
    larger = room_to_turn(size, angle)
    lanes = cloud(rng, larger, 400 * scale, spread(rng, 0.5, 2.0) * scale)
    sparks = np.maximum(
        cloud(rng, larger, spread(rng, 3, 80) * scale, spread(rng, 0.4, 0.8) * scale) - between(rng, 0.3, 1.2), 0
    )
    fading = np.clip(0.5 + cloud(rng, larger, spread(rng, 30, 100) * scale), 0, 2)
    wide = cloud(rng, larger, 400 * scale, spread(rng, 15, 60) * scale)
    grey = np.exp(
        np.float32(between(rng, 0.05, 0.25)) * lanes * fading
        + np.float32(between(rng, 0.1, 0.45)) * wide
        + np.float32(between(rng, 0.1, 0.5)) * sparks * fading
    )
    grey = turned(size, angle, grey)
    blotch = rough(rng, size, spread(rng, 8, 40) * scale, 0.8, between(rng, 0.0, 0.6))
    fine = np.float32(spread(rng, 0.02, 0.12)) * white(rng, size)
    grey *= np.exp(np.float32(between(rng, 0.04, 0.2)) * blotch + fine) * np.float32(spread(rng, 0.04, 0.3))
    if chance(rng, 0.3):  # another grinding begins here
        y = np.linspace(-0.5, 0.5, size[0], dtype=np.float32)[:, None] + np.float32(0.03) * cloud(rng, size, 40 * scale)
        side = np.clip((y - np.float32(between(rng, -0.4, 0.4))) / np.float32(spread(rng, 0.01, 0.2)) + 0.5, 0, 1)
        grey *= 1 + np.float32(between(rng, -0.4, 0.8)) * (side if angle else cv2.resize(side.T, size[::-1]))
    return Look(coloured(grey, tint(rng, 0.02)), any_light(rng))


def milled(rng: Rng, size: Size) -> Look:
    """A milling cutter's arcs, one set or two that cross."""
    scale = unit(size)
    y = np.arange(size[0], dtype=np.float32)[:, None]
    x = np.arange(size[1], dtype=np.float32)[None, :]
    grey = np.ones(size, np.float32)
    pitch, radius = spread(rng, 2, 14) * scale, spread(rng, 80, 700) * scale
    away = between(rng, 0, 2 * np.pi)
    for turn in (0.0, np.pi)[: int(rng.integers(1, 3))]:
        row = size[0] / 2 + radius * np.sin(away + turn)
        column = size[1] / 2 + radius * np.cos(away + turn)
        far = np.sqrt(np.square(y - np.float32(row)) + np.square(x - np.float32(column))) / np.float32(pitch)
        shape = np.abs(part_of(far)) * 4 - 1 if chance(rng, 0.5) else np.cos(np.float32(2 * np.pi) * far)
        shape += np.float32(between(rng, 0.2, 1)) * per_period(rng, far)
        shape += np.float32(between(rng, 0.1, 0.7)) * per_period(rng, far * np.float32(between(rng, 3, 6)))
        grey *= np.exp(np.float32(spread(rng, 0.03, 0.25)) * shape)
    grey *= np.exp(np.float32(0.1) * cloud(rng, size, spread(rng, 10, 60) * scale))
    grey *= spread(rng, 0.08, 0.45) * (1 + np.float32(0.04) * white(rng, size))
    return Look(coloured(grey, tint(rng)), any_light(rng))


def turned_face(rng: Rng, size: Size) -> Look:
    """The face of a turned part: circles around a middle in the picture or beside it, a fan of light over them."""
    scale = unit(size)
    row, column = between(rng, -0.3, 1.3) * size[0], between(rng, -0.3, 1.3) * size[1]
    y = np.arange(size[0], dtype=np.float32)[:, None] - np.float32(row)
    x = np.arange(size[1], dtype=np.float32)[None, :] - np.float32(column)
    far = np.sqrt(np.square(y) + np.square(x))
    angle = np.arctan2(np.broadcast_to(y, size), np.broadcast_to(x, size))
    pitch = spread(rng, 1.2, 7) * scale
    marks = per_period(rng, far / np.float32(pitch)) + 0.7 * per_period(rng, far / np.float32(3.7 * pitch))
    marks = blurred(marks, 0.6) + np.sin(far * np.float32(2 * np.pi / pitch / 1.9))
    fan = np.cos(np.float32(rng.integers(1, 4)) * (angle - np.float32(between(rng, 0, 6)))) * np.clip(far / 40, 0, 1)
    grey = np.exp(np.float32(spread(rng, 0.03, 0.2)) * marks + np.float32(between(rng, 0.1, 0.6)) * fan)
    if chance(rng, 0.4):  # steps of the lathe
        grey *= np.exp(per_period(rng, far / np.float32(spread(rng, 25, 90) * scale), 0.35))
    grey *= spread(rng, 0.06, 0.35) * (1 + np.float32(0.04) * white(rng, size))
    return Look(coloured(grey, tint(rng)), any_light(rng))


def cast(rng: Rng, size: Size) -> Look:
    """Cast or forged: a rough skin of many scales, dull or with a gloss."""
    scale, light = unit(size) * spread(rng, 0.5, 2.5), any_light(rng)
    skin = rough(rng, size, spread(rng, 4, 40) * scale, 0.8, between(rng, 0.5, 1.1))
    height = skin * np.float32(spread(rng, 0.3, 2.5) * scale)
    shade, shine = lit(height, light, between(rng, 0.5, 1.2), between(rng, 0, 0.3), spread(rng, 5, 60))
    grey = spread(rng, 0.03, 0.35) * shade * np.exp(np.float32(0.08) * rough(rng, size, 30 * scale))
    return Look(coloured(grey, tint(rng)) + on_all(shine * np.float32(grey.mean() * 3)), light)


def blasted(rng: Rng, size: Size) -> Look:
    """Sand-blasted, anodised or powder-coated: fine even grain, any colour."""
    scale, light = unit(size) * spread(rng, 0.6, 1.6), any_light(rng)
    grain = cloud(rng, size, spread(rng, 0.5, 1.5) * scale) + np.float32(0.4) * cloud(rng, size, 4 * scale)
    grey = spread(rng, 0.02, 0.6) * np.exp(np.float32(spread(rng, 0.02, 0.25)) * grain)
    if chance(rng, 0.4):
        grey += np.float32(between(rng, 0.05, 0.4)) * np.maximum(cloud(rng, size, 0.7 * scale) - 1.8, 0)
    return Look(coloured(grey, any_hue(rng) if chance(rng, 0.5) else tint(rng)), light)


def hammered(rng: Rng, size: Size) -> Look:
    """Hammered or orange-peel paint: shallow dimples with a gloss on each."""
    scale, light = unit(size) * spread(rng, 0.5, 2.2), any_light(rng)
    if chance(rng, 0.5):
        dimples = cloud(rng, size, spread(rng, 1.5, 7) * scale)
        height = dimples * np.float32(spread(rng, 0.15, 1.0) * scale)
    else:
        bowls = cells(rng, size, spread(rng, 7, 22) * scale, 0.4)
        height = np.square(np.minimum(bowls.near, 14 * scale)) * np.float32(spread(rng, 0.01, 0.05) / scale)
        height = blurred(height, 1.2 * scale)
    shade, shine = lit(height, light, between(rng, 0.5, 1.1), between(rng, 0.05, 0.5), spread(rng, 10, 80))
    grey = spread(rng, 0.03, 0.5) * shade * (1 + np.float32(0.02) * white(rng, size))
    return Look(coloured(grey, any_hue(rng) if chance(rng, 0.5) else tint(rng)) + on_all(shine), light)


def corrugated(rng: Rng, size: Size) -> Look:
    """Corrugated or profiled sheet, louvres, ribs, a thread seen from near: one relief repeated along a direction."""
    scale, light = unit(size), any_light(rng)
    angle, pitch = any_angle(rng), spread(rng, 7, 70) * scale
    u, _ = axes(rng, size, angle, (pitch, pitch), spread(rng, 0.002, 0.03), 70 * scale)
    form = int(rng.integers(4))
    at = part_of(u)
    if form == 0:
        height = np.cos(np.float32(2 * np.pi) * at)
    elif form == 1:
        height = np.clip(3 * np.cos(np.float32(2 * np.pi) * at), -1, 1)
    elif form == 2:
        height = 2 * np.abs(at)
    else:
        height = at.copy()
    height = blurred(height, spread(rng, 0.6, 2) * scale) * np.float32(spread(rng, 0.05, 0.25) * pitch)
    shade, shine = lit(height, light, between(rng, 0.4, 1.1), between(rng, 0.0, 0.5), spread(rng, 5, 60))
    grey = spread(rng, 0.04, 0.5) * shade * hollow(height, pitch / 3, between(rng, 0, 0.6))
    grey *= np.exp(np.float32(spread(rng, 0.01, 0.1)) * rough(rng, size, 20 * scale, 1.0, 0.4))
    grey *= np.exp(per_period(rng, u + np.float32(0.5), between(rng, 0.0, 0.06)))
    return Look(coloured(grey, any_hue(rng) if chance(rng, 0.4) else tint(rng)) + on_all(shine), light)


METAL = {
    "brushed metal": brushed,
    "strip steel": strip_steel,
    "ground block": ground_block,
    "milled metal": milled,
    "turned face": turned_face,
    "cast metal": cast,
    "blasted metal": blasted,
    "hammered paint": hammered,
    "corrugated sheet": corrugated,
}
"""Kind -> what draws it."""
