"""What each phrase found, and what the search proposes: two parts of an experiment's page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from iapas.views.experiment_page_rows import Rows, number, percent
from iapas.views.experiment_page_summary import swatch
from iapas.views.markup import count, mapping, name, note, table, text

_OPEN = 12  # phrases of a variant that are shown unasked


def phrases_section(experiment: Mapping[str, Any], rows: Rows) -> str:
    """For each variant what its phrases won, by category; "" where no phrase is listed."""
    found: dict[str, list[Mapping[str, Any]]] = {one: [] for one in rows.variants}
    for row in experiment.get("phrases", ()):
        found.setdefault(row["variant"], []).append(row)
    parts = [_variant(one, listed, rows) for one, listed in found.items() if listed]
    if not parts:
        return ""
    words = (
        "Boxes: regions that a phrase won. True and false area: its share of the area at the threshold of F1-max that"
        " is a defect, and that is none. Without it: how AP changes when the phrase is left out."
    )
    if not rows.measured():
        words = "Boxes: regions that a phrase won."
    return f'<section id="phrases"><h2>Phrases</h2>{note(words)}{"".join(parts)}</section>'


def _variant(one: str, listed: Sequence[Mapping[str, Any]], rows: Rows) -> str:
    dropped = list(dict.fromkeys(row["phrase"] for row in listed if row.get("drop")))
    told = count(len({row["phrase"] for row in listed}), "phrase")
    if dropped:
        shown = ", ".join(map(name, dropped[:4])) + (", &hellip;" if len(dropped) > 4 else "")
        told += f"; suggested to drop: {shown}"
    columns = _columns(listed)
    groups = [(key, list(group)) for key, group in groupby(listed, key=lambda row: row["category"])]
    lines = "".join(_rows(category, group, columns) for category, group in groups)
    heads = "".join(f'<th scope="col"{kind}>{title}</th>' for title, kind in columns.values())
    unfolded = " open" if len(listed) <= _OPEN else ""
    return (
        f'<details{unfolded}><summary>{swatch(rows, one)}<b>{name(one)}</b> <span class="soft">{told}</span></summary>'
        f'<div class="wide" role="group" aria-label="Phrases of {text(one)}" tabindex="0"><table class="attributed">'
        f'<thead><tr><th scope="col">Category</th><th scope="col">Phrase</th>{heads}</tr></thead>{lines}</table></div>'
        "</details>"
    )


def _columns(listed: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Keys of the columns that have values, with their titles and classes."""
    rows = list(listed)
    columns = {"boxes": ("Boxes", ' class="number"')}
    if any(number(row.get("true_share")) is not None for row in rows):
        columns |= {"true_share": ("True area", ' class="area"'), "false_share": ("False area", ' class="area"')}
    if any(row.get("without") for row in rows):
        columns |= {"without": ("Without it", ' class="number"')}
    return columns


def _rows(category: str, group: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]) -> str:
    """The phrases that do something, a line each; the others in one line."""
    lines, idle = [], []
    for row in group:
        if not row.get("boxes") and percent(_change_without(row), True) in ("", "+0.0"):
            idle.append(name(row["phrase"]))
        else:
            drop = ' <span class="badge">drop</span>' if row.get("drop") else ""
            lines.append(f"<td>{name(row['phrase'])}{drop}</td>{''.join(_cell(key, row) for key in columns)}")
    if idle:
        lines.append(f'<td colspan="{1 + len(columns)}" class="soft">no regions: {", ".join(idle)}</td>')
    head = f'<th scope="rowgroup" rowspan="{len(lines)}">{name(category)}</th>'
    return "<tbody>" + "".join(f"<tr>{'' if at else head}{line}</tr>\n" for at, line in enumerate(lines)) + "</tbody>"


def _change_without(row: Mapping[str, Any]) -> float | None:
    """How AP changes when the phrase is left out."""
    return number(mapping(row.get("without")).get("difference"))


def _cell(key: str, row: Mapping[str, Any]) -> str:
    if key == "boxes":
        return f'<td class="number">{int(row.get("boxes") or 0):,}</td>'
    if key == "without":
        return f'<td class="number">{text(percent(_change_without(row), True))}</td>'
    value = number(row.get(key))
    if value is None:
        return f'<td class="area">{text(None)}</td>'
    kind = "right" if key == "true_share" else "wrong"
    return (
        f'<td class="area"><span class="share {kind}" style="--w:{100 * value:.1f}%"></span>'
        f"<span>{100 * value:.0f} %</span></td>"
    )


def search_section(experiment: Mapping[str, Any]) -> str:
    """What the greedy search proposes, and how it does on images that it has not seen; "" without a search."""
    search = mapping(experiment.get("search"))
    if not search:
        return ""
    start, proposed = list(search["start"]), list(search["proposed"])
    chips = "".join(_chip(phrase, "kept" if phrase in start else "added") for phrase in proposed)
    gone = "".join(_chip(phrase, "dropped") for phrase in start if phrase not in proposed)
    rows = [
        (title, f"{int(half['images']):,}", *_change(half))
        for title, half in (
            ("chosen on this half", mapping(search["chosen_on"])),
            ("reported on the other half", mapping(search["reported_on"])),
        )
    ]
    figures = table(
        "AP in per cent; only the second line says what to expect of new images",
        ("Half of the images", "Images", "At the start", "Proposed", "Change"),
        rows,
        numbers=4,
    )
    return (
        f'<section id="search"><h2>A better list</h2>{note("A greedy search: one phrase added or dropped at a time.")}'
        f'<p class="chips">{chips}{gone}</p>{figures}{_steps(search)}</section>'
    )


def _change(half: Mapping[str, Any]) -> tuple[str, str, str]:
    before, after = number(half.get("pixel_ap_start")), number(half.get("pixel_ap"))
    change = None if before is None or after is None else after - before
    return text(percent(before)), text(percent(after)), f"<b>{text(percent(change, True))}</b>"


def _chip(phrase: str, kind: str) -> str:
    tag = {"kept": "span", "added": "ins", "dropped": "del"}[kind]
    return f'<{tag} class="chip">{name(phrase)}</{tag}> '


def _steps(search: Mapping[str, Any]) -> str:
    steps = [step for step in search.get("steps", ()) if mapping(step)]
    if not steps:
        return ""
    lines = "".join(
        f"<li>{kind} {name(step[kind])} <b>{percent(number(step.get('pixel_ap')))}</b></li>"
        for step in steps
        for kind in ("added", "dropped")
        if step.get(kind)
    )
    return f'<ol class="steps">{lines}</ol>'
