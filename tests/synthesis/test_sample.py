"""Generated pictures: the same by seed, whatever the size, with labels that say what the defects say."""

import hashlib

import cv2
import numpy as np
import pytest

from iapas.synthesis.camera import draw_camera, photograph
from iapas.synthesis.sample import draw


def digest(sample):
    parts = [sample.image.tobytes(), sample.labels.tobytes(), repr([d.phrase for d in sample.defects]).encode()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("size", [(64, 64), (96, 240), (240, 96), (129, 255)])
def test_the_same_seed_is_the_same_picture_at_any_size(size):
    for seed in range(3):
        first = draw(seed, size)
        draw(seed + 100, size)  # what was drawn in between does not matter
        assert digest(first) == digest(draw(seed, size))
        assert first.image.shape == (*size, 3)
        assert first.image.dtype == np.uint8
        assert first.labels.shape == size


def test_other_seeds_are_other_pictures():
    assert len({digest(draw(seed, (64, 64))) for seed in range(6)}) == 6


def test_labels_are_the_masks_of_the_defects():
    for seed in range(25):
        sample = draw(seed, (128, 128))
        assert set(np.unique(sample.labels)) <= set(range(len(sample.defects) + 1))
        for k, defect in enumerate(sample.defects, 1):
            assert defect.mask.dtype == bool
            np.testing.assert_array_equal(sample.labels == k, defect.mask)


def test_about_a_third_is_clean():
    samples = [draw(seed, (64, 64)) for seed in range(120)]
    clean = [not sample.defects for sample in samples]
    assert 0.18 < np.mean(clean) < 0.42
    assert all(not sample.labels.any() for sample, none in zip(samples, clean, strict=True) if none)
    assert not draw(1, (64, 64), clean_share=1.0).defects
    assert len({sample.scene for sample in samples}) > 25


def test_the_clean_twin_differs_on_the_defects_alone():
    """Away from the masks a picture and the same one without its defects are alike: noise, light and JPEG are one."""
    from iapas.synthesis import sample as module

    seen = []
    original = module.draw_defects

    def remember(rng, scene, camera, levels, kinds):
        drawn, defects = original(rng, scene, camera, levels, kinds)
        seen.append((camera.finish(levels), camera.finish(drawn), defects))
        return drawn, defects

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "draw_defects", remember)
        for seed in range(12):
            draw(seed, (128, 128), 0.0)
    for clean, picture, defects in seen:
        near = cv2.dilate(np.any([d.mask for d in defects], axis=0).astype(np.uint8), np.ones((41, 41), np.uint8)) > 0
        change = np.abs(clean.astype(int) - picture).max(2)
        assert np.mean(change[~near] > 6) < 0.02
        assert all(change[d.mask].mean() > 2 for d in defects)


def test_half_of_the_cameras_are_grey():
    colour = np.random.default_rng(0).random((64, 80, 3), dtype=np.float32)
    pictures = [photograph(np.random.default_rng(seed), colour) for seed in range(60)]
    grey = [np.ptp(picture.astype(int), axis=2).max() == 0 for picture in pictures]
    assert 0.3 < np.mean(grey) < 0.7
    assert min(np.median(picture) for picture in pictures) > 5
    assert max(np.median(picture) for picture in pictures) < 250


def test_a_window_is_developed_as_in_the_whole_picture():
    """Lens and light know where the window lies; its own border apart."""
    colour = np.random.default_rng(1).random((96, 96, 3), dtype=np.float32)
    for seed in range(20):
        camera = draw_camera(np.random.default_rng(seed), colour)
        if camera.shrink < 1:
            continue  # resampling depends on the window's size
        whole = camera.develop(colour)[30:50, 40:60]
        window = camera.develop(colour[15:65, 25:75], 15, 25)[15:35, 15:35]
        np.testing.assert_allclose(window, whole, atol=2.0)
