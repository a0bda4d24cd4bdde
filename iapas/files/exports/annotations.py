"""The annotations of an image: its reported regions, cut so that together they are exactly its mask.

A region's own mask is where it is at least half sure (m >= 0.5); the mask of the image is where the sum of all scores
reaches the threshold. The two differ at the rims, so each annotation is the part of its region inside the image's
mask. Pixels of the image's mask in no region are there because soft rims add up: each goes to the nearest region
that touches the same 8-connected part; where regions overlap there, to the one with the highest score. A part that no
reported region touches is an annotation of its own, called "defect", scored by the score map.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from iapas.errors import ImageError, OutputError
from iapas.files.exports.finished import FinishedRun
from iapas.files.images import read_mask
from iapas.files.regions import mask_of, read_regions
from iapas.files.results import read_score_map, result_path
from iapas.settings import Reading
from iapas.types import BoolMap, FloatMap

DEFECT = "defect"
"""The class of what no region has words for."""

_HINT = "--restart makes the run anew"


@dataclass(frozen=True, eq=False)
class Annotation:
    """One defect. ``frame``: x0 y0 x1 y1 of the crop in the image, end excluded; ``crop``: bool, tight."""

    phrase: str
    score: float | None
    """None: nobody knows, because the run kept no score map."""
    frame: tuple[int, int, int, int]
    crop: BoolMap


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """An image with its annotations, in the order of its region file. ``size``: (height, width)."""

    id: str
    size: tuple[int, int]
    annotations: tuple[Annotation, ...]


def annotated_images(run: FinishedRun) -> Iterator[AnnotatedImage]:
    """Each image of the run, in the order of the ids. Raises OutputError for a file that is missing or broken."""
    return (annotate(run, image_id) for image_id in run.sizes)


def classes(run: FinishedRun) -> list[str]:
    """Every phrase of the run, sorted, and then DEFECT. Raises OutputError."""
    phrases: set[str] = set()
    for image_id in run.sizes:
        path = result_path(run.root, "regions", image_id)
        with _readable(path):
            phrases.update(str(entry["phrase"] or DEFECT) for entry in read_regions(path))
    return [*sorted(phrases - {DEFECT}), DEFECT]


def annotate(run: FinishedRun, image_id: str) -> AnnotatedImage:
    """The annotations of one image; see the top of this file. Raises OutputError."""
    size = run.sizes[image_id]
    mask = read_result_mask(run, image_id)
    found = _regions(run, image_id, mask)
    owner = np.full(size, -1, np.int32)  # the best region at each pixel
    for place in sorted(range(len(found)), key=lambda place: (found[place].score or 0.0, -place)):
        x0, y0, x1, y1 = found[place].frame
        owner[y0:y1, x0:x1][found[place].crop] = place
    if not (mask & (owner < 0)).any():
        return AnnotatedImage(image_id, size, tuple(found))
    given, orphans = _give(mask, owner)
    for place in np.unique(given[given >= 0]):
        whole = given == place
        x0, y0, x1, y1 = found[place].frame
        whole[y0:y1, x0:x1] |= found[place].crop
        found[place] = _annotation(found[place].phrase, found[place].score, whole)
    scores = read_result_scores(run, image_id) if orphans and run.score_maps else None
    found += [
        _annotation(DEFECT, None if scores is None else round(float(scores[part].max()), 6), part) for part in orphans
    ]
    return AnnotatedImage(image_id, size, tuple(found))


def read_result_mask(run: FinishedRun, image_id: str) -> BoolMap:
    """(H, W) bool: the mask of an image at its size. Raises OutputError."""
    path = result_path(run.root, "masks", image_id)
    height, width = run.sizes[image_id]
    try:
        mask = read_mask(path, Reading(max_pixels=max(1, height * width)))
    except ImageError as error:
        raise OutputError(f"{path}: {error}", _HINT) from error
    if mask.shape != (height, width):
        raise OutputError(f"{path}: the mask does not have the size of its image, {width} x {height}", _HINT)
    return mask


def read_result_scores(run: FinishedRun, image_id: str) -> FloatMap:
    """(H, W) float32: the score map of an image. Raises OutputError."""
    path = result_path(run.root, "scores", image_id)
    try:
        scores = read_score_map(path)
    except (OSError, ValueError) as error:  # tifffile's own error is a ValueError
        raise OutputError(f"{path}: not a score map: {error}", _HINT) from error
    if scores.shape != run.sizes[image_id] or scores.dtype != np.float32:
        raise OutputError(f"{path}: {scores.dtype} of shape {scores.shape} is not the image's score map", _HINT)
    return scores


def _regions(run: FinishedRun, image_id: str, mask: BoolMap) -> list[Annotation]:
    """Each reported region, cut to the mask of the image; one that lies outside it is left out."""
    path = result_path(run.root, "regions", image_id)
    found = []
    for entry in read_regions(path):
        with _readable(path):
            size = tuple(entry["mask"]["size"])
            if size != mask.shape:
                raise ValueError(f"a mask of size {size} in an image of {mask.shape}")
            own = mask_of(entry) > 0
            if np.count_nonzero(own) != entry["area"]:  # broken run lengths decode to anything
                raise ValueError("a mask does not have its area")
            inside = own & mask
            if inside.any():
                found.append(_annotation(str(entry["phrase"] or DEFECT), float(entry["score"]), inside))
    return found


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what is wrong with an entry of a region file into an OutputError."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(f"{path}: not a region file: {error!r}", _HINT) from error


def _give(mask: BoolMap, owner: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int32], list[BoolMap]]:
    """To whom each pixel of ``mask`` without an owner goes (-1 elsewhere), and the parts that nobody touches."""
    given = np.full(mask.shape, -1, np.int32)
    orphans = []
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for label in np.unique(labels[mask & (owner < 0)]):
        x, y, width, height = stats[label, :4]
        place = np.s_[y : y + height, x : x + width]
        part, owners = labels[place] == label, owner[place]
        owned = part & (owners >= 0)
        if not owned.any():
            orphans.append(labels == label)
            continue
        # the label of a pixel is that of the nearest zero, each of which has one of its own
        _, nearest = cv2.distanceTransformWithLabels(
            (~owned).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )
        owner_of = np.full(int(nearest.max()) + 1, -1, np.int32)
        owner_of[nearest[owned]] = owners[owned]
        given[place] = np.where(part & ~owned, owner_of[nearest], given[place])
    return given, orphans


def _annotation(phrase: str, score: float | None, whole: BoolMap) -> Annotation:
    """An annotation of the pixels of ``whole``, (H, W) bool, of which there is at least one."""
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    x0, y0, x1, y1 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return Annotation(phrase, score, (x0, y0, x1, y1), whole[y0:y1, x0:x1].copy())
