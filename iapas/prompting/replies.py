"""Reads what a language model replied: strictly, as data, and without ever failing.

A reply is a list: words parted by commas, semicolons, bars or new lines, bullets, numbers, or JSON, also within prose.
What comes through is short phrases in Latin letters that a detector can look for; everything else is left out, and a
reply that is mostly something else is not accepted at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from iapas.prompting.json_replies import json_texts
from iapas.types import normalise_phrase

MAX_WORDS = 6
"""Words of a phrase; more are a sentence."""

MAX_CHARACTERS = 60
"""Of a phrase."""

MAX_ITEMS = 150
"""A list of more than these phrases is no answer to what could be wrong with one product."""

MAX_READ = 20_000
"""Characters of a reply that are looked at: 5000 words are not an answer either."""

REMOVED = frozenset({"word", "none", "of", "part"})
"""Left out of phrases (IAP-AS's code removes these letters even within words; here they are whole words)."""

_STOP = (
    "image picture photo photograph photography background foreground object item product thing material surface "
    "texture area region camera light normal good noun adjective list answer example sure okay certainly yes no sorry "
    "hello thanks unknown other etc"
)
STOP = frozenset(_STOP.split())
"""Phrases that would cover the whole picture, or that talk about the answer itself."""

Refused = Literal["", "empty", "too long", "a refusal", "instructions", "prose", "no phrases", "no JSON"]


@dataclass(frozen=True)
class Reading:
    """What a reply says: its ``phrases``, those ``stopped``, and why nothing of it counts (``refused``), or ""."""

    phrases: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    refused: Refused = ""


def read_reply(text: str, kind: Literal["list", "json"] = "list", *, subject: str = "", limit: int = 30) -> Reading:
    """The phrases of a reply, each once, in first-seen order, at most ``limit``. Never raises.

    ``kind`` json takes JSON alone; list takes JSON too. ``subject``: the product, which is no defect of itself.
    """
    if len(text) > MAX_READ:
        return Reading(refused="too long")
    text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    if not any(character.isalnum() for character in text):
        return Reading(refused="empty")
    if _REFUSAL.search(text):
        return Reading(refused="a refusal")
    if _INJECTION.search(text):
        return Reading(refused="instructions")
    from_json = json_texts(text)
    if from_json is None and kind == "json":
        return Reading(refused="no JSON")
    items = _pieces(text) if from_json is None else [piece for item in from_json for piece in _split(item)]
    return _judge(items, normalise_phrase(subject), limit)


def _judge(items: list[str], subject: str, limit: int) -> Reading:
    """The reading of a list: accepted when it holds phrases, and more of them than of other things."""
    phrases: dict[str, None] = {}
    stopped: dict[str, None] = {}
    good = bad = 0
    for item in items:
        phrase = _phrase(item)
        if phrase is None:
            bad += 1
        elif phrase:
            stops = _stops(phrase, subject)
            good += not stops
            (stopped if stops else phrases)[phrase] = None
    if good > MAX_ITEMS:
        return Reading(refused="too long")
    if bad and bad >= good:
        return Reading(refused="prose")
    if not phrases:
        return Reading(stopped=tuple(stopped), refused="no phrases")
    return Reading(tuple(phrases)[:limit], tuple(stopped))


def _phrase(item: str) -> str | None:
    """One item of a list as a phrase; "" when nothing is left of it, None when it is not one."""
    plain = normalise_phrase(_MARKS.sub(" ", item.lower()))
    if plain and not _ALLOWED.fullmatch(plain):
        return None
    words = [word for word in (part.strip("-'") for part in plain.split()) if word and word not in REMOVED]
    while words and words[0] in _LEADING:
        words = words[1:]
    phrase = " ".join(words)
    if not words:
        return ""
    if len(words) > MAX_WORDS or len(phrase) > MAX_CHARACTERS or any(word in _PROSE for word in words):
        return None
    return phrase if all(map(_is_latin, phrase)) and any(map(_is_word, words)) else None


def _stops(phrase: str, subject: str) -> bool:
    forms = {phrase, phrase.removesuffix("s"), phrase.removesuffix("es")}
    return bool(forms & STOP) or (bool(subject) and (subject in forms or phrase + "s" == subject))


def _is_latin(character: str) -> bool:
    return not character.isalnum() or character.isascii() or unicodedata.name(character, "").startswith("LATIN")


def _is_word(word: str) -> bool:
    """Whether it could be one: some letters, a vowel among them, none four times in a row."""
    return len(word) >= 3 and bool(_VOWEL.search(word)) and not _REPEATED.search(word) and len(word) <= 30


def _pieces(text: str) -> list[str]:
    """The items of a list in plain text or Markdown."""
    return [piece for line in _THINKING.sub(" ", text).splitlines() for piece in _line_pieces(line)]


def _line_pieces(line: str) -> Iterator[str]:
    """The items of one line: of a bullet what stands before its explanation, else what follows an introduction."""
    line, bullets = _BULLET.subn("", line.strip(), count=1)
    line = _PARENTHESES.sub(" ", line).replace("`", "").replace("*", "").strip()
    if bullets:
        line = _EXPLANATION.split(line, maxsplit=1)[0]
    elif ":" in line:
        line = line.rpartition(":")[2]
    yield from _split(line)


def _split(text: str) -> list[str]:
    """Parts between commas and the like; a full stop within a number parts nothing, ! and ? end a sentence of prose."""
    parts = _PARTING.split(text)
    return [part for part in map(str.strip, parts) if part]


_PLAIN = {0x2018: "'", 0x2019: "'", 0x2013: "-", 0x2014: "-"}  # curly quotes, dashes
_PARTING = re.compile(r"[,;|/\n\r•·]+|(?<!\d)\.+|\.+(?!\d)|(?<=[!?])")
_BULLET = re.compile(
    r"^(?:[-*+•·>#]+|\(?\d{1,3}[.):](?!\d)|\(?[a-z][.)])\s*(?=\S)|^\*+\s*\d{1,3}[.)]\s*", re.IGNORECASE
)
_EXPLANATION = re.compile(r":|\s-+\s")
_PARENTHESES = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_MARKS = re.compile(r"[`*_#\"“”„«»()\[\]]+|(?<!\w)'|'(?!\w)")
_ALLOWED = re.compile(r"[^\W_]+(?:['-][^\W_]+)*(?: [^\W_]+(?:['-][^\W_]+)*)*")
_VOWEL = re.compile(r"[aeiouyà-öø-ýāēīōū]")
_REPEATED = re.compile(r"(.)\1{3}")
_LEADING = frozenset({"a", "an", "the", "and", "or"})
_SENTENCES = (
    "i i'm i'll i'd you we they he she it it's its is are was were be been am can cannot can't could may might must "
    "should will would shall do does don't did have has had this that these those there here what which who how why "
    "if then so because let me my your our their please as not but also when where while such some following like "
    "based given ignore previous instruction instructions assistant prompt"
)
_PROSE = frozenset(_SENTENCES.split())
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am)? (?:sorry|cannot|can'?t|can not|unable|not able|won'?t|must decline|apologi[sz]e)"
    r"|as an? (?:ai|language model|assistant)|(?:cannot|can'?t|unable to) (?:help|assist|provide|comply|answer))\b",
    re.IGNORECASE,
)
_INJECTION = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|above|prior|earlier|instructions?|rules?|prompts?)\b"
    r"|\bsystem prompt\b|\byou are now\b|<\|[^|]{1,40}\|>|</?(?:script|system|assistant|user)\b|\[/?INST\]|https?://",
    re.IGNORECASE | re.DOTALL,
)
