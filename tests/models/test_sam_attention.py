"""SAM's image encoder attends as transformers' does, in less memory."""

import numpy as np
import pytest

from iapas.models import sam_attention
from iapas.models.loading import Runtime, load
from iapas.models.precision import computing


@pytest.fixture
def model(tiny, request):
    """A tiny model whose relative positions are not zero, as random ones are."""
    import torch

    name, model_class = request.param
    made = load(model_class, tiny(name), Runtime())
    torch.manual_seed(0)
    for layer in made.vision_encoder.layers:
        torch.nn.init.normal_(layer.attn.rel_pos_h)
        torch.nn.init.normal_(layer.attn.rel_pos_w)
    return made


BOTH = pytest.mark.parametrize(
    "model", [("sam-vit-base", "SamModel"), ("sam-hq-vit-base", "SamHQModel")], indirect=True, ids=["sam", "sam-hq"]
)


@BOTH
@pytest.mark.parametrize("at_once", [1, 40, 300, 1 << 20], ids=lambda n: f"at-once-{n}")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_encoders_features_stay(model, monkeypatch, at_once, precision):
    import torch

    monkeypatch.setattr(sam_attention, "_BIASES_AT_ONCE", at_once)
    pixels = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode(), computing(Runtime(precision=precision)):
        expected = model.vision_encoder(pixels).last_hidden_state.float()
        sam_attention.make_lean(model)
        found = model.vision_encoder(pixels).last_hidden_state.float()
    np.testing.assert_allclose(found, expected, atol=1e-5 if precision == "fp32" else 3e-2)


@BOTH
def test_the_biases_count(model):
    """Else the test above would pass without them."""
    import torch

    pixels = torch.randn((1, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    sam_attention.make_lean(model)
    with torch.inference_mode():
        with_biases = model.vision_encoder(pixels).last_hidden_state
        for layer in model.vision_encoder.layers:
            layer.attn.rel_pos_h.zero_()
        without = model.vision_encoder(pixels).last_hidden_state
    assert float((with_biases - without).abs().max()) > 1e-2


def test_the_whole_picture_attends_in_little_memory(monkeypatch):
    """ViT-B's own size, one layer: not the biases of all pairs of places at once."""
    import torch
    import transformers

    config = transformers.SamVisionConfig(
        num_hidden_layers=1, global_attn_indexes=[0], hidden_size=24, num_attention_heads=12, mlp_dim=8
    )
    encoder = transformers.SamVisionModel(config).eval().requires_grad_(False)
    made = []
    empty = torch.Tensor.new_empty

    def counted(self, size):
        made.append(int(np.prod(size)))
        return empty(self, size)

    monkeypatch.setattr(torch.Tensor, "new_empty", counted)
    sam_attention.make_lean(encoder)
    with torch.inference_mode():
        encoder.vision_encoder(torch.zeros((1, 3, 1024, 1024)))
    assert 0 < max(made) <= torch.get_num_threads() << 20
