"""An experiment as tables in Markdown: for the terminal, and for pages of figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from iapas.evaluation.results import markdown, percent, plain

Data = Mapping[str, Any]


def table_md(experiment: Data, timings: Data) -> str:
    """A line for each variant and data set: the means with the differences to the first, and the time."""
    ratios = {row["variant"]: row["ratio"] for row in timings["variants"]}
    heads = ["prompt", "data", "images", "AP", "difference [95 %]", "F1-max", "difference [95 %]", "time, %"]
    cells = []
    for row in _summaries(experiment):
        difference = row["difference"] or {}
        line = [plain(row["variant"]), plain(row["dataset"]), str(row["images"])]
        for key in ("pixel_ap", "pixel_f1_max"):
            line += [percent(row[key]), told(difference.get(key))]
        cells.append([*line, percent(ratios.get(row["variant"]))])
    return "\n".join(markdown(heads, cells, 2))


def categories_md(experiment: Data, key: str = "pixel_ap") -> str:
    """A figure by category: a line for each variant, in per cent."""
    rows = [row for row in experiment["rows"] if row["defect_type"] is None and row["category"] is not None]
    columns = list(dict.fromkeys((row["dataset"], row["category"]) for row in rows))
    by = {(row["variant"], row["dataset"], row["category"]): row for row in rows}
    names = [variant["name"] for variant in experiment["variants"]]
    cells = [[plain(name), *(percent(by[name, *column][key]) for column in columns)] for name in names]
    return "\n".join(markdown(["prompt", *(plain(category) for _, category in columns)], cells, 1))


def told(difference: Data | None) -> str:
    """A difference in per cent, with its interval."""
    if not difference or difference["value"] is None:
        return ""
    low, high = difference["low"], difference["high"]
    ends = f" [{100 * low:+.1f}, {100 * high:+.1f}]" if low is not None else ""
    return f"{100 * difference['value']:+.1f}{ends}"


def _summaries(experiment: Data) -> list[Data]:
    """The row that sums up each variant on each data set."""
    means = [row for row in experiment["rows"] if row["category"] is None]
    known = {(row["variant"], row["dataset"]) for row in means}
    rest = [row for row in experiment["rows"] if (row["variant"], row["dataset"]) not in known]
    return [*means, *rest]
