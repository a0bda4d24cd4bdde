"""run.json: what a run was made with, so that two configs never mix in one folder."""

from __future__ import annotations

import json
import platform
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from iapas import __version__
from iapas.config import Config, fingerprint
from iapas.errors import OutputError
from iapas.files.atomic import is_temporary

WAY_OUT = "--restart deletes these results and begins anew, --out takes another folder"

_VERSIONS = ("numpy", "opencv-python-headless", "pillow", "tifffile", "pycocotools", "torch", "transformers")
_OURS = {"iapas", "made_with", "started", "profiles"}


def read_run(root: Path, own: Collection[str]) -> dict[str, Any] | None:
    """run.json of a run of ours; None in a folder that holds nothing, or but files called as in ``own``.

    Raises OutputError for a folder of someone else's.
    """
    try:
        run = json.loads((root / "run.json").read_bytes())
        if isinstance(run, dict) and run.keys() >= _OURS:
            return run
    except FileNotFoundError:
        if all(path.name in own or is_temporary(path.name) for path in root.iterdir()):
            return None
    except ValueError:
        pass
    raise OutputError(f"{root} is not empty and not a run of iapas", "choose another folder with --out")


def new_run(config: Config, contents: Mapping[str, str]) -> dict[str, Any]:
    """run.json of a run that begins now; ``contents``: hashes of files that the config names."""
    made_with = _flat(config.results()) | {f"content of {key}": value for key, value in contents.items()}
    made_with["iapas"] = __version__
    return {
        "iapas": __version__,
        "title": config.title,
        "started": now(),
        "fingerprint": fingerprint(made_with),
        "profiles": {},
        "config": config.model_dump(mode="json"),
        "made_with": made_with,
        "versions": {"python": platform.python_version(), **_versions()},
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Each thing that gives the two runs different results."""
    old, new = before["made_with"], after["made_with"]
    return [
        f"{key} was {json.dumps(old.get(key))}, now {json.dumps(new.get(key))}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _versions() -> dict[str, str]:
    versions = {}
    for name in _VERSIONS:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def now() -> str:
    """The time, in UTC, for people."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def require_same(root: Path, differences: list[str]) -> None:
    """Raise OutputError, with the differences, if there are any."""
    if differences:
        raise OutputError(f"{root} was made with another config: {'; '.join(differences)}", WAY_OUT)
