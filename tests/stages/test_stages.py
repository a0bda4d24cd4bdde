"""The stages with fakes in every role: what a foundation model will meet is what the embedded default meets."""

from dataclasses import replace

import numpy as np
import pytest

from iapas.core.scoring import score_map
from iapas.protocols import PromptContext
from iapas.stages.describe import describe
from iapas.stages.segment import Rules, combine_frames, segment
from iapas.types import ObjectProfile, Phrase, Regions

RULES = Rules(threshold=0.5)


def image(height=100, width=100):
    return np.zeros((height, width, 3), np.uint8)


class FakeDetector:
    """Answers with fixed boxes for each phrase: {text: [(box, score)]}; no masks, as Grounding DINO."""

    def __init__(self, answers):
        self.answers = answers
        self.passes = []

    def encode(self, images):
        return [img.shape[:2] for img in images]

    def detect(self, encoded, phrases):
        self.passes.append([phrase.text for phrase in phrases])
        return [self.regions(size, phrases) for size in encoded]

    def regions(self, size, phrases):
        found = [(box, score, p.text) for p in phrases for box, score in self.answers.get(p.text, ())]
        boxes = np.array([box for box, _, _ in found], np.float32).reshape(-1, 4)
        scores = np.array([score for _, score, _ in found], np.float32)
        return Regions(size, boxes, scores, [text for _, _, text in found])


class FakeDecoder:
    """Draws the ellipse in each box, as a mask of the whole image."""

    def __init__(self):
        self.calls = 0

    def encode(self, images):
        return [img.shape[:2] for img in images]

    def decode(self, encoded, *, boxes=None, points=None):
        self.calls += 1
        return [[self.draw(size, box) for box in image_boxes] for size, image_boxes in zip(encoded, boxes, strict=True)]

    def draw(self, size, box):
        ys, xs = np.mgrid[: size[0], : size[1]]
        cx, cy, rx, ry = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
        return ((xs + 0.5 - cx) / rx) ** 2 + ((ys + 0.5 - cy) / ry) ** 2 <= 1


class FakeGenerator:
    def phrases(self, context: PromptContext, images):
        return [Phrase(f"broken {context.object}", "model")]


class FakeTagger:
    def tag(self, images):
        return [["close-up", "screw", "table"]] * len(images)


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


def test_phrases_are_appended_to_those_of_the_generator_alone():
    append = ("abnormal", "{object}", "broken screw")
    detector = FakeDetector({"screw": [((0, 0, 100, 50), 0.9)]})
    found = describe([image()], detector, FakeGenerator(), object_name="screw", append=append)
    assert [(p.text, p.source) for p in found.phrases] == [
        ("broken screw", "model"),
        ("abnormal", "lexicon"),
        ("screw", "object"),
    ]
    unnamed = describe([image()], detector, FakeGenerator(), append=append)
    assert [p.text for p in unnamed.phrases] == ["broken ", "abnormal", "broken screw"]
    typed = describe([image()], detector, FakeGenerator(), phrases=[Phrase("dent")], append=append)
    assert [p.text for p in typed.phrases] == ["dent"]


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


def test_describe_names_the_best_grounded_tag_and_measures_it():
    detector = FakeDetector({"screw": [((0, 0, 50, 50), 0.8)], "table": [((0, 0, 100, 100), 0.7)]})
    profile = describe([image(), image()], detector, FakeGenerator(), FakeTagger())
    assert profile.object == "screw"
    assert profile.object_size == pytest.approx(0.25)
    assert [p.text for p in profile.phrases] == ["broken screw"]
    assert not any("close-up" in phrases for phrases in detector.passes)


def test_describe_asks_nobody_when_the_user_says():
    detector = FakeDetector({"nut": [((0, 0, 50, 50), 0.8)]})
    profile = describe([image()], detector, FakeGenerator(), FakeTagger(), object_name="nut", phrases=[Phrase("dent")])
    assert (profile.object, [p.text for p in profile.phrases]) == ("nut", ["dent"])
    assert profile.found["object"] == profile.found["phrases"] == "given by the user"


def test_describe_without_images_or_objects_is_a_profile_too():
    profile = describe([], FakeDetector({}), FakeGenerator())
    assert profile.object_size is None
    assert "not found" in profile.found["object_size"]
