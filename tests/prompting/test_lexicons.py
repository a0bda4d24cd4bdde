import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapas import shipped
from iapas.embedded.words import ATTRIBUTES
from iapas.errors import ConfigError
from iapas.prompting.lexicons import (
    MAX_NAME_LENGTH,
    MAX_PHRASE_LENGTH,
    Lexicon,
    LexiconPrompts,
    load_lexicon,
    split_prompt,
)
from iapas.protocols import PromptContext
from iapas.types import normalise_phrase

WORDS = {"dark": ("dark",), "hole": ("dark", "compact"), "scratch": ("elongated",), "pin-hole": ("small",)}
LEXICON = Lexicon("test", ("scratch", "dark hole"), WORDS)


def test_a_prompt_is_split_into_phrases_in_order_each_once():
    assert split_prompt("Small Dark hole . scratch, DENT;\nscratch.. ") == ["small dark hole", "scratch", "dent"]
    assert split_prompt("") == []


@given(st.text(max_size=90))
def test_fault_36_no_phrase_holds_what_parts_phrases(text):
    for phrase in [*split_prompt(text), normalise_phrase(text)]:
        assert not set(phrase) & set(".,;|\n")
        assert phrase == phrase.lower().strip()
    assert split_prompt(" . ".join(split_prompt(text))) == split_prompt(text)


def test_fault_36_tags_with_stops_commas_and_capitals():
    assert normalise_phrase("No. 5, Screw ") == "no 5 screw"
    assert split_prompt("a 0.5 mm pit") == ["a 0 5 mm pit"]


def test_an_over_long_phrase_is_refused():
    with pytest.raises(ConfigError, match="characters"):
        split_prompt("word " * MAX_PHRASE_LENGTH)


def test_words_become_attributes():
    assert LEXICON.attributes("Dark holes") == ("dark", "dark", "compact")
    assert LEXICON.attributes("scratches") == ("elongated",)
    assert LEXICON.attributes("pin-hole") == ("small",)
    assert LEXICON.attributes("scratch-like hole") == ("elongated", "dark", "compact")
    assert LEXICON.attributes("blorb") == ()


def test_unknown_words_are_named_and_function_words_are_not():
    assert LEXICON.unknown("a blorb on the dark frob, blorb") == ["blorb", "frob"]


def test_the_lexicon_is_a_prompt_generator():
    phrases = LexiconPrompts(LEXICON).phrases(PromptContext("nut"), []).phrases
    assert [(p.text, p.source) for p in phrases] == [("scratch", "lexicon"), ("dark hole", "lexicon")]
    assert phrases[1].attributes == ("dark", "dark", "compact")


@pytest.mark.parametrize("name", shipped.names("prompts/lexicons"))
def test_shipped_lexicons_mean_what_can_be_measured(name):
    lexicon = load_lexicon(name)
    assert lexicon.name == name
    assert len(set(lexicon.phrases)) == len(lexicon.phrases) > 0
    for word, attributes in lexicon.words.items():
        assert set(attributes) <= set(ATTRIBUTES), word
    for phrase in lexicon.phrases:
        assert not lexicon.unknown(phrase), phrase


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("phrases: []", "at least one"),
        ("phrases: [a]\nwords: {dark: dark}", "list of attributes"),
        ("phrases: [a]\nword: {}", "unknown key 'word'"),
        ("phrases: [1]", "list of texts"),
        ("phrases: ['; .']", "is no phrase"),
        ("phrases: ['crack in {object.__class__}']", r"phrases: there is no placeholder \{object\.__class__\}"),
        ("phrases: ['{}']", r"no placeholder \{\}"),
        ("phrases: ['crack in {object']", r"no placeholder \{object"),
    ],
)
def test_a_bad_lexicon_is_named(tmp_path, text, message):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"bad\.yaml.*{message}"):
        load_lexicon(str(file))


def test_a_lexicon_knows_the_words_of_the_default_one_and_its_own_come_first(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("phrases: [blorb]\nwords: {Blorb: [dark], scratch: [bright], rust: []}")
    mine, default = load_lexicon(str(file)), load_lexicon("default")
    assert mine.name == "mine"
    assert mine.attributes("dark blorb scratches rust hole") == ("dark", "dark", "bright", "compact", "dark", "small")
    assert {**mine.words, **default.words} == {**default.words, "blorb": ("dark",)}
    file.write_text("phrases: [blorb]")
    assert load_lexicon(str(file)).words == default.words


def test_the_name_of_the_product_is_put_into_phrases_and_means_nothing():
    lexicon = Lexicon("test", ("dark spot on {object}", "{object} with hole", "hole"), {**WORDS, "object": ()})
    phrases = lexicon.ask("Dark Nut.")
    assert [phrase.text for phrase in phrases] == ["dark spot on dark nut", "dark nut with hole", "hole"]
    assert [phrase.attributes for phrase in phrases] == [("dark",), ("dark", "compact"), ("dark", "compact")]
    assert [phrase.text for phrase in lexicon.ask("")][:1] == ["dark spot on object"]
    assert [phrase.text for phrase in lexicon.ask("n" * (MAX_NAME_LENGTH + 1))][:1] == ["dark spot on object"]
    assert [phrase.source for phrase in lexicon.ask("nut", "user")] == ["user"] * 3
    assert LexiconPrompts(lexicon).phrases(PromptContext("nut"), []).phrases == lexicon.ask("nut")


def test_there_is_a_lexicon_for_each_material_and_process():
    there = set(shipped.names("prompts/lexicons"))
    named = "metal casting weld fabric leather wood glass ceramic plastic rubber pcb solder paint food screw"
    assert set(named.split()) | {"paper-and-card", "saa", "winclip", "none", "default"} <= there
    assert [phrase.text for phrase in load_lexicon("none").ask("nut")] == ["defect", "abnormal"]
    assert not any(phrase.attributes for name in ("none", "saa", "winclip") for phrase in load_lexicon(name).ask("nut"))
