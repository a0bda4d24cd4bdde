"""The public object with the embedded default, on pictures that are made here."""

import logging
import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest

from iapas import ObjectProfile, Phrase, Segmenter, load_config, roles
from iapas.core.scoring import ANY_POSITIVE, score_map
from iapas.errors import ConfigError, ImageError, ImageUnreadable, MissingError, RoiMismatch
from iapas.files.images import Picture


@pytest.fixture(scope="module")
def segmenter():
    return Segmenter.from_config("embedded")


def write(path, image):
    cv2.imencode(path.suffix, image[..., ::-1])[1].tofile(path)
    return path


def test_a_scratch_is_found_and_a_clean_surface_is_not(segmenter, surface):
    profile = segmenter.describe([surface(seed=1)])
    result = segmenter.segment(surface(seed=2), profile)
    clean = segmenter.segment(surface(seed=3, scratch=False), profile)
    assert result.verdict == "defect"
    assert result.mask[128, 60:190].mean() > 0.9
    assert result.mask.mean() < 0.1
    assert clean.verdict == "ok"
    assert clean.score < result.score / 2


def test_the_result_keeps_the_contract(segmenter, surface):
    result = segmenter.segment(surface())
    assert result.score_map.shape == result.mask.shape == (256, 256)
    assert result.score_map.dtype == np.float32
    assert result.regions.boxes.dtype == np.float32
    assert result.regions.boxes.shape == (len(result.regions), 4)
    assert result.regions.masks().shape == (len(result.regions), 256, 256)
    assert isinstance(result.regions.phrases, list)
    assert result.score == result.score_map.max()
    np.testing.assert_array_equal(result.score_map, score_map(result.regions))
    assert 0 < len(result.reported) <= len(result.regions)


def test_paths_arrays_and_pictures_are_the_same(segmenter, surface, tmp_path):
    image = surface()
    profile = segmenter.describe([image])
    path = write(tmp_path / "a.png", image)
    by_path, by_array = segmenter.segment(path, profile), segmenter.segment(image, profile)
    np.testing.assert_array_equal(by_path.score_map, by_array.score_map)
    assert segmenter.describe([path]) == profile
    many = list(segmenter.segment_many([image, str(path)], profile))
    np.testing.assert_array_equal(many[0].score_map, many[1].score_map)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 4), np.uint8)],
)
def test_other_arrays_are_refused(segmenter, wrong):
    with pytest.raises(ImageError, match=r"\(H, W, 3\) uint8 RGB"):
        segmenter.segment(wrong, ObjectProfile())


def test_a_bad_file_is_an_image_error(segmenter, tmp_path):
    path = tmp_path / "a.png"
    path.write_text("hello")
    with pytest.raises(ImageUnreadable, match=r"a\.png"):
        segmenter.segment(path)


def test_it_pickles_without_its_models(segmenter, surface):
    segmenter.segment(surface())
    twin = pickle.loads(pickle.dumps(segmenter))
    assert twin.config == segmenter.config
    np.testing.assert_array_equal(twin.segment(surface()).score_map, segmenter.segment(surface()).score_map)
    twin.close()
    twin.segment(surface())


def test_thresholds_config_beats_profile_beats_default():
    calibrated = ObjectProfile(threshold=0.7)
    assert Segmenter.from_config("embedded", assignments=["verdict.threshold=0.2"]).threshold(calibrated) == 0.2
    assert Segmenter.from_config("embedded").threshold(calibrated) == 0.7
    assert Segmenter.from_config("embedded", assignments=["verdict.default=0.3"]).threshold(ObjectProfile()) == 0.3
    union = Segmenter.from_config("embedded", assignments=["verdict.default=positive"])
    assert union.threshold(ObjectProfile()) == ANY_POSITIVE


def test_min_area_drops_the_verdict(surface):
    strict = Segmenter.from_config("embedded", assignments=["verdict.min_area=5000"])
    result = strict.segment(surface())
    assert result.score > 0.3
    assert result.verdict == "ok"
    assert len(result.reported) == 0


def test_the_users_words_take_the_place_of_the_profiles(surface):
    plain = Segmenter.from_config("embedded").describe([surface()])
    assert {phrase.source for phrase in plain.phrases} == {"lexicon"}
    typed = Segmenter.from_config(
        "embedded", overrides={"describe.prompt": "Dark scratch . hole", "describe.product": "Plate"}
    )
    for profile in (typed.describe([surface()]), typed.complete(plain)):
        assert [(p.text, p.source) for p in profile.phrases] == [("dark scratch", "user"), ("hole", "user")]
        assert profile.object == "plate"
        assert profile.found["object"] == profile.found["phrases"] == "given by the user"


def test_words_shift_scores_and_only_the_users_do(segmenter, surface):
    image = surface()

    def score(text, source):
        profile = ObjectProfile(phrases=(Phrase(text, source),), object_size=1.0)
        return segmenter.segment(image, profile).score

    assert score("dark scratch", "user") > score("bright spot", "user")
    assert score("dark scratch", "lexicon") == score("bright spot", "lexicon") == score("blorb", "user")


def test_unknown_words_are_named_beside_the_known(surface, caplog):
    typed = Segmenter.from_config("embedded", overrides={"describe.prompt": "dark blorb . frobnicated"})
    with caplog.at_level(logging.WARNING, "iapas"):
        profile = typed.describe([surface()])
    warning = profile.found["unknown words"]
    assert "'blorb', 'frobnicated'" in warning
    assert "scratch" in warning
    assert warning in caplog.text


def test_a_region_of_interest_hides_the_rest(surface, tmp_path):
    image = surface()
    left = Segmenter.from_config("embedded", overrides={"verdict.roi": "0,0,128,256"}).segment(image)
    assert left.mask[128, 60:120].any()
    assert left.score_map.shape == (256, 256)
    assert left.score_map[:, 128:].max() == 0
    upper = np.zeros((256, 256, 3), np.uint8)
    upper[:100] = 255
    roi = write(tmp_path / "roi.png", upper)
    above = Segmenter.from_config("embedded", overrides={"verdict.roi": str(roi)}).segment(image)
    assert above.score_map[100:].max() == 0
    assert above.verdict == "ok"


def test_a_region_of_interest_that_does_not_fit(surface, tmp_path):
    outside = Segmenter.from_config("embedded", overrides={"verdict.roi": "900,0,10,10"})
    with pytest.raises(RoiMismatch, match="256 x 256"):
        outside.segment(surface())
    for roi in ("1,2,3", "0,0,0,5", str(tmp_path / "none.png")):
        with pytest.raises(ConfigError, match=r"verdict\.roi"):
            Segmenter.from_config("embedded", overrides={"verdict.roi": roi}).segment(surface())


def test_transparent_pixels_are_not_looked_at(segmenter, surface):
    image, valid = surface(), np.ones((256, 256), bool)
    valid[:, 128:] = False
    result = segmenter.segment(Picture((image,), "", 1, valid, ()))
    assert result.score_map[:, 128:].max() == 0


def test_a_three_pixel_scratch_on_4096_pixels_is_found(segmenter, surface):
    image = surface(4096, 4096, scratch=False)
    image[2000:2003, 500:3500] -= 60
    profile = segmenter.describe([image])
    result = segmenter.segment(image, profile)
    assert result.mask[2001, 600:3400].mean() > 0.8
    assert result.mask.mean() < 0.02
    on_the_scratch = [box for box in result.reported.boxes if box[1] < 2001 < box[3]]
    assert max(box[2] - box[0] for box in on_the_scratch) > 2500  # one region across the seams


def test_cuda_is_refused_where_nothing_could_use_it():
    with pytest.raises(MissingError, match="CPU"):
        Segmenter.from_config("embedded", overrides={"run.device": "cuda"})


def test_a_profile_of_another_machine_works_here(segmenter, surface):
    profile = replace(segmenter.describe([]), object_size=0.5)
    assert segmenter.segment(surface(), profile).verdict == "defect"


def test_a_config_object_is_taken_as_it_is():
    config = load_config("embedded")
    assert Segmenter.from_config(config).config is config


def test_examples_are_joined_by_themselves_and_averaged_beside_what_is_found_without_them(surface):
    examples = [(surface(96, 96, seed), np.eye(96, dtype=bool)) for seed in (1, 2)]

    def scores(*assignments, alone=False):
        method = roles.exemplars(load_config("embedded", assignments), lambda: None, alone=alone)
        method.prepare(examples)
        return method.score([surface(96, 96, 3)])[0]

    joined, mean = scores("exemplars.shots=joined"), scores("exemplars.shots=mean")
    assert not np.array_equal(joined, mean)
    np.testing.assert_array_equal(scores(), mean)
    np.testing.assert_array_equal(scores(alone=True), joined)
    np.testing.assert_array_equal(scores("exemplars.combine=alone"), joined)
    np.testing.assert_array_equal(scores("exemplars.shots=mean", alone=True), mean)
