"""The detector: pictures in, regions with soft masks out. Classical vision, and the compact model beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from iapas.embedded import words
from iapas.embedded.classical.attributes import NAMES, measure
from iapas.embedded.classical.candidates import Candidate, candidates
from iapas.embedded.classical.channels import channels, work_image
from iapas.embedded.classical.clusters import Cluster, group, merge, pieces
from iapas.embedded.classical.objects import extend, find_part, outline_of
from iapas.embedded.classical.scoring import RIM, logits, modulation, object_factor, sigmoid
from iapas.embedded.compact.model import CompactModel, Sight
from iapas.embedded.evidence import Evidence, chance, dealt, joined, standing_out, trusted, weigh
from iapas.types import Phrase, Regions, crop_frame

GAIN = 1.0  # on phi, in log odds: a right word helps, a wrong one must not blind
FAINTEST = 0.005  # regions below are not worth a row
# Gain control. A picture's greatest score saturates, half way at SATURATION, and every score's share of it is raised to
# a power. That keeps the order of pictures and that of the pixels within one, but makes them more alike.
SATURATION = 0.3
SPREAD = 0.65
SHRUNK = 0.7  # a picture this much smaller than its work image is averaged, not sampled
WHOLE = 0.75  # of the object's box: a larger box would be taken for the object (the size rule says 0.8)
UNNAMED = Phrase("defect", "lexicon")


Part = tuple[np.ndarray, np.ndarray, float, str]  # box, crop, score, phrase


@dataclass(frozen=True)
class Encoded:
    """Everything about a picture that no phrase changes."""

    size: tuple[int, int]  # of the picture, (H, W)
    work: tuple[int, int]  # of the work image, (h, w)
    frame: tuple[int, int, int, int]  # what the work image shows: x0, y0, x1, y1 in pixels of the picture
    found: list[Candidate]
    measured: dict[str, np.ndarray]
    sight: Sight | None  # what the compact model says, and what of it concerns the candidates
    evidence: Evidence | None
    logits: np.ndarray
    factor: np.ndarray  # share of each region's confidence that the object mask leaves
    pixels: np.ndarray  # (h, w) float32: modulation of the soft masks
    object: np.ndarray | None  # (h, w) uint8


class EmbeddedDetector:
    """Regions that stand out, by classical vision, and with ``model`` those that it holds for defects.

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
        height, width = image.shape[:2]
        frame = (0, 0, width, height)
        outline = None
        part = find_part(image)
        if part is not None:
            inner = tuple(round(v * side) for v, side in zip(part.box, (width, height, width, height), strict=True))
            work = work_image(image[inner[1] : inner[3], inner[0] : inner[2]], self.work_size)
            outline = outline_of(work, part)
        if outline is None:
            work = work_image(image, self.work_size)
        surface = work
        if outline is not None:
            frame = inner
            surface = extend(work, outline)
        maps = channels(surface, outline)
        sight = self.model(work, maps) if self.model else None
        if sight:
            maps = replace(maps, maps={**maps.maps, "seen": standing_out(sight)})
        found, attributes = measure(candidates(maps), maps)
        odds = logits(attributes, maps.regularity)
        evidence = weigh(found, sight) if sight else None
        trust = 1 - maps.regularity  # of a regular pattern the model marks every element
        return Encoded(
            size=(height, width),
            work=work.shape[:2],
            frame=frame,
            found=found,
            measured=dict(zip(NAMES, attributes.T, strict=True)),
            sight=trusted(sight, trust) if sight else None,
            evidence=evidence,
            logits=joined(odds, evidence, trust) if evidence else odds,
            factor=object_factor(found, outline),
            pixels=modulation(maps) if outline is None else np.ones(work.shape[:2], np.float32),
            object=outline,
        )

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
        if not one.found and one.sight is None:
            return []
        told = one.evidence.terms if one.evidence else None
        fits = np.stack([words.fit(p.attributes, one.measured, told) for p in phrases])
        typed = [k for k, p in enumerate(phrases) if p.source == "user" and p.attributes]
        shift = GAIN * fits[typed].max(axis=0) if typed else 0.0
        scores = sigmoid(one.logits + shift) * one.factor
        limit = WHOLE * _object_area(one)
        clusters = [merge(one.found, scores, members) for members in group(one.found, scores, self.max_regions)]
        for cluster in clusters:
            x0, y0, x1, y1 = cluster.box
            cluster.values *= one.pixels[y0:y1, x0:x1]
        if one.sight:
            wanted = [phrases[k].attributes for k in typed]
            clusters = dealt(clusters, chance(one.sight, wanted, GAIN) * _inside(one), self.max_regions)
        total = np.zeros(one.work, np.float32)
        for cluster in clusters:
            x0, y0, x1, y1 = cluster.box
            total[y0:y1, x0:x1] += cluster.values
        gain = _gain(total)
        parts: list[Part] = []
        for cluster in clusters:
            x0, y0, x1, y1 = cluster.box
            name = _name(cluster, phrases, fits, one)
            for box, piece in pieces(cluster.values * gain[y0:y1, x0:x1], cluster.box, limit):
                best = float(piece.max())
                if best > FAINTEST:
                    parts.append((*_full_size(piece / best, box, one), min(1.0, best), name))
        return parts

    def close(self) -> None:
        """Nothing to release."""


def _inside(one: Encoded) -> np.ndarray:
    """(h, w) float32: what of the model's map counts; nothing outside the part, less where nothing stands out."""
    within = one.pixels if one.object is None else cv2.erode(one.object, np.ones((2 * RIM + 1,) * 2, np.uint8))
    return np.asarray(within, np.float32)


def _name(cluster: Cluster, phrases: list[Phrase], fits: np.ndarray, one: Encoded) -> str:
    """The phrase that fits best: by the cluster's leader, or by what the model says where it has none."""
    if cluster.members or one.sight is None:
        return phrases[int(fits[:, cluster.members[0]].argmax())].text
    alone = weigh([Candidate(cluster.box, (cluster.values > 0).astype(np.uint8), 1, False)], one.sight).terms
    told = [np.mean([alone[name][0] for name in phrase.attributes] or [0.0]) for phrase in phrases]
    return phrases[int(np.argmax(told))].text


def _gain(total: np.ndarray) -> np.ndarray:
    """Gain control, (h, w): total times gain is S(strongest) * (total / strongest)**SPREAD."""
    strongest = float(total.max(initial=0))
    if strongest <= 0:
        return np.ones_like(total)
    relative = np.maximum(total / strongest, 1e-4)
    return np.float32((1 + SATURATION) / (strongest + SATURATION)) * relative ** np.float32(SPREAD - 1)


def _object_area(one: Encoded) -> int:
    """Area of the object's box, work pixels."""
    if one.object is None:
        return one.work[0] * one.work[1]
    _, _, w, h = cv2.boundingRect(one.object)
    return w * h


def _extent(one: Encoded) -> tuple[np.ndarray, np.ndarray]:
    """Box and hard mask of the object; the whole picture on a surface that fills the frame."""
    height, width = one.size
    if one.object is None:
        return np.array([0, 0, width, height], np.float32), np.full((height, width), 255, np.uint8)
    x, y, w, h = cv2.boundingRect(one.object)
    box, crop = _full_size(one.object[y : y + h, x : x + w].astype(np.float32), (x, y, x + w, y + h), one)
    return box, np.where(crop > 127, 255, 0).astype(np.uint8)


def _full_size(values: np.ndarray, box: tuple[int, int, int, int], one: Encoded) -> tuple[np.ndarray, np.ndarray]:
    """A map (0..1) within a box of the work image, as a box and a uint8 crop at the picture's own size."""
    height, width = one.size
    rows, columns = one.work
    ox, oy, right, bottom = one.frame
    fx, fy = (right - ox) / columns, (bottom - oy) / rows
    x0, y0, x1, y1 = box
    full = np.array([ox + x0 * fx, oy + y0 * fy, min(width, ox + x1 * fx), min(height, oy + y1 * fy)], np.float32)
    left, top, right, bottom = crop_frame(full, one.size)
    if min(fx, fy) < SHRUNK:
        whole = np.zeros(one.work, np.float32)
        whole[y0:y1, x0:x1] = values
        shrunk = cv2.resize(whole, (one.frame[2] - ox, one.frame[3] - oy), interpolation=cv2.INTER_AREA)
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
