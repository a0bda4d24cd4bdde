import base64
import hashlib
import json
import re
import time
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest

from iapas.types import ObjectProfile, Phrase
from iapas.views import report, report_pictures, report_tally
from iapas.views.report import report_html
from iapas.views.report_scores import slider_words

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Checks that tags are closed in order, and collects what is on the page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def row(image_id, score=0.5, verdict="defect", **more):
    return {
        "id": image_id, "status": "ok", "error": None, "message": None, "sha256": "0" * 64, "width": 640, "height": 480,
        "exif_orientation": 1, "verdict": verdict, "score": score, "regions": 1, "warnings": [], "seconds": 0.2, **more,
    }  # fmt: skip


def failed(image_id, error="image-truncated", message="ends after 3 of 10 rows"):
    nothing = dict.fromkeys(("verdict", "score", "regions", "width", "height", "exif_orientation", "sha256"))
    return row(image_id) | nothing | {"status": "failed", "error": error, "message": message}


RUN = {
    "iapas": "0.1.0", "title": "embedded default: classical vision, not IAP-AS", "started": "2026-01-01T10:00:00+00:00",
    "ended": "2026-01-01T10:01:00+00:00", "fingerprint": "abc", "versions": {"python": "3.11.7", "numpy": "2.4.0"},
    "config": {"name": "embedded", "verdict": {"threshold": "auto", "default": 0.5}},
}  # fmt: skip

HOSTILE = [
    "<script>alert(1)</script>.png",
    '"onmouseover="alert(1)" x=".png',
    "'><img src=x onerror=alert(1)>.png",
    "javascript:alert(1).png",
    "a\nb.png",
    "100%.png",
    "50%25.png",
    "part #3?.png",
    "a&amp;b.png",
    "läufer/漢字.png",
    "{body}.png",
    "</title></style><script>.png",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name):
    profiles = {name: ObjectProfile(name, (Phrase(name),), found={"object": name, "phrases": name})}
    rows = [row(name, top_phrase=name, warnings=[name]), failed(name, message=name, error=name)]
    run = RUN | {"title": name, "started": name, "fingerprint": name, "versions": {name: name}}
    page = Page(report_html(run, rows, profiles, {name}))
    assert {tag for tag, _ in page.tags}.isdisjoint({"iframe", "object", "base"})
    assert len(page.all("script")) == 1
    (image,) = page.all("img")
    (link,) = [link for link in page.all("a") if link.get("class") == "picture"]
    assert image["src"] == link["href"]
    assert image["src"].startswith("overlays/")
    assert unquote(image["src"]) == f"overlays/{name}.jpg"
    assert not set(image["src"]) & set("?#\n\"'<>")
    assert image["alt"] == f"Overlay of {name}"
    assert page.texts.count(name) >= 5


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_strips_stay_addresses(name, monkeypatch):
    for room in (0, 10**6):
        monkeypatch.setattr(report_pictures, "EMBEDDED", room)
        page = Page(report_html(RUN, [row(name)], {}, set(), lambda _: b"\xff\xd8 strip"))
        (strip,) = [tag for tag in page.all("span") if tag.get("role") == "img"]
        assert name in strip["aria-label"]
        ((url, rest),) = re.findall(r"^--p:url\(([^()\"'\s;<>]+(?:;base64,[A-Za-z0-9+/=]+)?)\);(.*)$", strip["style"])
        assert rest == "--a:1.333;--cut:url(#cut-108)"
        assert url.startswith("data:image/jpeg;base64,") if room else unquote(url) == f"thumbnails/{name}.jpg"


def test_the_policy_allows_one_script_and_no_network():
    text = report_html(RUN, [], {}, set())
    page = Page(text)
    script = re.search("<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "img-src 'self' data: file:" in policy
    assert f"script-src 'sha256-{digest}';" in policy
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?:|//cdn|@import|fetch\(|XMLHttp", text)
    assert page.tags.index(("meta", {"charset": "utf-8"})) < [tag for tag, _ in page.tags].index("style")


def counts(text):
    return dict(re.findall(r'<b id="count-(\w+)">([\d,]+)</b>', text))


def test_it_says_what_ran_and_counts():
    rows = [row("a.png"), row("b.png", 0.1, "ok"), failed("c.png")]
    text = report_html(RUN, rows, {}, set())
    assert "embedded default: classical vision, not IAP-AS" in text
    assert "numpy 2.4.0" in text
    assert counts(text) == {"all": "3", "defect": "1", "ok": "1", "failed": "1"}
    assert "<code>embedded</code>" in text
    assert ">verdict.default<" in text


def test_images_are_sorted_by_score_and_failed_ones_have_their_own_table():
    rows = [row("low.png", 0.1), failed("bad.png"), row("b.png", 0.9), row("a.png", 0.9)]
    text = report_html(RUN, rows, {}, lambda image_id: image_id == "a.png")
    places = [text.index(f"<bdi>{name}</bdi>") for name in ("bad.png", "a.png", "b.png", "low.png")]
    assert places == sorted(places)
    assert "image-truncated" in text
    assert "ends after 3 of 10 rows" in text
    assert [(image["loading"], image["decoding"]) for image in Page(text).all("img")] == [("lazy", "async")]


@pytest.mark.parametrize(
    ("profile", "verdict", "expected"),
    [
        (ObjectProfile(threshold=0.25), {"threshold": "auto", "default": 0.5}, ["0.25", "from the profile"]),
        (
            ObjectProfile(threshold=0.25, found={"threshold": "calibrated on 40 images"}),
            {},
            ["calibrated on 40 images"],
        ),
        (ObjectProfile(), {"threshold": "auto", "default": 0.5}, ["0.5", "not calibrated"]),
        (ObjectProfile(), {"threshold": "auto", "default": "positive"}, ["any score over 0"]),
        (ObjectProfile(threshold=0.25), {"threshold": 0.7, "default": 0.5}, ["0.7", "set for this run"]),
    ],
)
def test_the_threshold_and_where_it_comes_from(profile, verdict, expected):
    text = report_html(RUN | {"config": {"verdict": verdict}}, [], {"": profile}, set())
    assert all(part in text for part in expected)


def test_an_empty_run_and_bare_data_make_a_page():
    assert counts(report_html({}, [], {}, set()))["all"] == "0"
    Page(report_html({"config": None, "versions": None}, [row("a.png", None)], {"": ObjectProfile()}, set()))


def test_text_that_is_not_utf8_can_be_written():
    text = report_html(RUN, [failed("a.png", message="cannot read 'x\udcff.png'")], {}, set())
    assert "\\udcff" in text.encode("utf-8").decode()


def test_many_images_are_cut_with_a_word(monkeypatch):
    monkeypatch.setattr(report, "MOST_ROWS", 3)
    monkeypatch.setattr(report_tally, "MOST_FAILED", 3)
    rows = [row(f"{i}.png", i / 10) for i in range(6)] + [failed(f"f{i}.png") for i in range(5)]
    text = report_html(RUN, iter(rows), {}, set())
    assert "the first 3 of 6; all are in summary.csv" in text
    assert "the first 3 of 5; all are in manifest.jsonl" in text
    assert "<bdi>5.png</bdi>" in text
    assert "<bdi>2.png</bdi>" not in text
    assert counts(text)["all"] == "11"
    data = json.loads(Page(text).all("body")[0]["data-report"])
    assert data["bins"] == {"0": 1, "10": 1, "20": 1, "30": 1, "40": 1, "50": 1}


def test_two_thousand_images_are_cheap():
    rows = [row(f"line 1/part {i:05}.png", i % 97 / 97) for i in range(2000)]
    start = time.perf_counter()
    text = report_html(RUN, rows, {}, lambda _: True, lambda _: bytes(8000))
    assert time.perf_counter() - start < 2
    assert 18_000_000 < len(text) < 20_500_000
    assert text.count("url(data:") + text.count("url(thumbnails/") == 2000


def test_phrases_and_products_can_be_chosen():
    rows = [
        row("x/a.png", phrases={"hole": 1, "crack": 3}, product="x"),
        row("y/b.png", 0.4, "ok", phrases={"hole": 2}, product="y", regions=2),
        row("c.png", 0.3, "ok", product="gone"),
    ]
    profiles = {"x": ObjectProfile(threshold=0.25), "y": ObjectProfile(threshold=0.6)}
    text = report_html(RUN, rows, profiles, set())
    page = Page(text)
    items = [item for item in page.all("li") if item.get("class", "").startswith("card")]
    assert [(item["data-f"], item.get("data-t"), item["data-g"]) for item in items] == [
        ("1 0", "0.25", "1"),
        ("0", "0.6", "2"),
        ("", "0.5", "0"),
    ]
    options = re.findall(r'<option value="(\d+)">([^<]*)', text)
    assert options == [("0", "hole"), ("1", "crack"), ("0", "all images"), ("1", "x"), ("2", "y")]
    assert "1 region: crack &times; 3, hole" in text
    assert "hidden>As in the run" not in text
    assert json.loads(page.all("body")[0]["data-report"])["threshold"] is None
    assert {"cut-63", "cut-126", "cut-108", "cut-live", "heat"} == {tag["id"] for tag in page.all("filter")}


@pytest.mark.parametrize(("left", "words"), [(1, "1 image is left"), (1200, "1,200 images are left")])
def test_an_interrupted_run_says_so(left, words):
    assert words in report_html(RUN | {"summary": {"left": left, "out": "runs/x"}}, [row("a.png")], {}, set())
    assert "interrupted" not in report_html(RUN | {"summary": {"left": 0}}, [row("a.png")], {}, set())


def test_what_the_slider_cannot_show_is_said():
    assert "under 40 pixels (verdict.min_area)" in slider_words({"min_area": 40})
    assert "min_area" not in slider_words({"min_area": 0})


def test_every_table_has_a_caption_and_scopes():
    text = report_html(RUN, [row("a.png", phrases={"hole": 1}), failed("b.png")], {"": ObjectProfile()}, set())
    assert text.count("<table>") == text.count("<caption>") == 4
    assert all(head["scope"] in ("col", "row") for head in Page(text).all("th"))


@pytest.mark.parametrize("value", [0.0, 0.005, 0.07, 0.29, 0.57, 0.58, 1.13, 1.15, 2.01, 20.4])
def test_hundredths_are_counted_as_masks_are_made(value):
    score = np.float32(value)
    k = report_tally.hundredths(float(score))
    assert score >= np.float32(k / 100)
    assert score < np.float32((k + 1) / 100)
