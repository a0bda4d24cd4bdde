"""What experiment.json holds, by what page and plots ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from iapas.views.markup import mapping

Row = Mapping[str, Any]
Column = tuple[str, str | None]
"""A data set, and a category of it; None: the mean over its categories."""

FIGURES = {"pixel_ap": "AP", "pixel_f1_max": "F1-max"}


@dataclass(frozen=True)
class Rows:
    """The rows of an experiment: ``by`` (variant, data set, category, defect type), None as in the file."""

    first: str
    variants: tuple[str, ...]
    datasets: tuple[str, ...]
    columns: tuple[Column, ...]
    """The categories of each data set in the file's order, then its mean if there are several."""
    defects: tuple[tuple[str, str, str], ...]
    """Data set, category, defect type; () where none differs from its category."""
    by: Mapping[tuple[str, str, str | None, str | None], Row]

    def value(self, key: str, variant: str, column: Column, defect: str | None = None) -> float | None:
        """A figure, a fraction; None where there is none."""
        return number(self.by.get((variant, *column, defect), {}).get(key))

    def difference(self, key: str, variant: str, column: Column, defect: str | None = None) -> Row:
        """The "value", "low", "high" against the first variant, each a fraction or None; {} where not compared."""
        row = self.by.get((variant, *column, defect), {})
        return mapping(mapping(row.get("difference")).get(key))

    def means(self) -> list[Column]:
        """The column to sum each data set up by: its mean, or its only category."""
        return [[column for column in self.columns if column[0] == dataset][-1] for dataset in self.datasets]

    def measured(self) -> bool:
        """Whether there is any figure: a folder without masks has none."""
        return any(number(row.get("pixel_ap")) is not None for row in self.by.values())


def rows_of(experiment: Mapping[str, Any]) -> Rows:
    """The rows of ``experiment``, which is what experiment.json holds."""
    by = {
        (row["variant"], row["dataset"], row.get("category"), row.get("defect_type")): row
        for row in experiment.get("rows", ())
    }
    datasets = _unique(dataset for _, dataset, _, _ in by)
    columns: list[Column] = []
    for dataset in datasets:
        found = _unique(category for _, other, category, _ in by if other == dataset and category is not None)
        columns += [(dataset, category) for category in found]
        if len(found) != 1:
            columns.append((dataset, None))
    defects = _unique((d, c, kind) for _, d, c, kind in by if c is not None and kind is not None)
    if len(defects) <= len({(dataset, category) for dataset, category, _ in defects}):
        defects = []
    names = tuple(variant["name"] for variant in experiment["variants"])
    return Rows(str(experiment["first"]), names, tuple(datasets), tuple(columns), tuple(defects), by)


def number(value: Any) -> float | None:
    """``value`` if it is a number, else None."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def verdict(difference: Row) -> str:
    """What an interval says: "ahead" or "behind" where it leaves 0 out, else "level"; "" where there is none.

    >>> verdict({"low": 0.01, "high": 0.2}), verdict({"low": -0.01, "high": 0.2}), verdict({})
    ('ahead', 'level', '')
    """
    low, high = number(difference.get("low")), number(difference.get("high"))
    if low is None or high is None:
        return ""
    return "ahead" if low > 0 else "behind" if high < 0 else "level"


def column_title(column: Column) -> str:
    """The category without the data set's name, or what stands for all of a data set."""
    return "mean" if column[1] is None else column[1].removeprefix(f"{column[0]}: ")


def percent(value: float | None, signed: bool = False) -> str:
    """A fraction in per cent with one decimal; "" for None.

    >>> percent(0.4567), percent(-0.0567, signed=True), percent(None)
    ('45.7', '-5.7', '')
    """
    if value is None:
        return ""
    rounded = round(100 * value, 1) + 0.0  # no -0.0
    return f"{rounded:+.1f}" if signed else f"{rounded:.1f}"


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
