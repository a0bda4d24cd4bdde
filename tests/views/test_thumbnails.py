import numpy as np
import pytest

from iapas.files.results import thumbnail_jpeg
from iapas.views.thumbnails import SIDE, draw_strip, grey_value, score_at, strip_size


@pytest.mark.parametrize("shape", [(512, 512), (480, 640), (31, 17), (16, 1600), (1600, 16), (1, 1), (240, 239)])
def test_both_halves_fit_and_meet_between_blocks(shape):
    image, scores = np.full((*shape, 3), 90, np.uint8), np.zeros(shape, np.float32)
    strip = draw_strip(image, scores)
    height, width = strip_size(shape)
    assert strip.shape == (height, 2 * width, 3)
    assert width % 16 == 0
    assert max(height, width) <= SIDE
    assert (strip[:, :width] == 90).all()
    assert (strip[:, width:] == 0).all()


@pytest.mark.parametrize("shape", [(777, 1234), (100, 100), (9, 50)])
def test_a_single_pixel_is_not_lost(shape):
    random = np.random.default_rng(0)
    for _ in range(20):
        scores = np.zeros(shape, np.float32)
        scores[random.integers(shape[0]), random.integers(shape[1])] = 0.5
        strip = draw_strip(np.zeros((*shape, 3), np.uint8), scores)
        assert strip[:, strip.shape[1] // 2 :].max() == grey_value(0.5)


def test_grey_values_rise_with_scores_and_are_read_back():
    scores = np.linspace(0, 4, 1000, dtype=np.float32)
    values = grey_value(scores).astype(int)
    assert (np.diff(values) >= 0).all()
    assert values.max() <= 255
    inside = scores[(scores > 0) & (scores <= 1)]
    assert np.allclose([score_at(v) for v in grey_value(inside)], inside, atol=0.005)


def test_a_strip_is_a_small_file():
    random = np.random.default_rng(0)
    image = random.integers(100, 140, (512, 512, 3)).astype(np.uint8)
    data = thumbnail_jpeg(draw_strip(image, np.zeros((512, 512), np.float32)))
    assert data[:2] == b"\xff\xd8"
    assert len(data) < 20_000
