"""The summary of an experiment's page: words, figures with intervals, boxes and times of each variant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from iapas.views.experiment_page_rows import FIGURES, Column, Rows, column_title, number, percent, verdict
from iapas.views.markup import count, mapping, name, note, text

COLOURS = 8
"""Colours of variants in experiment_page.css; from the ninth on they come again, dashed in the curves."""

_FEW = 6  # phrases shown before the others are folded away


def swatch(rows: Rows, variant: str) -> str:
    """The colour that stands for a variant on the whole page."""
    return f'<i class="swatch" style="--c:{colour(rows.variants.index(variant))}"></i>'


def colour(place: int) -> str:
    """The CSS colour of the variant at a place."""
    return f"var(--v{place % COLOURS})"


def best_of(values: Iterable[float | None]) -> float | None:
    """The highest of those that are known; None if none is."""
    return max((value for value in values if value is not None), default=None)


def summary_section(experiment: Mapping[str, Any], rows: Rows, timings: Mapping[str, Any]) -> str:
    """A line for each variant: its words, its figures, how far it is from the first, what it costs.

    With several data sets a table of words and costs, then one of figures for each.
    """
    means = rows.means() if rows.measured() else []
    costs = _costs(experiment, timings)
    told = {variant["name"]: _told(rows, variant) for variant in experiment["variants"]}
    if len(means) == 1:
        tables = _table(rows, told, means, costs)
    else:
        plain = {one: f"{swatch(rows, one)}{name(one)}" for one in told}
        tables = _table(rows, told, [], costs) + "".join(_table(rows, plain, [column], {}) for column in means)
    words = (
        "A whisker that leaves the line out is a difference that other images of the kind would most likely show too."
        if means
        else "There are no masks of defects here, so nothing is measured: what the words found is shown below."
    )
    clock = ""
    if "Time" in costs:
        clock = note(f"Time: {timings.get('unit') or 'seconds'}; {timings.get('note') or 'its share of the first'}.")
    return f'<section id="summary"><h2>Summary</h2>{note(words)}{tables}{clock}</section>'


def _table(
    rows: Rows, told: Mapping[str, str], columns: Sequence[Column], costs: Mapping[str, Mapping[str, str]]
) -> str:
    """``told``: the row's head by variant; ``columns``: one or none; ``costs``: cells by title, then variant."""
    heads = '<th scope="col">Variant</th>'
    cells = dict.fromkeys(told, "")
    caption = "words and cost"
    for column in columns:
        caption = f"{column[0]}, {'mean over categories' if column[1] is None else column_title(column)}; per cent"
        heads += (
            '<th scope="col" class="number">AP</th><th scope="col" class="number">F1-max</th>'
            '<th scope="col" class="forest">AP against the first, 95 %</th>'
            '<th scope="col" class="number">image AUROC</th>'
        )
        reach = max((_reach(rows, other) for other in rows.means()), default=0.0) or 0.01
        cells = {one: _figures(rows, one, column, reach) for one in told}
    for title, by_variant in costs.items():
        heads += f'<th scope="col" class="{title.lower()}{" number" if title == "Boxes" else ""}">{title}</th>'
        cells = {one: cell + by_variant[one] for one, cell in cells.items()}
    lines = "".join(f'<tr><th scope="row">{head}</th>{cells[one]}</tr>\n' for one, head in told.items())
    return (
        f'<div class="wide" role="group" aria-label="{text(caption)}" tabindex="0"><table><caption>{text(caption)}'
        f"</caption><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _costs(experiment: Mapping[str, Any], timings: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    boxes = _boxes(experiment)
    names = [variant["name"] for variant in experiment["variants"]]
    costs = {"Boxes": {one: f'<td class="number">{boxes.get(one, 0):,}</td>' for one in names}}
    times = {row.get("variant"): row for row in timings.get("variants", ())}
    if times:
        slowest = max((number(row.get("total")) or 0.0 for row in times.values()), default=0.0)
        costs["Time"] = {one: _time(times.get(one, {}), slowest) for one in names}
    return costs


def _boxes(experiment: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in experiment.get("phrases", ()):
        found[row["variant"]] = found.get(row["variant"], 0) + int(row.get("boxes") or 0)
    return found


def _told(rows: Rows, variant: Mapping[str, Any]) -> str:
    switches = "".join(
        f"<code>{text(key)}={text(value if isinstance(value, str) else json.dumps(value))}</code> "
        for key, value in mapping(variant.get("switches")).items()
    )
    objects = list(dict.fromkeys(filter(None, mapping(variant.get("objects")).values())))
    seen = ", ".join(map(name, objects[:_FEW])) + (", &hellip;" if len(objects) > _FEW else "")
    return (
        f'<p class="variant">{swatch(rows, variant["name"])}{name(variant["name"])}'
        f'<span class="sort">{text(variant["kind"])}</span></p>{_words(mapping(variant.get("phrases")))}'
        + (f'<p class="note">object: {seen}</p>' if seen else "")
        + (f'<p class="note">{switches}</p>' if switches else "")
    )


def _words(by_category: Mapping[str, Sequence[str]]) -> str:
    lists = {key: list(phrases) for key, phrases in by_category.items()}
    different = {tuple(phrases) for phrases in lists.values()}
    if len(different) > 1:
        told = "".join(f"<p><b>{name(key)}</b> {_joined(phrases)}</p>" for key, phrases in lists.items())
        return f'<details class="words"><summary>words by category</summary>{told}</details>'
    phrases = list(next(iter(different), ()))
    if len(phrases) <= _FEW:
        return f'<p class="note">{_joined(phrases)}</p>'
    rest = count(len(phrases) - _FEW, "more", "more")
    return (
        f'<details class="words"><summary>{_joined(phrases[:_FEW])} <u>and {rest}</u></summary>'
        f"<p>{_joined(phrases[_FEW:])}</p></details>"
    )


def _joined(phrases: Sequence[str]) -> str:
    return " &middot; ".join(map(name, phrases)) or "no words"


def _figures(rows: Rows, one: str, column: Column, reach: float) -> str:
    best = {key: best_of(rows.value(key, other, column) for other in rows.variants) for key in FIGURES}
    cells = "".join(
        f'<td class="number{" best" if value is not None and value == best[key] else ""}">{text(percent(value))}</td>'
        for key in FIGURES
        for value in [rows.value(key, one, column)]
    )
    auroc = text(percent(rows.value("image_auroc", one, column)))
    return f'{cells}<td class="forest">{_whisker(rows, one, column, reach)}</td><td class="number">{auroc}</td>'


def _reach(rows: Rows, column: Column) -> float:
    """How far from 0 the differences of AP and their intervals reach."""
    found = [rows.difference("pixel_ap", one, column) for one in rows.variants]
    ends = [number(one.get(key)) for one in found for key in ("value", "low", "high")]
    return max((abs(end) for end in ends if end is not None), default=0.0)


def _whisker(rows: Rows, one: str, column: Column, reach: float) -> str:
    if one == rows.first:
        return '<span class="soft">the first</span>'
    found = rows.difference("pixel_ap", one, column)
    value = number(found.get("value"))
    if value is None:
        return text(None)
    low, high = (number(found.get(key)) for key in ("low", "high"))
    ends = "" if low is None or high is None else f" [{percent(low, True)}, {percent(high, True)}]"
    at = [50 + 46 * (value if end is None else end) / reach for end in (low, value, high)]
    return (
        f'<div><span class="ends"><b>{percent(value, True)}</b>{ends}</span>'
        f'<svg class="whisker {verdict(found)}" viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true">'
        f'<line class="zero" x1="50" x2="50" y1="-6" y2="22"/><line x1="{at[0]:.2f}" x2="{at[2]:.2f}" y1="8" y2="8"/>'
        f'<line class="dot" x1="{at[1]:.2f}" x2="{at[1]:.2f}" y1="8" y2="8"/></svg></div>'
    )


def _time(row: Mapping[str, Any], slowest: float) -> str:
    total, ratio = number(row.get("total")), number(row.get("ratio"))
    if total is None:
        return f'<td class="time">{text(None)}</td>'
    beside = f' <span class="soft">{100 * ratio:.0f} %</span>' if ratio is not None else ""
    width = 100 * total / slowest if slowest else 0
    return (
        f'<td class="time"><span class="ends"><b>{total:.{0 if total >= 100 else 1}f} s</b>{beside}</span>'
        f'<span class="share" style="--w:{width:.1f}%"></span></td>'
    )
