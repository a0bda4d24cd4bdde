"""report.html: one self-contained page about a run, readable from the disk, in light and dark.

Nothing on it runs (its Content-Security-Policy allows no script and no network), and every text that comes from
file names, errors or profiles is escaped.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from html import escape
from typing import Any
from urllib.parse import quote

from iapas.types import ObjectProfile

MOST_ROWS = 2000
"""Images in the table, highest scores first; the page says where the others are. Failed images have as many."""

Row = Mapping[str, Any]


def report_html(
    run: Mapping[str, Any],
    rows: Iterable[Row],
    profiles: Mapping[str, ObjectProfile],
    overlays: Set[str] | Callable[[str], bool],
) -> str:
    """The page, as text for a UTF-8 file at the top of the run folder.

    ``run``: what run.json holds ("title", "config", "iapas", "versions", "started", "ended", "fingerprint"; all
    may lack). ``rows``: the manifest's, read once, any number; their "top_phrase", if there, is shown.
    ``profiles``: by product folder, "" for the only one. ``overlays``: ids that have overlays/<id>.jpg.
    """
    has_overlay = overlays if callable(overlays) else overlays.__contains__
    counts: Counter[str] = Counter()
    failed: list[Row] = []
    shown = heapq.nsmallest(MOST_ROWS, _completed(rows, counts, failed), key=lambda row: (-_number(row), row["id"]))
    body = "\n".join(
        part
        for part in (
            _header(run),
            _summary(counts),
            _failures(failed, counts["failed"]),
            _images(shown, counts["ok"] + counts["defect"], has_overlay),
            _products(profiles, _mapping(_mapping(run.get("config")).get("verdict"))),
            _footer(run),
        )
        if part
    )
    # a message may quote a file name that is not UTF-8
    return _PAGE.format(style=_STYLE, body=body).encode("utf-8", "backslashreplace").decode()


def _completed(rows: Iterable[Row], counts: Counter[str], failed: list[Row]) -> Iterator[Row]:
    """The rows that are ok; counts all by verdict, and keeps failed ones, on the way."""
    for row in rows:
        if row["status"] == "failed":
            counts["failed"] += 1
            if len(failed) < MOST_ROWS:
                failed.append(row)
        else:
            counts[row["verdict"]] += 1
            yield row


def _header(run: Mapping[str, Any]) -> str:
    config = _mapping(run.get("config"))
    facts = [("Config", config.get("name")), ("Started", _time(run, "started")), ("Ended", _time(run, "ended"))]
    items = " ".join(f"<span>{name} <b>{_text(value)}</b></span>" for name, value in facts if value)
    title = f'<p class="title">What ran: {_text(run["title"])}</p>' if run.get("title") else ""
    return f'<header><h1>Defect report</h1>{title}<p class="facts">{items}</p></header>'


def _summary(counts: Counter[str]) -> str:
    tiles = (
        ("images", sum(counts.values()), ""),
        ("with defects", counts["defect"], "defect"),
        ("ok", counts["ok"], "ok"),
        ("failed", counts["failed"], "failed"),
    )
    items = "".join(
        f'<li class="{kind if number else ""}"><b>{number:,}</b> {name}</li>' for name, number, kind in tiles
    )
    return f'<ul class="tiles">{items}</ul>'


def _failures(rows: list[Row], total: int) -> str:
    if not rows:
        return ""
    lines = "".join(
        f'<tr><th scope="row"><bdi>{_text(row["id"])}</bdi></th><td><code>{_text(row["error"])}</code></td>'
        f"<td>{_text(row['message'])}</td></tr>"
        for row in rows
    )
    note = (
        f"the first {len(rows):,} of {total:,}; all are in manifest.jsonl"
        if total > len(rows)
        else "no result for these; the other images went on"
    )
    return (
        f'<section id="failed"><h2>Failed images</h2><div class="wide"><table><caption>{note}</caption>'
        '<thead><tr><th scope="col">Image</th><th scope="col">Error</th><th scope="col">What happened</th></tr></thead>'
        f"<tbody>{lines}</tbody></table></div></section>"
    )


def _images(rows: list[Row], total: int, has_overlay: Callable[[str], bool]) -> str:
    if not rows:
        return ""
    note = "highest scores first"
    if total > len(rows):
        note += f"; the first {len(rows):,} of {total:,}, all are in summary.csv"
    lines = "".join(_image(row, has_overlay(row["id"])) for row in rows)
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Overlay", "Image", "Verdict"))
    heads += "".join(f'<th scope="col" class="number">{name}</th>' for name in ("Score", "Regions"))
    return (
        f'<section id="images"><h2>Images</h2><div class="wide"><table><caption>{note}</caption>'
        f'<thead><tr>{heads}<th scope="col">Best region</th></tr></thead><tbody>{lines}</tbody></table></div></section>'
    )


def _image(row: Row, overlay: bool) -> str:
    name, verdict = _text(row["id"]), "defect" if row["verdict"] == "defect" else "ok"
    picture = ""
    if overlay:
        # begins with a folder of ours, so no name can become a scheme such as javascript:
        url = escape(quote(f"overlays/{row['id']}.jpg", safe="/", errors="replace"))
        picture = f'<a href="{url}"><img src="{url}" alt="Overlay of {name}" loading="lazy"></a>'
    notes = "".join(f'<p class="note">{_text(warning)}</p>' for warning in row.get("warnings") or ())
    return (
        f'<tr><td class="picture">{picture}</td><th scope="row"><bdi>{name}</bdi>{notes}</th>'
        f'<td><span class="badge {verdict}">{verdict}</span></td><td class="number">{_number(row):.3f}</td>'
        f'<td class="number">{_text(row.get("regions"))}</td><td>{_text(row.get("top_phrase"))}</td></tr>\n'
    )


def _products(profiles: Mapping[str, ObjectProfile], verdict: Mapping[str, Any]) -> str:
    if not profiles:
        return ""
    lines = "".join(
        f'<tr><th scope="row"><bdi>{_text(folder or "all images")}</bdi></th>'
        f"<td>{_text(profile.object or 'not named')}{_how(profile, 'object')}</td>"
        f"<td>{', '.join(_text(phrase.text) for phrase in profile.phrases)}{_how(profile, 'phrases')}</td>"
        f"<td>{_threshold(profile, verdict)}</td></tr>"
        for folder, profile in sorted(profiles.items())
    )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Product", "Object", "Looked for", "Threshold"))
    return (
        '<section id="products"><h2>Products</h2><div class="wide"><table>'
        "<caption>what was looked for, and where the verdict's threshold comes from</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div></section>"
    )


def _threshold(profile: ObjectProfile, verdict: Mapping[str, Any]) -> str:
    chosen, default = verdict.get("threshold", "auto"), verdict.get("default")
    if chosen != "auto":
        return f"{_text(chosen)}{_note('set for this run')}"
    if profile.threshold is not None:
        return f"{profile.threshold:.4g}{_how(profile, 'threshold') or _note('from the profile')}"
    if default == "positive":
        return f"any score over 0{_note('not calibrated: the default of the config')}"
    return f"{_text(default)}{_note('not calibrated: the default of the config')}"


def _how(profile: ObjectProfile, what: str) -> str:
    """How something of a profile was found, if that is known."""
    return _note(profile.found[what]) if profile.found.get(what) else ""


def _note(text: str) -> str:
    return f'<p class="note">{_text(text)}</p>'


def _footer(run: Mapping[str, Any]) -> str:
    versions = {"iapas": run.get("iapas"), **_mapping(run.get("versions"))}
    names = ", ".join(f"{_text(name)} {_text(version)}" for name, version in versions.items() if version)
    mark = f" Fingerprint of the settings: <code>{_text(run['fingerprint'])}</code>." if run.get("fingerprint") else ""
    return (
        "<footer><p>A score is the highest value of an image's score map; an image has a defect when some of its pixels"
        " reach the threshold. Masks, score maps and regions lie beside this page in masks/, scores/ and regions/."
        f"</p><p>Made with {names or 'iapas'}.{mark}</p></footer>"
    )


def _text(value: Any) -> str:
    """``value`` as escaped text; a dash for None and for nothing."""
    return "&ndash;" if value is None or value == "" else escape(str(value))


def _number(row: Row) -> float:
    return float(row.get("score") or 0.0)


def _time(run: Mapping[str, Any], key: str) -> str:
    """An ISO time as people write it."""
    return str(run.get(key) or "").replace("T", " ").replace("+00:00", " UTC")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' data: file:; \
style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Defect report</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""

_STYLE = """
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #fff; --ink: #1d2125; --soft: #626a73; --line: #e2e4e7;
  --defect: #b3261e; --ok: #1c6b3c; --failed: #8a5300; }
@media (prefers-color-scheme: dark) { :root { --ground: #15181b; --card: #1c2024; --ink: #e6e8ea; --soft: #9aa3ac;
  --line: #30363c; --defect: #ff8a80; --ok: #7fd69b; --failed: #f0b45c; } }
body { margin: 0 auto; max-width: 70rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; margin: 0; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .25rem; }
.title { margin: .35rem 0; }
.facts, .note, caption, footer { color: var(--soft); font-size: .85rem; }
.facts span { margin-right: 1.25rem; }
.facts b { color: var(--ink); font-weight: 500; }
.note { margin: .1rem 0 0; font-weight: 400; }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.5rem 0 0; padding: 0; list-style: none; }
.tiles li { flex: 1 1 8rem; padding: .7rem 1rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--card); color: var(--soft); }
.tiles b { display: block; color: var(--ink); font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tiles .defect b { color: var(--defect); } .tiles .ok b { color: var(--ok); } .tiles .failed b { color: var(--failed); }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; padding-bottom: .5rem; }
th, td { padding: .5rem .75rem .5rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: middle; }
thead th { border: 0; color: var(--soft); font-size: .8rem; font-weight: 500; padding-bottom: .3rem; }
tbody th { min-width: 10rem; font-weight: 500; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; padding-right: 1.5rem; }
.picture { width: 11.5rem; }
.picture img { display: block; width: 11rem; height: 7.5rem; object-fit: cover; border-radius: .3rem;
  background: var(--line); }
.badge { padding: .1rem .55rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .8rem; }
.badge.defect { color: var(--defect); } .badge.ok { color: var(--ok); }
#failed code { color: var(--failed); white-space: nowrap; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
a:focus-visible { outline: 2px solid; outline-offset: 2px; }
"""
