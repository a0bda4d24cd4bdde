import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve

from iapas.core.intervals import counts_at, figures_at, interval, resamples


@given(st.integers(0, 10_000), st.sampled_from([1, 1e-3, 30]), st.booleans())
def test_counts_are_those_of_plain_comparison(seed, scale, whole):
    rng = np.random.default_rng(seed)
    scores = (rng.random((9, 11)) * scale).astype(np.float32)
    if whole:
        scores = np.round(scores * 4)
    truth = rng.random((9, 11)) < 0.3
    levels = np.unique(np.append(scores.ravel()[::5], [0, 0.5, 99]).astype(np.float32))[::-1]
    found = counts_at(scores, truth, levels)
    for kind, row in zip((truth, ~truth), found, strict=True):
        assert np.array_equal(row, [(scores[kind] >= level).sum() for level in levels])


def test_an_image_without_a_level_counts_nothing():
    empty = np.zeros(0, np.float32)
    assert counts_at(np.ones((2, 2), np.float32), np.ones((2, 2), bool), empty).shape == (2, 0)
    assert np.isnan(figures_at(np.zeros((5, 2, 0)))).all()


def test_at_all_scores_the_figures_are_exact():
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 40, (30, 30)).astype(np.float32)
    truth = rng.random((30, 30)) < 0.2
    ap, f1 = figures_at(counts_at(scores, truth, np.unique(scores)[::-1]))
    precision, recall, _ = precision_recall_curve(truth.ravel(), scores.ravel())
    assert ap == pytest.approx(average_precision_score(truth.ravel(), scores.ravel()), abs=1e-12)
    assert f1 == pytest.approx((2 * precision * recall / np.maximum(precision + recall, 1e-12)).max(), abs=1e-12)


def test_without_a_positive_pixel_nothing_is_defined():
    counts = np.zeros((2, 3), np.uint32)
    counts[1] = 5
    assert np.isnan(figures_at(counts)).all()


def test_resamples_keep_the_size_of_each_stratum_and_repeat():
    strata = [np.array([0, 2, 4]), np.array([1, 3])]
    drawn = list(resamples(strata, 50, seed=3))
    for weights in drawn:
        assert [weights[places].sum() for places in strata] == [3, 2]
    assert len({tuple(weights) for weights in drawn}) > 10
    assert np.array_equal(drawn, list(resamples(strata, 50, seed=3)))


def test_the_interval_is_the_middle():
    low, high = interval(np.append(np.arange(1001.0), np.nan))
    assert (low, high) == (pytest.approx(25), pytest.approx(975))
    assert np.isnan(interval(np.full(3, np.nan))).all()
