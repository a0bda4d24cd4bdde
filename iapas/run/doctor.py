"""``iapas doctor``: what is installed here, what a run would use, and what it lacks."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from iapas import __version__
from iapas.config import Config
from iapas.errors import MissingError
from iapas.models import registry
from iapas.run.capacity import worker_count
from iapas.segmenter import Segmenter

EXTRAS = {
    "models": registry.PACKAGES,
    "4bit": ("bitsandbytes",),
    "eval": ("scipy", "scikit-learn"),
}
"""What each extra brings."""

CACHES = ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "XDG_CACHE_HOME", "IAPAS_CACHE", "IAPAS_CACHE_LIMIT")

_PROBE = """
import json, sys, torch
cuda = torch.cuda.is_available()
found = {
    "torch": {
        "version": torch.__version__,
        "built for CUDA": torch.version.cuda,
        "device": "cuda: " + torch.cuda.get_device_name() if cuda else "cpu",
        "bf16": bool(cuda and torch.cuda.is_bf16_supported()),
    }
}
if sys.argv[1]:
    from iapas.config import Config
    from iapas.errors import MissingError
    from iapas.models.loading import Runtime
    try:
        found["used"] = str(Runtime.of(Config.model_validate_json(sys.argv[1])))
    except MissingError as error:
        found["missing"] = str(error)
print(json.dumps(found))
"""
_PROBE_SECONDS = 120


def examine(config: Config) -> dict[str, Any]:
    """What there is, as plain data; under ``missing`` a sentence for each thing that ``config`` needs and has not.

    Never raises: what cannot be found out says why.
    """
    probed = _probe(config)
    unusable = [probed["missing"]] if "missing" in probed else []
    return {
        "config": {"name": config.name, "title": config.title},
        "missing": _missing(config) + unusable,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": _told(platform.platform),
        "iapas": __version__,
        "packages": {name: _version(name) for name in _told(_dependencies, [])},
        "extras": {extra: _extra(extra) for extra in EXTRAS},
        "models": _told(lambda: _models(config)),
        "device": {"requested": config.run.device, "used": probed.get("used", "none")},
        "torch": probed["torch"],
        "cores": _told(_cores),
        "workers": _told(lambda: worker_count(config)),
        "memory": _told(_memory),
        "free disk here": _told(lambda: f"{shutil.disk_usage(Path.cwd()).free / 1e9:.1f} GB"),
        "caches": {name: os.environ[name] for name in CACHES if name in os.environ},
        "terminal": {"encoding": _told(lambda: sys.stdout.encoding), "is one": _told(sys.stdout.isatty)},
    }


def _told(find_out: Callable[[], Any], otherwise: Any = None) -> Any:
    """What ``find_out`` says; if it fails, ``otherwise``, or else why."""
    try:
        return find_out()
    except Exception as error:  # noqa: BLE001 - a doctor who falls ill is of no help
        return f"not known: {error}" if otherwise is None else otherwise


def _missing(config: Config) -> list[str]:
    absent = [name for name in _told(_dependencies, []) if _version(name) is None]
    missing = [f'{name} is not installed: pip install "{name}"' for name in absent]
    try:
        Segmenter.from_config(config)
    except MissingError as error:
        missing += _told(lambda: _absent(config), []) or [str(error)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the config does not run
        missing.append(f"{config.name} cannot be set up: {error}")
    return missing


def _absent(config: Config) -> list[str]:
    """What is said of each model that is not there."""
    sentences = []
    for model in registry.named_by(config):
        try:
            registry.locate(_name(model), config.models.root)
        except MissingError as error:
            sentences.append(str(error))
    return list(dict.fromkeys(sentences))


def _models(config: Config) -> dict[str, str]:
    """Where each model of the config lies, and its licence."""
    found = {}
    for model in registry.named_by(config):
        try:
            where = str(registry.locate(_name(model), config.models.root))
        except MissingError:
            where = "not here"
        licence = "licence: yours to know" if isinstance(model, Path) else model.terms
        found[_name(model)] = f"{where}; {licence}"
    return found


def _name(model: registry.Entry | Path) -> str:
    return str(model) if isinstance(model, Path) else model.name


def _dependencies() -> list[str]:
    """The packages that every run needs."""
    required = metadata.requires("iapas") or []
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in required if "extra ==" not in line]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except Exception:  # noqa: BLE001 - not installed, or installed so badly that it does not matter
        return None


def _extra(extra: str) -> dict[str, Any]:
    """The versions of what an extra brings, and how to install it where something is not there."""
    found = {name: _version(name) for name in EXTRAS[extra]}
    if all(found.values()):
        return found
    known = _told(lambda: metadata.metadata("iapas").get_all("Provides-Extra") or [], [])
    what = f'"iapas[{extra}]"' if extra in known else " ".join(EXTRAS[extra])
    return {**found, "install": f"pip install {what}"}


def _probe(config: Config) -> dict[str, Any]:
    """``torch``: what it can use, None where it is not installed; ``used``: where the config computes.

    ``missing``: why the device that the config asks for cannot be had. In a process of its own: a broken driver can end
    the process that imports torch.
    """
    used = {} if config.uses_models else {"used": "cpu: OpenCV, float32"}
    if _told(lambda: importlib.util.find_spec("torch")) is None:
        return {**used, "torch": None}
    runs = config.uses_models and _told(registry.require_packages, "absent") != "absent"
    command = [sys.executable, "-c", _PROBE, config.model_dump_json() if runs else ""]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False)  # noqa: S603 - our own text
        if ended.returncode == 0:
            return {**used, **json.loads(ended.stdout.splitlines()[-1])}
        last = (ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"])[-1]
    except Exception as error:  # noqa: BLE001 - as in _told
        last = str(error)
    broken = f"torch is installed but cannot be used: {last}"
    return {**used, "torch": {"broken": broken}, **({"missing": broken} if config.uses_models else {})}


def _cores() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{usable} usable of {os.cpu_count()}"


def _memory() -> str:
    """Of the machine: a container's own limit may be lower."""
    file = Path("/proc/meminfo")
    if file.exists():
        lines = dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)
        total, free = (int(lines[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
        return f"{free / 1e9:.1f} GB free of {total / 1e9:.1f} GB"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
