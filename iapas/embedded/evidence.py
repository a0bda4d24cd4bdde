"""What the compact model says, brought together with the candidates of classical vision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from iapas.embedded.classical.candidates import MIN_AREA, Candidate
from iapas.embedded.classical.clusters import Cluster
from iapas.embedded.classical.scoring import sigmoid
from iapas.embedded.compact.model import TERMS, Sight
from iapas.types import FloatMap

SEEN, NEUTRAL = 0.2, -2.5  # what a region's log odds by the model add to those by classical vision, and where nothing
FAINTEST, SUREST = -6.0, 3.0  # log odds: beyond, the model is no surer
SHARE = 0.3  # of a pixel's chance that is added to the map
FAINT = 0.02  # of that: less is worth no region


@dataclass(frozen=True)
class Evidence:
    """Of N candidates.

    ``seen``: (N,) the mean log odds of a defect within each, FAINTEST..SUREST.
    ``terms``: attribute -> (N,) in -1..1, how surely the attribute holds there.
    """

    seen: np.ndarray
    terms: dict[str, np.ndarray]


def weigh(found: list[Candidate], sight: Sight) -> Evidence:
    """Average what the model saw over each candidate."""
    odds = np.clip(sight.wrong, FAINTEST, SUREST)
    stack = np.moveaxis(np.tanh(sight.terms / 2), 0, 2)
    rows, columns = stack.shape[:2]
    down, across = odds.shape[0] / rows, odds.shape[1] / columns
    seen, terms = np.zeros(len(found)), np.zeros((len(found), len(TERMS)))
    for k, candidate in enumerate(found):
        x0, y0, x1, y1 = candidate.box
        seen[k] = cv2.mean(np.ascontiguousarray(odds[y0:y1, x0:x1]), candidate.mask)[0]
        left, top = min(int(x0 / across), columns - 1), min(int(y0 / down), rows - 1)
        right = max(left + 1, min(columns, round(x1 / across + 0.5)))
        bottom = max(top + 1, min(rows, round(y1 / down + 0.5)))
        size = (right - left, bottom - top)
        share = np.asarray(cv2.resize(candidate.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))
        share = share + np.float32(1e-3)  # never nothing
        terms[k] = np.tensordot(share, stack[top:bottom, left:right], axes=2) / share.sum()
    return Evidence(seen, {name: terms[:, k] for k, name in enumerate(TERMS)})


def standing_out(sight: Sight) -> FloatMap:
    """(h, w) float32 >= 0: how far each pixel's log odds lie above the picture's median; for candidates."""
    return np.asarray(np.maximum(sight.wrong - np.median(sight.wrong[::2, ::2]), 0), np.float32)


def joined(odds: np.ndarray, evidence: Evidence, trust: float) -> np.ndarray:
    """Log odds of the candidates from both: (N,). ``trust``: in the model, 0..1."""
    both: np.ndarray = odds + trust * SEEN * (evidence.seen - NEUTRAL)
    return both


def trusted(sight: Sight, trust: float) -> Sight:
    """What the model says, less sure of a defect the less it is trusted, 0..1."""
    return replace(sight, wrong=np.asarray(sight.wrong + np.log(max(trust, 1e-3)), np.float32))


def chance(sight: Sight, wanted: Sequence[Sequence[str]], gain: float) -> FloatMap:
    """(h, w) float32: what the model adds to the map at each pixel.

    ``wanted``: the attributes of each phrase that the user has typed; the phrase that fits best shifts the log odds of
    a pixel by up to ``gain``.
    """
    odds = sight.wrong
    named = [[TERMS.index(name) for name in names if name in TERMS] for names in wanted]
    shifts = [np.tanh(sight.terms[some] / 2).mean(axis=0) for some in named if some]
    if shifts:
        height, width = odds.shape
        best = np.asarray(np.max(shifts, axis=0), np.float32)
        odds = odds + np.float32(gain) * cv2.resize(best, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(SHARE * sigmoid(odds), np.float32)


def dealt(clusters: list[Cluster], seen: FloatMap, limit: int) -> list[Cluster]:
    """The clusters with what the model sees, ``seen`` (h, w), added to them, and clusters of what lies apart from all.

    Each pixel goes to the cluster that is surest there; a patch without one, to the cluster that it touches most.
    """
    owner = _owners(clusters, seen.shape)
    rest = ((owner == 0) & (seen > FAINT)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=8, ltype=cv2.CV_32S)
    apart = []
    for k in np.argsort(-stats[1:, 4], kind="stable") + 1:
        x, y, w, h, area = (int(v) for v in stats[k])
        ys, xs = slice(max(0, y - 1), y + h + 1), slice(max(0, x - 1), x + w + 1)
        patch = (labels[ys, xs] == k).astype(np.uint8)
        touched = owner[ys, xs][cv2.dilate(patch, np.ones((3, 3), np.uint8)) > 0]
        touched = touched[touched > 0]
        if touched.size:
            owner[ys, xs][patch > 0] = np.bincount(touched).argmax()
        elif area >= MIN_AREA:
            apart.append((x, y, x + w, y + h, k))
    grown = [_grown(cluster, owner == number, seen) for number, cluster in enumerate(clusters, 1)]
    own = [
        Cluster([], (x0, y0, x1, y1), np.where(labels[y0:y1, x0:x1] == k, seen[y0:y1, x0:x1], np.float32(0)))
        for x0, y0, x1, y1, k in apart
    ]
    own.sort(key=lambda cluster: -float(cluster.values.max()))
    return grown + own[: max(0, limit - len(grown))]


def _owners(clusters: list[Cluster], size: tuple[int, ...]) -> np.ndarray:
    """(h, w) int32: 1 + the index of the cluster with the greatest value at each pixel, 0 where there is none."""
    owner, best = np.zeros(size, np.int32), np.zeros(size, np.float32)
    for number, cluster in enumerate(clusters, 1):
        x0, y0, x1, y1 = cluster.box
        better = cluster.values > best[y0:y1, x0:x1]
        owner[y0:y1, x0:x1][better] = number
        best[y0:y1, x0:x1][better] = cluster.values[better]
    return owner


def _grown(cluster: Cluster, mine: np.ndarray, seen: FloatMap) -> Cluster:
    """A cluster with ``seen`` added where the pixels are ``mine`` (h, w) bool."""
    ax0, ay0, ax1, ay1 = cluster.box
    bx, by, bw, bh = cv2.boundingRect(mine.astype(np.uint8))
    if not bw:
        return cluster
    x0, y0, x1, y1 = min(ax0, bx), min(ay0, by), max(ax1, bx + bw), max(ay1, by + bh)
    values = np.where(mine[y0:y1, x0:x1], seen[y0:y1, x0:x1], np.float32(0))
    values[ay0 - y0 : ay1 - y0, ax0 - x0 : ax1 - x0] += cluster.values
    return Cluster(cluster.members, (x0, y0, x1, y1), values)
