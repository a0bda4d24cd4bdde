"""What differs between SAM, SAM-HQ and SAM 2.1, as data.

The papers: Kirillov et al. 2023, Ke et al. 2023, Ravi et al. 2024. Written against the classes of transformers, whose
weights are loaded. Tried with random weights and against numbers of the original SAM; real checkpoints have not been
run here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iapas.errors import ConfigError
from iapas.models.upsampling import Step

Features = tuple[Any, ...]
"""What an image encoder gives, float32 tensors whose first dimension counts images."""


@dataclass(frozen=True)
class Family:
    """A kind of network.

    ``model_class``: its class in transformers. ``embed(model, pixels)``: the features of (B, 3, S, S) pixels.
    ``arguments(features)``: the same as arguments of the model, for one image. ``padded``: whether an image keeps its
    shape and is padded below and at the right, or is stretched to the model's square. ``biased``: whether the image
    encoder's attention is the one of sam_attention.
    """

    model_class: str
    embed: Callable[[Any, Any], Features]
    arguments: Callable[[Features], dict[str, Any]]
    padded: bool
    biased: bool

    def fed(self, size: tuple[int, int], side: int) -> tuple[int, int]:
        """(height, width) at which an image of ``size`` fills the model's square of ``side`` pixels."""
        if not self.padded:
            return side, side
        scale = side / max(size)
        return max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))

    def steps(self, length: int, fed: int, side: int) -> tuple[Step, ...]:
        """The resizings of one axis from the model's coarse logits to the ``length`` pixels of the image.

        As the released code does: with padding, first to the model's square.
        """
        return ((side, fed), (length, length)) if self.padded else ((length, length),)


def family(kind: str) -> Family:
    """The family of a ``model_type``. Raises ConfigError where it is none that draws masks."""
    if kind not in FAMILIES:
        raise ConfigError(f"a model of type {kind!r} draws no masks", f"decoder.model can be {', '.join(FAMILIES)}")
    return FAMILIES[kind]


def predict(family: Family, model: Any, features: Features, prompts: dict[str, Any], many: bool) -> tuple[Any, Any]:
    """The coarse logits (N, M, h, w) and predicted IoUs (N, M) of N prompts on one image; M is 1, or with ``many`` 3.

    ``prompts``: ``input_boxes`` (1, N, 4) or ``input_points`` (1, N, 1, 2), in the model's pixels.
    """
    found = model(**family.arguments(features), **prompts, multimask_output=many)
    return found.pred_masks[0].float(), found.iou_scores[0].float()


def _sam(model: Any, pixels: Any) -> Features:
    return (model.vision_encoder(pixels).last_hidden_state.float(),)


def _sam_hq(model: Any, pixels: Any) -> Features:
    found = model.vision_encoder(pixels)
    return found.last_hidden_state.float(), found.intermediate_embeddings[0].float()  # the decoder uses the first alone


def _sam2(model: Any, pixels: Any) -> Features:
    return tuple(level.float() for level in model.get_image_embeddings(pixels))


def _sam2_arguments(features: Features) -> dict[str, Any]:
    return {"image_embeddings": list(features)}


_SAM2 = Family("Sam2Model", _sam2, _sam2_arguments, padded=False, biased=False)

FAMILIES = {
    "sam": Family("SamModel", _sam, lambda features: {"image_embeddings": features[0]}, padded=True, biased=True),
    "sam_hq": Family(
        "SamHQModel",
        _sam_hq,
        lambda features: {"image_embeddings": features[0], "intermediate_embeddings": [features[1]]},
        padded=True,
        biased=True,
    ),
    "sam2": _SAM2,
    "sam2_video": _SAM2,  # the published files are those of the video model, of which it is a part
}
