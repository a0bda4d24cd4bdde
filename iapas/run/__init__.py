"""The batch loop: workers, capture of faults, continuing, signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iapas.run.calibrate import calibrate_run
    from iapas.run.describe import describe_run
    from iapas.run.doctor import examine
    from iapas.run.export import export_run
    from iapas.run.loop import RunSummary, dry_run, segment_run, segment_sources

_HOMES = {
    "RunSummary": "loop",
    "calibrate_run": "calibrate",
    "describe_run": "describe",
    "dry_run": "loop",
    "examine": "doctor",
    "export_run": "export",
    "segment_run": "loop",
    "segment_sources": "loop",
}

__all__ = [
    "RunSummary",
    "calibrate_run",
    "describe_run",
    "dry_run",
    "examine",
    "export_run",
    "segment_run",
    "segment_sources",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: a worker, which needs none of them, starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module 'iapas.run' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"iapas.run.{_HOMES[name]}"), name)
