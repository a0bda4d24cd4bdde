"""What is compared, as the command line and an experiment file say it."""

import pytest

from iapas.errors import ConfigError, UsageError
from iapas.experiments.plan import Given, plan
from iapas.experiments.words import spoken_words


def planned(*words, **more):
    return plan(Given(words=words, **more))


def names(experiment):
    return [variant.name for variant in experiment.variants]


def test_words_of_the_command_line():
    kinds = {text: spoken_words(text).kind for text in ("none", "paper", "dark hole . scratch", "mine=small spot")}
    assert kinds == {"none": "lexicon", "paper": "template", "dark hole . scratch": "words", "mine=small spot": "words"}
    assert spoken_words("mine=small spot").name == "mine"
    with pytest.raises(ConfigError, match="typed words hold a blank"):
        spoken_words("scrtch")


def test_the_first_variant_is_the_first_named():
    assert names(planned("none", "a=dark spot")) == ["none", "a"]


def test_each_switch_value_is_tried_with_each_prompt():
    experiment = planned("none", "default", vary=("size-filter=on,off", "max-phrases=2,5"))
    assert len(experiment.variants) == 8
    off = experiment.variants[-1]
    assert off.name == "default [size-filter=off, max-phrases=5]"
    assert off.config.size.object == "none"
    assert off.max_phrases == 5
    assert experiment.variants[0].config.size.object == "image"


def test_any_field_of_the_config_can_be_varied():
    first, second = planned("none", vary=("detector.max_regions=5,9",)).variants
    assert (first.config.detector.max_regions, second.config.detector.max_regions) == (5, 9)


def test_several_configs_are_told_apart():
    assert names(planned("none", configs=("embedded", "fast"))) == ["none @ embedded", "none @ fast"]


def test_a_lexicon_is_the_lexicon_of_its_config():
    assert planned("none", "default").variants[0].config.describe.lexicon == "none"


@pytest.mark.parametrize(
    ("words", "more", "message"),
    [
        ((), {}, "nothing to compare"),
        (("none", "none"), {}, "two variants are called 'none'"),
        (("paper",), {}, "no language model"),
        (("none",), {"vary": ("size-filter=maybe",)}, "say on or off"),
        (("none",), {"vary": ("colour=red",)}, "no switch 'colour'"),
        (("none",), {"vary": ("max-phrases=0",)}, "at least 1"),
        (("none",), {"vary": ("object-from=user",)}, "add --object"),
        (("none",), {"vary": ("object-from=tags",)}, "has no tagger"),
        (("none",), {"vary": ("size-filter",)}, "write KEY=VALUE"),
        (("none",), {"data": ("nothing=here",)}, "no data set called 'nothing'"),
    ],
)
def test_what_cannot_be_compared(words, more, message):
    with pytest.raises(UsageError, match=message):
        planned(*words, **more)


def written(tmp_path, text):
    file = tmp_path / "experiment.yaml"
    file.write_text(text)
    return str(file)


def test_an_experiment_file(tmp_path):
    file = written(
        tmp_path,
        """
title: Mine
data: [mtd=tiles]
group: defect
limit: 3
object: {Crack: magnet}
variants:
  none: {lexicon: none}
  right: {words: {Crack: thin line, Blowhole: dark hole}}
vary: {size-filter: [on, off]}
""",
    )
    experiment = planned(file, "more=bright spot")
    assert experiment.title == "Mine"
    assert experiment.places == (("mtd", tmp_path / "tiles"),)
    assert (experiment.group, experiment.limit) == ("defect", 3)
    assert len(experiment.variants) == 6
    right = experiment.variants[1]
    assert right.words.kind == "mapping"
    assert right.objects == {"Crack": "magnet"}
    assert right.switches == {"size-filter": "on"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants: {a: {lexicon: none}}\nlimits: 3", "unknown key 'limits'"),
        ("variants: {a: {lexicon: none, words: b}}", "must say one of"),
        ("variants: {a: {words: {Crack: ''}}}", "must map each category"),
        ("variants: {a: {lexicon: [none]}}", "lexicon must be a text"),
        ("variants: {a: {lexicon: none}}\ngroup: colour", "group must be"),
        ("variants: [none]", "must be a mapping"),
        ("variants: {a: {lexicon: none}}\ndata: {mtd: x}", "data must be a list"),
    ],
)
def test_an_experiment_file_that_is_wrong(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        planned(written(tmp_path, text))
