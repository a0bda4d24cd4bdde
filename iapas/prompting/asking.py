"""Asks a language model for the anomaly phrases of a product, and falls back on a lexicon where it gives none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from iapas.errors import ModelNonfinite
from iapas.prompting.replies import Reading, read_reply
from iapas.prompting.templates import Template
from iapas.protocols import Answer, Chat, PromptContext, PromptGenerator
from iapas.settings import GeneratorSettings
from iapas.types import Image, Phrase

MAX_REPLY = 2000
"""Characters of a reply that a profile keeps."""

_ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}


@dataclass(frozen=True)
class ChatPrompts:
    """The prompt generator that asks ``chat`` the template's question (IAP-AS, section 3.2).

    A reply that is not a list of phrases is asked for again with the next seed, ``settings.retries`` times; then the
    phrases are those of ``fallback``, and ``found`` says so under that name. Replies are data: nothing in them is
    ever followed.
    """

    chat: Chat
    template: Template
    settings: GeneratorSettings
    fallback: PromptGenerator
    seed: int = 0

    def phrases(self, context: PromptContext, images: Sequence[Image]) -> Answer:
        """The phrases of the first useful reply, source ``model``, else those of the fallback."""
        system, user = self.template.question(context)
        reply, refusals = "", []
        for number in range(1, self.settings.retries + 2):
            try:
                reply = _plain(self.chat.reply(system, user, self.seed + number - 1))
            except ModelNonfinite as error:
                refusals.append(str(error))
                continue
            reading = read_reply(reply, self.template.reply, subject=context.object, limit=self.settings.max_phrases)
            if not reading.refused:
                return self._answer(reading, reply, number)
            refusals.append(reading.refused)
        return self._fallback(context, images, reply, refusals)

    def close(self) -> None:
        """Give back the model's memory."""
        self.chat.close()
        self.fallback.close()

    def _answer(self, reading: Reading, reply: str, number: int) -> Answer:
        tried = _ORDINALS.get(number, f"{number}th")
        found = {"phrases": f"by {self.chat.name}, template {self.template.name}, {tried} try", "reply": _cut(reply)}
        if reading.stopped:
            stopped = ", ".join(reading.stopped)
            found["phrases left out"] = f"phrases left out, as they mean the whole product or picture: {stopped}"
        return Answer(tuple(Phrase(text, "model") for text in reading.phrases), found)

    def _fallback(self, context: PromptContext, images: Sequence[Image], reply: str, refusals: list[str]) -> Answer:
        answer = self.fallback.phrases(context, images)
        why = "; ".join(dict.fromkeys(refusals))
        asked = f"{self.chat.name}, template {self.template.name}"
        told = f"{asked}, gave no list of phrases in {len(refusals)} tries ({why}): the lexicon's are used"
        return Answer(answer.phrases, answer.found | {"fallback": told} | ({"reply": _cut(reply)} if reply else {}))


def _plain(text: str) -> str:
    """Without what UTF-8 cannot hold, so that a profile can be written whatever a server sent."""
    return text.encode("utf-8", "replace").decode()


def _cut(text: str) -> str:
    return text if len(text) <= MAX_REPLY else text[: MAX_REPLY - 4] + " ..."
