"""Prompt templates: the question that a language model is asked about a product.

A template is a YAML file with ``name``, ``system``, ``user``; it may have ``reply`` (``list`` or ``json``), ``before``,
``purpose``, ``source`` and ``licence``. In its texts stand {object}, {tags} and {material}. They are replaced as plain
text, in one pass: nothing else of the template language of Python works, and what is put in cannot name a placeholder.

``before`` makes a chain: it is asked first, what the product is made of and how, and its answer fills {material} (where
the user has not said it) and {process} of ``user``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from iapas import shipped
from iapas.errors import ConfigError
from iapas.prompting.facts import Facts
from iapas.prompting.folders import find, is_file, names
from iapas.protocols import PromptContext

PLACEHOLDERS = ("object", "tags", "material")
CHAINED = (*PLACEHOLDERS, "process")
"""Those of a chain's second question."""

MAX_VALUE = 2000
"""Characters that go into one placeholder; a page of tags is enough."""

_KEYS = ("name", "purpose", "system", "user", "reply", "before", "source", "licence")
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
    before: str = ""

    def question(self, context: PromptContext, facts: Facts | None = None) -> tuple[str, str]:
        """The system's and the user's text for a product; ``facts``: what the question before has brought.

        What is not known becomes "object", the object, "unknown material", or "unknown process". The values are data:
        on one line, without quotes or control characters, at most MAX_VALUE characters each.
        """
        values = _values(context, facts or Facts())
        return _fill(self.system, values), _fill(self.user, values)

    def question_before(self, context: PromptContext) -> tuple[str, str]:
        """The same for the question of a chain that is asked first."""
        values = _values(context, Facts())
        return _fill(self.system, values), _fill(self.before, values)


def load_template(name_or_file: str, folder: str = "") -> Template:
    """A template by name, of the user's ``folder`` or shipped, or one from a YAML file. Raises ConfigError."""
    return read_template(find("templates", name_or_file, folder))


def read_template(file: Path) -> Template:
    """The template in a YAML file. Raises ConfigError, naming the file, the key and what is wrong."""
    data = shipped.read_yaml(file)
    unknown = sorted(set(data) - set(_KEYS))
    if unknown:
        raise ConfigError(f"{file}: unknown key {unknown[0]!r}; a template has {', '.join(_KEYS)}")
    for key, value in data.items():
        if not isinstance(value, str):
            raise ConfigError(f"{file}: {key} must be a text, got {value!r}: put it in quotes")
    for key in ("name", "system", "user"):
        if not data.get(key, "").strip():
            raise ConfigError(f"{file}: {key} is missing; a template must have name, system and user")
    if data.get("reply", "list") not in ("list", "json"):
        raise ConfigError(f"{file}: reply must be list or json, got {data['reply']!r}")
    _check_placeholders(data, file)
    return Template(**{key: value.strip() for key, value in data.items()})


def is_template(name_or_file: str, folder: str = "") -> bool:
    """Whether this is a template, and not a lexicon: by the name, or a file with a question in it.

    Raises ConfigError for a name that neither a template nor a lexicon has, or both have, and for a file that cannot be
    read.
    """
    if is_file(name_or_file):
        return bool({"system", "user"} & set(shipped.read_yaml(Path(name_or_file))))
    templates, lexicons = names("templates", folder), names("lexicons", folder)
    if name_or_file in templates and name_or_file in lexicons:
        raise ConfigError(f"{name_or_file!r} is a template and a lexicon: give the file that you mean")
    if name_or_file not in (*templates, *lexicons):
        there = f"lexicons {', '.join(lexicons)}; templates {', '.join(templates)}"
        raise ConfigError(f"there is no lexicon or template called {name_or_file!r}; there are: {there}")
    return name_or_file in templates


def _check_placeholders(data: dict[str, Any], file: Path) -> None:
    """In a chain's second question {process} is known too. What ``system`` says, it says with both."""
    for key in ("system", "before", "user"):
        known = CHAINED if key == "user" and data.get("before", "").strip() else PLACEHOLDERS
        bad = [inner for inner in _BRACES.findall(data.get(key, "")) if inner not in known]
        if bad:
            there = ", ".join(f"{{{name}}}" for name in known)
            more = "; {process} is known to user where there is a question before" if bad[0] == "process" else ""
            raise ConfigError(f"{file}: {key}: there is no placeholder {{{bad[0]}}}; known are: {there}{more}")


def _values(context: PromptContext, facts: Facts) -> dict[str, str]:
    subject = _data(context.subject) or "object"
    return {
        "object": subject,
        "tags": _data(", ".join(context.tags)) or subject,
        "material": _data(context.material) or _data(facts.material) or "unknown material",
        "process": _data(facts.process) or "unknown process",
    }


def _fill(text: str, values: dict[str, str]) -> str:
    return _BRACES.sub(lambda braces: values[braces[1]], text)


def _data(text: str) -> str:
    """``text`` as one line of data that cannot leave the quotes around it."""
    return " ".join(_UNSAFE.sub(" ", text).split())[:MAX_VALUE]
