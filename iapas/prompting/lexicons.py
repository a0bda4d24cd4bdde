"""Lexicons: which defects to ask for, and what their words mean in measurable terms.

A lexicon is a YAML file with ``name``, ``phrases`` (asked for when nobody gives others) and ``words``, which maps a
word to attributes (see iapas.embedded.words) for detectors that cannot read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from iapas import shipped
from iapas.errors import ConfigError
from iapas.protocols import Answer, PromptContext
from iapas.types import Image, Phrase, Source, normalise_phrase

MAX_PHRASE_LENGTH = 100
"""Characters; a phrase beyond this is prose, which no detector reads as one thing to look for."""

FUNCTION_WORDS = frozenset(
    ["a", "an", "and", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with"]
)
"""Words that mean nothing by themselves, so that nobody is warned about them."""

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@dataclass(frozen=True)
class Lexicon:
    """``phrases`` in their order; ``words``: lower-case word -> attributes."""

    name: str
    phrases: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]

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


@dataclass(frozen=True)
class LexiconPrompts:
    """The prompt generator that asks no model: the lexicon's phrases, whatever the product."""

    lexicon: Lexicon

    def phrases(self, context: PromptContext, images: Sequence[Image]) -> Answer:
        """The lexicon's phrases; neither ``context`` nor ``images`` matter."""
        phrases = tuple(self.lexicon.phrase(text, "lexicon") for text in self.lexicon.phrases)
        return Answer(phrases, {"phrases": f"from the lexicon {self.lexicon.name}"})

    def close(self) -> None:
        """Nothing to give back."""


def load_lexicon(name_or_file: str) -> Lexicon:
    """A shipped lexicon by name, or one from a YAML file. Raises ConfigError."""
    is_file = name_or_file.endswith((".yaml", ".yml")) or "/" in name_or_file
    file = Path(name_or_file) if is_file else shipped.path("prompts/lexicons", name_or_file)
    data = shipped.read_yaml(file)
    unknown = sorted(set(data) - {"name", "phrases", "words", "source", "licence"})
    if unknown:
        raise ConfigError(f"{file}: unknown key {unknown[0]!r}; a lexicon has name, phrases, words, source, licence")
    phrases, words = data.get("phrases", []), data.get("words", {})
    if not _is_texts(phrases) or not phrases:
        raise ConfigError(f"{file}: phrases must be a list of texts, with at least one")
    if not isinstance(words, dict) or not all(isinstance(w, str) and _is_texts(a) for w, a in words.items()):
        raise ConfigError(f"{file}: words must map each word to a list of attributes")
    return Lexicon(
        str(data.get("name", file.stem)),
        tuple(split_prompt(" . ".join(phrases))),
        {word.lower(): tuple(attributes) for word, attributes in words.items()},
    )


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
