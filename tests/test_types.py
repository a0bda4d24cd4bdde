import numpy as np
import pytest

from iapas.types import MaskCrop, ObjectProfile, Regions, Segmentation, crop_frame

SIZE = (20, 30)


def regions(box=(2.0, 3.0, 12.0, 9.0), score=0.5, crop=None, **changes):
    crop = np.full((6, 10), 255, np.uint8) if crop is None else crop
    fields = {
        "size": SIZE,
        "boxes": np.array([box], np.float32),
        "scores": np.array([score], np.float32),
        "phrases": ["dent"],
        "crops": (crop,),
    }
    return Regions(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": np.zeros((2, 4), np.float32)}, r"boxes must have shape \(1, 4\), got \(2, 4\)"),
        ({"scores": np.zeros(2, np.float32)}, "scores must have shape"),
        ({"scores": np.array([-1], np.float32)}, "finite and >= 0"),
        ({"scores": np.array([np.nan], np.float32)}, "finite and >= 0"),
        ({"crops": ()}, "crops must hold 1 masks"),
        ({"crop": np.zeros((6, 10), np.float32)}, "uint8"),
        ({"crop": np.zeros((6, 9), np.uint8)}, r"shape \(6, 10\), got \(6, 9\)"),
    ],
)
def test_regions_are_checked_when_they_are_made(changes, message):
    with pytest.raises(ValueError, match=message):
        regions(**changes)


def test_a_crop_covers_every_pixel_that_its_box_touches():
    assert crop_frame(np.array([1.2, 0.0, 3.1, 2.9]), SIZE) == (1, 0, 4, 3)
    assert crop_frame(np.array([-5, -5, 99, 99]), SIZE) == (0, 0, 30, 20)
    assert crop_frame(np.array([40, 40, 50, 50]), SIZE) == (40, 40, 40, 40)


def test_masks_are_where_the_soft_mask_is_at_least_a_half():
    crop = np.zeros((6, 10), np.uint8)
    crop[1, 2], crop[1, 3] = 128, 127
    mask = regions(crop=crop).masks()[0]
    assert mask.shape == SIZE
    assert list(zip(*np.nonzero(mask), strict=True)) == [(4, 4)]


def test_tight_boxes_hold_the_mask_and_no_fringe():
    crop = np.full((6, 10), 40, np.uint8)
    crop[2:4, 3:8] = 200
    soft = regions(crop=crop)
    tight = soft.tight()
    assert tight.boxes[0].tolist() == [5, 5, 10, 7]
    np.testing.assert_array_equal(tight.masks(), soft.masks())
    np.testing.assert_array_equal(regions().tight().boxes, regions().boxes)
    faint = regions(crop=np.full((6, 10), 40, np.uint8))
    np.testing.assert_array_equal(faint.tight().boxes, faint.boxes)


def test_reported_are_the_regions_that_touch_the_mask():
    both = Regions(
        SIZE,
        np.array([[0, 0, 4, 4], [10, 10, 14, 14]], np.float32),
        np.array([0.9, 0.2], np.float32),
        ["a", "b"],
        (np.full((4, 4), 255, np.uint8),) * 2,
    )
    mask = np.zeros(SIZE, bool)
    mask[3, 3] = True
    result = Segmentation(np.zeros(SIZE, np.float32), both, mask, 0.5)
    assert result.reported.phrases == ["a"]
    assert result.verdict == "defect"


def test_a_result_is_checked_too():
    with pytest.raises(ValueError, match="mask must be bool"):
        Segmentation(np.zeros(SIZE, np.float32), Regions.empty(SIZE), np.zeros(SIZE, np.uint8), 0.5)
    with pytest.raises(ValueError, match="score_map must have shape"):
        Segmentation(np.zeros((2, 2), np.float32), Regions.empty(SIZE), np.zeros(SIZE, bool), 0.5)


@pytest.mark.parametrize(
    "wrong", [{"object_size": 0.0}, {"object_size": 1.5}, {"threshold": 0.0}, {"threshold": np.inf}]
)
def test_profiles_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ObjectProfile(**wrong)


@pytest.mark.parametrize("soft", [False, True])
def test_a_mask_crop_holds_the_mask_and_nothing_around_it(soft):
    mask = np.zeros(SIZE, np.uint8 if soft else bool)
    mask[4, 7] = mask[6, 5] = 90 if soft else 1
    crop = MaskCrop.of(mask, origin=(100, 50))
    assert crop.frame == (105, 54, 108, 57)
    expected = np.zeros((3, 3), np.uint8)
    expected[0, 2] = expected[2, 0] = 90 if soft else 255
    np.testing.assert_array_equal(crop.pixels, expected)
    assert not np.shares_memory(crop.pixels, mask)  # the whole mask can go


def test_an_empty_mask_is_a_crop_without_pixels():
    crop = MaskCrop.of(np.zeros(SIZE, bool))
    assert (crop.frame, crop.pixels.shape) == ((0, 0, 0, 0), (0, 0))


def test_mask_crops_are_checked_when_they_are_made():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), got \(3, 2\)"):
        MaskCrop((1, 1, 4, 3), np.zeros((3, 2), np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        MaskCrop((1, 1, 4, 3), np.zeros((2, 3), bool))
