"""Printed and stamped matter: words, logos, codes, as covers of ink (0..1) with a label for each letter."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.synthesis.scenes.poses import Pose
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
    seen = cv2.remap(small, x.astype(np.float32) / factor, y.astype(np.float32) / factor, cv2.INTER_LINEAR).astype(np.float32) / 255
    which = cv2.remap(letters, x.astype(np.float32), y.astype(np.float32), cv2.INTER_NEAREST)
    inked = cv2.dilate((seen > 0.35).astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    return seen, [inked & (which == k + 1) for k in range(int(letters.max()))]
