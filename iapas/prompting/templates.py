"""Prompt templates: the question that a language model is asked about a product.

A template is a YAML file with ``name``, ``purpose``, ``system``, ``user``, ``reply`` (``list`` or ``json``), ``source``
and ``licence``. In ``system`` and ``user`` stand {object}, {tags} and {material}. They are replaced as plain text, in
one pass: nothing else of the template language of Python works, and what is put in cannot name a placeholder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from iapas import shipped
from iapas.errors import ConfigError
from iapas.protocols import PromptContext

PLACEHOLDERS = ("object", "tags", "material")
MAX_VALUE = 2000
"""Characters that go into one placeholder; a page of tags is enough."""

_KEYS = ("name", "purpose", "system", "user", "reply", "source", "licence")
_BRACES = re.compile(r"\{([^{}\"\n]*)\}")  # with quotes in them they are an example in JSON
_UNSAFE = re.compile(r"[\"“”\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")


@dataclass(frozen=True)
class Template:
    """A checked template."""

    name: str
    system: str
    user: str
    reply: Literal["list", "json"] = "list"
    purpose: str = ""
    source: str = ""
    licence: str = ""

    def question(self, context: PromptContext) -> tuple[str, str]:
        """The system's and the user's text for a product.

        What is not known becomes "object", the object, or "unknown material". The values are data: on one line,
        without quotes or control characters, at most MAX_VALUE characters each.
        """
        subject = _data(context.subject) or "object"
        values = {
            "object": subject,
            "tags": _data(", ".join(context.tags)) or subject,
            "material": _data(context.material) or "unknown material",
        }
        return _fill(self.system, values), _fill(self.user, values)


def load_template(name_or_file: str) -> Template:
    """A shipped template by name, or one from a YAML file. Raises ConfigError, naming the file and what is wrong."""
    is_file = name_or_file.endswith((".yaml", ".yml")) or "/" in name_or_file
    file = Path(name_or_file) if is_file else shipped.path("prompts/templates", name_or_file)
    data = shipped.read_yaml(file)
    unknown = sorted(set(data) - set(_KEYS))
    if unknown:
        raise ConfigError(f"{file}: unknown key {unknown[0]!r}; a template has {', '.join(_KEYS)}")
    for key, value in data.items():
        if not isinstance(value, str):
            raise ConfigError(f"{file}: {key} must be a text, got {value!r}")
    for key in ("name", "system", "user"):
        if not data.get(key, "").strip():
            raise ConfigError(f"{file}: {key} is missing; a template must have name, system and user")
    if data.get("reply", "list") not in ("list", "json"):
        raise ConfigError(f"{file}: reply must be list or json, got {data['reply']!r}")
    for key in ("system", "user"):
        _check_placeholders(data[key], f"{file}: {key}")
    return Template(**{key: value.strip() for key, value in data.items()})


def is_template(name_or_file: str) -> bool:
    """Whether this is a template, and not a lexicon: a shipped name, or a file with a question in it.

    Raises ConfigError for a name that neither a template nor a lexicon has, and for a file that cannot be read.
    """
    if name_or_file.endswith((".yaml", ".yml")) or "/" in name_or_file:
        return bool({"system", "user"} & set(shipped.read_yaml(Path(name_or_file))))
    templates, lexicons = shipped.names("prompts/templates"), shipped.names("prompts/lexicons")
    if name_or_file not in (*templates, *lexicons):
        there = f"lexicons {', '.join(lexicons)}; templates {', '.join(templates)}"
        raise ConfigError(f"there is no lexicon or template called {name_or_file!r}; shipped are: {there}")
    return name_or_file in templates


def _check_placeholders(text: str, where: str) -> None:
    bad = [inner for inner in _BRACES.findall(text) if inner not in PLACEHOLDERS]
    if bad:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ConfigError(f"{where}: there is no placeholder {{{bad[0]}}}; known are: {known}")


def _fill(text: str, values: dict[str, str]) -> str:
    return _BRACES.sub(lambda braces: values[braces[1]], text)


def _data(text: str) -> str:
    """``text`` as one line of data that cannot leave the quotes around it."""
    return " ".join(_UNSAFE.sub(" ", text).split())[:MAX_VALUE]
