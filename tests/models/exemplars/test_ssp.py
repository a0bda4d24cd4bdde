"""SSP: the released rule, restated in torch, and from end to end with a tiny ResNet."""

import numpy as np
import pytest

from iapas.config import load_config
from iapas.errors import ConfigError
from iapas.models.exemplars import exemplars
from iapas.models.exemplars.ssp import Ssp, pool, self_support, surest
from iapas.models.loading import Runtime


def picture(seed=0, size=(60, 90)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def mask(size=(60, 90)):
    made = np.zeros(size, bool)
    made[10:30, 20:60] = True
    return made


@pytest.mark.parametrize("spread", [0.05, 2.0])  # without sure cells, and with them
def test_the_published_rule(spread):
    import torch
    from torch.nn.functional import cosine_similarity, interpolate

    rng = np.random.default_rng(3)
    common = rng.normal(size=16)
    support, query = (np.float32(common + spread * rng.normal(size=(6, 9, 16))) for _ in range(2))
    inside = mask()
    weights = interpolate(torch.from_numpy(inside).float()[None, None], (6, 9), mode="bilinear", align_corners=True)[
        0, 0
    ]
    s, cells = torch.from_numpy(support), torch.from_numpy(query).reshape(-1, 16)
    f, b = ((s * w[..., None]).sum((0, 1)) / (w.sum() + 1e-5) for w in (weights, 1 - weights))
    found = pool(support, inside)
    np.testing.assert_allclose(found[0], f, atol=1e-5)
    np.testing.assert_allclose(found[1], b, atol=1e-5)

    both = torch.stack([cosine_similarity(cells, p[None]) for p in (b, f)]) * 10
    sure = both.softmax(0)
    like, unlike = (
        cells[sure[i] > limit] if (sure[i] > limit).any() else cells[sure[i].topk(12).indices]
        for i, limit in ((1, 0.7), (0, 0.6))
    )
    assert (len(like) == 12) == (spread == 0.05)
    near = (torch.nn.functional.normalize(cells) @ torch.nn.functional.normalize(unlike).T * 2).softmax(-1) @ unlike
    own, around = 0.5 * f + 0.5 * like.mean(0), 0.3 * unlike.mean(0) + 0.7 * near
    wanted = cosine_similarity(cells, own[None]) - cosine_similarity(cells, around)
    np.testing.assert_allclose(self_support(query, *found).ravel(), wanted, atol=1e-5)


def test_the_surest_cells():
    assert surest(np.float32([0.1, 0.8, 0.9]), 0.7).tolist() == [1, 2]
    assert surest(np.linspace(0, 0.5, 40), 0.7).tolist() == list(range(39, 27, -1))


@pytest.mark.parametrize("name", ["resnet50", "resnet18"])
def test_from_end_to_end(name, tiny):
    root = tiny(name).parent
    words = ["support=x", "name=ssp", f"extractor={name}", "side=64"]
    config = load_config("embedded", [f"models.root={root}", *(f"exemplars.{word}" for word in words)])
    made = exemplars(config, Runtime())
    made.prepare([(picture(0), mask()), (picture(1), mask())])
    queries = [picture(2), picture(3, (80, 50))]
    found = made.score(queries)
    assert [scores.shape for scores in found] == [(60, 90), (80, 50)]
    assert all(scores.dtype == np.float32 and 0 <= scores.min() < scores.max() <= 1 for scores in found)
    np.testing.assert_allclose(made.score(queries[1:])[0], found[1], atol=1e-6)
    made.close()


def test_what_looks_like_the_example_is_found(tiny):
    """A dark bar on a light ground, elsewhere in the query; the weights are random, the colours are not."""
    made = Ssp(tiny("resnet50"), 128, Runtime())

    def bar(y):
        image = np.full((128, 128, 3), 220, np.uint8)
        image[y : y + 32] = 10
        return image, image[..., 0] < 100

    made.prepare([bar(16)])
    query, truth = bar(72)
    (found,) = made.score([query])
    assert found[truth].mean() > found[~truth].mean() + 0.05


def test_layer_3_keeps_the_grid_of_layer_2(tiny):
    made = Ssp(tiny("resnet50"), 64, Runtime())
    (found,) = made._extractor.features([picture()])
    assert found.shape == (8, 8, 32)
    assert found.min() < 0  # the last ReLU is gone
    first, second = made._extractor._model.encoder.stages[2].layers
    assert {part.convolution.dilation for part in first.layer} == {(1, 1)}
    assert [part.convolution.dilation for part in second.layer] == [(1, 1), (2, 2), (1, 1)]


def test_classes_are_matched_each_by_itself(tiny):
    made = Ssp(tiny("resnet50"), 64, Runtime())
    labels = np.where(mask(), 1, 0) + np.where(mask()[::-1, ::-1], 3, 0)
    made.prepare([(picture(0), labels)])
    (both,) = made.score([picture(1)])
    alone = []
    for value in (1, 3):
        made.prepare([(picture(0), labels == value)])
        alone += made.score([picture(1)])
    np.testing.assert_allclose(both, np.maximum(*alone), atol=1e-6)


def test_small_masks_count_and_none_is_refused(tiny):
    speck = np.zeros((60, 90), bool)
    speck[17, 33] = True
    features = np.random.default_rng(0).random((6, 9, 4), np.float32)
    np.testing.assert_allclose(pool(features, speck)[0], features[1, 3], atol=1e-4)
    made = Ssp(tiny("resnet50"), 64, Runtime())
    with pytest.raises(ValueError, match="no foreground"):
        made.prepare([(picture(), np.zeros((60, 90), bool))])
    with pytest.raises(ValueError, match="no background"):
        made.prepare([(picture(), np.ones((60, 90), bool))])
    with pytest.raises(ConfigError, match="needs a ResNet"):
        Ssp(tiny("dino-vits8"), 64, Runtime())
