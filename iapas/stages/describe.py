"""Stage 1: what is the product, how large is it in the picture, and what could be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from iapas.core.boxes import area_shares
from iapas.protocols import Detector, PromptContext, PromptGenerator, Tagger
from iapas.types import Image, ObjectProfile, Phrase, Regions, normalise_phrase

ANY_OBJECT = Phrase("object", "object")
"""Asks a detector for the extent of a product without a name."""

OBJECT = "{object}"
"""Stands for the product's name among the phrases to append."""

NOT_OBJECTS = frozenset({"close-up", "number"})
"""Tags that name the picture, not the product (the authors drop these two)."""

MAX_FOUND = 2000
"""Characters of one entry of ``found``: it is for a person to read."""


def describe(
    images: Sequence[Image],
    detector: Detector,
    generator: PromptGenerator,
    tagger: Tagger | None = None,
    *,
    object_name: str = "",
    phrases: Sequence[Phrase] = (),
    append: Sequence[str] = (),
    material: str = "",
    by_tags: bool = False,
) -> ObjectProfile:
    """The profile of a product from a sample of its ``images`` (may be empty).

    ``object_name`` and ``phrases`` are the user's, and then nobody else is asked. Otherwise (IAP-AS, section 3):
    the tags of all images are grounded by the detector, the best-scoring one names the object; the generator
    is asked for anomaly phrases, to which those of ``append`` are added, with {object} for the object's name; the
    object's size is the median share of the image that its box takes. ``by_tags``: the generator is told all tags in
    the object's place (the paper's figure; the authors' code tells it the object). The outcome of each step is
    in ``found``.
    """
    encoded = [entry for image in images for entry in detector.encode([image])]
    found = {}
    tags: list[str] = []
    if object_name:
        found["object"] = "given by the user"
    elif tagger is not None and images:
        tags, found["tags"] = _tags(tagger, images)
        grounded = _ground(tags, detector, encoded)
        object_name = next(iter(grounded), "")
        found["grounded"] = _cut(", ".join(f"{tag} {score:.3f}" for tag, score in grounded.items()) or "none")
        found["object"] = f"best grounded of {len(tags)} tags" if object_name else "no tag was found in the images"
    else:
        found["object"] = "not named: there is no tagger"
    if phrases:
        found["phrases"] = "given by the user"
    else:
        answer = generator.phrases(PromptContext(object_name, tuple(tags), material, by_tags), images)
        phrases = _with_appended(answer.phrases, append, object_name)
        found["phrases"] = "by the prompt generator" if phrases else "none were found"
        found |= answer.found
    shares = _object_shares(Phrase(object_name, "object") if object_name else ANY_OBJECT, detector, encoded)
    found["object_size"] = f"median of {len(shares)} images" if shares else "not found: the whole image"
    # six digits: the last bits of a model's boxes depend on the machine, a profile is for people and for comparing
    size = float(f"{np.median(shares):.6g}") if shares else None
    return ObjectProfile(object_name, tuple(phrases), size, found=found)


def object_share(regions: Regions, phrase: Phrase) -> float | None:
    """The area share in (0, 1] of the best-scoring region with this phrase; None when there is none."""
    index = [i for i, text in enumerate(regions.phrases) if text == phrase.text]
    if not index:
        return None
    best = max(index, key=lambda i: float(regions.scores[i]))
    share = float(area_shares(regions.boxes[best : best + 1], regions.size)[0])
    return share if share > 0 else None


def _tags(tagger: Tagger, images: Sequence[Image]) -> tuple[list[str], str]:
    """All tags, each once, in first-seen order, as phrases without what parts phrases; and those of each image."""
    by_image = [
        [tag for tag in _ordered(map(normalise_phrase, tags)) if tag and tag not in NOT_OBJECTS]
        for tags in tagger.tag(images)
    ]
    told = "; ".join(f"{number}: {' | '.join(tags) or '-'}" for number, tags in enumerate(by_image, 1))
    return _ordered(tag for tags in by_image for tag in tags), _cut(told)


def _ground(tags: Sequence[str], detector: Detector, encoded: Sequence[object]) -> dict[str, float]:
    """Phrase -> its best score, best first, the first seen of equals (IAP-AS, section 3.1).

    All tags are looked for together in each image; the best box of an image gives it one phrase and score.
    """
    best: dict[str, float] = {}
    phrases = [Phrase(tag, "object") for tag in tags]
    for entry in encoded if phrases else ():
        for regions in detector.detect([entry], phrases):
            if len(regions):
                top = int(np.argmax(regions.scores))
                text, score = regions.phrases[top], float(regions.scores[top])
                best[text] = max(score, best.get(text, 0.0))
    return dict(sorted(best.items(), key=lambda item: -item[1]))


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


def _ordered(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_FOUND else text[: MAX_FOUND - 4] + " ..."
