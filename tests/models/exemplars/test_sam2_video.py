"""SAM2 as a tracker from examples to queries: what the whole film gives, whatever was asked before."""

import builtins
from pathlib import Path

import numpy as np
import pytest

from iapas.config import load_config
from iapas.errors import ConfigError, ModelNonfinite, OutOfMemory
from iapas.models.exemplars import exemplars
from iapas.models.exemplars.masks import classes, fitted
from iapas.models.exemplars.sam2_video import Sam2Video
from iapas.models.loading import Runtime, load
from iapas.models.pictures import pixels


def picture(seed, size=(60, 90)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def mask(y=10, x=20, size=(60, 90)):
    made = np.zeros(size, bool)
    made[y : y + 24, x : x + 30] = True
    return made


@pytest.fixture
def tracker(tiny):
    return Sam2Video(tiny("sam2.1-hiera-small"), 64, Runtime())


def film(folder, images, masks, side=64):
    """The logits of the last image, with transformers' own way through a whole film."""
    import torch
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    model = load("Sam2VideoModel", folder, Runtime())
    session = Sam2VideoInferenceSession(pixels(images, (side, side), "cpu"), 60, 90, dtype=torch.float32)
    index = session.obj_id_to_idx(1)
    with torch.inference_mode():
        for frame, made in enumerate(masks):
            session.add_mask_inputs(index, frame, torch.from_numpy(fitted(made, (side, side)))[None, None].float())
            session.obj_with_new_inputs = [1]
            model(session, frame_idx=frame)
        found = [model(session, frame_idx=frame) for frame in range(len(images))][-1]
    size = images[-1].shape[:2]
    return torch.nn.functional.interpolate(found.pred_masks, size, mode="bilinear")[0, 0].sigmoid().numpy()


@pytest.mark.parametrize("shots", [1, 3])
def test_it_is_what_the_whole_film_gives(shots, tracker, tiny):
    images, masks = [picture(seed) for seed in range(shots + 1)], [mask(5 * k, 7 * k) for k in range(shots)]
    tracker.prepare(list(zip(images[:-1], masks, strict=True)))
    (found,) = tracker.score(images[-1:])
    assert found.shape == (60, 90)
    assert found.dtype == np.float32
    assert found.std() > 1e-3
    np.testing.assert_allclose(found, film(tiny("sam2.1-hiera-small"), images, masks), atol=1e-5)


def test_a_query_knows_nothing_of_those_before(tracker):
    tracker.prepare([(picture(0), mask())])
    queries = [picture(1), picture(2, (80, 40)), picture(3)]
    together = tracker.score(queries)
    assert [found.shape for found in together] == [(60, 90), (80, 40), (60, 90)]
    for query, found in zip(reversed(queries), reversed(together), strict=True):
        np.testing.assert_array_equal(tracker.score([query])[0], found)


def test_examples_replace_those_before_and_matter(tracker):
    tracker.prepare([(picture(0), mask())])
    (first,) = tracker.score([picture(9)])
    tracker.prepare([(picture(0), mask(30, 50))])
    (second,) = tracker.score([picture(9)])
    assert np.abs(first - second).max() > 1e-3
    tracker.prepare([(picture(0), mask())])
    np.testing.assert_array_equal(tracker.score([picture(9)])[0], first)


def test_several_classes_are_tracked_each_by_itself(tracker):
    both = np.where(mask(), 1, 0) + np.where(mask(35, 55), 7, 0)
    second = (picture(1), np.where(mask(), 7, 0))  # has one of the classes only
    scores = []
    for supports in (
        [(picture(0), both == 1), (picture(1), np.zeros((60, 90), bool))],
        [(picture(0), both == 7), (picture(1), mask())],
        [(picture(0), both), second],
    ):
        tracker.prepare(supports)
        scores += tracker.score([picture(5)])
    np.testing.assert_allclose(scores[2], np.maximum(scores[0], scores[1]), atol=1e-6)


def test_the_model_takes_pictures_of_another_side(tiny):
    for side in (32, 96):
        other = Sam2Video(tiny("sam2.1-hiera-small"), side, Runtime())
        other.prepare([(picture(0), mask())])
        (found,) = other.score([picture(1)])
        assert found.shape == (60, 90)
        assert np.isfinite(found).all()


def test_fault_43_no_frame_is_written_to_the_disk(tracker, monkeypatch):
    """Other ways to feed this model want files with whole numbers as names."""
    real = builtins.open

    def reading(file, mode="r", *args, **more):
        assert not set(mode) & set("wax+"), file
        return real(file, mode, *args, **more)

    monkeypatch.setattr(builtins, "open", reading)
    for name in ("mkdtemp", "mkstemp"):
        monkeypatch.setattr(f"tempfile.{name}", None)
    monkeypatch.setattr(Path, "write_bytes", None)
    tracker.prepare([(picture(0), mask())])
    tracker.score([picture(1)])


def test_examples_without_foreground_are_refused(tracker):
    with pytest.raises(ValueError, match="no foreground"):
        tracker.prepare([(picture(0), np.zeros((60, 90), bool))])


def test_a_model_that_cannot_track_is_refused(tiny):
    with pytest.raises(ConfigError, match="'sam2' tracks nothing"):
        Sam2Video(tiny("sam2.1-hiera-tiny"), 64, Runtime())


def test_nothing_is_found_where_the_model_sees_no_object(tracker):
    tracker.prepare([(picture(0), mask())])
    assert tracker.score([picture(1)])[0].max() > 0
    tracker._model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(-100)
    assert tracker.score([picture(1)])[0].max() == 0


def test_nan_is_no_score(tracker):
    tracker.prepare([(picture(0), mask())])
    for head in tracker._model.mask_decoder.output_hypernetworks_mlps:
        head.proj_out.bias.fill_(float("nan"))
    with pytest.raises(ModelNonfinite, match="video model"):
        tracker.score([picture(1)])


def test_memory_that_runs_out_is_told(tracker, monkeypatch):
    tracker.prepare([(picture(0), mask())])
    monkeypatch.setattr(tracker, "_look", lambda image: bytearray(1 << 62))
    with pytest.raises(OutOfMemory):
        tracker.score([picture(1)])
    with pytest.raises(OutOfMemory):
        tracker.prepare([(picture(0), mask())])


def test_the_config_builds_it(tiny):
    root = tiny("sam2.1-hiera-small").parent
    words = ["support=x", "name=sam2-video", "model_side=64"]
    config = load_config("embedded", [f"models.root={root}", *(f"exemplars.{word}" for word in words)])
    made = exemplars(config, Runtime(precision="bf16"))
    made.prepare([(picture(0), mask())])
    assert made.score([picture(1)])[0].shape == (60, 90)
    made.close()


def test_small_masks_survive():
    tiny_mask = np.zeros((100, 100), bool)
    tiny_mask[70, 40] = True
    ys, xs = np.nonzero(fitted(tiny_mask, (10, 20)))
    assert (ys.tolist(), xs.tolist()) == ([7], [8])
    large = np.zeros((100, 100), bool)
    large[20:40, 50:100] = True
    assert fitted(large, (10, 10)).sum() == 10
    assert not fitted(np.zeros((5, 5), bool), (2, 2)).any()
    assert list(classes(np.array([[0, 3], [3, 5]]))) == [3, 5]
    assert classes(np.zeros((2, 2), bool)) == {}
