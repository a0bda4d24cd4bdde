"""Our detector's network against the authors' package (groundingdino-py 0.4.0), on weights made from their names.

The numbers lie beside the data (see ``_folder``); without them these tests are skipped.
"""

import os
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

TOKENS = (101, 4937, 1012, 3899, 1012, 6556, 2491, 1012, 102)
RENAMED = [
    (
        r"^model\.backbone\.conv_encoder\.model\.swin\.embeddings\.patch_embeddings\.projection",
        "backbone.0.patch_embed.proj",
    ),
    (r"^model\.backbone\.conv_encoder\.model\.swin\.embeddings\.norm", "backbone.0.patch_embed.norm"),
    (r"^model\.backbone\.conv_encoder\.model\.swin\.encoder\.layers", "backbone.0.layers"),
    (r"^model\.backbone\.conv_encoder\.model\.hidden_states_norms\.stage2", "backbone.0.norm1"),
    (r"^model\.backbone\.conv_encoder\.model\.hidden_states_norms\.stage3", "backbone.0.norm2"),
    (r"^model\.backbone\.conv_encoder\.model\.hidden_states_norms\.stage4", "backbone.0.norm3"),
    (r"attention\.relative_position_bias\.", "attn."),
    (r"attention\.([qkv])_proj", r"attn.qkv"),
    (r"attention\.o_proj", "attn.proj"),
    (r"layernorm_before", "norm1"),
    (r"layernorm_after", "norm2"),
    (r"^model\.input_proj_vision", "input_proj"),
    (r"^model\.text_backbone", "bert"),
    (r"^model\.text_projection", "feat_map"),
    (r"^model\.query_position_embeddings", "transformer.tgt_embed"),
    (r"^model\.level_embed", "transformer.level_embed"),
    (r"^model\.encoder\.layers\.(\d)\.text_enhancer_layer", r"transformer.encoder.text_layers.\1"),
    (r"^model\.encoder\.layers\.(\d)\.fusion_layer", r"transformer.encoder.fusion_layers.\1"),
    (r"^model\.encoder\.layers\.(\d)\.deformable_layer", r"transformer.encoder.layers.\1"),
    (r"(?<=text_layers\.\d\.)layer_norm_before", "norm1"),
    (r"(?<=text_layers\.\d\.)layer_norm_after", "norm2"),
    (r"(?<=fusion_layers\.\d\.)vision_param", "gamma_v"),
    (r"(?<=fusion_layers\.\d\.)text_param", "gamma_l"),
    (r"(?<=fusion_layers\.\d\.)layer_norm_vision", "layer_norm_v"),
    (r"(?<=fusion_layers\.\d\.)layer_norm_text", "layer_norm_l"),
    (r"vision_proj", "v_proj"),
    (r"text_proj", "l_proj"),
    (r"(?<=encoder\.layers\.\d\.)self_attn_layer_norm", "norm1"),
    (r"(?<=encoder\.layers\.\d\.)final_layer_norm", "norm2"),
    (r"^model\.decoder", "transformer.decoder"),
    (r"encoder_attn_text_layer_norm", "catext_norm"),
    (r"encoder_attn_layer_norm", "norm1"),
    (r"(?<=decoder\.layers\.\d\.)self_attn_layer_norm", "norm2"),
    (r"(?<=decoder\.layers\.\d\.)final_layer_norm", "norm3"),
    (r"(?<=decoder\.)layer_norm", "norm"),
    (r"encoder_attn_text", "ca_text"),
    (r"encoder_attn", "cross_attn"),
    (r"(?<=layers\.\d\.)fc", "linear"),
    (r"(self_attn|ca_text)\.(query|key|value)\.", r"\1.in_proj_"),
    (r"reference_points_head", "ref_point_head"),
    (r"^model\.encoder_output_bbox_embed", "transformer.enc_out_bbox_embed"),
    (r"^model\.enc_output", "transformer.enc_output"),
    (r"^(transformer\.decoder\.)?bbox_embed\.\d", "bbox_embed.5"),  # they share one: the last name decides
]


def _folder():
    data = Path(os.environ.get("IAPAS_DATA") or Path(__file__).parents[3] / "shared" / "data")
    return data.parent / "parity" / "groundingdino"


def original(name):
    """The name in the authors' package of a parameter's name in transformers."""
    for pattern, replacement in RENAMED:
        if not (name.startswith("bert.") and "attention" in pattern):
            name = re.sub(pattern, replacement, name)
    return name


def value(name, shape, factor):
    """The parameter of the original name, in its original shape."""
    drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)
    if len(shape) > 1:
        return np.float32(factor) * drawn
    return 1 + np.float32(0.02) * drawn if name.endswith("weight") else np.float32(0.02) * drawn


def fill(model, factor):
    """Give each parameter its value; those that the original has as one are cut from it."""
    import torch

    for name, parameter in model.named_parameters():
        third = re.search(r"\.(q_proj|k_proj|v_proj|query|key|value)\.(weight|bias)$", name)
        whole = third and "text_backbone" not in name and "fusion" not in name
        shape = (parameter.shape[0] * 3, *parameter.shape[1:]) if whole else tuple(parameter.shape)
        drawn = torch.from_numpy(value(original(name), shape, factor))
        parameter.data = drawn.chunk(3)["qkv".index(third[1][0])] if whole else drawn


@pytest.fixture(scope="module")
def network():
    if not (_folder() / "keys.json").is_file():
        pytest.skip(f"numbers of the original are not at {_folder()}")
    import transformers
    from transformers.initialization import no_init_weights

    from iapas.models.grounding_network import Network
    from iapas.models.loading import Runtime

    backbone = transformers.SwinConfig(
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=7,
        image_size=224,
        out_indices=[2, 3, 4],
    )
    config = transformers.GroundingDinoConfig(backbone_config=backbone, text_config=transformers.BertConfig())
    with no_init_weights():
        model = transformers.GroundingDinoForObjectDetection(config).eval().requires_grad_(False)
    return Network(model, None, Runtime())


def test_every_parameter_has_one_of_the_original_s_names(network):
    import json

    keys = set(json.loads((_folder() / "keys.json").read_text()))
    named = {original(name) for name, _ in network.model.named_parameters()}
    assert {name for name in named - keys if "swin.layernorm" not in name} == set()  # that one is not used
    left = keys - named
    assert {key for key in left if not re.search("relative_position_index|pooler|bbox_embed", key)} == set()


@pytest.mark.parametrize(("weights", "factor"), [("standard", 0.02), ("strong", 0.05)])
def test_logits_and_boxes_are_those_of_the_original(network, monkeypatch, weights, factor):
    import torch

    theirs = np.load(_folder() / f"{weights}.npz")

    def selected(scores, count, dim):
        """The original's order of the queries: each place has a query of its own, and near-equal scores may swap."""
        found, order = torch.sort(scores, dim=dim, descending=True), torch.from_numpy(theirs["topk_indices"])
        assert set(found.indices[0, :count].tolist()) == set(order[0].tolist())
        torch.testing.assert_close(found.values[:, :count], scores.gather(1, order), atol=5e-4, rtol=0)
        np.testing.assert_allclose(scores, theirs["topk_scores_all_tokens"], atol=5e-4)
        return found.values, order

    monkeypatch.setattr(torch, "topk", selected)
    fill(network.model, factor)
    network._texts.clear()  # those of other weights
    drawn = np.random.default_rng(4).standard_normal((1, 3, 256, 320), dtype=np.float32)
    found = network.find(network.features(torch.from_numpy(drawn)), (256, 320), TOKENS)
    np.testing.assert_allclose(found.logits, theirs["pred_logits_first9columns"], atol=1e-3)
    np.testing.assert_allclose(found.boxes, theirs["pred_boxes"], atol=1e-5)
