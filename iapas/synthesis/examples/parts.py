"""Single parts on a plain ground: a tile, a lid, a seal."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.texture import (
    Map,
    Picture,
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


def rubber_seal() -> Picture:
    """A black rubber ring on a pale bench: a nick in its outer edge, a short tear on top."""
    rng = np.random.default_rng(99)
    size = (608, 608)
    rows, columns = grid(size)
    y, x = rows - 309, columns - 300
    angle = np.arctan2(y, x)
    radius = np.hypot(y, x) + 2.0 * np.cos(2 * angle + 0.7) + 1.2 * np.sin(3 * angle)  # rubber is never quite round
    thick = 33.0
    u = (radius - 205) / thick
    nick_at = np.deg2rad(24)
    nick = blob(rng, size, (309 + 237 * np.sin(nick_at), 300 + 237 * np.cos(nick_at)), (18, 24), 0.16)
    ring = (np.abs(u) - 1) * thick
    part = np.maximum(ring, -nick)

    height = np.sqrt(np.clip(1 - u**2, 0, 1)) * thick + 0.10 * noise(rng, size, 1.2) + 0.35 * noise(rng, size, 9)
    far, at = stroke(size, np.array([[186.0, 113.0], [203.0, 120.0], [219.0, 128.0], [238.0, 130.0]]))
    tear = step(far - 1.9 * np.sin(np.pi * at) ** 0.6 * (1 + 0.2 * noise(rng, size, 3)), 1.6)
    height -= 2.2 * tear
    height += 0.7 * step(np.abs(radius - 205) - 0.8, 1.4)  # the seam of the mould
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), 1.0)
    facing = relief(height, (-0.72, -0.60))
    grey = 0.030 + 0.016 * np.tanh(facing)
    grey += 0.13 * np.exp(-(((facing - 0.62) / 0.22) ** 2)) * (1 + 0.22 * noise(rng, size, 2.2))
    grey += 0.030 * np.exp(-(((facing + 0.95) / 0.30) ** 2))  # light that the bench throws back
    grey += 0.05 * np.clip(noise(rng, size, 1.1) - 3.0, 0, 1)  # dust
    grey *= 1 - 0.8 * tear
    torn = step(nick - 10, 4)
    crumbs = 0.050 + 0.020 * noise(rng, size, 1.6) + 0.05 * relief(1.5 * fractal(rng, size, 8, 1.0, 0.6), (-0.7, -0.6))
    grey = np.clip(grey + torn * (crumbs - grey), 0.008, None)

    bench = 0.50 + 0.012 * noise(rng, size, 0.9) + 0.012 * fractal(rng, size, 90, 2, 0.7)
    bench -= 0.05 * np.clip(noise(rng, size, 1.6) - 2.6, 0, 1)
    wide, tight = (
        cv2.GaussianBlur(np.roll(step(part, 3), by, (0, 1)), (0, 0), s) for by, s in (((16, 13), 13), ((5, 4), 4))
    )
    bench = bench * (1 - 0.42 * wide) * (1 - 0.38 * tight)
    colour = mix(tinted(bench, (0.97, 1.0, 1.02)), tinted(grey, (1.0, 1.0, 1.03)), step(part, 1.4))
    mask = ((nick < 2) & (ring < 1)) | ((tear > 0.4) & (at > 0) & (at < 1))
    return photograph(rng, colour, (0.25, 0.25), 0.25, 0.011, 0.7), mask


def _rounded(a: Map, b: Map, half: float, corner: float) -> Map:
    """Signed distance to a square with rounded corners around the origin."""
    qa, qb = np.abs(a) - (half - corner), np.abs(b) - (half - corner)
    outside = np.hypot(np.maximum(qa, 0), np.maximum(qb, 0)) + np.minimum(np.maximum(qa, qb), 0)
    return (outside - corner).astype(np.float32)
