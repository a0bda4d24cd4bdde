"""What the compact model says, brought together with what classical vision has found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from iapas.embedded.classical.candidates import MIN_AREA, Candidate
from iapas.embedded.classical.clusters import Cluster
from iapas.embedded.classical.scoring import RIM, sigmoid
from iapas.embedded.classical.view import View, total
from iapas.embedded.compact.model import TERMS, CompactModel
from iapas.embedded.compact.picture import CERTAIN, fitted, log_odds
from iapas.embedded.words import MEASURED, TOLD
from iapas.types import FloatMap

FAINT = 0.02  # of the map: less is worth no region of its own
SCALES = (1.0, 0.6)  # of the work image, at which the model looks: from further off it sees wider defects
# What a region's mean log odds by the model add to those by classical vision, and at which they add nothing. Less where
# words are typed: classical vision measures what they ask for.
SEEN, SEEN_BESIDE_WORDS, NEUTRAL = 0.9, 0.6, -1.6
REACH = (0.007, 0.3)  # share of the picture up to which a region's are heard in full, and from which not at all
FAINTEST, SUREST = -6.0, 3.0  # log odds: beyond, the model is no surer
ASKED = 4.0  # how much the log probability counts that a pixel's defect is as the words say


@dataclass(frozen=True)
class Opinion:
    """What the model says of a picture.

    ``wrong``: (h, w) float32, log odds of a defect at each pixel; ``trust``: in 0..1, how much they count.
    ``terms``: (len(TERMS), h / 4, w / 4) float32, log odds that an attribute holds of the defect, if any.
    """

    wrong: FloatMap
    terms: FloatMap
    trust: float


def opinion(seen: View, model: CompactModel) -> Opinion:
    """Ask the model. Of a regular pattern it marks every element: the more regular, the less it is trusted."""
    near, *further = (model(seen, scale) for scale in SCALES)
    size = (near.terms.shape[2], near.terms.shape[1])
    wrong = np.mean([near.wrong, *(one.wrong for one in further)], axis=0)
    terms = np.mean([near.terms, *(fitted(one.terms, size) for one in further)], axis=0)
    return Opinion(wrong, terms, 1 - seen.channels.regularity)


def asked(said: Opinion, wanted: Sequence[Sequence[str]]) -> Opinion:
    """The opinion of one who looks for certain defects: how likely one is there and is as the best of phrases says.

    ``wanted``: the attributes of each phrase that the user has typed; those in TOLD count, a phrase without any asks
    for nothing.
    """
    chances = -np.logaddexp(0, -said.terms)
    known = [[TERMS.index(name) for name in names if name in TOLD] for names in wanted]
    if not known or not all(known):
        return said
    best = np.max([chances[some].mean(axis=0) for some in known], axis=0, keepdims=True)
    height, width = said.wrong.shape
    return replace(said, wrong=said.wrong + np.float32(ASKED) * fitted(best, (width, height))[0])


def heard(seen: View, said: Opinion, typed: bool) -> View:
    """What classical vision sees, once it has heard the model: the log odds of candidates are of both.

    The model has learnt on small parts of pictures: the larger a region, the less it is heard. ``typed``: with words.
    """
    share = SEEN_BESIDE_WORDS if typed else SEEN
    odds = np.clip(said.wrong, FAINTEST, SUREST)
    means = np.zeros(len(seen.found))
    for k, candidate in enumerate(seen.found):
        x0, y0, x1, y1 = candidate.box
        means[k] = cv2.mean(np.ascontiguousarray(odds[y0:y1, x0:x1]), candidate.mask)[0]
    near, far = np.log(REACH)
    reach = np.clip((far - seen.measured["la"]) / (far - near), 0, 1)
    return replace(seen, logits=seen.logits + share * said.trust * reach * (means - NEUTRAL))


def told(said: Opinion, found: list[Candidate]) -> dict[str, np.ndarray]:
    """Attribute -> (N,) in -1..1, how surely it holds of each candidate by what the model says."""
    stack = np.moveaxis(np.tanh(said.terms / 2), 0, 2)
    rows, columns = stack.shape[:2]
    down, across = said.wrong.shape[0] / rows, said.wrong.shape[1] / columns
    terms = np.zeros((len(found), len(TERMS)))
    for k, candidate in enumerate(found):
        x0, y0, x1, y1 = candidate.box
        left, top = min(int(x0 / across), columns - 1), min(int(y0 / down), rows - 1)
        right = max(left + 1, min(columns, round(x1 / across + 0.5)))
        bottom = max(top + 1, min(rows, round(y1 / down + 0.5)))
        size = (right - left, bottom - top)
        share = np.asarray(cv2.resize(candidate.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA))
        share = share + np.float32(1e-3)  # never nothing
        terms[k] = np.tensordot(share, stack[top:bottom, left:right], axes=2) / share.sum()
    return {name: terms[:, k] for k, name in enumerate(TERMS)}


def corrected(
    made: list[Cluster], seen: View, said: Opinion, wanted: Sequence[Sequence[str]], gain: float, limit: int
) -> list[Cluster]:
    """The clusters as the model would have them, and others that it alone has found; at most ``limit``.

    Where it sees less than there is, nothing is taken away: often it is a surface that nobody has generated.
    ``wanted``: the attributes of each phrase that the user has typed. Where no candidate lies, whose log odds words
    have moved already, those that nobody measures move a pixel's by up to ``gain``; the phrase that fits best counts.
    """
    before = total(made, seen.work.shape[:2])
    odds = log_odds(before)
    change = said.wrong - odds
    if wanted:  # words move what the model says as far as the candidates
        change += np.clip(odds - log_odds(seen.score_map), -gain, gain)
    odds = odds + np.float32(said.trust) * np.maximum(change, np.float32(0))
    named = [[TERMS.index(name) for name in names if name not in MEASURED] for names in wanted]
    shifts = [np.tanh(said.terms[some] / 2).mean(axis=0) for some in named if some]
    apart = before < 1 - CERTAIN
    if shifts:
        height, width = odds.shape
        best = cv2.resize(np.asarray(np.max(shifts, axis=0), np.float32), (width, height))
        odds = np.where(apart, odds + np.float32(gain) * best, odds)
    after = np.asarray(sigmoid(odds), np.float32)
    ratio = after / np.maximum(before, np.float32(1 - CERTAIN))
    for cluster in made:
        x0, y0, x1, y1 = cluster.box
        cluster.values *= np.where(apart[y0:y1, x0:x1], np.float32(1), ratio[y0:y1, x0:x1])
    if seen.outline is not None:  # the part's own rim is none
        apart &= cv2.erode(seen.outline, np.ones((2 * RIM + 1,) * 2, np.uint8)) > 0
    return dealt(made, np.where(apart, after, np.float32(0)), limit)


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
