"""The page of a prompt experiment: which words find which defects, on which products, at what cost.

One file beside the folders of pictures that it links to. Its Content-Security-Policy allows one script, by its hash,
and no network; every text is escaped, as phrases come from users and language models. Without scripts all is there
but the highlighting of curves and the chooser of images, which are then listed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any
from urllib.parse import quote

from iapas.views.experiment_page_curves import curves_section
from iapas.views.experiment_page_heat import agreement_section, heat_section
from iapas.views.experiment_page_images import images_section
from iapas.views.experiment_page_phrases import phrases_section, search_section
from iapas.views.experiment_page_rows import Column, Rows, column_title, percent, rows_of, verdict
from iapas.views.experiment_page_summary import summary_section, swatch
from iapas.views.markup import count, mapping, name, table, text

_PARTS = {
    "summary": "Summary",
    "heat": "Categories",
    "agreement": "Agreement",
    "curves": "Curves",
    "phrases": "Phrases",
    "search": "Search",
    "images": "Images",
    "failed": "Failed",
    "provenance": "Made with",
}


def experiment_html(experiment: Mapping[str, Any], timings: Mapping[str, Any], plots: Sequence[str] = ()) -> str:
    """The page, as text for a UTF-8 file at the top of the experiment's folder.

    ``experiment``, ``timings``: what experiment.json and timings.json hold. ``plots``: files in plots/ to link to.
    """
    rows = rows_of(experiment)
    sections = {
        "summary": summary_section(experiment, rows, timings),
        "heat": heat_section(rows),
        "agreement": agreement_section(experiment, rows),
        "curves": curves_section(experiment, rows),
        "phrases": phrases_section(experiment, rows),
        "search": search_section(experiment),
        "images": images_section(experiment, rows),
        "failed": _failed(experiment),
        "provenance": _provenance(experiment, plots),
    }
    shown = {key: section for key, section in sections.items() if section}
    links = "".join(f'<a href="#{key}">{_PARTS[key]}</a>' for key in shown)
    body = (
        f'<a class="skip" href="#images">Skip to the images</a>\n{_header(experiment, rows)}\n'
        f'<nav aria-label="Parts of this page">{links}</nav>\n<main id="experiment">\n{_lead(rows)}\n'
        + "\n".join(shown.values())
        + f"\n</main>\n<footer><p>Made with iapas {text(mapping(experiment.get('provenance')).get('iapas'))}."
        " Figures are in per cent. All of them, unrounded, are in experiment.json.</p></footer>"
    )
    return _page(str(experiment["title"]), body)


def _page(title: str, body: str) -> str:
    style, script = _file("report.css") + _file("experiment_page.css"), _file("experiment_page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' data: file:;"
        f" style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="referrer" content="no-referrer">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{text(title)}</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n{body}\n<script>{script}</script>\n</body>\n</html>\n"
    )
    # a name may hold what UTF-8 cannot
    return page.encode("utf-8", "backslashreplace").decode()


def _file(part: str) -> str:
    return resources.files("iapas.views").joinpath(part).read_text(encoding="utf-8")


def _header(experiment: Mapping[str, Any], rows: Rows) -> str:
    configs = dict.fromkeys(variant.get("config") for variant in experiment["variants"])
    categories = len({column for column in rows.columns if column[1] is not None})
    facts = [
        ("Data", ", ".join(rows.datasets)),
        ("Config", ", ".join(str(config) for config in configs if config)),
        ("Variants", len(rows.variants)),
        ("Categories", categories or None),
        ("Images", f"{images:,}" if (images := _images(rows)) else None),
        ("Compared with", rows.first),
    ]
    items = " ".join(f"<span>{key} <b>{text(value)}</b></span>" for key, value in facts if value not in ("", None))
    return (
        f'<header><p class="kind">Prompt experiment</p><h1>{text(experiment["title"])}</h1>'
        f'<p class="facts">{items}</p></header>'
    )


def _images(rows: Rows) -> int:
    """How many images all data sets hold together, as far as the rows of the first variant tell."""
    return sum(int(rows.by.get((rows.first, *column, None), {}).get("images") or 0) for column in rows.means())


def _lead(rows: Rows) -> str:
    """The result in words."""
    found = "".join(_finding(rows, column) for column in rows.means())
    return f'<section id="lead" aria-label="In words">{found}</section>' if found else ""


def _finding(rows: Rows, column: Column) -> str:
    known = [(value, one) for one in rows.variants if (value := rows.value("pixel_ap", one, column)) is not None]
    if len(known) < 2:
        return ""
    value, best = max(known, key=lambda pair: pair[0])
    where = f"{name(column[0])}, {'mean over categories' if column[1] is None else name(column_title(column))}"
    lead = f"{swatch(rows, best)}<b>{name(best)}</b> has the highest AP, {percent(value)} %"
    base, first = rows.value("pixel_ap", rows.first, column), f"{swatch(rows, rows.first)}{name(rows.first)}"
    if best != rows.first and base is not None:
        lead += f"; {first} has {percent(base)} %"
    groups: dict[str, list[str]] = {"ahead": [], "level": [], "behind": []}
    for _, one in sorted(known, reverse=True):
        if said := verdict(rows.difference("pixel_ap", one, column)):
            groups[said].append(f'<span class="one">{swatch(rows, one)}{name(one)}</span>')
    told = {"ahead": "Ahead of", "level": "Not to be told apart from", "behind": "Behind"}
    lists = "".join(f"<dt>{told[key]} {first}</dt><dd>{' '.join(names)}</dd>" for key, names in groups.items() if names)
    return f'<div><p class="where">{where}</p><p class="best">{lead}.</p><dl>{lists}</dl></div>'


def _failed(experiment: Mapping[str, Any]) -> str:
    failed = list(mapping(experiment.get("provenance")).get("failed", ()))
    if not failed:
        return ""
    told = table(
        "in no figure", ("Image", "What happened"), [(name(row["id"]), text(row["message"])) for row in failed]
    )
    return (
        f'<details id="failed"><summary><h2>{count(len(failed), "image")} not looked at</h2></summary>{told}</details>'
    )


def _provenance(experiment: Mapping[str, Any], plots: Sequence[str]) -> str:
    words = text(json.dumps(experiment.get("provenance", {}), indent=2, ensure_ascii=False))
    links = " ".join(f'<a href="plots/{quote(plot)}">{text(plot)}</a>' for plot in plots)
    figures = f'<p class="files">{count(len(plots), "plot")} for papers: {links}</p>' if plots else ""
    title = "<summary><h2>What it was made with</h2></summary>"
    return f'<details id="provenance">{title}{figures}<pre>{words}</pre></details>'
