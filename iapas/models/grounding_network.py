"""Grounding DINO's network as two halves: the image backbone, run once, and what looks for a caption in its features.

transformers' own forward does the work; it is handed kept results where it would compute them again, and some layers
have quicker stand-ins (deformable.py, fusion.py). On weights made from their names it reproduces the authors' package
(tests/models/test_grounding_dino_parity.py); with the published checkpoints it is unverified here.

Where bf16 or fp16 is asked for, the backbone runs in it, and on a CPU with bf16 the encoder's feed-forward layers; all
else is float32. On random weights of full size bf16 moves the encoder's output by 0.7 % of its spread (0.2 % without
the backbone), and the logits that select queries by 1 % of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from iapas.errors import ConfigError
from iapas.models.deformable import encode, sample
from iapas.models.fusion import attend
from iapas.models.loading import Runtime, load, load_tokenizer, model_kind
from iapas.models.precision import computing, finite

_CLASSES = {
    "grounding-dino": "GroundingDinoForObjectDetection",
    "mm-grounding-dino": "MMGroundingDinoForObjectDetection",
}
_TEXTS_KEPT = 64


@dataclass(frozen=True)
class Found:
    """What a caption of T tokens found: ``logits`` (B, Q, T) and ``boxes`` (B, Q, 4), centre and size in 0..1."""

    logits: Any
    boxes: Any


class Network:
    """A loaded Grounding DINO, or MM Grounding DINO (Liu et al. 2023; Zhao et al. 2024). For one thread at a time."""

    def __init__(self, model: Any, tokenizer: Any, runtime: Runtime) -> None:
        """Takes transformers' model over: some of its routines are replaced."""
        self.model, self.tokenizer, self.runtime = model, tokenizer, runtime
        self.text_limit, self.queries = int(model.config.max_text_len), int(model.config.num_queries)
        self._kept: tuple[Any, ...] = ()
        self._texts: dict[tuple[int, ...], Any] = {}
        inner = model.model
        self._backbone, self._text_backbone = inner.backbone.forward, inner.text_backbone.forward
        inner.backbone.forward = self._kept_features
        inner.text_backbone.forward = self._kept_text
        self._low = False
        self._quicken()

    @classmethod
    def load(cls, folder: Path, runtime: Runtime) -> Network:
        """The checkpoint in ``folder``. Raises ConfigError where it is of another kind, MissingError where broken."""
        kind = model_kind(folder)
        if kind not in _CLASSES:
            raise ConfigError(f"{folder} holds a model of type {kind!r}, not a Grounding DINO", "see detector.model")
        model = load(_CLASSES[kind], folder, runtime)
        return cls(model, load_tokenizer(folder), runtime)

    def features(self, pixels: Any) -> tuple[Any, ...]:
        """The backbone's feature maps for (B, 3, H, W) float32 normalised pixels without padding."""
        import torch

        mask = torch.ones((len(pixels), *pixels.shape[-2:]), dtype=torch.long, device=pixels.device)

        def run(runtime: Runtime) -> tuple[Any, ...]:
            with torch.inference_mode(), computing(runtime):
                return tuple(feature.float() for feature, _ in self._backbone(pixels, mask)[0])

        return finite(run, self.runtime, "the detector's image backbone")

    def find(self, features: Sequence[Any], size: tuple[int, int], ids: Sequence[int]) -> Found:
        """Look for the caption ``ids`` in the feature maps of images of ``size`` (height, width)."""
        import torch

        self._kept = tuple(features)
        count, device = len(features[0]), features[0].device
        tokens = torch.tensor([list(ids)], device=device).expand(count, -1)
        blank = torch.zeros((), device=device).expand(count, 3, *size)  # only its shape is looked at

        def run(runtime: Runtime) -> Found:
            self._low = runtime.precision == "bf16"
            with torch.inference_mode():
                out = self.model(pixel_values=blank, input_ids=tokens)
            return Found(out.logits[..., : len(ids)].float(), out.pred_boxes.float())

        try:
            return finite(run, self.runtime, "the detector")
        finally:
            self._kept = ()

    def _quicken(self) -> None:
        """Put quicker routines with equal results in the place of some of the model's own."""
        for module in self.model.modules():
            kind = type(module).__name__
            if kind.endswith("BiMultiHeadAttention"):
                module.forward = partial(attend, module)
            elif kind == "GroupNorm":
                module.forward = partial(_group_norm, module)
            elif self.runtime.device == "cpu" and kind == "MultiScaleDeformableAttention":
                module.forward = sample
            elif self.runtime.device == "cpu" and kind.endswith("DinoDeformableLayer"):
                module.forward = partial(encode, module, lambda: self._low)

    def _kept_features(self, pixels: Any, mask: Any) -> tuple[list[Any], list[Any]]:
        """Stands for the backbone's forward: (features, masks) and position embeddings from what is kept."""
        import torch

        maps, positions = [], []
        for feature in self._kept:
            whole = torch.ones((len(feature), *feature.shape[-2:]), dtype=torch.bool, device=feature.device)
            maps.append((feature, whole))
            positions.append(self.model.model.backbone.position_embedding(feature, whole).to(feature.dtype))
        return maps, positions

    def _kept_text(
        self, input_ids: Any, attention_mask: Any, token_type_ids: Any, position_ids: Any, **rest: Any
    ) -> Any:
        """Stands for BERT's forward: once per caption, the same for each image."""
        key = tuple(input_ids[0].tolist())
        if key not in self._texts:
            if len(self._texts) >= _TEXTS_KEPT:
                self._texts.pop(next(iter(self._texts)))
            first = (each[:1] for each in (input_ids, attention_mask, token_type_ids, position_ids))
            self._texts[key] = self._text_backbone(*first, **rest).last_hidden_state
        from transformers.modeling_outputs import BaseModelOutput

        return BaseModelOutput(last_hidden_state=self._texts[key].expand(len(input_ids), -1, -1))


def _group_norm(norm: Any, features: Any) -> Any:
    """Stands for GroupNorm's forward, which refuses the one cell that is left of a picture of 64 pixels."""
    import torch

    return torch.group_norm(features, norm.num_groups, norm.weight, norm.bias, norm.eps)
