"""report.html of an evaluation: one self-contained page without a script, in light and dark.

Figures, precision-recall curves, and the best, the median and the worst image of each category. Its
Content-Security-Policy allows no script and no network; every text is escaped.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from iapas.views.markup import count, mapping, name, note, table, text

Points = tuple[npt.NDArray[Any], npt.NDArray[Any]]
"""Recall, rising, and precision, both (K,) in [0, 1]."""

_MOST_FAILED = 200
_SIDE = 100  # of a plot, in its own units


@dataclass(frozen=True)
class Example:
    """An image to show: ``why`` it is shown, its ``figures`` in words, and its strip, a JPEG."""

    category: str
    why: str
    image_id: str
    defect: str
    figures: str
    jpeg: bytes


def eval_html(
    results: Mapping[str, Any],
    heads: Mapping[str, str],
    cell: Callable[[Mapping[str, Any], str], str],
    told: Sequence[str],
    curves: Mapping[str, Points],
    examples: Sequence[Example],
) -> str:
    """The page, as text for a UTF-8 file.

    ``results``: what results.json holds. ``heads``: the columns by key, with their titles; ``cell``: a row's cell in
    words. ``told``: what is to be known of the figures. ``curves``: by category.
    """
    body = "\n".join(
        (
            _header(results),
            "<main>",
            _figures(results, heads, cell, told),
            _by_defect(results, heads, cell),
            _curves(curves),
            _examples(examples),
            _failed(results["failed"]),
            _provenance(results["provenance"]),
            "</main>",
            f"<footer><p>Made with iapas {text(mapping(results['provenance']).get('iapas'))}.</p></footer>",
        )
    )
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:;'
        " style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Evaluation of {text(results['method'])} on {text(results['dataset'])}</title>\n"
        f"<style>{_style('report.css')}{_style('eval_page.css')}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
    # an id may hold what UTF-8 cannot
    return page.encode("utf-8", "backslashreplace").decode()


def _style(part: str) -> str:
    return resources.files("iapas.views").joinpath(part).read_text(encoding="utf-8")


def _header(results: Mapping[str, Any]) -> str:
    told = mapping(results["provenance"])
    data = mapping(told.get("data"))
    facts = [
        ("Data set", results["dataset"]),
        ("Protocol", results["protocol"]),
        ("Method", results["method"]),
        ("Images", f"{data.get('images', 0):,}"),
        ("with a defect", f"{data.get('defective', 0):,}"),
        ("Split", data.get("split")),
        ("At most", data.get("limit")),
    ]
    items = " ".join(f"<span>{key} <b>{text(value)}</b></span>" for key, value in facts if value not in ("", None))
    return (
        f"<header><h1>Evaluation</h1>"
        f'<p class="title">What ran: {text(told.get("title"))}</p><p class="facts">{items}</p></header>'
    )


def _figures(
    results: Mapping[str, Any],
    heads: Mapping[str, str],
    cell: Callable[[Mapping[str, Any], str], str],
    told: Sequence[str],
) -> str:
    keys = [key for key in heads if key in results["mean"]]
    rows = results["rows"] if len(results["rows"]) == 1 else [*results["rows"], results["mean"]]
    cells = [[_cell(row, key, cell) for key in keys] for row in rows]
    made = table(
        f"in per cent; {results['provenance']['protocol']}", [heads[key] for key in keys], cells, len(keys) - 1
    )
    lines = "".join(f"<li>{text(line)}</li>" for line in told)
    return f'<section id="figures"><h2>Figures</h2>{made}<ul class="told">{lines}</ul></section>'


def _by_defect(
    results: Mapping[str, Any], heads: Mapping[str, str], cell: Callable[[Mapping[str, Any], str], str]
) -> str:
    rows = results["by_defect"]
    if len(rows) <= len(results["rows"]):
        return ""
    keys = [key for key in heads if key in results["mean"] and key != "category"]
    cells = [[name(row["category"]), name(row["defect"]), *(cell(row, key) for key in keys)] for row in rows]
    titles = ["Category", "Defect", *(heads[key] for key in keys)]
    beside = "" if results["protocol"] == "fewshot" else "each with the normal images of its category; "
    made = table(f"{beside}in per cent", titles, cells, len(keys))
    return f'<details id="defects" open><summary><h2>By defect type</h2></summary>{made}</details>'


def _cell(row: Mapping[str, Any], key: str, cell: Callable[[Mapping[str, Any], str], str]) -> str:
    return name(row[key]) if key == "category" else text(cell(row, key))


def _curves(curves: Mapping[str, Points]) -> str:
    drawn = "".join(_curve(category, *points) for category, points in curves.items() if points[0].size)
    if not drawn:
        return ""
    words = note("Precision over recall, all pixels of a category pooled.")
    return f'<section id="curves"><h2>Precision and recall</h2>{words}<div class="curves">{drawn}</div></section>'


def _curve(category: str, recall: npt.NDArray[Any], precision: npt.NDArray[Any]) -> str:
    across, up = np.append(0.0, recall), np.append(precision[:1], precision)
    line = " ".join(f"{_SIDE * x:.1f},{_SIDE * (1 - y):.1f}" for x, y in zip(across, up, strict=True))
    marks = "".join(
        f'<text x="{_SIDE * at}" y="{_SIDE + 9}" text-anchor="middle">{at:g}</text>'
        f'<text x="-3" y="{_SIDE * (1 - at) + 2.5}" text-anchor="end">{at:g}</text>'
        for at in (0, 0.5, 1)
    )
    return (
        f'<figure><svg viewBox="-14 -4 {_SIDE + 20} {_SIDE + 26}" role="img" aria-label="Precision over recall of'
        f' {text(category)}"><rect class="frame" width="{_SIDE}" height="{_SIDE}"/>{marks}'
        f'<text x="{_SIDE / 2}" y="{_SIDE + 18}" text-anchor="middle">recall</text>'
        f'<polyline class="line" points="{line}"/></svg><figcaption>{name(category)}</figcaption></figure>'
    )


def _examples(examples: Sequence[Example]) -> str:
    if not examples:
        return ""
    parts = []
    for category, shown in groupby(examples, key=lambda example: example.category):
        figures = "".join(map(_example, shown))
        parts.append(f'<h3>{name(category)}</h3><div class="examples">{figures}</div>')
    words = note(
        "Photograph, truth, scores (black 0, pale yellow the highest of the category). Of the images with a defect"
        " those of the highest, the median and the lowest AP alone."
    )
    return f'<section id="examples"><h2>Images</h2>{words}{"".join(parts)}</section>'


def _example(example: Example) -> str:
    source = f"data:image/jpeg;base64,{base64.b64encode(example.jpeg).decode()}"
    kind = f" ({text(example.defect)})" if example.defect else ""
    return (
        f'<figure><img src="{source}" alt="Photograph, truth and heat map of {text(example.image_id)}" loading="lazy">'
        f"<figcaption><b>{text(example.why)}</b>{kind}: {name(example.image_id)}, {text(example.figures)}"
        "</figcaption></figure>"
    )


def _failed(failed: Sequence[Mapping[str, Any]]) -> str:
    if not failed:
        return ""
    caption = "in no figure"
    if len(failed) > _MOST_FAILED:
        caption += f"; the first {_MOST_FAILED} of {len(failed):,}, all are in results.json"
    rows: Iterable[tuple[str, ...]] = [
        (name(row["id"]), f"<code>{text(row['error'])}</code>", text(row["message"])) for row in failed[:_MOST_FAILED]
    ]
    listed = table(caption, ("Image", "Error", "What happened"), rows)
    return (
        f'<details id="failed" open><summary><h2>{count(len(failed), "image")} not judged</h2></summary>'
        f"{listed}</details>"
    )


def _provenance(provenance: Mapping[str, Any]) -> str:
    words = text(json.dumps(provenance, indent=2, ensure_ascii=False))
    return f'<details id="provenance"><summary><h2>What it was made with</h2></summary><pre>{words}</pre></details>'
