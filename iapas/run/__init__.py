"""The batch loop: workers, capture of faults, continuing, signals."""

from __future__ import annotations

from iapas.run.loop import RunSummary, segment_run

__all__ = ["RunSummary", "segment_run"]
