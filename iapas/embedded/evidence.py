"""What the compact model says of candidate regions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from iapas.embedded.classical.candidates import Candidate
from iapas.embedded.compact.model import TERMS, Sight

GRID = 4  # work pixels: terms are averaged at this coarseness
CLASSICAL, SEEN, NEUTRAL = 0.8, 0.5, -3.0
LEAST, HALF = 0.5, -2.0
FAINTEST, SUREST = -6.0, 3.0  # log odds: beyond, the model is no surer


@dataclass(frozen=True)
class Evidence:
    """Of N candidates.

    ``seen``: (N,) the mean log odds of a defect within each, FAINTEST..SUREST.
    ``terms``: attribute -> (N,) in -1..1, how surely the attribute holds there.
    """

    seen: np.ndarray
    terms: dict[str, np.ndarray]


def weigh(found: list[Candidate], sight: Sight) -> Evidence:
    """Average what the model saw over each candidate."""
    odds = np.clip(sight.wrong, FAINTEST, SUREST)
    height, width = odds.shape
    grid = (max(1, width // GRID), max(1, height // GRID))
    stack = np.dstack([np.tanh(cv2.resize(one, grid, interpolation=cv2.INTER_AREA) / 2) for one in sight.terms])
    seen, terms = np.zeros(len(found)), np.zeros((len(found), len(TERMS)))
    for k, candidate in enumerate(found):
        x0, y0, x1, y1 = candidate.box
        seen[k] = cv2.mean(np.ascontiguousarray(odds[y0:y1, x0:x1]), candidate.mask)[0]
        left, top = min(x0 // GRID, grid[0] - 1), min(y0 // GRID, grid[1] - 1)
        right, bottom = max(left + 1, min(grid[0], -(-x1 // GRID))), max(top + 1, min(grid[1], -(-y1 // GRID)))
        share = cv2.resize(
            candidate.mask.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_AREA
        )
        share = share + np.float32(1e-3)  # never nothing
        terms[k] = np.tensordot(share, stack[top:bottom, left:right], axes=2) / share.sum()
    return Evidence(seen, {name: terms[:, k] for k, name in enumerate(TERMS)})


def standing_out(sight: Sight) -> np.ndarray:
    """(h, w) float32 >= 0: how far each pixel's log odds lie above the picture's median; for candidates."""
    above: np.ndarray = np.maximum(sight.wrong - np.median(sight.wrong[::2, ::2]), 0)
    return above


def joined(odds: np.ndarray, evidence: Evidence) -> np.ndarray:
    """Log odds of the candidates from both: (N,)."""
    both: np.ndarray = CLASSICAL * odds + SEEN * (evidence.seen - NEUTRAL)
    return both


def sharpened(sight: Sight) -> np.ndarray:
    """(h, w) float32 in LEAST..1: what the model leaves of a soft mask at each pixel."""
    chance = 1 / (1 + np.exp(-(sight.wrong - HALF)))
    return np.asarray(LEAST + (1 - LEAST) * chance, np.float32)
