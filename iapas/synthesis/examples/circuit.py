"""A printed circuit board: many small parts in a fixed order, the opposite of a plain surface."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from iapas.synthesis.texture import Map, Picture, blob, grid, mix, noise, photograph, relief, step, stroke, tinted

SIZE = (544, 704)
_FINE = 4  # shapes are drawn so many times larger, and reduced: soft edges
_Box = tuple[float, float, float, float]

_TRACES = [
    [(60, -10), (60, 120), (95, 155), (175, 155)],
    [(78, -10), (78, 112), (113, 147), (175, 173)],
    [(96, -10), (96, 104), (131, 139), (175, 191)],
    [(150, -10), (150, 60), (209, 119), (209, 155), (175, 209)],
    [(430, -10), (430, 88), (388, 130), (388, 210), (345, 253)],
    [(448, -10), (448, 96), (406, 138), (406, 240), (370, 276)],
    [(466, -10), (466, 104), (424, 146), (424, 290), (388, 326)],
    [(484, -10), (484, 112), (442, 154), (442, 360), (480, 398), (560, 398)],
    [(128, 300), (128, 400), (93, 435), (93, 560), (60, 593), (60, 720)],
    [(146, 300), (146, 408), (111, 443), (111, 568), (78, 601), (78, 720)],
    [(164, 300), (164, 416), (129, 451), (129, 576), (96, 609), (96, 720)],
    [(250, 430), (250, 470), (280, 500), (330, 500)],
    [(400, 560), (350, 560), (330, 580), (330, 720)],
    [(418, 578), (368, 578), (348, 598), (348, 720)],
    [(-10, 405), (60, 405), (85, 380), (85, 340)],
    [(-10, 423), (67, 423), (103, 387), (103, 352)],
]
_VIAS = [
    (85, 340),
    (103, 352),
    (250, 425),
    (418, 578),
    (400, 560),
    (40, 200),
    (505, 200),
    (300, 60),
    (322, 76),
    (505, 640),
    (200, 640),
    (35, 500),
]


def circuit_board() -> Picture:
    """A green board with chips and small parts: a scratch through two traces, and solder between two legs."""
    rng = np.random.default_rng(111)
    rows, columns = grid(SIZE)
    copper = _lines(_TRACES, 6.5)
    gap = _lines(_TRACES, 18)
    pour = _boxes([(215, 20, 330, 130), (20, 420, 60, 470), (470, 420, 530, 690), (20, 20, 45, 300)]) * (1 - gap)
    copper = np.maximum(copper, pour)
    board = mix(
        tinted(1 + 0.03 * noise(rng, SIZE, 3, 3), (0.010, 0.075, 0.036)),
        tinted(1 + 0.03 * noise(rng, SIZE, 40), (0.022, 0.145, 0.062)),
        copper,
    )
    board += tinted(0.05 * relief(cv2.GaussianBlur(3 * copper, (0, 0), 1.2), (-0.7, -0.6)), (0.7, 1, 0.8))
    board += tinted(0.018 * np.exp(-(((rows - 130 + 0.3 * columns) / 170) ** 2)), (1, 1, 1))  # lacquer

    ink = _outlines([(66, 148, 200, 318), (322, 236, 470, 384), (236, 484, 290, 560)], 2.0)
    ink = np.maximum(
        ink, _lettering(rng, [(212, 180), (480, 262), (300, 500), (150, 620), (40, 60), (384, 628), (200, 30)])
    )
    board = mix(board, tinted(np.full(SIZE, 0.62, np.float32), (1, 1, 0.95)), 0.9 * ink)

    legs = [*_legs(80, 160, 8, 8, True), *_legs(180, 160, 8, 8, True), *_legs(338, 262, 9, 6, True)]
    legs += [*_legs(448, 262, 9, 6, True), *_legs(353, 240, 9, 6, False), *_legs(353, 364, 9, 6, False)]
    ends = [end for box in (*_RESISTORS, *_CAPACITORS) for end in _ends(box)]
    metal = _boxes([*legs, *ends])
    tin = 0.42 + 0.16 * noise(rng, SIZE, 5) + 0.30 * relief(cv2.GaussianBlur(6 * metal, (0, 0), 1.6), (-0.7, -0.6))
    bridge = blob(rng, SIZE, (190, 214), (8, 15), 0.14)  # between two legs of the upper chip
    tin += 0.5 * relief(cv2.GaussianBlur(10 * step(bridge, 6), (0, 0), 2), (-0.7, -0.6)) * step(bridge - 2)
    solder = np.maximum(metal, step(bridge, 1.5))
    vias = [np.hypot(rows - row, columns - column) for row, column in _VIAS]
    near = np.minimum.reduce(vias)
    solder = np.maximum(solder, step(near - 7, 1.3))
    board = mix(board, tinted(np.clip(tin, 0.05, 0.95), (1.0, 0.98, 0.93)), solder)
    board = mix(board, tinted(np.full(SIZE, 0.012, np.float32), (1, 1, 1)), step(near - 3.2, 1.3))

    board = _mounted(rng, board)
    far, at = stroke(SIZE, np.array([[372.0, 96.0], [398.0, 122.0], [430.0, 150.0], [468.0, 171.0]]))
    deep = np.sin(np.pi * at) ** 0.5 * (1 + 0.3 * noise(rng, SIZE, 6))
    cut = step(far - 1.9 * deep, 1.4)
    bare = tinted(0.42 + 0.1 * noise(rng, SIZE, 2), (1.0, 0.56, 0.30))
    glass = tinted(0.20 + 0.03 * noise(rng, SIZE, 2), (0.85, 0.95, 0.62))
    board = mix(board, mix(glass, bare, copper), cut)
    mask = ((cut > 0.4) & (at > 0.01) & (at < 0.99)) | (bridge < 1)
    return photograph(rng, board, (0.25, 0.4), 0.22, 0.011, 0.7), mask


def _mounted(rng: np.random.Generator, board: Map) -> Map:
    """The board with its chips and small parts on it."""
    rows, columns = grid(SIZE)
    bodies = [(_boxes(_CHIPS, 3), 0.022, (1.0, 1.0, 1.05)), (_boxes([_body(b) for b in _RESISTORS]), 0.018, (1, 1, 1))]
    bodies.append((_boxes([_body(b) for b in _CAPACITORS]), 0.24, (1.0, 0.72, 0.46)))
    for cover, tone, tint in bodies:
        shade = cv2.GaussianBlur(np.roll(cover, (6, 5), (0, 1)), (0, 0), 4) * (1 - cover)
        board *= (1 - 0.65 * shade)[..., None]
        bevel = relief(cv2.GaussianBlur(5 * cover, (0, 0), 1.5), (-0.7, -0.6))
        grain = 1 + 0.10 * noise(rng, SIZE, 1.0) + 0.9 * bevel
        board = mix(board, tinted(tone * grain, tint), cover)
    marks = _lettering(rng, [(118, 200), (140, 200), (385, 280), (405, 280), (258, 498)], 1.9)
    dots = np.minimum(np.hypot(rows - 168, columns - 170), np.hypot(rows - 362, columns - 268))
    board = mix(board, tinted(np.full(SIZE, 0.30, np.float32), (1, 1, 1)), 0.6 * np.maximum(marks, step(dots - 4, 1.5)))
    return board


_CHIPS: list[_Box] = [(92, 152, 182, 312), (350, 254, 448, 366), (242, 492, 284, 552)]
_RESISTORS: list[_Box] = [
    (236, 190, 252, 226),
    (236, 244, 252, 280),
    (270, 190, 286, 226),
    (150, 480, 166, 516),
    (150, 534, 166, 570),
    (184, 480, 200, 516),
    (420, 480, 436, 516),
    (446, 480, 462, 516),
]
_CAPACITORS: list[_Box] = [(270, 244, 290, 284), (380, 430, 400, 470), (300, 600, 322, 644), (250, 600, 272, 644)]


def _body(box: _Box) -> _Box:
    top, left, bottom, right = box
    return top, left + 8, bottom, right - 8


def _ends(box: _Box) -> list[_Box]:
    """The soldered ends of a small part, a little beyond it."""
    top, left, bottom, right = box
    return [(top - 2, left - 5, bottom + 2, left + 9), (top - 2, right - 9, bottom + 2, right + 5)]


def _legs(row: float, column: float, count: int, wide: float, along_columns: bool) -> list[_Box]:
    """A row, or a column, of legs."""
    pitch = 20.0 if wide == 8 else 10.6
    long = 16.0
    if along_columns:
        return [(row - 2, column + i * pitch, row + long - 2, column + i * pitch + wide) for i in range(count)]
    return [(row + i * pitch, column, row + i * pitch + wide, column + long) for i in range(count)]


def _reduced(canvas: np.ndarray) -> Map:
    small: Map = cv2.resize(canvas, SIZE[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return small


def _canvas() -> np.ndarray:
    return np.zeros((SIZE[0] * _FINE, SIZE[1] * _FINE), np.uint8)


def _fine(row: float, column: float) -> tuple[int, int]:
    return round(column * _FINE), round(row * _FINE)


def _lines(paths: Iterable[list[tuple[int, int]]], width: float) -> Map:
    canvas = _canvas()
    for path in paths:
        points = np.array([_fine(*point) for point in path], np.int32)
        cv2.polylines(canvas, [points.reshape(-1, 1, 2)], False, 255, round(width * _FINE))
    return _reduced(canvas)


def _boxes(boxes: Iterable[_Box], corner: float = 0) -> Map:
    canvas = _canvas()
    for top, left, bottom, right in boxes:
        inner = _fine(top + corner, left + corner), _fine(bottom - corner, right - corner)
        cv2.rectangle(canvas, *inner, 255, -1)
        if corner:
            cv2.rectangle(canvas, *inner, 255, round(2 * corner * _FINE))
    return _reduced(canvas)


def _outlines(boxes: Iterable[_Box], width: float) -> Map:
    canvas = _canvas()
    for top, left, bottom, right in boxes:
        cv2.rectangle(canvas, _fine(top, left), _fine(bottom, right), 255, round(width * _FINE))
    return _reduced(canvas)


_GLYPHS = ["699f99", "e9e99e", "788887", "f8e88f", "e9eac9", "6b9d96", "26222f", "e1248f", "f13196", "9f1111"]  # 4 x 6


def _lettering(rng: np.random.Generator, places: Iterable[tuple[int, int]], dot: float = 2.2) -> Map:
    """A word of four or five letters and digits at each place (row, column of its upper left)."""
    canvas = _canvas()
    for row, column in places:
        for at, glyph in enumerate(rng.integers(0, len(_GLYPHS), rng.integers(4, 6))):
            bits = np.array([[int(line, 16) >> (3 - i) & 1 for i in range(4)] for line in _GLYPHS[glyph]])
            for y, x in np.argwhere(bits):
                top, left = row + y * dot, column + (at * 5.5 + x) * dot
                cv2.rectangle(canvas, _fine(top, left), _fine(top + dot, left + dot), 255, -1)
    return cv2.GaussianBlur(_reduced(canvas), (0, 0), 0.6)
