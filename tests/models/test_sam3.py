"""SAM 3 as a detector: what it finds is what transformers' own model and post-processing find."""

import ast
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from iapas.settings import DetectorSettings
from iapas.types import Phrase

PHRASES = ("a scratch", "dark hole", "rust")
SIZES = ((60, 90), (80, 50), (56, 56))
SIDE = 56


@pytest.fixture(scope="module")
def detector(tiny):
    from iapas.models.loading import Runtime
    from iapas.models.sam3 import Sam3Detector

    return Sam3Detector(tiny("sam3"), settings(), Runtime())


def settings(**given):
    return DetectorSettings(name="sam3", **{"box_threshold": 0.1, "nms": 1.0, "max_regions": 1000} | given)


def picture(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def post_process():
    """Transformers' own post-processing, lifted out of a module that cannot be imported without torchvision."""
    import torch

    folder = Path(importlib.util.find_spec("transformers").origin).parent / "models" / "sam3"
    tree = ast.parse((folder / "image_processing_sam3.py").read_text())
    wanted = ("_scale_boxes", "post_process_instance_segmentation")
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in wanted]
    names = {"torch": torch}
    exec(compile(ast.Module(found, []), "image_processing_sam3", "exec"), names)
    return lambda out, **given: names[wanted[1]](None, out, **given)


def by_transformers(folder, image, phrase, threshold):
    """Scores, boxes and masks (N, H, W) bool, and the masks' probabilities: highest score first."""
    import torch
    import transformers

    from iapas.models.pictures import pixels

    model = transformers.Sam3Model.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = tokenizer(phrase, padding="max_length", max_length=32, return_tensors="pt")
    values = pixels([image], (SIDE, SIDE), "cpu", ((0.5,) * 3, (0.5,) * 3))
    with torch.inference_mode():
        out = model(pixel_values=values, **text)
    found = post_process()(out, threshold=threshold, mask_threshold=0.5, target_sizes=[image.shape[:2]])[0]
    kept = (out.pred_logits.sigmoid() * out.presence_logits.sigmoid())[0] > threshold
    chances = torch.nn.functional.interpolate(
        out.pred_masks.sigmoid()[:, kept[0] if kept.dim() > 1 else kept], image.shape[:2], mode="bilinear"
    )[0]
    order = torch.argsort(found["scores"], descending=True, stable=True)
    return [value[order].numpy() for value in (found["scores"], found["boxes"], found["masks"], chances)]


@pytest.mark.parametrize("size", SIZES)
def test_scores_boxes_and_masks_are_those_of_transformers(detector, tiny, size):
    image = picture(size)
    phrase = PHRASES[0]
    scores, boxes, masks, chances = by_transformers(tiny("sam3"), image, phrase, 0.1)
    assert len(scores) > 3
    assert 0.02 < masks.mean() < 0.98
    (found,) = detector.detect(detector.encode([image]), [Phrase(phrase)])
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    sure = np.abs(chances - 0.5) > 1e-4
    np.testing.assert_array_equal(found.masks()[sure], masks.astype(bool)[sure])
    assert sure.mean() > 0.99
    assert {int(value) for crop in found.crops for value in np.unique(crop)} <= {0, 255}
    height, width = size
    for mine, box, mask in zip(found.boxes, np.clip(boxes, 0, [width, height] * 2), found.masks(), strict=True):
        ys, xs = np.nonzero(mask)
        if len(ys):  # the predicted box, grown where its mask passes it
            box = [*np.minimum(box[:2], (xs.min(), ys.min())), *np.maximum(box[2:], (xs.max() + 1, ys.max() + 1))]
        np.testing.assert_allclose(mine, box, atol=1e-3)


def test_phrases_are_looked_for_one_by_one(detector, tiny):
    """All phrases together find what each finds by itself: none changes what another finds."""
    image = picture((60, 90))
    encoded = detector.encode([image])
    (together,) = detector.detect(encoded, [Phrase(text) for text in PHRASES])
    for text in PHRASES:
        scores = by_transformers(tiny("sam3"), image, text, 0.1)[0]
        mine = together.take([i for i, phrase in enumerate(together.phrases) if phrase == text])
        np.testing.assert_allclose(mine.scores, scores, atol=1e-5)
    assert (np.diff(together.scores) <= 0).all()


def test_the_image_model_alone_is_read_too(detector, tiny, tmp_path):
    import transformers

    from iapas.models.loading import Runtime, model_kind
    from iapas.models.sam3 import Sam3Detector

    assert model_kind(tiny("sam3")) == "sam3_video"  # as published
    transformers.Sam3Model.from_pretrained(tiny("sam3")).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(tiny("sam3")).save_pretrained(tmp_path)
    assert model_kind(tmp_path) == "sam3"
    alone = Sam3Detector(tmp_path, settings(), Runtime())
    image = picture((60, 90))
    phrases = [Phrase(text) for text in PHRASES]
    (found,), (wanted,) = (each.detect(each.encode([image]), phrases) for each in (alone, detector))
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, wanted.boxes, atol=1e-3)


def test_of_each_phrase_the_best_regions_are_drawn(tiny, detector):
    from iapas.models.loading import Runtime
    from iapas.models.sam3 import Sam3Detector

    image = picture((60, 90))
    few = Sam3Detector(tiny("sam3"), settings(max_regions=2), Runtime())
    phrases = [Phrase(text) for text in PHRASES]
    (found,) = few.detect(few.encode([image]), phrases)
    (all_of_them,) = detector.detect(detector.encode([image]), phrases)
    assert len(found) == 2 < len(all_of_them)
    np.testing.assert_allclose(found.scores, all_of_them.scores[:2], atol=1e-6)


@pytest.mark.parametrize("size", [(60, 90), (300, 500), (20, 30)])
def test_pictures_are_stretched_and_normalised_as_by_the_released_code(size):
    """Antialiased bilinear to a square of bytes, then (x / 255 - 0.5) / 0.5; to one step of a byte."""
    import torch

    from iapas.models.pictures import pixels
    from iapas.models.sam3 import _NORMAL

    image = picture(size)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    stretched = torch.nn.functional.interpolate(tensor, (SIDE, SIDE), mode="bilinear", antialias=True)
    wanted = (stretched.round().clamp(0, 255) / 255 - 0.5) / 0.5
    found = pixels([image], (SIDE, SIDE), "cpu", _NORMAL)
    assert float((found - wanted).abs().max()) <= 1.01 * 2 / 255
    assert float((found - wanted).abs().mean()) < 0.2 * 2 / 255
