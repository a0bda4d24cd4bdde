"""Reads what a language model says a product is made of and how: two short phrases, as data, without ever failing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from iapas.prompting.replies import Refused, read_reply


@dataclass(frozen=True)
class Facts:
    """``material`` and ``process``, each a phrase or ""; why nothing of a reply counts (``refused``), or ""."""

    material: str = ""
    process: str = ""
    refused: Refused = ""


def read_facts(reply: str) -> Facts:
    """The material and the process that a reply names: "material: steel, process: casting", or the same in JSON.

    Without these words the first two phrases of a list count, in this order. What makes a list of phrases refused
    (see read_reply) makes this refused. Never raises.

    >>> read_facts("Material: stainless steel; Process: Casting.")
    Facts(material='stainless steel', process='casting', refused='')
    >>> read_facts("I cannot help with that.").refused
    'a refusal'
    """
    whole = read_reply(reply)
    if whole.refused in ("empty", "too long", "a refusal", "instructions"):
        return Facts(refused=whole.refused)
    named = {what.lower(): _first(value) for what, value in reversed(_NAMED.findall(reply))}  # said twice, the first
    if any(named.values()):
        return Facts(named.get("material", ""), named.get("process", ""))
    if named or whole.refused:
        return Facts(refused=whole.refused or "no phrases")
    material, process, *_ = (*whole.phrases, "")
    return Facts(material, process)


def _first(value: str) -> str:
    return next(iter(read_reply(value).phrases), "")


_NAMED = re.compile(
    r"\b(material|process)(?:s|es)?[\"'*_ ]{0,9}[:=][\[\"'*_ ]{0,9}([^\n;,}\"\]]{1,200})", re.IGNORECASE
)
