import time

import numpy as np
import pytest

from iapas.types import Regions, Segmentation
from iapas.views import overlays
from iapas.views.overlays import draw_overlay, label


def result_of(size, boxes, scores, phrases, mask=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    crops = []
    for x0, y0, x1, y1 in boxes.astype(int):
        crops.append(np.full((y1 - y0, x1 - x0), 255, np.uint8))
    regions = Regions(size, boxes, np.array(scores, np.float32), list(phrases), tuple(crops))
    if mask is None:
        mask = regions.masks().any(axis=0) if len(regions) else np.zeros(size, bool)
    return Segmentation(mask.astype(np.float32), regions, mask, 0.5)


def grey(size, value=128):
    return np.full((*size, 3), value, np.uint8)


def test_the_picture_is_left_alone_where_nothing_was_found():
    image = grey((60, 80))
    overlay = draw_overlay(image, result_of((60, 80), [], [], []))
    assert (overlay == image).all()
    assert overlay is not image


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_region_is_outlined_outside_of_itself_on_any_picture(value):
    image = grey((200, 300), value)
    before = image.copy()
    overlay = draw_overlay(image, result_of((200, 300), [[100, 80, 160, 120]], [0.7], ["scratch"]))
    assert (image == before).all()
    assert overlay.shape == image.shape
    assert overlay.dtype == np.uint8
    changed = (overlay != image).any(axis=2)
    assert not changed[81:119, 101:159].any()  # what is inside stays visible
    assert changed[90, 94:100].any()
    assert changed[90, 160:166].any()
    assert np.ptp(overlay[70:130, 90:170].reshape(-1, 3), axis=0).max() > 150  # dark and bright lines


def test_only_reported_regions_are_drawn_and_only_their_part_on_the_mask():
    mask = np.zeros((100, 300), bool)
    mask[40:60, 40:50] = True
    result = result_of((100, 300), [[40, 40, 120, 60], [200, 40, 240, 60]], [0.9, 0.8], ["a", "b"], mask)
    changed = (draw_overlay(grey((100, 300)), result) != 128).any(axis=2)
    assert not changed[:, 180:].any()
    assert changed[30:70, 34:40].any()
    assert not changed[45:55, 60:110].any()


def test_a_hairline_stays_visible_between_its_outlines():
    image = grey((100, 100))
    image[20:80, 50] = (10, 20, 30)
    overlay = draw_overlay(image, result_of((100, 100), [[50, 20, 51, 80]], [0.9], ["crack"]))
    assert np.abs(overlay[40:70, 50].astype(int) - (10, 20, 30)).max() < 16  # the halo's soft edge at most


def test_large_pictures_are_reduced_and_their_outlines_are_at_the_right_place():
    overlay = draw_overlay(grey((3000, 6000)), result_of((3000, 6000), [[3000, 1200, 3600, 1800]], [0.9], ["x"]))
    assert overlay.shape == (1024, 2048, 3)
    changed = (overlay != 128).any(axis=2)
    inner = changed[411:613, 1026:1227]  # 1200..1800 and 3000..3600 at 2048 / 6000
    assert not inner[2:-2, 2:-2].any()
    assert changed[500, 1012:1024].any()
    assert changed[500, 1229:1242].any()


@pytest.mark.parametrize("size", [(16, 16), (1, 300), (300, 1), (17, 40), (64, 2000)])
def test_odd_sizes_and_regions_at_the_frame(size):
    height, width = size
    result = result_of(size, [[0, 0, width, height]], [12.5], ["a rather long phrase about missing corners"])
    assert draw_overlay(grey(size), result).shape == (*size, 3)


def test_an_empty_box_is_no_trouble():
    mask = np.ones((50, 50), bool)
    regions = Regions(
        (50, 50), np.float32([[10, 10, 10, 20]]), np.float32([0.9]), ["x"], (np.zeros((10, 0), np.uint8),)
    )
    result = Segmentation(mask.astype(np.float32), regions, mask, 0.5)
    draw_overlay(grey((50, 50)), result)


def test_labels_do_not_cover_each_other_and_there_are_not_too_many(monkeypatch):
    spots = []
    free_spot = overlays._free_spot

    def spy(*arguments):
        spots.append(free_spot(*arguments))
        return spots[-1]

    monkeypatch.setattr(overlays, "_free_spot", spy)
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 400, (30, 2))
    boxes = np.concatenate([corners, corners + rng.integers(5, 80, (30, 2))], axis=1)
    result = result_of((512, 512), boxes, rng.random(30), ["scratch"] * 30)
    draw_overlay(grey((512, 512)), result)
    assert len(spots) == overlays.MAX_LABELS
    placed = [spot for spot in spots if spot]
    covered = np.zeros((512, 512), int)
    for x0, y0, x1, y1 in placed:
        assert 0 <= x0 < x1 <= 512
        assert 0 <= y0 < y1 <= 512
        covered[y0:y1, x0:x1] += 1
    assert covered.max() == 1


def test_it_is_quick():
    rng = np.random.default_rng(1)
    corners = rng.integers(0, 400, (30, 2))
    boxes = np.concatenate([corners, corners + rng.integers(5, 80, (30, 2))], axis=1)
    result = result_of((512, 512), boxes, rng.random(30), ["scratch"] * 30)
    image = grey((512, 512))
    draw_overlay(image, result)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        draw_overlay(image, result)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1  # about 0.005 on an idle machine


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("scratch", "scratch 0.73"),
        ("Größe", "Grosse 0.73"),
        ("fêlure", "felure 0.73"),
        ("划痕", "0.73"),
        ("", "0.73"),
        ("two\nlines\x00", "two lines 0.73"),
        ("a" * 40, "a" * 26 + ".. 0.73"),
    ],
)
def test_labels_are_plain_and_short(phrase, expected):
    assert label(phrase, 0.731) == expected
    result = result_of((60, 200), [[50, 30, 90, 50]], [0.731], [phrase])
    draw_overlay(grey((60, 200)), result)


def test_another_size_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        draw_overlay(grey((10, 11)), result_of((10, 10), [], [], []))
    with pytest.raises(ValueError, match="uint8"):
        draw_overlay(np.zeros((10, 10, 3)), result_of((10, 10), [], [], []))
