"""What does not depend on the prompt, computed once: encodings of an image, and where the product is in it.

The models of several segmenters are the same objects where their settings are the same; between two images they
remember what they were asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from iapas import roles
from iapas.config import Config, fingerprint
from iapas.protocols import Detector, MaskDecoder
from iapas.segmenter import Segmenter
from iapas.stages.exemplars import image_digest
from iapas.types import FloatMap, Image, MaskCrop, Phrase, Regions

HOLD = 64
"""Encodings kept of one image and its tiles; those beyond are computed again for each prompt."""

STEPS = ("detector_encode", "decoder_encode", "detect", "decode")


@dataclass
class Watch:
    """Seconds by step. ``clock``: the processor's time on a CPU, as the machine may be busy with other things."""

    clock: Callable[[], float] = time.process_time
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Add the time of the block to ``step``."""
        start = self.clock()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + self.clock() - start


@dataclass(frozen=True, eq=False)
class _Entry:
    key: str
    inner: Any


@dataclass
class SharedDetector:
    """A detector that encodes each image once, and looks for each object once."""

    inner: Detector
    watch: Watch
    _encoded: dict[str, _Entry] = field(default_factory=dict)
    _objects: dict[tuple[str, Hashable], Regions] = field(default_factory=dict)

    def encode(self, images: Sequence[Image]) -> list[_Entry]:
        """See :class:`iapas.protocols.Detector`."""
        with self.watch("detector_encode"):
            keys = [image_digest(image) for image in images]
            return _remembered(self._encoded, keys, images, self.inner.encode)

    def detect(self, encoded: Sequence[_Entry], phrases: Sequence[Phrase]) -> list[Regions]:
        """See :class:`iapas.protocols.Detector`."""
        with self.watch("detect"):
            if not all(phrase.source == "object" for phrase in phrases):
                return self.inner.detect([entry.inner for entry in encoded], phrases)
            keys = [(entry.key, tuple(phrases)) for entry in encoded]
            missing = [i for i, key in enumerate(keys) if key not in self._objects]
            found = self.inner.detect([encoded[i].inner for i in missing], phrases) if missing else []
            self._objects.update({keys[i]: regions for i, regions in zip(missing, found, strict=True)})
            return [self._objects[key] for key in keys]

    def forget(self) -> None:
        """The next image comes."""
        self._encoded, self._objects = {}, {}

    def close(self) -> None:
        """Nothing: whoever shares it closes it."""


@dataclass
class SharedDecoder:
    """A mask decoder that encodes each image once."""

    inner: MaskDecoder
    watch: Watch
    _encoded: dict[str, _Entry] = field(default_factory=dict)

    def encode(self, images: Sequence[Image]) -> list[_Entry]:
        """See :class:`iapas.protocols.MaskDecoder`."""
        with self.watch("decoder_encode"):
            keys = [image_digest(image) for image in images]
            return _remembered(self._encoded, keys, images, self.inner.encode)

    def decode(
        self,
        encoded: Sequence[_Entry],
        *,
        boxes: Sequence[FloatMap] | None = None,
        points: Sequence[FloatMap] | None = None,
    ) -> list[list[MaskCrop]]:
        """See :class:`iapas.protocols.MaskDecoder`."""
        with self.watch("decode"):
            return self.inner.decode([entry.inner for entry in encoded], boxes=boxes, points=points)

    def forget(self) -> None:
        """The next image comes."""
        self._encoded = {}

    def close(self) -> None:
        """Nothing: whoever shares it closes it."""


@dataclass
class Shared:
    """The models of all segmenters of an experiment, each loaded once."""

    watch: Watch = field(default_factory=Watch)
    _models: dict[str, SharedDetector | SharedDecoder] = field(default_factory=dict)
    _segmenters: dict[str, Segmenter] = field(default_factory=dict)

    def segmenter(self, config: Config) -> Segmenter:
        """The segmenter of ``config``, with its models loaded."""
        key = config.fingerprint()
        if key not in self._segmenters:
            made = _Sharing(config, self)
            made.load()
            self._segmenters[key] = made
        return self._segmenters[key]

    def detector(self, config: Config, make: Callable[[], Detector]) -> Detector:
        """The detector of ``config``, made when no segmenter had the like of it."""
        key = fingerprint(["detector", config.detector.model_dump(), config.models.model_dump()])
        if key not in self._models:
            self._models[key] = SharedDetector(make(), self.watch)
        return self._models[key]  # type: ignore[return-value]

    def decoder(self, config: Config, make: Callable[[], MaskDecoder | None]) -> MaskDecoder | None:
        """The same of the mask decoder."""
        if config.decoder.name == "none":
            return None
        key = fingerprint(["decoder", config.decoder.model_dump(), config.models.model_dump()])
        if key not in self._models:
            self._models[key] = SharedDecoder(make(), self.watch)  # type: ignore[arg-type]
        return self._models[key]  # type: ignore[return-value]

    def forget(self) -> None:
        """The next image comes."""
        for model in self._models.values():
            model.forget()


class _Sharing(Segmenter):
    """A segmenter whose detector and mask decoder are shared."""

    def __init__(self, config: Config, shared: Shared) -> None:
        super().__init__(config)
        self._shared = shared

    def load(self) -> None:
        """Load the models now, so that no image's time holds that."""
        self._detector, self._decoder  # noqa: B018

    @cached_property
    def _detector(self) -> Detector:
        return self._shared.detector(self.config, lambda: roles.detector(self.config, lambda: self._runtime))

    @cached_property
    def _decoder(self) -> MaskDecoder | None:
        return self._shared.decoder(self.config, lambda: roles.decoder(self.config, lambda: self._runtime))


def _remembered(
    known: dict[str, _Entry], keys: Sequence[str], images: Sequence[Image], encode: Callable[[Sequence[Image]], Any]
) -> list[_Entry]:
    """The encodings of ``images``, those that are not known made together."""
    missing = [i for i, key in enumerate(keys) if key not in known]
    made = encode([images[i] for i in missing]) if missing else ()
    new = {keys[i]: _Entry(keys[i], inner) for i, inner in zip(missing, made, strict=True)}
    found = [new.get(key) or known[key] for key in keys]
    for key, entry in new.items():
        if len(known) < HOLD:
            known[key] = entry
    return found
