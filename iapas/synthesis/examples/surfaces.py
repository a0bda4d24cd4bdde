"""Surfaces that fill the picture: steel, fabric, concrete, enamel, leather, wood."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.texture import (
    Map,
    Picture,
    Rng,
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


def brushed_steel() -> Picture:
    """A brushed sheet with a scratch across the grain and a pit."""
    rng = np.random.default_rng(11)
    size = (512, 704)
    grey = _brushed(rng, size)

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


def brushed_steel_clean() -> Picture:
    """The same sheet at another place, without a defect."""
    rng = np.random.default_rng(12)
    size = (512, 704)
    steel = tinted(_brushed(rng, size), (0.97, 1.0, 1.03))
    return photograph(rng, steel, (0.3, 0.45), 0.3, 0.011, 0.6), np.zeros(size, bool)


def _brushed(rng: Rng, size: tuple[int, int]) -> Map:
    """The grey of brushed steel below a lamp."""
    rows, columns = grid(size)
    lines = 0.6 * noise(rng, size, 90, 0.5) + 0.5 * noise(rng, size, 30, 0.45) + 0.3 * noise(rng, size, 200, 1.6)
    lines += 0.25 * noise(rng, size, 6, 0.4) + 0.25 * noise(rng, size, 400, 5)
    gloss = np.exp(-(((rows - 190 - 0.1 * columns) / 210) ** 2))
    grey: Map = 0.26 + 0.22 * gloss + lines * (0.022 + 0.030 * gloss) + 0.012 * noise(rng, size, 120, 60)
    return grey


def woven_fabric() -> Picture:
    """Plain weave with one weft thread missing over a part of the width."""
    return _weave(22, torn=True)


def woven_fabric_clean() -> Picture:
    """The same weave with all its threads."""
    return _weave(23, torn=False)


def _weave(seed: int, torn: bool) -> Picture:
    rng = np.random.default_rng(seed)
    size = (608, 608)
    rows, columns = grid(size)
    pitch = 11.0
    x = columns + 2.2 * noise(rng, size, 60) + 0.5 * noise(rng, size, 5, 12) + 0.02 * rows
    y = rows + 2.2 * noise(rng, size, 60) + 0.5 * noise(rng, size, 12, 5) - 0.03 * columns
    warp, weft = np.floor(x / pitch), np.floor(y / pitch)
    u, v = x / pitch - warp - 0.5, y / pitch - weft - 0.5
    over = (warp + weft) % 2 == 0  # the warp thread lies on top here

    lacks = weft == np.floor((330 - 0.03 * 300) / pitch)
    gone = np.clip((columns - 190) / 14 + 0.8 * noise(rng, size, 2), 0, 1) * np.clip((470 - columns) / 14, 0, 1)
    gap = lacks * gone.astype(np.float32) * torn

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

    for _ in range(7 * torn):  # loose fibres at the torn end
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


def scuffed_leather() -> Picture:
    """Grained brown leather with a scuff that bares paler fibres, and a punched hole."""
    rng = np.random.default_rng(77)
    size = (544, 720)
    bend = 4.0 * noise(rng, size, 22), 4.0 * noise(rng, size, 22)
    pebbles = np.minimum(_cells(rng, size, 9.0, bend), 1.25 * _cells(rng, size, 15.0, bend))
    height = -3.0 * (pebbles / 6) ** 2 + 0.25 * noise(rng, size, 1.5)
    wrinkles = np.abs(noise(rng, size, 60, 22))
    height = height - 1.6 * np.exp(-((wrinkles / 0.07) ** 2)) + 4 * noise(rng, size, 70)
    slope = relief(cv2.GaussianBlur(height.astype(np.float32), (0, 0), 0.9), (-0.75, -0.6))
    grey = (1 + 0.5 * np.tanh(1.1 * slope)) * (1 - 0.5 * np.clip(pebbles / 9, 0, 1) ** 2)
    grey = grey * (1 + 0.06 * noise(rng, size, 130) + 0.05 * noise(rng, size, 8))
    colour = tinted(grey, (0.205, 0.080, 0.032))
    colour += tinted(0.05 * np.exp(-(((slope - 0.5) / 0.25) ** 2)), (1, 0.95, 0.85))  # waxed tops

    far, at = stroke(size, np.array([[176.0, 205.0], [192.0, 260.0], [214.0, 318.0], [247.0, 392.0]]))
    worn = np.clip(1.2 * np.sin(np.pi * at) ** 0.5 + 0.3 * noise(rng, size, 9), 0, 1.3) * (at > 0.03) * (at < 0.97)
    scuff = step(far - 5.5 * worn + 1.6 * np.abs(noise(rng, size, 7, 1.4)), 2.2)
    fibres = tinted(0.30 + 0.07 * noise(rng, size, 5, 0.9) + 0.04 * noise(rng, size, 1.0), (1.05, 0.72, 0.46))
    colour = mix(colour, fibres, 0.9 * scuff)

    hole = blob(rng, size, (392, 522), (8, 9), 0.09)
    rim = np.exp(-((np.clip(hole - 1, 0, None) / 4) ** 2)).astype(np.float32)
    colour *= (1 + 0.8 * rim * relief(cv2.GaussianBlur(-10 * step(hole - 2, 6), (0, 0), 2), (-0.7, -0.6)))[..., None]
    colour = mix(colour, tinted(np.full(size, 0.006, np.float32), (1, 0.8, 0.7)), step(hole, 1.6))
    mask = (scuff > 0.4) | (hole < 1.5)
    mask = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
    return photograph(rng, colour, (0.25, 0.35), 0.3, 0.012, 0.7), mask


def oak_board_clean() -> Picture:
    """A planed oak board without a knot: growth rings, pores along the grain, no defect."""
    rng = np.random.default_rng(88)
    size = (512, 704)
    rows, columns = grid(size)
    across = rows - 210 + 16 * noise(rng, size, 330, 120) + 2.0 * noise(rng, size, 70, 20)
    rings = np.hypot(across, (columns + 260) / 11) / 30 + 0.035 * noise(rng, size, 90, 3)
    ring = np.mod(rings + 0.25 * np.sin(rings * 1.7), 1)
    late = ring**2.2 * (1 - step(1 - ring, 0.12))  # slowly darker, then the next spring
    grey = 0.40 - 0.085 * late + 0.014 * noise(rng, size, 180, 1.2) + 0.012 * noise(rng, size, 40, 0.7)
    grey += 0.02 * noise(rng, size, 200, 90)
    pores = np.clip(noise(rng, size, 16, 0.6) - 1.35 - 0.6 * (ring > 0.45), 0, 1.4)
    flecks = np.clip(noise(rng, size, 5, 7) - 2.3, 0, 1)
    colour = tinted(grey + 0.03 * flecks, (1.05, 0.63, 0.29))
    colour = mix(colour, colour * np.array([0.93, 0.83, 0.72], np.float32), late.astype(np.float32))
    colour = mix(colour, colour * np.array([0.42, 0.36, 0.32], np.float32), np.clip(pores, 0, 1))
    return photograph(rng, colour, (0.3, 0.65), 0.28, 0.012, 0.7), np.zeros(size, bool)


def _cells(rng: Rng, size: tuple[int, int], pitch: float, bend: tuple[Map, Map]) -> Map:
    """Distance to the nearest of scattered points about ``pitch`` apart, on a plane that ``bend`` distorts."""
    wide = size[0] + 64, size[1] + 64  # as bent lines end beyond the picture
    seeds = np.full(wide, 255, np.uint8)
    down, right = (np.arange(-1, edge / pitch + 1) for edge in wide)
    points = np.stack(np.meshgrid(down, right, indexing="ij"), -1).reshape(-1, 2)
    points = np.rint((points + rng.uniform(-0.2, 1.2, points.shape)) * pitch).astype(int)
    seeds[tuple(points[(points >= 0).all(1) & (points < wide).all(1)].T)] = 0
    far = cv2.distanceTransform(seeds, cv2.DIST_L2, 5)
    rows, columns = grid(size)
    moved: Map = cv2.remap(far, columns + bend[1] + 32, rows + bend[0] + 32, cv2.INTER_LINEAR)
    return moved


def _near(size: tuple[int, int], centre: tuple[float, float], radius: float) -> Map:
    """A soft disc, 0..1."""
    rows, columns = grid(size)
    return step(np.hypot(rows - centre[0], columns - centre[1]) - radius, 1.4)
