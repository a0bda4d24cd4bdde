"""The page of an evaluation: self-contained, escaped, whole."""

import re
from html.parser import HTMLParser

import numpy as np

from iapas.views.eval_page import Example, eval_html
from iapas.views.eval_pictures import draw_judged

NASTY = '<script>alert("x")</script>\u202e'
VOID = {"meta", "img"}


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(rows=2):
    row = {"category": NASTY, "images": 3, "defective": 2, "pixel_ap": 0.5, "image_ap": None}
    results = {
        "dataset": NASTY,
        "protocol": "standard",
        "method": NASTY,
        "rows": [row] * rows,
        "by_defect": [row | {"defect": NASTY}] * 4,
        "mean": row | {"category": "mean"},
        "failed": [{"id": NASTY, "error": "not-judged", "message": NASTY}],
        "provenance": {"iapas": "1", "title": NASTY, "protocol": "as told", "data": {"images": 3, "defective": 2}},
    }
    heads = {
        "category": "category",
        "images": "images",
        "defective": "defective",
        "pixel_ap": "AP",
        "image_ap": "image AP",
    }
    curve = (np.array([0.5, 1.0]), np.array([0.9, 0.4]))
    shown = [Example(NASTY, "best", NASTY, NASTY, "AP 1", b"\xff\xd8jpeg")]
    return eval_html(
        results, heads, lambda row, key: str(row[key]), [NASTY], {NASTY: curve, "none": (curve[0][:0],) * 2}, shown
    )


def test_everything_is_escaped_and_every_tag_is_closed():
    parsed = Balance()
    text = page()
    parsed.feed(text)
    assert not parsed.open
    assert "script" not in parsed.seen
    assert text.count("&lt;script&gt;") > 10


def test_it_is_self_contained():
    text = page()
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert not re.search(r"https?://|(src|href)=\"(?!data:)|url\((?!#)|@import", text)


def test_the_mean_is_shown_only_of_several_and_an_empty_curve_not_at_all():
    assert page(1).count("<td") < page(2).count("<td")
    assert page().count("<polyline") == 1


def test_the_strip_shows_photograph_truth_and_heat():
    image = np.full((100, 200, 3), 90, np.uint8)
    truth = np.zeros((50, 100), bool)
    truth[20:30, 40:60] = True
    scores = truth * np.float32(2)
    strip = draw_judged(image, truth, scores, 2.0)
    assert strip.dtype == np.uint8 and strip.shape == (100, 608, 3)
    assert (strip[:, :200] == 90).all()
    outlined = (strip[:, 204:404] == (255, 214, 10)).all(axis=2)
    assert outlined[39, 100] and not outlined[50, 100] and outlined.sum() < 200
    heat = strip[:, 408:].sum(axis=2)
    assert heat[50, 100] > 600 and heat[5, 5] < 20
    assert draw_judged(image, truth, scores * 0, 0.0)[:, 408:].max() < 10
