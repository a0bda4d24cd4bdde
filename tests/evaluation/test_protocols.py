import cv2
import numpy as np
import pytest

from iapas.errors import UsageError
from iapas.evaluation.protocols import FEWSHOT, IAP_AS, STANDARD, protocol_of, scaled


def test_standard_changes_nothing():
    scores, truth = np.random.default_rng(0).random((20, 30), np.float32), np.eye(20, 30, dtype=bool)
    assert STANDARD.scores(scores) is scores
    assert STANDARD.truth(truth) is truth
    assert not STANDARD.rescaled and not STANDARD.steps.size


def test_iap_as_resizes_maps_bicubic_and_masks_nearest():
    rng = np.random.default_rng(1)
    scores, truth = rng.random((100, 130), np.float32), rng.random((100, 130)) < 0.3
    resized = IAP_AS.scores(scores)
    assert resized.shape == (400, 400) and resized.dtype == np.float32
    assert np.array_equal(resized, cv2.resize(scores, (400, 400), interpolation=cv2.INTER_CUBIC))
    grey = cv2.resize(np.where(truth, np.uint8(255), np.uint8(0)), (400, 400), interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(IAP_AS.truth(truth), grey > 128)
    assert np.array_equal(IAP_AS.steps, np.linspace(0, 1, 100))


def test_scaled_is_min_max_and_zero_for_a_constant():
    scores = np.float32([[-1, 0], [1, 3]])
    assert scaled(scores, -1, 3).tolist() == [[0, 0.25], [0.5, 1]]
    assert scaled(scores, 2, 2).tolist() == [[0, 0], [0, 0]]


def test_protocols_by_name():
    assert protocol_of(None, "mtd") is STANDARD
    assert protocol_of("iap-as", "mtd") is IAP_AS
    assert protocol_of(None, "gfds") is FEWSHOT
    with pytest.raises(UsageError):
        protocol_of("other", "mtd")
    assert protocol_of("standard", "gfds") is STANDARD
