"""The everything mode against the parts of transformers' own pipeline that need no torchvision."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from iapas.core.boxes import nms, overlaps
from iapas.errors import ModelNonfinite
from iapas.models.everything import Everything, crop_frames, cut_off, point_grid
from iapas.models.loading import Runtime
from iapas.settings import EverythingSettings

ALL = EverythingSettings(points_per_side=5, chunk=7, iou=0, stability=0, nms=1)
"""Nothing is a copy of anything: of boxes that overlap by more than all of them, the best."""
SIZE = (60, 90)


def picture(size=SIZE, seed=3):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def blobs(family, model, features, prompts, many):
    """In place of a network: three discs around each point, of different size, sharpness and predicted IoU.

    Random weights make noise that is the same for every point.
    """
    import torch

    points = prompts["input_points"][0, :, 0]
    ys, xs = torch.meshgrid(*[torch.arange(16) * 4 + 2.0] * 2, indexing="ij")
    radii, slopes = torch.tensor([5.0, 9.0, 22.0]), torch.tensor([2.0, 0.4, 1.0])
    distance = torch.hypot(xs - points[:, 0, None, None], ys - points[:, 1, None, None])[:, None]
    logits = slopes[:, None, None] * (radii[:, None, None] - distance)
    logits[:, 2] -= 9 * (distance[:, 0] < 6)  # a ring, with a hole
    wave = torch.sin(points @ torch.tensor([[12.9, 1.1, 5.2], [78.2, 3.3, 9.7]], dtype=points.dtype))
    return logits.float(), (0.5 + wave / 2).float()


@pytest.fixture
def generate(tiny, monkeypatch):
    monkeypatch.setattr("iapas.models.sam.predict", blobs)
    made = Everything(tiny("sam-vit-base"), ALL, Runtime())

    def with_settings(image, **changes):
        made._settings = ALL.model_copy(update=changes)
        return made.generate(image)

    return with_settings


def by_transformers(image, network, iou=0.0, stability=0.0, layers=0):
    """[(box to its last pixel, score, mask)] by transformers' processor around ``network``, before any NMS."""
    import transformers

    processor = transformers.SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64}, mask_size={"longest_edge": 16}
    )
    crops, points, pictures, _ = processor.generate_crop_boxes(image, 64, layers, points_per_crop=5)
    found = []
    for i, crop in enumerate(crops.numpy()):
        inputs = processor(pictures[i].transpose(1, 2, 0), return_tensors="pt")
        logits, ious = network(inputs["pixel_values"], points[0, :, i][None, :, None])
        sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
        (masks,) = processor.post_process_masks(logits[None], *sizes, binarize=False)
        rles, scores, boxes = processor.filter_masks(masks, ious, image.shape[:2], crop, iou, stability)
        for rle, score, box in zip(rles, scores, boxes, strict=True):
            flat = np.repeat(np.arange(len(rle["counts"])) % 2 == 1, rle["counts"])
            mask = flat.reshape(rle["size"][::-1]).T
            if mask.any():
                found.append((tuple(box.tolist()), float(score), mask))
    return found


def compare(found, expected):
    """The same parts, in whatever order those of one IoU are."""
    boxes = (found.boxes - np.float32([0, 0, 1, 1])).tolist()
    scores = [round(float(score), 4) for score in found.scores]
    order = sorted(range(len(found)), key=lambda i: (-scores[i], boxes[i]))
    expected = sorted(expected, key=lambda entry: (-round(entry[1], 4), entry[0]))
    assert [tuple(boxes[i]) for i in order] == [box for box, _, _ in expected]
    np.testing.assert_allclose([scores[i] for i in order], [score for _, score, _ in expected], atol=2e-4)
    assert (found.masks()[order] == np.stack([mask for _, _, mask in expected])).mean() > 0.9999
    assert (np.diff(found.scores) <= 0).all()
    assert found.phrases == [""] * len(found)


@pytest.mark.parametrize(
    ("iou", "stability", "layers", "count"),
    [(0.0, 0.0, 0, 75), (0.6, 0.0, 0, 40), (0.2, 0.75, 0, 25), (0.3, 0.6, 1, 60)],
)
@pytest.mark.parametrize("size", [SIZE, (150, 100)])
def test_parts_are_those_of_transformers_pipeline(generate, size, iou, stability, layers, count):
    image = picture(size)
    expected = by_transformers(
        image, lambda _, points: blobs(0, 0, 0, {"input_points": points}, 1), iou, stability, layers
    )
    assert len(expected) > 0.4 * count
    compare(generate(image, iou=iou, stability=stability, crop_layers=layers), expected)


def test_three_masks_are_asked_of_the_model_for_each_point(tiny):
    import torch
    import transformers

    model = transformers.SamModel.from_pretrained(tiny("sam-vit-base")).eval()

    def network(pixels, points):
        with torch.no_grad():
            found = model(pixels, input_points=points, multimask_output=True)
        return found.pred_masks[0], found.iou_scores[0]

    image = picture()
    expected = [part for part in by_transformers(image, network) if part[1] > 0]
    found = Everything(tiny("sam-vit-base"), ALL, Runtime()).generate(image)
    assert len(found) == len(expected) > 20
    expected = sorted(expected, key=lambda part: -part[1])
    np.testing.assert_allclose(found.scores, np.clip([score for _, score, _ in expected], 0, 1), atol=1e-3)
    pixels = sorted(int(mask.sum()) for _, _, mask in expected)
    np.testing.assert_allclose(sorted(found.masks().sum(axis=(1, 2))), pixels, atol=20)


def test_of_parts_with_the_same_box_the_best_is_kept(generate):
    image = picture()
    everything = generate(image)
    kept = nms(everything.boxes - np.float32([0, 0, 1, 1]), everything.scores, 0.3)
    best = generate(image, nms=0.3)
    assert 1 < len(best) < len(everything)
    np.testing.assert_array_equal(best.boxes, everything.boxes[kept])


def test_of_parts_in_several_cut_outs_the_one_of_the_smallest_is_kept(generate):
    image = picture()
    whole, layered = generate(image, nms=0.6), generate(image, nms=0.6, crop_layers=1)
    assert len(layered) > 0
    for i, box in enumerate(layered.boxes):
        others = np.delete(layered.boxes, i, axis=0) - np.float32([0, 0, 1, 1])
        assert overlaps(box - np.float32([0, 0, 1, 1]), others).max() <= 0.6
    assert not {tuple(box) for box in whole.boxes} >= {tuple(box) for box in layered.boxes}


def test_thresholds_drop_what_is_below_them(generate):
    image = picture()
    everything = generate(image)
    middle = float(np.median(everything.scores))
    sure = generate(image, iou=middle)
    np.testing.assert_array_equal(sure.scores, everything.scores[everything.scores > middle])
    steady = generate(image, stability=0.8)
    steadier = generate(image, stability=0.8, stability_offset=1.5)
    assert len(everything) > len(steady) > len(steadier) > 0


def test_small_holes_and_islands_can_be_removed(generate):
    image = picture()
    rough, clean = generate(image), generate(image, min_area=60)

    def smallest(masks):
        labels = (ndimage.label(mask, np.ones((3, 3)))[0] for mask in masks)
        return min((np.bincount(one.ravel())[1:].min(initial=999) for one in labels), default=999)

    assert smallest(~rough.masks()) < 60  # of the rings
    assert smallest(~clean.masks()) >= 60
    assert 0 < len(clean) <= len(rough)


def test_how_many_at_once_changes_nothing(tiny, monkeypatch):
    monkeypatch.setattr("iapas.models.sam.predict", blobs)
    made = [Everything(tiny("sam-vit-base"), ALL.model_copy(update={"chunk": n}), Runtime()) for n in (25, 4)]
    a, b = (one.generate(picture()) for one in made)
    np.testing.assert_array_equal(a.boxes, b.boxes)
    assert all(np.array_equal(x, y) for x, y in zip(a.crops, b.crops, strict=True))


@pytest.mark.parametrize("name", ["sam-hq-vit-base", "sam2.1-hiera-tiny"])
def test_the_other_families_find_parts_too(tiny, name):
    made = Everything(tiny(name), ALL.model_copy(update={"points_per_side": 3}), Runtime())
    found = made.generate(picture())
    assert len(found) > 0
    assert found.size == SIZE
    made.close()


def test_nothing_found_is_a_valid_empty_result(generate):
    found = generate(picture(), iou=1, min_area=5, crop_layers=1)
    assert len(found) == 0
    assert found.size == SIZE


def test_fault_29_what_is_not_finite_fails_the_image(tiny, monkeypatch):
    monkeypatch.setattr("iapas.models.sam.predict", lambda *given: tuple(x * np.nan for x in blobs(*given)))
    with pytest.raises(ModelNonfinite):
        Everything(tiny("sam-vit-base"), ALL, Runtime()).generate(picture())


@given(st.integers(16, 3000), st.integers(16, 3000), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_crops_are_those_of_the_released_code(height, width, layers):
    from transformers.models.sam.image_processing_pil_sam import _generate_per_layer_crops

    boxes, numbers = _generate_per_layer_crops(layers, 512 / 1500, (height, width))
    assert crop_frames((height, width), layers, 512 / 1500) == [
        (tuple(box), layer) for box, layer in zip(boxes, numbers, strict=True) if box[0] < width and box[1] < height
    ]


def test_crops_of_very_small_pictures_are_never_empty():
    for frame, _ in crop_frames((2, 3), 4, 0.3):
        assert frame[2] > frame[0]
        assert frame[3] > frame[1]


def test_the_grid_is_even_and_lies_in_the_image():
    grid = point_grid(4, (40, 80))
    assert grid[:2].tolist() == [[10, 5], [30, 5]]
    assert grid[-1].tolist() == [70, 35]


def test_a_mask_at_the_edge_of_a_cut_out_is_cut_off_but_not_at_that_of_the_picture():
    crop, size = (0, 0, 200, 200), (400, 200)
    assert not cut_off((0, 30, 100, 100), crop, size)
    assert not cut_off((50, 30, 200, 100), crop, size)
    assert cut_off((50, 30, 100, 190), crop, size)
    assert not cut_off((50, 30, 100, 170), crop, size)
