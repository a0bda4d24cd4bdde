"""The report's threshold: how the scores lie around it, a slider to try another, and the phrases found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from iapas.core.scoring import ANY_POSITIVE
from iapas.views.markup import count, table, text
from iapas.views.report_tally import Tally

_BARS = 50
_MOST_PHRASES = 12


def largest_score(tally: Tally, thresholds: Iterable[float | None]) -> float:
    """Where the score axis ends: 1, or more if scores or thresholds are higher."""
    highest = max(max(tally.scores, default=0) / 100, *(t or 0 for t in thresholds), 1.0)
    return _step(highest) * math.ceil(round(highest * 100) / _step(highest)) / 100


def _step(highest: float) -> int:
    """Hundredths in a bar."""
    return max(1, math.ceil(round(highest * 100) / _BARS))


def histogram(tally: Tally, most: float, threshold: float | None) -> str:
    """The distribution of scores; ``threshold``: where its line stands, None if there is not one for all images."""
    step = _step(most)
    bars = [0] * round(most * 100 / step)
    for hundredth, number in tally.scores.items():
        bars[min(len(bars) - 1, hundredth // step)] += number
    tallest = max(*bars, 1)
    width = 100 / len(bars)
    shapes = "".join(
        f'<rect x="{i * width + width * 0.08:.2f}" y="{100 - h:.2f}" width="{width * 0.84:.2f}" height="{h:.2f}"/>'
        for i, h in ((i, max(2.0, 100 * number / tallest)) for i, number in enumerate(bars) if number)
    )
    place = 100.0 if threshold is None else 100 * min(1.0, threshold / most)
    hidden = ' style="display:none"' if threshold is None else ""
    middle = f" Half of them lie below {_median(tally):.2f}." if tally.done > 1 else ""
    words = f"Scores of {count(tally.done, 'image')}, in steps of {step / 100:g}; the tallest bar: {tallest:,}.{middle}"
    return (
        '<figure class="histogram"><svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img"'
        ' aria-labelledby="histogram-words"><defs><clipPath id="over">'
        f'<rect id="over-box" x="{place:.2f}" y="0" width="100" height="100"/></clipPath></defs>'
        f'<g class="below">{shapes}</g><g class="above" clip-path="url(#over)">{shapes}</g>'
        f'<line id="threshold-line" x1="{place:.2f}" x2="{place:.2f}" y1="-4" y2="100"{hidden}/></svg>'
        f'<p class="axis" aria-hidden="true"><span>0</span><span>score</span><span>{most:g}</span></p>'
        f'<figcaption id="histogram-words">{words}</figcaption></figure>'
    )


def _median(tally: Tally) -> float:
    seen = 0
    for hundredth, number in sorted(tally.scores.items()):
        seen += number
        if 2 * seen >= tally.done:
            return (hundredth + 1) / 100
    return 0.0


def slider(most: float, threshold: float | None) -> str:
    """The slider, hidden until the page's script is there."""
    value = 0.5 if threshold is None else min(max(threshold, 0.01), most)
    shown = "as in the run" if threshold is None else _in_words(threshold)
    return (
        '<form id="threshold" class="needs-script" hidden><label for="t">Threshold</label>'
        f'<input id="t" type="range" min="0.01" max="{most:g}" step="0.01" value="{value:.2f}"'
        f' aria-describedby="slider-words"><output id="t-now" for="t">{shown}</output>'
        '<button type="button" id="as-run" disabled>As in the run</button></form>'
    )


def slider_words(rules: Mapping[str, Any]) -> str:
    """What the slider shows and what it cannot; ``rules``: the config's section ``verdict``."""
    area = rules.get("min_area") or 0
    dropped = (
        f" This run also dropped defects of under {count(area, 'pixel')} (verdict.min_area): the outlines still show"
        " them, and at another threshold they count."
        if area > 1
        else ""
    )
    return (
        '<p id="slider-words" class="note needs-script" hidden>Moving the threshold recounts the images: one is a'
        " defect when its score reaches the threshold. Outlines follow on a small copy of the score map, so hairlines"
        f" look thicker than they are. Phrases, regions and all files stay those of the run.{dropped}"
        '<span id="apply" hidden> To make it so: <code>iapas segment &hellip; --threshold <span id="t-apply"></span>'
        " --restart</code></span></p>"
        '<noscript><p class="note">The threshold slider, the filters and the search need scripts; everything else is'
        " here.</p></noscript>"
    )


def _in_words(threshold: float) -> str:
    return "above 0" if threshold <= ANY_POSITIVE else f"{threshold:.4g}"


def phrase_table(tally: Tally) -> str:
    """In how many images each phrase was found; "" where nothing was."""
    found = sorted(tally.phrases.items(), key=lambda item: (-item[1], item[0]))
    if not found:
        return ""
    caption = "What the regions look like most, by the words of the profile"
    if len(found) > _MOST_PHRASES:
        caption += f"; the first {_MOST_PHRASES} of {len(found):,}"
    rows = [(text(p), f"{n:,}", f"{tally.regions[p]:,}") for p, n in found[:_MOST_PHRASES]]
    return (
        f'<section id="phrases"><h2>Found</h2>{table(caption, ("Phrase", "Images", "Regions"), rows, numbers=2)}'
        "</section>"
    )
