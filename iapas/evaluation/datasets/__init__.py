"""Data sets as data: how each lies on disk is an entry in a table; opening one gives its images and masks."""

from __future__ import annotations

from iapas.evaluation.datasets.layouts import LAYOUTS, Layout
from iapas.evaluation.datasets.opening import open_dataset
from iapas.evaluation.datasets.samples import DataSet, Sample

__all__ = ["DataSet", "Layout", "Sample", "known_datasets", "open_dataset"]


def known_datasets() -> tuple[Layout, ...]:
    """Every data set that can be opened by name."""
    return tuple(LAYOUTS.values())
