"""Defects that go through much of the picture, as on photographs taken from near: blotches, long streaks, bands."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.defects.patch import Painted, Patch, between, cloud, darker, ellipse, lighter, over, soft
from iapas.synthesis.texture import Map, Rng


def blotches(rng: Rng, patch: Patch) -> Painted:
    """Patches of one stain with a clear outline, at some distance of each other, grainy within."""
    radius = patch.radius
    field = cloud(rng, patch.size, radius * rng.uniform(0.35, 1.1) + 2, int(rng.integers(2, 5)), rng.uniform(0.35, 0.7))
    field -= np.float32(np.quantile(field[::2, ::2], rng.uniform(0.45, 0.8)))
    field = field - np.maximum(ellipse(rng, patch, radius, between(rng, 1, 2), 0.2) / np.float32(0.4 * radius), 0)
    cover = np.clip(field * np.float32(rng.uniform(2, 14)), 0, 1).astype(np.float32)
    grain = 1 + rng.uniform(0, 0.35) * cloud(rng, patch.size, between(rng, 1, 8) * patch.scale, 3)
    tint = np.exp(rng.normal(0, rng.choice([0.0, 0.02, 0.3]), 3)).astype(np.float32)
    factor = between(rng, 0.2, 0.75) if rng.random() < 0.65 else between(rng, 1.3, 3)
    stuff = patch.colour * np.maximum(np.float32(factor) * grain, 0.05)[..., None].astype(np.float32) * tint
    return Painted(over(patch.colour, stuff, cover), cover)


def runs(rng: Rng, patch: Patch) -> Painted:
    """One to five bundles of fine streaks that run the same way, right through, now and then interrupted."""
    angle = _way(rng)
    count = int(rng.choice([1, 2, 3, 5], p=[0.45, 0.25, 0.2, 0.1]))
    cover: Map = np.zeros(patch.size, np.float32)
    for _ in range(count):
        u, v = _turned(patch, angle + (rng.normal(0, 0.05) if rng.random() < 0.3 else 0))
        v = v - np.float32(rng.normal(0, 0.45) * patch.radius if count > 1 else 0)
        half = between(rng, 0.5, 7) * patch.scale
        fine = _streaks(rng, u, v, patch.radius * between(rng, 0.3, 3), max(1.0, half * rng.uniform(0.25, 1)))
        within = soft(np.abs(v) - np.float32(half), max(0.8, half * rng.uniform(0.1, 0.8)))
        along = 1 + rng.uniform(0, 1.2) * _streaks(rng, u, v, patch.radius * between(rng, 0.05, 0.5), 50.0 * patch.scale)
        end = rng.uniform(-0.6, 1.0) * patch.radius if rng.random() < 0.4 else 2 * patch.radius
        one = within * np.clip(1 + rng.uniform(0, 0.6) * fine, 0.15, 2) * np.clip(along, 0, 1.5)
        cover = np.maximum(cover, one * soft(u - np.float32(end), patch.radius * 0.1 + 1))
    cover = np.clip(cover / max(float(cover.max()), 1e-3), 0, 1).astype(np.float32)
    if rng.random() < 0.35:
        return Painted(darker(patch.colour, cover, rng.uniform(0.5, 0.95)), cover, ("long", "straight"))
    return Painted(lighter(patch.colour, cover, rng.uniform(0.4, 1), patch.tone()), cover, ("long", "straight"))


def band(rng: Rng, patch: Patch) -> Painted:
    """A part of the surface from one side to the other, or up to one side, that is worked otherwise."""
    u, v = _turned(patch, _way(rng))
    wobble = cloud(rng, patch.size, patch.radius * rng.uniform(0.1, 0.8) + 2, 3) * np.float32(rng.uniform(0, 7) * patch.scale)
    half = patch.radius * rng.uniform(0.15, 0.5)
    inside = np.abs(v) - np.float32(half) if rng.random() < 0.5 else -v
    cover = soft(inside + wobble, between(rng, 1, 10) * patch.scale)
    ways = _turned(patch, _way(rng)) if rng.random() < 0.5 else (v, u)
    grain = _streaks(rng, *ways, between(rng, 2, 80) * patch.scale, between(rng, 1, 5) * patch.scale)
    worked = cv2.GaussianBlur(patch.colour, (0, 0), 2.0) if rng.random() < 0.3 else patch.colour
    worked = worked * np.exp(np.float32(rng.uniform(0.08, 0.5)) * grain)[..., None]
    tone = np.float32(np.exp(rng.normal(0, 0.3)))
    return Painted(over(patch.colour, worked * tone, cover), cover)


def _way(rng: Rng) -> float:
    """An angle: upright or level more often than not."""
    return float(rng.choice([0, np.pi / 2]) + rng.normal(0, 0.03) if rng.random() < 0.65 else rng.uniform(0, np.pi))


def _turned(patch: Patch, angle: float) -> tuple[Map, Map]:
    """Pixels from the centre along ``angle`` and across it."""
    rows, columns = patch.away()
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return columns * cos + rows * sin, rows * cos - columns * sin


def _streaks(rng: Rng, u: Map, v: Map, along: float, across: float) -> Map:
    """Noise of mean about 0 and deviation about 1, ``along`` by ``across`` pixels, that runs along ``u``."""
    at = ((u - u.min()) / np.float32(along) + 2, (v - v.min()) / np.float32(across) + 2)
    size = tuple(int(one.max()) + 4 for one in at[::-1])
    values: Map = rng.standard_normal(size, dtype=np.float32)
    drawn: Map = cv2.remap(values, at[0], at[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return drawn
