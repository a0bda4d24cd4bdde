"""Stage 1 with fakes in every role."""

import pytest
from stage_fakes import FakeDetector, FakeGenerator, FakeTagger, image

from iapas.stages.describe import describe
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
