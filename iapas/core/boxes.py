"""Boxes, (N, 4) float32 x0 y0 x1 y1 in image pixels, and the size rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.types import BoolMap, FloatMap, MaskCrop, Regions, crop_frame


def clip_boxes(boxes: npt.NDArray[Any], size: tuple[int, int]) -> FloatMap:
    """``boxes`` cut to an image of ``size`` (height, width); inverted ones stay inverted."""
    height, width = size
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(np.asarray(boxes, np.float32), 0, limits)


def area_shares(boxes: npt.NDArray[Any], size: tuple[int, int]) -> FloatMap:
    """(N,) float32 in [0, 1]: the area of each box as a share of the image of ``size`` (height, width)."""
    clipped = clip_boxes(boxes, size).astype(np.float64)
    sides = np.maximum(clipped[:, 2:] - clipped[:, :2], 0)
    return (sides[:, 0] * sides[:, 1] / (size[0] * size[1])).astype(np.float32)


def size_rule(boxes: npt.NDArray[Any], size: tuple[int, int], object_size: float, limit: float = 0.8) -> BoolMap:
    """(N,) bool: the boxes that are small enough to be a defect of the object (IAP-AS, section 3).

    Kept is an area share strictly below ``limit`` times ``object_size``, the object's own area share.
    """
    return area_shares(boxes, size) < np.float32(limit * object_size)


def within_image(regions: Regions) -> Regions:
    """Regions without masks, clipped to the image; those left without a pixel of area are dropped."""
    if regions.crops is not None:
        return regions  # a mask was drawn in its box: the box is in the image
    boxes = clip_boxes(regions.boxes, regions.size)
    has_area = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return replace(regions, boxes=boxes).take(has_area)


def with_masks(regions: Regions, masks: Sequence[MaskCrop]) -> Regions:
    """Regions with ``masks``, one for each; a mask may pass its box, which then grows to hold it."""
    boxes, crops = [], []
    for box, mask in zip(regions.boxes, masks, strict=True):
        x0, y0, x1, y1 = mask.frame
        grown = box.copy()
        if mask.pixels.size:
            grown[:2] = np.minimum(box[:2], (x0, y0))
            grown[2:] = np.maximum(box[2:], (x1, y1))
        left, top, right, bottom = crop_frame(grown, regions.size)
        crop = np.zeros((bottom - top, right - left), np.uint8)
        if mask.pixels.size:
            crop[y0 - top : y1 - top, x0 - left : x1 - left] = mask.pixels
        boxes.append(grown)
        crops.append(crop)
    return replace(regions, boxes=np.array(boxes, np.float32).reshape(-1, 4), crops=tuple(crops))


def overlaps(box: npt.NDArray[Any], boxes: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """(N,) float64 in [0, 1]: how much ``box`` (4,) and each of ``boxes`` overlap (IoU); 0 where neither has area."""
    box, boxes = np.asarray(box, np.float64), np.asarray(boxes, np.float64)
    shared = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    intersection = np.maximum(shared, 0).prod(axis=1)
    union = np.maximum(box[2:] - box[:2], 0).prod() + np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1)
    union -= intersection
    shares: npt.NDArray[np.float64] = np.divide(intersection, union, out=np.zeros(len(boxes)), where=union > 0)
    return shares


def nms(boxes: npt.NDArray[Any], scores: npt.NDArray[Any], limit: float) -> npt.NDArray[np.int64]:
    """The indices of ``boxes`` (N, 4) left by greedy non-maximum suppression, highest of ``scores`` (N,) first.

    A box goes when its overlap (IoU) with a better one that stays is above ``limit``; of equal scores the earlier
    box is the better one.
    """
    waiting = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[overlaps(boxes[best], boxes[waiting]) <= limit]
    return np.array(kept, np.int64)
