"""Feature extractors: each kind loads through its real class, and its grid covers the picture."""

import numpy as np
import pytest

from iapas.config import load_config
from iapas.errors import ConfigError, ModelNonfinite
from iapas.models import registry
from iapas.models.exemplars import extractor
from iapas.models.exemplars.extractors import Extractor, dense, squares
from iapas.models.loading import Runtime

GRIDS = {
    "pdn-small": (16, 16, 384),
    "dino-vits8": (8, 8, 16),
    "dino-vits16": (4, 4, 16),
    "dinov2-small": (5, 5, 16),  # 64 is nearest to 70, five patches of 14
    "resnet18": (8, 8, 48),
    "resnet50": (8, 8, 48),
    "sam-vit-base": (4, 4, 16),
    "sam-hq-vit-base": (4, 4, 16),
    "sam2.1-hiera-tiny": (4, 4, 128),
    "sam2.1-hiera-small": (4, 4, 128),
}


@pytest.mark.parametrize("name", GRIDS)
def test_features_of_each_kind(name, tiny, surface):
    made = dense(tiny(name), 64, Runtime())
    images = [surface(48, 80), surface(64, 64, seed=1)]
    together = made.features(images)
    assert [found.shape for found in together] == [GRIDS[name]] * 2
    assert all(found.dtype == np.float32 and np.isfinite(found).all() for found in together)
    (alone,) = made.features(images[1:])
    np.testing.assert_allclose(together[1], alone, atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3
    made.close()


@pytest.mark.parametrize("name", ["pdn-small", "dino-vits8", "sam-vit-base", "sam2.1-hiera-tiny"])
def test_the_first_axis_of_the_grid_is_down(name, tiny):
    """A picture and the same with its lower half changed: the features below change more."""
    image = np.full((64, 96, 3), 128, np.uint8)
    other = image.copy()
    other[36:] = np.random.default_rng(0).integers(0, 256, other[36:].shape, np.uint8)
    one, two = dense(tiny(name), 64, Runtime()).features([image, other])
    change = np.abs(one - two).mean(axis=2)
    half = len(change) // 2
    assert change[half:].mean() > change[:half].mean()


def test_pictures_are_resized_as_the_released_code_does():
    import cv2

    image = np.random.default_rng(8).integers(0, 256, (30, 40, 3), np.uint8)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    wanted = (cv2.resize(image, (24, 24), interpolation=cv2.INTER_LINEAR) / 255 - mean) / std
    np.testing.assert_allclose(squares([image], 24, "cpu")[0].permute(1, 2, 0).numpy(), wanted, atol=1e-5)


def test_a_model_without_features_is_refused(tiny):
    with pytest.raises(ConfigError, match="grounding-dino"):
        dense(tiny("grounding-dino-tiny"), 64, Runtime())


def test_nan_features_are_no_features(surface):
    made = Extractor(None, lambda _, given: given * float("nan"), 16, Runtime())
    with pytest.raises(ModelNonfinite, match="feature extractor"):
        made.features([surface(16, 16)])


def test_bfloat16_gives_nearly_the_same(tiny, surface):
    full, half = (
        dense(tiny("dino-vits8"), 64, Runtime(precision=kind)).features([surface(64, 64)])[0]
        for kind in ("fp32", "bf16")
    )
    assert half.dtype == np.float32
    assert 0 < np.abs(full - half).max() < 0.2


def test_the_config_names_it(tiny):
    root = str(tiny("pdn-small").parent)
    tiny("resnet50")
    chosen = [f"exemplars.{text}" for text in ("support=examples", "extractor=pdn-small", "side=64")]
    config = load_config("embedded", [*chosen, f"models.root={root}"])
    assert [model.name for model in registry.named_by(config, (2,))] == ["pdn-small"]
    assert registry.named_by(config, (1,)) == []
    image = np.zeros((64, 64, 3), np.uint8)
    assert extractor(config, Runtime()).features([image])[0].shape == (16, 16, 384)


def test_methods_bring_their_own_models():
    def names(name):
        config = load_config("embedded", ["exemplars.support=examples", f"exemplars.name={name}"])
        return [model.name for model in registry.named_by(config, (2,))]

    assert names("fm") == []
    assert names("sam2-video") == names("sam2-refine") == ["sam2.1-hiera-small"]
    assert names("persam") == ["sam-vit-huge"]
    assert names("matcher") == ["dinov2-small", "sam-vit-huge"]
    assert names("ssp") == ["resnet50"]
