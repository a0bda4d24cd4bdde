"""Lexicons: which defects to ask for, and what their words mean in measurable terms.

A lexicon is a YAML file with ``name``, ``purpose``, ``phrases`` (asked for when nobody gives others; {object} stands
for the product's name) and ``words``, which maps a word to attributes (see iapas.embedded.words) for detectors that
cannot read. Each knows the words of the default lexicon too; its own come first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from iapas import shipped
from iapas.errors import ConfigError
from iapas.prompting.folders import find
from iapas.protocols import Answer, PromptContext
from iapas.types import Image, Phrase, Source, normalise_phrase

MAX_PHRASE_LENGTH = 100
"""Characters; a phrase beyond this is prose, which no detector reads as one thing to look for."""

OBJECT = "{object}"
"""Stands for the product's name in a phrase."""

MAX_NAME_LENGTH = 60
"""Characters of a product's name within a phrase."""

FUNCTION_WORDS = frozenset(
    ["a", "an", "and", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with"]
)
"""Words that mean nothing by themselves, so that nobody is warned about them."""

_KEYS = ("name", "purpose", "phrases", "words", "source", "licence")
_BRACES = re.compile(r"\{[^{}]*\}?|\}")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True)
class Lexicon:
    """``phrases`` in their order, maybe with OBJECT in them; ``words``: lower-case word -> attributes."""

    name: str
    phrases: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    purpose: str = ""

    def attributes(self, text: str) -> tuple[str, ...]:
        """The attributes of all known words of ``text``, in order; said twice counts twice."""
        return tuple(attribute for word in _WORD.findall(text.lower()) for attribute in self._meaning(word) or ())

    def unknown(self, text: str) -> list[str]:
        """The words of ``text`` that the lexicon does not know, in order, each once."""
        words = dict.fromkeys(_WORD.findall(text.lower()))
        return [word for word in words if word not in FUNCTION_WORDS and self._meaning(word) is None]

    def _meaning(self, word: str) -> tuple[str, ...] | None:
        if word in self.words:
            return self.words[word]
        for ending in ("es", "s"):  # scratches, holes
            if word.endswith(ending) and word.removesuffix(ending) in self.words:
                return self.words[word.removesuffix(ending)]
        parts = [self.words.get(part) for part in word.split("-")] if "-" in word else [None]
        known = [part for part in parts if part is not None]
        return tuple(attribute for part in known for attribute in part) if known else None

    def phrase(self, text: str, source: Source) -> Phrase:
        """``text`` as a phrase with its attributes."""
        return Phrase(text, source, self.attributes(text))

    def ask(self, product: str, source: Source = "lexicon") -> tuple[Phrase, ...]:
        """The phrases for a product, each once; "object" where its name is not known or longer than a name is.

        What the product is called says nothing of a defect: no attributes come of it.
        """
        name = normalise_phrase(product)
        name = name if 0 < len(name) <= MAX_NAME_LENGTH else "object"
        filled = {text.replace(OBJECT, name): self.attributes(text) for text in self.phrases}
        return tuple(Phrase(text, source, attributes) for text, attributes in filled.items())


@dataclass(frozen=True)
class LexiconPrompts:
    """The prompt generator that asks no model: the lexicon's phrases, whatever the product."""

    lexicon: Lexicon

    def phrases(self, context: PromptContext, images: Sequence[Image]) -> Answer:
        """The lexicon's phrases; of ``context`` the object counts where they name it, ``images`` do not matter."""
        return Answer(self.lexicon.ask(context.object), {"phrases": f"from the lexicon {self.lexicon.name}"})

    def close(self) -> None:
        """Nothing to give back."""


def load_lexicon(name_or_file: str, folder: str = "") -> Lexicon:
    """A lexicon by name, of the user's ``folder`` or shipped, or one from a YAML file. Raises ConfigError."""
    return read_lexicon(find("lexicons", name_or_file, folder))


def read_lexicon(file: Path) -> Lexicon:
    """The lexicon in a YAML file. Raises ConfigError, naming the file and what is wrong."""
    data = shipped.read_yaml(file)
    unknown = sorted(set(data) - set(_KEYS))
    if unknown:
        raise ConfigError(f"{file}: unknown key {unknown[0]!r}; a lexicon has {', '.join(_KEYS)}")
    phrases = data.get("phrases", [])
    if not _is_texts(phrases) or not phrases:
        raise ConfigError(f"{file}: phrases must be a list of texts, with at least one")
    bad = [braces for text in phrases for braces in _BRACES.findall(text) if braces != OBJECT]
    if bad:
        raise ConfigError(f"{file}: phrases: there is no placeholder {bad[0]}; known is: {OBJECT}")
    texts = tuple(split_prompt(" . ".join(phrases)))
    if not texts:
        raise ConfigError(f"{file}: phrases: {phrases[0]!r} is no phrase")
    words = {**_common_words(), **_words(data, file)}
    return Lexicon(str(data.get("name", file.stem)), texts, words, str(data.get("purpose", "")))


@cache
def _common_words() -> dict[str, tuple[str, ...]]:
    file = shipped.path("prompts/lexicons", "default")
    return _words(shipped.read_yaml(file), file)


def _words(data: dict[str, Any], file: Path) -> dict[str, tuple[str, ...]]:
    words = data.get("words", {})
    if not isinstance(words, dict) or not all(isinstance(w, str) and _is_texts(a) for w, a in words.items()):
        raise ConfigError(f"{file}: words must map each word to a list of attributes")
    return {word.lower(): tuple(attributes) for word, attributes in words.items()}


def split_prompt(text: str) -> list[str]:
    """The phrases of a prompt: parted by full stops, commas, semicolons or new lines; each once, in order.

    >>> split_prompt("Small dark hole . scratch, 0.5 mm dent")
    ['small dark hole', 'scratch', '0 5 mm dent']

    Raises ConfigError for a phrase of over MAX_PHRASE_LENGTH characters.
    """
    parts = re.split(r"[.,;\n\r|]+(?!\d)|(?<!\d)[.,;\n\r|]+", text)
    phrases = [phrase for phrase in map(normalise_phrase, parts) if phrase]
    for phrase in phrases:
        if len(phrase) > MAX_PHRASE_LENGTH:
            raise ConfigError(
                f"the phrase {phrase[:40]!r}... has {len(phrase)} characters (at most {MAX_PHRASE_LENGTH}): "
                "part phrases with ' . '"
            )
    return list(dict.fromkeys(phrases))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)
