"""What pixel figures need of a score map: how many true and false pixels have each score. The pixels are not kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iapas.core.intervals import figures_at
from iapas.core.ranking import score_bits
from iapas.types import BoolMap, FloatMap

LOWER = 14
"""Bits of a score that a coarse table leaves out: 512 steps from each power of two to the next (0.2 %)."""

Counts = npt.NDArray[np.uint32]
Numbers = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Table:
    """``keys`` (K,) uint32, rising: the bits of distinct scores; ``hits``, ``misses`` (K,): true, other pixels there.

    The first key is 0, also where no pixel has that score.
    """

    keys: Counts
    hits: Numbers
    misses: Numbers

    def coarse(self) -> Table:
        """The same with scores rounded down to 512 steps an octave."""
        return _merged(rounded(self.keys), self.hits, self.misses)

    def at(self, levels: FloatMap) -> npt.NDArray[np.uint32]:
        """(2, L): true and other pixels at or above each of ``levels``, (L,), finite and >= 0. Exact."""
        places = np.searchsorted(self.keys, score_bits(levels))
        sides = [np.append(np.cumsum(side[::-1])[::-1], 0)[places] for side in (self.hits, self.misses)]
        return np.stack(sides).astype(np.uint32)

    def ap_f1(self) -> tuple[float, float]:
        """AP and F1-max of these pixels; nan without true ones."""
        ap, f1 = figures_at(np.stack([np.cumsum(side[::-1], dtype=np.int64) for side in (self.hits, self.misses)]))
        return float(ap), float(f1)

    def area(self, threshold: float) -> tuple[int, int]:
        """True and other pixels whose score is positive and at or above ``threshold``."""
        above = (self.keys >= score_bits(np.array([threshold], np.float32))[0]) & (self.keys > 0)
        return int(self.hits[above].sum()), int(self.misses[above].sum())


def rounded(bits: Counts) -> Counts:
    """The keys of a coarse table for the bits of scores."""
    return bits & np.uint32(~((1 << LOWER) - 1) & 0xFFFFFFFF)


def table_of(scores: FloatMap, truth: BoolMap) -> Table:
    """The table of a map: ``scores`` (H, W) float32, finite, >= 0; ``truth`` (H, W) bool."""
    return tables_of(score_bits(scores).ravel(), truth.ravel(), np.zeros(scores.size, np.uint8), 1)[0]


def tables_of(bits: Counts, truth: BoolMap, kinds: Numbers, number: int) -> list[Table]:
    """A table for each kind 0 .. ``number`` - 1 of pixels: ``bits`` of scores, ``truth`` and ``kinds``, all (N,)."""
    marks = (kinds.astype(np.uint64) << np.uint64(33)) | (bits.astype(np.uint64) << np.uint64(1))
    marks |= truth.astype(np.uint64)
    there = bits > 0
    values, counts = np.unique(marks[there], return_counts=True)
    ends = np.searchsorted(values, np.arange(number + 1, dtype=np.uint64) << np.uint64(33))
    tables = []
    for kind in range(number):
        part, many = values[ends[kind] : ends[kind + 1]], counts[ends[kind] : ends[kind + 1]]
        zero = ~there & (kinds == kind)
        true = int(np.count_nonzero(truth & zero))
        keys = np.concatenate([[0], (part >> np.uint64(1)).astype(np.uint32)]).astype(np.uint32)
        flag = (part & np.uint64(1)).astype(bool)
        hits = np.concatenate([[true], np.where(flag, many, 0)])
        misses = np.concatenate([[int(np.count_nonzero(zero)) - true], np.where(flag, 0, many)])
        tables.append(_merged(keys, hits, misses))
    return tables


def pooled(tables: Iterable[Table]) -> Table:
    """One table of all pixels. Bound the memory by giving coarse ones."""
    parts = list(tables)
    if not parts:
        nothing = np.zeros(1, np.uint32)
        return Table(nothing, nothing, nothing)
    keys = np.concatenate([part.keys for part in parts])
    order = np.argsort(keys, kind="stable")
    sides = [np.concatenate(side)[order] for side in zip(*((p.hits, p.misses) for p in parts), strict=True)]
    return _merged(keys[order], *sides)


def curve(table: Table, points: int = 200) -> tuple[list[float], list[float]]:
    """(recall, precision) rounded to 5 digits, recall rising: the first point of each step of 1 / ``points``."""
    hits = np.cumsum(table.hits[::-1], dtype=np.int64)
    both = hits + np.cumsum(table.misses[::-1], dtype=np.int64)
    total = int(hits[-1])
    if not total:
        return [], []
    chosen = np.diff(hits * points // total, prepend=-1) > 0
    chosen &= hits > 0
    recall, precision = hits[chosen] / total, hits[chosen] / both[chosen]
    return np.round(recall, 5).tolist(), np.round(precision, 5).tolist()


def packed(tables: Sequence[Table]) -> bytes:
    """Tables of one image as bytes, see :func:`unpacked`: their number, sizes, keys, hits and misses, uint32 all."""
    sizes = [len(tables), *(table.keys.size for table in tables)]
    parts = [getattr(table, name) for name in ("keys", "hits", "misses") for table in tables]
    return np.concatenate([np.array(sizes, np.uint32), *parts]).astype("<u4").tobytes()


def unpacked(data: bytes) -> list[Table]:
    """The tables that were packed."""
    numbers = np.frombuffer(data, "<u4").astype(np.uint32, copy=False)
    number = int(numbers[0])
    sizes = numbers[1 : 1 + number].astype(np.int64)
    parts = np.split(numbers[1 + number :], np.cumsum(np.tile(sizes, 3))[:-1]) if number else []
    return [Table(*parts[place::number]) for place in range(number)]


def _merged(keys: Counts, hits: Numbers, misses: Numbers) -> Table:
    """A table of rows whose ``keys`` rise but may repeat."""
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    sides = (np.add.reduceat(side.astype(np.int64), starts) for side in (hits, misses))
    return Table(keys[starts].astype(np.uint32), *sides)
