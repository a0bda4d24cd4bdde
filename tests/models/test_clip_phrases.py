"""What SAM 3, CLIPSeg and OWLv2 have in common as detectors; what each finds is in a file of its own."""

import gc
import importlib
import shutil
import weakref

import numpy as np
import pytest

from iapas.core.boxes import overlaps
from iapas.errors import ConfigError, MissingError, ModelNonfinite, OutOfMemory
from iapas.settings import DetectorSettings
from iapas.types import Phrase

NAMES = {"sam3": "sam3", "clipseg": "clipseg-rd64-refined", "owlv2": "owlv2-base-ensemble"}
CLASSES = {"sam3": "Sam3Detector", "clipseg": "ClipsegDetector", "owlv2": "Owlv2Detector"}
LIMITS = {"sam3": 32, "clipseg": 77, "owlv2": 16}
PHRASES = [Phrase("a scratch"), Phrase("Hole", "lexicon"), Phrase("plate", "object")]
SIZES = ((60, 90), (80, 50), (64, 64))


@pytest.fixture(scope="module", params=NAMES)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def make(tiny, kind):
    """``make(**settings)``: a detector of tiny random weights."""
    from iapas.models.loading import Runtime

    def detector(runtime=None, folder=None, **settings):
        given = {"box_threshold": 0.08, "side": 64, "nms": 1.0, "max_regions": 1000} | settings
        made = getattr(importlib.import_module(f"iapas.models.{kind}"), CLASSES[kind])
        return made(folder or tiny(NAMES[kind]), DetectorSettings(name=kind, **given), runtime or Runtime())

    return detector


@pytest.fixture(scope="module")
def shared(make):
    return make()


def pictures(*sizes):
    return [np.random.default_rng(i).integers(0, 256, (*size, 3), np.uint8) for i, size in enumerate(sizes or SIZES)]


def same(found, wanted, tolerance=1e-5):
    assert found.size == wanted.size
    assert found.phrases == wanted.phrases
    np.testing.assert_allclose(found.scores, wanted.scores, atol=tolerance)
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=1e-3)
    for one, other in zip(found.crops or (), wanted.crops or (), strict=True):
        assert np.mean(np.abs(one.astype(int) - other) > 1) < 0.005  # a hard mask turns where a chance is a half


def test_a_batch_of_any_sizes_equals_single_pictures(shared):
    images = pictures()
    together = shared.detect(shared.encode(images), PHRASES)
    for image, found in zip(images, together, strict=True):
        assert len(found) > 1
        assert found.size == image.shape[:2]
        same(found, shared.detect(shared.encode([image]), PHRASES)[0])


def test_one_encoding_serves_all_phrases_in_any_order(shared, make):
    images = pictures()[:2]
    encoded = shared.encode(images)
    first = shared.detect(encoded, PHRASES)
    lone = shared.detect(encoded, [Phrase("metal")])
    again = shared.detect(encoded[::-1], PHRASES)[::-1]
    fresh = make()
    for i in range(2):
        same(again[i], first[i], 0)
        same(fresh.detect(fresh.encode([images[i]]), [Phrase("metal")])[0], lone[i])


def test_the_object_is_a_phrase_like_any_other(shared):
    encoded = shared.encode(pictures())
    asked = shared.detect(encoded, [Phrase("Metal  Plate.", "object")])
    for found, by_user in zip(asked, shared.detect(encoded, [Phrase("metal plate")]), strict=True):
        assert set(found.phrases) == {"Metal  Plate."}  # verbatim
        np.testing.assert_array_equal(found.boxes, by_user.boxes)


def test_phrases_that_differ_in_case_and_stops_are_one(shared):
    encoded = shared.encode(pictures())
    for found, once in zip(
        shared.detect(encoded, [Phrase("rust"), Phrase("Rust. "), Phrase("")]),
        shared.detect(encoded, [Phrase("rust")]),
        strict=True,
    ):
        same(found, once, 0)


def test_fault_33_a_phrase_too_long_is_cut_and_told(shared, kind):
    encoded = shared.encode(pictures()[:1])
    letters = "ab" * 100
    (found,) = shared.detect(encoded, [Phrase(letters)])
    (cut,) = shared.detect(encoded, [Phrase(letters[: LIMITS[kind] - 2] + letters)])
    assert found.notes == (
        f"the phrase {letters[:40]!r}... is too long for the detector: its first {LIMITS[kind] - 2} tokens count",
    )
    np.testing.assert_array_equal(found.boxes, cut.boxes)
    assert shared.detect(encoded, [Phrase("rust")])[0].notes == ()


@pytest.mark.parametrize("phrases", [[], [Phrase("")], [Phrase(" ... ")]])
def test_no_words_find_nothing(shared, phrases):
    (found,) = shared.detect(shared.encode(pictures()[:1]), phrases)
    assert len(found) == 0
    assert found.size == SIZES[0]
    assert shared.detect([], PHRASES) == []


def test_fault_33_many_phrases_work(shared):
    phrases = [Phrase(f"dent {i}") for i in range(60)]
    (found,) = shared.detect(shared.encode(pictures()[:1]), phrases)
    assert len(found) > 50
    assert set(found.phrases) <= {phrase.text for phrase in phrases}


def test_regions_pass_nms_over_all_phrases_and_stay_in_the_picture(make):
    detector = make(nms=0.4, max_regions=5)
    phrases = [Phrase(f"dent {i}") for i in range(20)]
    for image, found in zip(pictures(), detector.detect(detector.encode(pictures()), phrases), strict=True):
        assert 0 < len(found) <= 5
        assert (np.diff(found.scores) <= 0).all()
        height, width = image.shape[:2]
        assert (found.boxes >= 0).all() and (found.boxes <= [width, height, width, height]).all()
        if found.crops is None:  # a mask's box grows after it was chosen
            for i in range(len(found)):
                assert (overlaps(found.boxes[i], found.boxes[i + 1 :]) <= 0.4 + 1e-6).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 3), (3, 5)])
def test_fault_10_the_smallest_and_thinnest_pictures_work(shared, size):
    (found,) = shared.detect(shared.encode(pictures(size)), PHRASES)
    assert found.size == size


def test_another_model_is_refused(make, tiny):
    with pytest.raises(ConfigError, match="'sam'"):
        make(folder=tiny("sam-vit-base"))


def test_fault_38_a_checkpoint_without_its_tokenizer_is_refused(make, tiny, kind, tmp_path):
    folder = shutil.copytree(tiny(NAMES[kind]), tmp_path / "model")
    for name in ("tokenizer.json", "tokenizer_config.json", "SHA256SUMS"):
        (folder / name).unlink()
    with pytest.raises(MissingError, match="tokenizer"):
        make(folder=folder)


def limited(monkeypatch, part, method, most, count):
    """Have a method of the model run out of memory for more than ``most`` things at once; how many it was asked for."""
    import torch

    work, seen = getattr(part, method), []

    def wrapped(*given, **named):
        seen.append(count(*given, **named))
        if seen[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return work(*given, **named)

    monkeypatch.setattr(part, method, wrapped)
    return seen


def test_fault_31_out_of_memory_halves_what_is_asked_at_once(make, kind, shared, monkeypatch):
    detector = make()
    images, phrases = pictures()[:1], [Phrase(f"dent {i}") for i in range(5)]
    wanted = shared.detect(shared.encode(images), phrases)
    monkeypatch.setattr(f"iapas.models.{kind}._PHRASES_AT_ONCE", {"cpu": 4} if kind == "sam3" else 4)
    part, method, count = {
        "sam3": ("", "forward", lambda **named: len(named["attention_mask"])),
        "clipseg": ("decoder", "forward", lambda layers, features: len(features)),
        "owlv2": ("", "class_predictor", lambda image, texts: texts.shape[1]),
    }[kind]
    part = detector._model.get_submodule(part)
    seen = limited(monkeypatch, part, method, 2, count)
    for found, whole in zip(detector.detect(detector.encode(images), phrases), wanted, strict=True):
        same(found, whole)
    assert seen == [4, 2, 2, 1]
    limited(monkeypatch, part, method, 0, count)  # each try collects garbage, which takes its time
    with pytest.raises(OutOfMemory):
        detector.detect(detector.encode(images), phrases)


def test_fault_29_a_model_that_gives_nan_is_told(make, kind):
    import torch

    detector = make()
    encoded = detector.encode(pictures()[:1])
    spoilt = {"sam3": "detr_decoder", "clipseg": "decoder", "owlv2": "class_head"}[kind]
    with torch.no_grad():
        for weights in getattr(detector._model, spoilt).parameters():
            weights.fill_(torch.nan)
    with pytest.raises(ModelNonfinite, match="detector"):
        detector.detect(encoded, PHRASES)
    encoder = {"sam3": "vision_encoder", "clipseg": "clip", "owlv2": "owlv2"}[kind]
    with torch.no_grad():
        for weights in getattr(detector._model, encoder).parameters():
            weights.fill_(torch.nan)
    with pytest.raises(ModelNonfinite, match="image encoder"):
        detector.encode(pictures()[:1])
    with pytest.raises(ModelNonfinite, match="text encoder" if kind != "sam3" else "detector"):
        detector.detect(encoded, [Phrase("new")])


def test_bfloat16_is_near_and_gives_float32(make, shared):
    import torch

    from iapas.models.loading import Runtime

    low = make(runtime=Runtime(precision="bf16"))
    images = pictures()
    for entry in low.encode(images):
        assert all(
            value.dtype == torch.float32
            for value in vars(entry).values()
            for value in (value if isinstance(value, tuple) else (value,))
            if isinstance(value, torch.Tensor)
        )
    for found, exact in zip(
        low.detect(low.encode(images), PHRASES), shared.detect(shared.encode(images), PHRASES), strict=True
    ):
        assert found.scores.dtype == found.boxes.dtype == np.float32
        np.testing.assert_allclose(found.scores[:3], exact.scores[:3], atol=0.05)
        assert not np.array_equal(found.scores[:3], exact.scores[:3])  # it was another precision


def test_closing_frees_the_model(make):
    detector = make()
    detector.detect(detector.encode(pictures()[:1]), PHRASES)
    model = weakref.ref(detector._model)
    detector.close()
    gc.collect()
    assert model() is None
