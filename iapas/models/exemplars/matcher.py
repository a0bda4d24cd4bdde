"""Matcher (Liu et al. 2024, "Matcher: Segment Anything with One Shot Using All-Purpose Feature Matching", section 3).

Cells of a picture that match the examples both ways become points; SAM draws a mask of each sample of them, and those
most like the examples are merged. The numbers are those released for FSS-1000. Real checkpoints have not been run here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from iapas.models import memory
from iapas.models.exemplars.assignment import Indices, assign, evenly, transport
from iapas.models.exemplars.masks import cells_of, classes, touched
from iapas.models.loading import Runtime
from iapas.models.sam import Encoded, SamDecoder
from iapas.models.upsampling import Upsampling
from iapas.protocols import FeatureExtractor
from iapas.settings import DecoderSettings
from iapas.types import BoolMap, FloatMap, Image, MaskCrop

MANY = 40  # matched cells, of which from here on the better half is taken
CENTRES = 8  # of the clusters of matched cells; these are the points
SAMPLED = range(4, 7)  # points in a sample; every sample of so many is asked for
ALPHA, BETA = 0.8, 0.2  # weights of likeness, and of purity times coverage
MERGED = 10  # masks, the best ones, of those ...
NEAR_BEST = 0.7  # ... whose score is above this share of the best one's
MOST_CELLS = 512  # of the examples that are matched, evenly: ours, for time


@dataclass(frozen=True, eq=False)
class Reference:
    """The examples of one class: ``cells`` (n, C) float32 of length 1, those in the masks ``inside`` (k,) indices."""

    cells: FloatMap
    inside: Indices


class Matcher:
    """The protocol Exemplars, by features and a model of the SAM family.

    Like the published one it always finds something. Masks of integers hold several classes, each found by itself.
    """

    def __init__(self, extractor: FeatureExtractor, folder: Path, runtime: Runtime) -> None:
        self._extractor = extractor
        self._decoder = SamDecoder(folder, DecoderSettings(name="sam"), runtime)
        self._known: list[Reference] = []

    def prepare(self, supports: Sequence[tuple[Image, npt.NDArray[Any]]]) -> None:
        """Take the cells of the examples: images, each with its mask, (H, W) bool or integers.

        Raises ValueError when no mask has a pixel.
        """
        parts: dict[int, list[tuple[FloatMap, BoolMap]]] = {}
        for image, mask in supports:
            (features,) = self._extractor.features([image])
            for label, where in classes(mask).items():
                inside = touched(where, (features.shape[0], features.shape[1]))
                parts.setdefault(label, []).append((_cells(features), inside.ravel()))
        if not parts:
            raise ValueError("the examples have no foreground")
        self._known = [
            Reference(np.concatenate([c for c, _ in found]), np.flatnonzero(np.concatenate([m for _, m in found])))
            for _, found in sorted(parts.items())
        ]

    def score(self, images: Sequence[Image]) -> list[FloatMap]:
        """(H, W) float32 for each image: above one half on the merged masks, the more the better they fit; else 0.

        Raises OutOfMemory, ModelNonfinite.
        """
        return memory.in_chunks(len(images), 1, lambda part: self._score(images[part][0]))

    def close(self) -> None:
        """Give the memory of both models back."""
        self._known = []
        self._extractor.close()
        self._decoder.close()

    def _score(self, image: Image) -> FloatMap:
        (features,) = self._extractor.features([image])
        (entry,) = self._decoder.encode([image])
        scores = np.zeros(entry.size, np.float32)
        for known in self._known:
            for mask, score in self._find(entry, features, known):
                x0, y0, x1, y1 = mask.frame
                view = scores[y0:y1, x0:x1]
                value = np.float32(0.5 + 0.5 * min(max(score, 1e-3), 1.0))
                np.maximum(view, np.where(mask.pixels > 0, value, 0), out=view)
        return scores

    def _find(self, entry: Encoded, features: FloatMap, known: Reference) -> list[tuple[MaskCrop, float]]:
        """The masks that are merged, with their scores."""
        grid = (features.shape[0], features.shape[1])
        cells = _cells(features)
        matched = match_both_ways(known.cells, known.inside, cells)
        masks = [mask for mask in self._draw(entry, centres(matched, grid)) if mask.pixels.size]
        distance: FloatMap = ((1 - known.cells[evenly(known.inside, MOST_CELLS)] @ cells.T) / 2).astype(np.float32)
        found: dict[bytes, float] = {}  # many samples have one mask
        scored = []
        for mask in masks:
            covered = cells_of(mask, entry.size, grid)
            key = covered.tobytes()
            if key not in found:
                found[key] = fit(covered.ravel(), matched, distance)
            scored.append((mask, found[key]))
        return best(scored)

    def _draw(self, entry: Encoded, points: FloatMap) -> list[MaskCrop]:
        """The mask of each sample of ``points`` (n, 2), x y as shares of the image: the model's largest of three."""
        import torch

        pixels = points * np.array(entry.size[::-1], np.float32)
        masks = []
        for chosen in samples(len(points)):
            prompts = pixels[chosen]

            def run(part: slice, prompts: FloatMap = prompts) -> list[MaskCrop]:
                some = prompts[part]
                labels = torch.ones((1, *some.shape[:2]), dtype=torch.int32, device=entry.features[0].device)
                with torch.inference_mode():
                    logits, _, upsampling = self._decoder.ask(entry, True, points=some, input_labels=labels)
                return _crops(logits[:, -1], upsampling)

            found = memory.in_chunks(len(prompts), self._decoder.chunk, run)
            masks += [mask for chunk in found for mask in chunk]
        return masks


def match_both_ways(reference: FloatMap, inside: Indices, cells: FloatMap) -> Indices:
    """The indices of ``cells`` (m, C) that match the examples, sorted (patch-level matching, section 3.2).

    Each cell of ``inside`` has its partner; those whose own partner among all of ``reference`` (n, C) lies in the masks
    stay, or all where none does. Of many the better half.
    """
    forward = reference[evenly(inside, MOST_CELLS)] @ cells.T
    rows, columns = assign(forward)
    likeness = forward[rows, columns]
    _, partners = assign(cells[columns] @ reference.T)
    back = np.isin(partners, inside)
    if back.any():
        columns, likeness = columns[back], likeness[back]
    count = len(columns) // 2 if len(columns) > MANY else len(columns)
    return np.unique(columns[np.argsort(-likeness, kind="stable")[:count]])


def centres(matched: Indices, grid: tuple[int, int]) -> FloatMap:
    """(n, 2) float32, x y as shares of the image: the centres of at most CENTRES clusters of the matched cells."""
    ys, xs = np.unravel_index(matched, grid)
    places = np.stack([(xs + 0.5) / grid[1], (ys + 0.5) / grid[0]], axis=1).astype(np.float32)
    if len(places) <= CENTRES:
        return places
    cv2.setRNGSeed(0)
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-4)
    _, _, found = cv2.kmeans(places, CENTRES, None, until, 3, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    middles: FloatMap = np.asarray(found, np.float32)
    return middles[np.lexsort(middles.T)]


def samples(count: int) -> list[Indices]:
    """For each size of a sample, (n, size): every choice of so many of ``count`` points (robust prompt sampler)."""
    sizes = sorted({min(size, count) for size in SAMPLED})
    return [np.array(list(combinations(range(count), size)), np.int64) for size in sizes]


def fit(covered: npt.NDArray[np.bool_], matched: Indices, distance: FloatMap) -> float:
    """How well a mask over the cells ``covered`` (m,) bool fits (instance-level matching, section 3.3).

    Likeness of its cells to those of the examples, with ``distance`` (k, m) between them, and how many of its cells are
    matched (purity) and of the matched its own (coverage).
    """
    own = np.flatnonzero(covered)
    shared = int(covered[matched].sum())
    purity, coverage = shared / len(own), shared / len(matched)
    return ALPHA * (1 - transport(distance[:, own])) + BETA * purity * coverage


def best(scored: Sequence[tuple[MaskCrop, float]]) -> list[tuple[MaskCrop, float]]:
    """At most MERGED masks, those near to the best."""
    ordered = sorted(scored, key=lambda one: -one[1])[:MERGED]
    return [one for one in ordered if one[1] > NEAR_BEST * ordered[0][1]]


def _crops(logits: Any, upsampling: Upsampling) -> list[MaskCrop]:
    return [MaskCrop.of((window > 0).cpu().numpy(), origin) for origin, window in upsampling.windows(logits)]


def _cells(features: FloatMap) -> FloatMap:
    """(n, C) of length 1."""
    rows = features.reshape(-1, features.shape[2])
    unit: FloatMap = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-8))
    return unit
