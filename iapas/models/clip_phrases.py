"""Phrases for models with a text encoder of CLIP's kind (SAM 3, CLIPSeg, OWLv2): each phrase is a text of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from iapas.errors import ConfigError
from iapas.models import memory
from iapas.models.captions import normalised
from iapas.models.loading import Runtime, load_tokenizer, model_kind
from iapas.models.precision import computing, finite

_TEXTS_AT_ONCE = 64

Encode = Callable[[Any, Any], Any]
"""The features (n, ...) of n texts, given their (n, T) token ids and the (n, T) mask of those that count."""


@dataclass(frozen=True, eq=False)
class Asked:
    """What a model is asked: ``phrases`` (verbatim, each once), their ``features`` and token ``masks``, on the device.

    ``notes`` are for the manifest.
    """

    phrases: tuple[str, ...]
    features: Any
    masks: Any
    notes: tuple[str, ...] = ()


class Texts:
    """Encodes phrases, each list of them once."""

    def __init__(self, folder: Path, limit: int, encode: Encode, runtime: Runtime) -> None:
        self._tokenizer = load_tokenizer(folder)
        self._limit, self._encode, self._runtime = limit, encode, runtime
        self.ask = lru_cache(16)(self._ask)

    def _ask(self, phrases: tuple[str, ...]) -> Asked:
        """The distinct ones of ``phrases``, encoded; those that differ only in case, spaces or stops are one.

        Those without a word are none; what passes the model's limit of tokens is cut, with a note.
        """
        import torch

        texts: dict[str, str] = {}
        for phrase in phrases:
            texts.setdefault(normalised(phrase), phrase)
        texts.pop("", None)
        if not texts:
            return Asked((), None, None)
        whole = self._tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        notes = tuple(
            f"the phrase {phrase[:40]!r}... is too long for the detector: its first {self._limit - 2} tokens count"
            for phrase, ids in zip(texts.values(), whole, strict=True)
            if len(ids) > self._limit
        )
        tokens = self._tokenizer(
            list(texts), padding="max_length", max_length=self._limit, truncation=True, return_tensors="pt"
        ).to(self._runtime.device)
        ids, masks = tokens["input_ids"], tokens["attention_mask"]
        parts = memory.in_chunks(len(ids), _TEXTS_AT_ONCE, lambda part: self._features(ids[part], masks[part]))
        return Asked(tuple(texts.values()), torch.cat(parts), masks, notes)

    def _features(self, ids: Any, masks: Any) -> Any:
        import torch

        def run(runtime: Runtime) -> Any:
            with torch.inference_mode(), computing(runtime):
                return self._encode(ids, masks).float()

        return finite(run, self._runtime, "the detector's text encoder")


def require_kind(folder: Path, kinds: Sequence[str], what: str) -> None:
    """Raise ConfigError unless the model in ``folder`` is of one of ``kinds``."""
    kind = model_kind(folder)
    if kind not in kinds:
        raise ConfigError(f"{folder} holds a model of type {kind!r}, not {what}", "see detector.model")
