from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapas.core.scoring import score_map
from iapas.core.tiles import concatenate, merge_views, place, tile_frames
from iapas.types import Regions


def region(size, box, score=0.5, phrase="x", crop=None):
    x0, y0, x1, y1 = box
    crop = np.full((y1 - y0, x1 - x0), 255, np.uint8) if crop is None else crop
    return Regions(size, np.array([box], np.float32), np.array([score], np.float32), [phrase], (crop,))


@given(st.integers(1, 700), st.integers(1, 700), st.integers(20, 300), st.integers(0, 19))
def test_tiles_cover_each_pixel_and_overlap(height, width, tile, overlap):
    frames = tile_frames((height, width), tile, overlap)
    seen = np.zeros((height, width), int)
    for x0, y0, x1, y1 in frames:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert x1 - x0 <= tile
        assert y1 - y0 <= tile
        seen[y0:y1, x0:x1] += 1
    assert seen.min() >= 1
    columns = sorted({(x0, x1) for x0, _, x1, _ in frames})
    assert all(b[0] <= a[1] - overlap for a, b in pairwise(columns))


def test_an_overlap_as_large_as_the_tile_is_refused():
    with pytest.raises(ValueError, match="overlap"):
        tile_frames((100, 100), 32, 32)


def find_bright(image):
    """A box-local detector: the bright rectangle of each label 1..9 in the view."""
    parts = []
    for label in range(1, 10):
        ys, xs = np.nonzero(image == label)
        if len(ys):
            box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
            crop = np.where(image[box[1] : box[3], box[0] : box[2]] == label, 255, 0).astype(np.uint8)
            parts.append(region(image.shape, box, label / 10, str(label), crop))
    return concatenate(parts, image.shape)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 180), st.integers(0, 130), st.integers(1, 60), st.integers(1, 60)), max_size=4)
)
def test_tiles_equal_the_whole_for_a_box_local_detector(rectangles):
    size = (150, 200)
    image = np.zeros(size, int)
    for label, (x, y, w, h) in enumerate(rectangles, 1):
        image[y : y + h, x : x + w] = np.where(image[y : y + h, x : x + w] == 0, label, image[y : y + h, x : x + w])
    views = []
    for frame in tile_frames(size, 64, 16):
        x0, y0, x1, y1 = frame
        views.append((frame, place(find_bright(image[y0:y1, x0:x1]), frame, size)))
    merged = merge_views(views, size)
    np.testing.assert_allclose(score_map(merged), score_map(find_bright(image)), atol=1e-6)


def test_a_scratch_through_many_tiles_is_one_region():
    size = (100, 400)
    views = []
    for frame in tile_frames(size, 100, 20):
        x0, _, x1, _ = frame
        score = 0.4 + x0 / 1000
        views.append((frame, region(size, (x0, 50, x1, 53), score, f"from {x0}")))
    merged = merge_views(views, size)
    assert len(merged) == 1
    assert merged.boxes[0].tolist() == [0, 50, 400, 53]
    assert merged.phrases == ["from 300"]
    assert merged.scores[0] == pytest.approx(0.7)
    assert score_map(merged)[51, 5] == pytest.approx(0.7)  # as sure of the whole as of its best-seen part


def test_a_small_defect_in_a_large_faint_region_is_one_with_it_and_keeps_its_own_confidence():
    size = (100, 100)
    large = ((0, 0, 100, 100), region(size, (10, 10, 90, 90), 0.1, "stain"))
    small = ((0, 0, 60, 60), region(size, (20, 20, 24, 24), 0.9, "pit"))
    merged = merge_views([large, small], size)
    assert merged.phrases == ["pit"]
    assert score_map(merged)[22, 22] == pytest.approx(0.9)
    assert score_map(merged)[50, 50] == pytest.approx(0.1, abs=0.003)


def test_regions_of_one_view_stay_apart_and_strangers_too():
    size = (100, 100)
    view = ((0, 0, 60, 100), concatenate([region(size, (10, 10, 30, 30)), region(size, (12, 12, 28, 28))], size))
    other = ((40, 0, 100, 100), region(size, (45, 70, 55, 80)))
    assert len(merge_views([view, other], size)) == 3


def test_a_coarse_mask_gives_way_to_the_fine_ones_that_explain_it():
    size = (1280, 1280)
    coarse = ((0, 0, 1280, 1280), region(size, (100, 595, 1100, 608), 0.9))
    left = ((0, 400, 700, 1100), region(size, (100, 600, 700, 603), 0.4))
    right = ((600, 400, 1280, 1100), region(size, (600, 600, 1100, 603), 0.5))
    merged = merge_views([coarse, left, right], size)
    assert merged.boxes.tolist() == [[100, 600, 1100, 603]]
    only_left = merge_views([coarse, left], size)  # nobody saw the right half from near
    assert only_left.boxes.tolist() == [[100, 595, 1100, 608]]


def test_no_regions_give_no_regions():
    assert len(merge_views([((0, 0, 5, 5), Regions.empty((5, 5)))], (5, 5))) == 0
