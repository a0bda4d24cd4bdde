"""The filter bank: what its features tell apart, what they do not mind, how the whole branch does on made pictures."""

import os
import time

import cv2
import numpy as np
import pytest

from iapas.core.metrics import judge, rank_values
from iapas.embedded.exemplars import FilterBank
from iapas.stages.exemplars import FeatureMatching


def marked(seed, tone, top=90, left=60, height=40, width=90, size=256):
    """A grainy surface with a patch that differs by ``tone``, and its mask."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((size, size), bool)
    mask[top : top + height, left : left + width] = True
    grey = 130 + rng.normal(0, 6, (size, size)) + tone * mask
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2), mask


def prepared(*supports, **options):
    made = FeatureMatching(FilterBank(), **options)
    made.prepare(supports)
    return made


def test_a_grid_of_a_quarter_of_the_side_whatever_the_picture():
    for side, shape in ((256, (200, 300)), (128, (40, 900))):
        (features,) = FilterBank(side).features([np.zeros((*shape, 3), np.uint8)])
        assert features.shape[:2] == (side // 4, side // 4)
        assert features.dtype == np.float32
        assert np.isfinite(features).all()


def test_brighter_light_on_everything_changes_little():
    image = marked(0, -50)[0]
    there, lit = FilterBank().features([image, np.clip(image.astype(int) + 20, 0, 255).astype(np.uint8)])
    assert np.abs(there - lit).mean() < 0.1 * np.abs(there).mean()


@pytest.mark.parametrize("tone", [-50, 50])
def test_an_example_of_dark_patches_finds_dark_patches_and_no_bright_ones(tone):
    query, mask = marked(3, tone, 150, 140, 60, 60)
    bright, _ = marked(4, -tone, 20, 20, 60, 60)
    query[:128] = bright[:128]
    (scores,) = prepared(marked(0, tone)).score([query])
    assert scores[160:200, 150:190].mean() > 0.5 + scores[30:70, 30:70].mean() * 0.5
    ranking, totals = rank_values(scores.ravel(), mask.ravel())
    assert judge([ranking], totals).f1_max > 0.8


def test_a_query_does_not_depend_on_those_before_it():
    made = prepared(marked(0, -50))
    query = marked(5, -40, 20, 20)[0]
    (first,) = made.score([query])
    made.score([marked(6, 70)[0]])
    assert np.array_equal(made.score([query])[0], first)


def test_a_query_of_512_pixels_takes_at_most_three_tenths_of_a_second():
    made, query = prepared(marked(0, -50)), cv2.resize(marked(5, -40)[0], (512, 512))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        made.score([query])
        spent = []
        for _ in range(3):
            start = time.process_time()
            made.score([query])
            spent.append(time.process_time() - start)
    finally:
        cv2.setNumThreads(threads)
    assert min(spent) < 0.3 * (os.cpu_count() or 1)  # CPU time: a BLAS with several threads counts them all
