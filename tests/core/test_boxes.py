import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from iapas.core.boxes import area_shares, clip_boxes, size_rule, within_image
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
