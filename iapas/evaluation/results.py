"""What an evaluation leaves: results.json, its tables, and what ``iapas compare`` needs beside them.

The same maps give the same bytes: no times, no names of hosts or folders. Times are in timing.json.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.core.intervals import LEVELS
from iapas.core.metrics import iou_f1
from iapas.evaluation.judging import Figures, Judged
from iapas.evaluation.protocols import Protocol
from iapas.files.atomic import write_bytes, write_text
from iapas.files.summary import safe_cell
from iapas.views.markup import count

PIXEL_KEYS = ("pixel_ap", "pixel_f1_max", "pixel_f1_threshold", "pixel_auroc", "pixel_aupro")
IMAGE_KEYS = ("image_auroc", "image_ap", "image_f1_max")
SALIENCY_KEYS = ("s_measure", "mae", "e_measure_max", "weighted_f", "f_max")
FEWSHOT_KEYS = ("miou", "fb_iou", "fb_iou_code")
FIGURES = (*PIXEL_KEYS, *IMAGE_KEYS, *SALIENCY_KEYS, *FEWSHOT_KEYS)
HEADS = {
    "category": "category",
    "images": "images",
    "defective": "defective",
    "pixel_ap": "AP",
    "pixel_f1_max": "F1-max",
    "pixel_auroc": "AUROC",
    "pixel_aupro": "AUPRO",
    "image_auroc": "image AUROC",
    "image_ap": "image AP",
    "image_f1_max": "image F1-max",
    "s_measure": "S",
    "mae": "MAE",
    "e_measure_max": "max E",
    "weighted_f": "weighted F",
    "f_max": "max F",
    "miou": "mIoU",
    "fb_iou": "FB-IoU",
}
"""The columns of tables, with their titles; thresholds are in results.json alone."""

Row = dict[str, Any]


def results_of(
    dataset: str, protocol: Protocol, method: str, judged: Sequence[Judged], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """What results.json holds; undefined figures are None."""
    rows = [{"category": part.category} | _figures(part.figures) for part in judged]
    mean, undefined = mean_row(rows)
    by_defect = [
        {"category": part.category, "defect": defect} | _figures(figures)
        for part in judged
        for defect, figures in part.by_defect.items()
    ]
    failed = [
        {"id": image_id, "category": part.category, "error": error.code, "message": str(error)}
        for part in judged
        for image_id, error in sorted(part.failed.items())
    ]
    notes = [f"{part.category}: {note}" if len(judged) > 1 else note for part in judged for note in part.notes]
    return {
        "dataset": dataset,
        "protocol": protocol.name,
        "method": method,
        "rows": rows,
        "by_defect": by_defect,
        "mean": mean,
        "undefined": undefined,
        "at_threshold": _at_threshold(judged),
        "failed": failed,
        "notes": notes + _notes(len(failed), undefined, len(rows)),
        "provenance": dict(provenance),
    }


def mean_row(rows: Sequence[Row]) -> tuple[Row, dict[str, int]]:
    """The mean of each figure over the categories where it is defined, and in how many it is not."""
    mean: Row = {"category": "mean"} | {key: sum(row[key] for row in rows) for key in ("images", "defective")}
    undefined = Counter[str]()
    for key in (key for key in FIGURES if any(key in row for row in rows)):
        known = [row[key] for row in rows if row[key] is not None]
        mean[key] = math.fsum(known) / len(known) if known else None
        undefined[key] = len(rows) - len(known)
    return mean, {key: number for key, number in undefined.items() if number}


def write_results(out: Path, results: Mapping[str, Any], judged: Sequence[Judged]) -> None:
    """results.json, results.csv, results.md, images.jsonl and counts.npy in ``out``. Raises OutputError."""
    write_text(out / "results.csv", table_csv(results))
    write_text(out / "results.md", table_md(results))
    write_text(out / "images.jsonl", "".join(json.dumps(row) + "\n" for row in _images(judged)))
    write_bytes(out / "counts.npy", _npy(_joined(judged)))
    write_text(out / "results.json", json_text(results))


def json_text(data: Any) -> str:
    """Indented JSON, without NaN."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def table_csv(results: Mapping[str, Any]) -> str:
    """A line for each category, each defect type, and the mean; fractions, empty where undefined."""
    keys = [key for key in FIGURES if key in results["mean"]]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["dataset", "protocol", "method", "category", "defect", "images", "defective", *keys])
    for row in (*results["rows"], *results["by_defect"], results["mean"]):
        head = [results["dataset"], results["protocol"], results["method"], row["category"], row.get("defect", "")]
        cells = [*head, row["images"], row["defective"], *(row[key] for key in keys)]
        writer.writerow([safe_cell(cell) for cell in cells])
    return text.getvalue()


def table_md(results: Mapping[str, Any]) -> str:
    """A table to publish: in per cent, with what it is of, by which protocol, and what was left out."""
    told = results["provenance"]
    data = told["data"]
    columns = [key for key in HEADS if key in results["mean"]]
    rows = results["rows"] if len(results["rows"]) == 1 else [*results["rows"], results["mean"]]
    lines = [
        f"# {plain(results['dataset'])}, protocol {results['protocol']}",
        "",
        f"{plain(results['method'])}: {plain(told['title'])}. {data['images']} images, {data['defective']} with a"
        " defect. In per cent.",
        "",
        *markdown([HEADS[key] for key in columns], [[cell(row, key) for key in columns] for row in rows], 1),
    ]
    kinds = results["by_defect"] if len(results["by_defect"]) > len(results["rows"]) else []
    if kinds:
        heads = ["category", "defect", *(HEADS[key] for key in columns[1:])]
        cells = [[plain(row["category"]), plain(row["defect"]), *(cell(row, k) for k in columns[1:])] for row in kinds]
        beside = "" if results["protocol"] == "fewshot" else ", each with the normal images of its category"
        lines += ["", f"By defect type{beside}:", "", *markdown(heads, cells, 2)]
    lines += ["", f"Protocol {results['protocol']}: {told['protocol']}.", ""]
    lines += [f"- {plain(note)}" for note in (*sentences(results), *results["notes"], *data["notes"])]
    lines += [f"- data: sha256 {data['sha256']}; iapas {told['iapas']}"]
    return "\n".join(lines) + "\n"


def sentences(results: Mapping[str, Any]) -> list[str]:
    """What is said of the verdict's masks and of the maps, for people."""
    at, told = results["at_threshold"], results["provenance"]
    lines = [f"maps: {told['maps']}"]
    if at["iou"] is not None:
        lines.append(f"at the method's own threshold: IoU {percent(at['iou'])}, F1 {percent(at['f1'])}")
    if at["empty_on_normal"] is not None:
        lines.append(f"normal images that are left empty at that threshold: {percent(at['empty_on_normal'])}")
    if told.get("saliency"):
        lines.append(f"saliency metrics: {told['saliency']}")
    return lines


def cell(row: Mapping[str, Any], key: str) -> str:
    """A cell of a table for people."""
    value = row.get(key)
    if key in ("category", "images", "defective"):
        return plain(value)
    return percent(value)


def percent(value: float | None) -> str:
    r"""A fraction in per cent, a dash where undefined.

    >>> percent(0.1234), ascii(percent(None))
    ('12.3', "'\\u2013'")
    """
    return "\u2013" if value is None else f"{100 * value:.1f}"


def number(value: float) -> float | None:
    """A figure for JSON: None for nan."""
    return None if math.isnan(value) else float(value)


def _figures(figures: Figures) -> Row:
    row: Row = {"images": figures.images, "defective": figures.defective}
    row |= {key: number(value) for key, value in zip(PIXEL_KEYS, astuple(figures.pixels), strict=True)}
    row |= {key: number(value) for key, value in zip(IMAGE_KEYS, astuple(figures.whole), strict=True)}
    return row | {key: number(figures.saliency[key]) for key in SALIENCY_KEYS if key in figures.saliency}


def _at_threshold(judged: Sequence[Judged]) -> Row:
    verdicts = [part.verdict for part in judged]
    if not all(verdict.known for verdict in verdicts):
        return {"iou": None, "f1": None, "empty_on_normal": None}
    iou, f1 = iou_f1(*(sum(getattr(verdict, key) for verdict in verdicts) for key in ("hits", "wrong", "missed")))
    normal, empty = (sum(getattr(verdict, key) for verdict in verdicts) for key in ("normal", "empty"))
    return {"iou": number(iou), "f1": number(f1), "empty_on_normal": empty / normal if normal else None}


def _notes(failed: int, undefined: Mapping[str, int], categories: int) -> list[str]:
    notes = []
    if failed:
        notes.append(f'{count(failed, "image")} could not be judged, so in no figure: see "failed"')
    if undefined and categories > 1:
        told = ", ".join(f"{key} in {number}" for key, number in undefined.items())
        notes.append(f"undefined, and left out of the mean: {told} of {categories} categories")
    return notes


def _images(judged: Iterable[Judged]) -> Iterable[Row]:
    """A row for each image; the judged ones are in the order of counts.npy."""
    for part in judged:
        for item, score in zip(part.items, part.scores.tolist(), strict=True):
            sample = item.sample
            yield {"id": sample.id, "category": sample.category, "defect": sample.defect, "score": score}


def _joined(judged: Sequence[Judged]) -> npt.NDArray[np.uint32]:
    """The counts of all categories; where one has fewer levels its last one is repeated."""
    steps = max((part.counts.shape[2] - part.levels for part in judged), default=0)
    parts = []
    for part in judged:
        levels, rest = part.counts[:, :, : part.levels], part.counts[:, :, part.levels :]
        missing = LEVELS + 1 - part.levels
        parts.append(
            np.concatenate(
                [np.pad(levels, [(0, 0), (0, 0), (0, missing)], "edge" if part.levels else "constant"), rest], 2
            )
        )
    return np.concatenate(parts) if parts else np.zeros((0, 2, LEVELS + 1 + steps), np.uint32)


def _npy(array: npt.NDArray[np.uint32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> list[str]:
    """The lines of a table; the first ``words`` columns hold words, the others numbers."""
    marks = ["---"] * words + ["---:"] * (len(heads) - words)
    return ["| " + " | ".join(row) + " |" for row in ([*heads], marks, *rows)]


def plain(value: Any) -> str:
    """Text that stays in its cell."""
    return " ".join(str(value).replace("|", "\\|").split())
