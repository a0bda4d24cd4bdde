"""Matcher: matching both ways, samples of points, masks by likeness; from end to end with tiny models."""

import numpy as np
import pytest

from iapas.config import load_config
from iapas.models.exemplars import exemplars
from iapas.models.exemplars.assignment import MOST_COMPARED, assign, transport
from iapas.models.exemplars.masks import cells_of
from iapas.models.exemplars.matcher import best, centres, fit, match_both_ways, samples
from iapas.models.loading import Runtime
from iapas.types import MaskCrop


@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (20, 55), (55, 20), (120, 300)])
def test_pairs_are_the_best(shape):
    scipy = pytest.importorskip("scipy.optimize")
    for seed in range(3):
        similarity = np.random.default_rng(seed).normal(size=shape)
        rows, columns = assign(similarity)
        assert len(set(rows)) == len(set(columns)) == len(rows) == min(shape)
        assert (np.diff(rows) > 0).all()
        wanted = similarity[scipy.linear_sum_assignment(similarity, maximize=True)].sum()
        assert similarity[rows, columns].sum() == pytest.approx(wanted)


def test_pairs_with_ties():
    assert assign(np.zeros((3, 5)))[0].tolist() == [0, 1, 2]
    similarity = np.random.default_rng(0).integers(0, 3, (30, 30)).astype(float)
    scipy = pytest.importorskip("scipy.optimize")
    wanted = similarity[scipy.linear_sum_assignment(similarity, maximize=True)].sum()
    assert similarity[assign(similarity)].sum() == wanted


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_cells_match_both_ways():
    """A query cell that is nearer to the background of the example than to its foreground goes."""
    a, b, c = np.eye(3, 8)
    reference = unit(np.array([a, b, c, a + b]))
    inside = np.array([0, 3])
    query = unit(np.array([c, a + 0.1 * c, b + 0.1 * a]))
    # cell 2 is the best partner left for a + b, but it is b, which is background
    assert match_both_ways(reference, inside, query).tolist() == [1]
    alone = match_both_ways(reference, np.array([3]), unit(np.array([b + 0.1 * a, c])))
    assert alone.tolist() == [0]  # none comes back: all stay


def test_of_many_the_better_half():
    rng = np.random.default_rng(1)
    reference = unit(rng.normal(size=(60, 16)))
    query = unit(reference + np.linspace(0, 0.3, 60)[:, None] * rng.normal(size=(60, 16)))
    found = match_both_ways(reference, np.arange(60), query)
    assert len(found) == 30
    assert found.mean() < 22  # the first ones are the nearer ones


def test_points_are_the_centres_of_clusters():
    few = np.array([0, 5, 11])
    np.testing.assert_allclose(centres(few, (3, 4)), [[0.125, 1 / 6], [0.375, 0.5], [0.875, 5 / 6]], atol=1e-6)
    many = np.flatnonzero(np.random.default_rng(0).random((20, 30)) < 0.2)
    found = centres(many, (20, 30))
    assert found.shape == (8, 2)
    np.testing.assert_array_equal(found, centres(many, (20, 30)))
    assert (found > 0).all()
    assert (found < 1).all()


def test_samples_are_all_choices():
    assert [chosen.shape for chosen in samples(8)] == [(70, 4), (56, 5), (28, 6)]
    assert [chosen.shape for chosen in samples(5)] == [(5, 4), (1, 5)]
    assert [chosen.tolist() for chosen in samples(2)] == [[[0, 1]]]


def test_the_earth_movers_distance():
    assert transport(np.float32([[0, 1], [1, 0]])) == pytest.approx(0)
    assert transport(np.float32([[0.2, 0.6]])) == pytest.approx(0.4)
    assert transport(np.float32([[0, 1, 1], [1, 1, 0]])) == pytest.approx(1 / 3)
    assert transport(np.full((3 * MOST_COMPARED, 2), 0.25, np.float32)) == pytest.approx(0.25, abs=1e-4)


def test_how_a_mask_fits():
    distance = np.float32([[0, 0, 0.5, 0.5]])
    covered = np.array([True, False, True, False])
    likeness, purity, coverage = 1 - 0.25, 1 / 2, 1 / 3
    expected = 0.8 * likeness + 0.2 * purity * coverage
    assert fit(covered, np.array([0, 1, 3]), distance) == pytest.approx(expected)


def test_the_best_masks_are_merged():
    mask = MaskCrop.of(np.ones((2, 2), bool))
    kept = best([(mask, score) for score in (0.5, 1.0, 0.7, 0.71, *[0.9] * 20)])
    assert [score for _, score in kept] == [1.0] + [0.9] * 9
    assert [score for _, score in best([(mask, 0.5), (mask, 1.0), (mask, 0.71)])] == [1.0, 0.71]
    assert best([]) == []


def test_cells_of_a_mask():
    mask = MaskCrop.of(np.ones((2, 3), bool), (7, 4))  # columns 7 to 9, rows 4 and 5 of 12 x 8
    found = cells_of(mask, (8, 12), (4, 4))
    assert [place.tolist() for place in np.nonzero(found)] == [[2, 2], [2, 3]]


def picture(seed=0, size=(48, 64)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def made_mask(size=(48, 64)):
    mask = np.zeros(size, bool)
    mask[8:24, 16:40] = True
    return mask


@pytest.mark.parametrize("name", ["sam-vit-base", "sam2.1-hiera-tiny"])
def test_from_end_to_end(name, tiny, monkeypatch):
    monkeypatch.setattr("iapas.models.exemplars.matcher.CENTRES", 5)  # 6 samples, not 154: time
    root = tiny(name).parent
    tiny("dinov2-small")
    words = ["support=x", "name=matcher", f"model={name}", "side=70"]
    config = load_config("embedded", [f"models.root={root}", *(f"exemplars.{word}" for word in words)])
    made = exemplars(config, Runtime())
    made.prepare([(picture(0), made_mask()), (picture(1), made_mask())])
    queries = [picture(2), picture(3, (64, 40))]
    found = made.score(queries)
    assert [scores.shape for scores in found] == [(48, 64), (64, 40)]
    for scores in found:
        assert scores.dtype == np.float32
        values = np.unique(scores)
        assert ((values == 0) | ((values > 0.5) & (values <= 1))).all()
        assert values.max() > 0.5
    np.testing.assert_array_equal(made.score(queries[1:])[0], found[1])
    with pytest.raises(ValueError, match="no foreground"):
        made.prepare([(picture(0), ~np.ones((48, 64), bool))])
    made.close()
