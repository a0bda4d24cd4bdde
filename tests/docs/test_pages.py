"""The pages of docs/ keep their word: their commands run, their links lead somewhere, their codes are the codes."""

import re
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from iapas import errors
from iapas.cli.app import run
from iapas.config import all_keys

ROOT = Path(__file__).parents[2]
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
MINE = [
    "exemplars",
    "exit-codes",
    "first-run",
    "large-images",
    "normal-images",
    "outputs",
    "prompts",
    "thresholds",
    "troubleshooting",
    "words",
]
LEXICON = "name: mine\nphrases: [scratch, pit]\nwords: {scratch: [elongated], pit: [dark, small]}\n"


def commands(text):
    return re.findall(r"^ {4,7}(iapas .+?)(?:\s{2,}#.*)?$", text, re.MULTILINE)


def picture(stem, width=352, height=256):
    data = np.frombuffer((ROOT / "examples" / "images" / f"{stem}.jpg").read_bytes(), np.uint8)
    return cv2.resize(cv2.imdecode(data, cv2.IMREAD_COLOR), (width, height), interpolation=cv2.INTER_AREA)


def put(file, image):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(cv2.imencode(file.suffix, image)[1].tobytes())


@pytest.fixture(scope="session")
def pictures():
    stems = ("brushed_steel", "woven_fabric", "brushed_steel_clean", "woven_fabric_clean")
    return {stem: picture(stem) for stem in stems}


@pytest.fixture
def workplace(tmp_path, pictures):
    """A folder as the pages suppose it."""
    put(tmp_path / "images" / "steel.jpg", pictures["brushed_steel"])
    put(tmp_path / "images" / "fabric.jpg", pictures["woven_fabric"])
    put(tmp_path / "good" / "steel.jpg", pictures["brushed_steel_clean"])
    put(tmp_path / "good" / "fabric.jpg", pictures["woven_fabric_clean"])
    put(tmp_path / "products" / "steel" / "1.jpg", pictures["brushed_steel"])
    put(tmp_path / "products" / "fabric" / "1.jpg", pictures["woven_fabric"])
    put(tmp_path / "exemplars" / "images" / "a.jpg", np.fliplr(pictures["brushed_steel"]))
    put(tmp_path / "exemplars" / "masks" / "a.png", cv2.circle(np.zeros((256, 352), np.uint8), (90, 90), 20, 255, -1))
    put(tmp_path / "large" / "sheet.jpg", picture("brushed_steel", 1600, 400))
    put(tmp_path / "deep" / "12-bit.png", pictures["brushed_steel"][..., 0].astype(np.uint16) * 16)
    put(tmp_path / "roi.png", cv2.rectangle(np.zeros((256, 352), np.uint8), (40, 40), (240, 190), 255, -1))
    (tmp_path / "list.txt").write_text("images/steel.jpg\nimages/fabric.jpg\n")
    (tmp_path / "my-words.yaml").write_text(LEXICON)
    (tmp_path / "my-template.yaml").write_text(PAGES["prompts"].split("```")[1].removeprefix("yaml"))
    (tmp_path / "my-prompts" / "lexicons").mkdir(parents=True)
    (tmp_path / "my-prompts" / "lexicons" / "panel.yaml").write_text(LEXICON)
    return tmp_path


@pytest.mark.parametrize("page", MINE)
def test_the_commands_of_the_page_run_in_order(page, workplace, monkeypatch, capfd):
    """In this process and with one worker each: forty times the start of Python would take a minute."""
    monkeypatch.chdir(workplace)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    found = commands(PAGES[page])
    assert found
    for command in found:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        code = run()
        said = capfd.readouterr().err
        assert code == 0, f"{command}\n{said}"


def test_every_page_is_in_the_index():
    linked = set(re.findall(r"\]\(([\w.-]+)\)", PAGES["index"]))
    assert {f"{stem}.md" for stem in PAGES} - {"index.md"} <= linked


@pytest.mark.parametrize("page", [f"docs/{stem}.md" for stem in MINE] + ["docs/index.md", "README.md", "SECURITY.md"])
def test_links_lead_somewhere(page):
    file = ROOT / page
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("page", MINE)
def test_settings_that_are_named_exist(page):
    """Anything in backquotes that looks like section.key is one."""
    sections = {key.partition(".")[0] for key in all_keys() if "." in key}
    named = re.findall(r"`(?:--set )?([a-z]+\.[a-z_]+)(?:=[^`]*)?`", PAGES[page])
    settings = [key for key in named if key.partition(".")[0] in sections and not key.endswith((".json", ".csv"))]
    assert set(settings) <= set(all_keys())


def test_every_error_code_has_its_row_and_no_other():
    rows = re.findall(r"^\| `([a-z-]+)` \|", PAGES["exit-codes"], re.MULTILINE)
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.IapasError)]
    assert sorted(rows) == sorted(cls.code for cls in classes if issubclass(cls, errors.ImageError))
    ends = set(re.findall(r"^\| (\d+) \| `([a-z-]+)` \|", PAGES["exit-codes"], re.MULTILINE))
    stops = {(str(cls.exit_status), cls.code) for cls in classes if issubclass(cls, errors.RunError)}
    assert ends == stops | {("143", "interrupted")}


def test_keys_of_the_manifest_are_those_of_the_page():
    from iapas.files.manifest import KEYS

    section = PAGES["outputs"].partition("## A row of the manifest")[2].partition("## Ids")[0]
    cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(cells))) == set(KEYS)
