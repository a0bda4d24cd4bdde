"""Figure and ground: one part on a plain background, or a surface that fills the frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SIZE = 128  # long side at which the object is sought, px
STRIP = 0.03  # of each side: what is taken for background
PLAIN = 3.5  # a strip whose pixels stray further than this from its smooth colour (in L) is no plain ground
SHADED = 6.0  # nor is one that strays further than this from its median colour: no light falls off so steeply
NEAR = 8.0  # in L: what is taken for the same colour
GROUND = 0.6  # share of the strip that shows the ground
DISTINCT = 2.5  # times the threshold: how far a part's colour lies from the ground's, at the median
RIDGE = 0.25  # of that distance: where its outline lies, above the soft shadow around it
CLEAR = 0.97  # share of everything outside the outline that has the ground's colour
SHARE = (0.05, 0.8)
SOLIDITY = 0.55
OPENING = 0.06  # of the outline: a smaller hole may be a defect
MARGIN = 0.02  # of the part's longer side, around its box
CHROMA = np.array([1, 1.5, 1.5], np.float32)


Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Part:
    """A single object: its box as shares of the picture (x0, y0, x1, y1), and the ground it lies on."""

    box: Box
    ground: np.ndarray  # (6, 3): quadratic in x and y for each channel of weighted Lab
    threshold: float  # distance from the ground's colour


def find_part(image: np.ndarray) -> Part | None:
    """The object of an (H, W, 3) uint8 RGB picture; None on a surface that fills the frame."""
    height, width = image.shape[:2]
    scale = SIZE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB) * CHROMA
    rows, columns = lab.shape[:2]
    margin = max(1, round(STRIP * min(rows, columns)))
    strip = np.ones((rows, columns), bool)
    strip[margin:-margin, margin:-margin] = False
    if float(np.median(np.linalg.norm(lab[strip] - np.median(lab[strip], axis=0), axis=1))) > SHADED:
        return None
    ground = _fit_ground(lab, strip)
    distance = _distance(lab, ground, WHOLE)
    spread = float(np.median(distance[strip]))
    threshold = max(NEAR, 5 * spread)
    if spread > PLAIN:
        return None
    ground = _fit_ground(lab, ~_unreached(distance < threshold, strip))
    distance = _distance(lab, ground, WHOLE)
    rest = _unreached(distance < threshold, strip)
    if (~rest)[strip].mean() < GROUND:
        return None
    outline = _largest_solid(rest)
    if outline is None or _spans(outline):
        return None
    away = distance[(outline > 0) & (distance >= threshold)]
    if not away.size or float(np.median(away)) <= DISTINCT * threshold:
        return None
    outside = cv2.dilate(outline, np.ones((3, 3), np.uint8)) == 0
    if not outside.any() or (distance[outside] < threshold).mean() < CLEAR:
        return None
    x, y, w, h = cv2.boundingRect(outline)
    m = 2 + round(MARGIN * max(w, h))
    box = (
        max(0, x - m) / columns,
        max(0, y - m) / rows,
        min(columns, x + w + m) / columns,
        min(rows, y + h + m) / rows,
    )
    return Part(box, ground, max(threshold, RIDGE * float(np.median(away))))


def outline_of(work: np.ndarray, part: Part) -> np.ndarray | None:
    """The part's filled outline, (h, w) uint8 0 or 1, in a work image of its box, (h, w, 3) float32 RGB in 0..1."""
    lab = cv2.cvtColor(work, cv2.COLOR_RGB2LAB) * CHROMA
    distance = _distance(lab, part.ground, part.box)
    outline = _largest_solid(distance >= part.threshold)
    return None if outline is None else _with_openings(outline, distance < part.threshold)


def _fit_ground(lab: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The ground's colour, (6, 3): a robust quadratic through the pixels of ``mask``, because light falls off."""
    basis, colours = _basis(lab.shape[:2], WHOLE)[mask], lab[mask]
    weight = np.ones(len(colours))
    for _ in range(3):
        root = np.sqrt(weight)[:, None]
        ground: np.ndarray = np.linalg.lstsq(basis * root, colours * root, rcond=None)[0]
        away = np.linalg.norm(colours - basis @ ground, axis=1)
        weight = 1 / (1 + (away / (2 * float(np.median(away)) + 1e-3)) ** 2)
    return ground


def _distance(lab: np.ndarray, ground: np.ndarray, box: Box) -> np.ndarray:
    """(h, w): how far each pixel of the cut-out ``box`` is from the ground's colour there."""
    distance: np.ndarray = np.linalg.norm(lab - _basis(lab.shape[:2], box) @ ground, axis=2)
    return distance


def _basis(size: tuple[int, int], box: Box) -> np.ndarray:
    """(h, w, 6): 1, x, y, x^2, xy, y^2 at the pixels of a cut-out; x and y from -1 to 1 over the whole picture."""
    rows, columns = size
    x = 2 * (box[0] + (box[2] - box[0]) * (np.arange(columns) + 0.5) / columns) - 1
    y = 2 * (box[1] + (box[3] - box[1]) * (np.arange(rows) + 0.5) / rows) - 1
    x, y = np.broadcast_to(x, size), np.broadcast_to(y[:, None], size)
    return np.stack([np.ones(size), x, y, x * x, x * y, y * y], axis=2)


def extend(work: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """The work image with its ground replaced by the part's own surface, carried on smoothly beyond its outline.

    So that filters near the outline see more of the part, not the step down to the ground.
    """
    core = cv2.erode(outline, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    weight = core.astype(np.float32)
    filled = work * weight[..., None]
    for sigma in (2.0, 5.0, 12.0, 30.0, 80.0):
        spread = cv2.GaussianBlur(filled, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        mass = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        new = (mass > 0.02) & (weight == 0)
        filled[new] = spread[new] / mass[new][:, None]
        weight[new] = 1
    if not weight.all():
        filled[weight == 0] = filled[weight > 0].mean(axis=0)
    return filled


def _unreached(near: np.ndarray, strip: np.ndarray) -> np.ndarray:
    """Pixels that no path of ground-coloured pixels joins to the strip."""
    count, labels = cv2.connectedComponents(near.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    touching = np.zeros(count, bool)
    touching[np.unique(labels[strip])] = True
    touching[0] = False
    unreached: np.ndarray = ~touching[labels]
    return unreached


def _with_openings(outline: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The outline less what shows the ground through a wide opening: the inside of a ring, the bore of a nut."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((near & (outline > 0)).astype(np.uint8), connectivity=4)
    wide = np.zeros(count, bool)
    wide[1:] = stats[1:, 4] > OPENING * outline.sum()
    openings = cv2.dilate(wide[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    rest: np.ndarray = outline & (1 - openings)
    return rest


def _spans(outline: np.ndarray) -> bool:
    """Whether it touches two sides of the picture or more: a streak or a patch on a surface, or a web."""
    return sum(bool(side.any()) for side in (outline[0], outline[-1], outline[:, 0], outline[:, -1])) > 1


def _largest_solid(rest: np.ndarray) -> np.ndarray | None:
    """The largest outline, closed and filled, if it has an object's size and is solid."""
    reach = max(3, round(0.03 * max(rest.shape)) | 1)
    pad = cv2.copyMakeBorder(rest.astype(np.uint8), reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    pad = cv2.morphologyEx(pad, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    closed = np.ascontiguousarray(pad[reach:-reach, reach:-reach])
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    contour = max(contours, key=cv2.contourArea)
    outline = cv2.drawContours(np.zeros(rest.shape, np.uint8), [contour], -1, 1, thickness=-1)
    area = int(outline.sum())
    hull = cv2.drawContours(np.zeros(rest.shape, np.uint8), [cv2.convexHull(contour)], -1, 1, thickness=-1)
    if area < SHARE[0] * rest.size or area / max(1, int(hull.sum())) <= SOLIDITY:
        return None
    return outline
