import time
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from iapas.types import ObjectProfile, Phrase
from iapas.views import report
from iapas.views.report import report_html

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
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object", "base", "form"})
    (image,) = page.all("img")
    (link,) = page.all("a")
    assert image["src"] == link["href"]
    assert image["src"].startswith("overlays/")
    assert unquote(image["src"]) == f"overlays/{name}.jpg"
    assert not set(image["src"]) & set("?#\n\"'<>")
    assert image["alt"] == f"Overlay of {name}"
    assert page.texts.count(name) >= 5


def test_a_policy_forbids_scripts_and_the_network():
    page = Page(report_html(RUN, [], {}, set()))
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "img-src 'self' data: file:" in policy
    assert "script-src" not in policy
    assert page.tags.index(("meta", {"charset": "utf-8"})) < [tag for tag, _ in page.tags].index("style")


def test_it_says_what_ran_and_counts():
    rows = [row("a.png"), row("b.png", 0.1, "ok"), failed("c.png")]
    text = report_html(RUN, rows, {}, set())
    assert "embedded default: classical vision, not IAP-AS" in text
    assert "numpy 2.4.0" in text
    for expected in ("<b>3</b> images", "<b>1</b> with defects", "<b>1</b> ok", "<b>1</b> failed"):
        assert expected in text


def test_images_are_sorted_by_score_and_failed_ones_have_their_own_table():
    rows = [row("low.png", 0.1), failed("bad.png"), row("b.png", 0.9), row("a.png", 0.9)]
    text = report_html(RUN, rows, {}, lambda image_id: image_id == "a.png")
    places = [text.index(f"<bdi>{name}</bdi>") for name in ("bad.png", "a.png", "b.png", "low.png")]
    assert places == sorted(places)
    assert "image-truncated" in text
    assert "ends after 3 of 10 rows" in text
    assert [image["loading"] for image in Page(text).all("img")] == ["lazy"]


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
    assert "<b>0</b> images" in report_html({}, [], {}, set())
    Page(report_html({"config": None, "versions": None}, [row("a.png", None)], {"": ObjectProfile()}, set()))


def test_text_that_is_not_utf8_can_be_written():
    text = report_html(RUN, [failed("a.png", message="cannot read 'x\udcff.png'")], {}, set())
    assert "\\udcff" in text.encode("utf-8").decode()


def test_many_images_are_cut_with_a_word(monkeypatch):
    monkeypatch.setattr(report, "MOST_ROWS", 3)
    rows = [row(f"{i}.png", i / 10) for i in range(6)] + [failed(f"f{i}.png") for i in range(5)]
    text = report_html(RUN, iter(rows), {}, set())
    assert "the first 3 of 6, all are in summary.csv" in text
    assert "the first 3 of 5; all are in manifest.jsonl" in text
    assert "<bdi>5.png</bdi>" in text
    assert "<bdi>2.png</bdi>" not in text
    assert "<b>11</b> images" in text


def test_two_thousand_images_are_cheap():
    rows = [row(f"line 1/part {i:05}.png", i % 97 / 97) for i in range(2000)]
    start = time.perf_counter()
    text = report_html(RUN, rows, {}, lambda _: True)
    assert time.perf_counter() - start < 1
    assert len(text) < 1_500_000
