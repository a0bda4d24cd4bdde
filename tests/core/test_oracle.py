import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapas.core.oracle import select_masks
from iapas.types import Regions

SIZE = (12, 16)


def regions_of(masks, size=SIZE):
    """Regions whose masks are these, each over the whole image."""
    boxes = np.tile(np.float32([0, 0, size[1], size[0]]), (len(masks), 1)).reshape(-1, 4)
    crops = tuple(np.where(mask, np.uint8(255), np.uint8(0)) for mask in masks)
    return Regions(size, boxes, np.ones(len(masks), np.float32), [""] * len(masks), crops)


def rectangle(x0, y0, x1, y1):
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def iou(one, two):
    return (one & two).sum() / max(1, (one | two).sum())


def naive(masks, truth):
    """The same greedy choice, over whole pictures."""
    found = []
    for negatives in (False, True):
        chosen, reached = np.zeros(truth.shape, bool), 0.0
        while True:
            options = [chosen | m for m in masks] + [chosen & ~m for m in masks]
            options += [chosen | ~m for m in masks] if negatives else []
            values = [iou(option, truth) for option in options]
            if not values or max(values) <= reached:
                break
            reached = max(values)
            chosen = options[values.index(reached)]
        found.append((chosen, reached))
    return max(found, key=lambda pair: pair[1])


def test_parts_of_the_truth_are_put_together():
    left, right = rectangle(0, 0, 4, 12), rectangle(10, 0, 16, 12)
    chosen = select_masks(regions_of([left, rectangle(5, 5, 9, 9), right]), left | right)
    assert chosen.steps == ((2, "add"), (0, "add"))  # the larger first
    assert chosen.iou == 1
    assert np.array_equal(chosen.mask, left | right)


def test_the_negative_of_the_background_is_the_defect():
    ground = ~rectangle(3, 3, 6, 6)
    chosen = select_masks(regions_of([ground]), ~ground)
    assert chosen.steps == ((0, "add negated"),)
    assert chosen.iou == 1


def test_a_hole_is_taken_away():
    whole, hole = rectangle(2, 2, 14, 10), rectangle(6, 4, 9, 7)
    chosen = select_masks(regions_of([whole, hole]), whole & ~hole)
    assert chosen.steps == ((0, "add"), (1, "take away"))
    assert np.array_equal(chosen.mask, whole & ~hole)


def test_crops_lie_at_their_boxes_and_soft_masks_count_from_a_half():
    crop = np.array([[127, 128], [255, 0]], np.uint8)
    regions = Regions(SIZE, np.float32([[5, 7, 7, 9]]), np.ones(1, np.float32), [""], (crop,))
    truth = np.zeros(SIZE, bool)
    truth[7, 6] = truth[8, 5] = True
    assert np.array_equal(select_masks(regions, truth).mask, truth)


def test_nothing_fits_nothing():
    truth = rectangle(0, 0, 2, 2)
    assert select_masks(Regions.empty(SIZE), truth).iou == 0
    good = select_masks(regions_of([truth]), np.zeros(SIZE, bool))
    assert not good.mask.any() and good.steps == () and np.isnan(good.iou)


def test_another_size_is_refused():
    with pytest.raises(ValueError, match="shape"):
        select_masks(Regions.empty((3, 3)), np.zeros(SIZE, bool))


@given(st.integers(0, 10_000), st.integers(0, 6))
def test_as_the_naive_way(seed, count):
    rng = np.random.default_rng(seed)
    masks = [rng.random(SIZE) < rng.random() for _ in range(count)]
    truth = rng.random(SIZE) < 0.4
    chosen = select_masks(regions_of(masks), truth)
    mask, reached = naive(masks, truth)
    assert chosen.iou == pytest.approx(reached, abs=1e-12)
    assert np.array_equal(chosen.mask, mask)
