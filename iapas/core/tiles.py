"""Large pictures: cut into overlapping tiles, and the regions of all views put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from iapas.types import Regions, crop_frame

Frame = tuple[int, int, int, int]
"""x0 y0 x1 y1 in image pixels, end excluded."""

BLUR = 1 / 128
"""Reach of a mask drawn from the whole image, as a share of its long side: two pixels of a view of 256."""

EXPLAINED = 0.9
"""Share of a coarse mask that finer ones must be near to for it to give way."""

SAME_DEFECT = 0.5
"""IoU, or share of the smaller mask in the larger one, from which two views saw the same defect."""


def tile_frames(size: tuple[int, int], tile: int, overlap: int) -> list[Frame]:
    """Frames of at most ``tile`` pixels a side that cover an image of ``size`` (height, width), row by row.

    Neighbours share at least ``overlap`` pixels. Raises ValueError unless 0 <= overlap < tile.
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"the overlap ({overlap}) must be at least 0 and below the tile's size ({tile})")
    height, width = size
    rows, columns = _spans(height, tile, overlap), _spans(width, tile, overlap)
    return [(x0, y0, x1, y1) for y0, y1 in rows for x0, x1 in columns]


def _spans(length: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    if length <= tile:
        return [(0, length)]
    count = -(-(length - overlap) // (tile - overlap))
    starts = np.linspace(0, length - tile, count).round().astype(int)
    return [(int(start), int(start) + tile) for start in starts]


def place(regions: Regions, frame: Frame, size: tuple[int, int]) -> Regions:
    """The regions of a cut-out at ``frame``, moved into the image of ``size`` (height, width)."""
    x0, y0 = frame[:2]
    return replace(regions, size=size, boxes=regions.boxes + np.array([x0, y0, x0, y0], np.float32))


def merge_views(views: Sequence[tuple[Frame, Regions]], size: tuple[int, int]) -> Regions:
    """The regions of several views of one image, those that are one defect made one.

    ``views``: the frame that each looked at and its regions with masks, in the image's pixels. Where both views
    looked, two regions are one defect if their masks agree (IoU), and part of one if the smaller lies in the other;
    directly or through a third, so a scratch through many tiles is one region. Parts that agree have the confidence
    of the best-seen one: a tile in which a scratch runs from side to side cannot tell it from a pattern, the tile
    with its end can. The united soft map is the greatest s_i * m_i, the phrase that of the best part. A part seen
    from afar gives way to those seen from near where they explain it: its mask is as much coarser as its view.
    """
    items = [(frame, regions.take([i])) for frame, regions in views for i in range(len(regions))]
    pairs = _touching_pairs(items, size)
    overlaps = [_overlap(*items[i], *items[j]) for i, j in pairs]
    agreeing = [pair for pair, (iou, _) in zip(pairs, overlaps, strict=True) if iou >= SAME_DEFECT]
    contained = [pair for pair, (_, share) in zip(pairs, overlaps, strict=True) if share >= SAME_DEFECT]
    regions = [region for _, region in items]
    for members in _groups(len(items), agreeing):
        best = np.max([regions[i].scores for i in members], axis=0)
        for i in members:
            regions[i] = replace(regions[i], scores=best)
    own = [float(region.scores[0]) for _, region in items]
    merged = [
        _unite([regions[i] for i in sorted(_finest(group, items, size), key=lambda i: -own[i])], size)
        for group in _groups(len(items), [*agreeing, *contained])
    ]
    merged.sort(key=lambda region: -float(region.scores[0]))
    return concatenate(merged, size)


def _groups(count: int, links: Sequence[npt.NDArray[np.intp]]) -> list[list[int]]:
    """The connected components of 0..count-1 under ``links``, in order of their first members."""
    parents = list(range(count))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for i, j in links:
        a, b = root(int(i)), root(int(j))
        parents[max(a, b)] = min(a, b)
    groups: dict[int, list[int]] = {}
    for i in range(count):
        groups.setdefault(root(i), []).append(i)
    return list(groups.values())


def concatenate(parts: Sequence[Regions], size: tuple[int, int]) -> Regions:
    """All regions of several lists over one image of ``size`` (height, width), in order; each with masks."""
    if not parts:
        return Regions.empty(size)
    return Regions(
        size,
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        [phrase for part in parts for phrase in part.phrases],
        tuple(crop for part in parts for crop in part.crops or ()),
    )


def _touching_pairs(items: list[tuple[Frame, Regions]], size: tuple[int, int]) -> npt.NDArray[np.intp]:
    """(P, 2): pairs i < j of different views whose boxes share a pixel."""
    if not items:
        return np.zeros((0, 2), np.intp)
    boxes = np.array([crop_frame(region.boxes[0], size) for _, region in items])
    frames = np.array([frame for frame, _ in items])
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    other_view = (frames[:, None] != frames[None]).any(axis=2)
    return np.argwhere(np.triu((low < high).all(axis=2) & other_view))


def _overlap(frame_a: Frame, a: Regions, frame_b: Frame, b: Regions) -> tuple[float, float]:
    """Of two regions, where both views looked: the IoU of their masks, and the share of the smaller in the other."""
    x0, y0 = max(frame_a[0], frame_b[0]), max(frame_a[1], frame_b[1])
    x1, y1 = min(frame_a[2], frame_b[2]), min(frame_a[3], frame_b[3])
    if x0 >= x1 or y0 >= y1:
        return 0.0, 0.0
    mask_a, mask_b = _cut(a, (x0, y0, x1, y1)), _cut(b, (x0, y0, x1, y1))
    shared, smaller = _shared(mask_a, mask_b), min(mask_a[1], mask_b[1])
    if not smaller:
        return 0.0, 0.0
    return shared / (mask_a[1] + mask_b[1] - shared), shared / smaller


def _cut(region: Regions, frame: Frame) -> tuple[Frame, int, npt.NDArray[np.bool_]]:
    """The hard mask of a single region inside ``frame``: where it lies, its pixels, the mask."""
    bx0, by0, bx1, by1 = crop_frame(region.boxes[0], region.size)
    x0, y0, x1, y1 = max(bx0, frame[0]), max(by0, frame[1]), min(bx1, frame[2]), min(by1, frame[3])
    crop = (region.crops or ())[0][max(0, y0 - by0) : max(0, y1 - by0), max(0, x0 - bx0) : max(0, x1 - bx0)] >= 128
    return (x0, y0, x1, y1), int(crop.sum()), crop


def _shared(a: tuple[Frame, int, npt.NDArray[np.bool_]], b: tuple[Frame, int, npt.NDArray[np.bool_]]) -> int:
    (ax0, ay0, ax1, ay1), _, mask_a = a
    (bx0, by0, bx1, by1), _, mask_b = b
    x0, y0, x1, y1 = max(ax0, bx0), max(ay0, by0), min(ax1, bx1), min(ay1, by1)
    if x0 >= x1 or y0 >= y1:
        return 0
    part_a = mask_a[y0 - ay0 : y1 - ay0, x0 - ax0 : x1 - ax0]
    return int((part_a & mask_b[y0 - by0 : y1 - by0, x0 - bx0 : x1 - bx0]).sum())


def _finest(group: list[int], items: list[tuple[Frame, Regions]], size: tuple[int, int]) -> list[int]:
    """The members of a group less those that members of smaller views explain."""

    def area(i: int) -> int:
        x0, y0, x1, y1 = items[i][0]
        return (x1 - x0) * (y1 - y0)

    kept = []
    for i in group:
        finer = [items[j][1] for j in group if area(j) < area(i)]
        if not finer or not _explained(items[i][1], finer, size):
            kept.append(i)
    return kept


def _explained(coarse: Regions, finer: list[Regions], size: tuple[int, int]) -> bool:
    """Whether nearly all of the coarse mask lies within a blur's reach of the finer masks."""
    x0, y0, x1, y1 = frame = crop_frame(coarse.boxes[0], size)
    away = np.ones((y1 - y0, x1 - x0), np.uint8)
    for region in finer:
        (fx0, fy0, fx1, fy1), area, mask = _cut(region, frame)
        if area:
            away[fy0 - y0 : fy1 - y0, fx0 - x0 : fx1 - x0][mask] = 0
    distance = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_3)
    near = distance[(coarse.crops or ())[0] >= 128] <= BLUR * max(size)
    return bool(near.size and near.mean() >= EXPLAINED)


def _unite(group: list[Regions], size: tuple[int, int]) -> Regions:
    """One region of several; the first gives the phrase."""
    if len(group) == 1:
        return group[0]
    boxes = np.concatenate([region.boxes for region in group])
    box = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)]).astype(np.float32)
    x0, y0, x1, y1 = crop_frame(box, size)
    united = np.zeros((y1 - y0, x1 - x0), np.float32)
    for region in group:
        bx0, by0, bx1, by1 = crop_frame(region.boxes[0], size)
        part = united[by0 - y0 : by1 - y0, bx0 - x0 : bx1 - x0]
        np.maximum(part, (region.crops or ())[0] * region.scores[0], out=part)
    score = np.max([region.scores for region in group], axis=0)
    crop = np.rint(united / max(float(score[0]), 1e-12)).astype(np.uint8)
    return Regions(size, box[None], score, group[0].phrases, (crop,))
