"""The small language of the layouts' patterns, as regular expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from iapas.files.formats import EXTENSIONS

_FIELD = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})*))?\}")
_USUAL = {"ext": "|".join(sorted(extension[1:] for extension in EXTENSIONS)), "path": ".+"}

Fields = Mapping[str, str]


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern; a group for each field, ``ext`` in any case.

    >>> compiled("{category}/test/{stem}.{ext}").fullmatch("a b/test/1.PNG")["category"]
    'a b'
    """
    parts, end = [], 0
    for found in _FIELD.finditer(pattern):
        name, given = found[1], found[2]
        inner = given or _USUAL.get(name, "[^/]+")
        parts.append(re.escape(pattern[end : found.start()]))
        parts.append(f"(?P<{name}>(?i:{inner}))" if name == "ext" else f"(?P<{name}>{inner})")
        end = found.end()
    return re.compile("".join([*parts, re.escape(pattern[end:])]), re.DOTALL)


def matched(pattern: str, path: str) -> dict[str, str] | None:
    """The fields of a path without ``ext``, or None."""
    found = compiled(pattern).fullmatch(path)
    return {name: text for name, text in found.groupdict().items() if name != "ext"} if found else None


def key(pattern: str, fields: Fields) -> tuple[str, ...]:
    """What an image and its mask have in common: the fields that ``pattern`` has, and the pattern itself."""
    names = sorted(set(compiled(pattern).groupindex) - {"ext"})
    return (pattern, *(fields[name] for name in names))


def plain(pattern: str) -> str:
    """The pattern for people: without the expressions in it."""
    return _FIELD.sub(lambda found: "{" + found[1] + "}", pattern)
