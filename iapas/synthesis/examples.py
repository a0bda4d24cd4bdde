"""The six pictures of ``examples/``: surfaces and parts that look photographed, each with visible defects.

Nothing is drawn by chance: every picture has its seed, and ``scripts/make_examples.py`` writes the same files again.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from iapas.synthesis.texture import (
    Map,
    blob,
    fractal,
    grid,
    mix,
    noise,
    photograph,
    relief,
    step,
    stroke,
    tinted,
    wander,
)
from iapas.types import BoolMap, Image

Picture = tuple[Image, BoolMap]
"""A picture, (H, W, 3) uint8 RGB, and its defects, (H, W) bool."""


def brushed_steel() -> Picture:
    """A brushed sheet with a scratch across the grain and a pit."""
    rng = np.random.default_rng(11)
    size = (512, 704)
    rows, columns = grid(size)
    lines = 0.6 * noise(rng, size, 90, 0.5) + 0.5 * noise(rng, size, 30, 0.45) + 0.3 * noise(rng, size, 200, 1.6)
    lines += 0.25 * noise(rng, size, 6, 0.4) + 0.25 * noise(rng, size, 400, 5)
    gloss = np.exp(-(((rows - 190 - 0.1 * columns) / 210) ** 2))
    grey = 0.26 + 0.22 * gloss + lines * (0.022 + 0.030 * gloss) + 0.012 * noise(rng, size, 120, 60)

    t = np.linspace(0, 1, 40)
    path = np.stack([330 - 190 * t + 26 * np.sin(2.2 * t), 150 + 330 * t], axis=1)
    far, at = stroke(size, path)
    depth = np.clip(0.65 + 0.35 * noise(rng, size, 25), 0.35, 1) * np.sqrt(np.clip(8 * at * (1 - at), 0, 1))
    scratch = step(far - 0.6 - 0.8 * depth, 1.2)
    grey += scratch * depth * 0.42
    grey -= 0.10 * step(np.abs(far - 2.6) - 0.9, 1.2) * depth  # burr: darker flanks

    pit = blob(rng, size, (372, 548), (9, 11), 0.15)
    bowl = step(pit, 1.5)
    grey += cv2.GaussianBlur(bowl, (0, 0), 1.5) * (0.07 - grey) * 0.8
    grey += 0.16 * relief(cv2.GaussianBlur(-9 * bowl, (0, 0), 2.0), (-0.6, -0.8)) * step(pit - 3, 2)
    grey += 0.06 * noise(rng, size, 1.2) * step(pit, 3)
    mask = ((far < 2.0) & (at > 0.01) & (at < 0.99)) | (pit < 1)
    return photograph(rng, tinted(grey, (0.97, 1.0, 1.03)), (0.3, 0.45), 0.3, 0.011, 0.6), mask


def woven_fabric() -> Picture:
    """Plain weave with one weft thread missing over a part of the width."""
    rng = np.random.default_rng(22)
    size = (608, 608)
    rows, columns = grid(size)
    pitch = 11.0
    x = columns + 2.2 * noise(rng, size, 60) + 0.5 * noise(rng, size, 5, 12) + 0.02 * rows
    y = rows + 2.2 * noise(rng, size, 60) + 0.5 * noise(rng, size, 12, 5) - 0.03 * columns
    warp, weft = np.floor(x / pitch), np.floor(y / pitch)
    u, v = x / pitch - warp - 0.5, y / pitch - weft - 0.5
    over = (warp + weft) % 2 == 0  # the warp thread lies on top here

    lacks = weft == np.floor((330 - 0.03 * 300) / pitch)
    torn = np.clip((columns - 190) / 14 + 0.8 * noise(rng, size, 2), 0, 1) * np.clip((470 - columns) / 14, 0, 1)
    gap = lacks * torn.astype(np.float32)

    shade_warp = np.sqrt(np.clip(1 - (u / 0.56) ** 2, 0, 1)) * (0.55 + 0.45 * np.cos(np.pi * v))
    shade_weft = np.sqrt(np.clip(1 - (v / 0.56) ** 2, 0, 1)) * (0.55 + 0.45 * np.cos(np.pi * u))
    of_warp, of_weft = rng.normal(0, 0.05, 90), rng.normal(0, 0.06, 90)
    fibre_warp = 0.10 * noise(rng, size, 0.6, 5) + of_warp[warp.astype(int) % 90]
    fibre_weft = 0.10 * noise(rng, size, 5, 0.6) + of_weft[weft.astype(int) % 90]
    warp_grey = shade_warp * (1 + fibre_warp)
    weft_grey = shade_weft * (1 + fibre_weft)
    bare = 0.55 * np.sqrt(np.clip(1 - (u / 0.5) ** 2, 0, 1)) * (1 + fibre_warp)  # warp alone, sunk in, dark between
    grey = np.where(over, warp_grey, weft_grey * 0.96)
    grey = grey + (bare * (0.45 + 0.3 * over) - grey) * gap
    grey *= 1 + 0.05 * noise(rng, size, 90) + 0.05 * noise(rng, size, 1.2)

    for _ in range(7):  # loose fibres at the torn end
        start = (321 + rng.normal(0, 3), 192 + rng.normal(0, 3))
        path = wander(rng, start, (start[0] + rng.normal(0, 7), start[1] + rng.uniform(12, 34)), 0.18, 5)
        hair = step(stroke(size, path)[0] - 0.5, 1.0)
        grey += hair * (1.0 - grey) * 0.85
    mask = cv2.morphologyEx((gap > 0.3).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0
    return photograph(rng, tinted(grey * 0.50, (0.78, 0.92, 1.14)), (0.2, 0.7), 0.25, 0.014, 0.75), mask


def cracked_concrete() -> Picture:
    """Cast concrete with pores and a branching crack."""
    rng = np.random.default_rng(33)
    size = (512, 704)
    grey = 0.36 + 0.028 * fractal(rng, size, 90, 1, 0.35) + 0.035 * noise(rng, size, 140) + 0.02 * noise(rng, size, 0.7)
    grains = noise(rng, size, 1.3)
    grey += 0.03 * np.clip(grains - 1.4, 0, None) - 0.05 * np.clip(-grains - 1.8, 0, None)
    grey += 0.25 * relief(0.35 * fractal(rng, size, 6, 1, 0.4), (-0.5, -0.7))
    for _ in range(46):
        centre = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        radius = float(np.clip(rng.lognormal(0.2, 0.5), 0.7, 3.2))
        hole = _near(size, centre, radius)
        grey -= 0.17 * hole
        grey += 0.3 * relief(cv2.GaussianBlur(-2 * hole, (0, 0), 0.8), (-0.6, -0.6))

    crack = np.full(size, 1e3, np.float32)
    trunk = wander(rng, (-5, 240), (517, 455), 0.16, 8)
    branch = wander(rng, tuple(trunk[110]), (250, 710), 0.15, 7)
    twig = wander(rng, tuple(trunk[170]), (430, 262), 0.17, 6)
    for path, wide in ((trunk, 2.3), (branch, 1.2), (twig, 0.8)):
        far, at = stroke(size, path)
        width = wide * np.clip(1 + 0.35 * noise(rng, size, 18), 0.3, None) * (1 - (0.7 if wide < 2 else 0.3) * at)
        crack = np.minimum(crack, far - width)
    edge = step(crack - 1.5 - 1.2 * noise(rng, size, 2), 3)
    grey += 0.05 * edge * noise(rng, size, 1.2) + 0.02 * edge  # crumbled rims
    dark = step(crack, 1.6)
    grey += dark * (0.035 + 0.03 * noise(rng, size, 2) - grey) * 0.93
    colour = tinted(grey, (1.03, 1.0, 0.94))
    colour += tinted(0.012 * noise(rng, size, 70), (1.0, 0.7, 0.2))
    return photograph(rng, colour, (0.35, 0.25), 0.22, 0.013, 0.7), crack < 0.8


def painted_panel() -> Picture:
    """Green enamel with orange peel: three blisters and a rust run below a pinhole."""
    rng = np.random.default_rng(44)
    size = (544, 704)
    rows, columns = grid(size)
    height: Map = 0.14 * noise(rng, size, 2.6) + 0.18 * noise(rng, size, 6)
    blisters = np.full(size, 1e3, np.float32)
    for row, column, radius in ((190, 232, 30), (226, 282, 17), (176, 287, 11)):
        bump = blob(rng, size, (row, column), (radius, radius * 1.1), 0.07)
        blisters = np.minimum(blisters, bump)
        height += 0.36 * radius * np.sin(np.pi / 2 * np.clip(-bump / radius, 0, 1))
    height = cv2.GaussianBlur(height, (0, 0), 1.3)
    slope = relief(height, (-0.65, -0.75))
    grey = 1 + 0.85 * np.tanh(1.2 * slope)
    lamp = np.exp(-(((rows - 120) / 260) ** 2) - ((columns - 150) / 330) ** 2)
    gloss = 0.05 * lamp * (1 + 1.6 * relief(height, (-0.8, -0.5)))
    glint = np.exp(-(((slope - 0.40) / 0.07) ** 2)) * step(blisters + 2, 2)
    colour = tinted(grey, (0.05, 0.25, 0.20)) + tinted(gloss + 0.28 * glint, (1, 1, 0.97))
    colour *= (1 + 0.03 * noise(rng, size, 150))[..., None]

    hole = blob(rng, size, (318, 498), (5, 6), 0.2)
    run_width = np.maximum(8.5 + 3 * np.sin((rows - 318) / 31) + 1.5 * noise(rng, size, 40, 25), 4)
    down = rows - 318
    run = np.clip(1 - np.abs(columns - 498 - 3 * noise(rng, size, 60, 30)) / run_width, 0, 1)
    run *= np.clip(down / 8, 0, 1) * np.clip(1 - down / 165, 0, 1) ** 0.7
    halo = np.exp(-((np.hypot(rows - 320, columns - 498) / 15) ** 2))
    rust = np.clip(1.25 * np.maximum(run, halo) * (0.85 + 0.25 * noise(rng, size, 3)), 0, 0.92)
    rust_colour = tinted(1 + 0.2 * fractal(rng, size, 12), (0.27, 0.095, 0.03))
    colour = mix(colour, rust_colour, rust.astype(np.float32))
    colour = mix(colour, tinted(np.ones(size, np.float32), (0.03, 0.015, 0.01)), step(hole, 1.5))
    mask = (blisters < 1) | (rust > 0.3) | (hole < 0)
    return photograph(rng, colour, (0.2, 0.2), 0.3, 0.012, 0.7), mask


def chipped_tile() -> Picture:
    """A glazed tile on a dark cloth: the glaze is chipped down to the clay, a hairline runs from there."""
    rng = np.random.default_rng(55)
    size = (608, 608)
    rows, columns = grid(size)
    centre, half, turn = (303.0, 306.0), 246.0, np.deg2rad(2.4)
    a = (columns - centre[1]) * np.cos(turn) + (rows - centre[0]) * np.sin(turn)
    b = (rows - centre[0]) * np.cos(turn) - (columns - centre[1]) * np.sin(turn)
    edge = _rounded(a, b, half, 10.0)
    glaze = 0.60 + 0.012 * fractal(rng, size, 60, 2, 0.5) + 0.012 * noise(rng, size, 120)
    glaze -= 0.03 * np.clip(noise(rng, size, 1.1) - 2.1, 0, None)
    glaze += 0.30 * relief(cv2.GaussianBlur(7 * step(edge, 6), (0, 0), 3), (-0.7, -0.6))
    glaze += 0.09 * np.exp(-(((rows - 150 + 0.25 * columns) / 120) ** 2))
    cloth = 0.035 + 0.006 * noise(rng, size, 1.0) + 0.004 * fractal(rng, size, 60, 2, 0.6)
    cast = np.roll(step(edge, 3), (11, 9), (0, 1))
    cloth *= 1 - 0.7 * cv2.GaussianBlur(cast, (0, 0), 9)
    colour = mix(tinted(cloth, (0.95, 0.97, 1.1)), tinted(glaze, (1.0, 0.965, 0.89)), step(edge, 1.3))

    chip = blob(rng, size, (372, 408), (31, 42), 0.17)
    broken = step(chip, 1.4)
    clay = 0.34 + 0.05 * fractal(rng, size, 10, 0.8, 0.4) + 0.03 * noise(rng, size, 0.8)
    bowl = cv2.GaussianBlur(np.clip(chip, -16, 0), (0, 0), 1.5) + 1.2 * fractal(rng, size, 12, 1, 0.7)
    clay += 0.16 * relief(bowl, (-0.7, -0.6))
    colour = mix(colour, tinted(clay, (1.05, 0.70, 0.46)), broken)
    rim = step(np.abs(chip + 1.5) - 1.4, 1.5) * broken  # the broken glaze itself, bright
    colour = mix(colour, tinted(np.full(size, 0.75, np.float32), (1, 0.97, 0.92)), 0.6 * rim)

    far, at = stroke(size, wander(rng, (348, 378), (212, 268), 0.10, 6))
    hair = step(far - 0.75 * (1.2 - at), 1.1) * np.clip(1.2 - at, 0, 1)
    colour = mix(colour, colour * 0.3, hair)
    mask = (broken > 0.5) | ((far < 1.6) & (at < 0.97))
    return photograph(rng, colour, (0.15, 0.25), 0.25, 0.010, 0.65), mask


def turned_disc() -> Picture:
    """A turned aluminium lid on a dark ground: a dent, a gouge across the lathe's marks, a bite out of the rim."""
    rng = np.random.default_rng(66)
    size = (640, 640)
    rows, columns = grid(size)
    centre = (322.0, 316.0)
    y, x = rows - centre[0], columns - centre[1]
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    bite_at = np.deg2rad(-38)
    bite = blob(rng, size, (centre[0] + 238 * np.sin(bite_at), centre[1] + 238 * np.cos(bite_at)), (27, 33), 0.14)
    whole = radius - 226
    part = np.maximum(whole, -bite)

    turned = np.interp(radius, np.arange(400), rng.normal(0, 1, 400)) + 0.6 * np.sin(radius * 1.9)
    sheen = 0.30 + 0.09 * np.cos(2 * (angle - 0.6)) * np.clip(radius / 60, 0, 1) + 0.05 * np.cos(angle - 2.2)
    grey = sheen * (1 + 0.06 * turned) + 0.012 * noise(rng, size, 40)
    grey += 0.30 * relief(cv2.GaussianBlur(9 * step(part, 5), (0, 0), 2.2), (-0.7, -0.6))

    dent = blob(rng, size, (centre[0] + 92, centre[1] - 74), (17, 22), 0.12)
    bowl = cv2.GaussianBlur(np.clip(dent, -14, 0), (0, 0), 3.2)
    grey = grey * (1 - 0.45 * step(dent, 6)) + 0.24 * relief(bowl, (-0.7, -0.6))
    far, at = stroke(size, np.array([[268.0, 362.0], [248.0, 386.0], [224.0, 406.0], [196.0, 420.0]]))
    gouge = step(far - 1.5 * np.sin(np.pi * at) ** 0.6 * (1 + 0.25 * noise(rng, size, 4)), 1.6)
    grey += 0.8 * gouge * (0.62 + 0.1 * noise(rng, size, 3) - grey) - 0.09 * step(
        np.abs(far - 3.6) - 1.1, 1.5
    ) * np.sin(np.pi * at)
    torn = step(bite - 9, 3) * (0.06 * noise(rng, size, 1.2) + 0.25 * relief(1.2 * noise(rng, size, 3), (-0.7, -0.6)))
    grey = np.clip(grey + torn, 0.02, None)

    ground = 0.024 + 0.003 * noise(rng, size, 1.0) + 0.004 * fractal(rng, size, 60, 2, 0.6)
    cast = np.roll(step(part, 3), (12, 10), (0, 1))
    ground *= 1 - 0.75 * cv2.GaussianBlur(cast, (0, 0), 9)
    colour = mix(tinted(ground, (0.9, 0.97, 1.15)), tinted(grey, (1.0, 0.985, 0.955)), step(part, 1.3))
    mask = ((bite < 2) & (whole < 0)) | (dent < 1) | ((far < 3.0) & (at > 0) & (at < 1))
    return photograph(rng, colour, (0.3, 0.3), 0.15, 0.012, 0.7), mask


EXAMPLES: dict[str, Callable[[], Picture]] = {
    "brushed_steel": brushed_steel,
    "chipped_tile": chipped_tile,
    "cracked_concrete": cracked_concrete,
    "painted_panel": painted_panel,
    "turned_disc": turned_disc,
    "woven_fabric": woven_fabric,
}
"""File stem -> what draws it."""


def _near(size: tuple[int, int], centre: tuple[float, float], radius: float) -> Map:
    """A soft disc, 0..1."""
    rows, columns = grid(size)
    return step(np.hypot(rows - centre[0], columns - centre[1]) - radius, 1.4)


def _rounded(a: Map, b: Map, half: float, corner: float) -> Map:
    """Signed distance to a square with rounded corners around the origin."""
    qa, qb = np.abs(a) - (half - corner), np.abs(b) - (half - corner)
    outside = np.hypot(np.maximum(qa, 0), np.maximum(qb, 0)) + np.minimum(np.maximum(qa, qb), 0)
    return (outside - corner).astype(np.float32)
