"""Soft clusters: regions that say the same thing are merged, and add to each other's confidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from iapas.embedded.classical.candidates import Candidate

Box = tuple[int, int, int, int]
MIN_SCORE = 0.02
JOIN_IOU = 0.3
JOIN_CONTAINED = 0.7
WEIGHT = 0.41  # of one member in the cluster's map: several must agree before it is sure


@dataclass
class Cluster:
    """Indices of its members, most confident first; its box, and its map within it."""

    members: list[int] = field(default_factory=list)
    box: Box = (0, 0, 0, 0)
    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))


def _overlap(a: Candidate, b: Candidate) -> int:
    """Pixels that two regions share."""
    x0, y0 = max(a.box[0], b.box[0]), max(a.box[1], b.box[1])
    x1, y1 = min(a.box[2], b.box[2]), min(a.box[3], b.box[3])
    if x0 >= x1 or y0 >= y1:
        return 0
    left = a.mask[y0 - a.box[1] : y1 - a.box[1], x0 - a.box[0] : x1 - a.box[0]]
    right = b.mask[y0 - b.box[1] : y1 - b.box[1], x0 - b.box[0] : x1 - b.box[0]]
    return int(cv2.countNonZero(left & right))


def _affinity(a: Candidate, b: Candidate) -> float:
    """IoU where the regions are one, else 0."""
    shared = _overlap(a, b)
    if not shared:
        return 0.0
    iou = shared / (a.area + b.area - shared)
    contained = shared / min(a.area, b.area)
    return iou if iou > JOIN_IOU or contained > JOIN_CONTAINED else 0.0


def group(found: list[Candidate], scores: np.ndarray, limit: int) -> list[list[int]]:
    """Clusters of indices, their leader first, from the most confident region down."""
    groups: list[list[int]] = []
    for k in np.argsort(-scores, kind="stable"):
        if scores[k] < MIN_SCORE:
            break
        affinities = [_affinity(found[k], found[members[0]]) for members in groups]
        best = int(np.argmax(affinities)) if affinities else 0
        if affinities and affinities[best] > 0:
            groups[best].append(int(k))
        elif len(groups) < limit:
            groups.append([int(k)])
    return groups


def merge(found: list[Candidate], scores: np.ndarray, members: list[int]) -> Cluster:
    """The cluster's map 1 - prod(1 - w s_j m_j) over the union of its members' boxes."""
    boxes = np.array([found[k].box for k in members])
    x0, y0 = boxes[:, :2].min(axis=0)
    x1, y1 = boxes[:, 2:].max(axis=0)
    absent = np.ones((y1 - y0, x1 - x0), np.float32)
    for k in members:
        left, top, right, bottom = found[k].box
        view = absent[top - y0 : bottom - y0, left - x0 : right - x0]
        view *= 1 - np.float32(WEIGHT * scores[k]) * found[k].mask
    return Cluster(members, (int(x0), int(y0), int(x1), int(y1)), 1 - absent)


def pieces(values: np.ndarray, box: Box, limit: float) -> list[tuple[Box, np.ndarray]]:
    """Split a map whose box has ``limit`` px or more until no box has.

    The size rule takes a box as large as the object for the object itself. That is right for a detector's boxes;
    here the box is only the frame of a mask, and spots all over the picture would be lost. So they become regions
    of their own, and one that winds through the whole picture is cut in two. A mask that fills ``limit`` px by itself
    stays whole, and the rule applies.
    """
    x0, y0, x1, y1 = box
    solid = int((values >= 0.5 * values.max(initial=0)).sum())
    if (x1 - x0) * (y1 - y0) < limit or solid >= limit:
        return [(box, values)]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((values > 0).astype(np.uint8), connectivity=8)
    parts = []
    for k in range(1, count):
        x, y, w, h = (int(v) for v in stats[k, :4])
        crop = np.where(labels[y : y + h, x : x + w] == k, values[y : y + h, x : x + w], np.float32(0))
        if w * h < limit:
            parts.append(((x0 + x, y0 + y, x0 + x + w, y0 + y + h), crop))
        elif w >= h:
            left, top, half = x0 + x, y0 + y, w // 2
            parts.append(((left, top, left + half, top + h), crop[:, :half]))
            parts.append(((left + half, top, left + w, top + h), crop[:, half:]))
        else:
            left, top, half = x0 + x, y0 + y, h // 2
            parts.append(((left, top, left + w, top + half), crop[:half]))
            parts.append(((left, top + half, left + w, top + h), crop[half:]))
    return [(b, np.ascontiguousarray(v)) for b, v in parts if v.max() > 0]
