"""What happens to a language model's scores at each token: they must be finite, and may be held to a form."""

from __future__ import annotations

from typing import Any

from iapas.errors import ModelNonfinite

_PHRASE = "[a-z][a-z-]*( [a-z][a-z-]*){0,2}"
FORMS = {
    "list": f"{_PHRASE}(, {_PHRASE}){{0,19}}",
    "json": rf'\{{"phrases": \["{_PHRASE}"(, "{_PHRASE}"){{0,19}}\]\}}',
}
"""Regular expressions of an answer: up to 20 phrases of up to three lower-case words.

Bounded, so that an answer ends before its tokens do; larger bounds make larger automata.
"""


def processors(name: str, index: Any, ends: list[int]) -> Any:
    """The processors of one reply by the model ``name``; ``index``: of a form to hold it to, or None."""
    from transformers import LogitsProcessorList

    chosen: list[Any] = [_Finite(name)]
    if index is not None:
        from outlines_core import Guide

        chosen.append(_Guided(Guide(index), ends))
    return LogitsProcessorList(chosen)


def form_index(form: str, tokenizer: Any, ends: list[int]) -> Any:
    """The automaton of a form of FORMS over the tokenizer's vocabulary."""
    from outlines_core import Index, Vocabulary

    texts: dict[str, list[int]] = {}
    special = set(tokenizer.added_tokens_decoder) | set(tokenizer.all_special_ids)
    for token, number in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
        text = str(tokenizer.convert_tokens_to_string([token]))
        if token.startswith("\u2581") and not text.startswith(" "):
            text = " " + text  # sentencepiece drops the space of a first word
        if number not in special and text and "\ufffd" not in text:
            texts.setdefault(text, []).append(number)
    return Index(FORMS[form], Vocabulary(ends[0], texts))


class _Finite:
    """Raises ModelNonfinite where a score is not finite: sampling would fail obscurely, a greedy choice not at all."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if not bool(scores.max().isfinite()):  # NaN if one is; single tokens may be forbidden by -inf
            raise ModelNonfinite(f"{self._name} gave NaN or infinite values")
        return scores


class _Guided:
    """Lets only those tokens through that continue the form, or end it where it is complete.

    Not outlines' own processor: that compiles a kernel with a C++ compiler when it is first used.
    """

    def __init__(self, guide: Any, ends: list[int]) -> None:
        self._guide, self._ends = guide, ends
        self._started = False

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        if self._started and int(input_ids[0, -1]) not in self._ends:
            self._guide.advance(int(input_ids[0, -1]), return_tokens=False)
        self._started = True
        allowed = torch.tensor(self._guide.get_tokens(), device=scores.device)
        guided = torch.full_like(scores, -torch.inf)
        guided[:, allowed] = scores[:, allowed]
        return guided
