"""``iapas compare``: evaluations of the same images by the same protocol, side by side, with intervals.

Figures are the exact ones of each evaluation. How sure a difference is comes from a paired bootstrap over images, at
the levels that each evaluation kept (see :mod:`iapas.core.intervals`): near the exact figures, not quite these.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.intervals import LEVELS, figures_at, interval, resamples
from iapas.errors import UsageError
from iapas.evaluation.results import HEADS, cell, json_text, markdown, percent, plain
from iapas.files.atomic import write_text
from iapas.files.summary import safe_cell
from iapas.views.markup import count, mapping

RESAMPLES = 1000
SEED = 111
SURE = ("pixel_ap", "pixel_f1_max")
"""The figures whose differences get an interval."""
COMPARED = (*SURE, "miou", "fb_iou")
"""Those whose differences are told, where a protocol has them."""

_NEEDED = {"dataset", "protocol", "method", "rows", "mean", "provenance"}

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One evaluation. ``images``: of images.jsonl; ``counts``: see :mod:`iapas.core.intervals`; None: not kept."""

    name: str
    results: Mapping[str, Any]
    images: Sequence[Mapping[str, Any]] | None
    counts: npt.NDArray[np.uint32] | None


def compare(paths: Sequence[Path], out: Path | None = None) -> dict[str, Any]:
    """Compare evaluations (folders, or their results.json) with the first; write compare.json, .csv, .md into ``out``.

    Raises UsageError: fewer than two, no evaluation, or of other images or by another protocol than the first.
    """
    if len(paths) < 2:
        raise UsageError("nothing to compare", "give two or more folders that iapas eval wrote")
    found = _named([_read(path) for path in paths])
    for other in found[1:]:
        _require_same(found[0], other)
    compared = _compared(found)
    if out is not None:
        write_text(out / "compare.json", json_text(compared))
        write_text(out / "compare.csv", compared_csv(compared))
        write_text(out / "compare.md", compared_md(compared))
    return compared


def _compared(found: Sequence[Evaluated]) -> dict[str, Any]:
    first = found[0].results
    rows = [{"name": one.name, "method": one.results["method"]} | _means(one) for one in found]
    kept = all(one.counts is not None for one in found)
    if kept:
        for row, found_intervals in zip(rows[1:], _intervals(found), strict=True):
            row["difference"] = found_intervals
    for row in rows[1:]:
        row.setdefault(
            "difference", {key: _difference(rows[0][key], row[key]) for key in _compared_keys(first["mean"])}
        )
    return {
        "dataset": first["dataset"],
        "protocol": first["protocol"],
        "categories": [row["category"] for row in first["rows"]],
        "rows": rows,
        "by_category": [
            {"category": row["category"], "figure": key, "values": [one.results["rows"][i][key] for one in found]}
            for key in _compared_keys(first["mean"])
            for i, row in enumerate(first["rows"])
        ],
        "interval": {
            "share": 0.95,
            "resamples": RESAMPLES if kept else 0,
            "seed": SEED,
            "of": "the difference to the first, in the mean over categories; images drawn with replacement within each"
            f" category, defective and normal ones apart; at {LEVELS} levels of recall",
        },
        "data": _data(first)["sha256"],
    }


def compared_md(compared: Mapping[str, Any]) -> str:
    """Two tables, in per cent: the means with the differences, and the categories."""
    rows = compared["rows"]
    sure = _compared_keys(rows[0])
    columns = [key for key in HEADS if key in rows[0] and key not in ("category", "images", "defective")]
    heads = ["method"]
    for key in columns:
        heads += [HEADS[key], "difference [95 %]"] if key in sure else [HEADS[key]]
    cells = []
    for row in rows:
        line = [plain(row["name"])]
        for key in columns:
            line += [cell(row, key), _told(row.get("difference", {}).get(key))] if key in sure else [cell(row, key)]
        cells.append(line)
    title = f"# {plain(compared['dataset'])}, protocol {compared['protocol']}"
    lines = [title, "", "Mean over categories, in per cent.", "", *markdown(heads, cells, 1)]
    if len(compared["categories"]) > 1:
        names = [f"{HEADS[key]}, {plain(row['name'])}" for key in sure for row in rows]
        table = [
            [
                plain(category),
                *(
                    percent(value)
                    for part in compared["by_category"]
                    if part["category"] == category
                    for value in part["values"]
                ),
            ]
            for category in compared["categories"]
        ]
        lines += ["", *markdown(["category", *names], table, 1)]
    how = compared["interval"]
    if how["resamples"]:
        lines += ["", f"Intervals: 95 % of {how['resamples']} resamples (seed {how['seed']}) of {how['of']}."]
    else:
        lines += ["", "No intervals: an evaluation lacks counts.npy or images.jsonl."]
    return "\n".join(lines) + "\n"


def compared_csv(compared: Mapping[str, Any]) -> str:
    """A line for each evaluation; fractions, empty where undefined."""
    sure = _compared_keys(compared["rows"][0])
    keys = [key for key in compared["rows"][0] if key in HEADS and key != "category"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["name", "method", *keys, *(f"{key}_{part}" for key in sure for part in ("difference", "low", "high"))]
    )
    for row in compared["rows"]:
        ends = [row.get("difference", {}).get(key, {}).get(part) for key in sure for part in ("value", "low", "high")]
        cells = [row["name"], row["method"], *(row[key] for key in keys), *ends]
        writer.writerow([safe_cell(value) for value in cells])
    return text.getvalue()


def _compared_keys(row: Row) -> list[str]:
    """The figures whose difference to the first evaluation is told: those that the protocol has."""
    return [key for key in COMPARED if key in row]


def _intervals(found: Sequence[Evaluated]) -> list[Row]:
    """For each evaluation but the first, by figure: the exact difference, and the ends of its interval."""
    drawn = [_draws(one) for one in found]
    rows = []
    for one, values in zip(found[1:], drawn[1:], strict=True):
        row = {}
        for at, key in enumerate(SURE):
            low, high = interval(values[at] - drawn[0][at])
            exact = _difference(found[0].results["mean"][key], one.results["mean"][key])["value"]
            row[key] = {"value": exact, "low": _known(low), "high": _known(high)}
        rows.append(row)
    return rows


def _draws(one: Evaluated) -> npt.NDArray[np.float64]:
    """(2, RESAMPLES): AP and F1-max of each resample, the mean over categories; of the same images for all."""
    assert one.images is not None and one.counts is not None  # noqa: S101
    categories = sorted({row["category"] for row in one.images})
    names = np.array([row["category"] for row in one.images], object)
    defective = np.array([bool(row["defect"]) for row in one.images], bool)
    found = []
    for number, category in enumerate(categories):
        chosen = names == category
        counts, kinds = one.counts[chosen], defective[chosen]
        flat = counts.reshape(len(counts), -1).astype(np.float64)
        strata = [places for flag in (True, False) if (places := np.flatnonzero(kinds == flag)).size]
        drawn = np.empty((RESAMPLES, *counts.shape[1:]))
        for at, weights in enumerate(resamples(strata, RESAMPLES, SEED + number)):
            drawn[at] = (weights @ flat).reshape(counts.shape[1:])
        ap, f1 = figures_at(drawn[..., : LEVELS + 1])
        if drawn.shape[-1] > LEVELS + 1:  # a protocol that looks for F1 at steps of its own
            f1 = figures_at(drawn[..., LEVELS + 1 :])[1]
        found.append(np.stack([ap, f1]))
    values = np.stack(found)
    known = np.isfinite(values)
    number_known = known.sum(axis=0)
    sums = np.where(known, values, 0).sum(axis=0)
    return np.where(number_known > 0, sums / np.maximum(number_known, 1), np.nan)


def _read(path: Path) -> Evaluated:
    folder = path if path.is_dir() else path.parent
    file = folder / "results.json" if path.is_dir() else path
    hint = "give folders that iapas eval wrote"
    try:
        results = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}", hint) from error
    if not isinstance(results, dict) or not results.keys() >= _NEEDED or "sha256" not in _data(results):
        raise UsageError(f"{file} holds no evaluation", hint)
    try:
        lines = (folder / "images.jsonl").read_bytes().splitlines()
        images = [json.loads(line) for line in lines]
        counts = np.load(folder / "counts.npy", allow_pickle=False)
    except (OSError, ValueError):
        return Evaluated(folder.name, results, None, None)
    if counts.ndim != 3 or len(counts) != len(images):
        raise UsageError(f"{folder}: counts.npy does not fit images.jsonl", "evaluate again")
    return Evaluated(folder.name, results, images, counts)


def _data(results: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(mapping(results["provenance"]).get("data"))


def _named(found: Sequence[Evaluated]) -> list[Evaluated]:
    """Each with a name of its own: the method's, where these differ, else the folder's, else numbered."""
    for names in ([one.results["method"] for one in found], [one.name for one in found]):
        if len(set(names)) == len(names):
            break
    else:
        names = [f"{number}. {name}" for number, name in enumerate(names, start=1)]
    return [Evaluated(name, one.results, one.images, one.counts) for name, one in zip(names, found, strict=True)]


def _require_same(first: Evaluated, other: Evaluated) -> None:
    """Raise UsageError unless both are of the same images by the same protocol."""
    for key in ("dataset", "protocol"):
        one, two = first.results[key], other.results[key]
        if one != two:
            raise UsageError(f"{other.name} is of {key} {two!r}, {first.name} of {one!r}: they are never mixed", "")
    if _data(first.results)["sha256"] != _data(other.results)["sha256"]:
        raise UsageError(f"{other.name} was measured on other images or masks than {first.name}", "")
    failed = [{row["id"] for row in one.results.get("failed", ())} for one in (first, other)]
    if failed[0] != failed[1]:
        number = len(failed[0] ^ failed[1])
        raise UsageError(
            f"{count(number, 'image was', 'images were')} judged in only one of {first.name} and {other.name}",
            "evaluate again what failed",
        )


def _means(one: Evaluated) -> Row:
    return {key: value for key, value in one.results["mean"].items() if key in HEADS and key != "category"}


def _difference(one: float | None, two: float | None) -> Row:
    return {"value": None if one is None or two is None else two - one, "low": None, "high": None}


def _told(difference: Mapping[str, Any] | None) -> str:
    """A difference in words, for a table in per cent."""
    if difference is None or difference["value"] is None:
        return ""
    ends = "" if difference["low"] is None else f" [{100 * difference['low']:+.1f}, {100 * difference['high']:+.1f}]"
    return f"{100 * difference['value']:+.1f}{ends}"


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
