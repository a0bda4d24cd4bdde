"""Surfaces with an order: prints, motifs that repeat, perforated plates, traces, solar cells, carbon fibre."""

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
    hue,
    odd,
    part_of,
    per_period,
    per_square,
    room_to_turn,
    rough,
    spread,
    tint,
    turned,
    unit,
    white,
)
from iapas.synthesis.scenes.shading import Look, coloured, laid, lit, on_all
from iapas.synthesis.texture import Map, Rng
from iapas.types import BoolMap


def _some(rng: Rng, cover: Map, u: Map, v: Map, most: int = 6) -> tuple[BoolMap, ...]:
    """A few of the repeated things, each as the pixels of ``cover`` in one square of (u, v)."""
    inked = np.flatnonzero(cover > 0.5)
    if not inked.size:
        return ()
    at_u, at_v = np.floor(u), np.floor(v)
    found: dict[tuple[float, float], BoolMap] = {}
    for place in inked[rng.integers(0, inked.size, most)]:
        key = float(at_u.flat[place]), float(at_v.flat[place])
        if key not in found:
            found[key] = (at_u == key[0]) & (at_v == key[1]) & (cover > 0.35)
    return tuple(found.values())


def _body(rng: Rng, size: Size) -> Map:
    """The colour of a plain material below a print."""
    grey = np.exp(
        np.float32(spread(rng, 0.01, 0.12)) * rough(rng, size, spread(rng, 2, 40) * unit(size), 0.8, between(rng, 0, 1))
    )
    return coloured(grey * np.float32(spread(rng, 0.02, 0.75)), any_hue(rng) if chance(rng, 0.4) else tint(rng))


def _ink(rng: Rng, body: Map) -> Map:
    """``body`` as it looks below an ink: darker, lighter or of another colour, and still the same material."""
    level = float(body.mean())
    darker = level > 0.12 and chance(rng, 0.7)
    target = level * spread(rng, 0.05, 0.6) if darker else min(0.85, level * spread(rng, 1.7, 8))
    dye = np.array(any_hue(rng) if chance(rng, 0.5) else tint(rng), np.float32)
    inked: Map = body * (dye * np.float32(target / level))
    return inked


def dots(rng: Rng, size: Size) -> Look:
    """Printed dots, rings, crosses or squares in rows."""
    scale = unit(size)
    pitch = spread(rng, 6, 60) * scale
    u, v = axes(
        rng, size, any_angle(rng, 0.5), (pitch, pitch * spread(rng, 0.7, 1.5)), spread(rng, 0.001, 0.02), 60 * scale
    )
    if chance(rng, 0.5):
        u = u + np.float32(0.5) * odd(v)
    a, b = np.abs(part_of(u)), np.abs(part_of(v))
    form, wide = int(rng.integers(4)), between(rng, 0.12, 0.42)
    if form == 0:
        far = np.hypot(a, b) - wide
    elif form == 1:
        far = np.abs(np.hypot(a, b) - wide * 0.8) - wide * 0.25
    elif form == 2:
        far = np.minimum(np.maximum(a, b * 3), np.maximum(a * 3, b)) - wide
    else:
        far = np.maximum(a, b) - wide
    cover = np.clip(0.5 - far * np.float32(pitch / spread(rng, 0.8, 2)), 0, 1)
    body = _body(rng, size)
    ink = np.clip(
        1 + np.float32(spread(rng, 0.01, 0.15)) * cloud(rng, size, 2 * scale) + per_square(rng, u, v, 0.02), 0.4, 1
    )
    colour = laid(body, _ink(rng, body), cover * ink)
    return Look(colour, any_light(rng), _some(rng, cover, u, v), body)


def perforated(rng: Rng, size: Size) -> Look:
    """A plate with holes in rows: round, long or square, dark or lit from behind, each with its edge."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 9, 80) * scale
    u, v = axes(rng, size, any_angle(rng), (pitch * spread(rng, 0.8, 1.8), pitch), spread(rng, 0.001, 0.01), 60 * scale)
    if chance(rng, 0.5):
        u = u + np.float32(0.5) * odd(v)
    a, b = np.abs(part_of(u)), np.abs(part_of(v))
    wide, form = between(rng, 0.12, 0.4), int(rng.integers(3))
    far = np.hypot(a, b) if form == 0 else np.hypot(np.maximum(a - 0.15, 0), b) if form == 1 else np.maximum(a, b)
    far = (far - np.float32(wide)) * np.float32(pitch)
    cover = np.clip(0.5 - far, 0, 1)
    edge = np.clip(far / np.float32(spread(rng, 0.8, 4) * scale), 0, 1)
    shade, shine = lit(blurred(edge, 0.7) * np.float32(spread(rng, 0.5, 3)), light, 0.8, between(rng, 0, 0.4))
    plate = _body(rng, size)
    bare = plate.copy()
    plate = plate * on_all(shade) + 0.3 * on_all(shine)
    ground = spread(rng, 0.003, 0.05) if chance(rng, 0.75) else between(rng, 0.4, 0.9)
    inside = coloured(ground * np.exp(np.float32(0.1) * cloud(rng, size, 3 * scale)), tint(rng))
    inside *= on_all(np.clip(1 + far / np.float32(0.5 * wide * pitch) * np.float32(between(rng, -0.3, 0.5)), 0.3, 2))
    return Look(laid(plate, inside, cover), light, _some(rng, cover, u, v), bare)


def plaid(rng: Rng, size: Size) -> Look:
    """Stripes, checks, tartans, halftone lines: bands of several widths one or both ways."""
    scale = unit(size)
    pitch = spread(rng, 1.5, 25) * scale
    u, v = axes(rng, size, any_angle(rng, 0.6), (pitch, pitch), spread(rng, 0.005, 0.1), 50 * scale)
    table = np.repeat(rng.normal(0, 1, 64), rng.integers(1, 5, 64))[: int(rng.integers(2, 12))].astype(np.float32)
    ink = table[np.floor(u).astype(np.int32) % len(table)]
    if chance(rng, 0.5):
        ink = ink + table[np.floor(v).astype(np.int32) % len(table)]
    ink = blurred(ink, spread(rng, 0.5, 2) * scale)
    ink = np.clip(0.5 + 0.5 * ink, 0, 1)
    body = _body(rng, size)
    return Look(laid(body, _ink(rng, body), ink), any_light(rng))


def _tile(rng: Rng, wide: int, high: int) -> Map:
    """One motif, (high, wide), ink 0..1: boxes, rings, bars, letters."""
    canvas = np.zeros((high, wide), np.uint8)
    fine = min(wide, high)
    for _ in range(int(rng.integers(2, 9))):
        row, column = int(rng.integers(high)), int(rng.integers(wide))
        reach, level = int(spread(rng, 0.04, 0.4) * fine) + 1, float(rng.integers(70, 256))
        thick = -1 if chance(rng, 0.5) else max(1, fine // int(rng.integers(12, 40)))
        form = int(rng.integers(4))
        if form == 0:
            other = column + int(reach * between(rng, 0.5, 3)), row + reach
            cv2.rectangle(canvas, (column, row), other, level, thick)
        elif form == 1:
            cv2.circle(canvas, (column, row), reach, level, thick, cv2.LINE_AA)
        elif form == 2:
            end = (column, int(rng.integers(high))) if chance(rng, 0.5) else (int(rng.integers(wide)), row)
            cv2.line(canvas, (column, row), end, level, max(1, thick), cv2.LINE_AA)
        else:
            text = "".join(chr(code) for code in rng.integers(48, 91, int(rng.integers(1, 5))))
            font = int(rng.integers(0, 4))
            cv2.putText(canvas, text, (column // 2, row), font, reach / 20, level, max(1, abs(thick)), cv2.LINE_AA)
    return canvas.astype(np.float32) / 255


def motif(rng: Rng, size: Size) -> Look:
    """One drawing repeated: dies on a wafer, logos on packaging, stamped sheet, wallpaper."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 14, 110) * scale
    high = pitch * spread(rng, 0.5, 1.6)
    u, v = axes(rng, size, any_angle(rng), (pitch, high), spread(rng, 0.0005, 0.006), 60 * scale)
    if chance(rng, 0.3):
        u = u + np.float32(0.5) * odd(v)
    tile = _tile(rng, max(8, int(1.5 * pitch)), max(8, int(1.5 * high)))
    x, y = (part_of(u) + np.float32(0.5)) * tile.shape[1], (part_of(v) + np.float32(0.5)) * tile.shape[0]
    cover = cv2.remap(tile, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover *= np.clip(1 + per_square(rng, u, v, spread(rng, 0.005, 0.06)), 0, 1)
    body = _body(rng, size)
    colour = laid(body, _ink(rng, body), cover)
    if chance(rng, 0.4):  # stamped rather than printed
        shade, shine = lit(cover * np.float32(spread(rng, 0.5, 4)), light, 0.9, between(rng, 0, 0.3))
        colour = (body if chance(rng, 0.6) else colour) * on_all(shade) + 0.3 * on_all(shine)
    return Look(colour, light, _some(rng, cover, u, v), body)


def page(rng: Rng, size: Size) -> Look:
    """Lines of print or engraving on some material."""
    scale, light = unit(size), any_light(rng)
    angle = any_angle(rng, 0.8)
    large = room_to_turn(size, angle)
    canvas = np.zeros(large, np.uint8)
    high = int(spread(rng, 6, 36) * scale)
    font, thick = int(rng.integers(0, 8)), max(1, round(high * spread(rng, 0.05, 0.2)))
    for row in range(high, large[0] + high, int(high * between(rng, 1.3, 2.6))):
        codes = rng.choice(
            np.frombuffer(b"abcdefghijklmnoprstuvwxyzABCDEFGHIKLMNOPRST0123456789     .-/", np.uint8), 80
        )
        text, begin = codes.tobytes().decode(), -int(rng.integers(0, 60))
        cv2.putText(canvas, text, (begin, row), font, high / 24, 255, thick, cv2.LINE_AA)
    cover = turned(size, angle, canvas.astype(np.float32) / 255)
    body = _body(rng, size)
    colour = laid(body, _ink(rng, body), cover * np.float32(between(rng, 0.6, 1)))
    if chance(rng, 0.25):
        shade, _ = lit(blurred(cover, 0.7 * scale) * np.float32(-spread(rng, 0.5, 4)), light, 0.8)
        colour = body * on_all(shade)
    u, v = axes(rng, size, angle, (high * 2.0, high * 2.0))
    return Look(colour, light, _some(rng, cover, u, v, 4), body)


def traces(rng: Rng, size: Size) -> Look:
    """A circuit's bare board: buses of traces with bends, pads with holes, pours."""
    scale, light = unit(size), any_light(rng)
    canvas, drill = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    pitch, pads = spread(rng, 5, 18) * scale, []
    wide = max(1, int(pitch * between(rng, 0.3, 0.55)))
    for _ in range(int(rng.integers(5, 18))):
        begin, way = rng.uniform(0, 1, 2) * (size[1], size[0]), int(rng.integers(8))
        turns = np.pi / 4 * (way + rng.integers(-1, 2, 5).cumsum())
        legs = np.stack([np.cos(turns), np.sin(turns)], -1) * rng.uniform(2, 12, (5, 1)) * pitch
        path = np.concatenate([begin[None], begin + legs.cumsum(0)])
        side = np.array([-np.sin(turns[2]), np.cos(turns[2])]) * pitch
        for lane in range(int(rng.integers(1, 7))):
            points = np.rint(16 * (path + side * lane)).astype(np.int32)
            cv2.polylines(canvas, [points], False, 255, wide, cv2.LINE_AA, 4)
            pads += [points[0], points[-1]]
    for column, row in pads[:60]:
        cv2.circle(canvas, (int(column), int(row)), int(16 * 0.48 * pitch), 255, -1, cv2.LINE_AA, 4)
        cv2.circle(drill, (int(column), int(row)), int(16 * 0.22 * pitch), 255, -1, cv2.LINE_AA, 4)
    copper, hole = canvas.astype(np.float32) / 255, drill.astype(np.float32) / 255
    grain = np.exp(np.float32(spread(rng, 0.02, 0.1)) * rough(rng, size, 4 * scale, 0.8, 0.3))
    colours = hue(rng, (0.25, 0.7), (0.2, 0.9)) if chance(rng, 0.7) else tint(rng)
    level = spread(rng, 0.02, 0.15)
    board = coloured(grain * np.float32(level), colours)
    metal = coloured(
        grain * np.float32(level * spread(rng, 1.5, 5)),
        colours if chance(rng, 0.5) else hue(rng, (0.07, 0.14), (0, 0.6)),
    )
    shade, shine = lit(blurred(copper, 0.8) * np.float32(spread(rng, 0.3, 1.5)), light, 0.9, 0.1)
    colour = laid(board, metal, copper) * on_all(shade) + 0.1 * on_all(shine)
    u, v = axes(rng, size, 0.0, (pitch, pitch))
    return Look(laid(colour, board * np.float32(0.2), hole), light, _some(rng, hole, u, v), laid(board, metal, copper))


def solar(rng: Rng, size: Size) -> Look:
    """Solar cells: fingers, bus bars, crystals of several tones or none, the gap between two cells."""
    scale = unit(size)
    pitch, angle = spread(rng, 3, 16) * scale, float(rng.integers(2)) * np.pi / 2 + float(rng.normal(0, 0.01))
    u, v = axes(rng, size, angle, (pitch, between(rng, 40, 150) * scale))
    finger = np.clip((0.5 * between(rng, 0.12, 0.35) - np.abs(part_of(u))) * pitch + 0.5, 0, 1)
    bar = np.clip((between(rng, 0.015, 0.05) - np.abs(part_of(v))) * 90 * scale + 0.5, 0, 1)
    tone = np.float32(0.03) * white(rng, size) + np.float32(0.1) * cloud(rng, size, 60 * scale)
    if chance(rng, 0.6):
        crystals = cells(rng, size, spread(rng, 10, 45) * scale, 0.5, spread(rng, 0.6, 1.6))
        tone += crystals.each(rng, spread(rng, 0.05, 0.35))
    silicon = coloured(np.exp(tone) * np.float32(spread(rng, 0.02, 0.25)), hue(rng, (0.58, 0.68), (0, 0.7)))
    metal = coloured(np.exp(np.float32(0.05) * white(rng, size)) * np.float32(spread(rng, 0.2, 0.6)), tint(rng))
    cover = np.maximum(finger * np.float32(between(rng, 0.25, 0.9)), bar)
    return Look(laid(silicon, metal, cover), any_light(rng))


def carbon(rng: Rng, size: Size) -> Look:
    """Carbon or glass fibre: flat bundles in plain or twill order that mirror the light by their direction."""
    scale, light = unit(size), any_light(rng)
    pitch = spread(rng, 7, 45) * scale
    u, v = axes(rng, size, any_angle(rng), (pitch, pitch), spread(rng, 0.005, 0.05), 40 * scale)
    order = int(rng.integers(1, 3))
    above = ((np.floor(u).astype(np.int32) + np.floor(v).astype(np.int32)) % (2 * order)) < order
    across, along = np.where(above, part_of(u), part_of(v)), np.where(above, part_of(v), part_of(u))
    fine = np.where(above, per_period(rng, u * np.float32(9)), per_period(rng, v * np.float32(9)))
    bend = np.cos(np.float32(np.pi) * along) * np.sqrt(np.maximum(1 - np.float32(3.4) * across * across, 0))
    one, other = spread(rng, 0.01, 0.15), spread(rng, 0.02, 0.3)
    grey = np.where(above, np.float32(one), np.float32(other)) * (np.float32(0.25) + bend)
    grey *= np.exp(np.float32(spread(rng, 0.03, 0.25)) * fine + np.float32(0.06) * cloud(rng, size, 1))
    return Look(coloured(grey, tint(rng)), light)


PATTERN = {
    "printed dots": dots,
    "punched sheet": perforated,
    "plaid": plaid,
    "motif": motif,
    "printed lines": page,
    "traces": traces,
    "solar cell": solar,
    "carbon fibre": carbon,
}
"""Kind -> what draws it."""
