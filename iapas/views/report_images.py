"""The images of the report: a bar of filters, and a card for each image, highest score first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from iapas.views.markup import count, link, name, note, text
from iapas.views.report_pictures import Pictures, filters, legend
from iapas.views.report_tally import Row, Tally, phrases, score, verdict

MOST_CHOICES = 500
"""Phrases and products to filter by, at most."""


def images_section(
    rows: Sequence[Row],
    tally: Tally,
    thresholds: Mapping[str, float | None],
    pictures: Pictures,
    slider: tuple[str, str],
) -> str:
    """The section; "" when no image has a result.

    ``thresholds``: of each product, by its folder. ``slider``: the slider, and words about it.
    """
    if not rows:
        return ""
    words = [phrase for phrase, _ in tally.phrases.most_common(MOST_CHOICES)]
    products = sorted({product_of(row, thresholds) for row in rows})
    places = {word: str(i) for i, word in enumerate(words)}
    cards = "".join(
        _card(row, thresholds[product_of(row, thresholds)], places, products, thresholds, pictures) for row in rows
    )
    listed = "Highest scores first, unless another order is chosen."
    if 'class="picture" href' in cards:
        listed += " A picture opens the outlines at full size."
    if tally.done > len(rows):
        listed += f" Listed are the first {len(rows):,} of {tally.done:,}; all are in summary.csv."
    return (
        f'<section id="images" aria-labelledby="images-title"><h2 id="images-title">Images</h2>'
        f'<p class="note">{listed}</p>{slider[1]}'
        f'<div class="bar">{slider[0]}{_controls(words, products if len(products) > 1 else [])}'
        f'<p id="shown" role="status" aria-live="polite">{count(len(rows), "image")}</p></div>'
        f'{filters(thresholds.values())}<div class="heads"><p class="strip"><span>Photograph</span>'
        f"<span>Heat map</span><span>Outlines</span></p>{legend()}</div>"
        f'<ol id="cards">{cards}</ol><p id="none" hidden>No image fits these filters.</p></section>'
    )


def product_of(row: Row, thresholds: Mapping[str, float | None]) -> str:
    """The row's product if it is a known one, else the one for all images."""
    product = str(row.get("product") or "")
    return product if product in thresholds else ""


def _controls(words: Sequence[str], products: Sequence[str]) -> str:
    verdicts = "".join(
        f'<label><input type="radio" name="verdict" value="{value}"{" checked" if not value else ""}>'
        f"<span>{title}</span></label>"
        for value, title in (("", "All"), ("defect", "Defect"), ("ok", "OK"))
    )
    orders = "".join(
        f'<option value="{value}">{title}</option>'
        for value, title in (("score", "Highest score"), ("near", "Nearest to threshold"), ("name", "Name"))
    )
    return (
        '<form id="filters" class="needs-script" role="search" hidden>'
        f'<fieldset class="verdicts"><legend>Verdict</legend>{verdicts}</fieldset>'
        f"{_choice('phrase', 'Phrase', words)}{_choice('product', 'Product', products)}"
        f'<p><label for="order">Order</label><select id="order">{orders}</select></p>'
        '<p class="search"><label for="q">Name</label><input id="q" type="search" autocomplete="off"'
        ' spellcheck="false" placeholder="part of a file name"></p></form>'
    )


def _choice(key: str, title: str, values: Sequence[str]) -> str:
    if not values:
        return ""
    options = "".join(
        f'<option value="{i}">{text(value) if value else "all images"}</option>' for i, value in enumerate(values)
    )
    return (
        f'<p><label for="{key}">{title}</label><select id="{key}"><option value="">All</option>{options}</select></p>'
    )


def _card(
    row: Row,
    threshold: float | None,
    places: Mapping[str, str],
    products: Sequence[str],
    thresholds: Mapping[str, float | None],
    pictures: Pictures,
) -> str:
    ran, image_id, found = verdict(row), row["id"], phrases(row)
    known = " ".join(places[phrase] for phrase in found if phrase in places)
    product = products.index(product_of(row, thresholds))
    notes = "".join(note(warning) for warning in row.get("warnings") or ())
    picture = pictures.of(row, threshold)
    return (
        f'<li class="card {ran}{"" if picture else " bare"}" data-s="{score(row)!r}" data-v="{ran}" data-f="{known}"'
        f' data-g="{product}"{"" if threshold is None else f" data-t={threshold!r}"}>{picture}<div class="told">'
        f'<h3>{name(image_id)}</h3><p class="result"><span class="badge">{ran}</span> '
        f'<span class="score">{score(row):.3f}</span><span class="was" hidden> {ran} in the run</span></p>'
        f'<p class="found">{_found(row, found)}</p>{notes}'
        f'<p class="note"><a href="{link("masks", image_id, ".png")}">mask</a></p></div></li>\n'
    )


def _found(row: Row, found: Mapping[str, int]) -> str:
    number = row.get("regions") or 0
    if not number:
        return "no regions"
    kinds = [f"{text(phrase)}{f' &times; {n}' if n > 1 else ''}" for phrase, n in list(found.items())[:6]]
    more = ", &hellip;" if len(found) > 6 else ""
    return f"{count(number, 'region')}: {', '.join(kinds)}{more}" if kinds else count(number, "region")
