"""Tables of scores: exact, and coarse ones near."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from iapas.core.intervals import counts_at
from iapas.core.metrics import judge, rank_values
from iapas.evaluation.pixels import PixelPool
from iapas.experiments.tables import curve, packed, pooled, rounded, table_of, tables_of, unpacked

SCORES = arrays(np.float32, (6, 7), elements=st.sampled_from([0.0, 0.25, 0.3, 0.3001, 0.9, 1.7]))
TRUTHS = arrays(bool, (6, 7))


def exact(pairs):
    scores, truth = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
    ranking, totals = rank_values(scores, truth)
    return judge([ranking], totals)


@given(st.lists(st.tuples(SCORES, TRUTHS), min_size=1, max_size=4))
def test_pooled_tables_give_the_exact_figures(pairs):
    table = pooled(table_of(*pair) for pair in pairs)
    found = exact(pairs)
    np.testing.assert_allclose(table.ap_f1(), (found.ap, found.f1_max), atol=1e-12)


@given(st.lists(st.tuples(SCORES, TRUTHS), min_size=1, max_size=3))
def test_a_pool_of_counts_is_one_of_pixels(pairs):
    with PixelPool(hold=1) as counted, PixelPool() as whole:  # one spills to the disk
        for i, (scores, truth) in enumerate(pairs):
            table = table_of(scores, truth)
            counted.add_counts(table.keys.view(np.float32), table.hits, table.misses, str(i % 2))
            whole.add(scores, truth, str(i % 2))
        for groups in (None, {"0"}):
            one, two = counted.figures(groups), whole.figures(groups)
            found, wanted = ([f.ap, f.f1_max, f.f1_threshold, f.auroc] for f in (one, two))
            np.testing.assert_allclose(found, wanted, atol=1e-12)
        for one, two in zip(counted.curve(), whole.curve(), strict=True):
            np.testing.assert_array_equal(one, two)


@given(SCORES, TRUTHS)
def test_counts_at_levels_are_exact(scores, truth):
    levels = np.float32([1.7, 0.9, 0.3, 0.1, 0])
    np.testing.assert_array_equal(table_of(scores, truth).at(levels), counts_at(scores, truth, levels))


def test_coarse_tables_are_near_and_small():
    rng = np.random.default_rng(0)
    truth = rng.random((200, 200)) < 0.1
    scores = (rng.random((200, 200)) * 0.7 + truth * rng.random((200, 200)) * 0.6).astype(np.float32)
    table = table_of(scores, truth)
    assert table.coarse().ap_f1() == pytest.approx(table.ap_f1(), abs=2e-3)
    assert table.coarse().keys.size < table.keys.size / 5


def test_kinds_of_pixels_share_them_out():
    rng = np.random.default_rng(1)
    scores = np.where(rng.random((9, 9)) < 0.3, 0, rng.random((9, 9))).astype(np.float32)
    truth, kinds = rng.random((9, 9)) < 0.4, rng.integers(0, 3, (9, 9)).astype(np.uint16)
    parts = tables_of(rounded(scores.view(np.uint32)).ravel(), truth.ravel(), kinds.ravel(), 3)
    for kind, part in enumerate(parts):
        mine = kinds == kind
        above = mine & (scores >= 0.5)
        assert part.area(0.5) == (int((above & truth).sum()), int((above & ~truth).sum()))
        assert int(part.hits.sum() + part.misses.sum()) == int(mine.sum())


def test_an_area_counts_positive_scores_alone():
    assert table_of(np.float32([[0, 0, 0.5]]), np.array([[True, False, True]])).area(0.0) == (1, 0)


def test_packed_tables_come_back():
    tables = [
        table_of(np.float32([[0, 0.5]]), np.array([[False, True]])),
        table_of(np.float32([[0.25, 0.5]]), np.array([[True, True]])),
    ]
    again = unpacked(packed(tables))
    for one, two in zip(tables, again, strict=True):
        for name in ("keys", "hits", "misses"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert unpacked(packed([])) == []


def test_a_curve_rises_in_recall_and_ends_at_all():
    rng = np.random.default_rng(2)
    truth = rng.random((50, 50)) < 0.2
    recall, precision = curve(table_of((rng.random((50, 50)) + 0.5 * truth).astype(np.float32), truth))
    assert recall == sorted(recall)
    assert len(recall) <= 201
    assert all(0 < value <= 1 for value in precision)
    assert curve(table_of(np.ones((2, 2), np.float32), np.zeros((2, 2), bool))) == ([], [])
