"""The features of examples: the filter bank's and the compact model's side by side."""

import os
from pathlib import Path

import numpy as np
import pytest

from iapas import Segmenter, roles
from iapas.config import load_config
from iapas.core.metrics import judge, rank_values
from iapas.embedded.compact import model as compact
from iapas.embedded.exemplars import FilterBank, PairFeatures
from iapas.errors import ConfigError
from iapas.files.images import read_image
from iapas.files.truth import read_truth
from iapas.settings import Reading
from iapas.stages.exemplars import FeatureMatching, combined
from iapas.types import ObjectProfile, Phrase


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


DATA = Path(os.environ.get("IAPAS_DATA", Path(__file__).parents[3] / "shared/data")) / "SD-saliency-900"


def best_f1(maps: list[np.ndarray], truths: list[np.ndarray]) -> float:
    ranking, totals = rank_values(*(np.concatenate([one.ravel() for one in many]) for many in (maps, truths)))
    return judge([ranking], totals).f1_max


@pytest.mark.skipif(not DATA.is_dir(), reason="SD-saliency-900 is not there: set IAPAS_DATA")
@pytest.mark.parametrize("group", ["In", "Pa"])
def test_one_example_helps_on_real_steel(group: str) -> None:
    """Sixteen queries; the whole set is measured by scripts/bench_exemplars.py."""
    paths = sorted((DATA / "Source Images").glob(f"{group}_*.bmp"))
    chosen = [paths[k] for k in np.random.default_rng(1).permutation(len(paths))[:17]]
    images = [read_image(path, Reading()).frames[0] for path in chosen]
    truths = [read_truth(DATA / "Ground truth" / f"{path.stem}.png") for path in chosen]
    matching = FeatureMatching(PairFeatures())
    matching.prepare([(images[0], truths[0])])
    few = matching.score(images[1:])
    segmenter, profile = Segmenter.from_config("embedded"), ObjectProfile(phrases=(Phrase("defect", "lexicon"),))
    zero = [np.minimum(segmenter.segment(image, profile).score_map, 1) for image in images[1:]]
    together = [combined(a, b, "odds") for a, b in zip(zero, few, strict=True)]
    assert best_f1(together, truths[1:]) - best_f1(zero, truths[1:]) > 0.02
