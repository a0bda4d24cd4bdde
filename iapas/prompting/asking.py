"""Asks a language model for the anomaly phrases of a product, and falls back on a lexicon where it gives none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from iapas.errors import ModelNonfinite
from iapas.prompting.facts import Facts, read_facts
from iapas.prompting.replies import Reading, read_reply
from iapas.prompting.templates import Template
from iapas.protocols import Answer, Chat, PromptContext, PromptGenerator
from iapas.settings import GeneratorSettings
from iapas.types import Image, Phrase

MAX_REPLY = 2000
"""Characters of a reply that a profile keeps."""

_ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}

_Read = TypeVar("_Read", Reading, Facts)


@dataclass(frozen=True)
class _Told(Generic[_Read]):
    """What came of a question: the ``reading`` of the ``reply`` (the last one), or None; at which try, or why not."""

    reading: _Read | None
    reply: str
    tried: str


@dataclass(frozen=True)
class ChatPrompts:
    """The prompt generator that asks ``chat`` the template's question (IAP-AS, section 3.2).

    A reply that is not a list of phrases is asked for again with the next seed, ``settings.retries`` times; then the
    phrases are those of ``fallback``, and ``found`` says so under that name. So it is with the question before of a
    template that is a chain: what it brings goes into the second one. Replies are data: nothing in them is
    ever followed.
    """

    chat: Chat
    template: Template
    settings: GeneratorSettings
    fallback: PromptGenerator
    seed: int = 0

    def phrases(self, context: PromptContext, images: Sequence[Image]) -> Answer:
        """The phrases of the first useful reply, source ``model``, else those of the fallback."""
        facts, found = Facts(), {}
        if self.template.before:
            told = self._ask(self.template.question_before(context), read_facts)
            if told.reading is None:
                return self._fallback(context, images, told, "no material and process")
            facts = told.reading
            found = {"before": f"{_in_words(facts)}: by {self._asked}, {told.tried}", "reply before": _cut(told.reply)}
        form, limit = self.template.reply, self.settings.max_phrases
        named = self._ask(
            self.template.question(context, facts),
            lambda reply: read_reply(reply, form, subject=context.object, limit=limit),
        )
        answer = self._answer(named) if named.reading else self._fallback(context, images, named, "no list of phrases")
        return Answer(answer.phrases, found | answer.found)

    def close(self) -> None:
        """Give back the model's memory."""
        self.chat.close()
        self.fallback.close()

    @property
    def _asked(self) -> str:
        return f"{self.chat.name}, template {self.template.name}"

    def _ask(self, question: tuple[str, str], read: Callable[[str], _Read]) -> _Told[_Read]:
        """The first useful reading of a reply to the system's and the user's text, or why there was none."""
        reply, refusals = "", []
        for number in range(1, self.settings.retries + 2):
            try:
                reply = _plain(self.chat.reply(*question, self.seed + number - 1))
            except ModelNonfinite as error:
                refusals.append(str(error))
                continue
            reading = read(reply)
            if not reading.refused:
                return _Told(reading, reply, f"{_ORDINALS.get(number, f'{number}th')} try")
            refusals.append(reading.refused)
        return _Told(None, reply, f"in {len(refusals)} tries ({'; '.join(dict.fromkeys(refusals))})")

    def _answer(self, told: _Told[Reading]) -> Answer:
        reading = told.reading or Reading()
        found = {"phrases": f"by {self._asked}, {told.tried}", "reply": _cut(told.reply)}
        if reading.stopped:
            stopped = ", ".join(reading.stopped)
            found["phrases left out"] = f"phrases left out, as they mean the whole product or picture: {stopped}"
        return Answer(tuple(Phrase(text, "model") for text in reading.phrases), found)

    def _fallback(self, context: PromptContext, images: Sequence[Image], told: _Told[_Read], missing: str) -> Answer:
        answer = self.fallback.phrases(context, images)
        why = f"{self._asked}, gave {missing} {told.tried}: the lexicon's are used"
        return Answer(
            answer.phrases, answer.found | {"fallback": why} | ({"reply": _cut(told.reply)} if told.reply else {})
        )


def _in_words(facts: Facts) -> str:
    return f"material {facts.material or 'not known'}, process {facts.process or 'not known'}"


def _plain(text: str) -> str:
    """Without what UTF-8 cannot hold, so that a profile can be written whatever a server sent."""
    return text.encode("utf-8", "replace").decode()


def _cut(text: str) -> str:
    return text if len(text) <= MAX_REPLY else text[: MAX_REPLY - 4] + " ..."
