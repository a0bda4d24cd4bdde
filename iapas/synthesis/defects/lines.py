"""Defects that are lines: scratches, cracks, cuts, fibres, folds."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.defects.patch import (
    Painted,
    Patch,
    Path,
    across,
    between,
    cloud,
    curve,
    darker,
    ellipse,
    lighter,
    material,
    moved,
    over,
    shaded,
    soft,
    strokes,
    toned,
)
from iapas.synthesis.texture import Map, Rng, wander


def _wide(rng: Rng, patch: Patch, low: float, high: float) -> float:
    """A line's width in pixels: wider in larger pictures, though not in proportion."""
    return between(rng, low, high) * float(patch.scale**0.6)


def _tapered(rng: Rng, count: int, width: float, ends: float = 0.4) -> Map:
    """Widths along a path: thin ends, and pressure that comes and goes."""
    at = np.linspace(0, 1, count)
    taper = np.clip(np.minimum(at, 1 - at) / max(ends, 0.01), 0.15, 1)
    pressure = np.clip(1 + 0.35 * np.interp(at, np.linspace(0, 1, 7), rng.standard_normal(7)), 0.1, 2)
    return width * taper * pressure


def scratch(rng: Rng, patch: Patch) -> Painted:
    """Bright, dark, or a furrow with both; one, or a bundle of parallel ones."""
    count = 1 if rng.random() < 0.65 else int(rng.integers(2, 7))
    width = _wide(rng, patch, 0.6, 2.6)
    bend = 0.0 if rng.random() < 0.4 else rng.normal(0, 0.7)
    path = curve(rng, patch, bend, 24, rng.choice([0.0, 0.05, 0.2]))
    gap = between(rng, 2, 8) * width
    paths: list[Path] = []
    for k in range(count):
        one = across(path, (k - count / 2) * gap + rng.normal(0, gap / 4)) if count > 1 else path
        first = int(rng.integers(0, 8)) if count > 1 else 0
        paths.append(one[first : len(one) - (int(rng.integers(0, 8)) if count > 1 else 0)])
    widths = [_tapered(rng, len(one), width, rng.uniform(0.02, 0.4)) for one in paths]
    cover = strokes(patch.size, paths, widths)
    words = ("thin",) if count == 1 else ("parallel",)
    if rng.random() < 0.3:
        height = cv2.GaussianBlur(cover, (0, 0), max(0.6, width / 3)) * np.float32(-3 * width)
        wide = cv2.dilate(cover, np.ones((3, 3), np.uint8))
        return Painted(shaded(patch.colour, height, patch.light, 1.5), wide, words, relief=True)
    return Painted(toned(rng, patch, cover, rng.random() < 0.5), cover, words)


def crack(rng: Rng, patch: Patch) -> Painted:
    """A random walk, often with branches, 1 to 4 pixels wide, dark."""
    width = _wide(rng, patch, 0.7, 3.5)
    ends = curve(rng, patch, rng.normal(0, 0.3), 3)
    rough = rng.uniform(0.06, 0.22)
    trunk = wander(rng, tuple(ends[0]), tuple(ends[-1]), rough, 5)
    paths, widths = [trunk], [_tapered(rng, len(trunk), width, 0.2)]
    for _ in range(int(rng.choice([0, 0, 1, 2, 4]))):
        start = trunk[int(rng.integers(4, len(trunk) - 4))]
        angle = np.arctan2(*(trunk[-1] - trunk[0])) + rng.choice([-1, 1]) * rng.uniform(0.4, 1.4)
        end = start + patch.radius * rng.uniform(0.2, 0.9) * np.array([np.sin(angle), np.cos(angle)])
        paths.append(wander(rng, tuple(start), tuple(end), rough, 4))
        widths.append(np.linspace(0.8, 0.2, len(paths[-1])) * width)
    cover = strokes(patch.size, paths, widths)
    colour = patch.colour
    if rng.random() < 0.25:  # crumbled rims
        colour = lighter(colour, 0.4 * cv2.GaussianBlur(cover, (0, 0), 1.2 + width / 2), 0.6, patch.tone())
    if rng.random() < 0.08:
        return Painted(lighter(colour, cover, 0.8, patch.tone()), cover, ("thin",))
    return Painted(darker(colour, cover, rng.uniform(0.6, 0.97)), cover, ("thin",) if width < 1.6 else ())


def network(rng: Rng, patch: Patch) -> Painted:
    """Cracks like the skin of an alligator: edges of cells within a blot."""
    cell = patch.radius * rng.uniform(0.2, 0.5)
    seeds = np.full(patch.size, 255, np.uint8)
    count = int(np.clip(seeds.size / cell**2, 6, 150))
    seeds[rng.integers(0, patch.size[0], count), rng.integers(0, patch.size[1], count)] = 0
    labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 3)[1].astype(np.float32)
    rows: Map = np.indices(patch.size, dtype=np.float32)
    columns: Map = rows[1] + np.float32(cell * 0.12) * cloud(rng, patch.size, cell / 2, 2)
    rows = rows[0] + np.float32(cell * 0.12) * cloud(rng, patch.size, cell / 2, 2)
    cells: Map = cv2.remap(labels, columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    edges: Map = (cv2.morphologyEx(cells, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0).astype(np.float32)
    if rng.random() < 0.5:
        edges = cv2.dilate(edges, np.ones((2, 2), np.uint8))
    cover = edges * soft(ellipse(rng, patch, patch.radius, between(rng, 1, 2), 0.3), patch.radius / 3)
    cover *= np.clip(1 + 0.6 * cloud(rng, patch.size, cell, 2), 0, 1)
    return Painted(darker(patch.colour, cover, rng.uniform(0.6, 0.95)), cover, ("fine",))


def cut(rng: Rng, patch: Patch) -> Painted:
    """An opening, wide in the middle, ragged, with a lip that catches the light."""
    width = patch.radius * rng.uniform(0.06, 0.3) + 1
    path = curve(rng, patch, rng.normal(0, 0.25), 24)
    lens = width * np.sqrt(np.clip(np.sin(np.pi * np.linspace(0.02, 0.98, 24)), 0, 1)) * rng.uniform(0.7, 1.3, 24)
    cover = strokes(patch.size, [path], [lens])
    lip = np.clip(strokes(patch.size, [across(path, rng.choice([-0.5, 0.5]) * width)], [lens * 0.8]) - cover, 0, 1)
    colour = lighter(patch.colour, lip * rng.uniform(0, 0.8), 0.7, patch.tone())
    return Painted(darker(colour, cover, rng.uniform(0.75, 0.98)), np.maximum(cover, 0.6 * lip))


def streaks(rng: Rng, patch: Patch) -> Painted:
    """Soft dark or bright streaks that all run the same way, as rolled-in inclusions do."""
    count = int(rng.choice([1, 2, 4, 8]))
    width = _wide(rng, patch, 1.0, 4.5)
    path = curve(rng, patch, 0.0, 12)
    paths = []
    for _ in range(count):
        part = path[int(rng.integers(0, 6)) :][: int(rng.integers(4, 13))] if count > 1 else path
        paths.append(across(part, rng.normal(0, patch.radius / 4) if count > 1 else 0))
    cover = strokes(patch.size, paths, [_tapered(rng, len(one), width, 0.5) for one in paths])
    cover = cv2.GaussianBlur(cover, (0, 0), 0.3 + width * rng.uniform(0.05, 0.4))
    cover = cover * np.clip(1 + 0.4 * cloud(rng, patch.size, 4, 2), 0.2, 1)
    return Painted(toned(rng, patch, cover, rng.random() < 0.8), cover)


def fibre(rng: Rng, patch: Patch) -> Painted:
    """A hair or thread that lies on top, curled, with a thin shadow."""
    count = 48
    width = _wide(rng, patch, 0.7, 2.4)
    bends = np.interp(np.arange(count), np.linspace(0, count, 7), rng.normal(0, rng.uniform(0.03, 0.25), 7))
    angle = rng.uniform(0, 2 * np.pi) + np.cumsum(bends)
    path = np.cumsum(np.stack([np.sin(angle), np.cos(angle)], 1), axis=0)
    path -= path.mean(0)
    path = path * (patch.radius / np.abs(path).max()) + patch.centre
    cover = strokes(patch.size, [path], [np.full(count, width)])
    fall = (1.0 + width) * np.array(patch.light) * -rng.uniform(0.5, 1.5)
    cast = cv2.GaussianBlur(moved(cover, fall[0], fall[1]), (0, 0), 0.8)
    colour = darker(patch.colour, cast, rng.uniform(0, 0.4))
    return Painted(over(colour, material(rng, patch), np.minimum(cover * 1.2, 1)), cover, ("curled",))


def fray(rng: Rng, patch: Patch) -> Painted:
    """A bunch of loose threads out of one place."""
    paths, widths = [], []
    root = np.array(patch.centre)
    towards = rng.uniform(0, 2 * np.pi)
    width = _wide(rng, patch, 0.6, 1.4)
    for _ in range(int(rng.integers(5, 16))):
        start = root + rng.normal(0, patch.radius / 5, 2)
        angle = towards + rng.normal(0, 0.7)
        end = start + patch.radius * rng.uniform(0.3, 0.9) * np.array([np.sin(angle), np.cos(angle)])
        paths.append(wander(rng, tuple(start), tuple(end), 0.2, 3))
        widths.append(np.full(len(paths[-1]), width))
    cover = strokes(patch.size, paths, widths)
    hollow = soft(ellipse(rng, patch, patch.radius * 0.35, 1.4, 0.3), 3)
    colour = darker(patch.colour, hollow * rng.uniform(0, 0.7), 1.0)
    colour = lighter(colour, cover, rng.uniform(0.4, 0.9), patch.tone())
    return Painted(colour, np.maximum(cover, hollow))


def fold(rng: Rng, patch: Patch) -> Painted:
    """A wrinkle: a soft ridge or furrow, bright on one side and dark on the other."""
    width = max(2.0, patch.radius * rng.uniform(0.04, 0.16))
    paths = [curve(rng, patch, rng.normal(0, 0.5), 24, 0.3)]
    if rng.random() < 0.3:
        paths.append(across(paths[0], width * rng.uniform(2, 4)))
    cover = strokes(patch.size, paths, [_tapered(rng, 24, width, 0.5) for _ in paths])
    height = cv2.GaussianBlur(cover, (0, 0), width / 2) * np.float32(width * rng.choice([-2, 2]))
    wide = cv2.GaussianBlur(cv2.dilate(cover, np.ones((5, 5), np.uint8)), (0, 0), width / 2)
    return Painted(shaded(patch.colour, height, patch.light, 1.2), wide, relief=True)


def glue(rng: Rng, patch: Patch) -> Painted:
    """A strip of something clear: a little darker or milky, with a glossy rim."""
    width = max(3.0, patch.radius * rng.uniform(0.1, 0.35))
    path = curve(rng, patch, rng.normal(0, 0.8), 24, 0.2)
    cover = strokes(patch.size, [path], [np.full(24, width) * np.clip(rng.normal(1, 0.12, 24), 0.6, 1.4)])
    cover = cv2.GaussianBlur(cover, (0, 0), 1.0)
    tone = patch.tone()
    colour = cv2.GaussianBlur(patch.colour, (0, 0), 1.5)
    colour = over(colour, tone * np.float32(rng.choice([0.6, 1.5])) + 0.02, np.full_like(cover, rng.uniform(0.1, 0.6)))
    colour = shaded(colour, cv2.GaussianBlur(cover, (0, 0), width / 5) * np.float32(width / 2), patch.light, 1.0)
    gloss = strokes(patch.size, [across(path, width * 0.2)], [np.full(24, width * 0.12)])
    colour = lighter(colour, gloss * rng.uniform(0, 0.9), 1.0, tone)
    return Painted(over(patch.colour, colour, cover), cover)


def smear(rng: Rng, patch: Patch) -> Painted:
    """A line along which the picture is wiped."""
    width = max(3.0, patch.radius * rng.uniform(0.08, 0.3))
    path = curve(rng, patch, rng.normal(0, 0.3), 24)
    cover = cv2.GaussianBlur(strokes(patch.size, [path], [np.full(24, width)]), (0, 0), 0.8)
    wiped = cv2.blur(patch.colour, (1 + 2 * round(width / 2), 1 + 2 * round(width / 2)))
    return Painted(over(patch.colour, wiped * np.float32(rng.choice([0.85, 1.0, 1.2])), cover), cover)


def scuff(rng: Rng, patch: Patch) -> Painted:
    """Many short fine scratches about one way, within a blot."""
    angle = rng.uniform(0, np.pi)
    paths, widths = [], []
    for _ in range(int(rng.integers(10, 40))):
        turn = angle + rng.normal(0, 0.25)
        middle = np.array(patch.centre) + rng.normal(0, patch.radius * 0.4, 2)
        half = patch.radius * rng.uniform(0.1, 0.5) * np.array([np.sin(turn), np.cos(turn)])
        paths.append(np.stack([middle - half, middle + half]))
        widths.append(np.full(2, between(rng, 0.4, 1.3) * patch.scale**0.5))
    cover = strokes(patch.size, paths, widths)
    return Painted(toned(rng, patch, cover, rng.random() < 0.25, (0.3, 0.7)), cover)
