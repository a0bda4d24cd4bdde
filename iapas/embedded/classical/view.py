"""A picture as classical vision sees it: its part, its maps, its candidates, and the score map that they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from iapas.embedded.classical.attributes import NAMES, measure
from iapas.embedded.classical.candidates import Candidate, candidates
from iapas.embedded.classical.channels import Channels, channels, work_image
from iapas.embedded.classical.clusters import Cluster, group, merge
from iapas.embedded.classical.objects import extend, find_part, outline_of
from iapas.embedded.classical.scoring import logits, modulation, object_factor, sigmoid
from iapas.types import FloatMap, Image

# Gain control. A picture's greatest score saturates, half way at SATURATION, and every score's share of it is raised to
# a power. That keeps the order of pictures and that of the pixels within one, but makes them more alike.
SATURATION = 0.3
SPREAD = 0.65
REGIONS = 30  # of the score map without words


@dataclass(frozen=True)
class View:
    """Everything about a picture that no phrase changes.

    ``work``: (h, w, 3) float32 RGB in 0..1, the picture or its part at work size; ``frame``: what it shows, x0, y0,
    x1, y1 in pixels of the picture. ``outline``: (h, w) uint8, the part, None on a surface that fills the frame.
    ``measured``: attribute -> (N,), ``logits``: (N,), of the candidates ``found``; ``factor``: (N,), the share of each
    one's confidence that the part leaves; ``pixels``: (h, w) float32, weight of each pixel within its region.
    """

    work: FloatMap
    frame: tuple[int, int, int, int]
    outline: np.ndarray | None
    channels: Channels
    found: list[Candidate]
    measured: dict[str, np.ndarray]
    logits: np.ndarray
    factor: np.ndarray
    pixels: FloatMap

    @cached_property
    def score_map(self) -> FloatMap:
        """What classical vision makes of it without a word, (h, w) float32 >= 0."""
        return total(clusters(self, 0.0, REGIONS), self.work.shape[:2])


def view(image: Image, work_size: int) -> View:
    """Look at an (H, W, 3) uint8 RGB picture."""
    height, width = image.shape[:2]
    frame = (0, 0, width, height)
    outline = None
    part = find_part(image)
    if part is not None:
        inner = tuple(round(v * side) for v, side in zip(part.box, (width, height, width, height), strict=True))
        work = work_image(image[inner[1] : inner[3], inner[0] : inner[2]], work_size)
        outline = outline_of(work, part)
    if outline is None:
        work = work_image(image, work_size)
    surface = work
    if outline is not None:
        frame = inner
        surface = extend(work, outline)
    maps = channels(surface, outline)
    found, attributes = measure(candidates(maps), maps)
    return View(
        work=work,
        frame=frame,
        outline=outline,
        channels=maps,
        found=found,
        measured=dict(zip(NAMES, attributes.T, strict=True)),
        logits=logits(attributes, maps.regularity),
        factor=object_factor(found, outline),
        pixels=modulation(maps) if outline is None else np.ones(work.shape[:2], np.float32),
    )


def clusters(seen: View, shift: np.ndarray | float, limit: int) -> list[Cluster]:
    """At most ``limit`` clusters of candidates, their log odds moved by ``shift`` (N,); gain control is applied."""
    scores = sigmoid(seen.logits + shift) * seen.factor
    made = [merge(seen.found, scores, members) for members in group(seen.found, scores, limit)]
    for cluster in made:
        x0, y0, x1, y1 = cluster.box
        cluster.values *= seen.pixels[y0:y1, x0:x1]
    gain = _gain(total(made, seen.work.shape[:2]))
    for cluster in made:
        x0, y0, x1, y1 = cluster.box
        cluster.values *= gain[y0:y1, x0:x1]
    return made


def total(made: list[Cluster], size: tuple[int, ...]) -> FloatMap:
    """The sum of the clusters' maps, (h, w) float32 >= 0."""
    summed = np.zeros(size, np.float32)
    for cluster in made:
        x0, y0, x1, y1 = cluster.box
        summed[y0:y1, x0:x1] += cluster.values
    return summed


def extent(outline: np.ndarray | None, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Box (x0, y0, x1, y1) of the part in work pixels; all of the work image, ``size`` (h, w), without one."""
    if outline is None:
        return 0, 0, size[1], size[0]
    x, y, w, h = cv2.boundingRect(outline)
    return x, y, x + w, y + h


def _gain(summed: FloatMap) -> FloatMap:
    """Gain control, (h, w): a map times its gain is S(strongest) * (map / strongest)**SPREAD."""
    strongest = float(summed.max(initial=0))
    if strongest <= 0:
        return np.ones_like(summed)
    relative = np.maximum(summed / strongest, 1e-4)
    return np.asarray((1 + SATURATION) / (strongest + SATURATION) * relative ** (SPREAD - 1), np.float32)
