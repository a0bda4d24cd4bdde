"""Matching: the released code's rules restated slowly, and its limits."""

import tracemalloc

import numpy as np
import pytest

from iapas.core.matching import HALFWAY, as_scores, enlarged, grid_mask, match, nearest, prototypes


def features(seed, height=12, width=10, depth=5):
    return np.random.default_rng(seed).standard_normal((height, width, depth)).astype(np.float32)


def cells(*places, grid=(12, 10)):
    mask = np.zeros(grid, bool)
    for place in places:
        mask[place] = True
    return mask


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def slow_match(query, supports, masks, *, patch):
    """In loops, as the released code describes it."""
    inside, outside = [], []
    for support, mask in zip(supports, masks, strict=True):
        chosen = [support[i, j] for i, j in np.argwhere(mask)]
        if patch and len(chosen) > 10:
            chosen = [(chosen[k] + chosen[k + 1] + chosen[k + 2]) / 3 for k in range(len(chosen) - 2)]
        inside += chosen
        outside += [support[i, j] for i, j in np.argwhere(~mask)]
    result = np.zeros(query.shape[:2])
    for i, j in np.ndindex(*result.shape):
        cell = query[i, j]
        result[i, j] = max(cosine(cell, p) for p in inside) - max(cosine(cell, p) for p in outside)
    return result


@pytest.mark.parametrize("kind", ["patch", "dense"])
@pytest.mark.parametrize("shots", [1, 3])
def test_the_soft_score_is_the_difference_of_the_two_maxima(kind, shots):
    supports = [features(k) for k in range(shots)]
    masks = [cells(np.s_[2 : 5 + k, 3:8]) for k in range(shots)]
    known = prototypes(zip(supports, masks, strict=True), kind)
    assert np.allclose(
        match(features(9), known), slow_match(features(9), supports, masks, patch=kind == "patch"), atol=1e-6
    )


@pytest.mark.parametrize(("count", "expected"), [(10, 10), (11, 9), (12, 10)])
def test_up_to_ten_cells_are_no_patches(count, expected):
    mask = cells()
    mask.ravel()[:count] = True
    known = prototypes([(features(0), mask)])
    assert [rows.shape for rows in known.foreground] == [(expected, 5)]
    assert [rows.shape for rows in known.background] == [(120 - count, 5)]


def test_every_kind_of_prototype_on_either_side():
    support, mask = features(0), cells(np.s_[2:6, 2:6])
    counts = {"dense": (16, 104), "patch": (14, 102), "pool": (1, 1)}
    for inside, (n, _) in counts.items():
        for outside, (_, m) in counts.items():
            known = prototypes([(support, mask)], inside, outside)
            assert (len(known.foreground[0]), len(known.background[0])) == (n, m)
            assert np.allclose(np.linalg.norm(known.foreground[0], axis=1), 1, atol=1e-5)
    pooled = prototypes([(support, mask)], "pool").foreground[0][0]
    assert cosine(pooled, support[mask].mean(axis=0)) == pytest.approx(1, abs=1e-6)


def test_one_side_without_a_cell_is_refused():
    with pytest.raises(ValueError, match="no foreground"):
        prototypes([(features(0), cells())])
    with pytest.raises(ValueError, match="no background"):
        prototypes([(features(0), ~cells())])


def test_one_pixel_of_a_mask_is_a_cell_of_the_grid():
    mask = np.zeros((256, 256), bool)
    mask[101, 203] = True
    assert np.array_equal(np.argwhere(grid_mask(mask, (64, 64), 256)), [[25, 50]])


def test_a_defect_that_resizing_would_lose_stays():
    mask = np.zeros((2000, 3000), bool)
    mask[1001, 3] = mask[1999, 2999] = True
    assert np.array_equal(np.argwhere(grid_mask(mask, (64, 64), 256)), [[32, 0], [63, 63]])


def test_masks_of_any_shape_reach_all_of_the_grid():
    assert grid_mask(np.ones((37, 301), bool), (32, 64), 256).all()


def test_enlarging_keeps_the_corners_and_is_linear_between():
    small = np.array([[0, 1], [2, 3]], np.float32)
    assert np.allclose(enlarged(small, (3, 5)), np.linspace(0, 1, 5) + np.linspace(0, 2, 3)[:, None])
    assert enlarged(np.full((1, 1), 7, np.float32), (4, 6)).tolist() == [[7] * 6] * 4


def test_a_map_reaches_halfway_exactly_where_the_foreground_is_nearer():
    difference = np.array([[-2, -1e-30, 0, 1e-30, 2]], np.float32)
    for softness in (1e-3, 0.1, 1e3):
        scores = as_scores(difference, softness)
        assert (scores >= np.float32(HALFWAY)).tolist() == [[False, False, False, True, True]]
        assert 0 <= scores.min() <= scores.max() <= 1
        assert (np.diff(scores) >= 0).all()
        assert scores.dtype == np.float32


def test_zeros_are_like_nothing():
    assert nearest(np.zeros((2, 2, 5), np.float32), [features(0).reshape(-1, 5)]).tolist() == [[0, 0], [0, 0]]


def test_a_large_picture_against_ten_examples_stays_under_a_gigabyte():
    """256 x 256 cells of an example of 1024 px; blocks are alike, so some rows of the query tell of all."""
    support, mask = features(0, 256, 256, 192), np.zeros((256, 256), bool)
    mask[:3] = True
    tracemalloc.start()
    known = prototypes((support, mask) for _ in range(10))
    match(support[:1, :64], known)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(map(len, known.background)) > 640_000
    assert peak < 1e9 * 192 / 384  # the same share of it as of the depth of the published features
