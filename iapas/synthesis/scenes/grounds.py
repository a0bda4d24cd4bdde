"""What parts lie on: benches, mats, cloth, belts, sheets, light tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from iapas.synthesis.texture import Map, Rng, grid, noise


def rgb(red: float, green: float, blue: float) -> Map:
    """A colour in linear light, (3,) float32."""
    return np.array([red, green, blue], np.float32)


def dyed(grey: Map, colour: Map) -> Map:
    """A grey map times a colour: (H, W, 3) float32."""
    product: Map = cv2.merge([(grey * float(share)).astype(np.float32) for share in colour])
    return product


def tint(rng: Rng, strength: float = 0.3) -> Map:
    """A colour of about grey 1: ``strength`` 0 is grey, 1 vivid."""
    hue = rng.uniform(0, 2 * np.pi)
    vivid = strength * rng.uniform(0, 1)
    return rgb(*(1 + vivid * np.cos(hue - k * 2 * np.pi / 3) for k in range(3)))


def paint(rng: Rng, low: float = 0.02, high: float = 0.8, strength: float = 0.5) -> Map:
    """A colour of a lightness between ``low`` and ``high`` (linear light, evenly on a log scale)."""
    tone = np.exp(rng.uniform(np.log(low), np.log(high)))
    colour: Map = tone * tint(rng, strength if rng.random() < 0.6 else 0.08)
    return colour


def _plain(rng: Rng, size: tuple[int, int]) -> Any:
    dark = rng.random() < 0.5
    tone = rng.uniform(0.004, 0.05) if dark else rng.uniform(0.15, 0.8)
    return tone * (1 + rng.uniform(0.005, 0.04) * noise(rng, size, max(size) / 5))


def _mat(rng: Rng, size: tuple[int, int]) -> Any:
    tone = np.exp(rng.uniform(np.log(0.01), np.log(0.6)))
    fine = noise(rng, size, rng.uniform(1.0, max(1.2, min(size) / 80)))
    return tone * (1 + rng.uniform(0.03, 0.2) * fine + rng.uniform(0.02, 0.1) * noise(rng, size, max(size) / 8))


def _cloth(rng: Rng, size: tuple[int, int]) -> Any:
    rows, columns = grid(size)
    turn, pitch = rng.uniform(0, np.pi), rng.uniform(2.5, max(3, min(size) / 30))
    a, b = rows * np.cos(turn) + columns * np.sin(turn), columns * np.cos(turn) - rows * np.sin(turn)
    wobble = 0.5 * noise(rng, size, 6 * pitch)
    weave = np.sin(2 * np.pi * a / pitch + wobble) * np.cos(2 * np.pi * b / pitch - wobble)
    tone = np.exp(rng.uniform(np.log(0.015), np.log(0.5)))
    return tone * (1 + rng.uniform(0.05, 0.35) * weave + rng.uniform(0.03, 0.15) * noise(rng, size, 1.2))


def _belt(rng: Rng, size: tuple[int, int]) -> Any:
    """Parallel ribs or dots of a conveyor."""
    rows, columns = grid(size)
    turn, pitch = rng.uniform(0, np.pi), min(size) * rng.uniform(0.02, 0.12)
    a = rows * np.cos(turn) + columns * np.sin(turn)
    b = columns * np.cos(turn) - rows * np.sin(turn)
    wave = np.sin(2 * np.pi * a / pitch)
    if rng.random() < 0.4:
        wave = np.maximum(wave, 0) * np.maximum(np.sin(2 * np.pi * b / pitch), 0)
    tone = np.exp(rng.uniform(np.log(0.01), np.log(0.3)))
    return tone * (1 + rng.uniform(0.1, 0.5) * np.tanh(rng.uniform(1, 5) * wave) + 0.06 * noise(rng, size, 1))


def _sheet(rng: Rng, size: tuple[int, int]) -> Any:
    """Brushed along rows or columns."""
    long = rng.uniform(20, 90)
    streaks = noise(rng, size, long, 1.0) if rng.random() < 0.5 else noise(rng, size, 1.0, long)
    return rng.uniform(0.08, 0.5) * (1 + rng.uniform(0.04, 0.2) * streaks + 0.08 * noise(rng, size, max(size) / 4))


def _wood(rng: Rng, size: tuple[int, int]) -> Any:
    rows, columns = grid(size)
    across, along = (rows, columns) if rng.random() < 0.5 else (columns, rows)
    bent = across + min(size) * 0.06 * noise(rng, size, max(size) / 3)
    rings = np.sin(2 * np.pi * bent / (min(size) * rng.uniform(0.03, 0.15)) + along * 0.003)
    fibre = noise(rng, size, 25, 1) if across is rows else noise(rng, size, 1, 25)
    return rng.uniform(0.08, 0.35) * (1 + 0.15 * rings + 0.1 * fibre)


def _light_table(rng: Rng, size: tuple[int, int]) -> Any:
    return rng.uniform(0.7, 1.05) * (1 + 0.03 * noise(rng, size, max(size) / 3))


def _gradient(rng: Rng, size: tuple[int, int]) -> Any:
    rows, columns = grid(size)
    turn = rng.uniform(0, 2 * np.pi)
    ramp = (rows / size[0] - 0.5) * np.sin(turn) + (columns / size[1] - 0.5) * np.cos(turn)
    tone = np.exp(rng.uniform(np.log(0.02), np.log(0.4)))
    return tone * np.exp(rng.uniform(0.3, 1.6) * ramp) * (1 + 0.02 * noise(rng, size, 1))


GROUNDS: dict[str, tuple[float, Callable[[Rng, tuple[int, int]], Any]]] = {
    "plain": (0.34, _plain),
    "mat": (0.16, _mat),
    "gradient": (0.14, _gradient),
    "cloth": (0.08, _cloth),
    "belt": (0.07, _belt),
    "sheet": (0.08, _sheet),
    "wood": (0.06, _wood),
    "light table": (0.07, _light_table),
}
"""Name -> (how often, what draws its lightness)."""


def draw_ground(rng: Rng, size: tuple[int, int], name: str | None = None) -> Map:
    """A ground, (H, W, 3) linear light; a random one unless it is named."""
    if name is None:
        names = list(GROUNDS)
        name = names[int(rng.choice(len(names), p=[GROUNDS[n][0] for n in names]))]
    lightness = GROUNDS[name][1](rng, size).astype(np.float32)
    colour = rgb(1.35, 0.95, 0.6) if name == "wood" else tint(rng, 0.45 if rng.random() < 0.16 else 0.07)
    ground = dyed(np.maximum(lightness, 0.002), colour)
    if rng.random() < 0.35:
        ground = _dusty(rng, ground)
    return ground


def _dusty(rng: Rng, ground: Map) -> Map:
    """A few specks and fibres that lie about."""
    size = ground.shape[:2]
    canvas = np.zeros(size, np.uint8)
    for _ in range(int(rng.integers(3, 40))):
        row, column = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        if rng.random() < 0.85:
            radius = int(rng.uniform(4, 14))
            cv2.circle(
                canvas, (int(column * 16), int(row * 16)), radius, int(rng.integers(60, 256)), -1, cv2.LINE_AA, 4
            )
        else:
            turn, far = rng.uniform(0, 6.3), min(size) * rng.uniform(0.01, 0.03)
            end = int((column + far * np.cos(turn)) * 16), int((row + far * np.sin(turn)) * 16)
            cv2.line(canvas, (int(column * 16), int(row * 16)), end, int(rng.integers(40, 160)), 1, cv2.LINE_AA, 4)
    tone = float(ground.mean())
    dust = tone * (3 if tone < 0.2 else 0.5)
    specks: Map = ground + (dust - ground) * (canvas.astype(np.float32) * rng.uniform(0.3, 0.8) / 255)[..., None]
    return specks
