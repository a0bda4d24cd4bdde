"""Pills, nuts, biscuits, candles: pressed, grown and baked pieces."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.scenes.grounds import dyed, paint, rgb, tint
from iapas.synthesis.scenes.poses import Pose, box, dome, length
from iapas.synthesis.scenes.prints import word
from iapas.synthesis.scenes.studio import Drawn, Finish, Solid, Stage, soften, specks
from iapas.synthesis.texture import Map, Rng, mix, noise, step


def _even(stage: Stage, colour: Map, spread: float = 0.02) -> Map:
    return dyed((1 + spread * stage.broad).astype(np.float32), colour)


def _printed(rng: Rng, stage: Stage, pose: Pose, solid: Solid, reach: float) -> Drawn:
    """``solid`` with a word printed or stamped on it, letters being its elements."""
    ink, letters = word(rng, pose, reach)
    albedo = (
        solid.albedo if isinstance(solid.albedo, np.ndarray) else dyed(np.ones(stage.size, np.float32), solid.albedo)
    )
    if rng.random() < 0.35:
        height = solid.height - rng.uniform(0.01, 0.04) * pose.r * soften(ink, 0.006 * pose.r)
        marked = Solid(solid.cover, height, albedo, solid.finish, solid.tall)
    else:
        colour = paint(rng, 0.01, 0.7, 1.0)
        marked = Solid(solid.cover, solid.height, mix(albedo, colour, 0.9 * ink), solid.finish, solid.tall)
    if pose.cell is not None:
        return Drawn([marked], pose.apart(solid.cover))
    return Drawn([marked], [letter & (solid.cover > 0.9) for letter in letters], [solid])


def capsule(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Two halves of a soft or hard capsule, often printed, sometimes translucent."""
    half = pose.r * rng.uniform(0.28, 0.4)
    far = length(np.maximum(np.abs(pose.x) - (pose.r - half), 0), pose.y) - half
    height = np.sqrt(np.maximum(half**2 - np.maximum(far + half, 0) ** 2, 0)) * rng.uniform(0.7, 1)
    seam = rng.uniform(-0.25, 0.25) * pose.r
    cap = step(pose.x - seam, 1.5)
    height = height + 0.03 * half * cap
    first, second = paint(rng, 0.03, 0.8, 1.0), paint(rng, 0.03, 0.8, 1.0)
    if rng.random() < 0.35:
        second = first
    albedo = mix(_even(stage, first), _even(stage, second), cap)
    solid = Solid(
        step(far, 1.3), height, albedo, Finish(rng.uniform(0.1, 0.7), rng.uniform(0.4, 0.97), False, 0.03), half * 0.7
    )
    if rng.random() < 0.6:
        return _printed(rng, stage, pose, solid, 0.7)
    return Drawn([solid], pose.apart(solid.cover))


def tablet(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Round or oval, domed, bevelled or flat, with a score line or an imprint, speckled or coated."""
    wide = rng.uniform(0.5, 0.85) if rng.random() < 0.4 else 1.0
    far = (
        (length(pose.x, pose.y / wide) - pose.r) * wide
        if rng.random() < 0.7
        else box(pose.x, pose.y, pose.r, pose.r * wide, pose.r * rng.uniform(0.2, 0.5))
    )
    height = dome(far, pose.r * wide * rng.uniform(0.06, 1.0), pose.r * rng.uniform(0.08, 0.3))
    colour = paint(rng, 0.15, 0.85, 0.6)
    albedo = _even(stage, colour)
    if rng.random() < 0.4:
        specks = np.clip(noise(rng, stage.size, max(0.8, pose.r / rng.uniform(40, 110))) - rng.uniform(0.8, 1.7), 0, 1)
        other = paint(rng, 0.05, 0.7, 1.0)
        albedo = mix(albedo, other, 0.8 * specks)
    score = np.zeros(stage.size, np.float32)
    if rng.random() < 0.45:
        score = step(np.abs(pose.x) - 0.03 * pose.r, max(1.2, 0.05 * pose.r))
        height = height - 0.06 * pose.r * score
    finish = Finish(rng.uniform(0.0, 0.4), rng.uniform(0.05, 0.8), False, rng.uniform(0.0, 0.3))
    solid = Solid(step(far, 1.3), height * pose.vary(rng, 0.02), albedo, finish, 0.15 * pose.r)
    if rng.random() < 0.4 and not score.any():
        return _printed(rng, stage, pose, solid, 0.6)
    return Drawn([solid], pose.apart(solid.cover))


def kernel(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Hazelnuts, beans, seeds, stones of fruit: ovoids with a fibrous or spotted skin and a paler end."""
    wide, egg = rng.uniform(0.65, 0.98), rng.uniform(0.0, 0.3)
    wobble = 1 + rng.uniform(0.01, 0.04) * noise(rng, stage.size, pose.r * 0.8)
    x, y = pose.x / pose.r * wobble * pose.vary(rng, 0.04), pose.y / pose.r / wide * wobble
    y = y * (1 + egg * x)
    far = (length(x, y) - 1) * pose.r * wide
    height = dome(far, pose.r * wide, pose.r * wide * rng.uniform(0.5, 0.9))
    skin = rng.uniform(0.1, 0.5) * np.tanh(noise(rng, stage.size, pose.r * 0.25, pose.r * 0.08))
    skin = skin + rng.uniform(0.02, 0.15) * specks(stage, rng, pose.r / 50)
    if rng.random() < 0.5:
        skin = skin + rng.uniform(0.05, 0.25) * np.sin(
            y * rng.uniform(6, 25) / np.sqrt(np.maximum(1.1 - x * x, 0.1)) + 2 * stage.broad
        )
    brown = rgb(0.34, 0.15, 0.06) * rng.uniform(0.3, 1.8) if rng.random() < 0.65 else paint(rng, 0.04, 0.5, 1.0)
    albedo = brown * np.clip(1 + skin, 0.2, 2)[..., None]
    if rng.random() < 0.6:
        end = step((0.62 + 0.05 * noise(rng, stage.size, pose.r * 0.15) - x) * pose.r, 0.06 * pose.r)
        pale = dyed(1 + 0.2 * specks(stage, rng, pose.r / 30), rgb(0.5, 0.36, 0.2))
        albedo = mix(albedo, pale.astype(np.float32), end * rng.uniform(0.4, 1))
    finish = Finish(rng.uniform(0.02, 0.5), rng.uniform(0.05, 0.6), False, rng.uniform(0.02, 0.3))
    solid = Solid(step(far, 1.4), height, albedo.astype(np.float32), finish, 0.4 * pose.r)
    return Drawn([solid], pose.apart(solid.cover))


def bent_piece(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Cashews, macaroni, hooks of plastic: a bow of round section, tapered, ribbed or hollow."""
    bow = pose.r * rng.uniform(0.45, 0.75)
    thick = bow * rng.uniform(0.3, 0.55)
    open_half = rng.uniform(0.5, 2.2)  # half the angle that the bow leaves open
    x, y = pose.x + bow * 0.2, pose.y
    angle = np.abs(np.arctan2(y, -x))  # 0 in the opening
    centre_x, centre_y = -bow * np.cos(open_half), bow * np.sin(open_half)
    tip = length(x - centre_x, np.abs(y) - centre_y)
    radius = length(x, y)
    away = np.where(angle > open_half, np.abs(radius - bow), tip)
    taper = thick * (1 - rng.uniform(0, 0.35) * np.clip(1 - (angle - open_half) / 1.5, 0, 1)) * pose.vary(rng, 0.05)
    taper = taper * (1 + 0.04 * noise(rng, stage.size, pose.r * 0.4))
    far = away - taper
    height = np.sqrt(np.maximum(taper**2 - away**2, 0)) * rng.uniform(0.6, 1)
    height = height + rng.uniform(0, 0.03) * thick * noise(rng, stage.size, max(1.5, pose.r / 15))
    if rng.random() < 0.35:
        height = height + 0.05 * thick * np.sin((radius - bow) / thick * rng.uniform(8, 20))
    pale = rgb(0.75, 0.55, 0.3) * rng.uniform(0.4, 1.1) if rng.random() < 0.7 else paint(rng, 0.05, 0.7, 0.9)
    blotch = 1 + rng.uniform(0.02, 0.12) * noise(rng, stage.size, pose.r * 0.2) + 0.03 * stage.grain
    albedo = (pale * blotch[..., None]).astype(np.float32)
    finish = Finish(rng.uniform(0.02, 0.4), rng.uniform(0.05, 0.7), False, rng.uniform(0.02, 0.2))
    solid = Solid(step(far, 1.4), height.astype(np.float32), albedo, finish, 0.6 * thick)
    return Drawn([solid], pose.apart(solid.cover))


def _biscuit_outline(x: Map, y: Map, r: float, square: bool) -> Map:
    return box(x, y, r * 0.98, r * 0.9, 0.15 * r) if square else length(x, y) - 0.96 * r


def biscuit(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """Baked: an uneven disc or square with crust, pores, chips, holes in rows, a browned rim."""
    outline = rng.uniform(0.01, 0.05) * pose.r * noise(rng, stage.size, pose.r * 0.3)
    square = rng.random() < 0.35
    far = _biscuit_outline(pose.x, pose.y, pose.r, square)
    if rng.random() < 0.4:
        far = far + 0.02 * pose.r * np.cos(rng.integers(12, 40) * np.arctan2(pose.y, pose.x))
    far = far + outline
    crust = noise(rng, stage.size, pose.r * 0.12) + 0.6 * specks(stage, rng, pose.r * 0.03)
    height = dome(far, pose.r * rng.uniform(0.1, 0.9), pose.r * 0.2) + rng.uniform(0.003, 0.02) * pose.r * crust
    browned = np.clip(1 + far / (pose.r * rng.uniform(0.1, 0.5)), 0, 1) * rng.uniform(0, 0.6)
    tone = rgb(0.55, 0.33, 0.13) * rng.uniform(0.25, 1.3)
    albedo = tone * np.clip(1 + 0.12 * crust - browned, 0.2, 2)[..., None] * tint(rng, 0.15)
    elements = pose.apart(step(far))
    solid = Solid(step(far, 1.5), height, albedo.astype(np.float32), Finish(0.05, 0.2, False, 0.15), 0.15 * pose.r)
    if rng.random() < 0.4:  # chips of chocolate, seeds, grains of salt
        lumps = noise(rng, stage.size, pose.r * rng.uniform(0.03, 0.08)) - rng.uniform(0.7, 1.3)
        inside = step(-lumps * pose.r * 0.05, 1.2) * step(far + 0.1 * pose.r, 1.5)
        dark = rgb(0.9, 0.6, 0.35) * rng.choice([0.04, 0.08, 0.7])
        solid = Solid(
            solid.cover, height + 0.03 * pose.r * inside, mix(solid.albedo, dark, inside), solid.finish, solid.tall
        )
    elif rng.random() < 0.6:
        pitch = pose.r * rng.uniform(0.22, 0.5)
        x, y = (pose.x + pitch / 2) % pitch - pitch / 2, (pose.y + pitch / 2) % pitch - pitch / 2
        well_in = _biscuit_outline(pose.x - x, pose.y - y, pose.r, square) < -0.12 * pose.r
        holes = step(length(x, y) - 0.09 * pitch, 0.07 * pitch + 1) * well_in
        plain_solid, height = solid, height - 0.1 * pitch * holes
        solid = Solid(solid.cover, height, solid.albedo * (1 - 0.5 * holes)[..., None], solid.finish, solid.tall)
        if pose.cell is None:
            count, marked = cv2.connectedComponents((holes > 0.3).astype(np.uint8))
            return Drawn([solid], [marked == k for k in range(1, min(count, 41))], [plain_solid])
    return Drawn([solid], elements)


def wheel(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A rim, spokes and a hub: fried dough, hand wheels, fans, plastic discs; a spoke could be missing."""
    r, radius = pose.r, length(pose.x, pose.y)
    wobble = rng.uniform(0, 0.04) * r * noise(rng, stage.size, r * 0.25)
    rim_half, hub = r * rng.uniform(0.06, 0.16), r * rng.uniform(0.12, 0.3)
    spokes, spoke_half = int(rng.integers(3, 9)), r * rng.uniform(0.04, 0.1)
    rim = np.abs(radius - (r - rim_half)) - rim_half + wobble
    number = (np.arctan2(pose.y, pose.x) + np.pi) / (2 * np.pi / spokes)
    away = (number % 1 - 0.5) * (2 * np.pi / spokes)
    spoke = np.maximum(np.abs(radius * np.sin(away)) - spoke_half, radius - r + rim_half) + 0.3 * wobble
    middle = radius - hub + wobble
    colour = rgb(0.7, 0.42, 0.12) * rng.uniform(0.4, 1.1) if rng.random() < 0.6 else paint(rng, 0.02, 0.7, 0.9)
    rough = rng.uniform(0, 0.015) * r * noise(rng, stage.size, r * 0.05)
    albedo = (colour * (1 + 0.06 * stage.broad + 0.05 * noise(rng, stage.size, r * 0.1))[..., None]).astype(np.float32)
    finish = Finish(rng.uniform(0.05, 0.5), rng.uniform(0.1, 0.8), False, 0.1)
    solids = [
        Solid(step(far, 1.4), dome(far, rim_half, rim_half) + rough, albedo, finish, rim_half)
        for far in (np.minimum(np.minimum(rim, middle), spoke), np.minimum(rim, middle))
    ]
    hole = step(radius - hub * 0.5, 1.4) if rng.random() < 0.4 else np.zeros(stage.size, np.float32)
    solids = [Solid(s.cover * (1 - hole), s.height, s.albedo, s.finish, s.tall) for s in solids]
    if pose.cell is not None:
        return Drawn(solids[:1], pose.apart(solids[0].cover))
    bars = (solids[0].cover > 0.5) & (solids[1].cover < 0.5)
    return Drawn(solids[:1], [bars & (np.floor(number) == k) for k in range(spokes)], solids[1:])


def candle(rng: Rng, stage: Stage, pose: Pose) -> Drawn:
    """A cup with wax and a wick, seen from above; or a jar, a pot of cream."""
    r, radius = pose.r, length(pose.x, pose.y)
    inner = r * rng.uniform(0.8, 0.95)
    cup = Solid(
        step(radius - r, 1.3),
        dome(np.abs(radius - (r + inner) / 2) - (r - inner) / 2, 0.05 * r, 0.06 * r),
        rgb(0.5, 0.5, 0.52),
        Finish(0.7, 0.6, True),
        0.2 * r,
    )
    level = 0.02 * r * noise(rng, stage.size, r * 0.4) + rng.uniform(0, 0.004) * r * noise(
        rng, stage.size, max(1.0, r * 0.05)
    )
    wax = Solid(
        step(radius - inner, 1.5),
        level + dome(-(radius - inner), 0.1 * r, 0),
        _even(stage, paint(rng, 0.2, 0.85, 0.6), 0.03),
        Finish(rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.9), False, 0.05),
        0,
    )
    wick = box(pose.x - 0.06 * r * rng.normal(), pose.y, 0.18 * r, 0.035 * r, 0.03 * r)
    thread = Solid(
        step(wick, 1.4),
        dome(wick, 0.03 * r, 0.04 * r),
        paint(rng, 0.03, 0.8, 0.3),
        Finish(0.05, 0.2, False, 0.3),
        0.1 * r,
    )
    plain = [cup, wax]
    if pose.cell is not None:
        return Drawn([*plain, thread], pose.apart(cup.cover))
    return Drawn([*plain, thread], [thread.cover > 0.5], plain)
