"""The texts of a JSON answer, wherever in a reply it stands."""

from __future__ import annotations

import json
import re
from typing import Any

KEYS = ("phrases", "words", "nouns", "adjectives", "anomalies", "defects", "list", "answer", "result")
"""Where the list of an answer lies, in this order; else in the first value that is a list."""

ITEM_KEYS = ("phrase", "name", "word", "noun", "adjective", "anomaly", "defect", "text", "label")
"""Where the text of an item lies that is a mapping."""

_STARTS = 20  # brackets at which an answer may begin


def json_texts(reply: str) -> list[str] | None:
    """The texts of the first JSON list or mapping in ``reply``; None when there is no such thing. Never raises."""
    for at in [match.start() for match in re.finditer(r"[\[{]", reply)][:_STARTS]:
        try:
            value, _ = _DECODER.raw_decode(reply, at)
        except (ValueError, RecursionError):
            continue
        texts = _texts(value)
        if texts is not None:
            return texts
    return None


_DECODER = json.JSONDecoder()


def _texts(value: Any) -> list[str] | None:
    if isinstance(value, dict):
        lists = [value[key] for key in KEYS if isinstance(value.get(key), list)]
        lists += [inner for inner in value.values() if isinstance(inner, list)]
        return _texts(lists[0]) if lists else None
    texts = [text for item in value if (text := _item(item)) is not None]
    return texts or None


def _item(item: Any) -> str | None:
    if isinstance(item, dict):
        item = next((item[key] for key in ITEM_KEYS if isinstance(item.get(key), str)), None)
    return item if isinstance(item, str) else None
