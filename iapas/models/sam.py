"""Masks of boxes and points by SAM, SAM-HQ and SAM 2.1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from iapas.core.boxes import clip_boxes
from iapas.models import memory, precision
from iapas.models.loading import Runtime, load, model_kind
from iapas.models.pictures import pixels
from iapas.models.sam_attention import make_lean
from iapas.models.sam_networks import Family, Features, family, predict
from iapas.models.upsampling import Axis, Upsampling
from iapas.settings import DecoderSettings
from iapas.types import FloatMap, Image, MaskCrop

T = TypeVar("T")

CPU_CHUNK = 2
"""Prompts that a CPU decodes at once: SAM takes 70 MB for these; for 16 it takes 540 MB and 7 % less time."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """One image: its ``size`` (height, width), the size at which it was ``fed`` to the model, its features."""

    size: tuple[int, int]
    fed: tuple[int, int]
    features: Features


class SamDecoder:
    """The protocol MaskDecoder, by a model of the SAM family.

    The image encoder runs in the runtime's precision, once for an image; the small mask decoder in fp32, for at most
    ``settings.chunk`` prompts at once (CPU_CHUNK on a CPU). A prompt has one mask (``multimask_output=False``, as in
    IAP-AS).
    """

    def __init__(self, folder: Path, settings: DecoderSettings, runtime: Runtime) -> None:
        self._family: Family = family(model_kind(folder))
        self._model = load(self._family.model_class, folder, runtime)
        if self._family.biased and runtime.device == "cpu":
            make_lean(self._model)
        self.side = int(self._model.config.prompt_encoder_config.image_size)
        self.chunk = settings.chunk if runtime.device == "cuda" else min(settings.chunk, CPU_CHUNK)
        self._runtime = runtime

    def encode(self, images: Sequence[Image]) -> list[Encoded]:
        """The features of each image. A GPU takes them together, a CPU one by one: it gains nothing and saves memory.

        Raises OutOfMemory when one is too much, ModelNonfinite when the encoder fails in fp32 too.
        """
        together = len(images) if self._runtime.device == "cuda" else 1
        parts = memory.in_chunks(len(images), together, lambda part: self._encode(images[part]))
        return [entry for part in parts for entry in part]

    def decode(
        self,
        encoded: Sequence[Encoded],
        *,
        boxes: Sequence[FloatMap] | None = None,
        points: Sequence[FloatMap] | None = None,
    ) -> list[list[MaskCrop]]:
        """The mask of each box (N, 4), or of each point (N, 2), for each image; both are clipped to the image.

        A box without area, or anything that is not finite, has an empty mask.
        """
        if (boxes is None) == (points is None):
            raise ValueError("either boxes or points must be given")
        prompts = boxes if boxes is not None else points
        return [self._masks(entry, mine) for entry, mine in zip(encoded, prompts or (), strict=True)]

    def predict(
        self, entry: Encoded, prompts: FloatMap, many: bool, use: Callable[[slice, Any, Any, Upsampling], T]
    ) -> list[T]:
        """What ``use`` makes of the model's answer to ``prompts``, chunk by chunk.

        ``prompts``: boxes (N, 4) or points (N, 2), finite, in the image. ``use`` is given which prompts these are,
        their coarse logits (n, M, h, w), predicted IoUs (n, M) and the way to pixels; with ``many`` M is 3, else 1.
        """
        import torch

        kind = "boxes" if prompts.shape[1:] == (4,) else "points"

        def run(part: slice) -> T:
            with torch.inference_mode():
                chosen = prompts[part] if kind == "boxes" else prompts[part].reshape(-1, 1, 2)
                return use(part, *self.ask(entry, many, **{kind: chosen}))

        return memory.in_chunks(len(prompts), self.chunk, run)

    def ask(
        self, entry: Encoded, many: bool, *, points: Any = None, boxes: Any = None, **more: Any
    ) -> tuple[Any, Any, Upsampling]:
        """The model's answer to N prompts: coarse logits (N, M, h, w), predicted IoUs (N, M), and the way to pixels.

        ``points`` (N, P, 2), ``boxes`` (N, 4): in pixels of the image. ``more``: the model's own arguments.
        """
        given = {f"input_{name}": self._scaled(entry, part) for name, part in (("points", points), ("boxes", boxes))}
        given = {name: part for name, part in given.items() if part is not None} | more
        logits, ious = precision.finite(
            lambda _: predict(self._family, self._model, entry.features, given, many),
            replace(self._runtime, precision="fp32"),
            "the mask decoder",
        )
        return logits, ious, self._upsampling(entry, tuple(logits.shape[-2:]))

    def close(self) -> None:
        """Give the model's memory back."""
        self._model = None
        memory.free()

    def _encode(self, images: Sequence[Image]) -> list[Encoded]:
        import torch

        sizes = [(image.shape[0], image.shape[1]) for image in images]
        fed = [self._family.fed(size, self.side) for size in sizes]
        batch = torch.zeros((len(images), 3, self.side, self.side), device=self._runtime.device)
        for i, image in enumerate(images):
            batch[i, :, : fed[i][0], : fed[i][1]] = pixels([image], fed[i], self._runtime.device)[0]

        def run(runtime: Runtime) -> Features:
            with torch.inference_mode(), precision.computing(runtime):
                return self._family.embed(self._model, batch)

        features = precision.finite(run, self._runtime, "the image encoder of the mask decoder")
        return [Encoded(size, fed[i], tuple(level[i : i + 1] for level in features)) for i, size in enumerate(sizes)]

    def _masks(self, entry: Encoded, prompts: FloatMap) -> list[MaskCrop]:
        clipped = clip_prompts(prompts, entry.size)
        usable = np.flatnonzero(usable_prompts(clipped))
        found = self.predict(entry, clipped[usable], False, _crops)
        masks = [MaskCrop.of(np.zeros((0, 0), bool))] * len(clipped)
        for place, mask in zip(usable, (mask for part in found for mask in part), strict=True):
            masks[place] = mask
        return masks

    def _scaled(self, entry: Encoded, prompts: FloatMap | None) -> Any:
        """Points or boxes in the model's pixels, (1, ...). In double, as transformers' processors do."""
        import torch

        if prompts is None:
            return None
        (height, width), (fed_height, fed_width) = entry.size, entry.fed
        scale = np.array([fed_width / width, fed_height / height])
        scaled = prompts.astype(np.float64).reshape(len(prompts), -1, 2) * scale
        return torch.from_numpy(scaled.reshape(prompts.shape)).to(self._runtime.device)[None]

    def _upsampling(self, entry: Encoded, coarse: tuple[int, ...]) -> Upsampling:
        axes = [
            _axis(coarse[i], self._family.steps(entry.size[i], entry.fed[i], self.side), self._runtime.device)
            for i in range(2)
        ]
        return Upsampling(axes[0], axes[1])


def mask_decoder(folder: Path, settings: DecoderSettings, runtime: Runtime) -> SamDecoder:
    """The decoder of the checkpoint in ``folder``. Raises ConfigError where it is no model that draws masks."""
    return SamDecoder(folder, settings, runtime)


_axis = lru_cache(maxsize=8)(Axis.of)


def _crops(_part: slice, logits: Any, _ious: Any, upsampling: Upsampling) -> list[MaskCrop]:
    """The masks, logit > 0 (as the released code), of coarse logits (n, 1, h, w)."""
    windows = upsampling.windows(logits[:, 0])
    return [MaskCrop.of((window > 0).cpu().numpy(), origin) for origin, window in windows]


def clip_prompts(prompts: FloatMap, size: tuple[int, int]) -> FloatMap:
    """Boxes or points within the image; what is not finite stays so."""
    if prompts.shape[1] == 4:
        return clip_boxes(prompts, size)
    return np.clip(np.asarray(prompts, np.float32), 0, np.array(size[::-1], np.float32))


def usable_prompts(prompts: FloatMap) -> npt.NDArray[np.bool_]:
    """(N,) bool: which are finite; of boxes, those with area."""
    usable = np.asarray(np.isfinite(prompts).all(axis=1))
    if prompts.shape[1] == 4:
        usable &= (prompts[:, 0] < prompts[:, 2]) & (prompts[:, 1] < prompts[:, 3])
    return usable
