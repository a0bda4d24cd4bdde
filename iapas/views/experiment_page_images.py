"""The images of an experiment's page: photograph, truth and the maps of all variants side by side.

The pictures are files beside the page, loaded when they come into view; maps have the colours of the report's heat
maps. With scripts one image is shown, chosen from
a strip of small pictures or with the arrow keys; without, all are listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from iapas.views.experiment_page_rows import Rows
from iapas.views.experiment_page_summary import swatch
from iapas.views.markup import count, mapping, name, text
from iapas.views.report_pictures import legend

_EDGE = (  # a white area to its outline
    '<svg class="filters" width="0" height="0" aria-hidden="true" focusable="false"><filter id="edge" x="0" y="0"'
    ' width="1" height="1" color-interpolation-filters="sRGB"><feColorMatrix type="luminanceToAlpha" result="inside"/>'
    '<feMorphology in="inside" operator="dilate" radius="1.6" result="wide"/><feFlood flood-color="#4df0ff"/>'
    '<feComposite in2="wide" operator="in"/><feComposite in2="inside" operator="out"/></filter></svg>'
)


def images_section(experiment: Mapping[str, Any], rows: Rows) -> str:
    """The section; "" where no image has pictures."""
    images = [image for image in experiment.get("images", ()) if image.get("picture")]
    if not images:
        return ""
    film = "".join(_frame(place, image) for place, image in enumerate(images))
    shown = "".join(_image(place, image, rows) for place, image in enumerate(images))
    return (
        f'<section id="images" aria-labelledby="images-title"><h2 id="images-title">Images</h2>'
        f'<p class="note">{count(len(images), "image")} of the experiment, with the score map of each variant.</p>'
        f"{_EDGE}{_controls(images)}"
        f'<div id="film" class="needs-script" hidden>{film}</div><div id="views">{shown}</div></section>'
    )


def address(path: str) -> str:
    """The relative address of a file of the experiment; "./" first, so that no name can become a scheme or a host.

    >>> address("maps/a b/javascript:1 #2.png")
    './maps/a%20b/javascript%3A1%20%232.png'
    """
    return "./" + quote(path, safe="/", errors="replace")


def _controls(images: Sequence[Mapping[str, Any]]) -> str:
    categories = sorted({str(image.get("category") or "") for image in images})
    options = "".join(f'<option value="{text(category)}">{text(category)}</option>' for category in categories)
    choice = (
        f'<p><label for="category">Category</label><select id="category"><option value="">All</option>{options}'
        "</select></p>"
        if len(categories) > 1
        else ""
    )
    outline = (
        '<label class="check"><input type="checkbox" id="outline" checked> outline of the truth</label>'
        if any(image.get("truth") for image in images)
        else ""
    )
    return (
        f'<form id="chooser" class="needs-script" hidden>{choice}<p><button type="button" id="before"'
        ' aria-label="Image before">&larr;</button><button type="button" id="after" aria-label="Next image">&rarr;'
        '</button><span id="place" role="status"></span></p><label class="check"><input type="checkbox" id="over">'
        f' maps over the photograph</label>{outline}<span class="soft hint">arrow keys: previous and next</span></form>'
        f"{legend()}"
    )


def _frame(place: int, image: Mapping[str, Any]) -> str:
    words = text(image["id"])
    return (
        f'<button type="button" data-place="{place}" data-category="{text(image.get("category") or "")}"'
        f' title="{words}"><img src="{address(image["picture"])}" alt="{words}" loading="lazy"></button>'
    )


def _image(place: int, image: Mapping[str, Any], rows: Rows) -> str:
    maps = mapping(image.get("maps"))
    figures = _figure(image["picture"], "Photograph", "", "photograph")
    if image.get("truth"):
        figures += _figure(image["truth"], "Truth", "", "truth")
    for one in rows.variants:
        if one in maps:
            figures += _figure(maps[one], one, swatch(rows, one), "map")
    layers = f"--p:url({address(image['picture'])})"
    if image.get("truth"):
        layers += f";--t:url({address(image['truth'])})"
    told = dict.fromkeys(str(image[key]) for key in ("category", "defect_type") if image.get(key))
    kinds = " &middot; ".join(map(name, told))
    return (
        f'<article data-place="{place}" style="{layers}"><h3>{name(image["id"])} <span class="soft">{kinds}</span></h3>'
        f'<div class="maps">{figures}</div></article>\n'
    )


def _figure(path: str, title: str, before: str, kind: str) -> str:
    return (
        f'<figure class="{kind}"><a href="{address(path)}"><img src="{address(path)}" alt="{text(title)}"'
        f' loading="lazy"></a><figcaption>{before}{name(title)}</figcaption></figure>'
    )
