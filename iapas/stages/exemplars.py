"""The few-shot branch: what looks like given examples of a defect, by itself or together with what stands out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from iapas.core.fusion import Fusion, fuse
from iapas.core.matching import HALFWAY, Kind, Prototypes, as_scores, enlarged, grid_mask, match, prototypes
from iapas.core.scoring import score_map
from iapas.errors import ExemplarAsked
from iapas.protocols import Exemplars, FeatureExtractor
from iapas.stages.segment import Rules, finish
from iapas.types import BoolMap, FloatMap, Image, Regions, Segmentation, crop_frame

SOFTNESS = 0.1  # difference in cosine similarity that is one unit of log odds
EXPECTED = 1.0  # log odds added where examples are given: who shows a defect has seen it
SURE = 0.01  # no score is taken for less, or one less this for more, when odds are summed
FAINTEST = 0.02  # scores below are not worth a region
PHRASE = "like the examples"

Example = tuple[Image, npt.NDArray[Any]]
"""An image and its (H, W) mask: bool, or integers where it says which of several kinds of defect (0: none)."""


class FeatureMatching:
    """The protocol Exemplars by features of any extractor (GFDS, section FM); the score is that of the likeliest kind.

    ``side``: pixels squared at which the extractor looks; ``shots``: see the config.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        side: int = 256,
        foreground: Kind = "patch",
        background: Kind = "dense",
        shots: Literal["mean", "joined"] = "mean",
    ) -> None:
        self._extractor = extractor
        self._side, self._foreground, self._background, self._shots = side, foreground, background, shots
        self._known: list[list[Prototypes]] = []

    def prepare(self, supports: Sequence[Example]) -> None:
        """Take the examples. Raises ValueError without any, and for one whose mask is empty or full."""
        kinds: dict[int, list[Example]] = {}
        for image, mask in supports:
            for label in np.unique(mask[mask > 0]).tolist() or [0]:
                kinds.setdefault(int(label), []).append((image, mask == label if label else mask > 0))
        if not kinds:
            raise ValueError("there are no examples")
        self._known = [self._learn(examples) for _, examples in sorted(kinds.items())]

    def score(self, images: Sequence[Image]) -> list[FloatMap]:
        """(H, W) float32 in 0..1 for each image: at or above one half exactly where the examples' defect is nearer."""
        scores = []
        for image in images:
            (features,) = self._extractor.features([image])
            kinds = [np.mean([match(features, known) for known in shots], axis=0) for shots in self._known]
            scores.append(as_scores(enlarged(np.max(kinds, axis=0), image.shape[:2]), SOFTNESS))
        return scores

    def close(self) -> None:
        """Give memory back."""
        self._extractor.close()
        self._known = []

    def _learn(self, examples: Sequence[Example]) -> list[Prototypes]:
        """Of one kind: the prototypes of each example, or of all together."""
        cells = (self._cells(*example) for example in examples)
        if self._shots == "joined":
            return [prototypes(cells, self._foreground, self._background)]
        return [prototypes([one], self._foreground, self._background) for one in cells]

    def _cells(self, image: Image, mask: BoolMap) -> tuple[FloatMap, BoolMap]:
        (features,) = self._extractor.features([image])
        return features, grid_mask(mask, (features.shape[0], features.shape[1]), self._side)


@dataclass(frozen=True)
class Referring:
    """Prepared examples, and how their map becomes regions.

    ``fusion``: of the matched mask with the masks of ``parts`` (an image's, with masks), or with those of the
    zero-shot regions where there is none; ``combine``: with the zero-shot regions, see the config. ``digests``: of the
    examples' images, see :func:`image_digest`.
    """

    exemplars: Exemplars
    fusion: Fusion = field(default_factory=lambda: Fusion("none"))
    combine: Literal["alone", "odds", "max"] = "odds"
    parts: Callable[[Image], Regions] | None = None
    digests: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        exemplars: Exemplars,
        examples: Sequence[tuple[str, Image, BoolMap]],
        fusion: Fusion,
        combine: Literal["alone", "odds", "max"],
        parts: Callable[[Image], Regions] | None = None,
    ) -> Referring:
        """Prepare ``exemplars`` with the examples: the kind of defect, the image, its mask (H, W) bool."""
        kinds = sorted({kind for kind, _, _ in examples})
        if len(kinds) == 1:
            exemplars.prepare([(image, mask) for _, image, mask in examples])
        else:
            exemplars.prepare([(image, mask * np.int32(1 + kinds.index(kind))) for kind, image, mask in examples])
        return cls(exemplars, fusion, combine, parts, frozenset(image_digest(image) for _, image, _ in examples))

    def regions(self, images: Sequence[Image], found: Sequence[Regions], threshold: float) -> list[Regions]:
        """The regions of each image, for ``found``, its zero-shot ones: connected parts at or above ``threshold``.

        What is fainter is one region more, so that the sum of all is the whole map.
        """
        maps = self.exemplars.score(images)
        return [self._one(*given, threshold) for given in zip(images, maps, found, strict=True)]

    @property
    def needs_zero_shot(self) -> bool:
        """Whether the zero-shot regions play a part in it."""
        return self.combine != "alone" or (self.fusion.mode != "none" and self.parts is None)

    def refuse(self, images: Sequence[Image]) -> None:
        """Raise ExemplarAsked if one of the images is an example: its own mask would be the answer."""
        if any(image_digest(image) in self.digests for image in images):
            raise ExemplarAsked("this image is one of the examples")

    def close(self) -> None:
        """Give memory back."""
        self.exemplars.close()

    def _one(self, image: Image, scores: FloatMap, found: Regions, threshold: float) -> Regions:
        if self.fusion.mode != "none":
            parts = found if self.parts is None else self.parts(image)
            scores = _fused(scores, fuse(scores >= HALFWAY, list(parts.masks()), self.fusion))
        if self.combine == "alone":
            return as_regions(scores, threshold, Regions.empty(found.size))
        return as_regions(combined(np.minimum(score_map(found), 1), scores, self.combine), threshold, found)


def refer(
    images: Sequence[Image],
    found: Sequence[Segmentation],
    referring: Referring,
    rules: Rules,
    valid: Sequence[BoolMap | None],
) -> list[Segmentation]:
    """The result of each image with the examples, from its zero-shot one; ``valid``: as of the stage segment."""
    regions = referring.regions(images, [one.regions for one in found], rules.threshold)
    return [
        finish(one, rules, where, before.warnings) for one, where, before in zip(regions, valid, found, strict=True)
    ]


def image_digest(image: Image) -> str:
    """64 hex digits over the pixels of an (H, W, 3) uint8 image, whatever file they came in."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def combined(zero_shot: FloatMap, few_shot: FloatMap, how: Literal["odds", "max"]) -> FloatMap:
    """One map (H, W) float32 in 0..1 of two: their log odds added up with EXPECTED, or the greater score."""
    if how == "max":
        return np.maximum(zero_shot, few_shot)
    odds = _log_odds(zero_shot) + _log_odds(few_shot) + np.float32(EXPECTED)
    scores: FloatMap = (1 / (1 + np.exp(-odds))).astype(np.float32)
    return scores


def as_regions(scores: FloatMap, level: float, named: Regions) -> Regions:
    """A map (H, W) float32 in 0..1 as regions whose sum it is, but for steps of 1/255 of each region's score.

    Each 8-connected part at or above ``level`` is one, with the phrase of the region of ``named`` that it shares most
    score with; all the rest above FAINTEST another. Rounding carries no pixel over ``level``.
    """
    strong = scores >= np.float32(level)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(strong.astype(np.uint8), connectivity=8)
    regions = []
    for k in range(1, count):
        x, y, w, h, _ = (int(v) for v in stats[k])
        inside = labels[y : y + h, x : x + w] == k
        values = np.where(inside, scores[y : y + h, x : x + w], 0)
        regions.append(_region((x, y), values, _phrase(named, (x, y), inside), up=True))
    faint = np.where(strong | (scores < FAINTEST), 0, scores)
    if faint.any():
        ys, xs = np.flatnonzero(faint.any(axis=1)), np.flatnonzero(faint.any(axis=0))
        crop = faint[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        regions.append(_region((int(xs[0]), int(ys[0])), crop, PHRASE, up=False))
    regions.sort(key=lambda region: -region[1])
    return _gathered(regions, named)


_Region = tuple[list[float], float, str, npt.NDArray[np.uint8]]


def _region(corner: tuple[int, int], values: FloatMap, phrase: str, *, up: bool) -> _Region:
    """Box, score, phrase and crop; values are rounded up, or down, to steps of their greatest."""
    x, y = corner
    height, width = values.shape
    best = float(values.max())
    steps = np.where(values > 0, values * (255 / best), 0)
    crop = np.ceil(steps - 1e-4) if up else np.floor(steps + 1e-4)
    if up:  # so that single precision cannot carry what is at the level below it
        best *= 1 + 1e-6
    return [x, y, x + width, y + height], best, phrase, np.clip(crop, 0, 255).astype(np.uint8)


def _gathered(regions: Sequence[_Region], named: Regions) -> Regions:
    if not regions:
        return Regions.empty(named.size)
    boxes, scores, phrases, crops = zip(*regions, strict=True)
    return Regions(
        named.size, np.array(boxes, np.float32), np.array(scores, np.float32), list(phrases), tuple(crops), named.notes
    )


def _phrase(named: Regions, corner: tuple[int, int], inside: BoolMap) -> str:
    """The phrase of the region that shares most score with a part; PHRASE where none does."""
    left, top = corner
    best, phrase = 0.0, PHRASE
    for box, score, text, crop in _entries(named):
        x0, y0, x1, y1 = crop_frame(box, named.size)
        ax, ay = max(x0, left), max(y0, top)
        bx, by = min(x1, left + inside.shape[1]), min(y1, top + inside.shape[0])
        if ax >= bx or ay >= by:
            continue
        part = inside[ay - top : by - top, ax - left : bx - left]
        shared = float(score) * float(crop[ay - y0 : by - y0, ax - x0 : bx - x0][part].sum(dtype=np.float64))
        if shared > best:
            best, phrase = shared, text
    return phrase


def _entries(regions: Regions) -> Iterable[tuple[Any, Any, str, npt.NDArray[np.uint8]]]:
    return zip(regions.boxes, regions.scores, regions.phrases, regions.crops or (), strict=True)


def _log_odds(scores: FloatMap) -> FloatMap:
    kept = np.clip(scores, SURE, 1 - SURE)
    odds: FloatMap = np.log(kept / (1 - kept))
    return odds


def _fused(scores: FloatMap, mask: BoolMap) -> FloatMap:
    """The scores, halved, with the fused mask's pixels above one half and all others below, in their order."""
    half = scores / 2
    below = np.nextafter(np.float32(HALFWAY), np.float32(0))
    fused: FloatMap = np.where(mask, HALFWAY + half, np.minimum(half, below)).astype(np.float32)
    return fused
