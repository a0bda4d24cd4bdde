"""What is kept of an image under a prompt comes back from its bytes."""

import numpy as np
import pytest

from iapas.core.scoring import score_map
from iapas.experiments.records import PREVIEW, Record, glance_at, preview_of, record_of
from iapas.types import Regions, Segmentation


def result():
    """A small region over a large one, and one of a phrase that nobody asked for."""
    boxes = np.float32([[0, 0, 8, 8], [2, 2, 4, 4], [9, 9, 10, 10]])
    crops = tuple(np.full((side, side), 255, np.uint8) for side in (8, 2, 1))
    regions = Regions((10, 12), boxes, np.float32([0.3, 0.6, 0.5]), ["wide", "spot", ""], crops)
    scores = score_map(regions)
    return Segmentation(scores, regions, scores >= np.float32(0.4), 0.4)


TRUTH = np.zeros((10, 12), bool)
TRUTH[2:4, 2:6] = True


def test_each_pixel_is_the_phrases_that_gives_most():
    record = record_of(result(), TRUTH, ["wide", "spot", "line"], [], {})
    assert record.glance.phrases == ("wide", "spot", "line", "")
    assert record.glance.boxes == (1, 1, 0, 1)
    assert [table.area(0.1) for table in record.won] == [(4, 56), (4, 0), (0, 0), (0, 1)]
    assert [table.area(0.4) for table in record.won] == [(0, 0), (4, 0), (0, 0), (0, 1)]


@pytest.mark.parametrize("truth", [TRUTH, None])
def test_it_comes_back(truth):
    without = [] if truth is None else [np.zeros((10, 12), np.float32)] * 2
    record = record_of(result(), truth, ["wide", "spot"], without, {"total": 0.5})
    again = Record.parse(record.data())
    for name in ("phrases", "boxes", "top", "threshold", "seconds"):
        assert getattr(again.glance, name) == getattr(record.glance, name)
    np.testing.assert_array_equal(again.glance.preview, record.glance.preview)
    np.testing.assert_array_equal(glance_at(record.data()).mask, result().mask)
    for part in ("table", "won", "without"):
        one, two = getattr(record, part), getattr(again, part)
        assert len(one) == len(two)
        for mine, other in zip(one, two, strict=True):
            for name in ("keys", "hits", "misses"):
                np.testing.assert_array_equal(getattr(mine, name), getattr(other, name))


def test_a_preview_is_small_and_keeps_what_is_positive():
    scores = np.zeros((600, 900), np.float32)
    scores[100:110, 100:110] = 1e-6
    preview = preview_of(scores)
    assert max(preview.shape) == PREVIEW
    assert preview.max() == 1
