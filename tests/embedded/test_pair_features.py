"""The features of examples: the filter bank's and the compact model's side by side."""

import numpy as np
import pytest

from iapas import roles
from iapas.config import load_config
from iapas.embedded.compact import model as compact
from iapas.embedded.exemplars import FilterBank, PairFeatures
from iapas.errors import ConfigError
from iapas.stages.exemplars import FeatureMatching


def surface(seed: int = 0, size: tuple[int, int] = (256, 256)) -> np.ndarray:
    grey = 130 + np.random.default_rng(seed).normal(0, 8, size)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def part() -> np.ndarray:
    image = np.full((256, 256, 3), 20, np.uint8)
    image[96:160, 64:192] = 150 + np.random.default_rng(1).integers(0, 8, (64, 128, 1), dtype=np.uint8)
    return image


@pytest.mark.parametrize("side", [64, 254, 256])
@pytest.mark.parametrize("image", [surface(), surface(size=(90, 301)), part(), np.zeros((40, 40, 3), np.uint8)])
def test_a_cell_has_the_filters_and_two_layers_of_the_model(side: int, image: np.ndarray) -> None:
    (features,) = PairFeatures(side).features([image])
    (filters,) = FilterBank(side).features([image])
    assert features.shape == (side // 4, side // 4, filters.shape[2] + 1 + 32 + 64)
    assert features.dtype == np.float32 and np.isfinite(features).all()
    assert np.array_equal(features[..., : filters.shape[2]], filters)


def test_where_there_is_no_part_the_model_sees_nothing() -> None:
    (features,) = PairFeatures().features([part()])
    learnt = np.abs(features[..., 14:]).sum(axis=2)
    assert learnt[:20].max() == 0 and learnt[28:36, 20:44].min() > 0


def test_an_example_finds_the_like() -> None:
    def scratched(seed: int, row: int) -> tuple[np.ndarray, np.ndarray]:
        image, mask = surface(seed), np.zeros((256, 256), bool)
        mask[row : row + 4, 60:190] = True
        image[mask] = (image[mask] * 0.6).astype(np.uint8)
        return image, mask

    matching = FeatureMatching(PairFeatures())
    matching.prepare([scratched(1, 100)])
    query, mask = scratched(2, 180)
    (scores,) = matching.score([query])
    assert scores[mask].mean() > 0.5 > np.quantile(scores[:170], 0.99)


def test_classical_vision_alone_matches_by_filters_alone() -> None:
    def made(config: str) -> object:
        return roles.extractor(load_config(config, ["exemplars.support=x"]), lambda: pytest.fail("no model is needed"))

    assert type(made("embedded-classical")) is FilterBank
    assert type(made("embedded")) is PairFeatures


def test_a_network_with_other_outputs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "OUTPUTS", ("wrong", "another"))
    with pytest.raises(ConfigError, match="does not give wrong, another"):
        PairFeatures().features([surface()])
