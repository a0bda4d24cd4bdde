import pytest

from iapas.errors import ModelNonfinite
from iapas.profile_checks import profile_warnings
from iapas.prompting.asking import MAX_REPLY, ChatPrompts
from iapas.prompting.lexicons import Lexicon, LexiconPrompts
from iapas.prompting.templates import Template
from iapas.protocols import PromptContext
from iapas.settings import GeneratorSettings
from iapas.types import ObjectProfile, Phrase

TEMPLATE = Template("test", "Be brief.", "Faults of {object}?")
FALLBACK = LexiconPrompts(Lexicon("small", ("hole", "crack"), {"hole": ("dark",)}))
NUT = PromptContext("nut")


class ScriptedChat:
    """Gives one reply after the other; an exception is raised."""

    name = "scripted"

    def __init__(self, *replies):
        self.replies = list(replies)
        self.asked = []
        self.closed = False

    def reply(self, system, user, seed):
        self.asked.append((system, user, seed))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def close(self):
        self.closed = True


def ask(chat, **settings):
    return ChatPrompts(chat, TEMPLATE, GeneratorSettings(**settings), FALLBACK, seed=111).phrases(NUT, [])


def test_a_list_becomes_phrases_of_the_model():
    chat = ScriptedChat("Scratch, dent.")
    answer = ask(chat)
    assert answer.phrases == (Phrase("scratch", "model"), Phrase("dent", "model"))
    assert answer.found == {"phrases": "by scripted, template test, 1st try", "reply": "Scratch, dent."}
    assert chat.asked == [("Be brief.", "Faults of nut?", 111)]


def test_fault_33_a_useless_reply_is_asked_for_again_with_the_next_seed():
    chat = ScriptedChat("I cannot help with that.", "", "scratch")
    answer = ask(chat)
    assert [phrase.text for phrase in answer.phrases] == ["scratch"]
    assert answer.found["phrases"] == "by scripted, template test, 3rd try"
    assert [seed for _, _, seed in chat.asked] == [111, 112, 113]


def test_fault_33_after_all_tries_the_lexicon_speaks_and_the_profile_says_so():
    answer = ask(ScriptedChat("I cannot help with that.", "No, it is a nut and nothing else"), retries=1)
    assert answer.phrases == FALLBACK.phrases(NUT, []).phrases
    assert answer.found == {
        "phrases": "from the lexicon small",
        "fallback": "scripted, template test, gave no list of phrases in 2 tries (a refusal; prose): "
        "the lexicon's are used",
        "reply": "No, it is a nut and nothing else",
    }
    assert profile_warnings(ObjectProfile(found=answer.found)) == [answer.found["fallback"]]
    overruled = answer.found | {"phrases": "given by the user"}
    assert profile_warnings(ObjectProfile(found=overruled)) == []


def test_fault_29_infinite_values_are_a_useless_reply():
    chat = ScriptedChat(ModelNonfinite("scripted gave NaN"), ModelNonfinite("scripted gave NaN"))
    answer = ask(chat, retries=1)
    assert answer.phrases == FALLBACK.phrases(NUT, []).phrases
    assert "in 2 tries (scripted gave NaN)" in answer.found["fallback"]
    assert "reply" not in answer.found


def test_fault_34_left_out_phrases_are_told():
    answer = ask(ScriptedChat("nut, background, scratch"))
    assert [phrase.text for phrase in answer.phrases] == ["scratch"]
    (warning,) = profile_warnings(ObjectProfile(found=answer.found))
    assert warning == "phrases left out, as they mean the whole product or picture: nut, background"


def test_long_replies_are_cut_and_odd_characters_can_be_written():
    answer = ask(ScriptedChat("scratch, dent \ud800" + ". more text" * 900, "scratch"))
    assert answer.found["phrases"].endswith("2nd try")
    kept = ask(ScriptedChat("scratch\ud800\nscratch, dent" + " " * 5000)).found["reply"]
    assert len(kept) == MAX_REPLY
    assert kept.encode().startswith(b"scratch?\nscratch, dent")


def test_errors_of_the_run_pass():
    with pytest.raises(ZeroDivisionError):
        ask(ScriptedChat(ZeroDivisionError()))


def test_closing_closes_the_model():
    chat = ScriptedChat()
    ChatPrompts(chat, TEMPLATE, GeneratorSettings(), FALLBACK).close()
    assert chat.closed


CHAIN = Template(
    "chain", "Be brief.", "Faults of {object}, {material}, {process}?", before="What is {object}, {material}?"
)


def chained(chat, context=NUT, **settings):
    return ChatPrompts(chat, CHAIN, GeneratorSettings(**settings), FALLBACK, seed=111).phrases(context, [])


def test_in_a_chain_the_first_answer_goes_into_the_second_question():
    chat = ScriptedChat("I cannot help with that.", "material: Steel; process: casting", "scratch, dent")
    answer = chained(chat)
    assert [phrase.text for phrase in answer.phrases] == ["scratch", "dent"]
    assert chat.asked == [
        ("Be brief.", "What is nut, unknown material?", 111),
        ("Be brief.", "What is nut, unknown material?", 112),
        ("Be brief.", "Faults of nut, steel, casting?", 111),
    ]
    assert answer.found == {
        "before": "material steel, process casting: by scripted, template chain, 2nd try",
        "reply before": "material: Steel; process: casting",
        "phrases": "by scripted, template chain, 1st try",
        "reply": "scratch, dent",
    }


def test_what_the_user_says_of_the_material_comes_first():
    chat = ScriptedChat("steel, casting", "scratch")
    chained(chat, PromptContext("nut", material="brass"))
    assert [user for _, user, _ in chat.asked] == ["What is nut, brass?", "Faults of nut, brass, casting?"]


def test_a_chain_that_breaks_ends_with_the_lexicon_and_the_profile_says_where():
    answer = chained(ScriptedChat("", "As an AI I cannot answer."), retries=1)
    assert answer.phrases == FALLBACK.phrases(NUT, []).phrases
    assert answer.found["fallback"] == (
        "scripted, template chain, gave no material and process in 2 tries (empty; a refusal): the lexicon's are used"
    )
    answer = chained(ScriptedChat("steel", "", ""), retries=1)
    assert answer.phrases == FALLBACK.phrases(NUT, []).phrases
    assert answer.found["before"].startswith("material steel, process not known")
    assert "gave no list of phrases in 2 tries (empty)" in answer.found["fallback"]
