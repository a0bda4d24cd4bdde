"""profile.json: the stage-1 profiles of a run's products, for a person to read and edit.

``{"products": {folder or "": {"object", "phrases", "object_size", "threshold", "found", "calibration"}}}``; a phrase
is ``{"text", "source", "attributes"}``, or just its text, which then counts as the user's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from iapas.errors import ConfigError
from iapas.files.atomic import write_bytes
from iapas.types import ObjectProfile, Phrase, Source

MAX_BYTES = 100_000_000
"""About 50 000 products; a profile beyond this is a mistake or an attack."""

_KEYS = ("object", "phrases", "object_size", "threshold", "found", "calibration")


def read_profiles(path: str | Path) -> dict[str, ObjectProfile]:
    """The profile of each product (folder, or "" for all). Raises ConfigError, naming the place."""
    return parse_profiles(_content(Path(path)), str(path))


def parse_profiles(content: bytes, where: str) -> dict[str, ObjectProfile]:
    """The same of a file's ``content``; ``where`` names it in errors."""
    try:
        data = json.loads(content, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: not valid JSON: {error}") from error
    products = data.get("products") if isinstance(data, dict) and len(data) == 1 else None
    if not isinstance(products, dict) or not products:
        raise ConfigError(f'{where}: must be {{"products": {{"": {{...}}}}}} with at least one product')
    return {folder: _profile(entry, f"{where}: product {folder!r}") for folder, entry in products.items()}


def profiles_text(profiles: Mapping[str, ObjectProfile]) -> str:
    """The text of profile.json: the same for the same profiles."""
    products = {folder: _entry(profile) for folder, profile in sorted(profiles.items())}
    return json.dumps({"products": products}, ensure_ascii=False, indent=2) + "\n"


def write_profiles(path: str | Path, profiles: Mapping[str, ObjectProfile]) -> None:
    """Write profile.json, whole or not at all."""
    write_bytes(Path(path), profiles_text(profiles).encode())


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path}: over {MAX_BYTES} bytes are too many for a profile")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What json makes of an object, but a key that stands twice is an error, not the last one's gain."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"duplicate key {next(key for key in keys if keys.count(key) > 1)!r}")
    return entries


def _entry(profile: ObjectProfile) -> dict[str, Any]:
    return {
        "object": profile.object,
        "phrases": [{"text": p.text, "source": p.source, "attributes": list(p.attributes)} for p in profile.phrases],
        "object_size": profile.object_size,
        "threshold": profile.threshold,
        "found": dict(sorted(profile.found.items())),
        "calibration": profile.calibration,
    }


def _profile(entry: Any, where: str) -> ObjectProfile:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: must be a mapping")
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}; known are: {', '.join(_KEYS)}")
    name, phrases = entry.get("object", ""), entry.get("phrases", [])
    found, calibration = entry.get("found", {}), entry.get("calibration", {})
    if not isinstance(name, str) or not isinstance(phrases, list):
        raise ConfigError(f"{where}: object must be a text and phrases a list")
    if not isinstance(found, dict) or not isinstance(calibration, dict):
        raise ConfigError(f"{where}: found and calibration must be mappings")
    try:
        return ObjectProfile(
            name,
            tuple(_phrase(item, where) for item in phrases),
            _number(entry.get("object_size"), f"{where}: object_size"),
            _number(entry.get("threshold"), f"{where}: threshold"),
            {str(key): str(value) for key, value in found.items()},
            calibration,
        )
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def _number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{where} must be a number or null, got {value!r}")
    return float(value)


def _phrase(item: Any, where: str) -> Phrase:
    if isinstance(item, str):
        item = {"text": item}
    if not isinstance(item, dict) or not isinstance(item.get("text"), str) or not item["text"].strip():
        raise ConfigError(f'{where}: a phrase must be a text or {{"text", "source", "attributes"}}, got {item!r}')
    unknown = sorted(set(item) - {"text", "source", "attributes"})
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r} in a phrase")
    source, attributes = item.get("source", "user"), item.get("attributes", [])
    if source not in get_args(Source):
        raise ConfigError(f"{where}: source must be one of {', '.join(get_args(Source))}, got {source!r}")
    if not isinstance(attributes, list) or not all(isinstance(a, str) for a in attributes):
        raise ConfigError(f"{where}: attributes must be a list of texts, got {attributes!r}")
    return Phrase(item["text"], source, tuple(attributes))
