"""``iapas doctor``."""

from __future__ import annotations

import json
from typing import Any

import typer

from iapas.cli.options import Assignments, ConfigName, DeviceName, Json, settings


def doctor(
    config: ConfigName = "embedded", assignments: Assignments = None, device: DeviceName = None, as_json: Json = False
) -> None:
    """What is installed here, what a run would use, and what it lacks. Exit code 4: something is missing."""
    from iapas.run import examine

    chosen = settings(config, assignments, False, {"run.device": device})
    found = examine(chosen)
    typer.echo(json.dumps(found) if as_json else _in_words(found))
    raise typer.Exit(4 if found["missing"] else 0)


def _in_words(found: dict[str, Any]) -> str:
    """A line for each entry, and then what is missing."""
    lines = []
    for key, value in found.items():
        if key == "missing":
            continue
        if not isinstance(value, dict):
            lines.append(f"{key:<15} {_word(value)}")
            continue
        lines.append(key if value else f"{key:<15} none")
        lines += [f"  {name:<24} {_words(inner)}" for name, inner in value.items()]
    name = found["config"]["name"]
    lines += [f"missing: {sentence}" for sentence in found["missing"]] or [f"{name} has all that it needs"]
    return "\n".join(lines)


def _words(value: Any) -> str:
    """An extra's packages in one line, and how to get them; any other value in a word."""
    if not isinstance(value, dict):
        return _word(value)
    install = f": {value['install']}" if "install" in value else ""
    return ", ".join(f"{name} {_word(version)}" for name, version in value.items() if name != "install") + install


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not installed" if value is None else str(value)
