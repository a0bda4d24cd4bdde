"""OWLv2 as a detector: what it finds is what transformers' own model and post-processing find."""

import numpy as np
import pytest

from iapas.settings import DetectorSettings
from iapas.types import Phrase

PHRASES = ("a scratch", "dark hole", "rust")
SIZES = ((60, 90), (80, 50), (64, 64), (200, 300))
SIDE = 64


@pytest.fixture(scope="module")
def detector(tiny):
    from iapas.models.loading import Runtime
    from iapas.models.owlv2 import Owlv2Detector

    settings = DetectorSettings(name="owlv2", box_threshold=0.3, nms=1.0, max_regions=1000)
    return Owlv2Detector(tiny("owlv2-base-ensemble"), settings, Runtime())


def picture(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def processor(folder):
    import transformers
    from transformers.models.owlv2 import Owlv2ImageProcessorPil

    images = Owlv2ImageProcessorPil(size={"height": SIDE, "width": SIDE})
    return transformers.Owlv2Processor(images, transformers.AutoTokenizer.from_pretrained(folder))


def by_transformers(folder, image, texts, threshold):
    """Boxes, scores and phrases, highest score first; the picture prepared as ours is."""
    import torch
    import transformers

    from iapas.models.owlv2 import prepared

    model = transformers.Owlv2ForObjectDetection.from_pretrained(folder).eval()
    reader = processor(folder)
    inputs = reader(text=[list(texts)], return_tensors="pt")
    with torch.inference_mode():
        out = model(pixel_values=torch.from_numpy(prepared(image, SIDE))[None], **inputs)
    (found,) = reader.post_process_grounded_object_detection(
        out, threshold=threshold, target_sizes=[image.shape[:2]], text_labels=[list(texts)]
    )
    order = torch.argsort(found["scores"], descending=True, stable=True)
    return found["boxes"][order].numpy(), found["scores"][order].numpy(), [found["text_labels"][i] for i in order]


@pytest.mark.parametrize("size", SIZES)
def test_boxes_scores_and_phrases_are_those_of_transformers(detector, tiny, size):
    image = picture(size)
    boxes, scores, texts = by_transformers(tiny("owlv2-base-ensemble"), image, PHRASES, 0.3)
    (found,) = detector.detect(detector.encode([image]), [Phrase(text) for text in PHRASES])
    assert len(found) == len(scores) > 5
    assert found.crops is None
    height, width = size
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    np.testing.assert_allclose(found.boxes, np.clip(boxes, 0, [width, height] * 2), atol=1e-3)
    assert found.phrases == texts
    assert len(set(texts)) > 1


@pytest.mark.parametrize("size", [*SIZES, (499, 320), (5, 64)])
def test_pictures_are_prepared_as_by_transformers(tiny, size):
    """Its blur and sampling are SciPy's, ours OpenCV's: up to a quarter of a step of a byte."""
    pytest.importorskip("scipy", reason="transformers' processor of OWLv2 needs scipy")
    from iapas.models.owlv2 import prepared

    image = picture(size)
    theirs = processor(tiny("owlv2-base-ensemble")).image_processor(image, return_tensors="np")["pixel_values"][0]
    found = prepared(image, SIDE)
    if max(size) < SIDE:  # stretched: along the edge SciPy mirrors the picture, OpenCV repeats its last line
        found, theirs = found[:, 1:-1, 1:-1], theirs[:, 1:-1, 1:-1]
    np.testing.assert_allclose(found, theirs, atol=0.25 / 255 / 0.26)


def test_boxes_in_the_padding_have_no_area(detector):
    from iapas.core.boxes import within_image

    image = picture((20, 90))
    (found,) = detector.detect(detector.encode([image]), [Phrase("rust")])
    inside = within_image(found)
    assert 0 < len(inside) < len(found)
    assert (inside.boxes[:, 3] <= 20).all()
