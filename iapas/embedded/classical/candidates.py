"""Candidate regions: everything that might be a defect, before any of it is judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from iapas.embedded.classical.channels import Channels, blur, polynomial_surface

THRESHOLDS = (2.0, 3.0, 4.5, 6.5, 9.5, 14.0)  # in units of the channel's noise
MIN_AREA = 12  # work pixels: below, a component is noise
MAX_SHARE = 0.6  # of the picture
LARGEST = 25  # components of one threshold
COARSE = 4  # large candidates are sought at a quarter of the work size
COARSE_SHARE = (0.015, 0.55)


@dataclass(frozen=True)
class Candidate:
    """A region of the work image: its box (x0, y0, x1, y1) and the mask within it, uint8 0 or 1."""

    box: tuple[int, int, int, int]
    mask: np.ndarray
    area: int
    large: bool


def _key(x: int, y: int, w: int, h: int, area: int) -> tuple[int, ...]:
    """Regions with the same key are one: boxes agree to 8 px and areas to a fifth."""
    return round(x / 8), round(y / 8), round((x + w) / 8), round((y + h) / 8), round(float(np.log(area)) / 0.2)


def small_candidates(maps: dict[str, np.ndarray]) -> Iterator[Candidate]:
    """Connected components of every map, above and below, at six thresholds."""
    seen: set[tuple[int, ...]] = set()
    for field in maps.values():
        limit = MAX_SHARE * field.size
        for side in (field, -field):
            top = float(side.max())
            for threshold in THRESHOLDS:
                if top <= threshold:
                    break
                above = (side > threshold).astype(np.uint8)
                _, labels, stats, _ = cv2.connectedComponentsWithStats(above, connectivity=8, ltype=cv2.CV_32S)
                areas = stats[:, 4]
                order = np.argsort(-areas[1:], kind="stable") + 1
                order = order[(areas[order] >= MIN_AREA) & (areas[order] <= limit)][:LARGEST]
                for k in order:
                    x, y, w, h, area = (int(v) for v in stats[k])
                    key = _key(x, y, w, h, area)
                    if key in seen:
                        continue
                    seen.add(key)
                    mask = (labels[y : y + h, x : x + w] == k).astype(np.uint8)
                    yield Candidate((x, y, x + w, y + h), mask, area, False)


def coarse_features(channels: Channels) -> np.ndarray:
    """(h/4, w/4, C) float32 features, each divided by its spread."""
    height, width = channels.lightness.shape
    size = (max(8, width // COARSE), max(8, height // COARSE))

    def shrink(field: np.ndarray) -> np.ndarray:
        return cv2.resize(np.ascontiguousarray(field), size, interpolation=cv2.INTER_AREA)

    light = shrink(blur(channels.lightness, 4))
    smooth = blur(channels.lightness, 1)
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    layers = [(light, 2.0), (light - polynomial_surface(light, degree=1), 2.0)]
    layers += [(shrink(channels.texture[..., k]), 0.15) for k in range(4)]
    layers += [(np.log(0.3 + np.sqrt(blur(shrink(g * g), 1))), 0.15) for g in (gx, gy)]
    if channels.coloured:
        layers += [(shrink(blur(np.ascontiguousarray(channels.chroma[..., k]), 3)), 1.5) for k in range(2)]
    return np.dstack([(f - f.mean()) / (f.std() + floor) for f, floor in layers]).astype(np.float32)


def _otsu(values: np.ndarray) -> float | None:
    """Otsu's threshold over 64 bins; None for a constant."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-3:  # of a spread: nothing to part, and too fine for float32
        return None
    counts, edges = np.histogram(values, bins=64, range=(low, high))
    centres = (edges[1:] + edges[:-1]) / 2
    weight = np.cumsum(counts)
    moment = np.cumsum(counts * centres)
    rest = weight[-1] - weight
    valid = (weight > 0) & (rest > 0)
    lower = moment / np.maximum(weight, 1)
    upper = (moment[-1] - moment) / np.maximum(rest, 1)
    between = np.where(valid, weight * rest * (upper - lower) ** 2, -1.0)
    return float(edges[1 + int(between.argmax())])


def _classes(features: np.ndarray) -> Iterator[np.ndarray]:
    """Masks (h, w) bool of pixels that are alike: by threshold of one feature, or by clusters of all."""
    for k in range(features.shape[2]):
        field = np.ascontiguousarray(features[..., k])
        threshold = _otsu(field)
        if threshold is None:
            continue
        above = field > threshold
        yield above
        yield ~above
        for side in (above, ~above):
            inner = _otsu(field[side]) if side.sum() > 16 else None
            if inner is not None:
                yield side & (field > inner)
                yield side & (field <= inner)
    samples = np.ascontiguousarray(features.reshape(-1, features.shape[2]))
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 15, 0.0)
    for count in (2, 3, 4):
        cv2.setRNGSeed(1)  # k-means draws its starts from OpenCV's global generator
        _, labels, _ = cv2.kmeans(samples, count, np.empty(0, np.int32), criteria, 2, cv2.KMEANS_PP_CENTERS)
        grid = labels.reshape(features.shape[:2])
        for k in range(count):
            yield grid == k


def large_candidates(channels: Channels) -> Iterator[Candidate]:
    """Areas that differ in tone, texture or colour, found at a quarter of the work size."""
    height, width = channels.lightness.shape
    features = coarse_features(channels)
    rows, columns = features.shape[:2]
    low, high = (share * rows * columns for share in COARSE_SHARE)
    square = np.ones((3, 3), np.uint8)
    seen: set[tuple[int, ...]] = set()
    for member in _classes(features):
        mask = cv2.morphologyEx(member.astype(np.uint8), cv2.MORPH_OPEN, square)
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, square)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4, ltype=cv2.CV_32S)
        areas = stats[:, 4]
        order = (np.argsort(-areas[1:], kind="stable") + 1)[:3]
        for k in order[(areas[order] >= low) & (areas[order] <= high)]:
            x, y, w, h, area = (int(v) for v in stats[k])
            key = _key(x * COARSE, y * COARSE, w * COARSE, h * COARSE, area)
            if key in seen:
                continue
            seen.add(key)
            whole = cv2.resize((labels == k).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
            fine = (whole > 0.5).astype(np.uint8)
            x, y, w, h = cv2.boundingRect(fine)
            if w and h:
                crop = np.ascontiguousarray(fine[y : y + h, x : x + w])
                yield Candidate((x, y, x + w, y + h), crop, int(crop.sum()), True)


def candidates(channels: Channels) -> list[Candidate]:
    """All candidates of a work image, in a fixed order."""
    return [*small_candidates(channels.maps), *large_candidates(channels)]
