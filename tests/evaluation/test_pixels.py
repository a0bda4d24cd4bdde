import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from iapas.errors import OutputError
from iapas.evaluation import runs
from iapas.evaluation.pixels import PixelPool, f1_max_at

LIMIT = 0.3


def image(rng, kind, size=(40, 56)):
    """A score map of one kind and a truth with a few regions, some of which touch only at corners."""
    truth = np.zeros(size, bool)
    if kind != "normal":
        y, x = rng.integers(0, 20, 2)
        truth[y : y + 6, x : x + 20] = True
        truth[30:33, 2:5] = truth[33:36, 5:9] = truth[38, 50] = True
    scores = rng.random(size, np.float32) + truth * rng.random(size, np.float32) / 2
    if kind == "constant":
        scores = np.kron(np.round(scores[::8, ::8] * 4) / 4, np.ones((8, 8))).astype(np.float32)
    elif kind == "levels":
        scores = np.round(scores * 7) / np.float32(7)
    elif kind == "zeros":
        scores[scores < 0.6] = 0
    return scores, truth


def images(seed, count=10):
    """(scores, truth, group), some of each kind; normal ones have the group ""."""
    rng = np.random.default_rng(seed)
    kinds = ["continuous", "constant", "levels", "zeros", "normal"]
    return [(*image(rng, kinds[i % 5]), "" if kinds[i % 5] == "normal" else f"defect {i % 2}") for i in range(count)]


def filled(made, **options):
    pool = PixelPool(**options)
    for scores, truth, group in made:
        pool.add(scores, truth, group)
    return pool


def pooled(made):
    return np.concatenate([s.ravel() for s, *_ in made]), np.concatenate([t.ravel() for _, t, _ in made])


def brute_f1(made, thresholds):
    scores, labels = pooled(made)
    f1 = [2 * (labels & (scores >= t)).sum() / max(1, (scores >= t).sum() + labels.sum()) for t in thresholds]
    return max(f1), thresholds[np.flatnonzero(np.equal(f1, max(f1)))].max()


def brute_aupro(made):
    """Every distinct threshold, every region by itself; straight lines between, cut at the limit."""
    scores, labels = pooled(made)
    regions = []
    for one, truth, _ in made:
        parts, found = ndimage.label(truth, np.ones((3, 3)))
        regions += [np.sort(one[parts == k + 1]) for k in range(found)]
    negatives = np.sort(scores[~labels])
    thresholds = np.unique(scores)[::-1]
    covered = [1 - np.searchsorted(values, thresholds) / values.size for values in [negatives, *regions]]
    rates, shares = np.append(0, covered[0]), np.append(0, np.mean(covered[1:], axis=0))
    x = np.append(rates[rates <= LIMIT], LIMIT)
    y = np.append(shares[rates <= LIMIT], np.interp(LIMIT, rates, shares))
    return np.trapezoid(y, x) / LIMIT


def check(figures, made):
    scores, labels = pooled(made)
    precision, recall, _ = precision_recall_curve(labels, scores)
    assert figures.ap == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert figures.auroc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert figures.f1_max == pytest.approx((2 * precision * recall / np.maximum(precision + recall, 1e-9)).max())
    assert brute_f1(made, np.float32([figures.f1_threshold]))[0] == pytest.approx(figures.f1_max, abs=1e-12)
    assert figures.aupro == pytest.approx(brute_aupro(made), abs=1e-9)


@pytest.fixture
def small_runs(monkeypatch):
    """So many runs and blocks as of thousands of large images."""
    for name, value in (("RUN", 300), ("_BLOCK", 700), ("_LEAST", 20), ("_ROWS", 40)):
        monkeypatch.setattr(runs, name, value)


@pytest.mark.parametrize("seed", range(4))
def test_equals_scikit_learn_and_brute_force(seed):
    made = images(seed)
    with filled(made) as pool:
        check(pool.figures(), made)
        for group in ("defect 0", "defect 1"):
            check(pool.figures({group, ""}), [one for one in made if one[2] in (group, "")])


@pytest.mark.parametrize("hold", [500, 4000, 10**6])
@pytest.mark.parametrize("seed", range(2))
def test_many_runs_on_the_disk_change_nothing(seed, hold, small_runs, tmp_path):
    made = images(seed)
    with filled(made, folder=tmp_path, hold=hold) as pool:
        check(pool.figures(), made)
        check(pool.figures({"defect 1", ""}), [one for one in made if one[2] != "defect 0"])
        assert pool.figures() == pool.figures()


@pytest.mark.usefixtures("small_runs")
def test_figures_may_be_asked_for_between_images():
    made = images(5, 15)
    with PixelPool(hold=1000) as pool:
        for at, one in enumerate(made):
            pool.add(*one)
            if at in (3, 9):
                check(pool.figures(), made[: at + 1])
        check(pool.figures(), made)


def test_the_order_of_images_does_not_matter():
    made = images(6)
    with filled(made) as one, filled(made[::-1]) as other:
        assert vars(one.figures()) == pytest.approx(vars(other.figures()), abs=1e-14)


def test_each_kind_of_map_alone():
    rng = np.random.default_rng(7)
    for kind in ("continuous", "constant", "levels", "zeros"):
        made = [(*image(rng, kind), "defect") for _ in range(3)]
        with filled(made) as pool:
            check(pool.figures(), made)


def test_aupro_of_what_is_found_at_once_and_of_what_is_never_found():
    truth = np.zeros((10, 10), bool)
    truth[0, 0] = truth[5:8, 5:8] = True  # two regions, which count the same
    best = truth.astype(np.float32)
    with filled([(best, truth, "a")]) as pool:
        assert pool.figures().aupro == pytest.approx(1)
    with filled([(1 - best, truth, "a")]) as pool:
        assert pool.figures().aupro == 0
    best[5:8, 5:8] = 0
    with filled([(best, truth, "a")]) as pool:  # one half at once, the other on the line to (1, 1)
        assert pool.figures().aupro == pytest.approx(0.5 + 0.5 * LIMIT / 2)


def test_one_score_in_regions_of_many_areas(small_runs):
    truth = np.zeros((120, 140), bool)
    for k in range(1, 60):
        truth[2 * k, : 2 * k] = True
    made = [(np.zeros(truth.shape, np.float32), truth, "a"), *images(8, 2)]
    with filled(made, hold=1000) as pool:
        check(pool.figures(), made)


def test_memory_ends_where_it_is_told_to(tmp_path, small_runs):
    made = images(9, 40)
    with PixelPool(tmp_path, hold=6000) as pool:
        for one in made:
            pool.add(*one)
            held = sum(keys.held() for kinds in pool._groups.values() for keys in kinds)
            assert held <= 4 * 6000
        assert pool.totals().negatives > 10 * 6000
        scores, labels = pooled(made)
        assert pool.figures().ap == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_file_lies_in_the_folder_that_is_given(tmp_path):
    (tmp_path / "file").touch()
    with PixelPool(tmp_path / "file", hold=100) as pool, pytest.raises(OutputError, match="file"):
        pool.add(*images(0)[0])


def test_piecewise_constant_maps_are_small_whatever_their_size():
    scores = np.kron(np.arange(256).reshape(16, 16) / 256, np.ones((64, 64))).astype(np.float32)
    truth = np.zeros(scores.shape, bool)
    truth[100:300, 100:300] = True
    with PixelPool() as pool:
        for _ in range(4):
            pool.add(scores, truth)
        pool.figures()
        assert sum(keys.held() for kinds in pool._groups.values() for keys in kinds) < 20_000


@pytest.mark.parametrize("hold", [500, 10**6])
def test_the_best_f1_over_given_thresholds(hold, small_runs):
    made = images(10)
    with filled(made, hold=hold) as pool:
        for thresholds in (np.linspace(0, 1, 100), np.array([0.7]), np.array([0.25, 0.5, 9.0])):
            best, at = brute_f1(made, thresholds)
            assert f1_max_at(pool, thresholds) == (pytest.approx(best, abs=1e-12), at)
        some = [one for one in made if one[2] != "defect 1"]
        best, at = brute_f1(some, np.linspace(0, 1, 100))
        assert f1_max_at(pool, np.linspace(0, 1, 100), {"defect 0", ""}) == (pytest.approx(best, abs=1e-12), at)


def test_thresholds_above_all_scores_and_between_two_floats():
    with filled([(np.float32([[0.1, 0.5]]), np.array([[True, False]]), "a")]) as pool:
        assert f1_max_at(pool, np.array([2.0])) == (0.0, 2.0)
        # float32(0.1) is above 0.1: a threshold that lies between finds it, one just above does not
        assert f1_max_at(pool, np.array([0.1])) == (pytest.approx(2 / 3), 0.1)
        assert f1_max_at(pool, np.array([float(np.float32(0.1)) + 1e-12]))[0] == 0
        assert f1_max_at(pool, np.array([0.1, 0.1 + 1e-10])) == (pytest.approx(2 / 3), 0.1 + 1e-10)


@pytest.mark.parametrize("hold", [500, 10**6])
def test_the_curve_holds_exact_points(hold, small_runs):
    made = images(11)
    scores, labels = pooled(made)
    with filled(made, hold=hold) as pool:
        recall, precision, thresholds = pool.curve(50)
        few = pool.curve(5, {"defect 0", ""})[0]
    reached = precision_recall_curve(labels, scores)[1][:-1]
    assert 25 < len(recall) == len(np.unique(np.floor(reached * 50 + 1e-9))) <= 51
    assert len(few) <= 6
    assert (np.diff(recall) > 0).all()
    assert recall[-1] == 1
    for r, p, t in zip(recall, precision, thresholds, strict=True):
        assert r == pytest.approx((labels & (scores >= t)).sum() / labels.sum())
        assert p == pytest.approx((labels & (scores >= t)).sum() / (scores >= t).sum())


def test_undefined_is_nan():
    scores, nothing = np.full((3, 4), 0.5, np.float32), np.zeros((3, 4), bool)
    with PixelPool() as pool:
        assert np.isnan(list(vars(pool.figures()).values())).all()
        pool.add(scores, nothing)
        assert np.isnan(list(vars(pool.figures()).values())).all()
        assert np.isnan(f1_max_at(pool, np.linspace(0, 1, 5))).all()
        assert [part.size for part in pool.curve()] == [0, 0, 0]
    with filled([(scores, ~nothing, "a")]) as pool:
        figures = pool.figures()
        assert (figures.ap, figures.f1_max, figures.f1_threshold) == (1, 1, 0.5)
        assert np.isnan([figures.auroc, figures.aupro]).all()


def test_no_pixels_at_all():
    with filled([(np.zeros((0, 5), np.float32), np.zeros((0, 5), bool), "")]) as pool:
        assert np.isnan(pool.figures().ap)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1e-3])
def test_scores_that_are_no_scores_are_refused(bad):
    scores = np.full((4, 5), 0.5, np.float32)
    scores[2, 3] = bad
    with PixelPool() as pool, pytest.raises(ValueError, match="finite and >= 0"):
        pool.add(scores, np.zeros((4, 5), bool))


def test_shapes_and_types_that_do_not_fit_are_refused():
    scores = np.full((4, 5), 0.5, np.float32)
    with PixelPool() as pool:
        with pytest.raises(ValueError, match=r"\(4, 5\).*\(5, 4\)"):
            pool.add(scores, np.zeros((5, 4), bool))
        with pytest.raises(ValueError, match="bool"):
            pool.add(scores, np.zeros((4, 5), np.uint8))
        with pytest.raises(ValueError, match="two axes"):
            pool.add(scores[None], np.zeros((1, 4, 5), bool))
        assert pool.totals().negatives == 0
