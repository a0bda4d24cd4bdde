"""How sure a figure is: paired bootstrap over images, from a few hundred counts for each image.

Resampling images needs no pixels: how many of an image's positive and negative pixels lie at or above each of a
category's levels is enough, as counts add up over images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.ranking import score_bits
from iapas.types import BoolMap, FloatMap

LEVELS = 256
"""Levels of a category: the scores at which the recall of its pooled pixels passes each 1 / 256."""

_LOWER = np.uint32(14)
"""Bits of a score that are left out in a first look: 512 steps from each power of two to the next."""

Counts = npt.NDArray[np.uint32]
"""(images, 2, levels): positive and negative pixels at or above each level, the highest level first."""


def counts_at(scores: FloatMap, truth: BoolMap, levels: FloatMap) -> npt.NDArray[np.uint32]:
    """(2, L) of one image: how many positive and negative pixels reach each of ``levels``, (L,), the highest first.

    ``scores`` and ``levels`` are finite and >= 0. Exact; quicker than sorting: pixels are counted by the upper bits of
    their scores, and only those that share these with a level are looked at.
    """
    bits, marks, flags = score_bits(scores).ravel(), score_bits(levels), truth.ravel()
    coarse, homes = bits >> _LOWER, marks >> _LOWER
    near = np.zeros(int(max(coarse.max(initial=0), homes.max(initial=0))) + 1, bool)
    near[homes] = True
    close = near[coarse]
    kinds = []
    for chosen in (flags, ~flags):
        whole = np.bincount(coarse[chosen], minlength=near.size + 1)
        beyond = whole[::-1].cumsum()[::-1][homes + 1]
        few = np.sort(bits[chosen & close])
        here = np.searchsorted(few, (homes + 1) << _LOWER) - np.searchsorted(few, marks)
        kinds.append(beyond + here)
    return np.stack(kinds).astype(np.uint32)


def figures_at(found: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """AP and F1-max at the levels, of counts (..., 2, L) summed over images; nan without positive pixels.

    The last level must lie at or below every positive pixel.
    """
    if not found.shape[-1]:  # no level: no positive pixel
        return np.full(found.shape[:-2], np.nan), np.full(found.shape[:-2], np.nan)
    hits, misses = found[..., 0, :].astype(np.float64), found[..., 1, :].astype(np.float64)
    total = hits[..., -1:]
    known = np.maximum(total, 1)
    gained = np.diff(hits, prepend=0.0, axis=-1)
    ap = (gained * hits / np.maximum(hits + misses, 1) / known).sum(axis=-1)
    f1 = (2 * hits / np.maximum(hits + misses + total, 1)).max(axis=-1)
    defined = total[..., 0] > 0
    return np.where(defined, ap, np.nan), np.where(defined, f1, np.nan)


def resamples(strata: Sequence[npt.NDArray[np.int64]], times: int, seed: int) -> Iterator[npt.NDArray[np.float64]]:
    """How often each image is drawn: (images,) float64, ``times`` times, with replacement within each stratum.

    ``strata``: the places of the images of each; together all places from 0. The same for the same seed.
    """
    rng = np.random.default_rng(seed)
    size = sum(places.size for places in strata)
    for _ in range(times):
        weights = np.zeros(size)
        for places in strata:
            weights[places] = np.bincount(rng.integers(places.size, size=places.size), minlength=places.size)
        yield weights


def interval(values: npt.NDArray[np.float64], share: float = 0.95) -> tuple[float, float]:
    """The ends of the middle ``share`` of ``values``, nan left out; nan where nothing is left."""
    kept = values[np.isfinite(values)]
    if not kept.size:
        return np.nan, np.nan
    low, high = np.quantile(kept, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
