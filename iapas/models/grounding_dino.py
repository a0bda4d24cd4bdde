"""Detection by phrases: Grounding DINO and MM Grounding DINO as a detector (IAP-AS, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.boxes import clip_boxes, nms
from iapas.errors import OutOfMemory
from iapas.models import memory
from iapas.models.captions import Caption, captions
from iapas.models.grounding_network import Found, Network
from iapas.models.loading import Runtime
from iapas.models.pictures import pixels
from iapas.settings import DetectorSettings
from iapas.types import FloatMap, Image, Phrase, Regions

_STEPS = (1.0, 0.75, 0.5)
"""Of the configured sides: what is tried in turn where memory runs out."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """An image (kept for a lower resolution), the backbone's features of it, and the size that it was looked at."""

    image: Image
    features: tuple[Any, ...]
    size: tuple[int, int]
    step: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What the manifest should say."""
        share = _STEPS[self.step]
        return (
            () if share == 1 else (f"memory ran out: the detector looked at {share:.0%} of the configured resolution",)
        )


class GroundingDinoDetector:
    """A detector (see protocols) that reads phrases.

    A region's score is the probability of its best token, over the whole caption; those above ``box_threshold`` are
    kept. Its phrase is the one with the best token, of those above ``text_threshold``; where no word of any phrase
    passes that, it has none (""), except that a single phrase names all. Regions of all captions go through one
    class-agnostic NMS.
    """

    def __init__(
        self,
        folder: Path,
        settings: DetectorSettings,
        runtime: Runtime,
        load: Callable[[Path, Runtime], Any] = Network.load,
    ) -> None:
        """Loads what is in ``folder``: by ``load``, as transformers computes it or as the authors' own code does."""
        self._settings = settings
        self._device = runtime.device
        self._network = load(folder, runtime)
        self._captions = lru_cache(16)(self._new_captions)

    def encode(self, images: Sequence[Image]) -> list[Encoded]:
        """The images' backbone features; images of one shape are one batch. Raises OutOfMemory, ModelNonfinite."""
        return self._encode(images, 0)

    def detect(self, encoded: Sequence[Encoded], phrases: Sequence[Phrase]) -> list[Regions]:
        """Regions without masks, highest score first. Raises OutOfMemory, ModelNonfinite."""
        wanted, notes = self._captions(tuple(phrase.text for phrase in phrases))
        if not wanted:
            sizes = [(entry.image.shape[0], entry.image.shape[1]) for entry in encoded]
            return [Regions(size, *_nothing(), notes=notes) for size in sizes]
        results: dict[int, Regions] = {}
        for places in _groups([entry.size for entry in encoded]):
            found = self._detect([encoded[i] for i in places], wanted, notes)
            results.update(zip(places, found, strict=True))
        return [results[i] for i in range(len(encoded))]

    def close(self) -> None:
        """Give the memory back."""
        self._network = None
        memory.free()

    def _new_captions(self, texts: tuple[str, ...]) -> tuple[tuple[Caption, ...], tuple[str, ...]]:
        return captions(texts, self._network.tokenizer, min(256, self._network.text_limit))

    def _encode(self, images: Sequence[Image], step: int) -> list[Encoded]:
        sizes = [self._size(image, step) for image in images]
        results: dict[int, Encoded] = {}
        for places in _groups(sizes):
            batch = [images[i] for i in places]
            results.update(zip(places, self._encode_batch(batch, sizes[places[0]], step), strict=True))
        return [results[i] for i in range(len(images))]

    def _encode_batch(self, images: Sequence[Image], size: tuple[int, int], step: int) -> list[Encoded]:
        """Images of one processed ``size``: together, else one by one, else at a lower resolution."""
        done = memory.attempt(lambda: self._network.features(pixels(images, size, self._device)))
        if done is not None:
            return [
                Encoded(image, tuple(level[i : i + 1] for level in done[0]), size, step)
                for i, image in enumerate(images)
            ]
        if len(images) > 1:
            return [self._encode_batch([image], size, step)[0] for image in images]
        return self._encode(images, _lower(step))

    def _detect(self, entries: Sequence[Encoded], wanted: Sequence[Caption], notes: tuple[str, ...]) -> list[Regions]:
        """Entries of one size: together, else one by one, else at a lower resolution."""
        done = memory.attempt(lambda: self._find(entries, wanted))
        if done is not None:
            return [
                self._regions(entry, *found, notes=notes + entry.notes)
                for entry, found in zip(entries, done[0], strict=True)
            ]
        if len(entries) > 1:
            return [self._detect([entry], wanted, notes)[0] for entry in entries]
        return self._detect(self._encode([entries[0].image], _lower(entries[0].step)), wanted, notes)

    def _find(
        self, entries: Sequence[Encoded], wanted: Sequence[Caption]
    ) -> list[tuple[FloatMap, FloatMap, list[str]]]:
        """For each entry the boxes (in shares of the image), scores and phrases of all captions."""
        import torch

        levels = tuple(torch.cat(level) for level in zip(*(entry.features for entry in entries), strict=True))
        only = len(wanted) == 1 and len(wanted[0].phrases) == 1
        text_threshold = -1.0 if only else self._settings.text_threshold
        rows: list[list[tuple[FloatMap, FloatMap, list[str]]]] = [[] for _ in entries]
        for caption in wanted:
            found = self._network.find(levels, entries[0].size, caption.ids)
            for i, row in enumerate(rows):
                row.append(_above(found, i, caption, self._settings.box_threshold, text_threshold))
        return [
            (np.concatenate([r[0] for r in row]), np.concatenate([r[1] for r in row]), [p for r in row for p in r[2]])
            for row in rows
        ]

    def _regions(
        self, entry: Encoded, shares: FloatMap, scores: FloatMap, phrases: list[str], notes: tuple[str, ...]
    ) -> Regions:
        """The best of the boxes that no better one overlaps, in pixels of the image."""
        height, width = entry.image.shape[:2]
        boxes = shares * np.array([width, height, width, height], np.float32)
        kept = nms(boxes, scores, self._settings.nms)[: self._settings.max_regions]
        inside = clip_boxes(boxes[kept], (height, width))
        return Regions((height, width), inside, scores[kept], [phrases[i] for i in kept], None, notes)

    def _size(self, image: Image, step: int) -> tuple[int, int]:
        """What an image is resized to; a thin one larger than configured, so that there is a cell for each query."""
        shorter, longer = self._settings.shorter_side * _STEPS[step], self._settings.longer_side * _STEPS[step]
        while True:
            size = processed_size((image.shape[0], image.shape[1]), round(shorter), round(longer))
            if cells(size) >= self._network.queries:
                return size
            shorter, longer = shorter * 1.1, longer * 1.1


def processed_size(size: tuple[int, int], shorter: int, longer: int) -> tuple[int, int]:
    """(height, width) that an image of ``size`` is resized to, rounded as transformers and the authors do."""
    least, most = min(size), max(size)
    exact = float(shorter)
    if most / least * shorter > longer:
        exact = longer * least / most
    side = round(exact)
    if least == side:
        return size
    other = int((exact if exact != shorter else side) * most / least)
    side, other = max(side, 1), max(other, 1)
    return (side, other) if size[0] <= size[1] else (other, side)


def cells(size: tuple[int, int]) -> int:
    """How many cells the four levels (every 8, 16, 32, 64 pixels) of an image of ``size`` have."""
    return sum(-(-size[0] // stride) * -(-size[1] // stride) for stride in (8, 16, 32, 64))


def _above(
    found: Found, i: int, caption: Caption, box_threshold: float, text_threshold: float
) -> tuple[FloatMap, FloatMap, list[str]]:
    """The boxes of image ``i`` above the threshold: x0 y0 x1 y1 in shares of the image, scores, phrases."""
    chances = found.logits[i].sigmoid()
    kept = chances.max(dim=-1).values > box_threshold
    tokens: npt.NDArray[Any] = chances[kept].cpu().numpy()
    centres, sides = np.split(found.boxes[i][kept].cpu().numpy(), 2, axis=1)
    boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
    by_phrase = np.stack([tokens[:, start:end].max(axis=1) for start, end in caption.spans], axis=1)
    best = by_phrase.argmax(axis=1)
    named = by_phrase.max(axis=1) > text_threshold
    phrases = [caption.phrases[j] if name else "" for j, name in zip(best, named, strict=True)]
    return boxes.astype(np.float32), tokens.max(axis=1).astype(np.float32), phrases


def _groups(sizes: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The places of equal sizes, in first-seen order."""
    places: dict[tuple[int, int], list[int]] = {}
    for i, size in enumerate(sizes):
        places.setdefault(size, []).append(i)
    return list(places.values())


def _lower(step: int) -> int:
    if step + 1 == len(_STEPS):
        raise OutOfMemory(f"the detector ran out of memory, at {_STEPS[-1]:.0%} of the configured resolution too")
    return step + 1


def _nothing() -> tuple[FloatMap, FloatMap, list[str]]:
    return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), []
