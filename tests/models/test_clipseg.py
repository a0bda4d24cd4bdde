"""CLIPSeg as a detector: its regions add up to the maps of transformers' own model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from iapas.core.scoring import score_map
from iapas.settings import DetectorSettings
from iapas.types import Phrase

PHRASES = ("a scratch", "dark hole", "rust")
SIZES = ((60, 90), (80, 50), (64, 64), (200, 300))


@pytest.fixture(scope="module")
def make(tiny):
    from iapas.models.clipseg import ClipsegDetector
    from iapas.models.loading import Runtime

    def detector(level, side=64, **given):
        settings = {"box_threshold": level, "side": side, "nms": 1.0, "max_regions": 1000} | given
        return ClipsegDetector(tiny("clipseg-rd64-refined"), DetectorSettings(name="clipseg", **settings), Runtime())

    return detector


def picture(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def by_transformers(folder, image, texts, side=64):
    """(n, H, W) float32: the maps of the texts as documented, at the size of the image."""
    import torch
    import transformers

    images = transformers.ViTImageProcessorPil(
        size={"height": side, "width": side}, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
    )
    reader = transformers.CLIPSegProcessor(images, transformers.AutoTokenizer.from_pretrained(folder))
    model = transformers.CLIPSegForImageSegmentation.from_pretrained(folder).eval()
    inputs = reader(text=list(texts), images=[image] * len(texts), padding=True, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**inputs).logits.reshape(len(texts), 1, side, side)
    return torch.nn.functional.interpolate(logits.sigmoid(), image.shape[:2], mode="bilinear")[:, 0].numpy()


def near_level(maps, level):
    """Where rounding decides on which side of the threshold a pixel lies."""
    return np.abs(maps - np.float32(level)) < 1e-5


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("size", SIZES)
def test_the_regions_of_a_phrase_add_up_to_its_map(make, tiny, size, share):
    image = picture(size)
    (wanted,) = by_transformers(tiny("clipseg-rd64-refined"), image, PHRASES[:1])
    level = float(np.quantile(wanted, share))
    detector = make(level)
    (found,) = detector.detect(detector.encode([image]), [Phrase(PHRASES[0])])
    assert len(found) > 0
    scores = score_map(found)
    expected = np.where(wanted > level, wanted, 0)
    sure = ~near_level(wanted, level)
    assert sure.mean() > 0.99
    np.testing.assert_allclose(scores[sure], expected[sure], atol=1e-4 + float(wanted.max()) / 510)
    assert float(found.scores[0]) == pytest.approx(float(wanted.max()), abs=1e-5)


def test_regions_of_several_phrases_add_up_to_the_sum_of_their_maps(make, tiny):
    image = picture((60, 90))
    maps = by_transformers(tiny("clipseg-rd64-refined"), image, PHRASES)
    level = float(np.median(maps))
    detector = make(level)
    (found,) = detector.detect(detector.encode([image]), [Phrase(text) for text in PHRASES])
    assert set(found.phrases) == set(PHRASES)
    expected = np.where(maps > level, maps, 0).sum(axis=0)
    sure = ~near_level(maps, level).any(axis=0)
    np.testing.assert_allclose(score_map(found)[sure], expected[sure], atol=0.01)
    for text, mine in zip(PHRASES, maps, strict=True):
        best = max(score for score, phrase in zip(found.scores, found.phrases, strict=True) if phrase == text)
        assert float(best) == pytest.approx(float(mine.max()), abs=1e-5)


def test_it_looks_at_any_size(make, tiny):
    image = picture((60, 90))
    wanted = by_transformers(tiny("clipseg-rd64-refined"), image, PHRASES[:1], side=96)[0]
    detector = make(0.0, side=96)
    (found,) = detector.detect(detector.encode([image]), [Phrase(PHRASES[0])])
    np.testing.assert_allclose(score_map(found), wanted, atol=0.005)


def test_of_overlapping_regions_the_best_stays(make):
    detector = make(0.0, nms=0.5)
    (found,) = detector.detect(detector.encode([picture((60, 90))]), [Phrase(text) for text in PHRASES])
    assert len(found) == 1  # at a threshold of 0 each map is one region, the whole picture


maps_of_levels = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    elements=st.sampled_from([0.0, 0.05, 0.2, 0.21, 0.6, 1.0]),
)


@given(scores=maps_of_levels, level=st.sampled_from([0.0, 0.1, 0.2, 0.5]))
def test_soft_parts_add_up_and_do_not_touch(scores, level):
    from iapas.models.clipseg import soft_parts

    total, count = np.zeros((20, 20), np.float32), np.zeros((20, 20), int)
    for best, mask in soft_parts(scores, level, (3, 5)):
        x0, y0, x1, y1 = mask.frame
        total[y0:y1, x0:x1] += mask.pixels * np.float32(best / 255)
        count[y0:y1, x0:x1] += mask.pixels > 0
        assert mask.pixels.max() == 255
        assert best == scores[y0 - 5 : y1 - 5, x0 - 3 : x1 - 3][mask.pixels == 255].max()
        assert mask.pixels.any(axis=0).all() and mask.pixels.any(axis=1).all()  # tight
    height, width = scores.shape
    expected = np.where(scores > np.float32(level), scores, 0)
    np.testing.assert_allclose(total[5 : 5 + height, 3 : 3 + width], expected, atol=1 / 510 + 1e-6)
    assert count.max() <= 1
    assert total.sum() == pytest.approx(total[5 : 5 + height, 3 : 3 + width].sum())
