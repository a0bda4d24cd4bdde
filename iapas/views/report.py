"""report.html: one self-contained page about a run, readable from the disk, in light and dark.

Its Content-Security-Policy allows one script, by its hash, and no network; every text that comes from file names,
errors, profiles or configs is escaped. Without scripts all but the slider and the filters is there.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
from collections.abc import Callable, Iterable, Mapping, Set
from functools import lru_cache
from importlib import resources
from pathlib import PurePath
from typing import Any

from iapas.types import ObjectProfile
from iapas.views.markup import count, mapping, name, note, table, text
from iapas.views.report_images import images_section
from iapas.views.report_pictures import Pictures
from iapas.views.report_scores import histogram, largest_score, phrase_table, slider, slider_words
from iapas.views.report_tally import Row, Tally, score, threshold_of, verdict_rules

MOST_ROWS = 2000
"""Images listed, highest scores first; the page says where the others are."""

_MOST_PRODUCTS = 500
_OPEN_FAILURES = 10  # more stay folded until they are asked for

Thresholds = Mapping[str, float | None]


def report_html(
    run: Mapping[str, Any],
    rows: Iterable[Row],
    profiles: Mapping[str, ObjectProfile],
    overlays: Set[str] | Callable[[str], bool],
    thumbnail: Callable[[str], bytes | None] = lambda _: None,
) -> str:
    """The page, as text for a UTF-8 file at the top of the run folder.

    ``run``: what run.json holds ("title", "config", "iapas", "versions", "started", "ended", "fingerprint"; all
    may lack). ``rows``: the manifest's, read once, any number; their "phrases" (regions by phrase) and "product"
    (a key of ``profiles``), if there, are shown. ``profiles``: by product folder, "" for the only one.
    ``overlays``: ids that have overlays/<id>.jpg. ``thumbnail``: the JPEG of an image's strip
    (:func:`iapas.views.thumbnails.draw_strip`), or None.
    """
    tally = Tally()
    shown = heapq.nsmallest(MOST_ROWS, tally.completed(rows), key=lambda row: (-score(row), row["id"]))
    rules = verdict_rules(run)
    thresholds = {key: threshold_of(profiles.get(key), rules)[0] for key in ("", *profiles)}
    used = {thresholds[key] for key in profiles or thresholds}
    common = used.pop() if len(used) == 1 else None
    most = largest_score(tally, thresholds.values())
    pictures = Pictures(overlays if callable(overlays) else overlays.__contains__, thumbnail)
    body = "\n".join(
        (
            _header(run),
            '<main id="report">',
            _summary(tally),
            _overview(tally, most, common),
            _failures(tally),
            images_section(shown, tally, thresholds, pictures, (slider(most, common), slider_words(rules))),
            _products(profiles, rules),
            _settings(run),
            "</main>",
            _footer(run),
        )
    )
    data = {"bins": tally.scores, "most": most, "threshold": common, "listed": len(shown)}
    return _page(body, json.dumps(data))


def _page(body: str, data: str) -> str:
    style, script = _file("report.css"), _file("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' data: file:;"
        f" style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Defect report</title>\n'
        f'<style>{style}</style>\n</head>\n<body data-report="{text(data)}">\n'
        f'<a class="skip" href="#images">Skip to the images</a>\n{body}\n<script>{script}</script>\n</body>\n</html>\n'
    )
    # a message may quote a file name that is not UTF-8
    return page.encode("utf-8", "backslashreplace").decode()


@lru_cache
def _file(part: str) -> str:
    """A part of the page that lies beside this module."""
    return resources.files("iapas.views").joinpath(part).read_text(encoding="utf-8")


def _header(run: Mapping[str, Any]) -> str:
    config = mapping(run.get("config"))
    summary = mapping(run.get("summary"))
    folder = PurePath(str(summary.get("out") or "")).name
    facts = [
        ("Run", folder),
        ("Config", config.get("name")),
        ("Started", _time(run, "started")),
        ("Ended", _time(run, "ended")),
    ]
    items = " ".join(f"<span>{key} <b>{text(value)}</b></span>" for key, value in facts if value)
    title = f'<p class="title">What ran: {text(run["title"])}</p>' if run.get("title") else ""
    left = f'<p class="left">{_left(summary)}</p>' if summary.get("left") else ""
    return f'<header><h1>Defect report</h1>{title}<p class="facts">{items}</p>{left}</header>'


def _left(summary: Mapping[str, Any]) -> str:
    left = int(summary["left"])
    return f"The run was interrupted: {count(left, 'image is', 'images are')} left. The same command goes on with them."


def _summary(tally: Tally) -> str:
    tiles = (
        ("images", tally.verdicts.total(), "all"),
        ("with defects", tally.verdicts["defect"], "defect"),
        ("ok", tally.verdicts["ok"], "ok"),
        ("failed", tally.verdicts["failed"], "failed"),
    )
    items = "".join(
        f'<li class="{kind if number else ""}"><b id="count-{kind}">{number:,}</b> {title}</li>'
        for title, number, kind in tiles
    )
    return f'<ul class="tiles">{items}</ul>'


def _overview(tally: Tally, most: float, threshold: float | None) -> str:
    if not tally.done:
        return ""
    return (
        f'<div class="overview"><section id="scores"><h2>Scores</h2>{histogram(tally, most, threshold)}</section>'
        f"{phrase_table(tally)}</div>"
    )


def _failures(tally: Tally) -> str:
    total = tally.verdicts["failed"]
    if not total:
        return ""
    caption = "no result for these; the other images went on"
    if total > len(tally.failed):
        caption = f"the first {len(tally.failed):,} of {total:,}; all are in manifest.jsonl"
    rows = [(name(r["id"]), f"<code>{text(r['error'])}</code>", text(r["message"])) for r in tally.failed]
    listed = table(caption, ("Image", "Error", "What happened"), rows)
    unfolded = " open" if total <= _OPEN_FAILURES else ""
    return (
        f'<details id="failed"{unfolded}><summary><h2>{count(total, "image")} failed</h2></summary>{listed}</details>'
    )


def _products(profiles: Mapping[str, ObjectProfile], rules: Mapping[str, Any]) -> str:
    if not profiles:
        return ""
    caption = "what was looked for, and where the verdict's threshold comes from"
    if len(profiles) > _MOST_PRODUCTS:
        caption += f"; the first {_MOST_PRODUCTS} of {len(profiles):,}, all are in profile.json"
    rows = [_product(key, profiles[key], rules) for key in sorted(profiles)[:_MOST_PRODUCTS]]
    heads = ("Product", "Object", "Looked for", "Threshold")
    return f'<section id="products"><h2>Looked for</h2>{table(caption, heads, rows)}</section>'


def _product(folder: str, profile: ObjectProfile, rules: Mapping[str, Any]) -> tuple[str, ...]:
    _, threshold, where = threshold_of(profile, rules)
    found = {key: note(value) for key, value in profile.found.items() if value}
    warnings = "".join(
        value for key, value in found.items() if key not in ("object", "phrases", "threshold", "object_size")
    )
    return (
        name(folder or "all images"),
        text(profile.object or "not named") + found.get("object", ""),
        ", ".join(text(phrase.text) for phrase in profile.phrases) + found.get("phrases", "") + warnings,
        text(threshold) + (note(where) if where else ""),
    )


def _settings(run: Mapping[str, Any]) -> str:
    rows = [(text(key), f"<code>{text(value)}</code>") for key, value in _flat(mapping(run.get("config")))]
    if not rows:
        return ""
    return (
        f'<details id="settings"><summary><h2>{count(len(rows), "setting")} of this run</h2></summary>'
        f"{table('as in run.json; iapas config show explains them', ('Setting', 'Value'), rows)}</details>"
    )


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)


def _footer(run: Mapping[str, Any]) -> str:
    versions = {"iapas": run.get("iapas"), **mapping(run.get("versions"))}
    names = ", ".join(f"{text(key)} {text(version)}" for key, version in versions.items() if version)
    mark = f" Fingerprint of the settings: <code>{text(run['fingerprint'])}</code>." if run.get("fingerprint") else ""
    return (
        "<footer><p>A score is the highest value of an image's score map; an image has a defect when some of its pixels"
        " reach the threshold. Masks, score maps and regions lie beside this page in masks/, scores/ and regions/."
        f"</p><p>Made with {names or 'iapas'}.{mark}</p></footer>"
    )


def _time(run: Mapping[str, Any], key: str) -> str:
    """An ISO time as people write it."""
    return str(run.get(key) or "").replace("T", " ").replace("+00:00", " UTC")
