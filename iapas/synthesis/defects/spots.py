"""Defects that are spots: holes, pits, stains, rust, dents, particles, drops."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.defects.patch import (
    Painted,
    Patch,
    between,
    cloud,
    darker,
    ellipse,
    lighter,
    material,
    moved,
    over,
    polygon,
    shaded,
    shape,
    slopes,
    soft,
    toned,
)
from iapas.synthesis.texture import Map, Rng


def hole(rng: Rng, patch: Patch) -> Painted:
    """Dark, with a rim that is bright or frayed."""
    far = ellipse(rng, patch, patch.radius * 0.85, between(rng, 1, 1.8), rng.choice([0.02, 0.1, 0.2]))
    inside = soft(far, max(1.0, patch.radius * rng.uniform(0.05, 0.5)))
    rim = np.exp(-((far / np.float32(max(1.0, 0.15 * patch.radius))) ** 2)) * (far > 0)
    lit = np.clip(slopes(cv2.GaussianBlur(-far, (0, 0), 1), patch.light), -1, 1)
    colour = lighter(patch.colour, np.clip(-lit, 0, 1) * rim * rng.uniform(0, 0.9), 0.7, patch.tone())
    colour = darker(colour, inside, rng.uniform(0.7, 0.98))
    return Painted(colour, np.maximum(inside, rim))


def pit(rng: Rng, patch: Patch) -> Painted:
    """A small bowl: its wall towards the light is dark, the other one bright."""
    far = ellipse(rng, patch, patch.radius * 0.85, between(rng, 1, 2), 0.12)
    inside = soft(far, max(1.0, patch.radius * 0.6))
    bowl = cv2.GaussianBlur(np.clip(far, -patch.radius, 0), (0, 0), max(0.7, patch.radius / 5))
    colour = shaded(darker(patch.colour, inside, rng.uniform(0.2, 0.8)), bowl, patch.light, rng.uniform(0.7, 2))
    return Painted(over(patch.colour, colour, soft(far - 1.5, 2)), soft(far - 1, 2), relief=True)


def dots(rng: Rng, patch: Patch) -> Painted:
    """A swarm of pits, specks or pinholes; one defect together."""
    count = int(between(rng, 5, 60))
    scale, shift = 2, 16
    canvas = np.zeros((patch.size[0] * scale, patch.size[1] * scale), np.uint8)
    largest = float(np.clip(patch.radius / 10, 0.8, 5 * patch.scale))
    stretch = 1.0 if rng.random() < 0.6 else rng.uniform(1.5, 4)
    places = rng.normal(0, 0.42 * patch.radius, (count, 2)) * [1, 1 / stretch]
    turn = rng.uniform(0, np.pi)
    places = places @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) + patch.centre
    radii = np.maximum(largest * rng.lognormal(-0.4, 0.5, count), 0.5)
    for (row, column), radius in zip(places, radii, strict=True):
        middle = round((column + 0.5) * scale * shift), round((row + 0.5) * scale * shift)
        axes = round(radius * scale * shift), round(radius * scale * shift * rng.uniform(0.6, 1))
        level = int(rng.uniform(130, 255))
        cv2.ellipse(canvas, middle, axes, float(rng.uniform(0, 180)), 0, 360, level, -1, cv2.LINE_AA, 4)
    cover = cv2.resize(canvas, patch.size[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if rng.random() < 0.3:
        wide = cv2.dilate(cover, np.ones((3, 3), np.uint8))
        return Painted(
            shaded(patch.colour, cv2.GaussianBlur(-3 * cover, (0, 0), 0.7), patch.light, 2.0), wide, relief=True
        )
    return Painted(toned(rng, patch, cover, rng.random() < 0.7), cover)


def poke(rng: Rng, patch: Patch) -> Painted:
    """A pin's mark: a dark point in a raised ring."""
    rows, columns = patch.away()
    far = np.hypot(rows, columns)
    ring = np.exp(-(((far - 0.6 * patch.radius) / np.float32(0.25 * patch.radius + 0.5)) ** 2)) * np.float32(2)
    colour = shaded(patch.colour, ring.astype(np.float32), patch.light, rng.uniform(0.5, 1.5))
    colour = darker(colour, soft(far - 0.35 * patch.radius, 1.5), rng.uniform(0.6, 0.95))
    return Painted(colour, soft(far - patch.radius, 1), relief=True)


def spot(rng: Rng, patch: Patch) -> Painted:
    """A bright or dark dot, hard or soft."""
    cover = soft(ellipse(rng, patch, patch.radius * 0.8, between(rng, 1, 1.6), 0.08), between(rng, 1, patch.radius + 2))
    return Painted(toned(rng, patch, cover, rng.random() < 0.4), cover)


def stain(rng: Rng, patch: Patch) -> Painted:
    """A blotch, soft or hard at its edge, sometimes with the ring that drying leaves."""
    far = shape(rng, patch, patch.radius * 0.85)
    cover = soft(far, between(rng, 1.5, patch.radius * 0.6 + 2))
    if rng.random() < 0.35:
        ring = np.exp(-(((far + 0.06 * patch.radius) / np.float32(0.05 * patch.radius + 1)) ** 2)).astype(np.float32)
        cover = np.maximum(cover * rng.uniform(0, 0.5), ring)
    cover = cover * np.clip(1 + rng.uniform(0, 0.5) * cloud(rng, patch.size, patch.radius / 2 + 1, 3), 0, 1)
    colour = toned(rng, patch, cover, rng.random() < 0.7, (0.25, 0.8))
    if rng.random() < 0.3:
        tint = np.exp(rng.normal(0, 0.25, 3)).astype(np.float32)
        colour = over(colour, colour * tint, cover)
    return Painted(colour, cover)


def discoloured(rng: Rng, patch: Patch) -> Painted:
    """Another hue, and hardly another lightness."""
    cover = soft(shape(rng, patch, patch.radius * 0.9), between(rng, 2, patch.radius * 0.8 + 2))
    tint = rng.normal(0, 0.45, 3)
    tint = np.exp(tint - tint.mean() + rng.normal(0, 0.15)).astype(np.float32)
    return Painted(over(patch.colour, patch.colour * tint, cover), cover)


def rust(rng: Rng, patch: Patch) -> Painted:
    """Brown crusts that a cloud has scattered."""
    far = ellipse(rng, patch, patch.radius * 0.8, between(rng, 1, 2.5), 0.3)
    cover = np.clip(
        soft(far, patch.radius) * 1.6 + 0.5 * cloud(rng, patch.size, patch.radius / 2 + 1, 4, 0.75) - 0.3, 0, 1
    )
    brown = np.array([rng.uniform(0.14, 0.4), rng.uniform(0.05, 0.13), rng.uniform(0.01, 0.05)], np.float32)
    crust = np.maximum(1 + 0.35 * cloud(rng, patch.size, 3 * patch.scale, 3, 0.8), 0.2)[..., None] * brown
    return Painted(over(patch.colour, crust, cover * rng.uniform(0.7, 1)), cover)


def burn(rng: Rng, patch: Patch) -> Painted:
    """Black in the middle, brown around it."""
    far = ellipse(rng, patch, patch.radius * 0.7, between(rng, 1, 2), 0.2) / np.float32(patch.radius)
    halo = np.clip(0.6 - far, 0, 1)
    brown = over(patch.colour, patch.colour * np.array([0.75, 0.5, 0.3], np.float32), np.clip(halo * 1.6, 0, 1))
    black = np.clip(-2.5 * far + 0.2 * cloud(rng, patch.size, patch.radius / 3 + 1, 3), 0, 1)
    return Painted(darker(brown, black.astype(np.float32), 0.95), np.maximum(np.clip(1.5 * halo, 0, 1), black))


def oil(rng: Rng, patch: Patch) -> Painted:
    """Wetted: darker, smoother, hard at the edge, with a faint gloss."""
    far = shape(rng, patch, patch.radius * 0.85)
    cover = soft(far, 2)
    wet = cv2.GaussianBlur(patch.colour, (0, 0), 1.2) * np.array([0.55, 0.5, 0.42], np.float32)
    gloss = np.clip(cloud(rng, patch.size, patch.radius / 2 + 1, 2) - 1.2, 0, 1) * rng.uniform(0, 0.5)
    return Painted(over(patch.colour, lighter(wet, gloss, 0.8, patch.tone()), cover), cover)


def dent(rng: Rng, patch: Patch) -> Painted:
    """A bowl in the surface: dark towards the light, bright on the far side; its colour stays."""
    return _raised(rng, patch, -1.0)


def bump(rng: Rng, patch: Patch) -> Painted:
    """A blister or a lump, with a highlight where it is glossy."""
    painted = _raised(rng, patch, 1.0)
    if rng.random() < 0.4:
        rows, columns = patch.away()
        shift = 0.4 * patch.radius
        far = np.hypot(rows - patch.light[0] * shift, columns - patch.light[1] * shift)
        gloss = np.exp(-((far / np.float32(0.2 * patch.radius + 0.5)) ** 2)).astype(np.float32)
        return Painted(lighter(painted.colour, gloss, 0.9, patch.tone()), painted.cover, relief=True)
    return painted


def _raised(rng: Rng, patch: Patch, side: float) -> Painted:
    far = ellipse(rng, patch, patch.radius * 0.85, between(rng, 1, 3), rng.choice([0.0, 0.1, 0.25]))
    depth = np.clip(-far / np.float32(0.7 * patch.radius), 0, 1)
    height: Map = (depth * depth * (3 - 2 * depth)).astype(np.float32) * np.float32(side * 0.5 * patch.radius)
    height = cv2.GaussianBlur(height, (0, 0), max(0.7, patch.radius / 8))
    return Painted(shaded(patch.colour, height, patch.light, rng.uniform(0.8, 2.5)), soft(far - 1, 2), relief=True)


def particle(rng: Rng, patch: Patch) -> Painted:
    """A chip or crumb of some other stuff that lies on the surface, with its shadow."""
    far = polygon(rng, patch, patch.radius) if rng.random() < 0.5 else shape(rng, patch, patch.radius * 0.85)
    cover = soft(far, 1.2)
    fall = -np.array(patch.light) * (1 + 0.2 * patch.radius)
    cast = moved(cover, fall[0], fall[1])
    cast = cv2.GaussianBlur(cast, (0, 0), 0.8 + 0.08 * patch.radius)
    colour = darker(patch.colour, cast, rng.uniform(0, 0.6))
    stuff = material(rng, patch)
    round_top = cv2.GaussianBlur(cover, (0, 0), max(0.8, patch.radius / 4)) * np.float32(patch.radius * 0.6)
    return Painted(over(colour, shaded(stuff, round_top, patch.light, rng.uniform(0, 1.5)), cover), cover)


def drop(rng: Rng, patch: Patch) -> Painted:
    """A drop or bubble: it turns what is below it, dark at its rim, with a highlight."""
    radius = np.float32(patch.radius * 0.85)
    rows, columns = patch.away()
    stretch = np.float32(rng.uniform(0.75, 1))
    far = np.hypot(rows / stretch, columns) / radius
    bend = np.where(far < 1, 1 - rng.uniform(0.3, 0.8) * np.sqrt(np.clip(1 - far * far, 0, 1)), 1).astype(np.float32)
    colour = cv2.remap(
        patch.colour,
        columns * bend + np.float32(patch.centre[1]),
        rows * bend + np.float32(patch.centre[0]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    facing = (rows * patch.light[0] + columns * patch.light[1]) / radius
    shade = 1 - rng.uniform(0.2, 0.7) * np.clip(far, 0, 1) ** 4 - 0.35 * np.clip(facing, -1, 1)
    colour = colour * shade[..., None].astype(np.float32)
    at = 0.5 * radius
    glint = np.hypot(rows - patch.light[0] * at, columns - patch.light[1] * at) - 0.18 * radius
    colour = lighter(colour, soft(glint, 1.2), 1.0, patch.tone())
    cover = soft((far - 1) * radius, 1.2)
    return Painted(over(patch.colour, colour, cover), cover)


def splash(rng: Rng, patch: Patch) -> Painted:
    """A few opaque drops of paint or solder, one large and some small ones around it."""
    cover = soft(ellipse(rng, patch, patch.radius * 0.45, between(rng, 1, 2), 0.15), 1.2)
    for _ in range(int(rng.integers(1, 6))):
        rows, columns = patch.away()
        angle, far = rng.uniform(0, 2 * np.pi), patch.radius * rng.uniform(0.5, 0.9)
        from_here = np.hypot(rows - far * np.sin(angle), columns - far * np.cos(angle))
        cover = np.maximum(cover, soft(from_here - max(0.6, patch.radius * rng.uniform(0.03, 0.15)), 1.2))
    stuff: Map = material(rng, patch).mean((0, 1), dtype=np.float32)
    height = cv2.GaussianBlur(cover, (0, 0), max(0.8, patch.radius / 12)) * np.float32(patch.radius * 0.2)
    paint = shaded(np.broadcast_to(stuff, patch.colour.shape), height, patch.light, 1.5)
    return Painted(over(patch.colour, paint, cover), cover)
