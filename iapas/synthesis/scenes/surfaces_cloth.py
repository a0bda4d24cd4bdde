"""Surfaces of threads: woven, knitted, felted, wound, nets, and cloth that lies in folds."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.scenes.grains import (
    Size,
    Tint,
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
    rounded,
    spread,
    tint,
    unit,
    white,
)
from iapas.synthesis.scenes.shading import Look, coloured, hollow, laid, lit, on_all, toned
from iapas.synthesis.texture import Map, Rng

_BONDS = [
    [[1, 0], [0, 1]],
    [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]],
    [[1, 1, 0], [0, 1, 1], [1, 0, 1]],
    [[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1]],
    [[1, 1, 1, 1, 0], [1, 0, 1, 1, 1], [1, 1, 1, 0, 1], [0, 1, 1, 1, 1], [1, 1, 0, 1, 1]],
    [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]],
    [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]],
]
"""Which thread lies above: plain weave, twills, satin, basket, crepe."""


def dyed(rng: Rng) -> Tint:
    """The colour of a thread; undyed half of the time."""
    return any_hue(rng) if chance(rng, 0.5) else hue(rng, (0.05, 0.15), (0, 0.3))


def _threads(rng: Rng, u: Map, v: Map, bond: list[list[int]]) -> tuple[Map, Map]:
    """Height, 0..1, of a weave with a thread for each whole number, and where the warp lies above, 0 or 1."""
    table = np.array(bond, bool)
    iu, iv = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
    above = table[iu % table.shape[0], iv % table.shape[1]]
    a, b = part_of(u), part_of(v)
    bulge = between(rng, 0.2, 0.7)
    warp = np.sqrt(np.maximum(1 - 3.6 * a * a, 0)) * (1 - np.float32(4 * bulge) * b * b)
    weft = np.sqrt(np.maximum(1 - 3.6 * b * b, 0)) * (1 - np.float32(4 * bulge) * a * a)
    return np.where(above, warp, weft).astype(np.float32), above.astype(np.float32)


def woven(rng: Rng, size: Size) -> Look:
    """A weave: plain, twill, satin, basket or crepe; from single threads to cloth seen from afar."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 2.4, 26) * scale
    wander = spread(rng, 0.3, 2.2) * scale / pitch
    u, v = axes(
        rng, size, any_angle(rng, 0.75), (pitch, pitch * spread(rng, 0.75, 1.4)), wander, spread(rng, 15, 80) * scale
    )
    height, above = _threads(rng, u, v, _BONDS[int(rng.integers(len(_BONDS)))])
    if pitch > 7 * scale:  # the fibres of a twisted thread
        twist = np.where(above > 0.5, v * np.float32(2.5) + u, u * np.float32(2.5) - v)
        height += np.float32(between(rng, 0.03, 0.15)) * np.cos(np.float32(2 * np.pi) * twist)
        height = blurred(height, 0.03 * pitch + 0.3)
    shade, shine = lit(
        height * np.float32(pitch * between(rng, 0.1, 0.35)), light, between(rng, 0.5, 1.2), between(rng, 0, 0.15), 10
    )
    uneven = np.where(above > 0.5, per_period(rng, u), per_period(rng, v)) * np.float32(spread(rng, 0.01, 0.12))
    uneven += np.float32(spread(rng, 0.02, 0.12)) * rough(rng, size, spread(rng, 2, 8) * scale, 0.7, 0.2)
    grey = shade * np.exp(uneven) * (0.25 + 0.75 * height) ** np.float32(between(rng, 0.2, 1.2))
    if chance(rng, 0.3):
        grey *= _draped(rng, size, light)
    level, one = spread(rng, 0.04, 0.7), dyed(rng)
    other = dyed(rng) if chance(rng, 0.4) else one
    ratio = spread(rng, 0.4, 2.0) if other != one else 1.0
    dim = other[0] * ratio, other[1] * ratio, other[2] * ratio
    return Look(toned(grey * np.float32(level), above, dim, one) + on_all(shine * np.float32(level)), light)


def denim(rng: Rng, size: Size) -> Look:
    """Denim or corduroy: a twill of a dark and a pale thread, streaks along the warp, wear in clouds."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 2.5, 8) * scale
    u, v = axes(rng, size, any_angle(rng, 0.8), (pitch, pitch), spread(rng, 0.05, 0.3), 30 * scale)
    height, above = _threads(rng, u, v, _BONDS[int(rng.integers(1, 4))])
    shade, _ = lit(height * np.float32(0.2 * pitch), light, between(rng, 0.6, 1.2))
    streak = per_period(rng, u, spread(rng, 0.05, 0.3)) * np.clip(1 + cloud(rng, size, 30 * scale), 0, 2)
    worn = np.clip(0.2 + np.float32(between(rng, 0.0, 0.1)) * rough(rng, size, 60 * scale, 3.0), 0, 1)
    dark = np.clip(above * (1 - worn) + 0.1 * cloud(rng, size, pitch), 0, 1)
    grey = shade * np.exp(streak + np.float32(0.1) * white(rng, size))
    deep = coloured(
        grey * np.float32(spread(rng, 0.03, 0.15)),
        hue(rng, (0.55, 0.68), (0.2, 0.7)) if chance(rng, 0.6) else dyed(rng),
    )
    pale = coloured(grey * np.float32(spread(rng, 0.25, 0.6)), tint(rng))
    return Look(laid(pale, deep, dark), light)


def knitted(rng: Rng, size: Size) -> Look:
    """Knitting: columns of stitches that slant both ways, smooth or ribbed."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 5, 36) * scale
    u, v = axes(
        rng, size, any_angle(rng, 0.8), (pitch, pitch * between(rng, 0.55, 0.9)), spread(rng, 0.02, 0.12), 40 * scale
    )
    a = np.abs(part_of(u))
    yarn = rounded(v + np.float32(between(rng, 0.7, 1.4)) * a)
    height = yarn * np.sqrt(np.maximum(np.sin(np.float32(2 * np.pi) * a), 0) + np.float32(0.05))
    if chance(rng, 0.3):
        height += np.float32(0.5) * np.cos(u * np.float32(2 * np.pi / int(rng.integers(2, 5))))
    height += np.float32(0.06) * np.cos(np.float32(2 * np.pi) * (3 * v - 2 * u)) + np.float32(0.08) * cloud(
        rng, size, 1.0
    )
    height = blurred(height, 0.5 + 0.02 * pitch)
    shade, _ = lit(height * np.float32(0.25 * pitch), light, between(rng, 0.5, 1.2))
    grey = shade * hollow(height, pitch / 3, between(rng, 0.5, 2)) * np.exp(np.float32(0.06) * cloud(rng, size, 2))
    return Look(coloured(grey * np.float32(spread(rng, 0.04, 0.6)), dyed(rng)), light)


def fibres(
    rng: Rng, size: Size, count: int, long: float, canvas: Map, levels: tuple[float, ...], curl: float = 0.5
) -> Map:
    """Draw ``count`` short hairs in every direction onto ``canvas``, of grey ``levels``; the same map."""
    for level in levels:
        n = max(1, count // len(levels))
        begin = rng.uniform(-0.1, 1.1, (n, 1, 2)) * (size[1], size[0])
        bends = rng.normal(0, curl, (n, 5)).cumsum(1) + rng.uniform(0, 2 * np.pi, (n, 1))
        steps = np.stack([np.cos(bends), np.sin(bends)], -1) * (long / 5 * rng.uniform(0.4, 1.4, (n, 1, 1)))
        points = np.rint(16 * np.concatenate([begin, begin + steps.cumsum(1)], 1)).astype(np.int32)
        cv2.polylines(canvas, list(points), False, level, 1, cv2.LINE_AA, 4)
    return canvas


def felt(rng: Rng, size: Size) -> Look:
    """Felt, fleece, paper pulp, steel wool: hairs in every direction."""
    scale, light = unit(size), any_light(rng)
    soft = between(rng, 0.5, 1.2) * scale
    hairs = np.zeros(size, np.uint8)
    fibres(rng, size, int(spread(rng, 400, 1200)), spread(rng, 12, 60) * scale, hairs, (90.0, 140.0, 190.0, 255.0), 0.4)
    grain = blurred(hairs, soft).astype(np.float32) / 255
    height = grain * np.float32(spread(rng, 0.5, 4)) + np.float32(spread(rng, 0.2, 1.0)) * rough(
        rng, size, 8 * scale, 0.8, 0.5
    )
    shade, _ = lit(height, light, between(rng, 0.6, 1.2))
    grey = shade * np.exp(np.float32(between(rng, -0.2, 0.6)) * grain + np.float32(0.08) * rough(rng, size, 40 * scale))
    return Look(coloured(grey * np.float32(spread(rng, 0.03, 0.6)), dyed(rng)), light)


def carpet(rng: Rng, size: Size) -> Look:
    """Carpet, towel, fleece: tufts or loops, in rows or not, mottled, one colour or several."""
    scale, light = unit(size), any_light(rng)
    across = spread(rng, 3, 16) * scale
    tufts = cells(rng, size, across, spread(rng, 0.15, 0.5), spread(rng, 0.6, 1.6))
    height = np.minimum(tufts.edge, across / 2) + np.float32(between(rng, 0.3, 1.2)) * cloud(rng, size, 0.8 * scale)
    height += tufts.each(rng, 0.15 * across)
    shade, _ = lit(blurred(height, 0.6), light, between(rng, 0.5, 1.2))
    grey = shade * hollow(height, across / 2, between(rng, 0.1, 0.5)) * np.exp(tufts.each(rng, spread(rng, 0.03, 0.3)))
    grey *= np.exp(np.float32(spread(rng, 0.03, 0.2)) * white(rng, size)) * np.float32(spread(rng, 0.03, 0.5))
    one = dyed(rng)
    other = dyed(rng) if chance(rng, 0.3) else one
    return Look(toned(grey, np.clip(tufts.each(rng) - 1, 0, 1), one, other), light)


def net(rng: Rng, size: Size) -> Look:
    """A net, a grid or a mesh of strands before a dark or a bright ground."""
    scale, light = unit(size), any_light(rng)
    pitch, turn = spread(rng, 7, 45) * scale, any_angle(rng)
    u, v = axes(rng, size, turn, (pitch * spread(rng, 0.6, 1.8), pitch), spread(rng, 0.005, 0.06), 40 * scale)
    if chance(rng, 0.3):
        u, v = u + v, u - v
    if chance(rng, 0.25):
        u = u + np.float32(0.5) * odd(v)
    thick = spread(rng, 0.05, 0.3)
    ends = np.abs(part_of(u)), np.abs(part_of(v))
    far = np.minimum(0.5 - ends[0], 0.5 - ends[1]) if chance(rng, 0.7) else 0.5 - np.hypot(*ends)
    edge = np.float32(1.0 / pitch)
    strand = np.clip((np.float32(thick) - far) / edge + 0.5, 0, 1)
    height = np.sqrt(np.maximum(1 - np.square(far / np.float32(thick)), 0)) * np.float32(thick * pitch)
    shade, shine = lit(blurred(height, 0.6), light, 0.8, between(rng, 0, 0.4), spread(rng, 8, 40))
    grey = shade * np.exp(np.float32(spread(rng, 0.03, 0.2)) * rough(rng, size, 6 * scale, 0.8, 0.3))
    ground = spread(rng, 0.005, 0.7) * np.exp(np.float32(0.08) * rough(rng, size, spread(rng, 3, 60) * scale, 1.0, 0.5))
    if chance(rng, 0.4):  # the net's shadow on what is behind
        away = int(rng.integers(1, 5) * scale), int(rng.integers(1, 5) * scale)
        ground *= 1 - np.float32(0.5) * blurred(np.roll(strand, away, (0, 1)), 1.5 * scale)
    colour = coloured(grey * np.float32(spread(rng, 0.02, 0.6)), any_hue(rng) if chance(rng, 0.3) else tint(rng))
    return Look(laid(coloured(ground, tint(rng)), colour + on_all(shine), strand), light)


def wound(rng: Rng, size: Size) -> Look:
    """Yarn, wire or rope side by side, each twisted of strands."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 4, 40) * scale
    u, v = axes(rng, size, any_angle(rng), (pitch, pitch), spread(rng, 0.02, 0.2), spread(rng, 20, 90) * scale)
    height = rounded(u)
    strands = np.cos(
        np.float32(2 * np.pi * spread(rng, 0.5, 3)) * (v + np.float32(between(rng, 0.3, 1.2)) * part_of(u))
    )
    height += np.float32(between(rng, 0, 0.25)) * strands * height
    height = blurred(height, 0.5 + 0.02 * pitch) * np.float32(0.35 * pitch)
    shade, shine = lit(height, light, between(rng, 0.5, 1.2), between(rng, 0, 0.5), spread(rng, 8, 60))
    grey = (
        shade * hollow(height, pitch / 3, between(rng, 0.02, 0.3)) * np.exp(per_period(rng, u, spread(rng, 0.01, 0.2)))
    )
    grey *= np.exp(np.float32(spread(rng, 0.02, 0.15)) * rough(rng, size, 4 * scale, 0.8, 0.3))
    return Look(coloured(grey * np.float32(spread(rng, 0.04, 0.6)), dyed(rng)) + on_all(shine), light)


def _draped(rng: Rng, size: Size, light: tuple[float, float]) -> Map:
    """The light on cloth that does not lie flat."""
    scale = unit(size)
    folds = cloud(rng, size, spread(rng, 20, 70) * scale, spread(rng, 12, 60) * scale)
    shade, _ = lit(folds * np.float32(spread(rng, 1, 12) * scale), light, between(rng, 0.7, 1.2))
    return shade


def sheet(rng: Rng, size: Size) -> Look:
    """Fine cloth, fleece or film from afar, nearly smooth: faint threads both ways, soft folds, bands of the loom."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 1.8, 4) * scale
    u, v = axes(rng, size, any_angle(rng, 0.9), (pitch, pitch), 0.2, 30 * scale)
    grain = (
        np.cos(np.float32(2 * np.pi) * u) + np.cos(np.float32(2 * np.pi) * v) + per_period(rng, u) + per_period(rng, v)
    )
    tone = np.float32(spread(rng, 0.004, 0.05)) * grain + np.float32(spread(rng, 0.005, 0.06)) * white(rng, size)
    tone += per_period(rng, u / np.float32(spread(rng, 4, 30)), spread(rng, 0.004, 0.04))
    grey = np.exp(tone) * (_draped(rng, size, light) if chance(rng, 0.7) else 1)
    return Look(coloured(grey * np.float32(spread(rng, 0.1, 0.9)), dyed(rng) if chance(rng, 0.5) else tint(rng)), light)


CLOTH = {
    "weave": woven,
    "denim": denim,
    "knitting": knitted,
    "felt": felt,
    "carpet": carpet,
    "net": net,
    "wound threads": wound,
    "fine cloth": sheet,
}
"""Kind -> what draws it."""
