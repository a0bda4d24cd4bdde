"""The stages with fakes in every role: what a foundation model will meet is what the embedded default meets."""

from dataclasses import replace

import numpy as np
import pytest
from stage_fakes import FakeDecoder, FakeDetector, image

from iapas.core.scoring import score_map
from iapas.stages.segment import Rules, combine_frames, segment
from iapas.types import ObjectProfile, Phrase, Regions

RULES = Rules(threshold=0.5)


PROFILE = ObjectProfile("screw", (Phrase("dent", "user"), Phrase("rust", "user")), object_size=0.5)


def test_boxes_are_filtered_by_size_then_drawn_and_summed():
    detector = FakeDetector(
        {
            "screw": [((0, 0, 100, 50), 0.9)],
            "dent": [((10, 10, 20, 20), 0.6), ((0, 0, 100, 45), 0.8)],  # the second: 0.45 >= 0.8 * 0.5
            "rust": [((12, 12, 30, 30), 0.3)],
        }
    )
    (result,) = segment([image()], PROFILE, detector, FakeDecoder(), RULES)
    assert result.regions.phrases == ["dent", "rust"]
    assert result.score_map[15, 15] == pytest.approx(0.9)
    assert result.score_map[10, 10] == 0  # the corner of the box lies outside the ellipse
    np.testing.assert_array_equal(result.score_map, score_map(result.regions))
    assert result.verdict == "defect"
    assert result.reported.phrases == ["dent", "rust"]
    assert result.warnings == ()


@pytest.mark.parametrize("joint", [False, True])
def test_the_object_is_found_in_a_pass_of_its_own_or_together(joint):
    detector = FakeDetector({"screw": [((0, 0, 100, 50), 0.9)], "dent": [((10, 10, 20, 20), 0.6)]})
    rules = Rules(threshold=0.5, joint_pass=joint)
    (result,) = segment([image()], PROFILE, detector, FakeDecoder(), rules)
    assert detector.passes == ([["dent", "rust", "screw"]] if joint else [["screw"], ["dent", "rust"]])
    assert result.regions.phrases == ["dent"]


def test_the_object_is_not_looked_for_where_no_rule_asks_for_it():
    detector = FakeDetector({"screw": [((0, 0, 100, 50), 0.9)], "dent": [((0, 0, 100, 100), 0.6)]})
    (result,) = segment([image()], PROFILE, detector, None, Rules(threshold=0.5, size_object="none"))
    (other,) = segment([image()], PROFILE, detector, None, Rules(threshold=0.5, size_object="profile"))
    assert detector.passes == [["dent", "rust"]] * 2
    assert (len(result.regions), len(other.regions)) == (1, 0)
    assert result.warnings == other.warnings == ()


def test_a_joint_pass_asks_for_the_object_once():
    profile = ObjectProfile("screw", (*PROFILE.phrases, Phrase("screw", "object")))
    detector = FakeDetector({"screw": [((0, 0, 100, 50), 0.9)]})
    segment([image()], profile, detector, None, Rules(threshold=0.5, joint_pass=True))
    assert detector.passes == [["dent", "rust", "screw"]]


def test_the_notes_of_a_detector_are_warnings_of_the_image():
    class Noting(FakeDetector):
        def regions(self, size, phrases):
            return replace(super().regions(size, phrases), notes=("looked at half the size",))

    detector = Noting({"screw": [((0, 0, 100, 50), 0.9)], "dent": [((10, 10, 20, 20), 0.6)]})
    for rules in (RULES, Rules(threshold=0.5, tile_size=64, tile_overlap=8, tile_above=64)):
        (result,) = segment([image()], PROFILE, detector, None, rules)
        assert result.warnings == ("looked at half the size",)
        assert len(result.regions) >= 1


def test_fault_26_no_box_gives_a_valid_empty_result():
    decoder = FakeDecoder()
    (result,) = segment([image()], PROFILE, FakeDetector({}), decoder, RULES)
    assert decoder.calls == 0
    assert result.score == 0
    assert not result.mask.any()
    assert result.verdict == "ok"


def test_fault_26_an_object_not_found_has_the_profiles_size_else_the_images():
    detector = FakeDetector({"dent": [((0, 0, 100, 45), 0.8)]})
    (result,) = segment([image()], PROFILE, detector, None, RULES)
    assert len(result.regions) == 0
    assert "profile" in result.warnings[0]
    (result,) = segment([image()], ObjectProfile("screw", PROFILE.phrases), detector, None, RULES)
    assert len(result.regions) == 1
    assert "whole image" in result.warnings[0]


def test_the_profiles_object_size_can_be_the_rule():
    detector = FakeDetector({"screw": [((0, 0, 100, 100), 0.9)], "dent": [((0, 0, 100, 45), 0.8)]})
    (by_image,) = segment([image()], PROFILE, detector, None, RULES)
    (by_profile,) = segment([image()], PROFILE, detector, None, Rules(threshold=0.5, size_object="profile"))
    assert len(by_image.regions) == 1
    assert len(by_profile.regions) == 0


def test_masks_may_pass_their_boxes_and_may_be_empty():
    class Generous(FakeDecoder):
        def draw(self, size, box):
            mask = np.zeros(size, bool)
            if box[0] < 50:
                mask[5:25, 5:30] = True
            return mask

    detector = FakeDetector({"dent": [((10, 10, 20, 20), 0.6), ((60, 60, 70, 70), 0.4)]})
    (result,) = segment([image()], PROFILE, detector, Generous(), RULES)
    assert result.regions.masks()[0].sum() == 20 * 25
    assert result.regions.boxes[0].tolist() == [5, 5, 30, 25]
    assert result.regions.masks()[1].sum() == 0


def test_batches_equal_singles():
    detector = FakeDetector({"dent": [((10, 10, 20, 20), 0.6)]})
    images = [image(100, 100), image(60, 200)]
    batch = segment(images, PROFILE, detector, FakeDecoder(), RULES)
    singles = [segment([one], PROFILE, detector, FakeDecoder(), RULES)[0] for one in images]
    for a, b in zip(batch, singles, strict=True):
        np.testing.assert_array_equal(a.score_map, b.score_map)


def test_large_images_are_tiled_for_any_detector():
    class Spots(FakeDetector):
        """Finds white pixels; at most a hundred pixels away from its view's top left it is blind."""

        def encode(self, images):
            return list(images)

        def detect(self, encoded, phrases):
            return [self.spot(view) for view in encoded]

        def spot(self, view):
            ys, xs = np.nonzero(view[..., 0])
            if not len(ys) or max(view.shape) > 300:
                return Regions.empty(view.shape[:2])
            box = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], np.float32)
            return Regions(view.shape[:2], box, np.array([0.7], np.float32), ["spot"])

    big = image(500, 700)
    big[300:303, 100:600] = 255
    rules = Rules(threshold=0.5, tile_size=256, tile_overlap=32, tile_above=300)
    (result,) = segment([big], PROFILE, Spots({}), None, rules)
    assert len(result.regions) == 1
    np.testing.assert_array_equal(result.mask, big[..., 0] > 0)


def test_where_nobody_looks_nothing_is_found():
    valid = np.zeros((100, 100), bool)
    valid[:, :15] = True
    detector = FakeDetector({"dent": [((10, 10, 20, 20), 0.6), ((60, 60, 70, 70), 0.4)]})
    (result,) = segment([image()], PROFILE, detector, None, RULES, [valid])
    assert len(result.regions) == 1
    assert result.mask.sum() == 50


def test_frames_of_one_scene_become_one_result():
    detector = FakeDetector({"dent": [((10, 10, 20, 20), 0.6)]})
    one, two = segment([image(), image()], PROFILE, detector, None, RULES)
    combined = combine_frames([one, two], RULES)
    assert len(combined.regions) == 1
    assert combined.score == pytest.approx(0.6)
