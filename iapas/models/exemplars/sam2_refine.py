"""Refining a matched mask with SAM 2 (Liu et al., GFDS, the comparison of prompts for SAM 2).

The paper names the prompts; how they are taken of the mask is ours, as said at each of them. Works with any model of
the SAM family. Real checkpoints have not been run here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from iapas.core.fusion import Fusion, fuse
from iapas.core.matching import HALFWAY
from iapas.models.everything import Everything
from iapas.models.exemplars.masks import full
from iapas.models.loading import Runtime
from iapas.models.sam import SamDecoder
from iapas.protocols import Exemplars
from iapas.settings import DecoderSettings, EverythingSettings
from iapas.types import BoolMap, FloatMap, Image

Prompts = Literal["points", "points-8x", "centres", "boxes", "centres-boxes", "everything-32", "everything-64"]

CELLS = 64
"""Points are the middles of cells, so many in each direction: the grid of FM at 256 pixels."""

MOST_POINTS = 256
MOST_REGIONS = 64
"""So many regions are refined, the largest ones; the others stay as they were matched."""


class Refiner(Protocol):
    """What makes a mask better."""

    def __call__(self, image: Image, matched: BoolMap) -> BoolMap:
        """The mask (H, W) bool for ``matched`` (H, W) bool, which has a pixel."""
        ...

    def close(self) -> None:
        """Give memory back."""
        ...


class Sam2Refine:
    """The protocol Exemplars: ``first`` matches, what it finds is refined.

    The map is at or above HALFWAY exactly on the refined mask. There each connected part has the greatest value that
    ``first`` gave to it; elsewhere the map of ``first`` stays, below HALFWAY.
    """

    def __init__(
        self,
        first: Exemplars,
        folder: Path,
        prompts: Prompts,
        rule: Fusion,
        settings: EverythingSettings,
        runtime: Runtime,
    ) -> None:
        self._first = first
        self._refine: Refiner
        if prompts in ("everything-32", "everything-64"):
            per_side = int(prompts.removeprefix("everything-"))
            parts = Everything(folder, settings.model_copy(update={"points_per_side": per_side}), runtime)
            self._refine = ByParts(parts, rule)
        else:
            self._refine = ByPrompts(SamDecoder(folder, DecoderSettings(name="sam"), runtime), TAKEN[prompts])

    def prepare(self, supports: Sequence[tuple[Image, npt.NDArray[Any]]]) -> None:
        """Take the examples: images, each with its mask, as ``first`` takes them."""
        self._first.prepare(supports)

    def score(self, images: Sequence[Image]) -> list[FloatMap]:
        """(H, W) float32 >= 0 for each image. Raises OutOfMemory, ModelNonfinite."""
        found = []
        for image, scores in zip(images, self._first.score(images), strict=True):
            matched = scores >= HALFWAY
            mask = self._refine(image, matched) if matched.any() else matched
            found.append(with_mask(scores, mask))
        return found

    def close(self) -> None:
        """Give the memory of both back."""
        self._first.close()
        self._refine.close()


class ByPrompts:
    """Asks for a mask of each connected region."""

    def __init__(self, decoder: SamDecoder, take: Callable[[BoolMap], dict[str, FloatMap]]) -> None:
        self._decoder, self._take = decoder, take

    def __call__(self, image: Image, matched: BoolMap) -> BoolMap:
        """The union of the masks; of a region for which there is none, the region."""
        import torch

        (entry,) = self._decoder.encode([image])
        mask = np.zeros_like(matched)
        with torch.inference_mode():
            for i, region in enumerate(regions(matched)):
                drawn = region
                if i < MOST_REGIONS:
                    logits, _, upsampling = self._decoder.ask(entry, False, **self._take(region))
                    better = full(logits[0, 0], upsampling, entry.size) > 0.5
                    drawn = better if better.any() else region
                mask |= drawn
        return mask

    def close(self) -> None:
        """Give the model's memory back."""
        self._decoder.close()


class ByParts:
    """Fuses the mask with all parts of the picture, as FM does (GFDS, section on fusion)."""

    def __init__(self, parts: Everything, rule: Fusion) -> None:
        self._parts, self._rule = parts, rule

    def __call__(self, image: Image, matched: BoolMap) -> BoolMap:
        """The fused mask."""
        return fuse(matched, list(self._parts.generate(image).masks()), self._rule)

    def close(self) -> None:
        """Give the model's memory back."""
        self._parts.close()


def regions(mask: BoolMap) -> list[BoolMap]:
    """The connected regions of a mask (H, W) bool, the largest first (8-connected)."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    ordered = np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable") + 1
    return [labels == label for label in ordered]


def with_mask(scores: FloatMap, mask: BoolMap) -> FloatMap:
    """``scores`` (H, W) such that they are at or above HALFWAY exactly on ``mask``; see Sam2Refine."""
    below = np.nextafter(np.float32(HALFWAY), np.float32(0))
    found = np.minimum(scores, below)
    for part in regions(mask):
        found[part] = max(np.float32(HALFWAY), scores[part].max())
    return found


def points(region: BoolMap, every: int = 1) -> FloatMap:
    """(1, P, 2) float32 x y: the middles of the cells whose middle is in the region, ``every`` one in raster order.

    At most MOST_POINTS, evenly; the centre where there is none.
    """
    height, width = region.shape
    rows, columns = (np.minimum(((np.arange(CELLS) + 0.5) * n / CELLS).astype(int), n - 1) for n in (height, width))
    ys, xs = np.nonzero(region[np.ix_(rows, columns)])
    every = max(every, -(-len(ys) // MOST_POINTS))
    found = np.stack([columns[xs], rows[ys]], axis=1)[::every].astype(np.float32)
    return found[None] if len(found) else centre(region)


def centre(region: BoolMap) -> FloatMap:
    """(1, 1, 2) float32 x y: the pixel of the region that lies deepest in it."""
    depth = cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), region.shape)
    return np.array([[[x, y]]], np.float32)


def box(region: BoolMap) -> FloatMap:
    """(1, 4) float32 x0 y0 x1 y1, the end excluded."""
    ys, xs = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return np.array([[xs[0], ys[0], xs[-1] + 1, ys[-1] + 1]], np.float32)


TAKEN: dict[str, Callable[[BoolMap], dict[str, FloatMap]]] = {
    "points": lambda region: {"points": points(region)},
    "points-8x": lambda region: {"points": points(region, 8)},
    "centres": lambda region: {"points": centre(region)},
    "boxes": lambda region: {"boxes": box(region)},
    "centres-boxes": lambda region: {"points": centre(region), "boxes": box(region)},
}
