"""What is kept of one image under one prompt: enough for every figure of an experiment, and small."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from iapas.core.ranking import score_bits
from iapas.experiments.tables import Table, packed, rounded, table_of, tables_of, unpacked
from iapas.types import BoolMap, FloatMap, Regions, Segmentation, crop_frame

PREVIEW = 256
"""Long side of the small map, in pixels."""

FORMAT = 1
"""Of the bytes of a record."""

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, eq=False)
class Glance:
    """Of a record what is small.

    ``phrases``: those asked for, and any other that a region has; ``boxes``: how many regions each has won. ``top``:
    the highest score; ``threshold``: of the verdict. ``preview``: (h, w) uint8, scores of 0 to 1 as 0 to 255, at most
    PREVIEW long. ``seconds`` by step.
    """

    phrases: tuple[str, ...]
    boxes: tuple[int, ...]
    top: float
    threshold: float
    preview: npt.NDArray[np.uint8]
    seconds: dict[str, float]

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """(h, w): where the preview reaches the threshold."""
        return np.asarray(self.preview >= max(1, np.ceil(255 * min(self.threshold, 1.0))))


@dataclass(frozen=True, eq=False)
class Record:
    """One image under one prompt.

    ``table``: of the score map; ``won``: coarse tables of the pixels where each of the phrases gives most of the score;
    ``without``: coarse tables of the score map that each of the phrases asked for leaves when it is left out. All three
    are empty where nothing is known of the truth.
    """

    glance: Glance
    table: tuple[Table, ...]
    won: tuple[Table, ...]
    without: tuple[Table, ...]

    def data(self) -> bytes:
        """As bytes: the length of the first part, a glance, the tables."""
        meta = {key: value for key, value in vars(self.glance).items() if key != "preview"}
        meta |= {"parts": [len(self.won), len(self.without)] if self.table else [], "size": self.glance.preview.shape}
        told = json.dumps(meta).encode()
        glance = zlib.compress(_LENGTH.pack(len(told)) + told + self.glance.preview.tobytes(), 1)
        tables = zlib.compress(packed([*self.table, *self.won, *self.without]), 1)
        return _LENGTH.pack(len(glance)) + glance + tables

    @classmethod
    def parse(cls, data: bytes) -> Record:
        """What ``data`` made."""
        glance, parts, end = _glance(data)
        tables = unpacked(zlib.decompress(data[end:]))
        if not parts:
            return cls(glance, (), (), ())
        middle = 1 + parts[0]
        return cls(glance, tuple(tables[:1]), tuple(tables[1:middle]), tuple(tables[middle:]))


def glance_at(data: bytes) -> Glance:
    """The glance of a record's bytes, without its tables: quicker."""
    return _glance(data)[0]


def _glance(data: bytes) -> tuple[Glance, list[int], int]:
    """The glance, how many tables of two kinds there are, and where they begin."""
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    inner = zlib.decompress(data[_LENGTH.size : end])
    start = _LENGTH.size + _LENGTH.unpack_from(inner)[0]
    meta = json.loads(inner[_LENGTH.size : start])
    preview = np.frombuffer(inner, np.uint8, offset=start).reshape(meta["size"])
    kinds = (tuple(meta["phrases"]), tuple(meta["boxes"]))
    return Glance(*kinds, meta["top"], meta["threshold"], preview, meta["seconds"]), meta["parts"], end


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
    glance = Glance(phrases, boxes, result.score, result.threshold, preview_of(result.score_map), seconds)
    return Record(glance, tables, won, left)


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
