"""Figure and ground: one part on a plain background, or a surface that fills the frame."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = 128  # long side at which the object is sought, px
STRIP = 0.03  # of each side: what is taken for background
PLAIN = 5.0  # a strip whose pixels stray further than this from its median colour (in L) is no plain ground
NEAR = 8.0
SHARE = (0.04, 0.8)
SOLIDITY = 0.55


def find_object(work: np.ndarray) -> np.ndarray | None:
    """The object's filled outline, (h, w) uint8 0 or 1 at the work image's size; None on a full-frame surface.

    ``work``: (h, w, 3) float32 RGB in 0..1.
    """
    height, width = work.shape[:2]
    scale = SIZE / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(work, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB) * np.array([1, 1.5, 1.5], np.float32)
    rows, columns = lab.shape[:2]
    margin = max(1, round(STRIP * min(rows, columns)))
    strip = np.ones((rows, columns), bool)
    strip[margin:-margin, margin:-margin] = False
    distance = np.linalg.norm(lab - np.median(lab[strip], axis=0), axis=2)
    spread = float(np.median(distance[strip]))
    if spread > PLAIN:
        return None
    threshold = max(NEAR, 5 * spread)
    count, labels = cv2.connectedComponents((distance < threshold).astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    touching = np.zeros(count, bool)
    touching[np.unique(labels[strip])] = True
    touching[0] = False
    background = touching[labels]
    if background[strip].mean() < 0.6:
        return None
    outline = _largest_solid(~background)
    if outline is None or float(np.median(distance[outline > 0])) <= 2 * threshold:
        return None
    whole = cv2.resize(outline.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return (whole > 0.5).astype(np.uint8)


def _largest_solid(rest: np.ndarray) -> np.ndarray | None:
    """The largest outline, filled, if it has an object's size and is solid."""
    contours, _ = cv2.findContours(rest.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    contour = max(contours, key=cv2.contourArea)
    outline = cv2.drawContours(np.zeros(rest.shape, np.uint8), [contour], -1, 1, thickness=-1)
    area = int(outline.sum())
    hull = cv2.drawContours(np.zeros(rest.shape, np.uint8), [cv2.convexHull(contour)], -1, 1, thickness=-1)
    if not SHARE[0] <= area / rest.size <= SHARE[1] or area / max(1, int(hull.sum())) <= SOLIDITY:
        return None
    return outline
