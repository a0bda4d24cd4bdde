"""The picture with its reported regions drawn on it."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ImageFont

from iapas.types import BoolMap, Image, Regions, Segmentation, crop_frame

LONGEST = 2048
"""Long side of an overlay at most, in pixels: enough to look at, and a JPEG of well under a megabyte."""

MAX_LABELS = 12
"""Regions that get a label, best scores first: thirty outlines stay readable, thirty labels do not."""

_COLOURS = np.array([[255, 214, 10], [255, 92, 92], [64, 200, 255], [124, 226, 110], [255, 140, 230]], np.uint8)
_BITS = 4  # cv2 draws at positions of 1/16 pixel
_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "œ": "oe", "\u2013": "-", "\u2019": "'"}
)

Box = tuple[int, int, int, int]


def draw_overlay(image: Image, result: Segmentation) -> Image:
    """``image`` with outlines, box corners and labels (phrase and score) of the reported regions; a new array.

    ``image``: (H, W, 3) uint8 RGB of the result's size. Returns (h, w, 3) uint8 RGB: the same size, or reduced to a
    long side of :data:`LONGEST`. Outlines run just outside a region (soft mask >= 0.5, on the mask), so that
    a hairline stays visible between them. Regions with equal phrases have one colour. Raises ValueError for
    an image of another size.
    """
    if image.shape != (*result.mask.shape, 3) or image.dtype != np.uint8:
        raise ValueError(f"image must be uint8 {(*result.mask.shape, 3)}, got {image.dtype} {image.shape}")
    regions = result.reported
    regions = regions.take(np.argsort(-regions.scores, kind="stable"))
    scale = min(1.0, LONGEST / max(image.shape[:2]))
    canvas = _reduced(image, scale)
    width = max(1, round(max(canvas.shape[:2]) / 640))
    colours = _colours(regions.phrases)
    outlines = [_outline(regions, i, result.mask, scale, width) for i in range(len(regions))]
    for outline in outlines:  # a dark halo below all of them: legible on any picture
        cv2.polylines(canvas, outline, True, (0, 0, 0), width + 2, cv2.LINE_AA, _BITS)
    boxes = [_scaled_box(box, scale, 2 * width + 1, canvas.shape) for box in regions.boxes]
    for box, colour in zip(boxes, colours, strict=True):
        _draw_corners(canvas, box, (0, 0, 0), width + 3)
        _draw_corners(canvas, box, colour, width + 1)
    for outline, colour in zip(outlines, colours, strict=True):
        cv2.polylines(canvas, outline, True, colour, width, cv2.LINE_AA, _BITS)
    _draw_labels(canvas, regions, boxes, colours)
    return canvas


def label(phrase: str, score: float) -> str:
    """What is written at a region: its phrase in plain letters, if it has any, and its score.

    The font at hand knows ASCII: accents are dropped ("Kratzer", "grosse"), other scripts leave the score alone.

    >>> label("fêlure épaisse", 0.731)
    'felure epaisse 0.73'
    >>> label("划痕", 0.5)
    '0.50'
    """
    plain = unicodedata.normalize("NFKD", phrase.translate(_LETTERS)).encode("ascii", "ignore").decode()
    words = " ".join("".join(c if c.isprintable() else " " for c in plain).split())
    short = words if len(words) <= 28 else words[:26].rstrip() + ".."
    return f"{short} {score:.2f}".strip()


def _reduced(image: Image, scale: float) -> Image:
    if scale == 1:
        return np.ascontiguousarray(image).copy()
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _colours(phrases: list[str]) -> list[tuple[int, int, int]]:
    """A colour for each phrase, by its place in the alphabet."""
    order = {phrase: i for i, phrase in enumerate(sorted(set(phrases)))}
    rows = [_COLOURS[order[phrase] % len(_COLOURS)] for phrase in phrases]
    return [(int(r), int(g), int(b)) for r, g, b in rows]


def _outline(regions: Regions, i: int, mask: BoolMap, scale: float, width: int) -> list[npt.NDArray[np.int32]]:
    """Closed lines just outside region ``i``, in 1/16 overlay pixels, for lines of ``width`` overlay pixels."""
    x0, y0, x1, y1 = crop_frame(regions.boxes[i], regions.size)
    if regions.crops is None or x1 <= x0 or y1 <= y0:
        return []
    inside = ((regions.crops[i] >= 128) & mask[y0:y1, x0:x1]).astype(np.uint8)
    away = int(np.ceil((width / 2 + 2) / scale))  # half the halo, and its soft edge
    pad = away + 1
    pixels = cv2.copyMakeBorder(inside, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    grown = cv2.dilate(pixels, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * away + 1, 2 * away + 1)))
    lines, _ = cv2.findContours(grown, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    corner = np.array([x0 - pad + 0.5, y0 - pad + 0.5])
    return [np.rint(((line + corner) * scale - 0.5) * (1 << _BITS)).astype(np.int32) for line in lines]


def _scaled_box(box: npt.NDArray[Any], scale: float, margin: int, shape: tuple[int, ...]) -> Box:
    """``box`` in overlay pixels, a little larger, within the overlay."""
    height, width = shape[:2]
    x0, y0 = max(0, int(box[0] * scale) - margin), max(0, int(box[1] * scale) - margin)
    x1, y1 = int(np.ceil(box[2] * scale)) + margin, int(np.ceil(box[3] * scale)) + margin
    return x0, y0, max(x0 + 1, min(width, x1)), max(y0 + 1, min(height, y1))


def _draw_corners(canvas: Image, box: Box, colour: tuple[int, int, int], width: int) -> None:
    """The corners of a box: thirty whole boxes would hide the picture."""
    x0, y0, x1, y1 = box[0], box[1], box[2] - 1, box[3] - 1
    dx, dy = min((x1 - x0) // 3, 10 * width), min((y1 - y0) // 3, 10 * width)
    angles = [
        [(x + dx * sx, y), (x, y), (x, y + dy * sy)] for x, sx in ((x0, 1), (x1, -1)) for y, sy in ((y0, 1), (y1, -1))
    ]
    cv2.polylines(canvas, list(np.array(angles, np.int32)), False, colour, width)


def _draw_labels(canvas: Image, regions: Regions, boxes: list[Box], colours: list[tuple[int, int, int]]) -> None:
    """Labels of the best regions, each at a place that no earlier label covers; those without such a place go."""
    height, width = canvas.shape[:2]
    size = int(np.clip(max(height, width) / 44, 11, 30))
    taken: list[Box] = []
    for i in range(min(len(regions), MAX_LABELS)):
        text = _text(label(regions.phrases[i], float(regions.scores[i])), size)[:height, :width]
        spot = _free_spot(boxes[i], text.shape, (height, width), taken)
        if spot is None:
            continue
        x0, y0, x1, y1 = spot
        taken.append(spot)
        ink = text[..., None] / 255.0
        ground = canvas[y0:y1, x0:x1] * 0.2
        canvas[y0:y1, x0:x1] = ground + (np.array(colours[i]) - ground) * ink


def _free_spot(box: Box, shape: tuple[int, ...], canvas: tuple[int, int], taken: list[Box]) -> Box | None:
    """Where a label of ``shape`` goes: above, below or inside its box, moved into the canvas; None if all is taken."""
    rows, columns = shape[:2]
    x0, y0, x1, y1 = box
    for x, y in ((x0, y0 - rows), (x0, y1), (x1 - columns, y0 - rows), (x1 - columns, y1), (x1, y0), (x0, y0)):
        left, top = int(np.clip(x, 0, canvas[1] - columns)), int(np.clip(y, 0, canvas[0] - rows))
        spot = left, top, left + columns, top + rows
        if not any(_overlap(spot, other) for other in taken):
            return spot
    return None


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _text(words: str, size: int) -> npt.NDArray[np.uint8]:
    """(h, w) uint8: ink 0..255 of a line of text with a margin; all lines of a size are equally high."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    margin = max(2, size // 4)
    mask, (left, top) = font.getmask2(words, mode="L")
    ink = np.array(mask, np.uint8).reshape(mask.size[1], mask.size[0])
    line = np.zeros((ascent + descent + margin, mask.size[0] + 2 * margin + max(0, left)), np.uint8)
    y, x = margin // 2 + max(0, top), margin + max(0, left)
    ink = ink[: line.shape[0] - y]
    line[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return line


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font: the same on every machine, and no file to look for."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, which labels need")
    return font
