import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from iapas.core.scoring import (
    ANY_POSITIVE,
    calibrated_threshold,
    critical_score,
    minmax,
    score_map,
    threshold_mask,
)
from iapas.types import Regions

SIZE = (12, 16)
maps = hnp.arrays(np.float32, SIZE, elements=st.floats(0, 4, width=32))


@st.composite
def some_regions(draw, least=0):
    n = draw(st.integers(least, 5))
    boxes, crops = [], []
    for _ in range(n):
        x0, y0 = draw(st.integers(0, 14)), draw(st.integers(0, 10))
        x1, y1 = draw(st.integers(x0 + 1, 16)), draw(st.integers(y0 + 1, 12))
        boxes.append((x0, y0, x1, y1))
        crops.append(draw(hnp.arrays(np.uint8, (y1 - y0, x1 - x0))))
    scores = draw(st.lists(st.floats(0, 1, width=32), min_size=n, max_size=n))
    return Regions(
        SIZE, np.array(boxes, np.float32).reshape(n, 4), np.array(scores, np.float32), ["x"] * n, tuple(crops)
    )


def test_score_map_is_the_sum_of_confidence_times_mask():
    full, half = np.full((4, 4), 255, np.uint8), np.full((4, 4), 51, np.uint8)
    boxes = np.array([[0, 0, 4, 4], [2, 2, 6, 6]], np.float32)
    result = score_map(Regions(SIZE, boxes, np.array([0.9, 0.5], np.float32), ["a", "b"], (full, half)))
    assert result.dtype == np.float32
    assert result[0, 0] == pytest.approx(0.9)
    assert result[3, 3] == pytest.approx(0.9 + 0.5 * 0.2)
    assert result[5, 5] == pytest.approx(0.1)
    assert result[8, 8] == 0


def test_fault_28_overlapping_regions_pass_one_and_are_not_squashed():
    full = np.full((4, 4), 255, np.uint8)
    boxes = np.array([[0, 0, 4, 4]] * 3, np.float32)
    result = score_map(Regions(SIZE, boxes, np.full(3, 0.8, np.float32), ["x"] * 3, (full,) * 3))
    assert result[0, 0] == pytest.approx(2.4)


@given(some_regions(), st.randoms())
def test_score_map_is_finite_zero_outside_and_free_of_order(regions, random):
    result = score_map(regions)
    assert result.shape == SIZE
    assert np.isfinite(result).all()
    assert (result >= 0).all()
    covered = np.zeros(SIZE, bool)
    for box in regions.boxes.astype(int):
        covered[box[1] : box[3], box[0] : box[2]] = True
    assert (result[~covered] == 0).all()
    order = list(range(len(regions)))
    random.shuffle(order)
    np.testing.assert_allclose(score_map(regions.take(order)), result, atol=1e-6)


@given(some_regions(least=1), st.floats(0, 1, width=32))
def test_score_map_grows_with_each_confidence(regions, more):
    scores = regions.scores.copy()
    scores[0] += np.float32(more)
    louder = Regions(SIZE, regions.boxes, scores, regions.phrases, regions.crops)
    assert (score_map(louder) >= score_map(regions)).all()


@given(maps)
def test_fault_27_minmax_is_in_range_and_zero_where_constant(scores):
    scaled = minmax(scores)
    assert np.isfinite(scaled).all()
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    assert (minmax(np.full_like(scores, 0.7)) == 0).all()


def test_mask_at_any_positive_score_is_the_union():
    scores = np.array([[0, 1e-30, 0.2]], np.float32)
    assert threshold_mask(scores, ANY_POSITIVE).tolist() == [[False, True, True]]


def test_min_area_drops_small_parts_and_keeps_diagonal_ones_together():
    scores = np.zeros(SIZE, np.float32)
    scores[1, 1] = scores[2, 2] = scores[3, 3] = 1
    scores[8, 8:10] = 1
    assert threshold_mask(scores, 0.5, 3).sum() == 3
    assert threshold_mask(scores, 0.5, 4).sum() == 0


@given(maps, st.integers(0, 8))
def test_critical_score_is_the_largest_threshold_with_a_mask(scores, min_area):
    critical = critical_score(scores, min_area)
    if critical > 0:
        assert threshold_mask(scores, critical, min_area).any()
    above = float(np.nextafter(np.float32(critical), np.float32(np.inf)))
    assert not threshold_mask(scores, above, min_area).any()


@given(st.lists(st.floats(0, 3, width=32), min_size=1, max_size=200), st.floats(0, 0.5))
def test_calibrated_threshold_keeps_its_promise_on_the_good_images(critical, share):
    threshold = np.float32(calibrated_threshold(critical, share))
    assert threshold > 0
    assert (np.array(critical, np.float32) >= threshold).mean() <= share


def test_calibrated_threshold_is_not_stricter_than_it_needs_to_be():
    critical = np.linspace(0.01, 1, 100)
    # floor(0.05 * 101) - 1 = 4 of the hundred may reach it
    assert (critical >= calibrated_threshold(critical, 0.05)).sum() == 4


def test_calibrated_threshold_holds_for_new_images_on_average():
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(400):
        threshold = calibrated_threshold(rng.random(100), 0.05)
        rates.append(1 - threshold)
    assert np.mean(rates) <= 0.05
    assert np.mean(rates) >= 0.03


@pytest.mark.parametrize(("critical", "share"), [([], 0.05), ([1.0], 1.0), ([1.0], -0.1)])
def test_calibrated_threshold_refuses_nonsense(critical, share):
    with pytest.raises(ValueError, match=r"good image|share"):
        calibrated_threshold(critical, share)
