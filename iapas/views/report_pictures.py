"""The pictures of the report: strips of photograph and scores, coloured by SVG filters as the page shows them.

The outlines are those of the small score map at the filter's threshold. So one number moved by the page's slider
changes the outlines of every image, and without scripts they are those of the run.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np

from iapas.views.markup import link, text
from iapas.views.report_tally import Row
from iapas.views.thumbnails import grey_value, score_at

EMBEDDED = 18_000_000
"""Characters of pictures within the page; the strips of further images are linked, from thumbnails/."""

_STEEP = 64  # an outline fades over 255 / 64 grey values
_STOPS = 18  # of the heat map's colours, over the grey values 0..255


@dataclass
class Pictures:
    """Hands out each image's picture, and keeps to the budget."""

    has_overlay: Callable[[str], bool]
    thumbnail: Callable[[str], bytes | None]
    room: int = field(default_factory=lambda: EMBEDDED)

    def of(self, row: Row, threshold: float | None) -> str:
        """The picture as HTML, a link to the overlay if there is one; "" if nothing was kept of the image."""
        image_id = row["id"]
        overlay = link("overlays", image_id, ".jpg") if self.has_overlay(image_id) else ""
        strip = self.thumbnail(image_id)
        if strip is not None:
            picture = _strip(row, self._source(image_id, strip), threshold)
        elif overlay:
            words = f"Overlay of {text(image_id)}"
            picture = f'<img class="whole" src="{overlay}" alt="{words}" loading="lazy" decoding="async">'
        else:
            return ""
        return f'<a class="picture" href="{overlay}">{picture}</a>' if overlay else f'<p class="picture">{picture}</p>'

    def _source(self, image_id: str, strip: bytes) -> str:
        size = (len(strip) + 2) // 3 * 4
        if size > self.room:
            return link("thumbnails", image_id, ".jpg")
        self.room -= size
        return f"data:image/jpeg;base64,{base64.b64encode(strip).decode()}"


def _strip(row: Row, source: str, threshold: float | None) -> str:
    width, height = row.get("width") or 4, row.get("height") or 3
    shape = min(8.0, max(0.125, width / height))
    cut = f";--cut:url(#{filter_name(threshold)})" if threshold is not None else ""
    words = f"Photograph, heat map and outlined regions of {text(row['id'])}"
    return (
        f'<span class="strip" role="img" aria-label="{words}" style="--p:url({source});--a:{shape:.3f}{cut}">'
        '<span class="photo"></span><span class="heat"><i></i></span><span class="outlined"><i></i></span></span>'
    )


def filters(thresholds: Iterable[float | None]) -> str:
    """The SVG with the filters that colour the score maps; ``cut-live`` is the slider's."""
    known = {filter_name(t): t for t in thresholds if t is not None}
    cuts = "".join(_cut(name, t) for name, t in sorted(known.items()))
    return (
        '<svg class="filters" width="0" height="0" aria-hidden="true" focusable="false"><defs>'
        f"{_heat()}{cuts}{_cut('cut-live', 0.5)}</defs></svg>"
    )


def filter_name(threshold: float) -> str:
    """One filter for all thresholds that are the same on a strip."""
    return f"cut-{cut_value(threshold):.0f}"


def cut_value(threshold: float) -> float:
    """The grey value from which a strip counts as at the threshold: a little less, as JPEG blunts peaks."""
    return max(10.0, float(grey_value(threshold)) - 2)


def _cut(name: str, threshold: float) -> str:
    """Outlines around what is at or above the threshold: bright, with a dark halo."""
    intercept = 0.5 - _STEEP * cut_value(threshold) / 255
    return (
        f'<filter id="{name}" x="0" y="0" width="1" height="1" color-interpolation-filters="sRGB">'
        '<feColorMatrix values="0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 0 0"/>'
        f'<feComponentTransfer result="in"><feFuncA type="linear" slope="{_STEEP}" intercept="{intercept:.4f}"/>'
        "</feComponentTransfer>"
        '<feMorphology in="in" operator="dilate" radius="3" result="wide"/>'
        '<feMorphology in="in" operator="dilate" radius="2" result="near"/>'
        '<feFlood flood-color="#ffd60a"/><feComposite in2="near" operator="in" result="line"/>'
        '<feFlood flood-color="#000" flood-opacity=".55"/><feComposite in2="wide" operator="in" result="halo"/>'
        '<feMerge result="both"><feMergeNode in="halo"/><feMergeNode in="line"/></feMerge>'
        '<feComposite in="both" in2="in" operator="out"/></filter>'
    )


def _heat() -> str:
    """Grey values to colours: inferno from score 0 to 1; clear where nothing was found."""
    scores = [score_at(255 * i / (_STOPS - 1)) for i in range(_STOPS)]
    red, green, blue = (
        " ".join(f"{c:.3f}" for c in channel) for channel in zip(*map(heat_colour, scores), strict=True)
    )
    alpha = " ".join(f"{min(0.92, 0.2 + 2.2 * s) if s else 0:.2f}" for s in scores)
    tables = zip("RGBA", (red, green, blue, alpha), strict=True)
    functions = "".join(f'<feFunc{c} type="table" tableValues="{values}"/>' for c, values in tables)
    return (
        '<filter id="heat" x="0" y="0" width="1" height="1" color-interpolation-filters="sRGB">'
        '<feColorMatrix values="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0"/>'
        f"<feComponentTransfer>{functions}</feComponentTransfer></filter>"
    )


def heat_colour(value: float) -> tuple[float, float, float]:
    """The colour of a score of 0 to 1, red, green and blue in 0..1. Inferno: as even for the eye as the scores are."""
    shade = np.array([[round(255 * value)]], np.uint8)
    blue, green, red = (float(c) / 255 for c in cv2.applyColorMap(shade, cv2.COLORMAP_INFERNO)[0, 0])
    return red, green, blue


def legend() -> str:
    """The scale of the heat map's colours."""
    stops = ",".join("#" + "".join(f"{round(255 * c):02x}" for c in heat_colour(i / 8)) for i in range(9))
    return (
        '<p class="legend"><span>Heat map: score 0</span>'
        f'<span class="scale" style="background:linear-gradient(90deg,{stops})"></span><span>1 and above</span></p>'
    )
