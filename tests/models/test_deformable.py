import pytest

SHAPES = [(7, 11), (4, 6), (2, 3), (1, 2)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    from iapas.models import deformable

    monkeypatch.setattr(deformable, "_QUERIES_AT_ONCE", 17)  # several, the last one smaller


@pytest.fixture
def layer():
    """An encoder layer of random weights, offsets large enough to leave the picture."""
    import torch
    import transformers
    from transformers.models.grounding_dino.modeling_grounding_dino import GroundingDinoDeformableLayer

    torch.manual_seed(0)
    config = transformers.GroundingDinoConfig(d_model=64, encoder_ffn_dim=48, encoder_attention_heads=4)
    layer = GroundingDinoDeformableLayer(config).eval().requires_grad_(False)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return layer


def inputs(seed=1):
    import torch
    from transformers.models.grounding_dino.modeling_grounding_dino import GroundingDinoEncoder

    make = torch.Generator().manual_seed(seed)
    cells = sum(height * width for height, width in SHAPES)
    return {
        "hidden_states": torch.randn(2, cells, 64, generator=make),
        "attention_mask": torch.ones(2, cells, dtype=torch.bool),
        "position_embeddings": torch.randn(2, cells, 64, generator=make),
        "reference_points": GroundingDinoEncoder.get_reference_points(SHAPES, torch.ones(2, 4, 2), "cpu"),
        "spatial_shapes": torch.tensor(SHAPES),
        "spatial_shapes_list": SHAPES,
        "level_start_index": None,
    }


@pytest.mark.parametrize("spread", [0.1, 1, 30])
def test_sampling_equals_grid_sample_also_outside_of_the_picture(spread):
    import torch
    from transformers.models.grounding_dino.modeling_grounding_dino import MultiScaleDeformableAttention

    from iapas.models.deformable import sample

    make = torch.Generator().manual_seed(2)
    cells = sum(height * width for height, width in SHAPES)
    value = torch.randn(2, cells, 3, 8, generator=make)
    locations = 0.5 + spread * torch.randn(2, 40, 3, 4, 5, 2, generator=make)
    weights = torch.rand(2, 40, 3, 4, 5, generator=make)
    theirs = MultiScaleDeformableAttention()(value, None, SHAPES, None, locations, weights, 64)
    ours = sample(value, None, SHAPES, None, locations, weights, 64)
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-5)


def test_sampling_at_a_cell_s_centre_gives_the_cell_and_far_outside_nothing():
    import torch

    from iapas.models.deformable import sample

    value = torch.arange(6.0).view(1, 6, 1, 1)
    weights = torch.ones(1, 1, 1, 1, 1)

    def at(x, y):
        return float(sample(value, None, [(2, 3)], None, torch.tensor([x, y]).view(1, 1, 1, 1, 1, 2), weights))

    assert at(2.5 / 3, 1.5 / 2) == pytest.approx(5)
    assert at(1.0, 0.25) == pytest.approx(1)  # half of the last cell: the rest is outside
    assert at(-9.0, 0.5) == 0
    assert at(1e30, 0.5) == 0


def test_the_encoder_layer_equals_that_of_transformers(layer):
    import torch

    from iapas.models.deformable import encode

    given = inputs()
    ours, attention = encode(layer, lambda: False, **given)
    torch.testing.assert_close(ours, layer(**given)[0], atol=3e-5, rtol=1e-4)
    assert attention is None


def test_bfloat16_changes_the_feed_forward_layers_alone_and_little(layer):
    import torch

    from iapas.models.deformable import encode

    exact, low = (encode(layer, lambda low=low: low, **inputs())[0] for low in (False, True))
    assert low.dtype == torch.float32
    assert 0 < (exact - low).abs().max() < 0.05 * exact.std()


@pytest.mark.parametrize("tokens", [1, 3, 40])
def test_fusion_equals_that_of_transformers(tokens):
    import torch
    import transformers
    from transformers.models.grounding_dino.modeling_grounding_dino import GroundingDinoBiMultiHeadAttention

    from iapas.models.fusion import attend

    config = transformers.GroundingDinoConfig(d_model=32, encoder_ffn_dim=96, encoder_attention_heads=4)
    torch.manual_seed(3)
    attention = GroundingDinoBiMultiHeadAttention(config).eval().requires_grad_(False)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    vision, text = torch.randn(2, 70, 32), torch.randn(2, tokens, 32)
    theirs = attention(vision, text, torch.zeros(2, 70, dtype=bool), torch.zeros(2, tokens, dtype=bool))
    ours = attend(attention, vision, text)
    for i in (0, 1):
        torch.testing.assert_close(ours[i][0], theirs[i][0], atol=1e-4, rtol=1e-4)
        assert theirs[i][0].std() > 0.1
