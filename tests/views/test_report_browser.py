"""The report in a real browser, where there is one: the script runs under the page's policy, and the view in the
address (#t=0.7&verdict=defect) is what slider and filters show.
"""

import json
import re
import shutil
import subprocess
import sys

import pytest
from test_report import Page

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
    "--virtual-time-budget=2000",
]  # fmt: skip

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: the report's script is not run")

HOSTILE = ["<b>bold<script>.png", "a&quot;'onload=x (1);}.png", "100%25 #1?.png"]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A run of the command line over generated pictures, some of them broken or with odd names."""
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("browser")
    images, out = folder / "in", folder / "out"
    images.mkdir()
    random = np.random.default_rng(0)
    for i in range(8):
        picture = random.normal(130, 4, (128, 160)).clip(0, 255).astype(np.uint8)
        if i % 2:
            cv2.line(picture, (30, 20 + 8 * i), (120, 30 + 8 * i), 130 + 14 * i, 1 + i // 3)
        name = HOSTILE[i] if i < len(HOSTILE) else f"part {i}.png"
        (images / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    (images / "broken.png").write_bytes(b"\x89PNG no more")
    command = [sys.executable, "-m", "iapas", "segment", str(images), "--out", str(out), "--quiet", "--workers", "1"]
    assert subprocess.run(command, capture_output=True).returncode == 3
    return out


@pytest.fixture
def browse(out, tmp_path):
    def browse(view="", page="report.html", refused=False):
        """The page as it stands after its script has run; the browser must have nothing to complain about."""
        address = (out / page).as_uri() + view
        command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path}", "--dump-dom", address]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        assert ("violates" in ended.stderr or "Refused to" in ended.stderr) == refused, ended.stderr
        assert ("CONSOLE" in ended.stderr) == refused, ended.stderr
        return View(ended.stdout)

    return browse


class View:
    def __init__(self, text):
        self.text, self.page = text, Page(text)
        cards = re.findall(
            r'<li class="card (\w+)[^"]*"([^>]*)>.*?<h3><bdi>(.*?)</bdi>.*?badge">(\w+)<', text, re.DOTALL
        )
        self.all = [
            (name, verdict, 'hidden=""' not in rest) for verdict, rest, name, badge in cards if verdict == badge
        ]
        self.shown = [(name, verdict) for name, verdict, shown in self.all if shown]
        self.counts = {key: int(n) for key, n in re.findall(r'<b id="count-(\w+)">(\d+)</b>', text)}
        self.status = re.search(r'id="shown"[^>]*>([^<]*)', text)[1]


def rows(out):
    found = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    return [row for row in found if row["status"] == "ok"]


def test_the_page_stands_as_the_run_left_it(out, browse):
    view = browse()
    defects = sum(row["verdict"] == "defect" for row in rows(out))
    assert view.counts == {"all": 9, "defect": defects, "ok": 8 - defects, "failed": 1}
    assert len(view.shown) == len(view.all) == 8
    assert view.status == f"8 of 8 images shown: {defects} defect, {8 - defects} ok"
    assert not [tag for tag, attrs in view.page.tags if "needs-script" in attrs.get("class", "") and "hidden" in attrs]
    assert len(view.page.all("script")) == 1
    assert not view.page.all("b") or all("id" in attrs or not attrs for attrs in view.page.all("b"))


def test_the_slider_judges_as_the_run_would(out, browse):
    scores = sorted(row["score"] for row in rows(out))
    t = max(0.01, round(scores[5] - 0.01, 2))
    over = sum(score >= t for score in scores)
    view = browse(f"#t={t}")
    assert (view.counts["defect"], view.counts["ok"]) == (over, 8 - over)
    assert sum(verdict == "defect" for _, verdict in view.shown) == over
    assert f'id="t-apply">{t:.2f}<' in view.text
    assert '<ol id="cards" class="moved">' in view.text
    assert [name for name, verdict in browse(f"#t={t}&verdict=ok").shown] == [n for n, v in view.shown if v == "ok"]


def test_filters_and_order(browse):
    assert {name for name, _ in browse("#q=PART").shown} == {f"part {i}.png" for i in range(3, 8)}
    assert [name for name, _ in browse("#order=name&q=part").shown] == [f"part {i}.png" for i in range(3, 8)]
    whole = browse()
    phrase, images = re.search(r'<th scope="row">([^<]+)</th><td class="number">(\d+)', whole.text).groups()
    assert len(browse(f"#phrase={phrase}").shown) == int(images)
    assert len(browse("#phrase=no such phrase&verdict=odd&t=x").shown) == 8
    nobody = browse("#q=nothing")
    assert nobody.shown == []
    assert '<p id="none">' in nobody.text


def test_a_script_that_is_not_the_page_s_own_does_not_run(out, browse):
    """Nor is anything lost then: the images are there, slider and filters are hidden."""
    page = (out / "report.html").read_text(encoding="utf-8")
    (out / "changed.html").write_text(page.replace('"use strict";', '"use strict"; '), encoding="utf-8")
    view = browse("", page="changed.html", refused=True)
    assert len(view.shown) == 8
    assert re.search(r'<form id="threshold"[^>]* hidden', view.text)
    assert re.search(r'<form id="filters"[^>]* hidden', view.text)
