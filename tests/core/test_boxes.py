import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from iapas.core.boxes import area_shares, clip_boxes, nms, overlaps, size_rule, within_image
from iapas.types import Regions

SIZE = (60, 80)
boxes_anywhere = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 8), st.just(4)), elements=st.floats(-200, 200, width=32)
)


def regions(boxes, size=SIZE):
    n = len(boxes)
    return Regions(size, np.asarray(boxes, np.float32).reshape(n, 4), np.ones(n, np.float32), ["x"] * n)


def test_area_shares_are_shares_of_the_image():
    boxes = np.array([[0, 0, 80, 60], [0, 0, 40, 30], [-40, 0, 40, 60]], np.float32)
    assert area_shares(boxes, SIZE).tolist() == [1.0, 0.25, 0.5]


def test_size_rule_keeps_strictly_smaller_shares():
    # object: half the image; 0.8 of it: 0.4 of the image = 1920 px
    boxes = np.array([[0, 0, 64, 30], [0, 0, 64, 29], [0, 0, 64, 31]], np.float32)
    assert size_rule(boxes, SIZE, 0.5, 0.8).tolist() == [False, True, False]


@given(boxes_anywhere)
def test_size_rule_is_idempotent(boxes):
    kept = boxes[size_rule(boxes, SIZE, 0.7)]
    assert size_rule(kept, SIZE, 0.7).all()


@given(boxes_anywhere)
def test_fault_30_boxes_outside_inverted_or_empty_are_clipped_and_dropped(boxes):
    kept = within_image(regions(boxes))
    assert (kept.boxes[:, :2] >= 0).all()
    assert (kept.boxes[:, 2] <= SIZE[1]).all()
    assert (kept.boxes[:, 3] <= SIZE[0]).all()
    assert (kept.boxes[:, 2:] > kept.boxes[:, :2]).all()


def test_fault_30_counts_what_remains():
    kept = within_image(regions([[-5, -5, 10, 10], [90, 0, 95, 5], [20, 20, 10, 30], [5, 5, 5, 9], [1, 1, 3, 3]]))
    assert kept.boxes.tolist() == [[0, 0, 10, 10], [1, 1, 3, 3]]


def test_boxes_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        regions([[0, 0, np.nan, 1]])


def test_clip_boxes_keeps_boxes_inside():
    inside = np.array([[1, 2, 3, 4]], np.float32)
    assert (clip_boxes(inside, SIZE) == inside).all()


def test_overlaps_are_intersection_over_union():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 2, 8], [0, 0, 10, 5]], np.float32)
    assert overlaps(boxes[0], boxes) == pytest.approx([1, 1 / 3, 0, 0, 0.5])
    assert overlaps(boxes[3], boxes[3:4]) == [0]  # no area: no overlap, and no division by zero


def test_nms_drops_what_overlaps_a_better_box_beyond_the_limit():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 6], [20, 0, 30, 10]], np.float32)
    assert nms(boxes, np.array([0.9, 0.8, 0.7, 0.95]), 0.5).tolist() == [3, 0, 1]  # 0.5 is not above 0.5


def test_nms_lets_what_only_a_dropped_box_overlaps_stay():
    boxes = np.array([[0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]], np.float32)
    assert nms(boxes, np.array([3, 2, 1]), 0.5).tolist() == [0, 2]


def test_nms_takes_the_earlier_of_equal_scores_and_nothing_of_nothing():
    boxes = np.array([[0, 0, 10, 10]] * 3, np.float32)
    assert nms(boxes, np.full(3, 0.5), 0.5).tolist() == [0]
    assert nms(boxes, np.full(3, 0.5), 1.0).tolist() == [0, 1, 2]
    assert nms(boxes[:0], np.zeros(0), 0.5).tolist() == []


@given(boxes_anywhere, st.floats(0, 1))
def test_nms_leaves_no_two_boxes_that_overlap_beyond_the_limit(boxes, limit):
    scores = np.arange(len(boxes)) % 3
    kept = nms(boxes, scores, limit)
    assert (np.diff(scores[kept]) <= 0).all()
    for place, index in enumerate(kept):
        assert (overlaps(boxes[index], boxes[kept[place + 1 :]]) <= limit).all()
    dropped = np.setdiff1d(np.arange(len(boxes)), kept)
    assert all((overlaps(boxes[index], boxes[kept]) > limit).any() for index in dropped)
