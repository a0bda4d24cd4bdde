"""From attributes to the confidence of each region."""

from __future__ import annotations

import cv2
import numpy as np

from iapas.embedded.classical.attributes import COLUMN
from iapas.embedded.classical.candidates import Candidate
from iapas.embedded.classical.channels import Channels, blur, normalised

RIM = 3  # work pixels
SAME_AS_OBJECT = 0.6  # IoU


def logits(attributes: np.ndarray, regularity: float) -> np.ndarray:
    """Log odds that a region is a defect, (N,), from its attributes (N, len(NAMES)).

    On a regular pattern every element of it stands out in tone; there only what breaks the pattern counts.
    """

    def column(name: str) -> np.ndarray:
        return attributes[:, COLUMN[name]]

    # lightness counts in full; colour is noisier in JPEGs, and a texture map is smooth, which makes effects look large
    effect = np.maximum.reduce([column("dL"), 0.8 * column("dC"), 0.4 * column("dT")])
    size = 0.5 * ((column("la") + 3) / 3.8) ** 2
    tone = (
        -5.0
        + 2.4 * np.minimum(effect, 2.0)
        + 0.2 * (np.minimum(column("dR"), 2.5) - 1)
        - 0.5 * (np.minimum(column("zL"), 3.2) - 1)
        + 0.35 * np.minimum(column("edge"), 1.5)
        + 0.2 * (column("rT") - 2.5)
        - 0.15 * (column("rL") - 2.5)
        - 5.0 * column("bt")
        - size
        + 0.7 * column("large")
    )
    pattern = -5 + 0.4 * column("zP") + np.clip(column("dP"), -1, 2.5) - size
    odds: np.ndarray = (1 - regularity) * tone + regularity * pattern
    return odds


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(values)))


def object_factor(found: list[Candidate], outline: np.ndarray | None) -> np.ndarray:
    """What the object mask leaves of each confidence, (N,) in 0..1: nothing outside it, nothing for its own outline."""
    if outline is None:
        return np.ones(len(found))
    core = cv2.erode(outline, np.ones((RIM, RIM), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    whole = int(outline.sum())
    factor = np.zeros(len(found))
    for k, region in enumerate(found):
        x0, y0, x1, y1 = region.box
        inside = int(cv2.countNonZero(core[y0:y1, x0:x1] & region.mask)) / region.area
        shared = int(cv2.countNonZero(outline[y0:y1, x0:x1] & region.mask))
        same = shared / (whole + region.area - shared) > SAME_AS_OBJECT
        factor[k] = 0.0 if same else inside
    return factor


def modulation(maps: Channels) -> np.ndarray:
    """Weight of each pixel within its region, (h, w) float32 in 0.3..1: how far it strays itself."""

    def strength(field: np.ndarray) -> np.ndarray:
        away: np.ndarray = np.abs(normalised(field, 0.6, maps.surface))
        weight: np.ndarray = away / (away + 4)
        return weight

    sharp, smooth = maps.residual, blur(maps.rowcol, 1.1)
    strongest = np.maximum(strength(sharp), strength(smooth))
    return np.asarray(0.3 + 0.7 * strongest, np.float32)
