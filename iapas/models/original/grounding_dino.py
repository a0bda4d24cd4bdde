"""Grounding DINO as its authors' package computes it (groundingdino-py 0.4.0).

The network is theirs. Resizing, captions, thresholds and the way from tokens to phrases are those of
:class:`iapas.models.grounding_dino.GroundingDinoDetector`, which this network is handed to. It always computes in fp32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from iapas.models.conversion import vocabulary
from iapas.models.conversion.grounding_dino import LAYOUT, POINTS, Shape, config_of
from iapas.models.grounding_network import Found
from iapas.models.loading import Runtime
from iapas.models.original import packages, weights
from iapas.models.precision import finite

_NETWORK = "groundingdino.models.GroundingDINO."


class OriginalNetwork:
    """What :class:`iapas.models.grounding_network.Network` is, by the authors' code. For one thread at a time."""

    def __init__(self, model: Any, tokenizer: Any, runtime: Runtime) -> None:
        """Takes the authors' model over: its backbone and its tokenizer are replaced by what they have given."""
        self.model, self.tokenizer, self.runtime = model, tokenizer, replace(runtime, precision="fp32")
        self.text_limit, self.queries = int(model.max_text_len), int(model.num_queries)
        self._nested = packages.load("groundingdino.util.misc").NestedTensor
        self._backbone = model.backbone[0].forward
        self._kept: tuple[Any, ...] = ()
        model.backbone[0].forward = lambda _: dict(enumerate(map(self._whole, self._kept)))
        model.tokenizer = _given

    @classmethod
    def load(cls, folder: Path, runtime: Runtime) -> OriginalNetwork:
        """The authors' file in ``folder``, with the vocabulary beside it. Raises MissingError."""
        state, shape = weights.read(folder, LAYOUT)
        tokenizer = vocabulary.read(vocabulary.find(folder), shape.vocabulary)
        with packages.silent():
            model = weights.fill(network(shape, tokenizer), state, LAYOUT, folder)
        return cls(model.to(runtime.device), tokenizer, runtime)

    def features(self, pixels: Any) -> tuple[Any, ...]:
        """The backbone's feature maps for (B, 3, H, W) float32 normalised pixels without padding."""
        import torch

        def run(_: Runtime) -> tuple[Any, ...]:
            with torch.inference_mode(), packages.silent():
                return tuple(level.tensors for level in self._backbone(self._whole(pixels)).values())

        return finite(run, self.runtime, "the detector's image backbone")

    def find(self, features: Sequence[Any], size: tuple[int, int], ids: Sequence[int]) -> Found:
        """Look for the caption ``ids`` in the feature maps of images of ``size`` (height, width)."""
        import torch

        self._kept = tuple(features)
        count = len(features[0])
        blank = torch.zeros((), device=features[0].device).expand(count, 3, *size)  # only its shape is looked at

        def run(_: Runtime) -> Found:
            with torch.inference_mode(), packages.silent():
                out = self.model(self._whole(blank), captions=[list(ids)] * count)
            return Found(out["pred_logits"][..., : len(ids)], out["pred_boxes"])

        try:
            return finite(run, self.runtime, "the detector")
        finally:
            self._kept = ()

    def _whole(self, pixels: Any) -> Any:
        """Pictures or features as the authors hand them on: with a mask of what is padding, here nothing."""
        import torch

        padding = torch.zeros((len(pixels), *pixels.shape[-2:]), dtype=torch.bool, device=pixels.device)
        return self._nested(pixels, padding)


def network(shape: Shape, tokenizer: Any) -> Any:
    """The authors' network of these sizes, untrained, with the switches of their two configs.

    Their code would ask the hub for bert-base-uncased by name; it is handed the tokenizer, and a BERT of its size.
    """
    main = packages.load(f"{_NETWORK}groundingdino")
    backbone = packages.load(f"{_NETWORK}backbone.backbone")
    swin = packages.load(f"{_NETWORK}backbone.swin_transformer").SwinTransformer(
        pretrain_img_size=shape.side,
        patch_size=shape.patch,
        embed_dim=shape.embed,
        depths=list(shape.depths),
        num_heads=list(shape.swin_heads),
        window_size=shape.window,
        out_indices=(1, 2, 3),
    )
    settings = _settings(shape)
    seeing = backbone.Joiner(swin, backbone.build_position_encoding(settings))
    seeing.num_channels = swin.num_features[1:]
    asked = packages.load("groundingdino.util.get_tokenlizer")
    bert = _bert(shape)
    with mock.patch.multiple(asked, get_tokenlizer=lambda _: tokenizer, get_pretrained_language_model=lambda _: bert):
        return main.GroundingDINO(
            seeing,
            main.build_transformer(settings),
            num_queries=shape.queries,
            aux_loss=True,
            iter_update=True,
            query_dim=4,
            num_feature_levels=shape.levels,
            nheads=shape.heads,
            dec_pred_bbox_embed_share=True,
            two_stage_type="standard",
            two_stage_bbox_embed_share=False,
            two_stage_class_embed_share=False,
        )


def _settings(shape: Shape) -> SimpleNamespace:
    """What the package's config files say, with these sizes; without what saves memory in training."""
    return SimpleNamespace(
        hidden_dim=shape.width,
        position_embedding="sine",
        pe_temperatureH=20,
        pe_temperatureW=20,
        dropout=0.0,
        nheads=shape.heads,
        num_queries=shape.queries,
        dim_feedforward=shape.feed_forward,
        enc_layers=shape.encoder_layers,
        dec_layers=shape.decoder_layers,
        pre_norm=False,
        query_dim=4,
        transformer_activation="relu",
        num_patterns=0,
        num_feature_levels=shape.levels,
        enc_n_points=POINTS,
        dec_n_points=POINTS,
        two_stage_type="standard",
        embed_init_tgt=True,
        use_text_enhancer=True,
        use_fusion_layer=True,
        use_checkpoint=False,
        use_transformer_ckpt=False,
        use_text_cross_attention=True,
        text_dropout=0.0,
        fusion_dropout=0.0,
        fusion_droppath=0.1,
    )


def _bert(shape: Shape) -> Any:
    """A BERT with the three methods that the package asks of it and transformers 5 has no more."""
    import torch
    from transformers import BertModel

    class Bert(BertModel):  # type: ignore[misc]
        def get_extended_attention_mask(self, mask: Any, *_: Any) -> Any:
            """(B, T, T) bool, which tokens see which, as what is added to the scores."""
            return (1 - mask[:, None].to(self.dtype)) * torch.finfo(self.dtype).min

        def get_head_mask(self, _: Any, layers: int) -> list[None]:
            """No head is left out."""
            return [None] * layers

        def invert_attention_mask(self, _: Any) -> Any:
            """The package keeps a reference to it, and calls it for decoders alone, which this is not."""
            raise NotImplementedError

    return Bert(config_of(shape).text_config)


def _given(captions: Sequence[Sequence[int]], **_: Any) -> Any:
    """Stands for the tokenizer: captions are token ids already, all of one length."""
    import torch
    from transformers import BatchEncoding

    ids = torch.tensor(captions)
    masks = {"attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    return BatchEncoding({"input_ids": ids, **masks})
