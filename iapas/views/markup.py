"""Text into HTML: every value from file names, errors, profiles or configs goes through here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote


def text(value: Any) -> str:
    """``value`` as escaped text, also for attributes in double quotes; a dash for None and for nothing.

    >>> text('<b> & "c"'), text(None)
    ('&lt;b&gt; &amp; &quot;c&quot;', '&ndash;')
    """
    return "&ndash;" if value is None or value == "" else escape(str(value))


def name(value: str) -> str:
    """A file name or the like: escaped, and kept from turning the text around it when it is written right to left."""
    return f"<bdi>{text(value)}</bdi>"


def note(value: Any) -> str:
    """A remark in small print, escaped."""
    return f'<p class="note">{text(value)}</p>'


def link(folder: str, image_id: str, suffix: str) -> str:
    """The relative address of a file of the run folder.

    Begins with a folder of ours, so no name can become a scheme such as ``javascript:``. Nothing in it needs
    escaping in HTML or in CSS.

    >>> link("masks", "a/part #3 (1)'.png", ".png")
    'masks/a/part%20%233%20%281%29%27.png.png'
    """
    return quote(f"{folder}/{image_id}{suffix}", safe="/", errors="replace")


def table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[str]], numbers: int = 0) -> str:
    """A table of cells that are HTML already; the last ``numbers`` columns hold numbers."""
    titles = list(heads)
    first = len(titles) - numbers
    kinds = [' class="number"' if i >= first else "" for i in range(len(titles))]
    top = "".join(f'<th scope="col"{kind}>{text(title)}</th>' for title, kind in zip(titles, kinds, strict=True))
    lines = "".join(
        f'<tr><th scope="row">{head}</th>'
        + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(cells, kinds[1:], strict=True))
        + "</tr>\n"
        for head, *cells in rows
    )
    words = text(caption)
    return (  # wider than a small screen: the keyboard must be able to scroll it
        f'<div class="wide" role="group" aria-label="{words}" tabindex="0"><table><caption>{words}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is a mapping, else an empty one: run.json may be of another version."""
    return value if isinstance(value, Mapping) else {}


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> count(1, "image"), count(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
