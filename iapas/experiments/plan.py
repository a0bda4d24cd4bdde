"""What is compared: prompts, each under each config and each combination of switches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from iapas import shipped
from iapas.config import Config, load_config
from iapas.errors import ConfigError, UsageError
from iapas.experiments.data import Group, place_of
from iapas.experiments.words import Words, spoken_words, words_of_file

SWITCHES = {
    "prompt": "image-aware, or fixed: the template is asked once, for an object without a name",
    "object-from": "tags, or user: the object's name that --object gives",
    "size-filter": "on or off",
    "stage1-images": "images that stage 1 sees",
    "max-phrases": "phrases of a prompt, the first ones",
}
"""What --vary takes beside fields of the config."""

_KEYS = ("title", "configs", "data", "group", "every_normal", "limit", "object", "variants", "vary", "search")


@dataclass(frozen=True)
class Variant:
    """One of those compared: words under a config with its switches. ``objects``: names by category, "" for all."""

    name: str
    words: Words
    config: Config
    switches: Mapping[str, str]
    objects: Mapping[str, str]

    @property
    def fixed(self) -> bool:
        """Whether the words do not depend on the pictures."""
        return self.switches.get("prompt") == "fixed"

    @property
    def max_phrases(self) -> int | None:
        """At most so many phrases."""
        return int(self.switches["max-phrases"]) if "max-phrases" in self.switches else None


@dataclass(frozen=True)
class Experiment:
    """What an experiment file says, or the command line."""

    title: str
    variants: tuple[Variant, ...]
    places: tuple[tuple[str, Path], ...]
    group: Group = "category"
    every_normal: int = 1
    limit: int | None = None
    search: bool = False


@dataclass(frozen=True)
class Given:
    """What the command line says; it comes before the file. ``overrides``: section.key -> value, for all configs."""

    words: tuple[str, ...]
    data: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    object: str = ""
    group: Group | None = None
    limit: int | None = None
    vary: tuple[str, ...] = ()
    search: bool = False
    title: str = ""
    prompts: str = ""
    """A folder of the user's own templates and lexicons."""


def plan(given: Given) -> Experiment:
    """The experiment that the command line, or the file that it names, asks for. Raises UsageError, ConfigError."""
    data: dict[str, Any] = {}
    spoken = list(given.words)
    file = next((text for text in spoken if _is_experiment(text)), None)
    if file is not None:
        spoken.remove(file)
        data = _read(Path(file))
    words = [*words_of_file(data.get("variants", {}), file), *(spoken_words(text, given.prompts) for text in spoken)]
    if not words:
        raise UsageError("nothing to compare", 'name templates or lexicons, type words ("a . b"), or give a file')
    repeated = [word.name for i, word in enumerate(words) if word.name in {w.name for w in words[:i]}]
    if repeated:
        raise UsageError(f"two variants are called {repeated[0]!r}", "name them: NAME=...")
    configs = given.configs or tuple(_texts(data.get("configs", ["embedded"]), "configs"))
    vary = [*((key, values) for key, values in data.get("vary", {}).items()), *map(_spoken_vary, given.vary)]
    objects = {"": given.object} if given.object else _objects(data.get("object", ""))
    variants = [
        _variant(word, name, switches, objects, given, len(configs) > 1)
        for name in configs
        for switches in _combinations(vary)
        for word in words
    ]
    places = tuple(map(place_of, given.data)) or tuple(_places(data.get("data", []), file))
    return Experiment(
        given.title or str(data.get("title", "")) or "Prompts compared",
        tuple(variants),
        places,
        given.group or _group(data.get("group", "category")),
        _count(data.get("every_normal", 1), "every_normal"),
        given.limit or (_count(data["limit"], "limit") if data.get("limit") else None),
        given.search or bool(data.get("search", False)),
    )


def _variant(
    words: Words, config: str, switches: Mapping[str, str], objects: Mapping[str, str], given: Given, several: bool
) -> Variant:
    """The words under a config and switches, with a name of its own."""
    assignments = list(given.assignments)
    overrides: dict[str, Any] = {**given.overrides, "describe.prompts_folder": given.prompts or None}
    for key, value in switches.items():
        if "." in key:
            assignments.append(f"{key}={value}")
        else:
            overrides |= _switch(key, value, objects)
    if switches.get("object-from") == "tags":
        objects = {}
    if words.kind == "template":
        overrides["generator.template"] = words.text
    elif words.kind == "lexicon":
        overrides |= {"describe.lexicon": words.text, "describe.generator": "lexicon"}
    resolved = load_config(config, assignments, overrides)
    if words.kind == "template" and resolved.describe.generator == "lexicon":
        raise UsageError(
            f"{words.name} is a template, and {config} has no language model to ask",
            "take another --config, or --set describe.generator=endpoint and generator.url",
        )
    if switches.get("object-from") == "tags" and resolved.describe.tagger == "none":
        raise UsageError(f"--vary object-from=tags: {config} has no tagger", "take another --config")
    told = [f"{key}={value}" for key, value in switches.items()]
    name = words.name + (f" @ {config}" if several else "") + (f" [{', '.join(told)}]" if told else "")
    return Variant(name, words, resolved, switches, objects)


def _switch(key: str, value: str, objects: Mapping[str, str]) -> dict[str, Any]:
    """The config fields that a switch sets."""
    allowed = {"prompt": ("image-aware", "fixed"), "object-from": ("tags", "user"), "size-filter": ("on", "off")}
    if key in allowed and value not in allowed[key]:
        raise UsageError(f"--vary {key}={value}: say {' or '.join(allowed[key])}")
    if key == "object-from" and value == "user" and not objects:
        raise UsageError("--vary object-from=user: the user gives no name", "add --object TEXT")
    if key == "size-filter":
        return {"size.object": "none"} if value == "off" else {}
    if key == "stage1-images":
        return {"describe.samples": _count(value, "--vary stage1-images")}
    if key == "max-phrases":
        return {"generator.max_phrases": _count(value, "--vary max-phrases")}
    if key not in SWITCHES:
        raise UsageError(f"there is no switch {key!r}", f"known are: {', '.join(SWITCHES)}, and section.key")
    return {}


def _combinations(vary: Sequence[tuple[str, Any]]) -> list[dict[str, str]]:
    keys = [key for key, _ in vary]
    values = [_texts(value, f"vary {key}") for key, value in vary]
    return [dict(zip(keys, chosen, strict=True)) for chosen in product(*values)]


def _spoken_vary(text: str) -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    if not equals or not values.strip():
        raise UsageError(f"--vary {text!r}: write KEY=VALUE,VALUE")
    return key.strip(), [value.strip() for value in values.split(",")]


def _is_experiment(text: str) -> bool:
    if not text.endswith((".yaml", ".yml")) or "=" in text:
        return False
    return "variants" in shipped.read_yaml(Path(text))


def _read(file: Path) -> dict[str, Any]:
    data = shipped.read_yaml(file)
    unknown = sorted(set(data) - set(_KEYS))
    if unknown:
        raise ConfigError(f"{file}: unknown key {unknown[0]!r}; an experiment has {', '.join(_KEYS)}")
    for key in ("variants", "vary"):
        if not isinstance(data.get(key, {}), dict):
            raise ConfigError(f"{file}: {key} must be a mapping of names")
    return data


def _places(value: Any, file: str | None) -> list[tuple[str, Path]]:
    """The data sets of a file; folders are relative to it."""
    base = Path(file).parent if file else Path()
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise ConfigError(f"{file}: data must be a list of NAME=ROOT or FOLDER")
    found = []
    for entry in entries:
        name, equals, root = entry.partition("=")
        found.append(place_of(f"{name}={base / root}" if equals else str(base / entry)))
    return found


def _objects(value: Any) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(key): str(text) for key, text in value.items()}
    return {"": str(value)} if value else {}


def _group(value: Any) -> Group:
    if value not in ("category", "defect"):
        raise ConfigError(f"group must be category or defect, got {value!r}")
    return value  # type: ignore[no-any-return]


def _count(value: Any, what: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise UsageError(f"{what}: must be a whole number of at least 1, got {value!r}")
    return number


def _texts(value: Any, what: str) -> list[str]:
    """A list of texts; a single value is one; YAML's on and off are words."""
    values = value if isinstance(value, list) else [value]
    words = {True: "on", False: "off"}
    found = [words[item] if isinstance(item, bool) else str(item) for item in values]
    if not found:
        raise ConfigError(f"{what}: must not be empty")
    return found
