"""Fusion of matched masks: the numbers of the released code, and where its text says otherwise."""

from pathlib import Path

import numpy as np
import pytest

from iapas.core.fusion import Fusion, disjoint, fuse

CASES = sorted((Path(__file__).parents[1] / "parity/gfds_fusion").glob("*.npz"))
ARRAYS = {path.stem: dict(np.load(path)) for path in CASES}


@pytest.mark.parametrize("name", ARRAYS)
def test_masks_lose_what_smaller_ones_hold_as_in_the_released_code(name):
    case = ARRAYS[name]
    assert np.array_equal(np.array(disjoint(list(case["masks"] > 0))), case["disjoint_masks_ascending"] > 0)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize(("mode", "expected"), [("union", "out_union"), ("replace", "out_boundary")])
def test_fused_as_in_the_released_code(name, mode, expected):
    case = ARRAYS[name]
    fused = fuse(case["r0"] > 0, list(case["masks"] > 0), Fusion(mode))
    assert np.array_equal(fused, case[expected] > 0)


def test_there_are_the_released_codes_twelve_cases():
    assert len(CASES) == 12


def square(size, top, left, side):
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_none_changes_nothing_and_no_mask_changes_nothing():
    matched = square(64, 8, 8, 10)
    assert np.array_equal(fuse(matched, [square(64, 8, 8, 10)], Fusion("none")), matched)
    for mode in ("sam", "union", "replace"):
        assert np.array_equal(fuse(matched, [], Fusion(mode)), matched)
        assert np.array_equal(fuse(matched, [square(64, 40, 40, 10)], Fusion(mode)), matched)


def test_sam_keeps_the_selected_masks_alone():
    matched = square(64, 8, 8, 10) | square(64, 40, 40, 10)
    mask = square(64, 9, 9, 12)
    assert np.array_equal(fuse(matched, [mask], Fusion("sam")), mask)


def test_the_text_takes_the_covered_part_away_where_the_code_erases_a_ring():
    matched = square(96, 20, 20, 10) | square(96, 24, 33, 2)  # a neighbour within the ring
    mask = square(96, 22, 22, 6)
    text = fuse(matched, [mask], Fusion("replace", erase_ring=False))
    assert np.array_equal(text, mask | square(96, 24, 33, 2))
    code = fuse(matched, [mask], Fusion("replace"))
    assert np.array_equal(code, mask)


def test_a_large_mask_needs_more_coverage_unless_the_condition_is_off():
    matched = square(50, 0, 0, 25)
    large = square(50, 0, 0, 40)  # 64 % of the picture, 39 % of it matched
    assert np.array_equal(fuse(matched, [large], Fusion("sam")), matched)
    assert np.array_equal(fuse(matched, [large], Fusion("sam", area_condition=False)), large)


def test_shares_must_pass_their_limits_not_reach_them():
    matched = square(50, 0, 0, 10)
    mask = np.zeros((50, 50), bool)
    mask[0:10, 8:18] = True  # a fifth of it is matched
    assert np.array_equal(fuse(matched, [mask], Fusion("union", tau1=0.2)), matched)
    assert np.array_equal(fuse(matched, [mask], Fusion("union", tau1=0.19)), matched | mask)
