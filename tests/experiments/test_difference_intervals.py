"""The bootstrap beside the exact one."""

import numpy as np
import pytest

from iapas.core.intervals import resamples
from iapas.evaluation.pixels import PixelPool
from iapas.experiments.figures import RESAMPLES, SEED, draws
from iapas.experiments.tables import pooled, table_of


def images(number):
    rng = np.random.default_rng(4)
    for i in range(number):
        truth = np.zeros((40, 40), bool)
        if i % 3:
            truth[5 : 10 + i % 7, 8:20] = True
        scores = rng.random((40, 40)) + truth * rng.random() * 1.2
        yield np.round(scores, 3 - i % 2).astype(np.float32), truth


def test_figures_of_resamples_are_near_the_exact_ones_of_the_same_images():
    tables = [table_of(*pair) for pair in images(24)]
    with PixelPool() as pool:
        for pair in images(24):
            pool.add(*pair)
        levels = pool.curve(256)[2]
    counts = np.stack([table.at(levels) for table in tables]).astype(float)
    defective = np.array([table.hits.sum() > 0 for table in tables])
    found = draws(counts, defective, SEED)
    assert found.shape == (2, RESAMPLES)
    strata = [np.flatnonzero(defective), np.flatnonzero(~defective)]
    weights = list(resamples(strata, 20, SEED))
    for number, weight in enumerate(weights):
        drawn = [table for table, times in zip(tables, weight.astype(int), strict=True) for _ in range(times)]
        assert len(drawn) == 24
        assert found[:, number] == pytest.approx(pooled(drawn).ap_f1(), abs=2e-3)
