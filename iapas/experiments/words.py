"""What is asked for: a template, a lexicon, typed words, or words for each category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from iapas.errors import ConfigError
from iapas.files.profiles import read_profiles
from iapas.prompting.templates import is_template

Kind = Literal["template", "lexicon", "words", "mapping"]


@dataclass(frozen=True)
class Words:
    """What is asked for: a ``template`` or ``lexicon`` by ``text``, typed words, or a ``mapping`` of categories.

    In a mapping "" stands for all categories that it does not name.
    """

    name: str
    kind: Kind
    text: str = ""
    by_category: Mapping[str, str] = field(default_factory=dict)


def spoken_words(text: str, folder: str = "") -> Words:
    """A variant of the command line: NAME=... or not; a template, a lexicon, a profile, or words with a blank in them.

    ``folder``: of the user's own templates and lexicons.
    """
    name, equals, rest = text.partition("=")
    spec = rest if equals else text
    if spec.endswith(".json"):
        return _from_profile(name.strip() if equals else Path(spec).stem, spec)
    if " " in spec.strip() and not spec.endswith((".yaml", ".yml")):
        return Words(name.strip() if equals else " ".join(spec.split()), "words", spec)
    try:
        kind: Kind = "template" if is_template(spec, folder) else "lexicon"
    except ConfigError as error:
        raise ConfigError(str(error), 'typed words hold a blank: "scratch . dark hole"') from error
    return Words(name.strip() if equals else Path(spec).stem if "/" in spec else spec, kind, spec)


def words_of_file(variants: Mapping[str, Any], file: str | None) -> list[Words]:
    """The variants of an experiment file: each says one of template, lexicon, profile, words.

    Files are relative to it; words are a text, or a mapping of categories to texts. Raises ConfigError.
    """
    found = []
    for name, entry in variants.items():
        where = f"{file}: variants: {name}"
        kinds = ("template", "lexicon", "words", "profile")
        if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in kinds:
            raise ConfigError(f"{where}: must say one of {', '.join(kinds)}")
        kind, value = next(iter(entry.items()))
        if kind == "words" and isinstance(value, dict):
            if not value or not all(isinstance(text, str) and text.strip() for text in value.values()):
                raise ConfigError(f"{where}: words must map each category to a text")
            found.append(Words(name, "mapping", by_category={str(key): text for key, text in value.items()}))
            continue
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{where}: {kind} must be a text")
        if kind == "profile" or (kind != "words" and value.endswith((".yaml", ".yml"))):
            value = str(Path(file or "").parent / value)
        found.append(_from_profile(name, value) if kind == "profile" else Words(name, kind, value))
    return found


def _from_profile(name: str, file: str) -> Words:
    """The phrases of a profile that stage 1 made before, by product."""
    found = {product: " . ".join(p.text for p in profile.phrases) for product, profile in read_profiles(file).items()}
    return Words(name, "mapping", by_category={product: text for product, text in found.items() if text})
