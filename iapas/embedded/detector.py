"""The detector: pictures in, regions with soft masks out. Classical vision, and the compact model that corrects it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from iapas.embedded import words
from iapas.embedded.classical.candidates import Candidate
from iapas.embedded.classical.clusters import Cluster, pieces
from iapas.embedded.classical.view import View, clusters, extent, view
from iapas.embedded.compact.model import CompactModel
from iapas.embedded.evidence import Opinion, asked, corrected, heard, opinion, told
from iapas.types import Phrase, Regions, crop_frame

GAIN = 1.0  # on phi, in log odds: a right word helps, a wrong one must not blind
FAINTEST = 0.005  # regions below are not worth a row
SHRUNK = 0.7  # a picture this much smaller than its work image is averaged, not sampled
WHOLE = 0.75  # of the object's box: a larger box would be taken for the object (the size rule says 0.8)
UNNAMED = Phrase("defect", "lexicon")


Part = tuple[np.ndarray, np.ndarray, float, str]  # box, crop, score, phrase


@dataclass(frozen=True)
class Encoded:
    """Everything about a picture, (H, W) = ``size``, that no phrase changes."""

    size: tuple[int, int]
    view: View
    opinion: Opinion | None  # the compact model's


class EmbeddedDetector:
    """Regions that stand out, by classical vision, and with ``model`` corrected by what that has learnt.

    Words of the user shift their scores gently.
    """

    def __init__(self, work_size: int = 256, max_regions: int = 30, model: CompactModel | None = None) -> None:
        self.work_size = work_size
        self.max_regions = max_regions
        self.model = model

    def encode(self, images: Sequence[np.ndarray]) -> list[Encoded]:
        """Measure (H, W, 3) uint8 RGB pictures."""
        return [self._encode(image) for image in images]

    def _encode(self, image: np.ndarray) -> Encoded:
        seen = view(image, self.work_size)
        return Encoded((image.shape[0], image.shape[1]), seen, opinion(seen, self.model) if self.model else None)

    def detect(self, encoded: Sequence[Encoded], phrases: Sequence[Phrase]) -> list[Regions]:
        """Regions of each picture for these phrases; those of source "object" ask for the object's extent."""
        anomalies = [p for p in phrases if p.source != "object"]
        objects = [p for p in phrases if p.source == "object"]
        return [self._detect(one, anomalies, objects) for one in encoded]

    def _detect(self, one: Encoded, anomalies: list[Phrase], objects: list[Phrase]) -> Regions:
        parts: list[Part] = []
        if anomalies or not objects:
            parts = self._regions(one, anomalies or [UNNAMED])
        if objects:
            parts.append((*_extent(one), 1.0, objects[0].text))
        if not parts:
            return Regions.empty(one.size)
        boxes, crops, scores, texts = zip(*parts, strict=True)
        return Regions(one.size, np.array(boxes, np.float32), np.array(scores, np.float32), list(texts), tuple(crops))

    def _regions(self, one: Encoded, phrases: list[Phrase]) -> list[Part]:
        seen = one.view
        if not seen.found and one.opinion is None:
            return []
        claims = told(one.opinion, seen.found) if one.opinion else None
        fits = np.stack([words.fit(p.attributes, seen.measured, claims) for p in phrases])
        typed = [k for k, p in enumerate(phrases) if p.source == "user" and p.attributes]
        wanted = [phrases[k].attributes for k in typed]
        said = asked(one.opinion, wanted) if one.opinion else None
        if said:
            seen = heard(seen, said, bool(typed))
        made = clusters(seen, GAIN * fits[typed].max(axis=0) if typed else 0.0, self.max_regions)
        if said:
            made = corrected(made, seen, said, wanted, GAIN, self.max_regions)
        x0, y0, x1, y1 = extent(seen.outline, seen.work.shape)
        limit = WHOLE * (x1 - x0) * (y1 - y0)
        parts: list[Part] = []
        for cluster in made:
            name = _name(cluster, phrases, fits, one)
            for box, piece in pieces(cluster.values, cluster.box, limit):
                best = float(piece.max())
                if best > FAINTEST:
                    parts.append((*_full_size(piece / best, box, one), min(1.0, best), name))
        return parts

    def close(self) -> None:
        """Nothing to release."""


def _name(cluster: Cluster, phrases: list[Phrase], fits: np.ndarray, one: Encoded) -> str:
    """The phrase that fits best: by the cluster's leader, or by what the model says where it has none."""
    if cluster.members or one.opinion is None:
        return phrases[int(fits[:, cluster.members[0]].argmax())].text
    alone = told(one.opinion, [Candidate(cluster.box, (cluster.values > 0).astype(np.uint8), 1, False)])
    said = [np.mean([alone[name][0] for name in phrase.attributes] or [0.0]) for phrase in phrases]
    return phrases[int(np.argmax(said))].text


def _extent(one: Encoded) -> tuple[np.ndarray, np.ndarray]:
    """Box and hard mask of the object; the whole picture on a surface that fills the frame."""
    outline = one.view.outline
    if outline is None:
        height, width = one.size
        return np.array([0, 0, width, height], np.float32), np.full((height, width), 255, np.uint8)
    x0, y0, x1, y1 = extent(outline, outline.shape)
    box, crop = _full_size(outline[y0:y1, x0:x1].astype(np.float32), (x0, y0, x1, y1), one)
    return box, np.where(crop > 127, 255, 0).astype(np.uint8)


def _full_size(values: np.ndarray, box: tuple[int, int, int, int], one: Encoded) -> tuple[np.ndarray, np.ndarray]:
    """A map (0..1) within a box of the work image, as a box and a uint8 crop at the picture's own size."""
    height, width = one.size
    rows, columns = one.view.work.shape[:2]
    ox, oy, right, bottom = one.view.frame
    shown = (right - ox, bottom - oy)
    fx, fy = shown[0] / columns, shown[1] / rows
    x0, y0, x1, y1 = box
    full = np.array([ox + x0 * fx, oy + y0 * fy, min(width, ox + x1 * fx), min(height, oy + y1 * fy)], np.float32)
    left, top, right, bottom = crop_frame(full, one.size)
    if min(fx, fy) < SHRUNK:
        whole = np.zeros((rows, columns), np.float32)
        whole[y0:y1, x0:x1] = values
        shrunk = cv2.resize(whole, shown, interpolation=cv2.INTER_AREA)
        crop = shrunk[top - oy : bottom - oy, left - ox : right - ox]
    else:
        pad: np.ndarray = np.pad(values, 1)
        if x0 == 0:
            pad[:, 0] = pad[:, 1]
        if x1 == columns:
            pad[:, -1] = pad[:, -2]
        if y0 == 0:
            pad[0] = pad[1]
        if y1 == rows:
            pad[-1] = pad[-2]
        # pixel centres: (X + 0.5) / f - 0.5 in the work image
        shift_x, shift_y = (left - ox + 0.5) / fx + 0.5 - x0, (top - oy + 0.5) / fy + 0.5 - y0
        move = np.array([[1 / fx, 0, shift_x], [0, 1 / fy, shift_y]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(pad, move, (right - left, bottom - top), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return full, np.rint(np.clip(crop, 0, 1) * 255).astype(np.uint8)
