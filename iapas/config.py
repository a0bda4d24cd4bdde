"""All settings of a run: one frozen model. The command line beats --set, that beats a file, that beats defaults."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError

from iapas import shipped
from iapas.errors import ConfigError
from iapas.settings import (
    DecoderSettings,
    Describe,
    DetectorSettings,
    EverythingSettings,
    ExemplarSettings,
    GeneratorSettings,
    Models,
    Output,
    Reading,
    RunSettings,
    Section,
    Size,
    TaggerSettings,
    Tile,
    Verdict,
)


class Config(Section):
    """The whole of it; see ``iapas config show``."""

    name: str = "custom"
    title: str = Field("", description="what runs, in plain words: in the log, run.json and the report")
    reading: Reading = Reading()
    describe: Describe = Describe()
    tagger: TaggerSettings = TaggerSettings()
    generator: GeneratorSettings = GeneratorSettings()
    detector: DetectorSettings = DetectorSettings()
    decoder: DecoderSettings = DecoderSettings()
    everything: EverythingSettings = EverythingSettings()
    models: Models = Models()
    exemplars: ExemplarSettings = ExemplarSettings()
    size: Size = Size()
    tile: Tile = Tile()
    verdict: Verdict = Verdict()
    output: Output = Output()
    run: RunSettings = RunSettings()

    @property
    def uses_models(self) -> bool:
        """Whether foundation models take part."""
        own = (not self.detector.embedded, self.decoder.name != "none", self.describe.generator == "llm")
        return any(own) or self.describe.tagger != "none" or self._exemplars_are_models

    @property
    def _exemplars_are_models(self) -> bool:
        exemplars = self.exemplars
        return bool(exemplars.support) and (exemplars.name, exemplars.extractor) != ("fm", "embedded")

    def results(self) -> dict[str, Any]:
        """The settings that change results, as plain data; paths to content are the caller's to add.

        Not the endpoint's address: where a model is served may change without that it is another one.
        """
        unchanging: dict[str, Any] = {
            # where the exemplars lie may change; what they are is hashed beside. Without any nothing of this counts
            "exemplars": {"support"} if self.exemplars.support else True,
            **dict.fromkeys(("run", "title", "name"), True),
            "models": {"root"},
            "describe": {"prompts_folder"},  # what is taken of it is hashed beside
            "output": {"overlay", "thumbnails"},
            "generator": {"url", "timeout"},
        }
        return self.model_dump(mode="json", exclude=unchanging)

    def fingerprint(self) -> str:
        """64 hex digits over everything here that changes results."""
        return fingerprint(self.results())


def fingerprint(data: Any) -> str:
    """SHA-256 of plain data, independent of the order of keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def load_config(
    name_or_file: str = "embedded", assignments: Iterable[str] = (), overrides: Mapping[str, Any] | None = None
) -> Config:
    """The config of a shipped name or of a YAML file, with ``section.key=value`` assignments, then ``overrides``.

    ``overrides`` maps ``section.key`` to a value; None means "not given". Raises ConfigError.
    """
    is_file = name_or_file.endswith((".yaml", ".yml", ".json")) or "/" in name_or_file
    file = Path(name_or_file) if is_file else shipped.path("configs", name_or_file)
    data = shipped.read_yaml(file)
    data.setdefault("name", file.stem)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment!r}: write section.key=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {assignment!r}: {text!r} is not valid YAML") from error
        _assign(data, key.strip(), value)
    for key, value in (overrides or {}).items():
        if value is not None:
            _assign(data, key, value)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{name_or_file}: " + "; ".join(_explain(item) for item in error.errors())) from error


def _assign(data: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        inner = data.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{key}: {section!r} is not a section")
        data = inner
    data[last] = value


def _explain(item: Any) -> str:
    """One pydantic complaint as a sentence, with a suggestion for a mistyped key."""
    path = [str(part) for part in item["loc"]]
    key = ".".join(path)
    if item["type"] != "extra_forbidden":
        return f"{key or 'the config'}: {item['msg']}, got {item['input']!r}"
    known = _keys(Config, path[:-1])
    near = [".".join([*path[:-1], name]) for name in difflib.get_close_matches(path[-1], known, 1)]
    if not near:
        everywhere = [full for full in all_keys() if full.rpartition(".")[2] == path[-1]]
        near = everywhere[:1]
    return f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else f"; known are: {', '.join(known)}")


def _keys(model: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def all_keys() -> list[str]:
    """Every field as ``section.key``."""
    keys = []
    for name, field in Config.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            keys += [f"{name}.{key}" for key in section.model_fields]
        else:
            keys.append(name)
    return keys


def config_text(config: Config) -> str:
    """The config as YAML with a comment for each field; :func:`load_config` reads it back."""
    lines = []
    for name, field in Config.model_fields.items():
        value = getattr(config, name)
        if not isinstance(value, BaseModel):
            lines.append(f"{name}: {json.dumps(value)}" + _comment(field.description))
            continue
        lines.append(f"\n# {type(value).__doc__}\n{name}:")
        for key, inner in type(value).model_fields.items():
            lines.append(f"  {key}: {json.dumps(getattr(value, key))}" + _comment(inner.description))
    return "\n".join(lines) + "\n"


def _comment(description: str | None) -> str:
    return f"  # {description}" if description else ""
