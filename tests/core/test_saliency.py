import numpy as np
import pytest
from scipy import ndimage

from iapas.core.saliency import Saliency, e_curve, f_curve, mae, s_measure, sharpen, weighted_f


def made(height, width, n):
    rows, columns = np.mgrid[:height, :width]
    truth = (rows - height / 3) ** 2 + (columns - width / 2) ** 2 < (2 + n) ** 2
    return np.clip(0.5 * truth + (rows * 7 + columns * (3 + n) + rows * columns) % 23 / 35, 0, 1), truth


# Measured with PySODMetrics 1.6.2 (normalize=False) on the maps of ``made``: S-measure, MAE, maximum of the F curve
# (Fmeasure), maximum of the E curve (Emeasure), WeightedFmeasure with its default beta=1 and with beta=0.3.
GOLDEN = [
    (
        made(12, 9, 0),
        (0.5757483612973282, 0.3031746031746032, 0.9558823529411766, 0.9789317295208357),
        (0.3392662325997333, 0.2541956622992886),
    ),
    (
        made(40, 30, 1),
        (0.4366233033110556, 0.31495238095238093, 0.9352517985611511, 0.9645112804533978),
        (0.06611497160802804, 0.044126391739485855),
    ),
    (
        made(31, 64, 2),
        (0.44252674808563314, 0.31143433179723506, 0.9620938628158845, 0.9858157340195943),
        (0.07151249355256252, 0.047825153443444055),
    ),
]


@pytest.mark.parametrize(("case", "figures", "weighted"), GOLDEN)
def test_equals_pysodmetrics(case, figures, weighted):
    ours = (s_measure(*case), mae(*case), f_curve(*case).max(), e_curve(*case).max())
    assert ours == pytest.approx(figures, abs=1e-9)
    assert (weighted_f(*case), weighted_f(*case, beta2=0.3)) == pytest.approx(weighted, abs=1e-8)


def test_means_equal_pysodmetrics():
    saliency, other = Saliency(), Saliency(weighted_beta2=0.3)
    for case, *_ in GOLDEN:
        saliency.add(*case)
        other.add(*case)
    expected = {
        "s_measure": 0.48496613756467233,
        "mae": 0.3098537719747397,
        "e_measure_max": 0.976419581331276,
        "weighted_f": 0.15896456592010796,
        "f_max": 0.9510760047727373,
    }
    assert saliency.result() == pytest.approx(expected, abs=1e-8)
    assert other.result()["weighted_f"] == pytest.approx(np.mean([low for *_, (_, low) in GOLDEN]), abs=1e-8)


@pytest.mark.parametrize("share", [0.003, 0.05, 0.5])
def test_weighted_f_equals_its_definition(share):
    """With SciPy's distance transform, as the authors' code with MATLAB's; scattered truth has many equal distances."""
    rng = np.random.default_rng(4)
    prediction, truth = rng.random((37, 50)), rng.random((37, 50)) < share
    distance, nearest = ndimage.distance_transform_edt(~truth, return_indices=True)
    error = np.abs(prediction - truth)
    y, x = np.mgrid[-3:4, -3:4]
    kernel = np.exp(-(x**2 + y**2) / 50)
    shared = ndimage.convolve(error[tuple(nearest)], kernel / kernel.sum(), mode="constant")
    weighted = np.where(truth, np.minimum(error, shared), error * (2 - 0.5 ** (distance / 5)))
    found = truth.sum() - weighted[truth].sum()
    recall, precision = 1 - weighted[truth].mean(), found / (found + weighted[~truth].sum())
    assert weighted_f(prediction, truth) == pytest.approx(2 * recall * precision / (recall + precision), abs=1e-8)


def test_the_best_f_is_of_the_mean_curve_not_the_mean_of_the_best():
    saliency = Saliency()
    truth = np.zeros((8, 8), bool)
    truth[2:4, 2:4] = True
    one = np.where(truth, 0.4, 0.2)  # perfect between 0.2 and 0.4
    other = np.where(truth, 0.9, 0.6)  # perfect between 0.6 and 0.9
    saliency.add(one, truth)
    saliency.add(other, truth)
    assert f_curve(one, truth).max() == f_curve(other, truth).max() == pytest.approx(1)
    assert saliency.result()["f_max"] < 0.6


def test_a_perfect_prediction():
    _, truth = made(40, 30, 1)
    assert s_measure(truth.astype(float), truth) == pytest.approx(1)
    assert mae(truth.astype(float), truth) == 0
    assert f_curve(truth.astype(float), truth).max() == pytest.approx(1)
    assert weighted_f(truth.astype(float), truth) == pytest.approx(1)
    assert e_curve(truth.astype(float), truth).max() == pytest.approx(1200 / 1199)  # divided by H W - 1, as released
    saliency = Saliency()
    saliency.add(truth.astype(float), truth)
    assert saliency.result()["e_measure_max"] == 1


def test_nothing_and_everything_as_truth():
    prediction = np.full((4, 5), 0.25)
    assert s_measure(prediction, np.zeros((4, 5), bool)) == 0.75
    assert s_measure(prediction, np.ones((4, 5), bool)) == 0.25
    assert not f_curve(prediction, np.zeros((4, 5), bool)).any()
    assert weighted_f(prediction, np.zeros((4, 5), bool)) == 0
    assert weighted_f(prediction, np.ones((4, 5), bool)) > 0
    levels = np.arange(255, -1, -1)  # 0.25 is level 63
    assert e_curve(prediction, np.zeros((4, 5), bool)) == pytest.approx(np.where(levels > 63, 20 / 19, 0))
    assert e_curve(prediction, np.ones((4, 5), bool)) == pytest.approx(np.where(levels > 63, 0, 20 / 19))


@pytest.mark.parametrize("rows", [slice(9, 10), slice(0, 1)])
def test_foreground_on_the_frame_has_a_number(rows):
    truth = np.zeros((10, 10), bool)
    truth[rows, :] = True
    prediction = np.where(truth, 0.9, 0.1)
    assert 0.5 < s_measure(prediction, truth) <= 1


def test_one_pixel():
    truth = np.zeros((5, 5), bool)
    truth[2, 2] = True
    assert s_measure(truth.astype(float), truth) == pytest.approx(1)


def test_the_f_curve_runs_from_high_to_low_thresholds():
    truth = np.array([[True, False]])
    curve = f_curve(np.array([[1.0, 0.0]]), truth)
    assert curve.shape == (256,)
    assert curve[:255] == pytest.approx(1)
    assert curve[255] == pytest.approx(1.3 * 0.5 / (0.3 * 0.5 + 1))


def test_sharpening_spans_the_range_and_keeps_the_order():
    sharp = sharpen(np.float32([[0.2, 0.6, 1.0]]))
    assert sharp[0] == pytest.approx([1 / (1 + np.exp(7)), 0.5, 1 / (1 + np.exp(-7))], abs=1e-6)
    assert sharpen(np.full((2, 2), 3, np.float32)).max() < 0.001


def test_no_image_is_nan_and_bad_input_is_refused():
    assert all(np.isnan(value) for value in Saliency().result().values())
    truth = np.zeros((2, 2), bool)
    for prediction in (np.full((2, 2), 1.5), np.full((2, 2), -0.1), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            Saliency().add(prediction, truth)
    with pytest.raises(ValueError, match="shape"):
        Saliency().add(np.zeros((2, 3)), truth)
