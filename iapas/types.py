"""The value objects that everything else speaks: frozen, and checked once, when they are made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, RGB, 0..255, displayed frame."""

FloatMap = npt.NDArray[np.float32]
BoolMap = npt.NDArray[np.bool_]

Source = Literal["user", "lexicon", "model", "object"]


@dataclass(frozen=True)
class Phrase:
    """Words that a detector looks for.

    ``source`` says who chose them: the ``user``, a ``lexicon``, a language ``model``; ``object`` marks
    the name of the product itself. ``attributes`` are the measurable meanings of the words that the
    lexicon knows (``dark``, ``elongated``, ...), for detectors that cannot read.
    """

    text: str
    source: Source = "user"
    attributes: tuple[str, ...] = ()


def normalise_phrase(text: str) -> str:
    """One phrase as detectors want it: lower case, single spaces, none of the characters that part phrases.

    >>> normalise_phrase("  Close-up, No. 5 ")
    'close-up no 5'
    """
    return " ".join(re.sub(r"[.,;|\"“”\x00-\x1f]+", " ", text.lower()).split())


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of one image: where, how sure, what, and (once known) which pixels.

    ``size``: (height, width) of the image in pixels. ``boxes``: (N, 4) float32, x0 y0 x1 y1 in image
    pixels, within the image. ``scores``: (N,) float32, >= 0. ``phrases``: N strings. ``crops``: None
    (no mask yet) or N uint8 arrays, the soft mask 0..255 inside the box's frame (see
    :func:`crop_frame`); a hard mask holds 0 and 255 alone. ``notes``: what the manifest should say of how they
    were found.
    """

    size: tuple[int, int]
    boxes: FloatMap
    scores: FloatMap
    phrases: list[str]
    crops: tuple[npt.NDArray[np.uint8], ...] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.phrases)
        _require(self.boxes.shape == (n, 4), f"boxes must have shape ({n}, 4), got {self.boxes.shape}")
        _require(self.scores.shape == (n,), f"scores must have shape ({n},), got {self.scores.shape}")
        _require(bool(np.isfinite(self.boxes).all()), "boxes must be finite")
        _require(bool(np.isfinite(self.scores).all() and (self.scores >= 0).all()), "scores must be finite and >= 0")
        if self.crops is None:
            return
        _require(len(self.crops) == n, f"crops must hold {n} masks, got {len(self.crops)}")
        for box, crop in zip(self.boxes, self.crops, strict=True):
            x0, y0, x1, y1 = crop_frame(box, self.size)
            _require(crop.dtype == np.uint8, f"a crop must be uint8, got {crop.dtype}")
            _require(crop.shape == (y1 - y0, x1 - x0), f"a crop must have shape {(y1 - y0, x1 - x0)}, got {crop.shape}")

    def __len__(self) -> int:
        return len(self.phrases)

    @classmethod
    def empty(cls, size: tuple[int, int]) -> Regions:
        """No regions, for an image of ``size`` (height, width)."""
        return cls(size, np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [], ())

    def take(self, index: Sequence[int] | npt.NDArray[Any]) -> Regions:
        """The regions at ``index`` (integers, or an (N,) bool array), in that order."""
        picked = np.asarray(index)
        chosen = np.flatnonzero(picked) if picked.dtype == bool else picked.astype(int).reshape(-1)
        return Regions(
            self.size,
            self.boxes[chosen],
            self.scores[chosen],
            [self.phrases[i] for i in chosen],
            None if self.crops is None else tuple(self.crops[i] for i in chosen),
            self.notes,
        )

    def touching(self, mask: BoolMap) -> Regions:
        """The regions with at least one pixel m >= 0.5 on ``mask``, (H, W) bool in the same frame."""
        frames = (crop_frame(box, self.size) for box in self.boxes)
        return self.take(
            [
                i
                for i, ((x0, y0, x1, y1), crop) in enumerate(zip(frames, self.crops or (), strict=True))
                if bool((mask[y0:y1, x0:x1] & (crop >= 128)).any())
            ]
        )

    def tight(self) -> Regions:
        """The same regions, each in the box of its pixels m >= 0.5 (with masks): without the fringe of soft masks."""
        boxes, crops = self.boxes.copy(), list(self.crops or ())
        for i, crop in enumerate(crops):
            ys, xs = np.flatnonzero((crop >= 128).any(axis=1)), np.flatnonzero((crop >= 128).any(axis=0))
            if len(ys):
                x0, y0 = crop_frame(self.boxes[i], self.size)[:2]
                boxes[i] = (x0 + xs[0], y0 + ys[0], x0 + xs[-1] + 1, y0 + ys[-1] + 1)
                crops[i] = crop[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        return replace(self, boxes=boxes, crops=tuple(crops))

    def masks(self) -> BoolMap:
        """(N, H, W) bool, original image pixels: m >= 0.5. Large for many regions; crops stay small."""
        masks = np.zeros((len(self), *self.size), bool)
        for mask, box, crop in zip(masks, self.boxes, self.crops or (), strict=True):
            x0, y0, x1, y1 = crop_frame(box, self.size)
            mask[y0:y1, x0:x1] = crop >= 128
        return masks


def crop_frame(box: npt.NDArray[Any], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The whole pixels (x0, y0, x1, y1; end excluded) that ``box`` touches in an image of ``size`` (height, width)."""
    height, width = size
    x0, y0 = max(0, int(np.floor(box[0]))), max(0, int(np.floor(box[1])))
    return x0, y0, max(x0, min(width, int(np.ceil(box[2])))), max(y0, min(height, int(np.ceil(box[3]))))


@dataclass(frozen=True, eq=False)
class MaskCrop:
    """One mask of an image, only where it is, so that hundreds of a large image stay small.

    ``frame``: x0, y0, x1, y1, whole pixels of the image, end excluded. ``pixels``: (y1 - y0, x1 - x0) uint8, 0..255
    (0 and 255 alone where hard); the mask is 0 elsewhere.
    """

    frame: tuple[int, int, int, int]
    pixels: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.frame
        _require(self.pixels.dtype == np.uint8, f"a mask's pixels must be uint8, got {self.pixels.dtype}")
        _require(
            self.pixels.shape == (y1 - y0, x1 - x0),
            f"a mask's pixels must have shape {(y1 - y0, x1 - x0)}, got {self.pixels.shape}",
        )

    @classmethod
    def of(cls, mask: npt.NDArray[Any], origin: tuple[int, int] = (0, 0)) -> MaskCrop:
        """The mask (h, w), bool or uint8 0..255, whose first pixel is the image's pixel ``origin`` (x, y)."""
        ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(ys):
            return cls((*origin, *origin), np.zeros((0, 0), np.uint8))
        y0, y1, x0, x1 = int(ys[0]), int(ys[-1]) + 1, int(xs[0]), int(xs[-1]) + 1
        cut = mask[y0:y1, x0:x1]
        pixels = cut.astype(np.uint8) * np.uint8(255) if mask.dtype == bool else cut.copy()
        return cls((origin[0] + x0, origin[1] + y0, origin[0] + x1, origin[1] + y1), pixels)


@dataclass(frozen=True)
class ObjectProfile:
    """What stage 1 found out about a product.

    ``object``: its name, or "". ``object_size``: its box as a share of the image in (0, 1], or None.
    ``threshold``: the calibrated verdict threshold on the score map, > 0, or None. ``found`` says for
    each of these in words how it was found; ``calibration`` what the threshold was measured with.
    """

    object: str = ""
    phrases: tuple[Phrase, ...] = ()
    object_size: float | None = None
    threshold: float | None = None
    found: dict[str, str] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.object_size is not None:
            _require(0 < self.object_size <= 1, f"object_size must be in (0, 1], got {self.object_size}")
        if self.threshold is not None:
            _require(0 < self.threshold < np.inf, f"threshold must be > 0 and finite, got {self.threshold}")


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The result for one image.

    ``score_map``: (H, W) float32, >= 0, original image pixels: the sum of s_i * m_i over ``regions``
    (values over 1 where regions overlap). ``mask``: (H, W) bool, original image pixels: where the score
    map is at or above ``threshold``, less what the minimum area drops. ``warnings``: for the manifest.
    """

    score_map: FloatMap
    regions: Regions
    mask: BoolMap
    threshold: float
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, array, dtype in (("score_map", self.score_map, np.float32), ("mask", self.mask, np.bool_)):
            _require(array.shape == self.regions.size, f"{name} must have shape {self.regions.size}, got {array.shape}")
            _require(array.dtype == dtype, f"{name} must be {np.dtype(dtype).name}, got {array.dtype}")

    @cached_property
    def reported(self) -> Regions:
        """The regions that touch the mask, in their tight boxes: those that overlays, counts and exports show."""
        return self.regions.touching(self.mask).tight()

    @property
    def score(self) -> float:
        """The image score: the maximum of the score map."""
        return float(self.score_map.max(initial=0.0))

    @property
    def verdict(self) -> Literal["ok", "defect"]:
        """``defect`` when the mask is not empty."""
        return "defect" if bool(self.mask.any()) else "ok"


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
