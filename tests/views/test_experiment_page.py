"""The page of a prompt experiment: whole, escaped, the same bytes, and its script in a real browser."""

import json
import re
import subprocess

import pytest
from experiment_example import CATEGORIES, WORDS, experiment, timings, write
from test_report import HOSTILE, Page
from test_report_browser import BROWSER, FLAGS

from iapas.errors import UsageError
from iapas.experiments.page import write_page
from iapas.views.experiment_page import experiment_html
from iapas.views.experiment_page_images import address
from iapas.views.experiment_page_rows import percent, rows_of

NASTY = HOSTILE[0] + HOSTILE[1] + "\u202e"


def renamed(data, old, new):
    """``data`` with every text ``old``, keys too, replaced."""
    if isinstance(data, dict):
        return {renamed(key, old, new): renamed(value, old, new) for key, value in data.items()}
    if isinstance(data, list):
        return [renamed(value, old, new) for value in data]
    return new if data == old else data


def section(page, key):
    return re.search(rf'<(section|details) id="{key}".*?(?=<section|<details id|</main>)', page, re.DOTALL)[0]


def cells(page, key, variant):
    """The cells of a variant in each table of a section."""
    rows = re.findall(rf'<th scope="row">(?:<i[^>]*></i>)?<bdi>{variant}</bdi></th>(.*?)</tr>', section(page, key))
    return [re.findall(r"<td([^>]*)>(.*?)</td>", row) for row in rows]


def test_everything_is_escaped_and_every_tag_is_closed():
    data = experiment(pictures=1)
    for old in (
        "metal",
        "Crack",
        "scratch",
        "fine",
        "embedded",
        "mtd",
        "lexicon",
        "blow hole",
        "Words for magnetic tiles",
    ):
        data = renamed(data, old, f"{old} {NASTY}")
    data["provenance"]["failed"] = [{"id": NASTY, "message": NASTY}]
    text = experiment_html(data, renamed(timings(), "metal", f"metal {NASTY}"), [NASTY])
    page = Page(text)
    assert len(page.all("script")) == 1
    assert text.count("&lt;script&gt;") > 50
    assert not page.all("img") or all(set(img) <= {"src", "alt", "loading"} for img in page.all("img"))
    assert page.texts.count(f"metal {NASTY}") > 5


@pytest.mark.parametrize("path", ["maps/a b/c#?.png", "javascript:alert(1)", "//host/a", "data:text/html,x"])
def test_addresses_stay_in_the_folder(path):
    assert re.fullmatch(r"\./[\w./%~-]+", address(path))


def test_it_is_self_contained():
    text = experiment_html(experiment(pictures=2), timings(), ["heat-ap.svg"])
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|@import", text)
    for key, value in re.findall(r'(src|href)="([^"]*)"', text):
        assert value.startswith(("./", "#", "plots/")), (key, value)
    assert all(f'id="{target}"' in text for target in re.findall(r'href="#([\w-]+)"', text))


def test_heat_tables_show_each_figure_and_frame_the_best():
    data = experiment()
    rows = rows_of(data)
    page = experiment_html(data, {})
    for one in WORDS:
        ap, by_defect, f1, _, gain, _ = cells(page, "heat", one)
        for column, cell, score, change in zip(rows.columns, ap, f1, gain, strict=True):
            value = rows.value("pixel_ap", one, column)
            best = value is not None and value == max(rows.value("pixel_ap", o, column) for o in WORDS)
            assert cell[1] == (percent(value) or "&ndash;")
            assert ("best" in cell[0]) == best
            assert score[1] == (percent(rows.value("pixel_f1_max", one, column)) or "&ndash;")
            difference = rows.difference("pixel_ap", one, column)
            if difference:
                assert change[1] == percent(difference["value"], signed=True)
                assert ("sure" in change[0]) == (difference["low"] > 0 or difference["high"] < 0)
            else:
                assert "none" in change[0]
        assert len([cell for cell in by_defect if "gap" not in cell[0]]) == 4
    assert [column[1] for column in rows.columns] == [*CATEGORIES, None]


def test_the_result_in_words_goes_by_the_intervals():
    page = experiment_html(experiment(), timings())
    lead = section(page, "lead")
    assert re.search(r"<b><bdi>right words</bdi></b> has the highest AP", lead)
    found = {
        key: re.findall(r"<bdi>(.*?)</bdi>", names) for key, names in re.findall(r"<dt>(\w+).*?<dd>(.*?)</dd>", lead)
    }
    rows = rows_of(experiment())
    expected = {"Ahead": set(), "Not": set(), "Behind": set()}
    for one in list(WORDS)[1:]:
        difference = rows.difference("pixel_ap", one, ("mtd", None))
        kind = "Ahead" if difference["low"] > 0 else "Behind" if difference["high"] < 0 else "Not"
        expected[kind].add(one)
    assert {key: set(names) for key, names in found.items()} == expected
    assert all(expected.values())


def test_the_summary_tells_words_figures_and_times():
    data = experiment()
    text = section(experiment_html(data, timings()), "summary")
    assert text.count('class="whisker') == len(WORDS) - 1
    assert "and 2 more" in text and "words by category" in text
    assert "prompt.image_aware=true" in text
    assert "object: <bdi>magnetic tile</bdi>" in text
    assert re.findall(r"<b>([\d.]+) s</b> <span class=\"soft\">(\d+ %)", text)[:2] == [
        ("36.3", "100 %"),
        ("5.4", "15 %"),
    ]
    boxes = sum(row["boxes"] for row in data["phrases"] if row["variant"] == "metal")
    assert f'<td class="number">{boxes:,}</td>' in text
    assert ">Time<" not in section(experiment_html(data, {}), "summary")


def test_without_masks_there_are_words_agreement_and_maps_only():
    data = experiment(masks=False, pictures=1)
    page = experiment_html(data, timings())
    Page(page)
    shown = re.findall(r'<(?:section|details) id="(\w+)"', page)
    assert shown == ["summary", "agreement", "phrases", "images", "provenance"]
    assert "no masks" in section(page, "summary")
    assert "True area" not in page and "outline of the truth" not in page
    row = cells(page, "agreement", "metal")[0]
    assert [value for _, value in row] == [percent(v) for v in data["agreement"]["iou"][1]]


def test_of_several_data_sets_each_has_its_table():
    page = experiment_html(experiment(datasets=("mtd", "sd-900")), timings())
    Page(page)
    assert section(page, "summary").count("mean over categories") == 2 * 2  # label and caption
    heat = section(page, "heat")
    assert "sd-900: " not in heat and heat.count("<bdi>sd-900</bdi>") == 3
    assert len(re.findall("<figure>", section(page, "curves"))) == 2 * 4 + 1


def test_curves_have_a_line_for_each_variant_and_its_best_point():
    data = experiment()
    data["curves"] = [
        {"variant": "metal", "category": "Crack", "recall": [0.5, 1.0, 0.8], "precision": [1.0, 0.2, 0.9]}
    ]
    curves = section(experiment_html(data, {}), "curves")
    assert 'points="0.0,0.0 50.0,0.0 80.0,10.0 100.0,80.0"' in curves
    assert 'cx="80.0" cy="10.0"' in curves
    data["curves"][0] |= {"recall": [], "precision": []}
    assert 'id="curves"' not in experiment_html(data, {})


def test_phrases_have_their_shares_and_badges():
    data = experiment()
    text = section(experiment_html(data, {}), "phrases")
    assert text.count('class="badge">drop<') == sum(row["drop"] for row in data["phrases"]) > 0
    row = data["phrases"][0]
    assert f'class="share right" style="--w:{100 * row["true_share"]:.1f}%"' in text
    assert f'class="share wrong" style="--w:{100 * row["false_share"]:.1f}%"' in text
    assert percent(row["without"]["difference"], signed=True) in text
    assert "no regions" not in text
    for row in data["phrases"][:2]:
        row |= {"boxes": 0, "drop": False, "without": {"pixel_ap": 0.4, "difference": 0.0}}
    idle = section(experiment_html(data, {}), "phrases")
    assert "no regions: <bdi>defect</bdi>, <bdi>abnormal</bdi></td>" in idle
    dropped = {row["phrase"] for row in data["phrases"] if row["variant"] == "saa" and row["drop"]}
    assert all(f"<bdi>{phrase}</bdi>" in text.split("<bdi>saa</bdi>")[1].split("</summary>")[0] for phrase in dropped)


def test_the_search_tells_what_to_expect_of_new_images():
    data = experiment()
    text = section(experiment_html(data, {}), "search")
    assert re.findall(r'<ins class="chip"><bdi>(.*?)</bdi>', text) == ["blow hole"]
    assert set(re.findall(r'<del class="chip"><bdi>(.*?)</bdi>', text)) == {"stain", "rust", "dent", "burr"}
    assert re.search(r"reported on the other half.*40\.5.*44\.1.*\+3\.6", text)
    assert len(re.findall("<li>", text)) == 5
    assert 'id="search"' not in experiment_html(data | {"search": None}, {})


def test_the_page_is_written_into_the_folder(tmp_path):
    write(tmp_path, experiment(pictures=1))
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "curves.svg").write_text("<svg/>")
    page = write_page(tmp_path).read_text(encoding="utf-8")
    assert 'href="plots/curves.svg"' in page
    for path in re.findall(r'src="\./([^"]+)"', page):
        assert (tmp_path / path.replace("%20", " ")).is_file(), path
    first = (tmp_path / "index.html").read_bytes()
    write_page(tmp_path)
    assert (tmp_path / "index.html").read_bytes() == first


def test_a_folder_without_an_experiment_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        write_page(tmp_path)


@pytest.fixture
def browse(tmp_path):
    if BROWSER is None:
        pytest.skip("no Chromium on this machine: the page's script is not run")
    folder = tmp_path / "experiment"
    write(folder, experiment(pictures=2))
    page = write_page(folder)

    def browse(view="", then=""):
        """The page after its script, and then ``then``, have run; without ``then`` under the page's own policy."""
        text = page.read_text(encoding="utf-8")
        if then:
            text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
            (folder / "driven.html").write_text(f"{text}<script>{then}</script>", encoding="utf-8")
        address = (folder / ("driven.html" if then else "index.html")).as_uri() + view
        command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", address]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        assert "CONSOLE" not in ended.stderr and "violates" not in ended.stderr, ended.stderr
        return ended.stdout

    return browse


def shown(text):
    """The numbers of the images shown."""
    articles = re.findall(r'<article data-place="(\d+)"([^>]*)>', text)
    return [int(place) for place, rest in articles if "hidden" not in rest]


KEYS = (
    """for (const key of {keys}) document.body.dispatchEvent(new KeyboardEvent("keydown", {{key, bubbles: true}}));"""
)


def test_one_image_is_shown_and_the_address_says_which(browse):
    text = browse("#image=4")
    assert not re.search(r'<(form|div) id="(chooser|film)"[^>]*hidden', text)
    assert shown(text) == [3]
    assert ">4 of 10<" in text
    assert re.search(r'data-place="3"[^>]*aria-current="true"', text)


def test_arrow_keys_filter_and_legend(browse):
    keys = json.dumps(["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight"])
    choose = 'const c = document.getElementById("category"); c.value = "Crack"; c.dispatchEvent(new Event("change"));'
    lift = 'document.querySelectorAll(".key")[2].click();'
    text = browse(then=KEYS.format(keys=keys) + lift)
    assert shown(text) == [2]
    assert re.search(r'id="curves" class="lifted"', text)
    assert {int(place) for place in re.findall(r'class="curve on" data-variant="(\d)"', text)} == {2}
    text = browse(then=choose + KEYS.format(keys=json.dumps(["ArrowRight"] * 3)))
    assert shown(text) == [5]  # the second and last of its category
    assert ">2 of 2<" in text
    assert len(re.findall(r'<button[^>]*data-category[^>]*hidden=""', text)) == 8
