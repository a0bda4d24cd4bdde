"""The heat tables of an experiment's page: figures of variants by category, and how far variants agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from iapas.views.experiment_page_rows import Column, Rows, column_title, number, percent, verdict
from iapas.views.experiment_page_summary import best_of, swatch
from iapas.views.markup import mapping, name, note, text

_GAP = '<td class="gap"></td>'
_MEAN = ' class="mean"'
_DARK = 0.63  # of the way from --cold to --hot black and white are as legible, in light and in dark


def heat_section(rows: Rows) -> str:
    """Variant by category: AP, F1-max or the difference to the first, chosen by a switch that needs no script."""
    if not rows.measured():
        return ""
    kinds = {"ap": "AP", "f1": "F1-max", "gain": "AP against the first"}
    most = {"ap": _most(rows, "pixel_ap"), "f1": _most(rows, "pixel_f1_max")}
    cells: dict[str, Callable[[str, Column, str | None], str]] = {
        "ap": _level(rows, "pixel_ap", most["ap"]),
        "f1": _level(rows, "pixel_f1_max", most["f1"]),
        "gain": _gain(rows),
    }
    choice = "".join(
        f'<input type="radio" name="heat" id="heat-{key}"{" checked" if key == "ap" else ""}>'
        f'<label for="heat-{key}">{title}</label>'
        for key, title in kinds.items()
    )
    columns = [(column, None) for column in rows.columns]
    defects = [((dataset, category), kind) for dataset, category, kind in rows.defects]
    tables = ""
    for key, title in kinds.items():
        by_defect = ""
        if defects:
            inner = _heat(rows, f"{title} by defect type, per cent", defects, cells[key])
            by_defect = f"<details><summary><h3>By defect type</h3></summary>{inner}</details>"
        table = _heat(rows, f"{title} by category, per cent", columns, cells[key])
        tables += f'<div class="heat heat-{key}">{table}{_legend(most.get(key))}{by_defect}</div>'
    return (
        f'<section id="heat"><h2>Variant by category</h2><div class="heats" role="group"'
        f' aria-label="Figure">{choice}{tables}</div></section>'
    )


def _most(rows: Rows, key: str) -> float:
    """Where the scale of a figure ends: the highest there is, on to the next tenth."""
    known = [value for row in rows.by.values() if (value := number(row.get(key))) is not None]
    return max(1, math.ceil(10 * max(known, default=1.0))) / 10


def _legend(most: float | None) -> str:
    if most is not None:
        return (
            f'<p class="legend"><span>0</span><i class="scale level"></i><span>{100 * most:.0f} %</span><span'
            ' class="mark">the highest of a column is framed</span></p>'
        )
    return (
        '<p class="legend"><span>behind</span><i class="scale gain"></i><span>ahead</span>'
        '<span class="mark">bold where the 95 % interval leaves out 0</span></p>'
    )


def _heat(
    rows: Rows,
    caption: str,
    columns: Sequence[tuple[Column, str | None]],
    cell: Callable[[str, Column, str | None], str],
) -> str:
    groups = [
        (key, list(members))
        for key, members in groupby(columns, key=lambda pair: pair[0][0] if pair[1] is None else column_title(pair[0]))
    ]
    top = ""
    if len(groups) > 1 or columns[0][1] is not None:
        spans = (
            f'<th scope="colgroup" colspan="{len(members)}" class="group">{name(key)}</th>' for key, members in groups
        )
        top = f"<tr><td></td>{_GAP.join(spans)}</tr>"
    heads = _GAP.join(
        "".join(
            f'<th scope="col"{_MEAN if column[1] is None else ""}>{name(defect or column_title(column))}</th>'
            for column, defect in members
        )
        for _, members in groups
    )
    lines = "".join(
        f'<tr><th scope="row">{swatch(rows, one)}{name(one)}</th>'
        + _GAP.join("".join(cell(one, *column) for column in members) for _, members in groups)
        + "</tr>\n"
        for one in rows.variants
    )
    return (
        f'<div class="wide" role="group" aria-label="{text(caption)}" tabindex="0"><table class="map">'
        f"<caption>{text(caption)}</caption><thead>{top}<tr><td></td>{heads}</tr></thead><tbody>{lines}</tbody>"
        "</table></div>"
    )


def _level(rows: Rows, key: str, most: float) -> Callable[[str, Column, str | None], str]:
    def cell(one: str, column: Column, defect: str | None) -> str:
        value = rows.value(key, one, column, defect)
        if value is None:
            return '<td class="none">&ndash;</td>'
        best = value == best_of(rows.value(key, other, column, defect) for other in rows.variants)
        return _shaded(value, value / most, " best" if best else "")

    return cell


def _shaded(value: float, part: float, kind: str = "") -> str:
    """A cell in the shade of ``part``, 0 to 1; from _DARK on its figures are of the other colour."""
    return f'<td class="{"high" if part > _DARK else "low"}{kind}" style="--p:{100 * part:.1f}%">{percent(value)}</td>'


def _gain(rows: Rows) -> Callable[[str, Column, str | None], str]:
    known = [
        abs(value)
        for row in rows.by.values()
        if (value := number(mapping(mapping(row.get("difference")).get("pixel_ap")).get("value"))) is not None
    ]
    most = max(known, default=0.0) or 1.0

    def cell(one: str, column: Column, defect: str | None) -> str:
        found = rows.difference("pixel_ap", one, column, defect)
        value = number(found.get("value"))
        if value is None:
            return f'<td class="none">{"first" if one == rows.first else "&ndash;"}</td>'
        sure = " sure" if verdict(found) in ("ahead", "behind") else ""
        kind = ("more" if value >= 0 else "less") + sure
        return f'<td class="{kind}" style="--p:{100 * abs(value) / most:.1f}%">{percent(value, True)}</td>'

    return cell


def agreement_section(experiment: Mapping[str, Any], rows: Rows) -> str:
    """How much of their masks each two variants share; "" where that was not counted."""
    found = mapping(experiment.get("agreement"))
    names = list(found.get("variants", ()))
    if len(names) < 2:
        return ""
    lines = ""
    for one, values in zip(names, found["iou"], strict=True):
        cells = "".join(
            '<td class="none">&ndash;</td>' if value is None else _shaded(value, value) for value in map(number, values)
        )
        lines += f'<tr><th scope="row">{swatch(rows, one)}{name(one)}</th>{cells}</tr>\n'
    heads = "".join(f'<th scope="col">{name(one)}</th>' for one in names)
    words = "The area that both masks share, of the area that either has, per cent, in the small maps of all images."
    return (
        f'<section id="agreement"><h2>Agreement</h2>{note(words)}<div class="wide" role="group" aria-label="Agreement"'
        f' tabindex="0"><table class="map"><thead><tr><td></td>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'
        "</section>"
    )
