import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, precision_recall_curve

from iapas.core import metrics
from iapas.core.metrics import average_precision, count, f1_max, iou_f1, pack, rank


@st.composite
def pixels(draw, coarse=None):
    """Scores with many ties or few, and at least one positive."""
    n = draw(st.integers(1, 60))
    steps = draw(st.sampled_from([1, 4, 2**20])) if coarse is None else coarse
    scores = draw(hnp.arrays(np.int64, n, elements=st.integers(0, steps))).astype(np.float32) / 7
    labels = draw(hnp.arrays(bool, n))
    labels[draw(st.integers(0, n - 1))] = True
    return scores, labels


def sklearn_f1(scores, labels):
    precision, recall, _ = precision_recall_curve(labels, scores)
    return (2 * precision * recall / np.maximum(precision + recall, 1e-300)).max()


@given(pixels())
def test_equals_scikit_learn(data):
    scores, labels = data
    f1, threshold = f1_max(scores, labels)
    assert average_precision(scores, labels) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert f1 == pytest.approx(sklearn_f1(scores, labels), abs=1e-12)
    assert iou_f1(*count(scores >= threshold, labels))[1] == pytest.approx(f1, abs=1e-12)


@given(pixels(), st.sampled_from([1, 2, 3, 7]))
def test_chunks_change_nothing(data, chunk):
    whole = rank(pack(*data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "_CHUNK", chunk)
        parts = rank(pack(*data))
    assert parts.average_precision == pytest.approx(whole.average_precision, abs=1e-12)
    assert (parts.f1_max, parts.f1_threshold) == (whole.f1_max, whole.f1_threshold)


@given(pixels(), st.randoms(use_true_random=False))
def test_the_order_of_pixels_does_not_matter(data, random):
    scores, labels = data
    order = random.sample(range(scores.size), scores.size)
    assert rank(pack(scores[order], labels[order])) == rank(pack(scores, labels))


@given(pixels(coarse=1000))
def test_only_the_order_of_scores_matters(data):
    scores, labels = data
    mapped = np.sqrt(scores) + 3  # strictly monotone, and no two of these values meet in float32
    one, other = rank(pack(scores, labels)), rank(pack(mapped, labels))
    assert (one.average_precision, one.f1_max) == (other.average_precision, other.f1_max)


def test_many_continuous_pixels_equal_scikit_learn():
    rng = np.random.default_rng(3)
    labels = rng.random(300_000) < 0.02
    scores = (rng.gamma(2.0, 0.1, labels.size) + labels * rng.random(labels.size)).astype(np.float32)
    scores[rng.random(labels.size) < 0.5] = 0
    assert average_precision(scores, labels) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert f1_max(scores, labels)[0] == pytest.approx(sklearn_f1(scores, labels), abs=1e-12)


def test_scores_over_one_and_the_highest_of_equal_thresholds():
    scores = np.float32([3, 2, 1, 0.5])
    labels = np.array([True, False, False, True])  # F1 is 2/3 both at 3 and at 0.5
    assert f1_max(scores, labels) == (pytest.approx(2 / 3), 3.0)


def test_images_may_be_packed_one_by_one_into_one_array():
    rng = np.random.default_rng(0)
    scores, labels = rng.random((3, 8, 9), np.float32), rng.random((3, 8, 9)) < 0.3
    keys = np.empty(scores.size, np.uint32)
    for i in range(3):
        keys[i * 72 : (i + 1) * 72] = pack(scores[i], labels[i])
    assert rank(keys) == rank(pack(scores, labels))


def test_undefined_is_nan():
    none = np.zeros(4, bool)
    assert np.isnan(average_precision(np.ones(4, np.float32), none))
    assert np.isnan(f1_max(np.ones(4, np.float32), none)).all()
    assert np.isnan(average_precision(np.ones(0, np.float32), none[:0]))
    assert np.isnan(iou_f1(0, 0, 0)).all()


def test_negative_zero_is_zero():
    labels = np.array([True, False])
    assert (
        average_precision(np.float32([-0.0, 0.0]), labels) == average_precision(np.float32([0.0, -0.0]), labels) == 0.5
    )


@pytest.mark.parametrize("bad", [np.nan, -1e-9, np.inf])
def test_scores_that_are_no_scores_are_refused(bad):
    with pytest.raises(ValueError, match="finite and >= 0"):
        average_precision(np.array([0.5, bad]), np.array([True, False]))


def test_labels_that_are_not_bool_or_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="bool"):
        pack(np.ones(3, np.float32), np.array([0, 1, 1]))
    with pytest.raises(ValueError, match="shape"):
        pack(np.ones(3, np.float32), np.ones(2, bool))


def test_counts_give_iou_and_f1():
    mask = np.array([[True, True], [False, False]])
    truth = np.array([[True, False], [True, False]])
    assert count(mask, truth) == (1, 1, 1)
    assert iou_f1(1, 1, 1) == (pytest.approx(1 / 3), 0.5)
    assert iou_f1(0, 3, 0) == (0.0, 0.0)
