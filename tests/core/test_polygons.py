"""Masks to polygons: drawn again, they are the same masks."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw

from iapas.core.polygons import keyholes


def drawn_by_opencv(ring, shape):
    picture = np.zeros(shape, np.uint8)
    cv2.fillPoly(picture, [ring], 1)
    return picture > 0


def drawn_by_pillow(ring, shape):
    picture = Image.new("1", shape[::-1], 0)
    ImageDraw.Draw(picture).polygon([tuple(point) for point in ring.tolist()], outline=1, fill=1)
    return np.array(picture)


masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda shape: arrays(bool, shape))


@pytest.mark.parametrize("draw", [drawn_by_opencv, drawn_by_pillow])
@given(mask=masks)
def test_polygons_draw_the_mask_again(draw, mask):
    again = np.zeros(mask.shape, bool)
    for ring in keyholes(mask):
        assert ring.dtype == np.int32
        assert len(ring) >= 3
        part = draw(ring, mask.shape)
        assert not (again & part).any()  # each part once
        again |= part
    np.testing.assert_array_equal(again, mask)


def test_each_part_is_one_polygon_with_its_holes_cut_out():
    mask = np.zeros((40, 60), bool)
    mask[2:30, 2:40] = True
    mask[5:10, 5:10] = mask[15:20, 8:30] = mask[5:10, 20:24] = False  # three holes
    mask[17, 12:20] = True  # an island in one of them
    mask[35:38, 50:55] = True
    rings = keyholes(mask)
    assert len(rings) == 3
    union = np.any([drawn_by_opencv(ring, mask.shape) for ring in rings], axis=0)
    np.testing.assert_array_equal(union, mask)


def test_straight_edges_have_corners_alone():
    mask = np.zeros((200, 200), bool)
    mask[10:190, 10:190] = True
    (ring,) = keyholes(mask)
    assert sorted(map(tuple, ring.tolist())) == [(10, 10), (10, 189), (189, 10), (189, 189)]


def test_many_holes_are_quick():
    mask = cv2.GaussianBlur(np.random.default_rng(0).random((400, 400)), (0, 0), 2) > 0.5
    union = np.any([drawn_by_opencv(ring, mask.shape) for ring in keyholes(mask)], axis=0)
    np.testing.assert_array_equal(union, mask)


def test_nothing_has_no_polygons():
    assert keyholes(np.zeros((5, 5), bool)) == []
