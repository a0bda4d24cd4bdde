"""The authors' packages and our default back ends, on the same random weights: the same boxes, scores and masks."""

import json

import numpy as np
import originals
import pytest
import tifffile
from typer.testing import CliRunner

from iapas.types import Phrase

PHRASES = [Phrase("scratch"), Phrase("dented metal"), Phrase("rust"), Phrase("hole")]


@pytest.fixture(scope="module")
def detectors(root, converted):
    from iapas.models.grounding_dino import GroundingDinoDetector
    from iapas.models.loading import Runtime
    from iapas.models.original.grounding_dino import OriginalNetwork
    from iapas.settings import DetectorSettings

    settings = DetectorSettings(shorter_side=96, longer_side=160, box_threshold=0.02, text_threshold=0.01, nms=1.0)
    theirs = GroundingDinoDetector(root / "grounding-dino-tiny", settings, Runtime(), OriginalNetwork.load)
    return theirs, GroundingDinoDetector(converted / "grounding-dino-tiny", settings, Runtime())


@pytest.fixture(scope="module")
def decoders(root, converted):
    from iapas.models.loading import Runtime
    from iapas.models.original.sam import OriginalSamDecoder
    from iapas.models.sam import mask_decoder
    from iapas.settings import DecoderSettings

    theirs = OriginalSamDecoder(root / "sam-vit-base", DecoderSettings(), Runtime())
    return theirs, mask_decoder(converted / "sam-vit-base", DecoderSettings(), Runtime())


def test_boxes_scores_and_phrases(detectors):
    images = [*originals.pictures(), originals.pictures()[0][::-1].copy()]  # the last one joins the first in a batch
    theirs, ours = (detector.detect(detector.encode(images), PHRASES) for detector in detectors)
    for a, b, image in zip(theirs, ours, images, strict=True):
        assert len(a) == len(b) > 5
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-3)
        np.testing.assert_allclose(a.boxes, b.boxes, atol=1e-3 * max(image.shape))
        assert a.phrases == b.phrases
        assert np.ptp(a.scores) > 0.02
    assert not np.allclose(theirs[0].boxes, theirs[2].boxes[: len(theirs[0])], atol=1)  # pictures matter


def test_the_logit_of_each_token(detectors):
    """Finer than phrases: on random weights one word is the best of nearly all boxes."""
    import torch

    from iapas.models.captions import captions

    images = [originals.pictures()[0], originals.pictures()[0][:, ::-1].copy()]
    theirs, ours = (detector._network for detector in detectors)
    wanted, _ = captions([phrase.text for phrase in PHRASES], ours.tokenizer)
    for caption in wanted:
        found = []
        for network, detector in zip((theirs, ours), detectors, strict=True):
            encoded = detector.encode(images)
            levels = tuple(torch.cat(level) for level in zip(*(entry.features for entry in encoded), strict=True))
            found.append(network.find(levels, encoded[0].size, caption.ids))
        torch.testing.assert_close(found[0].logits, found[1].logits, atol=1e-3, rtol=0)
        torch.testing.assert_close(found[0].boxes, found[1].boxes, atol=1e-4, rtol=0)
        assert found[0].logits.std() > 1


def test_their_own_way_from_picture_and_caption_to_boxes(root, converted, detectors):
    """Without ours: their resizing, their tokens, their threshold, as in their ``predict``."""
    import torch
    from PIL import Image

    from iapas.models.conversion import vocabulary
    from iapas.models.conversion.grounding_dino import LAYOUT
    from iapas.models.original import packages, weights
    from iapas.models.original.grounding_dino import network

    folder = root / "grounding-dino-tiny"
    state, shape = weights.read(folder, LAYOUT)
    with packages.silent():
        model = weights.fill(network(shape, vocabulary.read(folder, shape.vocabulary)), state, LAYOUT, folder)
    T = packages.load("groundingdino.datasets.transforms")
    steps = [
        T.RandomResize([96], max_size=160),
        T.ToTensor(),
        T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
    image = originals.pictures()[1]
    pixels, _ = T.Compose(steps)(Image.fromarray(image), None)
    with torch.inference_mode(), packages.silent():
        out = model(pixels[None], captions=[". ".join(phrase.text for phrase in PHRASES) + "."])
    chances = out["pred_logits"].sigmoid()[0].max(dim=1).values.numpy()
    order = np.argsort(-chances, kind="stable")[: int((chances > 0.02).sum())]
    centres, sides = np.split(out["pred_boxes"][0].numpy()[order], 2, axis=1)
    scale = np.tile(image.shape[1::-1], 2)
    boxes = np.clip(np.concatenate([centres - sides / 2, centres + sides / 2], axis=1) * scale, 0, scale)
    for detector in detectors:
        found = detector.detect(detector.encode([image]), PHRASES)[0]
        np.testing.assert_allclose(found.scores, chances[order], atol=1e-3)
        np.testing.assert_allclose(found.boxes, boxes, atol=1e-3 * max(image.shape))


def test_masks_of_boxes_and_points(decoders):
    images = originals.pictures()
    boxes = [
        np.array([[10, 20, 70, 60], [0, 0, 90, 90], [5, 5, 5, 9]], np.float32),
        np.array([[20, 30, 60, 140]], np.float32),
    ]
    points = [np.array([[30, 40]], np.float32), np.array([[10, 20], [80, 140], [500, -3]], np.float32)]
    filled = 0
    for prompts in ({"boxes": boxes}, {"points": points}):
        theirs, ours = (decoder.decode(decoder.encode(images), **prompts) for decoder in decoders)
        for image, a, b in zip(images, theirs, ours, strict=True):
            assert len(a) == len(b)
            for first, second in zip(a, b, strict=True):
                one, two = whole(first, image), whole(second, image)
                assert (one & two).sum() >= 0.99 * (one | two).sum()
                filled += 0 < one.mean() < 1
    assert filled >= 4  # masks that could have been wrong


def whole(crop, image):
    mask = np.zeros(image.shape[:2], bool)
    x0, y0, x1, y1 = crop.frame
    mask[y0:y1, x0:x1] = crop.pixels >= 128
    return mask


SETTINGS = {"shorter_side": 96, "longer_side": 160, "box_threshold": 0.02, "text_threshold": 0.01}
ORIGINAL = ("--set", "detector.name=grounding-dino-original", "--set", "decoder.name=sam-original")


def run(*arguments):
    from iapas.cli.app import app

    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Pictures with ground truth: the dark line."""
    import cv2

    folder = tmp_path_factory.mktemp("data")
    for i, image in enumerate(originals.pictures()):
        mask = np.zeros(image.shape[:2], np.uint8)
        mask[image.shape[0] // 3 : image.shape[0] // 3 + 4, 10:-10] = 255
        for kind, content in (("images", image[..., ::-1]), ("masks", mask)):
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{i}.png").write_bytes(cv2.imencode(".png", content)[1].tobytes())
    return folder


def values(models):
    return [f"detector.{name}={value}" for name, value in SETTINGS.items()] + [
        "decoder.model=sam-vit-base",
        f"models.root={models}",
        "models.precision=fp32",
        "describe.prompt=scratch . rust",
    ]


def test_segment_and_eval_with_the_authors_code_give_the_maps_of_ours(root, converted, data, tmp_path):
    from iapas import Segmenter
    from iapas.config import load_config

    assigned = [part for value in values(root) for part in ("--set", value)]
    theirs = tmp_path / "theirs"
    run("segment", data / "images", "--config", "grounded-sam", *assigned, *ORIGINAL, "--out", theirs)
    config = json.loads((theirs / "run.json").read_text())["config"]
    assert (config["detector"]["name"], config["decoder"]["name"]) == ("grounding-dino-original", "sam-original")
    segmenter = Segmenter(load_config("grounded-sam", values(converted)))
    images = originals.pictures()
    profile = segmenter.describe(images)
    for i, image in enumerate(images):
        scores = tifffile.imread(theirs / "scores" / f"{i}.png.tiff")
        assert scores.max() > 0
        assert (np.abs(scores - segmenter.segment(image, profile).score_map) > 0.01).mean() < 0.01
    run("eval", "folder", "--root", data, "--run", theirs, "--out", tmp_path / "judged")
    mean = json.loads((tmp_path / "judged" / "results.json").read_text())["mean"]
    assert 0 <= mean["pixel_ap"] <= 1


def test_the_everything_mode_is_refused(root, data, tmp_path):
    from iapas import roles
    from iapas.config import load_config
    from iapas.errors import ConfigError

    config = load_config("grounded-sam", [*values(root), "decoder.name=sam-original"])
    with pytest.raises(ConfigError, match="everything mode"):
        roles.mask_generator(config, lambda: None)


@pytest.mark.parametrize("name", ["grounding-dino-tiny", "sam-vit-base"])
def test_one_file_and_only_what_is_known_is_taken(name, root, tmp_path):
    import torch

    from iapas.errors import MissingError
    from iapas.models.conversion.convert import LAYOUTS
    from iapas.models.original import grounding_dino, sam, weights
    from iapas.models.tensors import read_checkpoint

    layout = LAYOUTS["sam" if "sam" in name else "grounding-dino"]
    with pytest.raises(MissingError, match="holds 0"):
        weights.read(tmp_path, layout)
    state = read_checkpoint(next((root / name).glob("*.pth")), "")
    torch.save(state | {"another.weight": torch.zeros(2)}, tmp_path / "file.pth")
    read, shape = weights.read(tmp_path, layout)
    made = sam.network(shape) if "sam" in name else None
    if made is not None:
        with pytest.raises(MissingError, match=r"1 tensors are not Segment Anything's: another\.weight"):
            weights.fill(made, read, layout, tmp_path)
    else:
        from iapas.models.loading import Runtime

        (tmp_path / "vocab.txt").write_bytes((root / name / "vocab.txt").read_bytes())
        with pytest.raises(MissingError, match=r"1 tensors are not Grounding DINO's: another\.weight"):
            grounding_dino.OriginalNetwork.load(tmp_path, Runtime())
