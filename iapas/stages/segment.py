"""Stage 2: detect, drop by size, draw masks where they are missing, sum, threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from iapas.core.boxes import size_rule, with_masks, within_image
from iapas.core.scoring import score_map, threshold_mask
from iapas.core.tiles import Frame, merge_views, place, tile_frames
from iapas.protocols import Detector, MaskDecoder
from iapas.stages.describe import ANY_OBJECT, object_share
from iapas.types import BoolMap, Image, ObjectProfile, Phrase, Regions, Segmentation, crop_frame


@dataclass(frozen=True)
class Rules:
    """How stage 2 works; the meaning of each is explained in the config's fields of these names."""

    threshold: float
    size_limit: float = 0.8
    size_object: Literal["image", "profile", "none"] = "image"
    joint_pass: bool = False
    tile_size: int = 768
    tile_overlap: int = 96
    tile_above: int = 1536
    min_area: int = 0


def segment(
    images: Sequence[Image],
    profile: ObjectProfile,
    detector: Detector,
    decoder: MaskDecoder | None,
    rules: Rules,
    valid: Sequence[BoolMap | None] | None = None,
) -> list[Segmentation]:
    """The segmentation of each image; ``valid``: for each an (H, W) bool map of where to look, or None.

    The object and the size rule are taken on the whole image (IAP-AS, section 3). An object that is not found
    has the profile's size, else that of the image: with a warning, never with an empty map.
    """
    named = Phrase(profile.object, "object") if profile.object else ANY_OBJECT
    objects, anomalies = _detect_whole(detector.encode(images), named, profile, detector, rules)
    sizes = [_object_size(regions, named, profile, rules) for regions in objects]
    kept = [_keep(found, share, rules.size_limit) for found, (share, _) in zip(anomalies, sizes, strict=True)]
    drawn = _with_masks(images, kept, decoder)
    results = []
    for i, image in enumerate(images):
        share, warnings = sizes[i]
        size = (image.shape[0], image.shape[1])
        views = [((0, 0, size[1], size[0]), drawn[i])]
        if max(size) > rules.tile_above:
            views += _tile_views(image, profile.phrases, detector, decoder, share, rules)
        regions = views[0][1] if len(views) == 1 else merge_views(views, size)
        warnings += tuple(dict.fromkeys(note for _, view in views for note in view.notes))
        results.append(finish(regions, rules, valid[i] if valid else None, warnings))
    return results


def combine_frames(results: Sequence[Segmentation], rules: Rules) -> Segmentation:
    """One result for several frames of one scene: their regions merged as those of overlapping views."""
    size = results[0].regions.size
    # the first number tells frames apart as views; all of them saw the whole picture
    views: list[tuple[Frame, Regions]] = [((-i, 0, size[1], size[0]), r.regions) for i, r in enumerate(results)]
    warnings = tuple(dict.fromkeys(warning for result in results for warning in result.warnings))
    return finish(merge_views(views, size), rules, None, warnings)


def paste(result: Segmentation, frame: Frame, size: tuple[int, int], rules: Rules) -> Segmentation:
    """The result of a cut-out at ``frame``, as one of the whole image of ``size`` (height, width)."""
    return finish(place(result.regions, frame, size), rules, None, result.warnings)


def _detect_whole(
    encoded: Sequence[Any], named: Phrase, profile: ObjectProfile, detector: Detector, rules: Rules
) -> tuple[Sequence[Regions | None], list[Regions]]:
    """For each image the object's regions (None where the size rule does not ask for them), and the anomalies'."""
    phrases = list(profile.phrases)
    if rules.size_object == "none" or (rules.size_object == "profile" and profile.object_size is not None):
        return [None] * len(encoded), detector.detect(encoded, phrases)
    if rules.joint_pass:
        asked = {phrase.text for phrase in phrases}
        both = detector.detect(encoded, phrases if named.text in asked else [*phrases, named])
        return both, both
    return detector.detect(encoded, [named]), detector.detect(encoded, phrases)


def _object_size(
    regions: Regions | None, named: Phrase, profile: ObjectProfile, rules: Rules
) -> tuple[float, tuple[str, ...]]:
    """The object's area share, infinite without a size rule; and what the manifest should say of it."""
    if rules.size_object == "none":
        return np.inf, ()
    if regions is None:
        return profile.object_size or 1.0, ()
    found = object_share(regions, named)
    if found is not None:
        return found, ()
    if profile.object_size is not None:
        return profile.object_size, ("object not found: its size is taken from the profile",)
    return 1.0, ("object not found: the size rule takes the whole image for it",)


def _keep(regions: Regions, object_size: float, limit: float) -> Regions:
    inside = within_image(regions)
    return inside.take(size_rule(inside.boxes, inside.size, object_size, limit))


def _with_masks(images: Sequence[Image], regions: Sequence[Regions], decoder: MaskDecoder | None) -> list[Regions]:
    """Regions whose masks are there: drawn by the decoder, or the box itself where there is no decoder."""
    if decoder is None:
        return [_boxes_as_masks(found) for found in regions]
    drawn = list(regions)
    todo = [i for i, found in enumerate(regions) if found.crops is None and len(found)]
    if todo:
        masks = decoder.decode(decoder.encode([images[i] for i in todo]), boxes=[regions[i].boxes for i in todo])
        for i, found in zip(todo, masks, strict=True):
            drawn[i] = with_masks(regions[i], found)
    return [_boxes_as_masks(found) for found in drawn]


def _boxes_as_masks(regions: Regions) -> Regions:
    if regions.crops is not None:
        return regions
    frames = [crop_frame(box, regions.size) for box in regions.boxes]
    return replace(regions, crops=tuple(np.full((y1 - y0, x1 - x0), 255, np.uint8) for x0, y0, x1, y1 in frames))


def _tile_views(
    image: Image,
    phrases: Sequence[Phrase],
    detector: Detector,
    decoder: MaskDecoder | None,
    object_size: float,
    rules: Rules,
) -> list[tuple[Frame, Regions]]:
    """Each tile's frame and regions, in the image's pixels. One tile at a time: memory stays that of a tile."""
    size = (image.shape[0], image.shape[1])
    views = []
    for frame in tile_frames(size, rules.tile_size, rules.tile_overlap):
        x0, y0, x1, y1 = frame
        tile = np.ascontiguousarray(image[y0:y1, x0:x1])
        found = detector.detect(detector.encode([tile]), list(phrases))[0]
        # what fills a tile is the surface itself, or what the whole-image view shows better
        (regions,) = _with_masks([tile], [_keep(found, max(1.0, object_size), rules.size_limit)], decoder)
        placed = place(regions, frame, size)
        views.append((frame, placed.take(size_rule(placed.boxes, size, object_size, rules.size_limit))))
    return views


def finish(regions: Regions, rules: Rules, valid: BoolMap | None, warnings: tuple[str, ...]) -> Segmentation:
    """The result that regions with masks make: their sum, thresholded, where ``valid`` (H, W) bool is set."""
    if valid is not None:
        regions = _restrict(regions, valid)
    scores = score_map(regions)
    mask = threshold_mask(scores, rules.threshold, rules.min_area)
    return Segmentation(scores, regions, mask, rules.threshold, warnings)


def _restrict(regions: Regions, valid: BoolMap) -> Regions:
    """Masks cut to where ``valid`` is set; regions left without a pixel are dropped."""
    crops = []
    for box, crop in zip(regions.boxes, regions.crops or (), strict=True):
        x0, y0, x1, y1 = crop_frame(box, regions.size)
        crops.append(np.where(valid[y0:y1, x0:x1], crop, np.uint8(0)))
    return replace(regions, crops=tuple(crops)).take(np.array([bool(crop.any()) for crop in crops], bool))
