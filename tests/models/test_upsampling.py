"""Coarse logits to pixels, only where the mask is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapas.models.sam_networks import FAMILIES
from iapas.models.upsampling import Axis, Upsampling

SIDE, COARSE = 64, 16


def upsampling(size, padded=True):
    family = FAMILIES["sam" if padded else "sam2"]
    fed = family.fed(size, SIDE)
    return Upsampling(*(Axis.of(COARSE, family.steps(size[i], fed[i], SIDE), "cpu") for i in range(2))), fed


def in_full(logits, size, fed, padded):
    """(N, H, W): the released code's resizing of everything."""
    import torch.nn.functional as F

    logits = logits[:, None]
    if padded:
        logits = F.interpolate(logits, (SIDE, SIDE), mode="bilinear", align_corners=False)[..., : fed[0], : fed[1]]
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)[:, 0]


def blobs(count, seed):
    """Logits of few positive places, as of defects; some reach the border, some are only in the padding."""
    import torch

    rng = np.random.default_rng(seed)
    logits = rng.uniform(-9, -1, (count, COARSE, COARSE))
    for one in logits:
        y, x = rng.integers(0, COARSE, 2)
        one[y : y + rng.integers(1, 5), x : x + rng.integers(1, 5)] = rng.uniform(0.1, 8)
    return torch.from_numpy(logits).float()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.booleans(), st.sampled_from([0.0, -1.5]), st.integers(0, 99))
def test_a_window_holds_what_the_whole_image_holds_there_and_nothing_is_outside(height, width, padded, above, seed):
    size = (height, width)
    ways, fed = upsampling(size, padded)
    logits = blobs(4, seed)
    full = in_full(logits, size, fed, padded)
    for (origin, window), expected in zip(ways.windows(logits, above), full, strict=True):
        x, y = origin
        there = expected[y : y + window.shape[0], x : x + window.shape[1]]
        np.testing.assert_allclose(window, there, atol=2e-5)
        rest = expected.clone()
        rest[y : y + window.shape[0], x : x + window.shape[1]] = -99
        assert float(rest.max()) <= above + 2e-5


@pytest.mark.parametrize("padded", [True, False])
def test_windows_of_small_masks_are_small(padded):
    import torch

    size = (2000, 3000)
    ways, _ = upsampling(size, padded)
    logits = torch.full((1, COARSE, COARSE), -5.0)
    logits[0, 5, 6] = 50
    ((x, y), window) = next(iter(ways.windows(logits)))
    assert (0 < x < 3000, 0 < y < 2000) == (True, True)
    assert window.numel() < 0.05 * 2000 * 3000
    assert float(window.max()) > 20


def test_no_mask_is_an_empty_window():
    import torch

    ways, _ = upsampling((20, 60))
    ((_, window),) = ways.windows(torch.full((1, COARSE, COARSE), -5.0))
    assert window.numel() == 0
    padding_only = torch.full((1, COARSE, COARSE), -5.0)
    padding_only[0, -2:] = 5  # the image fills the upper third
    ((_, window),) = ways.windows(padding_only)
    assert window.numel() == 0
