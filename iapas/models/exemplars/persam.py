"""PerSAM without training (Zhang et al. 2023, "Personalize Segment Anything Model with One Shot", section 3.2).

The mean feature of the examples' masks is looked for in a picture; where it is nearest and farthest SAM is asked. One
thing differs from the released code: transformers adds the guidance to the attention before its softmax, not after it.
Real checkpoints have not been run here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from iapas.models import memory
from iapas.models.exemplars.extractors import coarsest
from iapas.models.exemplars.masks import classes, full, touched
from iapas.models.loading import Runtime
from iapas.models.sam import Encoded, SamDecoder
from iapas.settings import DecoderSettings
from iapas.types import FloatMap, Image


class PerSam:
    """The protocol Exemplars, by a model of the SAM family.

    It always finds something, as published: one mask for each class of the examples. Several examples have one mean.
    """

    def __init__(self, folder: Path, runtime: Runtime) -> None:
        self._decoder = SamDecoder(folder, DecoderSettings(name="sam"), runtime)
        self._targets: list[Any] = []

    def prepare(self, supports: Sequence[tuple[Image, npt.NDArray[Any]]]) -> None:
        """Take the mean feature of each class: images, each with its mask, (H, W) bool or integers.

        Raises ValueError when no mask has a pixel, OutOfMemory.
        """
        import torch

        cells: dict[int, list[Any]] = {}
        for image, mask in supports:
            (entry,) = self._decoder.encode([image])
            grid = self._grid(entry)
            for label, where in classes(mask).items():
                inside = torch.from_numpy(touched(where, tuple(grid.shape[1:]))).to(grid.device)
                cells.setdefault(label, []).append(grid[:, inside])
        if not cells:
            raise ValueError("the examples have no foreground")
        self._targets = [torch.cat(parts, dim=1).mean(dim=1) for _, parts in sorted(cells.items())]

    def score(self, images: Sequence[Image]) -> list[FloatMap]:
        """(H, W) float32 in 0..1 for each image: the probability of the mask. Raises OutOfMemory, ModelNonfinite."""
        return memory.in_chunks(len(images), 1, lambda part: self._score(images[part][0]))

    def close(self) -> None:
        """Give the model's memory back."""
        self._targets = []
        self._decoder.close()

    def _score(self, image: Image) -> FloatMap:
        import torch

        (entry,) = self._decoder.encode([image])
        with torch.inference_mode():
            found = [self._find(entry, target) for target in self._targets]
        most: FloatMap = np.maximum.reduce(found)
        return most

    def _find(self, entry: Encoded, target: Any) -> FloatMap:
        """The mask of one class: asked by two points with guidance, then refined twice (cascaded post-refinement)."""
        import torch

        similarity = self._similarity(entry, target)
        near, far = extremes(similarity.cpu().numpy(), entry.size)
        labels = torch.tensor([[[1, 0]]], dtype=torch.int32, device=target.device)
        asked = {"points": np.array([[near, far]], np.float32), "input_labels": labels}
        guide = self._guide(entry, similarity)
        logits, _, upsampling = self._decoder.ask(
            entry, False, **asked, attention_similarity=guide, target_embedding=target[None, None]
        )
        mask = logits[0, 0]
        logits, ious, _ = self._decoder.ask(entry, True, **asked, input_masks=mask[None, None])
        mask = logits[0, int(ious[0].argmax())]
        ys, xs = np.nonzero(full(mask, upsampling, entry.size) > 0.5)
        if len(ys):
            box = np.array([[xs.min(), ys.min(), xs.max(), ys.max()]], np.float32)  # to the last pixel, as released
            logits, ious, _ = self._decoder.ask(entry, True, **asked, boxes=box, input_masks=mask[None, None])
            mask = logits[0, int(ious[0].argmax())]
        return full(mask, upsampling, entry.size)

    def _grid(self, entry: Encoded) -> Any:
        """(C, h, w): the coarsest features, where the image is (SAM pads it below and at the right)."""
        level = coarsest(entry.features)
        rows, columns = (
            -(-fed * length // self._decoder.side) for fed, length in zip(entry.fed, level.shape[2:], strict=True)
        )
        return level[0, :, :rows, :columns]

    def _similarity(self, entry: Encoded, target: Any) -> Any:
        """(h, w): the cosine of each cell of the image with the target (location confidence map)."""
        from torch.nn.functional import cosine_similarity

        return cosine_similarity(self._grid(entry), target[:, None, None], dim=0)

    def _guide(self, entry: Encoded, similarity: Any) -> Any:
        """(1, 1, 1, cells): the standardised similarity as a weight 0..1 (target-guided attention); padding: 0."""
        import torch

        level = coarsest(entry.features)
        weights = torch.zeros(level.shape[2:], device=level.device)
        rows, columns = similarity.shape
        spread = similarity.std(correction=0).clamp_min(1e-8)
        weights[:rows, :columns] = ((similarity - similarity.mean()) / spread).sigmoid()
        return weights.flatten()[None, None, None]


def extremes(similarity: FloatMap, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """x, y of the greatest and of the least of ``similarity`` (h, w), resized to ``size`` (height, width)."""
    large = cv2.resize(similarity.astype(np.float32), size[::-1])
    near, far = (np.unravel_index(int(place), size) for place in (large.argmax(), large.argmin()))
    return (int(near[1]), int(near[0])), (int(far[1]), int(far[0]))
