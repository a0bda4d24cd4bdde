"""Data sets as data: how each lies on disk is an entry in a table; opening one gives its images and masks."""

from __future__ import annotations

from typing import Any

from iapas.evaluation.datasets.checking import Finding, Report, check_dataset
from iapas.evaluation.datasets.layout import Layout
from iapas.evaluation.datasets.layouts import LAYOUTS
from iapas.evaluation.datasets.opening import open_dataset
from iapas.evaluation.datasets.recognising import recognise_dataset
from iapas.evaluation.datasets.samples import DataSet, Sample
from iapas.evaluation.datasets.tree import looked_for

__all__ = [
    "DataSet",
    "Finding",
    "Layout",
    "Report",
    "Sample",
    "check_dataset",
    "described_datasets",
    "known_datasets",
    "open_dataset",
    "recognise_dataset",
]


def known_datasets() -> tuple[Layout, ...]:
    """Every data set that can be opened by name."""
    return tuple(LAYOUTS.values())


def described_datasets() -> list[dict[str, Any]]:
    """The same for people and JSON: names, where to get them, licences, layouts in words."""
    return [
        {
            "name": layout.name,
            "title": layout.title,
            "where": layout.where,
            "licence": layout.licence,
            "commercial": layout.commercial,
            "categories": list(layout.categories),
            "splits": sorted(layout.splits),
            "looked_for": looked_for(layout),
            "notes": list(layout.notes),
            "unverified": layout.unverified,
        }
        for layout in known_datasets()
    ]
