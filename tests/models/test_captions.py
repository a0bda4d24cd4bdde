import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapas.models.captions import CLS, QUESTION, SEP, STOP, captions, normalised


@pytest.fixture(scope="module")
def tokenizer(tiny):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny("grounding-dino-tiny"))


def words(tokenizer, caption):
    return [tokenizer.decode(caption.ids[start:end]) for start, end in caption.spans]


def test_a_caption_has_the_tokens_of_its_text(tokenizer):
    (caption,), notes = captions(["a scratch", "broken object", "rust"], tokenizer)
    assert list(caption.ids) == tokenizer("a scratch. broken object. rust.")["input_ids"]
    assert words(tokenizer, caption) == ["a scratch", "broken object", "rust"]
    assert caption.phrases == ("a scratch", "broken object", "rust")
    assert notes == ()


@pytest.mark.parametrize("phrase", ["a scratch. dent", "a scratch, dent", "A  SCRATCH? Dent!", " a scratch : dent."])
def test_fault_36_stops_and_case_cannot_split_a_phrase(tokenizer, phrase):
    (caption,), _ = captions([phrase, "rust"], tokenizer)
    assert caption.phrases == (phrase, "rust")  # verbatim
    assert words(tokenizer, caption) == ["a scratch dent", "rust"]
    assert list(caption.ids) == tokenizer("a scratch dent. rust.")["input_ids"]


def test_repeated_and_wordless_phrases_are_dropped_in_first_seen_order(tokenizer):
    (caption,), _ = captions(["Rust", "dent", "rust.", "...", "", "dent"], tokenizer)
    assert caption.phrases == ("Rust", "dent")
    assert captions([], tokenizer) == ((), ())
    assert captions(["?", " "], tokenizer) == ((), ())


def test_fault_33_600_phrases_take_several_captions_and_none_is_lost(tokenizer):
    phrases = [f"scratch number {i}" for i in range(600)]
    found, notes = captions(phrases, tokenizer)
    assert len(found) > 10
    assert [phrase for caption in found for phrase in caption.phrases] == phrases
    assert all(len(caption.ids) <= 256 for caption in found)
    assert notes == ()


def test_fault_33_a_phrase_over_the_limit_is_cut_and_told(tokenizer):
    found, notes = captions(["rust", "scratch dent " * 300, "hole"], tokenizer)
    assert [caption.phrases[0][:7] for caption in found] == ["rust", "scratch", "hole"]
    assert len(found[1].ids) == 256
    assert "too long" in notes[0]


@given(st.lists(st.text(max_size=30), max_size=12), st.integers(8, 64))
def test_captions_of_any_text_keep_the_budget_and_their_stops(tokenizer, phrases, limit):
    found, _ = captions(phrases, tokenizer, limit)
    for caption in found:
        assert len(caption.ids) <= limit
        assert (caption.ids[0], caption.ids[-1]) == (CLS, SEP)
        assert caption.ids.count(STOP) == len(caption.phrases)
        assert QUESTION not in caption.ids
        assert all(start < end and caption.ids[end] == STOP for start, end in caption.spans)
    named = [phrase for caption in found for phrase in caption.phrases]
    assert sorted(map(phrases.index, named)) == list(map(phrases.index, named))


def test_normalised_is_idempotent():
    assert normalised(normalised("A, b.  C?")) == normalised("A, b.  C?") == "a b c"
