"""The roles of the pipeline. A back end is any object with these methods; there is nothing to inherit.

Each takes a list of images, so that a device can work on a batch, and has ``close()``, which gives its memory
back. Images are (H, W, 3) uint8 RGB arrays in the displayed frame; boxes are (N, 4) float32, x0 y0 x1 y1 in
pixels of the image. What ``encode`` returns is the back end's own: callers only hand it on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy.typing as npt

from iapas.types import FloatMap, Image, MaskCrop, Phrase, Regions


@dataclass(frozen=True)
class PromptContext:
    """What is known of a product when its anomaly phrases are asked for.

    ``by_tags``: a generator is told all the tags where it would be told the object's name.
    """

    object: str = ""
    tags: tuple[str, ...] = ()
    material: str = ""
    by_tags: bool = False

    @property
    def subject(self) -> str:
        """What a question calls the product: its name, or all its tags; "" when neither is known."""
        return ", ".join(self.tags) if self.by_tags and self.tags else self.object


@dataclass(frozen=True)
class Answer:
    """What a prompt generator says: the phrases, and for ``ObjectProfile.found`` in words how it came to them."""

    phrases: tuple[Phrase, ...]
    found: dict[str, str] = field(default_factory=dict)


class Tagger(Protocol):
    """Names what is in a picture (RAM)."""

    def tag(self, images: Sequence[Image]) -> list[list[str]]:
        """The tags of each image, most certain first."""
        ...

    def close(self) -> None: ...


class PromptGenerator(Protocol):
    """Names what could be wrong (a lexicon, or a language model)."""

    def phrases(self, context: PromptContext, images: Sequence[Image]) -> Answer:
        """The anomaly phrases for a product, in a stable order; ``images`` are a sample of it and may be empty."""
        ...

    def close(self) -> None: ...


class Chat(Protocol):
    """Answers in words (a language model, here or at an endpoint)."""

    name: str

    def reply(self, system: str, user: str, seed: int) -> str:
        """The reply to one question, raw; the same for the same ``seed`` where the model's host keeps to it."""
        ...

    def close(self) -> None: ...


class Detector(Protocol):
    """Finds what phrases name (Grounding DINO, the embedded default)."""

    def encode(self, images: Sequence[Image]) -> list[Any]:
        """What does not depend on phrases, one entry per image: computed once, detected on often."""
        ...

    def detect(self, encoded: Sequence[Any], phrases: Sequence[Phrase]) -> list[Regions]:
        """The regions of each image, each with the phrase (verbatim) that it fits best.

        A phrase whose source is ``object`` asks for the extent of the product; the best-scoring region with
        that phrase is taken for it. Regions may bring masks along: then no mask decoder is asked.
        """
        ...

    def close(self) -> None: ...


class MaskDecoder(Protocol):
    """Draws the mask of a box or a point (SAM)."""

    def encode(self, images: Sequence[Image]) -> list[Any]:
        """The image embeddings, one entry per image."""
        ...

    def decode(
        self,
        encoded: Sequence[Any],
        *,
        boxes: Sequence[FloatMap] | None = None,
        points: Sequence[FloatMap] | None = None,
    ) -> list[list[MaskCrop]]:
        """For each image the masks of its boxes, or of its (N, 2) float32 x y points, one each, in their order."""
        ...

    def close(self) -> None: ...


class MaskGenerator(Protocol):
    """Cuts a picture into all its parts (SAM's everything mode)."""

    def generate(self, image: Image) -> Regions:
        """Regions with masks, for the whole image."""
        ...

    def close(self) -> None: ...


class FeatureExtractor(Protocol):
    """Dense features for comparing pictures."""

    def features(self, images: Sequence[Image]) -> list[FloatMap]:
        """(h, w, C) float32 for each image; h and w are the extractor's grid."""
        ...

    def close(self) -> None: ...


class Exemplars(Protocol):
    """Finds what looks like given examples of a defect."""

    def prepare(self, supports: Sequence[tuple[Image, npt.NDArray[Any]]]) -> None:
        """Take the examples: images, each with its (H, W) bool mask of the defect."""
        ...

    def score(self, images: Sequence[Image]) -> list[FloatMap]:
        """(H, W) float32 >= 0 for each image, in its pixels."""
        ...

    def close(self) -> None: ...
