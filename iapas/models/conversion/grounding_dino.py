"""The authors' Grounding DINO (Liu et al. 2023): its sizes, and its tensors under transformers' names.

Names are those of the package groundingdino-py 0.4.0, which has them from the released code. What a released file
holds besides (``label_enc``, ``position_ids``) is known from logs that others made public; no released file could be
had where this was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from iapas.errors import MissingError
from iapas.models.conversion.layout import Layout, counted

_UNUSED = re.compile(
    r"""
      label_enc\.weight$                      # of training
    | bert\.pooler\.                         # of the whole caption; boxes look at its tokens
    | bert\.embeddings\.position_ids$ | .*\.relative_position_index$   # always as constructed
    """,
    re.VERBOSE,
)
POINTS = 4  # that the deformable attention samples for each head and level; a file does not tell them apart
_HEAD = 64  # width of a head of BERT, in each size of it

_BOX_HEAD = re.compile(r"(?:transformer\.decoder\.)?bbox_embed\.(\d+)\.(.*)")

_SWIN = "model.backbone.conv_encoder.model."

_RENAMED = [
    (_SWIN + r"swin\.embeddings\.patch_embeddings\.projection", "backbone.0.patch_embed.proj"),
    (_SWIN + r"swin\.embeddings\.norm", "backbone.0.patch_embed.norm"),
    (_SWIN + r"swin\.encoder\.layers", "backbone.0.layers"),
    (_SWIN + r"hidden_states_norms\.stage2", "backbone.0.norm1"),
    (_SWIN + r"hidden_states_norms\.stage3", "backbone.0.norm2"),
    (_SWIN + r"hidden_states_norms\.stage4", "backbone.0.norm3"),
    (r"attention\.relative_position_bias\.", "attn."),
    (r"attention\.([qkv])_proj", r"attn.qkv"),
    (r"attention\.o_proj", "attn.proj"),
    (r"layernorm_before", "norm1"),
    (r"layernorm_after", "norm2"),
    (r"^model\.input_proj_vision", "input_proj"),
    (r"^model\.text_projection", "feat_map"),
    (r"^model\.query_position_embeddings", "transformer.tgt_embed"),
    (r"^model\.level_embed", "transformer.level_embed"),
    (r"^model\.encoder\.layers\.(\d+)\.text_enhancer_layer", r"transformer.encoder.text_layers.\1"),
    (r"^model\.encoder\.layers\.(\d+)\.fusion_layer", r"transformer.encoder.fusion_layers.\1"),
    (r"^model\.encoder\.layers\.(\d+)\.deformable_layer", r"transformer.encoder.layers.\1"),
    (r"(text_layers\.\d+\.)layer_norm_before", r"\1norm1"),
    (r"(text_layers\.\d+\.)layer_norm_after", r"\1norm2"),
    (r"(fusion_layers\.\d+\.)vision_param", r"\1gamma_v"),
    (r"(fusion_layers\.\d+\.)text_param", r"\1gamma_l"),
    (r"(fusion_layers\.\d+\.)layer_norm_vision", r"\1layer_norm_v"),
    (r"(fusion_layers\.\d+\.)layer_norm_text", r"\1layer_norm_l"),
    (r"vision_proj", "v_proj"),
    (r"text_proj", "l_proj"),
    (r"(encoder\.layers\.\d+\.)self_attn_layer_norm", r"\1norm1"),
    (r"(encoder\.layers\.\d+\.)final_layer_norm", r"\1norm2"),
    (r"^model\.decoder", "transformer.decoder"),
    (r"encoder_attn_text_layer_norm", "catext_norm"),
    (r"encoder_attn_layer_norm", "norm1"),
    (r"(decoder\.layers\.\d+\.)self_attn_layer_norm", r"\1norm2"),
    (r"(decoder\.layers\.\d+\.)final_layer_norm", r"\1norm3"),
    (r"(decoder\.)layer_norm", r"\1norm"),
    (r"encoder_attn_text", "ca_text"),
    (r"encoder_attn", "cross_attn"),
    (r"(layers\.\d+\.)fc(\d)", r"\1linear\2"),
    (r"(self_attn|ca_text)\.(query|key|value)\.", r"\1.in_proj_"),
    (r"reference_points_head", "ref_point_head"),
    (r"^model\.encoder_output_bbox_embed", "transformer.enc_out_bbox_embed"),
    (r"^model\.enc_output", "transformer.enc_output"),
    (r"^model\.decoder\.bbox_embed|^transformer\.decoder\.bbox_embed", "bbox_embed"),
]
"""From transformers' names to the authors', one after another."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a network. ``depths`` to ``window`` are the Swin's, ``bert_...`` the text encoder's."""

    embed: int
    patch: int
    depths: tuple[int, ...]
    swin_heads: tuple[int, ...]
    window: int
    width: int
    levels: int
    heads: int
    queries: int
    feed_forward: int
    encoder_layers: int
    decoder_layers: int
    vocabulary: int
    bert_width: int
    bert_layers: int
    bert_feed_forward: int
    bert_positions: int

    @property
    def side(self) -> int:
        """Of the pictures that the Swin was first trained on, in pixels: its last grid is one window."""
        return (self.patch * self.window) << (len(self.depths) - 1)

    @property
    def name(self) -> str:
        """Of the registry; "" for sizes that are not published."""
        published: dict[tuple[object, ...], str] = {
            (96, (2, 2, 6, 2), 7, 256, 6, 6, 12): "grounding-dino-tiny",
            (128, (2, 2, 18, 2), 12, 256, 6, 6, 12): "grounding-dino-base",
        }
        layers = (self.encoder_layers, self.decoder_layers, self.bert_layers)
        return published.get((self.embed, self.depths, self.window, self.width, *layers), "")


def shape_of(state: dict[str, Any]) -> Shape:
    """The sizes of the network whose tensors these are. Raises MissingError where one is not there, or is odd."""
    try:
        embed, _, patch, _ = state["backbone.0.patch_embed.proj.weight"].shape
        depths = counted(state, r"backbone\.0\.layers\.(\d+)\.blocks\.(\d+)\.")
        prefix = "backbone.0.layers.{}.blocks.0.attn.relative_position_bias_table"
        tables = [state[prefix.format(i)].shape for i in range(len(depths))]
        levels, width = state["transformer.level_embed"].shape
        rows = state["transformer.encoder.layers.0.self_attn.attention_weights.weight"].shape[0]
        vocabulary, bert_width = state["bert.embeddings.word_embeddings.weight"].shape
        return Shape(
            embed=embed,
            patch=patch,
            depths=depths,
            swin_heads=tuple(int(table[1]) for table in tables),
            window=int(tables[0][0] ** 0.5 + 1) // 2,
            width=width,
            levels=levels,
            heads=rows // (levels * POINTS),
            queries=state["transformer.tgt_embed.weight"].shape[0],
            feed_forward=state["transformer.encoder.layers.0.linear1.weight"].shape[0],
            encoder_layers=len(counted(state, r"transformer\.encoder\.layers\.(\d+)\.(norm1)\.")),
            decoder_layers=len(counted(state, r"transformer\.decoder\.layers\.(\d+)\.(norm1)\.")),
            vocabulary=vocabulary,
            bert_width=bert_width,
            bert_layers=len(counted(state, r"bert\.encoder\.layer\.(\d+)\.(attention)\.")),
            bert_feed_forward=state["bert.encoder.layer.0.intermediate.dense.weight"].shape[0],
            bert_positions=state["bert.embeddings.position_embeddings.weight"].shape[0],
        )
    except (KeyError, ValueError, IndexError) as error:
        raise MissingError(f"it is no whole Grounding DINO: {error}") from error


def config_of(shape: Shape) -> Any:
    """The config of transformers for these sizes; what is not a size is as in the released code."""
    from transformers import BertConfig, GroundingDinoConfig, SwinConfig

    backbone = SwinConfig(
        image_size=shape.side,
        patch_size=shape.patch,
        embed_dim=shape.embed,
        depths=list(shape.depths),
        num_heads=list(shape.swin_heads),
        window_size=shape.window,
        out_indices=[2, 3, 4],
    )
    text = BertConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.bert_width,
        num_hidden_layers=shape.bert_layers,
        num_attention_heads=max(1, shape.bert_width // _HEAD),
        intermediate_size=shape.bert_feed_forward,
        max_position_embeddings=shape.bert_positions,
    )
    return GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        d_model=shape.width,
        num_feature_levels=shape.levels,
        num_queries=shape.queries,
        encoder_layers=shape.encoder_layers,
        decoder_layers=shape.decoder_layers,
        encoder_ffn_dim=shape.feed_forward,
        decoder_ffn_dim=shape.feed_forward,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        encoder_n_points=POINTS,
        decoder_n_points=POINTS,
    )


def source(name: str) -> tuple[str, int | None]:
    """The authors' name of transformers' tensor ``name``, and which third of it (0 to 2) where they have three as one.

    The name is "" for the Swin's last norm, which transformers has and neither uses.
    """
    if name.startswith(_SWIN + "swin.layernorm."):
        return "", None
    if name.startswith("model.text_backbone."):
        return name.replace("model.text_backbone.", "bert."), None
    third = re.search(r"\.(?:([qkv])_proj|(query|key|value))\.(?:weight|bias)$", name)
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    if third is None or not (".attn.qkv." in name or ".in_proj_" in name):
        return name, None
    return name, "qkv".index((third[1] or third[2])[0])


def same(name: str) -> str:
    """The name that decides for a tensor which the authors save under many: all boxes are made by one small network."""
    return _BOX_HEAD.sub(r"bbox_embed.0.\2", name)


LAYOUT = Layout(
    "Grounding DINO",
    "GroundingDinoForObjectDetection",
    ("transformer.level_embed", "transformer.tgt_embed.weight", "bert.embeddings.word_embeddings.weight"),
    _UNUSED,
    shape_of,
    config_of,
    source,
    same,
)
