import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapas.core.ranking import (
    Pixels,
    Tally,
    merge_rows,
    places,
    region_areas,
    rows,
    runs_of_negatives,
    score_bits,
    split_ties,
    steps,
)

ONE = np.ones(1, np.int64)


def counted(found):
    return dict(zip(found["key"].tolist(), found["count"].tolist(), strict=True))


def test_bits_sort_as_scores_do_and_keep_no_sign():
    scores = np.float32([-0.0, 0.0, 1e-45, 1e-20, 0.5, 1.0, 3e38])
    bits = score_bits(scores)
    assert bits[0] == bits[1] == 0
    assert (np.diff(bits[1:].astype(np.int64)) > 0).all()
    assert score_bits(scores.astype(np.float64)).tolist() == bits.tolist()


def test_regions_touch_at_corners_and_have_areas():
    truth = np.array([[1, 0, 0, 0, 1], [0, 1, 0, 0, 0], [0, 0, 0, 1, 1]], bool)
    areas, found = region_areas(truth)
    assert (areas.tolist(), found) == ([2, 1, 2, 2, 2], 3)
    areas, found = region_areas(np.pad(truth, 3)[::1, ::-1])
    assert (areas.tolist(), found) == ([1, 2, 2, 2, 2], 3)
    assert region_areas(np.zeros((4, 5), bool))[1] == 0


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 40)), max_size=30))
def test_ties_and_the_rest_are_all_keys(drawn):
    keys = np.sort(np.repeat(*np.array(drawn, np.int64).reshape(-1, 2).T)).astype(np.uint32)
    rest, tied = split_ties(keys)
    assert (tied["count"] >= 16).all()
    assert np.unique(rest, return_counts=True)[1].max(initial=0) < 16
    assert np.sort(np.append(rest, np.repeat(tied["key"], tied["count"]))).tolist() == keys.tolist()


def test_negative_pixels_of_a_constant_map():
    bits, truth = np.repeat(np.uint32([7, 3, 7]), [30, 20, 14]), np.zeros(64, bool)
    truth[10:15] = truth[40:45] = True
    assert counted(runs_of_negatives(bits, truth)) == {7: 39, 3: 15}
    assert runs_of_negatives(np.arange(64, dtype=np.uint32), truth) is None
    assert counted(runs_of_negatives(bits, ~np.zeros(64, bool))) == {}


def test_rows_of_equal_keys_add_up():
    one, other = rows(np.uint32([4, 2, 4]), np.int64([1, 5, 2])), rows(np.uint32([2, 9]), np.int64([1, 1]))
    assert counted(one) == {2: 5, 4: 3}
    assert counted(merge_rows([one, other])) == {2: 6, 4: 3, 9: 1}


def test_steps_say_what_lies_above_and_count_on():
    high, low = score_bits(np.float32([0.75])), score_bits(np.float32([0.25]))
    pixels = Pixels(
        negatives=[np.concatenate([low, high])],
        negative_rows=[rows(low, 10 * ONE)],
        positives=[places(np.concatenate([low, high]), np.int64([4, 2]))],
        positive_rows=[rows(places(low, 2 * ONE), 3 * ONE)],
    )
    step = steps(pixels, Tally(100, 1000, 5.0))
    assert step.scores.tolist() == [0.75, 0.25]
    assert step.found.tolist() == [101, 105]
    assert step.covered.tolist() == pytest.approx([5.5, 7.25])
    assert step.above.tolist() == [1000, 1001]
    assert step.passed.tolist() == [1001, 1012]
    assert step.end == Tally(105, 1012, 7.25)
    empty = steps(Pixels(negatives=[high]), step.end)
    assert (empty.scores.size, empty.end) == (0, Tally(105, 1013, 7.25))
