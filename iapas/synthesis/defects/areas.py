"""Defects that are areas: rough, worn, uneven, of another texture, peeled."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.defects.patch import (
    Painted,
    Patch,
    between,
    cloud,
    ellipse,
    lighter,
    material,
    over,
    shaded,
    shape,
    soft,
)
from iapas.synthesis.texture import Map, Rng


def _area(rng: Rng, patch: Patch, edge: float | None = None) -> Map:
    """Cover of a blot; ``edge`` in radii, any if None."""
    softness = between(rng, 0.03, 0.6) if edge is None else edge
    return soft(shape(rng, patch, patch.radius * 0.9), max(1.5, softness * patch.radius))


def rough(rng: Rng, patch: Patch) -> Painted:
    """Roughened: grain of another scale over what was there."""
    cover = _area(rng, patch)
    grain = cloud(rng, patch.size, between(rng, 1, 5) * patch.scale**0.5, int(rng.integers(1, 4)), 0.8)
    if rng.random() < 0.5:
        worked = patch.colour * np.exp(rng.uniform(0.1, 0.6) * grain)[..., None]
    else:
        worked = shaded(patch.colour, 1.5 * grain, patch.light, rng.uniform(0.3, 1.2))
    return Painted(over(patch.colour, worked * np.float32(rng.choice([0.8, 1.0, 1.0, 1.2])), cover), cover)


def worn(rng: Rng, patch: Patch) -> Painted:
    """The texture is rubbed away; what is left is smooth, often paler."""
    cover = _area(rng, patch)
    smooth = cv2.GaussianBlur(patch.colour, (0, 0), between(rng, 1.5, 6) * patch.scale**0.5)
    tone = np.float32(rng.choice([0.75, 1.0, 1.0, 1.3]))
    return Painted(over(patch.colour, smooth * tone, cover), cover)


def uneven(rng: Rng, patch: Patch) -> Painted:
    """A large part of the surface is darker or lighter, and nobody can say where it begins."""
    cover = _area(rng, patch, rng.uniform(0.3, 1.2))
    cover = np.clip(cover * (1 + rng.uniform(0, 0.5) * cloud(rng, patch.size, patch.radius / 2 + 1, 4, 0.7)), 0, 1)
    factor = np.float32(between(rng, 0.3, 0.8) if rng.random() < 0.6 else between(rng, 1.3, 2.2))
    changed = patch.colour * factor
    if rng.random() < 0.4:
        changed = changed * np.exp(0.25 * cloud(rng, patch.size, between(rng, 1, 6), 2))[..., None]
    return Painted(over(patch.colour, changed, cover), cover)


def other_texture(rng: Rng, patch: Patch) -> Painted:
    """A patch of another stuff, cut out by noise, more or less opaque (Zavrtanik et al., DRAEM, 3.2)."""
    if rng.random() < 0.5:
        field = cloud(rng, patch.size, patch.radius * rng.uniform(0.3, 1.0) + 1, 3)
        within = soft(ellipse(rng, patch, patch.radius * 0.9, between(rng, 1, 2), 0.1), patch.radius * 0.3)
        cover = np.clip(3 * (field - rng.uniform(-0.3, 0.7)), 0, 1) * within
    else:
        cover = _area(rng, patch, 0.05)
    stuff = material(rng, patch)
    if rng.random() < 0.4:
        rows, columns = patch.away()
        turn, pitch = rng.uniform(0, np.pi), between(rng, 3, 16)
        wave = np.sin((columns * np.cos(turn) + rows * np.sin(turn)) * (2 * np.pi / pitch)).astype(np.float32)
        stuff = stuff * (1 + rng.uniform(0.1, 0.4) * wave)[..., None].astype(np.float32)
    return Painted(over(patch.colour, stuff, cover * np.float32(rng.uniform(0.35, 1))), cover)


def peeled(rng: Rng, patch: Patch) -> Painted:
    """A coat has come off: another ground, sharp edges that catch the light."""
    field = ellipse(rng, patch, patch.radius * 0.85, between(rng, 1, 2), 0.3)
    field = field + np.float32(0.15 * patch.radius) * cloud(rng, patch.size, patch.radius / 2 + 1, 4, 0.7)
    cover = soft(field, 1.2)
    ground = over(patch.colour, material(rng, patch), cover)
    edge = cv2.GaussianBlur(cover, (0, 0), 0.8) * np.float32(-2.0)
    return Painted(shaded(ground, edge, patch.light, rng.uniform(0.3, 1.2)), soft(field - 1, 1.5))


def pasted(rng: Rng, patch: Patch) -> Painted | None:
    """A piece of the same picture from elsewhere, turned or mirrored (Li et al., CutPaste, 2)."""
    height, width = patch.size
    whole = patch.whole
    if whole.shape[0] <= height or whole.shape[1] <= width:
        return None
    top = int(rng.integers(0, whole.shape[0] - height))
    left = int(rng.integers(0, whole.shape[1] - width))
    piece = whole[top : top + height, left : left + width]
    piece = piece[:: int(rng.choice([-1, 1])), :: int(rng.choice([-1, 1]))]
    tone = np.exp(rng.normal(0, 0.15, 3 if rng.random() < 0.5 else 1)).astype(np.float32)
    cover = _area(rng, patch, 0.05)
    return Painted(over(patch.colour, piece * tone, cover), cover)


def turned(rng: Rng, patch: Patch) -> Painted:
    """The grain or the weave runs another way here, or at another scale."""
    turn = float(rng.choice([rng.uniform(12, 90), 0, 180]))
    zoom = between(rng, 0.6, 1.7) if turn in (0, 180) else 1.0
    matrix = cv2.getRotationMatrix2D((patch.centre[1], patch.centre[0]), turn, zoom)
    other = cv2.warpAffine(patch.colour, matrix, patch.size[::-1], borderMode=cv2.BORDER_REFLECT)
    cover = _area(rng, patch, 0.06)
    return Painted(over(patch.colour, other, cover), cover)


def frost(rng: Rng, patch: Patch) -> Painted:
    """A milky or dusty veil."""
    cover = _area(rng, patch, rng.uniform(0.1, 0.8))
    dust = np.clip(0.5 + 0.5 * cloud(rng, patch.size, between(rng, 1, 8), 3, 0.8), 0, 1)
    return Painted(lighter(patch.colour, cover * dust, rng.uniform(0.2, 0.6), patch.tone()), cover)
