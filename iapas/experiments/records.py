"""What is kept of one image under one prompt: enough for every figure of an experiment, and small."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from iapas.core.ranking import score_bits
from iapas.experiments.tables import Table, packed, rounded, table_of, tables_of, unpacked
from iapas.types import BoolMap, FloatMap, Regions, Segmentation, crop_frame

PREVIEW = 256
"""Long side of the small map, in pixels."""


@dataclass(frozen=True, eq=False)
class Record:
    """One image, one prompt.

    ``phrases``: those asked for, and any other that a region has; ``boxes``: how many regions each has won. ``table``:
    of the score map; ``won``: coarse tables of the pixels where each phrase gives most of the score; ``without``:
    coarse tables of the score map that each of the phrases asked for leaves when it is left out. All three are empty
    where nothing is known of the truth. ``preview``: (h, w) uint8, scores of 0 to 1 as 0 to 255, at most PREVIEW long.
    """

    phrases: tuple[str, ...]
    boxes: tuple[int, ...]
    table: tuple[Table, ...]
    won: tuple[Table, ...]
    without: tuple[Table, ...]
    top: float
    threshold: float
    preview: npt.NDArray[np.uint8]
    seconds: dict[str, float] = field(default_factory=dict)

    def data(self) -> bytes:
        """As bytes."""
        meta = {
            "phrases": self.phrases,
            "boxes": self.boxes,
            "parts": [len(part) for part in (self.table, self.won, self.without)],
            "top": self.top,
            "threshold": self.threshold,
            "seconds": self.seconds,
        }
        buffer = io.BytesIO()
        arrays = packed([*self.table, *self.won, *self.without])
        told = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        np.savez(buffer, allow_pickle=False, meta=told, preview=self.preview, **arrays)
        return zlib.compress(buffer.getvalue(), 1)

    @classmethod
    def parse(cls, data: bytes) -> Record:
        """What ``data`` made."""
        with np.load(io.BytesIO(zlib.decompress(data)), allow_pickle=False) as stored:
            arrays = dict(stored.items())
        meta = json.loads(arrays["meta"].tobytes())
        tables = unpacked(arrays)
        first, second = meta["parts"][0], sum(meta["parts"][:2])
        return cls(
            tuple(meta["phrases"]),
            tuple(meta["boxes"]),
            tuple(tables[:first]),
            tuple(tables[first:second]),
            tuple(tables[second:]),
            meta["top"],
            meta["threshold"],
            arrays["preview"],
            meta["seconds"],
        )


def record_of(
    result: Segmentation,
    truth: BoolMap | None,
    asked: Sequence[str],
    without: Sequence[FloatMap],
    seconds: dict[str, float],
) -> Record:
    """The record of a result; ``truth`` (H, W) bool or None; ``without``: the score maps of the phrases left out."""
    regions = result.regions
    phrases = tuple(dict.fromkeys([*asked, *regions.phrases]))
    boxes = tuple(regions.phrases.count(phrase) for phrase in phrases)
    tables: tuple[Table, ...] = ()
    won: tuple[Table, ...] = ()
    left: tuple[Table, ...] = ()
    if truth is not None:
        tables = (table_of(result.score_map, truth),)
        bits = rounded(score_bits(result.score_map)).ravel()
        won = tuple(tables_of(bits, truth.ravel(), _winners(regions, phrases).ravel(), len(phrases)))
        left = tuple(table_of(scores, truth).coarse() for scores in without)
    return Record(
        phrases, boxes, tables, won, left, result.score, result.threshold, preview_of(result.score_map), seconds
    )


def preview_of(scores: FloatMap) -> npt.NDArray[np.uint8]:
    """A score map (H, W) made small; a positive score stays above 0."""
    height, width = scores.shape
    scale = PREVIEW / max(height, width)
    small = scores
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(cv2.resize(scores, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.ceil(255 * np.clip(small, 0, 1)).astype(np.uint8)


def _winners(regions: Regions, phrases: Sequence[str]) -> npt.NDArray[np.uint16]:
    """(H, W): the place in ``phrases`` of the phrase whose region gives most of the score; 0 where there is none."""
    number = {phrase: i for i, phrase in enumerate(phrases)}
    best = np.zeros(regions.size, np.float32)
    who = np.zeros(regions.size, np.uint16)
    crops = regions.crops or ()
    for box, score, phrase, crop in zip(regions.boxes, regions.scores, regions.phrases, crops, strict=True):
        x0, y0, x1, y1 = crop_frame(box, regions.size)
        given = crop * np.float32(score / 255)
        more = given > best[y0:y1, x0:x1]
        best[y0:y1, x0:x1][more] = given[more]
        who[y0:y1, x0:x1][more] = number[phrase]
    return who
