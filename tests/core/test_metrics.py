import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from iapas.core.metrics import Totals, count, image_figures, iou_f1, judge, rank_values
from iapas.core.ranking import Pixels, places, score_bits, steps


@st.composite
def pixels(draw, coarse=None):
    """Scores with many ties or few, and at least one positive."""
    n = draw(st.integers(1, 60))
    steps = draw(st.sampled_from([1, 4, 2**20])) if coarse is None else coarse
    scores = draw(hnp.arrays(np.int64, n, elements=st.integers(0, steps))).astype(np.float32) / 7
    labels = draw(hnp.arrays(bool, n))
    labels[draw(st.integers(0, n - 1))] = True
    return scores, labels


def judged(scores, labels):
    ranking, totals = rank_values(scores, labels)
    return judge([ranking], totals)


def sklearn_f1(scores, labels):
    precision, recall, _ = precision_recall_curve(labels, scores)
    return (2 * precision * recall / np.maximum(precision + recall, 1e-300)).max()


@given(pixels())
def test_equals_scikit_learn(data):
    scores, labels = data
    found = judged(scores, labels)
    assert found.ap == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert found.f1_max == pytest.approx(sklearn_f1(scores, labels), abs=1e-12)
    assert iou_f1(*count(scores >= found.f1_threshold, labels))[1] == pytest.approx(found.f1_max, abs=1e-12)
    if labels.all():
        assert np.isnan([found.auroc, found.aupro]).all()
    else:
        assert found.auroc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert image_figures(scores, labels).auroc == found.auroc


@given(pixels(), st.randoms(use_true_random=False))
def test_the_order_of_pixels_does_not_matter(data, random):
    scores, labels = data
    order = random.sample(range(scores.size), scores.size)
    np.testing.assert_equal(vars(judged(scores[order], labels[order])), vars(judged(scores, labels)))


@given(pixels(coarse=1000))
def test_only_the_order_of_scores_matters(data):
    scores, labels = data
    mapped = np.sqrt(scores) + 3  # strictly monotone, and no two of these values meet in float32
    one, other = judged(scores, labels), judged(mapped, labels)
    np.testing.assert_equal(vars(one) | {"f1_threshold": 0}, vars(other) | {"f1_threshold": 0})


def test_many_continuous_pixels_equal_scikit_learn():
    rng = np.random.default_rng(3)
    labels = rng.random(300_000) < 0.02
    scores = (rng.gamma(2.0, 0.1, labels.size) + labels * rng.random(labels.size)).astype(np.float32)
    scores[rng.random(labels.size) < 0.5] = 0
    found = judged(scores, labels)
    assert found.ap == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert found.auroc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert found.f1_max == pytest.approx(sklearn_f1(scores, labels), abs=1e-12)


def test_scores_over_one_and_the_highest_of_equal_thresholds():
    scores = np.float32([3, 2, 1, 0.5])
    found = judged(scores, np.array([True, False, False, True]))  # F1 is 2/3 both at 3 and at 0.5
    assert (found.f1_max, found.f1_threshold) == (pytest.approx(2 / 3), 3.0)


def test_the_highest_of_equal_thresholds_in_two_blocks():
    one = np.ones(1, np.int64)
    first, second, between = (score_bits(np.float32([score])) for score in (3, 0.5, 1))
    high = steps(Pixels(positives=[places(first, one)]))
    low = steps(Pixels(negatives=[between, between], positives=[places(second, one)]), high.end)
    assert judge([high, low], Totals(2, 2, 2)).f1_threshold == 3.0


def test_undefined_is_nan():
    for size in (4, 0):
        found = judged(np.ones(size, np.float32), np.zeros(size, bool))
        assert np.isnan(list(vars(found).values())).all()
    assert np.isnan(iou_f1(0, 0, 0)).all()


def test_negative_zero_is_zero():
    labels = np.array([True, False])
    for scores in ([-0.0, 0.0], [0.0, -0.0]):
        assert judged(np.float32(scores), labels).ap == 0.5


@pytest.mark.parametrize("bad", [np.nan, -1e-9, np.inf, -np.inf])
def test_scores_that_are_no_scores_are_refused(bad):
    with pytest.raises(ValueError, match="finite and >= 0"):
        image_figures(np.array([0.5, bad]), np.array([True, False]))


def test_labels_that_are_not_bool_or_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="bool"):
        image_figures(np.ones(3, np.float32), np.array([0, 1, 1]))
    with pytest.raises(ValueError, match="shape"):
        image_figures(np.ones(3, np.float32), np.ones(2, bool))
    with pytest.raises(ValueError, match="floats"):
        image_figures(np.ones(3, np.uint8), np.ones(3, bool))


def test_counts_give_iou_and_f1():
    mask = np.array([[True, True], [False, False]])
    truth = np.array([[True, False], [True, False]])
    assert count(mask, truth) == (1, 1, 1)
    assert iou_f1(1, 1, 1) == (pytest.approx(1 / 3), 0.5)
    assert iou_f1(0, 3, 0) == (0.0, 0.0)
