import numpy as np
import pytest

from iapas.core.roi import Roi, cut_out
from iapas.errors import RoiMismatch


def test_no_roi_is_the_whole_image():
    assert cut_out(None, (10, 20)) == ((0, 0, 20, 10), None)


def test_a_rectangle_is_clipped():
    assert cut_out(Roi((5, -3, 100, 8)), (10, 20)) == ((5, 0, 20, 5), None)


def test_a_mask_is_cut_to_its_bounding_box():
    mask = np.zeros((10, 20), bool)
    mask[2:4, 5:9] = True
    mask[2, 5] = False
    frame, inside = cut_out(Roi(mask=mask), (10, 20))
    assert frame == (5, 2, 9, 4)
    assert inside.sum() == 7


@pytest.mark.parametrize(
    "roi", [Roi((30, 0, 5, 5)), Roi(mask=np.ones((3, 3), bool)), Roi(mask=np.zeros((10, 20), bool))]
)
def test_what_does_not_fit_is_named(roi):
    with pytest.raises(RoiMismatch, match="region of interest"):
        cut_out(roi, (10, 20))
