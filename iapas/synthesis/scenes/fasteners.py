"""Nuts, screws, bolts, springs, gears: metal (or plastic) that was turned, milled or rolled."""

from __future__ import annotations

import numpy as np

from iapas.synthesis.scenes.grounds import dyed, paint, rgb, tint
from iapas.synthesis.scenes.poses import Pose, box, dome, length, polygon
from iapas.synthesis.scenes.studio import Drawn, Finish, Solid, Stage
from iapas.synthesis.texture import Map, Rng, step

_METALS = [(1.0, 0.98, 0.94), (1.0, 0.99, 1.0), (1.0, 0.80, 0.45), (1.0, 0.62, 0.42), (0.85, 0.9, 1.0), (1.0, 0.9, 0.7)]


def metal(rng: Rng, rough: float = 0.05) -> tuple[Map, Finish]:
    """Colour and finish of some metal: steel, zinc, brass, copper, blackened."""
    tone = rng.uniform(0.2, 0.75) if rng.random() < 0.75 else rng.uniform(0.02, 0.15)
    r, g, b = _METALS[int(rng.choice(len(_METALS), p=[0.4, 0.3, 0.1, 0.06, 0.07, 0.07]))]
    finish = Finish(rng.uniform(0.35, 0.95), rng.uniform(0.1, 0.95), True, rough * rng.uniform(0.1, 1.7) ** 2)
    return rgb(r, g, b) * tone, finish


def material(rng: Rng) -> tuple[Map, Finish]:
    """Metal, plastic, rubber or ceramics."""
    if rng.random() < 0.6:
        return metal(rng)
    finish = Finish(rng.uniform(0.02, 0.6), rng.uniform(0.05, 0.95), False, rng.uniform(0.0, 0.2))
    return paint(rng, 0.012, 0.75, 0.8), finish


def sheen(rng: Rng, pose: Pose, colour: Map) -> Map:
    """A turned face shines in two opposite fans, and its rings differ a little: (H, W, 3)."""
    angle, radius = np.arctan2(pose.y, pose.x), length(pose.x, pose.y)
    fans = np.cos(2 * (angle - rng.uniform(0, np.pi))) ** int(rng.choice([1, 3])) * np.clip(radius * 4 / pose.r, 0, 1)
    rings = np.interp(radius / pose.r, np.linspace(0, 1.05, 120), rng.standard_normal(120))
    grey = 1 + rng.uniform(0, 0.6) * fans + rng.uniform(0, 0.12) * rings
    return dyed(np.maximum(grey, 0.1).astype(np.float32), colour)


def lathe(rng: Rng, radius: Map, r: float, inner: float = 0.0) -> Map:
    """Heights of a turned face: random steps, grooves and chamfers from ``inner`` to ``r``; fine marks of the tool."""
    places = np.linspace(0, 1.05, 211)
    profile = np.zeros(211)
    for _ in range(int(rng.integers(1, 6))):
        at, wide = rng.uniform(inner / r, 1), rng.choice([0.012, 0.03, 0.08])
        rise = rng.normal(0, 0.05)
        if rng.random() < 0.6:
            profile += rise / (1 + np.exp(-np.clip((places - at) / (wide / 4), -50, 50)))
        else:
            profile -= abs(rise) * np.exp(-(((places - at) / wide) ** 2))
    edge = rng.uniform(0.01, 0.15)
    profile += edge * np.sqrt(np.clip(1 - np.clip((places - 1 + edge) / edge, 0, 1) ** 2, 0, 1))
    marks = rng.uniform(0, 0.0012) * rng.standard_normal(211) + rng.uniform(0, 0.0015) * np.sin(
        places * rng.uniform(60, 300)
    )
    heights: Map = (r * np.interp(radius / r, places, profile + marks)).astype(np.float32)
    return heights


def nut(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Hexagon, sometimes square, with a chamfer, a threaded bore and perhaps a flange."""
    colour, finish = metal(rng)
    r, radius = pose.r, length(pose.x, pose.y)
    flange = rng.random() < 0.25
    outer = 0.82 * r * (0.85 if flange else 1.0)
    sides = polygon(pose.x, pose.y, 6 if rng.random() < 0.85 else 4, outer if not flange else outer * 0.95)
    bore = r * rng.uniform(0.36, 0.55)
    high = r * rng.uniform(0.2, 0.5)
    chamfer = np.clip(radius - r * rng.uniform(0.78, 0.95), 0, None) * rng.uniform(0.5, 1.2)
    height = dome(sides, 0.04 * r, high, 1.5) - chamfer - np.clip(bore * 1.12 - radius, 0, None) * 1.2
    far = sides
    if flange:
        far = np.minimum(sides, radius - r)
        height = np.maximum(height, dome(radius - r, 0.1 * r, 0.12 * r))
    pitch = r * rng.uniform(0.03, 0.06)
    thread = np.where(radius < bore, 0.4 * pitch * np.sin(2 * np.pi * radius / pitch + np.arctan2(pose.y, pose.x)), 0)
    hole = step(radius - bore * rng.uniform(0.75, 0.9), 1.5)
    body = Solid(step(far, 1.3) * (1 - hole), height * pose.vary(rng, 0.03) + thread, colour, finish, high * 0.5)
    depth = Solid(hole * (1.0 if rng.random() < 0.5 else 0.0), 0 * radius, rgb(0.01, 0.01, 0.01), Finish(0.1), 0)
    solids = [body, depth] if rng.random() < 0.6 else [body]
    return Drawn(solids if pose.cell is None else [body], pose.apart(body.cover))


def screw_head(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """From above: a domed, flat or cylinder head with a slot, a cross, a hexagon or a star."""
    colour, finish = metal(rng)
    r, radius = pose.r, length(pose.x, pose.y)
    high = r * rng.uniform(0.1, 0.5)
    height = dome(radius - r, r * rng.choice([0.06, 0.2, 0.6, 1.0]), high)
    drive = rng.integers(5)
    wide = r * rng.uniform(0.07, 0.14)
    if drive == 0:
        slot = box(pose.x, pose.y, r * 1.2, wide)
    elif drive == 1:
        arm = r * rng.uniform(0.45, 0.65)
        slot = np.minimum(box(pose.x, pose.y, arm, wide, wide / 2), box(pose.x, pose.y, wide, arm, wide / 2))
        slot = np.minimum(slot, length(pose.x, pose.y) - 1.6 * wide)
    elif drive == 2:
        slot = polygon(pose.x, pose.y, 6, r * rng.uniform(0.35, 0.5))
    else:
        lobes = np.cos((6 if drive == 3 else 4) * np.arctan2(pose.y, pose.x))
        slot = radius - r * rng.uniform(0.38, 0.5) * (1 + 0.16 * lobes)
    depth = r * rng.uniform(0.1, 0.3)
    height = height - depth * step(slot, max(1.5, 0.06 * r)) * (1 + 0 * radius)
    if rng.random() < 0.4:
        height += 0.0012 * r * np.sin(radius * rng.uniform(0.8, 2.5))
    washer = rng.random() < 0.3 and pose.cell is None
    face = sheen(rng, pose, colour) if rng.random() < 0.5 else colour
    head = Solid(step(radius - r * (0.75 if washer else 1), 1.3), height, face, finish, high * 0.8)
    if not washer:
        return Drawn([head], pose.apart(head.cover))
    under, shine = metal(rng)
    ring = Solid(step(radius - r, 1.3), dome(radius - r, 0.04 * r, 0.08 * r), under, shine, 0.1 * r)
    return Drawn([ring, head], [head.cover > 0.5], [ring])


def screw_side(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Lying: head, shank, threads, tip. ``pose.x`` runs along it."""
    colour, finish = metal(rng)
    r, at, y = pose.r, pose.x / pose.r, pose.y
    shank = r * rng.uniform(0.1, 0.2)
    head_long, head_wide = rng.uniform(0.12, 0.3), rng.uniform(1.6, 2.3)
    kind = rng.integers(4)
    tip = rng.uniform(0.75, 0.98) if rng.random() < 0.6 else 1.0
    begin = -1 + head_long + rng.uniform(0, 0.5)
    pitch = rng.uniform(0.035, 0.12) * r
    deep = min(rng.uniform(0.1, 0.25) * shank, pitch)
    wave = np.sin(2 * np.pi * (pose.x + rng.uniform(0.1, 0.35) * pitch * y / shank) / pitch)
    threaded = np.clip((at - begin) * 12, 0, 1)
    half = shank + threaded * deep * (0.5 * wave - 0.3)
    half = np.where(at > tip, half * np.clip((1 - at) / max(1 - tip, 1e-3), 0, 1), half)
    u = np.clip((at + 1) / head_long, 0, 1)  # along the head
    if kind == 0:  # countersunk
        head = shank * (head_wide + (1 - head_wide) * np.clip(u * 1.15 - 0.15, 0, 1))
    elif kind == 1:  # domed
        head = shank * head_wide * np.sqrt(np.clip(1 - (1 - u) ** 2, 0, 1))
    else:  # cylinder or hexagon
        head = shank * head_wide * np.clip(0.9 + 4 * u, 0, 1)
    half = np.where(at < -1 + head_long, head, half)
    half = np.where((at < -1) | (at > 1), -1, half).astype(np.float32)
    height = np.sqrt(np.maximum(half * half - y * y, 0))
    if kind == 3:
        faces = np.round(np.arcsin(np.clip(y / np.maximum(half, 1), -1, 1)) / (np.pi / 3)) * (np.pi / 3)
        flat = (
            half
            * np.cos(np.pi / 6)
            / np.maximum(np.cos(np.arcsin(np.clip(y / np.maximum(half, 1), -1, 1)) - faces), 0.3)
        )
        height = np.where(at < -1 + head_long, np.sqrt(np.maximum(flat * flat - y * y, 0)), height)
    cover = step(np.abs(y) - half, 1.3) * (half > 0)
    body = Solid(cover, height.astype(np.float32), colour, finish, shank * 0.9)
    return Drawn([body], pose.apart(cover))


def gear(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Teeth all round, a hub, a bore, perhaps holes in the web; each tooth could be missing."""
    colour, finish = material(rng)
    r, radius = pose.r, length(pose.x, pose.y)
    angle = np.arctan2(pose.y, pose.x)
    teeth = int(rng.integers(10, 48))
    tall = r * min(0.25, rng.uniform(1.2, 2.4) / teeth * 1.5)
    wave = np.tanh(rng.uniform(1.5, 5) * np.cos(teeth * angle))
    far = radius - (r - tall * (0.5 - 0.5 * wave))
    bore = r * rng.uniform(0.1, 0.3)
    holes: Map = np.full(radius.shape, np.inf, np.float32)
    if rng.random() < 0.5:
        count, out = int(rng.integers(3, 8)), r * 0.55
        near = (angle + np.pi) % (2 * np.pi / count) - np.pi / count
        holes = length(radius * np.cos(near) - out, radius * np.sin(near)) - r * rng.uniform(0.06, 0.14)
    height = lathe(rng, radius, r * 0.9, bore) + dome(far, 0.03 * r, 0.12 * r)
    empty = np.minimum(radius - bore, holes)
    if rng.random() < 0.3:
        empty = np.minimum(empty, box(pose.x - bore, pose.y, bore * 0.3, bore * 0.25))
    whole = step(far, 1.3) * (1 - step(empty, 1.3))
    gaps = step(radius - (r - tall), 1.3) * (1 - step(empty, 1.3))
    face = sheen(rng, pose, colour) if finish.metal else colour
    body = Solid(whole, height, face, finish, 0.15 * r)
    number = np.floor((angle + np.pi + np.pi / teeth) / (2 * np.pi / teeth)).astype(np.int32) % teeth
    tooth = (whole > 0.5) & (radius > r - tall)
    if pose.cell is not None:
        return Drawn([body], pose.apart(whole))
    return Drawn([body], [tooth & (number == k) for k in range(teeth)], [Solid(gaps, height, face, finish, 0.15 * r)])


def ring(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Washers, rubber seals, O-rings, bearings, flanges with holes."""
    r, radius = pose.r, length(pose.x, pose.y)
    inner = r * rng.uniform(0.25, 0.9)
    middle, half = (r + inner) / 2, (r - inner) / 2
    far = np.abs(radius - middle) - half
    kind = rng.random()
    if kind < 0.4:  # round in section
        colour, finish = material(rng)
        height = np.sqrt(np.maximum(half**2 - (radius - middle) ** 2, 0)) * rng.uniform(0.3, 1)
        if rng.random() < 0.4:
            height = height + 0.02 * half * step(np.abs(radius - middle) - 0.5, 1.4)
    else:
        colour, finish = material(rng)
        height = lathe(rng, radius, r, inner) + dome(far, rng.uniform(0.04, 0.5) * half, 0.1 * r)
    face = sheen(rng, pose, colour) if finish.metal and kind > 0.4 else colour
    body = Solid(step(far, 1.3), height * pose.vary(rng, 0.03), face, finish, 0.08 * r)
    if pose.cell is not None or half < 0.2 * r or rng.random() < 0.4:
        return Drawn([body], pose.apart(body.cover))
    count = int(rng.integers(3, 17))
    angle = (np.arctan2(pose.y, pose.x) + np.pi) / (2 * np.pi / count)
    near = (angle % 1 - 0.5) * (2 * np.pi / count)
    bore = min(half * 0.6, 2.2 * middle / count)
    hole = length(radius * np.cos(near) - middle, radius * np.sin(near)) - bore
    if rng.random() < 0.5:  # balls of a bearing, or bolts
        tone, shine = metal(rng)
        balls = Solid(step(hole, 1.3), dome(hole, bore, bore * rng.uniform(0.3, 1)), tone, shine, 0.05 * r)
        elements = [(hole < 0) & (np.floor(angle) == k) for k in range(count)]
        return Drawn([body, balls], elements, [body])
    drilled = Solid(body.cover * (1 - step(hole, 1.3)), height - 0.5 * dome(-hole, 2, 2), face, finish, 0.08 * r)
    return Drawn([drilled], [(hole < 1) & (np.floor(angle) == k) for k in range(count)], [body])


def spring(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A coil from the side: the near half of each turn over the far half."""
    colour, finish = metal(rng)
    r, coil = pose.r, pose.r * rng.uniform(0.2, 0.3)
    turns = int(rng.integers(5, 22))
    pitch = 2 * r * 0.96 / turns
    wire = min(pitch * rng.uniform(0.2, 0.42), coil * 0.3)
    inside = (np.abs(pose.y) < coil + wire) & (np.abs(pose.x) < r)
    across = np.clip(pose.y / coil, -1, 1)
    solids = []
    for sign, lift in ((-1, 0.0), (1, 1.0)):
        phase = sign * np.arcsin(across) / (2 * np.pi) * pitch + (0 if sign > 0 else pitch / 2)
        away = (pose.x - phase) % pitch
        away = np.minimum(away, pitch - away)
        slope = np.sqrt(1 + (pitch / (2 * np.pi * coil)) ** 2 / np.maximum(1 - across**2, 0.03))
        away = length(away / slope, np.maximum(np.abs(pose.y) - coil, 0))
        height = np.sqrt(np.maximum(wire**2 - away**2, 0)) + lift * np.sqrt(1 - across**2) * coil * 0.2
        cover = step(away - wire, 1.3) * inside
        shade = colour * (0.5 if sign < 0 else 1.0)
        solids.append(Solid(cover, height, shade, finish, wire * 1.2))
    return Drawn(solids, pose.apart(np.maximum(solids[0].cover, solids[1].cover)))


def cylinder(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Tubes, pins, rollers, cartridges: bands of several colours and diameters along ``pose.x``."""
    colour, finish = material(rng)
    r, at = pose.r, pose.x / pose.r
    cuts = np.sort(rng.uniform(-0.9, 0.9, int(rng.integers(0, 6))))
    band = np.searchsorted(cuts, at)
    widths = r * rng.uniform(0.18, 0.3) * (1 - rng.uniform(0, 0.35, len(cuts) + 1) * (rng.random() < 0.6))
    half: Map = widths.astype(np.float32)[band]
    if rng.random() < 0.4:
        half = half * (1 + 0.04 * np.sin(at * rng.uniform(20, 120)) * np.isin(band, rng.integers(0, len(cuts) + 1, 2)))
    end = rng.uniform(0.001, 0.25)
    half = half * np.sqrt(np.clip(1 - np.clip((np.abs(at) - 1 + end) / end, 0, 1) ** 2, 0, 1))
    height = np.sqrt(np.maximum(half**2 - pose.y**2, 0))
    shades = np.array(
        [
            np.array(colour) * (np.array(tint(rng, 0.6)) * rng.uniform(0.4, 1.5) if rng.random() < 0.35 else 1)
            for _ in widths
        ]
    )
    cover = step(np.abs(pose.y) - half, 1.3) * step(np.abs(pose.x) - r, 1.3)
    body = Solid(cover, height, shades.astype(np.float32)[band], finish, r * 0.15)
    return Drawn([body], pose.apart(cover))


def casting(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A lobed flange, a knob, a button: cast or moulded, holes in its lobes, some with a boss in the middle."""
    colour, finish = material(rng)
    r, radius = pose.r, length(pose.x, pose.y)
    angle, lobes = np.arctan2(pose.y, pose.x), int(rng.integers(2, 7))
    deep = rng.uniform(0.03, 0.3) / (1 + 0.1 * lobes)
    far = radius - r * (1 - deep + deep * np.cos(lobes * angle))
    body = dome(far, r * rng.uniform(0.03, 0.25), r * rng.uniform(0.06, 0.15)) + lathe(rng, radius, r, 0.2 * r) * 0.7
    boss = radius - r * rng.uniform(0.2, 0.45)
    if rng.random() < 0.6:
        body = body + dome(boss, 0.1 * r, rng.uniform(0.04, 0.15) * r)
    far_out = 0.45 if rng.random() < 0.3 else rng.uniform(0.62, 0.78)
    number = np.round(angle / (2 * np.pi / lobes)) % lobes
    near = angle - np.round(angle / (2 * np.pi / lobes)) * (2 * np.pi / lobes)
    hole = length(radius * np.cos(near) - far_out * r, radius * np.sin(near)) - r * rng.uniform(0.06, 0.13)
    middle = step(radius - r * rng.uniform(0.08, 0.18), 1.3) if rng.random() < 0.5 else np.zeros(stage.size, np.float32)
    cover = step(far, 1.3) * (1 - middle)
    grain = rng.uniform(0, 0.006) * r * stage.broad
    blank = Solid(cover, body + grain, colour, finish, 0.12 * r)
    drilled = Solid(cover * (1 - step(hole, 1.3)), blank.height, colour, finish, 0.12 * r)
    if pose.cell is not None:
        return Drawn([drilled], pose.apart(cover))
    return Drawn([drilled], [(hole < 1) & (number == k) for k in range(lobes)], [blank])
