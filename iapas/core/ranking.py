"""Where the positive pixels stand among the negative ones: exact, without bins.

Pixel metrics need nothing else: precision and recall change for the better only at scores that positive pixels have,
and what lies between two of them is known from how many negative pixels do. A negative pixel is a uint32 key, the
bits of its score; a positive one a uint64 key, the bits of its score and, below them, the area of its region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, FloatMap

Bits = npt.NDArray[np.uint32]
"""The bits of float32 scores >= 0: they sort as the scores do."""

Places = npt.NDArray[np.uint64]
"""The bits of a positive pixel's score, shifted left by 32, and the area in pixels of the region that it lies in."""

Counts = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]
"""Equal pixels together: records of a ``key`` (as :data:`Bits` or :data:`Places`) and an int64 ``count``."""

_INFINITE = 0x7F800000
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_TIES = 16
"""So many equal keys are stored as a row: less memory, and none of the sorted keys left repeats itself for long."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """Pixels in any order: single ones as keys, equal ones together as rows."""

    negatives: Sequence[Bits] = ()
    negative_rows: Sequence[Rows] = ()
    positives: Sequence[Places] = ()
    positive_rows: Sequence[Rows] = ()


@dataclass(frozen=True)
class Tally:
    """Pixels seen, ``positives`` and ``negatives``; ``covered``: the sum of 1 / area over the positive ones."""

    positives: int = 0
    negatives: int = 0
    covered: float = 0.0


@dataclass(frozen=True, eq=False)
class Steps:
    """The distinct scores of positive pixels, highest first, and what lies at or above each.

    ``scores`` (K,) float32; ``found`` (K,) positive pixels at or above; ``covered`` (K,) float64, the sum of
    1 / area over these; ``above`` and ``passed`` (K,) negative pixels above, and at or above. ``end``: all pixels.
    """

    scores: FloatMap
    found: Counts
    covered: npt.NDArray[np.float64]
    above: Counts
    passed: Counts
    end: Tally


def score_bits(scores: npt.NDArray[Any]) -> Bits:
    """The bits of ``scores`` (float of any shape, taken as float32): the same shape; -0.0 counts as 0.

    Raises ValueError for scores that are no floats, or are NaN, infinite or negative.
    """
    if not np.issubdtype(scores.dtype, np.floating):
        raise ValueError(f"scores must be floats, got {scores.dtype}")
    values = np.ascontiguousarray(scores, np.float32)
    bits = values.view(np.uint32)
    if bits.max(initial=0) < _INFINITE:
        return bits
    if not (values.min() >= 0 and values.max() < np.inf):
        raise ValueError(f"scores must be finite and >= 0, got values from {values.min()} to {values.max()}")
    return (values + np.float32(0)).view(np.uint32)


def places(bits: Bits, areas: Counts) -> Places:
    """Keys of positive pixels: the bits of their scores and the areas of their regions, both (N,)."""
    return (bits.astype(np.uint64) << _HALF) | areas.astype(np.uint64)


def region_areas(truth: BoolMap) -> tuple[Counts, int]:
    """The area of the 8-connected region of each True pixel of ``truth`` (H, W), in raster order; how many regions."""
    rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    if not rows.size:
        return np.zeros(0, np.int64), 0
    part = truth[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    found, labels, stats, _ = cv2.connectedComponentsWithStats(part.astype(np.uint8), connectivity=8)
    return stats[:, cv2.CC_STAT_AREA][labels[part]].astype(np.int64), found - 1


def runs_of_negatives(bits: Bits, truth: BoolMap) -> Rows | None:
    """The negative pixels of a piecewise constant map, flat, as rows: quicker than sorting; None for other maps."""
    if not bits.size or np.count_nonzero(bits[1:] != bits[:-1]) > bits.size // 8:
        return None
    new = np.empty(bits.size, bool)
    new[0] = True
    np.not_equal(bits[1:], bits[:-1], out=new[1:])
    new[1:] |= truth[1:] != truth[:-1]
    starts = np.flatnonzero(new)
    lengths = np.diff(starts, append=bits.size)
    negative = ~truth[starts]
    return rows(bits[starts[negative]], lengths[negative])


def rows(keys: npt.NDArray[Any], counts: Counts) -> Rows:
    """Rows of ``keys`` and their ``counts``, both (N,): sorted, equal keys together."""
    order = np.argsort(keys)
    sorted_keys = keys[order]
    starts = _starts(sorted_keys)
    made = np.empty(starts.size, [("key", keys.dtype), ("count", np.int64)])
    made["key"] = sorted_keys[starts]
    made["count"] = np.add.reduceat(counts[order], starts) if starts.size else 0
    return made


def merge_rows(parts: Sequence[Rows]) -> Rows:
    """One set of rows of several (at least one)."""
    joined = np.concatenate(parts)
    return rows(joined["key"], joined["count"])


def split_ties(keys: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Rows]:
    """Sorted ``keys`` without those that there are 16 times or more, and these as rows."""
    long = keys[_TIES - 1 :] == keys[: max(0, keys.size - _TIES + 1)]
    tied = keys[: long.size][long]
    tied = tied[_starts(tied)]
    first, last = np.searchsorted(keys, tied, "left"), np.searchsorted(keys, tied, "right")
    if tied.size:
        edges = np.zeros(keys.size + 1, np.int8)
        edges[first] += 1
        edges[last] -= 1
        keys = keys[np.cumsum(edges[:-1], dtype=np.int8) == 0]
    return keys, rows(tied, last - first)


def steps(pixels: Pixels, before: Tally = Tally()) -> Steps:
    """Rank ``pixels``; ``before`` counts pixels that are already known to have higher scores than all of these."""
    singles, multiples = _joined(pixels.positives, np.uint64), [part for part in pixels.positive_rows if part.size]
    parts = [(singles, np.ones(singles.size, np.int64))] if singles.size else []
    parts += [(part["key"], part["count"]) for part in multiples]
    rising = np.sort(np.concatenate([key >> _HALF for key, _ in parts])) if parts else np.zeros(0, np.uint64)
    levels = rising[_starts(rising)].astype(np.uint32)
    found, covered = np.zeros(levels.size), np.zeros(levels.size)
    for key, count in parts:
        at = np.searchsorted(levels, (key >> _HALF).astype(np.uint32))
        found += np.bincount(at, count, levels.size)
        covered += np.bincount(at, count / (key & _LOW).astype(np.float64), levels.size)
    above, passed, negatives = _negatives(pixels, levels)
    found_above = before.positives + np.cumsum(found[::-1]).astype(np.int64)
    covered_above = before.covered + np.cumsum(covered[::-1])
    end = Tally(
        int(found_above[-1]) if levels.size else before.positives,
        before.negatives + negatives,
        float(covered_above[-1]) if levels.size else before.covered,
    )
    scores = levels[::-1].view(np.float32)
    return Steps(
        scores, found_above, covered_above, before.negatives + above[::-1], before.negatives + passed[::-1], end
    )


def _negatives(pixels: Pixels, levels: Bits) -> tuple[Counts, Counts, int]:
    """How many negative pixels are above each level, at or above it, and in all."""
    above, passed, total = np.zeros(levels.size, np.int64), np.zeros(levels.size, np.int64), 0
    keys = _joined(pixels.negatives, np.uint32)
    # What is joined is mostly sorted runs, which a stable sort merges.
    keys.sort(kind="stable")
    above += keys.size - np.searchsorted(keys, levels, "right")
    passed += keys.size - np.searchsorted(keys, levels, "left")
    total += keys.size
    filled = [part for part in pixels.negative_rows if part.size]
    if filled:
        merged = merge_rows(filled)
        at_least = np.append(np.cumsum(merged["count"][::-1])[::-1], 0)
        bits = np.ascontiguousarray(merged["key"])
        above += at_least[np.searchsorted(bits, levels, "right")]
        passed += at_least[np.searchsorted(bits, levels, "left")]
        total += int(at_least[0])
    return above, passed, total


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: type) -> npt.NDArray[Any]:
    """One new array of all ``parts``."""
    return np.concatenate([np.zeros(0, dtype), *parts])


def _starts(keys: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Where in sorted ``keys`` a new one begins."""
    new = np.ones(keys.size, bool)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return np.flatnonzero(new)
