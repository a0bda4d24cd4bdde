"""SAM, SAM-HQ and SAM 2.1 as mask decoders, on tiny random weights, against transformers' own way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iapas.errors import ConfigError, MissingError, ModelNonfinite, OutOfMemory
from iapas.models import sam_networks
from iapas.models.loading import Runtime
from iapas.models.sam import SamDecoder, mask_decoder
from iapas.settings import DecoderSettings

SETTINGS = DecoderSettings(name="sam", chunk=3)
PADDED = ("sam-vit-base", "sam-hq-vit-base")
ALL = (*PADDED, "sam2.1-hiera-tiny")
SIZES = ((50, 90), (120, 70), (64, 64))
BOXES = np.array([[5, 4, 40, 30], [0, 0, 64, 48], [10.5, 20.25, 33, 49], [2, 2, 9, 9], [30, 10, 60, 45]], np.float32)
POINTS = np.array([[5, 4], [40.5, 30], [60, 49.5]], np.float32)


def picture(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture(scope="module")
def decoder(tiny):
    made = {}

    def decoder_of(name):
        if name not in made:
            made[name] = mask_decoder(tiny(name), SETTINGS, Runtime())
        return made[name]

    return decoder_of


def whole(masks, size):
    """(N, H, W) bool: the crops as masks of the whole image."""
    full = np.zeros((len(masks), *size), bool)
    for target, mask in zip(full, masks, strict=True):
        x0, y0, x1, y1 = mask.frame
        assert set(np.unique(mask.pixels)) <= {0, 255}
        target[y0:y1, x0:x1] = mask.pixels > 0
    return full


def by_transformers(folder, image, **prompts):
    """(N, H, W) float32: the logits in pixels of the image, by the processor, model and post-processing themselves."""
    import torch
    import transformers

    classes = {"sam": ("SamModel", "SamProcessor"), "sam_hq": ("SamHQModel", "SamHQProcessor")}
    kind = transformers.AutoConfig.from_pretrained(folder).model_type
    model = getattr(transformers, classes[kind][0]).from_pretrained(folder).eval()
    processor = getattr(transformers, classes[kind][1])(transformers.SamImageProcessorPil.from_pretrained(folder))
    inputs = processor(image, return_tensors="pt", **prompts)
    with torch.no_grad():
        found = model(**inputs, multimask_output=False)
    sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
    (logits,) = processor.image_processor.post_process_masks(found.pred_masks, *sizes, binarize=False)
    return logits[:, 0].numpy()


def by_sam2(folder, image, prompts):
    """The same for SAM2, whose processor needs torchvision: stretched to the square by Pillow, then as documented."""
    import torch
    import transformers
    from PIL import Image

    side, (height, width) = 64, image.shape[:2]
    stretched = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)) / 255
    values = (stretched - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    tensor = torch.from_numpy(values.transpose(2, 0, 1)[None].astype(np.float32))
    scaled = torch.from_numpy(prompts * np.tile([side / width, side / height], prompts.shape[1] // 2)).float()
    given = {"input_boxes": scaled[None]} if scaled.shape[1] == 4 else {"input_points": scaled[None, :, None]}
    model = transformers.Sam2Model.from_pretrained(folder).eval()
    with torch.no_grad():
        found = model(tensor, **given, multimask_output=False)
    logits = torch.nn.functional.interpolate(found.pred_masks[0], (height, width), mode="bilinear", align_corners=False)
    return logits[:, 0].numpy()


def reference(folder, name, image, boxes=None, points=None):
    if name not in PADDED:
        return by_sam2(folder, image, boxes if boxes is not None else points)
    if boxes is not None:
        return by_transformers(folder, image, input_boxes=[boxes.tolist()])
    return by_transformers(folder, image, input_points=[[[point] for point in points.tolist()]])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("prompts", ["boxes", "points"])
def test_masks_are_those_of_transformers_own_pipeline(tiny, decoder, name, size, prompts):
    image = picture(size)
    width, height = size[1], size[0]
    given = (BOXES if prompts == "boxes" else POINTS) * np.tile(
        [width / 64, height / 50], 2 if prompts == "boxes" else 1
    )
    given = given.astype(np.float32)
    (masks,) = decoder(name).decode(decoder(name).encode([image]), **{prompts: [given]})
    logits = reference(tiny(name), name, image, **{prompts: given})
    found = whole(masks, size)
    assert found.shape == logits.shape
    sure = np.abs(logits) > 1e-4 * np.abs(logits).max()
    np.testing.assert_array_equal(found[sure], logits[sure] > 0)
    assert sure.mean() > 0.99
    assert 0.02 < (logits > 0).mean() < 0.98  # there is something to compare


@pytest.mark.parametrize("name", ALL)
def test_batches_equal_singles(decoder, name):
    images = [picture(size, seed) for seed, size in enumerate(SIZES)]
    boxes = [BOXES, BOXES[:0], BOXES[2:4]]
    together = decoder(name).decode(decoder(name).encode(images), boxes=boxes)
    for i, image in enumerate(images):
        (alone,) = decoder(name).decode(decoder(name).encode([image]), boxes=[boxes[i]])
        np.testing.assert_array_equal(whole(alone, SIZES[i]), whole(together[i], SIZES[i]))
    assert [len(masks) for masks in together] == [5, 0, 2]


@pytest.mark.parametrize("name", ALL)
def test_encoders_of_several_images_at_once_give_what_they_give_one_by_one(decoder, name):
    images = [picture(size, seed) for seed, size in enumerate(SIZES)]
    together = decoder(name)._encode(images)  # as on a GPU
    for entry, single in zip(together, decoder(name).encode(images), strict=True):
        assert (entry.size, entry.fed) == (single.size, single.fed)
        for a, b in zip(entry.features, single.features, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, atol=1e-4 * float(b.abs().max()))


def test_how_many_at_once_changes_no_mask(tiny):
    image = picture((80, 100))
    boxes = np.random.default_rng(1).uniform(0, 50, (17, 4)).astype(np.float32)
    boxes[:, 2:] += boxes[:, :2] + 1
    results = []
    for chunk in (1, 3, 64):
        made = SamDecoder(tiny("sam-vit-base"), SETTINGS, Runtime())
        made.chunk = chunk  # on a CPU the settings cannot raise it
        results.append(whole(made.decode(made.encode([image]), boxes=[boxes])[0], (80, 100)))
    assert (results[0] != results[1]).mean() < 1e-3
    assert (results[0] != results[2]).mean() < 1e-3


@pytest.mark.parametrize("name", ALL)
def test_fault_30_boxes_outside_or_turned_over_have_the_mask_of_what_is_left_of_them(decoder, name):
    image = picture((50, 64))
    inside = np.array([[10, 5, 64, 50]], np.float32)
    odd = np.array(
        [[10, 5, 900, 1e6], [40, 30, 5, 4], [-90, -90, -3, -3], [7, 7, 7, 30], [np.nan, 0, 9, 9], [0, 0, np.inf, 9]],
        np.float32,
    )
    entry = decoder(name).encode([image])
    (expected,), (masks,) = decoder(name).decode(entry, boxes=[inside]), decoder(name).decode(entry, boxes=[odd])
    found = whole(masks, (50, 64))
    np.testing.assert_array_equal(found[0], whole(expected, (50, 64))[0])
    assert not found[1:5].any()
    (far,) = decoder(name).decode(entry, points=[np.array([[-5, 500], [np.nan, 3]], np.float32)])
    (near,) = decoder(name).decode(entry, points=[np.array([[0, 50]], np.float32)])
    np.testing.assert_array_equal(whole(far, (50, 64)), [whole(near, (50, 64))[0], np.zeros((50, 64), bool)])


def test_either_boxes_or_points_are_asked_for(decoder):
    entry = decoder("sam-vit-base").encode([picture((50, 64))])
    with pytest.raises(ValueError, match="either"):
        decoder("sam-vit-base").decode(entry)
    with pytest.raises(ValueError, match="either"):
        decoder("sam-vit-base").decode(entry, boxes=[BOXES], points=[POINTS])


def test_the_published_files_of_sam2_are_those_of_its_video_model(tiny, decoder, tmp_path):
    import transformers

    image_model = transformers.Sam2Model.from_pretrained(tiny("sam2.1-hiera-tiny"))
    parts = image_model.config
    config = transformers.Sam2VideoConfig(
        vision_config=parts.vision_config,
        prompt_encoder_config=parts.prompt_encoder_config,
        mask_decoder_config=parts.mask_decoder_config,
        image_size=64,
        memory_attention_hidden_size=128,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=16,
        memory_attention_rope_feat_sizes=[4, 4],
        memory_encoder_hidden_size=128,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128,
        memory_fuser_intermediate_dim=16,
        memory_fuser_num_layers=1,
    )
    whole_model = transformers.Sam2VideoModel(config)
    whole_model.load_state_dict(image_model.state_dict(), strict=False)
    whole_model.save_pretrained(tmp_path)
    video, own = mask_decoder(tmp_path, SETTINGS, Runtime()), decoder("sam2.1-hiera-tiny")
    image = picture((50, 64))
    (a,), (b,) = (one.decode(one.encode([image]), boxes=[BOXES]) for one in (video, own))
    np.testing.assert_array_equal(whole(a, (50, 64)), whole(b, (50, 64)))


def test_a_model_that_draws_no_masks_is_told_by_its_type(tiny):
    with pytest.raises(ConfigError, match="grounding-dino"):
        mask_decoder(tiny("grounding-dino-tiny"), SETTINGS, Runtime())
    with pytest.raises(MissingError):
        mask_decoder(tiny("sam-vit-base") / "nowhere", SETTINGS, Runtime())


class Broken:
    """A family whose encoder or decoder fails in a chosen way."""

    def __init__(self, family, fails):
        self.embed, self.calls, self.fails = family.embed, [], fails

    def __call__(self, model, pixels):
        import torch

        self.calls.append((torch.is_autocast_enabled("cpu"), len(pixels)))
        return tuple(self.fails(level, self.calls[-1]) for level in self.embed(model, pixels))


def broken(tiny, fails, precision="bf16"):
    made = SamDecoder(tiny("sam-vit-base"), SETTINGS, Runtime(precision=precision))
    encoder = Broken(made._family, fails)
    made._family = replace(made._family, embed=encoder)
    return made, encoder


def test_fault_29_an_encoder_that_overflows_in_bf16_runs_again_in_fp32(tiny, decoder):
    made, encoder = broken(tiny, lambda level, call: level * np.inf if call[0] else level)
    image = picture((50, 64))
    (masks,) = made.decode(made.encode([image]), boxes=[BOXES])
    assert encoder.calls == [(True, 1), (False, 1)]
    own = decoder("sam-vit-base")
    (expected,) = own.decode(own.encode([image]), boxes=[BOXES])
    np.testing.assert_array_equal(whole(masks, (50, 64)), whole(expected, (50, 64)))


def test_fault_29_what_is_not_finite_in_fp32_either_fails_the_image(tiny, monkeypatch):
    made, encoder = broken(tiny, lambda level, call: level * np.nan)
    with pytest.raises(ModelNonfinite, match="image encoder"):
        made.encode([picture((50, 64))])
    assert len(encoder.calls) == 2
    made, _ = broken(tiny, lambda level, call: level)
    entry = made.encode([picture((50, 64))])
    monkeypatch.setattr(
        "iapas.models.sam.predict", lambda *given: tuple(x * np.nan for x in sam_networks.predict(*given))
    )
    with pytest.raises(ModelNonfinite, match="mask decoder"):
        made.decode(entry, boxes=[BOXES])


def test_bf16_keeps_the_masks(tiny, decoder):
    image = picture((50, 64))
    half = SamDecoder(tiny("sam-vit-base"), SETTINGS, Runtime(precision="bf16"))
    own = decoder("sam-vit-base")
    (masks,), (expected,) = (one.decode(one.encode([image]), boxes=[BOXES]) for one in (half, own))
    assert (whole(masks, (50, 64)) == whole(expected, (50, 64))).mean() > 0.95
    assert half.encode([image])[0].features[0].dtype.itemsize == 4


def test_fault_31_fewer_prompts_at_once_where_memory_runs_out(tiny, decoder, monkeypatch):
    taken = []

    def short(family, model, features, prompts, many):
        count = prompts["input_boxes"].shape[1]
        taken.append(count)
        if count > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return sam_networks.predict(family, model, features, prompts, many)

    made = SamDecoder(tiny("sam-vit-base"), SETTINGS, Runtime())
    made.chunk = 4
    image = picture((50, 64))
    entry = made.encode([image])
    (expected,) = made.decode(entry, boxes=[BOXES])
    monkeypatch.setattr("iapas.models.sam.predict", short)
    (masks,) = made.decode(entry, boxes=[BOXES])
    assert taken == [4, 2, 2, 1]
    assert (whole(masks, (50, 64)) != whole(expected, (50, 64))).mean() < 1e-3


def test_fault_31_one_that_does_not_fit_fails_the_image(tiny):
    def fails(level, call):
        raise RuntimeError("CUDA error: out of memory")

    made, _ = broken(tiny, fails)
    with pytest.raises(OutOfMemory):
        made.encode([picture((50, 64))])


def local(family, model, features, prompts, many):
    """The network runs, but its masks are the boxes, as a trained one's nearly are."""
    import torch

    logits, ious = sam_networks.predict(family, model, features, prompts, many)
    ys, xs = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    x0, y0, x1, y1 = (prompts["input_boxes"][0] / 4).T[..., None, None]
    inside = (xs + 1 > x0) & (xs < x1) & (ys + 1 > y0) & (ys < y1)
    return torch.where(inside, 5.0, -5.0)[:, None].expand_as(logits), ious


def test_three_hundred_boxes_on_four_megapixels_take_little_memory(tiny, monkeypatch):
    def peak():
        (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1000

    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    except OSError:
        pytest.skip("the peak of memory cannot be reset here")
    rng = np.random.default_rng(0)
    corner, side = rng.uniform(0, 1800, (300, 2)), rng.uniform(10, 300, (300, 2))
    boxes = np.concatenate([corner, corner + side], axis=1).astype(np.float32)
    made = SamDecoder(tiny("sam-vit-base"), SETTINGS, Runtime())
    entry = made.encode([np.zeros((2000, 2000, 3), np.uint8)])
    monkeypatch.setattr("iapas.models.sam.predict", local)
    made.decode(entry, boxes=[boxes[:2]])
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    (masks,) = made.decode(entry, boxes=[boxes])
    assert len(masks) == 300
    assert all(mask.pixels.size > 0 for mask in masks)
    assert peak() - before < 100


def test_a_closed_decoder_holds_no_model(tiny):
    import gc
    import weakref

    made = SamDecoder(tiny("sam-vit-base"), SETTINGS, Runtime())
    model = weakref.ref(made._model)
    made.close()
    gc.collect()
    assert model() is None
