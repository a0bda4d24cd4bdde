"""Printed and stamped matter: words, logos, codes, as covers of ink (0..1) with a label for each letter."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.scenes.poses import Pose, stencil
from iapas.synthesis.texture import Map, Rng
from iapas.types import BoolMap

_FONTS = (0, 1, 2, 3, 4, 5, 6, 7, 16 + 0, 16 + 2, 16 + 3)
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz-./%&+"
_HIGH = 64  # pixels of a line of letters before it is laid into the picture


def text(rng: Rng, low: int = 2, high: int = 8) -> str:
    """A random word or number."""
    signs = _SIGNS[:26] if rng.random() < 0.5 else _SIGNS[26:36] if rng.random() < 0.5 else _SIGNS
    return "".join(rng.choice(list(signs), int(rng.integers(low, high + 1))))


def line(rng: Rng, what: str) -> tuple[Map, Map]:
    """A line of letters, (64, W) uint8, and the number of the letter of each pixel from 1."""
    font, bold = int(rng.choice(_FONTS)), int(rng.integers(1, 8))
    (_, tall), _ = cv2.getTextSize("Ag", font, 1.0, bold)
    scale = 0.55 * _HIGH / tall
    widths = [cv2.getTextSize(sign, font, scale, bold)[0][0] + bold // 2 for sign in what]
    ink = np.zeros((_HIGH, sum(widths) + 16), np.uint8)
    letters = np.zeros_like(ink)
    left = 8
    for k, (sign, wide) in enumerate(zip(what, widths, strict=True)):
        cv2.putText(ink, sign, (left, int(0.78 * _HIGH)), font, scale, 255, bold, cv2.LINE_AA)
        letters[:, left : left + wide] = k + 1
        left += wide
    return ink, letters


def word(rng: Rng, pose: Pose, reach: float = 0.6, what: str | None = None) -> tuple[Map, list[BoolMap]]:
    """A word along ``pose.x`` that reaches over ``reach`` of the part: its ink (H, W), and each letter."""
    ink, letters = line(rng, what or text(rng))
    scale = ink.shape[1] / (2 * reach * pose.r)
    scale = max(scale, _HIGH / (0.5 * pose.r))
    x, y = pose.x * np.float32(scale) + ink.shape[1] / 2, pose.y * np.float32(scale) + _HIGH / 2
    factor = max(1, int(scale))
    small = cv2.resize(ink, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    seen = (
        cv2.remap(small, x.astype(np.float32) / factor, y.astype(np.float32) / factor, cv2.INTER_LINEAR).astype(
            np.float32
        )
        / 255
    )
    which = cv2.remap(letters, x.astype(np.float32), y.astype(np.float32), cv2.INTER_NEAREST)
    inked = cv2.dilate((seen > 0.35).astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    return seen, [inked & (which == k + 1) for k in range(int(letters.max()))]


def sheet(rng: Rng, pose: Pose, items: int) -> tuple[Map, Map, list[BoolMap]]:
    """Printed matter over the part: lines of words, bar codes, logos, frames.

    The ink (H, W), which item a pixel belongs to, from 1, and each item.
    """
    side = 512
    tile, names = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    for k in range(items):
        one = np.zeros_like(tile)
        draw = (_text_line, _text_line, _bars, _logo, _rules)[int(rng.integers(5))]
        draw(rng, one)
        near = cv2.dilate(one, np.ones((9, 9), np.uint8)) > 0
        if (names[near] > 0).any():
            continue  # prints leave room to each other
        tile = np.maximum(tile, one)
        names[near] = k + 1
    ink = stencil(pose, tile) / 255
    scale = np.float32(side / (2 * pose.r))
    x, y = ((v * scale + np.float32(side / 2)).astype(np.float32) for v in (pose.x, pose.y))
    which = cv2.remap(names, x, y, cv2.INTER_NEAREST)
    inked = cv2.dilate((ink > 0.35).astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    return ink, which, [inked & (which == k + 1) for k in range(items)]


def _text_line(rng: Rng, tile: Map) -> None:
    high = int(tile.shape[0] * rng.uniform(0.035, 0.16))
    words = " ".join(text(rng) for _ in range(int(rng.integers(1, 4))))
    ink, _ = line(rng, words)
    wide = min(int(ink.shape[1] * high / ink.shape[0]), int(0.9 * tile.shape[1]))
    row = int(rng.uniform(0.08, 0.9) * (tile.shape[0] - high))
    left = int(rng.uniform(0.04, 0.96) * (tile.shape[1] - wide))
    tile[row : row + high, left : left + wide] = cv2.resize(ink, (wide, high), interpolation=cv2.INTER_AREA)


def _bars(rng: Rng, tile: Map) -> None:
    """A bar code, or a code of square dots."""
    side = tile.shape[0]
    if rng.random() < 0.6:
        count, high = int(rng.integers(20, 60)), int(rng.uniform(0.1, 0.25) * side)
        code = np.repeat(rng.integers(0, 2, (1, count)), high, 0)
        wide = int(rng.uniform(0.25, 0.6) * side)
    else:
        count = int(rng.integers(10, 26))
        code = rng.integers(0, 2, (count, count))
        code[0], code[:, 0] = 1, 1
        wide = high = int(rng.uniform(0.12, 0.3) * side)
    drawn = cv2.resize((255 * code).astype(np.uint8), (wide, high), interpolation=cv2.INTER_NEAREST)
    row, left = (int(rng.uniform(0.05, 0.95) * (side - v)) for v in (high, wide))
    tile[row : row + high, left : left + wide] = drawn


def _logo(rng: Rng, tile: Map) -> None:
    """A mark of discs, rings, polygons and stars over each other."""
    side = tile.shape[0]
    centre = rng.uniform(0.15, 0.85, 2) * side
    reach = rng.uniform(0.05, 0.2) * side
    for k in range(int(rng.integers(1, 4))):
        radius = reach * (1 - 0.3 * k)
        tone = 255 if k % 2 == 0 else 0
        if rng.random() < 0.4:
            cv2.circle(
                tile, tuple(int(v) for v in centre), int(radius), tone, -1 if rng.random() < 0.6 else 6, cv2.LINE_AA
            )
            continue
        corners = int(rng.integers(3, 12))
        way = 2 * np.pi * np.arange(corners) / corners + rng.uniform(0, 6)
        far = radius * np.where(np.arange(corners) % 2 == 0, 1, rng.uniform(0.4, 1))
        points = np.stack([centre[0] + far * np.cos(way), centre[1] + far * np.sin(way)], 1)
        cv2.fillPoly(tile, [np.rint(points).astype(np.int32)], tone, cv2.LINE_AA)


def _rules(rng: Rng, tile: Map) -> None:
    """A frame, or a few straight rules."""
    side = tile.shape[0]
    thick = int(rng.integers(2, 9))
    if rng.random() < 0.4:
        gap = int(rng.uniform(0.02, 0.08) * side)
        cv2.rectangle(tile, (gap, gap), (side - gap, side - gap), 255, thick)
        return
    row = rng.uniform(0.05, 0.9) * side
    for k in range(int(rng.integers(1, 5))):
        at = int(row + 3 * k * thick)
        cv2.line(tile, (int(0.08 * side), at), (int(0.92 * side), at), 255, thick)
