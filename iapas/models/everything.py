"""SAM's everything mode: a picture cut into all its parts.

After Kirillov et al. 2023, section 5, and the code and defaults released with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.boxes import nms
from iapas.core.islands import drop_islands, fill_holes
from iapas.core.tiles import Frame
from iapas.models.loading import Runtime
from iapas.models.sam import SamDecoder
from iapas.models.upsampling import Upsampling
from iapas.settings import DecoderSettings, EverythingSettings
from iapas.types import BoolMap, FloatMap, Image, MaskCrop, Regions

EDGE = 20
"""A mask whose box comes so near to the edge of a cut-out, in pixels, and not of the picture, is cut off: dropped."""


@dataclass(frozen=True, eq=False)
class _Part:
    """One mask: its frame in the picture, its pixels as packed bits (thousands are waiting), its predicted IoU."""

    frame: Frame
    bits: npt.NDArray[np.uint8]
    iou: float

    @classmethod
    def of(cls, mask: MaskCrop, iou: float, left: int = 0, top: int = 0) -> _Part:
        x0, y0, x1, y1 = mask.frame
        return cls((x0 + left, y0 + top, x1 + left, y1 + top), np.packbits(mask.pixels > 0), iou)

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """(height, width) uint8, 0 and 255."""
        x0, y0, x1, y1 = self.frame
        bits = np.unpackbits(self.bits, count=(y1 - y0) * (x1 - x0))
        return (bits * np.uint8(255)).reshape(y1 - y0, x1 - x0)


class Everything:
    """The protocol MaskGenerator, by a model of the SAM family."""

    def __init__(self, folder: Path, settings: EverythingSettings, runtime: Runtime) -> None:
        self._decoder = SamDecoder(folder, DecoderSettings(name="sam", chunk=settings.chunk), runtime)
        self._settings = settings

    def generate(self, image: Image) -> Regions:
        """The parts of ``image``, each with its mask, the best first; ``scores``: their predicted IoU. No phrases.

        Raises OutOfMemory, ModelNonfinite.
        """
        settings = self._settings
        size = (image.shape[0], image.shape[1])
        frames = crop_frames(size, settings.crop_layers, settings.crop_overlap)
        by_crop = [self._look(image, frame, layer) for frame, layer in frames]
        parts = [part for crop in by_crop for part in crop]
        if len(frames) > 1:
            # as released: of masks from different cut-outs that agree, the one from the smaller cut-out
            finer = [1 / _area(frame) for (frame, _), crop in zip(frames, by_crop, strict=True) for _ in crop]
            parts = _best(parts, finer, settings.nms)
        if settings.min_area > 0:
            cleaned = [_clean(part, size, settings.min_area) for part in parts]
            untouched = [float(new is old) for new, old in zip(cleaned, parts, strict=True)]
            parts = _best(cleaned, untouched, settings.nms)
        return _regions(sorted(parts, key=lambda part: -part.iou), size)

    def close(self) -> None:
        """Give the model's memory back."""
        self._decoder.close()

    def _look(self, image: Image, frame: Frame, layer: int) -> list[_Part]:
        """The parts seen in the cut-out at ``frame``, of those that are the same the best."""
        x0, y0, x1, y1 = frame
        (entry,) = self._decoder.encode([np.ascontiguousarray(image[y0:y1, x0:x1])])
        per_side = max(1, self._settings.points_per_side // self._settings.crop_points_divisor**layer)
        points = point_grid(per_side, (y1 - y0, x1 - x0))
        size = (image.shape[0], image.shape[1])

        def use(_points: slice, logits: Any, ious: Any, upsampling: Upsampling) -> list[_Part]:
            found = self._good(logits.flatten(0, 1), ious.flatten(), upsampling)
            moved = (_Part.of(mask, iou, x0, y0) for mask, iou in found)
            return [part for part in moved if not cut_off(part.frame, frame, size)]

        parts = [part for chunk in self._decoder.predict(entry, points, True, use) for part in chunk]
        return _best(parts, [part.iou for part in parts], self._settings.nms)

    def _good(self, logits: Any, ious: Any, upsampling: Upsampling) -> list[tuple[MaskCrop, float]]:
        """The masks of coarse ``logits`` (N, h, w) that are good enough, and their IoUs, (N,) before."""
        settings = self._settings
        sure = ious > settings.iou
        offset = settings.stability_offset
        good = []
        windows = upsampling.windows(logits[sure], above=-offset)
        for iou, (origin, window) in zip(ious[sure].tolist(), windows, strict=True):
            certain, possible = int((window > offset).sum()), int((window > -offset).sum())
            if possible == 0 or certain / possible < settings.stability:
                continue
            mask = MaskCrop.of((window > 0).cpu().numpy(), origin)
            if mask.pixels.size:
                good.append((mask, iou))
        return good


def point_grid(per_side: int, size: tuple[int, int]) -> FloatMap:
    """(N, 2) float32, x y in pixels of an image of ``size`` (height, width): an even grid, row by row."""
    steps = (np.arange(per_side) + 0.5) / per_side
    xs, ys = np.meshgrid(steps * size[1], steps * size[0])
    return np.stack([xs, ys], axis=-1).reshape(-1, 2).astype(np.float32)


def crop_frames(size: tuple[int, int], layers: int, overlap: float) -> list[tuple[Frame, int]]:
    """The whole image and the overlapping cut-outs of each layer, 2^i a side, with their layer (as released)."""
    height, width = size
    frames: list[tuple[Frame, int]] = [((0, 0, width, height), 0)]
    for layer in range(1, layers + 1):
        count = 2**layer
        shared = int(overlap * min(size) * 2 / count)
        across, down = (-(-(shared * (count - 1) + length) // count) for length in (width, height))
        for i, j in product(range(count), repeat=2):
            x0, y0 = (across - shared) * i, (down - shared) * j
            frame = (x0, y0, min(x0 + across, width), min(y0 + down, height))
            if x0 < width and y0 < height:  # very small pictures have fewer
                frames.append((frame, layer))
    return frames


def cut_off(frame: Frame, crop: Frame, size: tuple[int, int]) -> bool:
    """Whether a mask's ``frame`` comes near to an edge of the ``crop`` that it was seen in, and not of the image."""
    box = np.array(frame) - (0, 0, 1, 1)  # to its last pixel, as released
    near_crop = np.abs(box - crop) <= EDGE
    near_image = np.abs(box - (0, 0, size[1], size[0])) <= EDGE
    return bool((near_crop & ~near_image).any())


def _area(frame: Frame) -> int:
    return (frame[2] - frame[0]) * (frame[3] - frame[1])


def _best(parts: Sequence[_Part], scores: Sequence[float], limit: float) -> list[_Part]:
    """What is left of ``parts`` by NMS on their boxes (to their last pixel, as released)."""
    boxes = np.array([part.frame for part in parts], np.float64).reshape(-1, 4) - (0, 0, 1, 1)
    return [parts[i] for i in nms(boxes, np.array(scores), limit)]


def _clean(part: _Part, size: tuple[int, int], min_area: int) -> _Part:
    """``part`` without small holes and islands; itself where it has none."""
    height, width = size
    x0, y0, x1, y1 = part.frame
    # so much of what is around it that no piece of it is taken for a small hole
    before = (min(y0, min_area), min(x0, min_area))
    after = (min(height - y1, min_area), min(width - x1, min_area))
    mask: BoolMap = np.pad(part.pixels > 0, list(zip(before, after, strict=True)))
    cleaned = drop_islands(fill_holes(mask, min_area), min_area)
    if np.array_equal(cleaned, mask):
        return part
    return _Part.of(MaskCrop.of(cleaned, (x0 - before[1], y0 - before[0])), part.iou)


def _regions(parts: Sequence[_Part], size: tuple[int, int]) -> Regions:
    boxes = np.array([part.frame for part in parts], np.float32).reshape(-1, 4)
    scores = np.clip(np.array([part.iou for part in parts], np.float32), 0, 1)
    return Regions(size, boxes, scores, [""] * len(parts), tuple(part.pixels for part in parts))
