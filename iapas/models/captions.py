"""Phrases as captions for Grounding DINO: which tokens belong to which phrase is settled here, not read back from text.

A caption is "a. b. c.", as token ids. Its full stop (and "?") tells the model where a phrase ends, so that inside a
phrase neither may stay. A caption holds at most 256 tokens; more phrases take more captions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

CLS, SEP, STOP, QUESTION = 101, 102, 1012, 1029
"""The ids of bert-base-uncased that Grounding DINO's code holds; they cannot be otherwise."""

_SPECIAL = frozenset((CLS, SEP, STOP, QUESTION))
_SEPARATORS = re.compile(r"[.,;:?!\s]+")


@dataclass(frozen=True)
class Caption:
    """One caption: its token ``ids``, the ``phrases`` in it (verbatim), and for each its tokens, [start, end)."""

    ids: tuple[int, ...]
    phrases: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


def captions(phrases: Sequence[str], tokenizer: Any, limit: int = 256) -> tuple[tuple[Caption, ...], tuple[str, ...]]:
    """The captions of at most ``limit`` tokens that hold all ``phrases`` in first-seen order; and notes on the phrases.

    Phrases that differ only in case, spaces or stops are one, those without a word are none. A phrase that passes
    a whole caption is cut.
    """
    notes: list[str] = []
    groups: list[list[tuple[str, list[int]]]] = []
    room = 0
    for phrase, ids in _tokens(phrases, tokenizer).items():
        if len(ids) > limit - 3:
            notes.append(
                f"the phrase {phrase[:40]!r}... is too long for the detector: its first {limit - 3} tokens count"
            )
            ids = ids[: limit - 3]
        if len(ids) + 1 > room:
            groups.append([])
            room = limit - 2
        groups[-1].append((phrase, list(ids)))
        room -= len(ids) + 1
    return tuple(_caption(group) for group in groups), tuple(notes)


def normalised(phrase: str) -> str:
    """``phrase`` in lower case, its stops, commas and runs of white space as single spaces."""
    return _SEPARATORS.sub(" ", phrase.lower()).strip()


def _tokens(phrases: Sequence[str], tokenizer: Any) -> dict[str, tuple[int, ...]]:
    """The token ids of each phrase that has some and is the first to have these."""
    first: dict[tuple[int, ...], str] = {}
    for phrase in dict.fromkeys(phrases):
        ids = tokenizer(normalised(phrase), add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        kept = tuple(i for i in ids if i not in _SPECIAL)  # whatever a tokenizer makes of odd text
        if kept:
            first.setdefault(kept, phrase)
    return {phrase: ids for ids, phrase in first.items()}


def _caption(group: Sequence[tuple[str, list[int]]]) -> Caption:
    ids, spans = [CLS], []
    for _, tokens in group:
        spans.append((len(ids), len(ids) + len(tokens)))
        ids += [*tokens, STOP]
    return Caption((*ids, SEP), tuple(phrase for phrase, _ in group), tuple(spans))
