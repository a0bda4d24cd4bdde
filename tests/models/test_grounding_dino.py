from pathlib import Path

import numpy as np
import pytest

from iapas.core.boxes import overlaps
from iapas.errors import ConfigError, MissingError, ModelNonfinite, OutOfMemory
from iapas.settings import DetectorSettings
from iapas.types import Phrase

NAMES = ("grounding-dino-tiny", "mm-grounding-dino-tiny")
PHRASES = [Phrase("a scratch"), Phrase("Broken object"), Phrase("rust.")]
SETTINGS = DetectorSettings(
    name="grounding-dino", shorter_side=64, longer_side=96, box_threshold=0.05, nms=1.0, max_regions=1000
)


@pytest.fixture(scope="module")
def make(tiny):
    """``make(name, **settings)``: a detector of tiny random weights."""
    from iapas.models.grounding_dino import GroundingDinoDetector
    from iapas.models.loading import Runtime

    def detector(name=NAMES[0], runtime=None, **settings):
        return GroundingDinoDetector(tiny(name), SETTINGS.model_copy(update=settings), runtime or Runtime())

    return detector


@pytest.fixture(scope="module")
def shared(make):
    return make()


def pictures(*sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes or [(60, 80)]]


def torch_zeros(*size):
    import torch

    return torch.zeros(size)


def same(a, b, tolerance=1e-4):
    assert a.size == b.size
    assert a.phrases == b.phrases
    np.testing.assert_allclose(a.boxes, b.boxes, atol=tolerance)
    np.testing.assert_allclose(a.scores, b.scores, atol=tolerance)


def by_transformers(folder, image, phrases, threshold):
    """The boxes, scores and labels of transformers' own pipeline, highest score first."""
    import torch
    import transformers

    kind = "MMGroundingDino" if "mm-" in folder.name else "GroundingDino"
    model = getattr(transformers, f"{kind}ForObjectDetection").from_pretrained(folder).eval()
    processor = transformers.GroundingDinoProcessor(
        transformers.GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96}),
        transformers.AutoTokenizer.from_pretrained(folder),
    )
    inputs = processor(images=image, text=". ".join(phrases) + ".", return_tensors="pt")
    with torch.inference_mode():
        out = model(**inputs)
    found = processor.post_process_grounded_object_detection(
        out, inputs["input_ids"], threshold=threshold, text_threshold=0.0, target_sizes=[image.shape[:2]]
    )[0]
    order = torch.argsort(found["scores"], descending=True, stable=True)
    return found["boxes"][order].numpy(), found["scores"][order].numpy()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(60, 80), (64, 70), (200, 90), (50, 130)])
def test_boxes_and_scores_are_those_of_transformers(make, tiny, name, size):
    (image,) = pictures(size)
    detector = make(name)
    (found,) = detector.detect(detector.encode([image]), PHRASES)
    boxes, scores = by_transformers(tiny(name), image, ["a scratch", "broken object", "rust"], 0.05)
    limits = np.array([size[1], size[0], size[1], size[0]])
    assert len(found) == len(scores) > 5
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, np.clip(boxes, 0, limits), atol=1e-3)
    assert found.crops is None


@pytest.mark.parametrize("size", [(60, 80), (97, 31), (480, 640), (64, 64), (100, 5)])
def test_pictures_are_prepared_as_by_transformers(size):
    from transformers import GroundingDinoImageProcessorPil

    from iapas.models.grounding_dino import processed_size
    from iapas.models.pictures import pixels

    (image,) = pictures(size)
    theirs = GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96})(image, return_tensors="pt")
    wanted = processed_size(size, 64, 96)
    assert wanted == tuple(theirs["pixel_values"].shape[-2:])
    np.testing.assert_allclose(pixels([image], wanted, "cpu"), theirs["pixel_values"], atol=1e-5)


def test_a_batch_of_any_sizes_equals_single_pictures(shared):
    images = pictures((60, 80), (90, 60), (60, 80), (61, 80))
    together = shared.detect(shared.encode(images), PHRASES)
    for image, found in zip(images, together, strict=True):
        same(found, shared.detect(shared.encode([image]), PHRASES)[0])


def test_one_encoding_serves_several_captions_in_any_order(shared, make):
    images = pictures((60, 80), (90, 60))
    encoded = shared.encode(images)
    first = shared.detect(encoded, PHRASES)
    lone = shared.detect(encoded, [Phrase("metal")])
    again = shared.detect(encoded[::-1], PHRASES)[::-1]
    fresh = make()
    for i in range(2):
        same(again[i], first[i], 0)
        same(fresh.detect(fresh.encode([images[i]]), [Phrase("metal")])[0], lone[i])


def test_each_region_has_the_phrase_of_its_best_token():
    import torch

    from iapas.models.captions import Caption
    from iapas.models.grounding_dino import _above
    from iapas.models.grounding_network import Found

    caption = Caption((101, 5, 6, 1012, 7, 1012, 102), ("Two words.", "one"), ((1, 3), (4, 5)))
    chances = torch.tensor(
        [
            [0.0, 0.1, 0.6, 0.7, 0.5, 0.0, 0.0],  # the stop is best: it scores, but names nothing
            [0.0, 0.1, 0.2, 0.0, 0.4, 0.0, 0.0],
            [0.5, 0.1, 0.2, 0.0, 0.1, 0.0, 0.0],  # no word above 0.25
            [0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.3],  # not above 0.3
        ]
    )
    boxes = torch.tensor([[0.5, 0.5, 0.2, 0.4]]).repeat(4, 1)
    found = Found(torch.logit(chances, eps=1e-6)[None].double(), boxes[None])
    corners, scores, phrases = _above(found, 0, caption, 0.3 + 1e-6, 0.25)
    assert phrases == ["Two words.", "one", ""]
    np.testing.assert_allclose(scores, [0.7, 0.4, 0.5], atol=1e-6)
    np.testing.assert_allclose(corners, [[0.4, 0.3, 0.6, 0.7]] * 3, atol=1e-6)
    assert _above(found, 0, caption, 0.3 + 1e-6, -1)[2] == ["Two words.", "one", "Two words."]


def test_phrases_come_back_verbatim_and_a_lone_one_names_all(make):
    detector = make(text_threshold=1.0)
    encoded = detector.encode(pictures())
    assert set(detector.detect(encoded, [Phrase("A  Scratch.")])[0].phrases) == {"A  Scratch."}
    assert set(detector.detect(encoded, PHRASES)[0].phrases) == {""}


def test_regions_pass_nms_over_all_captions_and_stay_in_the_picture(make):
    detector = make(nms=0.3, max_regions=6)
    (found,) = detector.detect(detector.encode(pictures()), [Phrase(f"scratch {i}") for i in range(120)])
    assert 1 < len(found) <= 6
    assert (np.diff(found.scores) <= 0).all()
    for i in range(len(found)):
        assert (overlaps(found.boxes[i], found.boxes[i + 1 :]) <= 0.3 + 1e-6).all()
    assert (found.boxes >= 0).all() and (found.boxes <= [80, 60, 80, 60]).all()


def test_the_threshold_is_on_the_score(make, shared):
    images = pictures()
    (loose,) = shared.detect(shared.encode(images), PHRASES)
    limit = float(np.median(loose.scores))
    detector = make(box_threshold=limit)
    (strict,) = detector.detect(detector.encode(images), PHRASES)
    assert len(strict) == (loose.scores > limit).sum() < len(loose)


@pytest.mark.parametrize("phrases", [[], [Phrase("")], [Phrase(" ... ")]])
def test_no_words_find_nothing(shared, phrases):
    (found,) = shared.detect(shared.encode(pictures()), phrases)
    assert len(found) == 0
    assert found.size == (60, 80)
    assert shared.detect([], PHRASES) == []


def test_fault_33_600_phrases_work(shared):
    phrases = [Phrase(f"scratch number {i}") for i in range(600)]
    (found,) = shared.detect(shared.encode(pictures()), phrases)
    assert len(found) > 100
    assert set(found.phrases) <= {phrase.text for phrase in phrases} | {""}


@pytest.mark.parametrize("size", [(64, 64), (1, 1), (1, 900), (3, 5)])
def test_fault_10_the_smallest_and_thinnest_pictures_work(shared, size):
    (found,) = shared.detect(shared.encode(pictures(size)), PHRASES)
    assert found.size == size
    assert len(found) > 0


def test_fault_10_a_thin_picture_has_cells_for_all_queries(make):
    detector = make()
    detector._network.queries = 900  # as in the real models
    size = detector._size(np.zeros((100, 5000, 3), np.uint8), 0)
    features = detector._network.features(torch_zeros(1, 3, *size))
    levels = [level.shape[-2:] for level in features]
    smallest = [-(-side // 2) for side in levels[-1]]
    assert sum(h * w for h, w in [*levels, smallest]) >= 900
    assert detector._size(np.zeros((600, 900, 3), np.uint8), 0)[1] > 96


def test_another_model_is_refused(tiny):
    from iapas.models.grounding_dino import GroundingDinoDetector
    from iapas.models.loading import Runtime

    with pytest.raises(ConfigError, match="'sam'"):
        GroundingDinoDetector(Path(tiny("sam-vit-base")), SETTINGS, Runtime())


def test_fault_38_a_checkpoint_without_its_tokenizer_is_refused(tiny, tmp_path):
    import shutil

    from iapas.models.grounding_dino import GroundingDinoDetector
    from iapas.models.loading import Runtime

    folder = shutil.copytree(tiny(NAMES[0]), tmp_path / "model")
    for name in ("tokenizer.json", "tokenizer_config.json", "processor_config.json"):
        (folder / name).unlink()
    with pytest.raises(MissingError, match="tokenizer"):
        GroundingDinoDetector(folder, SETTINGS, Runtime())


def out_of_memory_above(monkeypatch, network, method, pixels):
    """Have a method of the network run out of memory for more than so many pixels at once."""
    import torch

    work, seen = getattr(network, method), []

    def limited(first, *rest):
        size = tuple(first.shape[-2:]) if method == "features" else rest[0]
        seen.append((len(first) if method == "features" else len(first[0]), size))
        if seen[-1][0] * size[0] * size[1] > pixels:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return work(first, *rest)

    monkeypatch.setattr(network, method, limited)
    return seen


@pytest.mark.parametrize("method", ["features", "find"])
def test_fault_31_out_of_memory_halves_the_batch_then_the_resolution(make, monkeypatch, method):
    detector = make()
    images = pictures((60, 80), (60, 80))
    whole = [detector.detect(detector.encode([image]), PHRASES)[0] for image in images]
    seen = out_of_memory_above(monkeypatch, detector._network, method, 64 * 85)
    for found, alone in zip(detector.detect(detector.encode(images), PHRASES), whole, strict=True):
        same(found, alone)
        assert found.notes == ()
    assert [count for count, _ in seen][:3] == [2, 1, 1]
    seen = out_of_memory_above(monkeypatch, detector._network, method, 50 * 70)
    (found,) = detector.detect(detector.encode(images[:1]), PHRASES)
    assert found.notes == ("memory ran out: the detector looked at 75% of the configured resolution",)
    assert found.size == (60, 80)
    assert (1, (48, 64)) in seen
    out_of_memory_above(monkeypatch, detector._network, method, 100)
    with pytest.raises(OutOfMemory, match="50%"):
        detector.detect(detector.encode(images[:1]), PHRASES)


def test_fault_29_a_model_that_gives_nan_is_told(make):
    import torch

    detector = make()
    encoded = detector.encode(pictures())
    with torch.no_grad():
        detector._network.model.model.encoder.layers[0].deformable_layer.fc1.weight.fill_(torch.nan)
    with pytest.raises(ModelNonfinite, match="detector"):
        detector.detect(encoded, PHRASES)
    with torch.no_grad():
        next(detector._network.model.model.backbone.parameters()).fill_(torch.nan)
    with pytest.raises(ModelNonfinite, match="backbone"):
        detector.encode(pictures())


def test_fault_29_nan_of_bfloat16_is_computed_again_in_float32(make, shared, monkeypatch, caplog):
    import torch

    from iapas.models.loading import Runtime

    low = make(runtime=Runtime(precision="bf16"))
    network, backbone, forward = low._network, low._network._backbone, low._network.model.forward

    def overflowing(pixels, mask):
        maps, positions = backbone(pixels, mask)
        factor = torch.nan if torch.is_autocast_enabled("cpu") else 1.0
        return [(feature * factor, whole) for feature, whole in maps], positions

    def overflowing_too(**inputs):
        out = forward(**inputs)
        out.pred_boxes = out.pred_boxes * (torch.inf if network._low else 1.0)
        return out

    monkeypatch.setattr(network, "_backbone", overflowing)
    monkeypatch.setattr(network.model, "forward", overflowing_too)
    images = pictures()
    same(low.detect(low.encode(images), PHRASES)[0], shared.detect(shared.encode(images), PHRASES)[0])
    assert [record.message.count("once more in fp32") for record in caplog.records] == [1, 1]


def test_bfloat16_works_and_gives_float32(make):
    import torch

    from iapas.models.loading import Runtime

    detector = make(runtime=Runtime(precision="bf16"))
    encoded = detector.encode(pictures())
    assert all(level.dtype == torch.float32 for level in encoded[0].features)
    (found,) = detector.detect(encoded, PHRASES)
    assert len(found) > 5
    assert found.scores.dtype == found.boxes.dtype == np.float32
    detector.close()
