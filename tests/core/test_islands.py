import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from iapas.core.islands import drop_islands, fill_holes

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))
EIGHT = np.ones((3, 3))


def pieces(mask):
    labels, count = ndimage.label(mask, EIGHT)
    return [labels == i + 1 for i in range(count)]


@given(MASKS, st.integers(0, 9))
def test_small_holes_are_filled_and_nothing_else_changes(mask, min_area):
    expected = mask.copy()
    for hole in pieces(~mask):
        if hole.sum() < min_area:
            expected |= hole
    np.testing.assert_array_equal(fill_holes(mask, min_area), expected)


@given(MASKS, st.integers(0, 9))
def test_small_islands_are_dropped_but_never_all(mask, min_area):
    islands = pieces(mask)
    large = [island for island in islands if island.sum() >= min_area] or islands[:0]
    found = drop_islands(mask, min_area)
    if large or not islands:
        np.testing.assert_array_equal(found, np.any([np.zeros_like(mask), *large], axis=0))
    else:
        assert found.sum() == max(island.sum() for island in islands)
        assert any(np.array_equal(found, island) for island in islands)
