"""Stage 1 with fakes in every role."""

import numpy as np
import pytest
from stage_fakes import FakeDetector, FakeGenerator, FakeTagger, image

from iapas.protocols import Answer
from iapas.stages.describe import MAX_FOUND, describe
from iapas.types import Phrase


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


class Scored(FakeDetector):
    """Other boxes in each image: the answers of the image's first value."""

    def encode(self, images):
        return [int(img[0, 0, 0]) for img in images]

    def detect(self, encoded, phrases):
        self.passes.append([phrase.text for phrase in phrases])
        return [FakeDetector(self.answers[number]).regions((100, 100), phrases) for number in encoded]


def pictures(count):
    return [np.full((100, 100, 3), number, np.uint8) for number in range(count)]


SMALL, HALF = (0, 0, 50, 50), (0, 0, 100, 50)


def test_each_image_grounds_its_best_tag_and_the_best_over_all_is_the_object():
    detector = Scored(
        {
            0: {"screw": [(SMALL, 0.8), (HALF, 0.3)], "table": [(HALF, 0.7)]},
            1: {"screw": [(SMALL, 0.2)], "table": [(HALF, 0.75)]},
            2: {"nut": [(SMALL, 0.1)]},
        }
    )
    tagger = FakeTagger(["table", "nut", "number", "screw"])
    profile = describe(pictures(3), detector, FakeGenerator(), tagger)
    assert detector.passes[:3] == [["table", "nut", "screw"]] * 3  # one caption with all tags
    assert profile.object == "screw"
    assert profile.found["grounded"] == "screw 0.800, table 0.750, nut 0.100"
    assert profile.found["tags"] == "1: table | nut | screw; 2: table | nut | screw; 3: table | nut | screw"
    assert profile.found["object"] == "best grounded of 3 tags"
    assert profile.found["phrases"] == "by a fake"


def test_fault_36_tags_lose_what_parts_phrases():
    detector = FakeDetector({"no 5 screw": [(SMALL, 0.8)]})
    profile = describe(
        [image()], detector, FakeGenerator(), FakeTagger(["No. 5, Screw", "no 5 screw", ".", "Close-up"])
    )
    assert detector.passes[0] == ["no 5 screw"]
    assert profile.object == "no 5 screw"


def test_the_generator_is_told_the_object_or_all_tags():
    detector = FakeDetector({"screw": [(SMALL, 0.8)]})
    for by_tags, subject in ((False, "screw"), (True, "screw, table")):
        generator = FakeGenerator()
        describe([image()], detector, generator, FakeTagger(), material="steel", by_tags=by_tags)
        (context,) = generator.contexts
        assert (context.object, context.tags, context.material) == ("screw", ("screw", "table"), "steel")
        assert context.subject == subject


def test_tags_that_the_detector_does_not_find_name_nothing():
    profile = describe([image()], FakeDetector({}), FakeGenerator(), FakeTagger())
    assert profile.object == ""
    assert profile.found["grounded"] == "none"
    assert profile.found["object"] == "no tag was found in the images"
    empty = describe([image()], FakeDetector({}), FakeGenerator(), FakeTagger([]))
    assert (empty.found["tags"], empty.found["grounded"]) == ("1: -", "none")


def test_many_tags_do_not_fill_the_profile():
    tags = [f"thing {number}" for number in range(2000)]
    profile = describe([image()], FakeDetector({}), FakeGenerator(), FakeTagger(tags))
    assert len(profile.found["tags"]) == MAX_FOUND
    assert profile.found["tags"].endswith(" ...")


def test_what_the_generator_found_is_in_the_profile():
    class Telling(FakeGenerator):
        def phrases(self, context, images):
            return Answer((), {"phrases": "from a book", "reply": "none"})

    profile = describe([image()], FakeDetector({}), Telling())
    assert (profile.found["phrases"], profile.found["reply"], profile.phrases) == ("from a book", "none", ())
    appended = describe([image()], FakeDetector({}), Telling(), append=("abnormal",))
    assert [p.text for p in appended.phrases] == ["abnormal"]


def test_sizes_are_rounded_so_that_profiles_can_be_compared():
    detector = FakeDetector({"object": [((0, 0, 33.333333, 33.333333), 0.8)]})
    assert describe([image()], detector, FakeGenerator()).object_size == 0.111111
    tiny = FakeDetector({"object": [((0, 0, 0.0033333333, 0.001), 0.8)]})
    assert describe([image()], tiny, FakeGenerator()).object_size == 3.33333e-10
