"""summary.csv: a line for each image, for a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from iapas.errors import OutputError
from iapas.files.atomic import write_text
from iapas.files.manifest import Row
from iapas.files.regions import read_regions
from iapas.files.results import result_path

_FORMULA = re.compile(r"\s*[=+\-@|%\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")  # the last four: full width = + - @

COLUMNS = ("id", "verdict", "score", "regions", "largest_area_px", "top_phrase")


def detailed(root: Path, row: Row) -> Row:
    """The row with what its region file adds: ``largest_area_px`` and ``top_phrase``, None without regions.

    Also ``phrases``: the number of regions of each phrase.
    """
    entries = []
    if row["regions"]:
        with suppress(OutputError):  # someone took the file away; that ends no run
            entries = read_regions(result_path(root, "regions", row["id"]))
    top = max(entries, key=lambda entry: entry["score"], default={"phrase": None})
    largest = max((entry["area"] for entry in entries), default=None)
    return row | {
        "largest_area_px": largest,
        "top_phrase": top["phrase"],
        "phrases": Counter(entry["phrase"] for entry in entries),
    }


def write_summary(root: Path, rows: Iterable[Row]) -> None:
    """Write summary.csv of detailed ``rows``, in their order; a failed image has its error code for a verdict."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        shown = row | {"verdict": row["verdict"] or row["error"]}
        writer.writerow([safe_cell(shown[column]) for column in COLUMNS])
    write_text(root / "summary.csv", text.getvalue())


def safe_cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula, with an apostrophe in front; anything else as it is."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
