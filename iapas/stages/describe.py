"""Stage 1: what is the product, how large is it in the picture, and what could be wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iapas.core.boxes import area_shares
from iapas.protocols import Detector, PromptContext, PromptGenerator, Tagger
from iapas.types import Image, ObjectProfile, Phrase, Regions

ANY_OBJECT = Phrase("object", "object")
"""Asks a detector for the extent of a product without a name."""

OBJECT = "{object}"
"""Stands for the product's name among the phrases to append."""

NOT_OBJECTS = frozenset({"close-up", "number"})
"""Tags that name the picture, not the product (the authors drop these two)."""


def describe(
    images: Sequence[Image],
    detector: Detector,
    generator: PromptGenerator,
    tagger: Tagger | None = None,
    *,
    object_name: str = "",
    phrases: Sequence[Phrase] = (),
    append: Sequence[str] = (),
) -> ObjectProfile:
    """The profile of a product from a sample of its ``images`` (may be empty).

    ``object_name`` and ``phrases`` are the user's, and then nobody else is asked. Otherwise (IAP-AS, section 3):
    the tags of all images are grounded by the detector, the best-scoring one names the object; the generator
    is asked for anomaly phrases, to which those of ``append`` are added, with {object} for the object's name; the
    object's size is the median share of the image that its box takes.
    """
    encoded = [entry for image in images for entry in detector.encode([image])]
    found = {}
    tags: list[str] = []
    if object_name:
        found["object"] = "given by the user"
    elif tagger is not None and images:
        tags = _ordered(tag for image_tags in tagger.tag(images) for tag in image_tags if tag not in NOT_OBJECTS)
        object_name = _ground(tags, detector, encoded)
        found["object"] = f"best grounded of {len(tags)} tags" if object_name else "no tag was found in the images"
    else:
        found["object"] = "not named: there is no tagger"
    if phrases:
        found["phrases"] = "given by the user"
    else:
        asked = generator.phrases(PromptContext(object_name, tuple(tags)), images)
        phrases = _with_appended(asked, append, object_name)
        found["phrases"] = f"from a {phrases[0].source}" if phrases else "none were found"
    shares = _object_shares(Phrase(object_name, "object") if object_name else ANY_OBJECT, detector, encoded)
    found["object_size"] = f"median of {len(shares)} images" if shares else "not found: the whole image"
    size = float(np.median(shares)) if shares else None
    return ObjectProfile(object_name, tuple(phrases), size, found=found)


def object_share(regions: Regions, phrase: Phrase) -> float | None:
    """The area share in (0, 1] of the best-scoring region with this phrase; None when there is none."""
    index = [i for i, text in enumerate(regions.phrases) if text == phrase.text]
    if not index:
        return None
    best = max(index, key=lambda i: float(regions.scores[i]))
    share = float(area_shares(regions.boxes[best : best + 1], regions.size)[0])
    return share if share > 0 else None


def _with_appended(phrases: Sequence[Phrase], append: Sequence[str], object_name: str) -> list[Phrase]:
    """The phrases and those to append that are not among them; {object} is left out where it has no name."""
    added = [
        Phrase(object_name, "object") if text == OBJECT else Phrase(text, "lexicon")
        for text in append
        if text != OBJECT or object_name
    ]
    known = {phrase.text for phrase in phrases}
    return [*phrases, *(phrase for phrase in added if phrase.text not in known)]


def _object_shares(phrase: Phrase, detector: Detector, encoded: Sequence[object]) -> list[float]:
    found = (object_share(regions, phrase) for entry in encoded for regions in detector.detect([entry], [phrase]))
    return [share for share in found if share is not None]


def _ground(tags: Sequence[str], detector: Detector, encoded: Sequence[object]) -> str:
    """The tag with the best-scoring box over all images; the first of equals; "" when none has a box."""
    best_score, best_tag = 0.0, ""
    phrases = [Phrase(tag, "object") for tag in tags]
    for entry in encoded if phrases else ():
        for regions in detector.detect([entry], phrases):
            for score, text in zip(regions.scores, regions.phrases, strict=True):
                if float(score) > best_score:
                    best_score, best_tag = float(score), text
    return best_tag


def _ordered(items: object) -> list[str]:
    return list(dict.fromkeys(items))  # type: ignore[call-overload]
