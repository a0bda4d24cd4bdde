"""``iapas prompts list|show|check|render`` and ``--prompts DIR``: templates and lexicons, shipped and of one's own."""

import json
import sys

import pytest

from iapas.cli.app import run

TEMPLATE = "name: mine\nsystem: s\nuser: Faults of {object}?\n"
LEXICON = "phrases: ['crack in {object}', blorb]\nwords: {blorb: [dark]}\n"


@pytest.fixture
def iapas(monkeypatch, capfd):
    """``iapas(*words)``: exit code, stdout and stderr of the command."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["iapas", *map(str, words)])
        code = run()
        said = capfd.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine" / "templates").mkdir(parents=True)
    (tmp_path / "mine" / "lexicons").mkdir()
    (tmp_path / "mine" / "templates" / "asked.yaml").write_text(TEMPLATE)
    (tmp_path / "mine" / "lexicons" / "words.yaml").write_text(LEXICON)
    return tmp_path / "mine"


def test_the_shipped_ones_are_right(iapas):
    code, out, _ = iapas("prompts", "check")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) >= 26
    assert all(line.startswith("ok ") and "without a meaning" not in line for line in lines)


def test_a_folder_is_checked_by_itself_with_a_line_for_each_file(iapas, mine):
    code, out, _ = iapas("prompts", "check", "--prompts", mine)
    assert code == 0
    asked, words = out.splitlines()
    assert asked.endswith("asked.yaml  mine: one question, reply list, with {object}")
    assert words.endswith("words.yaml  words: 2 phrases")


@pytest.mark.parametrize("part", ["templates", "lexicons"])
def test_either_part_may_be_missing(iapas, mine, part):
    for file in (mine / part).iterdir():
        file.unlink()
    (mine / part).rmdir()
    code, out, _ = iapas("prompts", "check", "--prompts", mine)
    assert code == 0
    assert len(out.splitlines()) == 1


def test_a_placeholder_that_reaches_for_more_is_named_with_file_and_key(iapas, mine):
    (mine / "templates" / "bad.yaml").write_text(TEMPLATE.replace("{object}", "{object.__class__}"))
    for words in (("--prompts", mine), (mine / "templates" / "bad.yaml",)):
        code, out, err = iapas("prompts", "check", *words)
        assert code == 2
        for text in (out, err):
            assert "bad.yaml" in text
            assert "user: there is no placeholder {object.__class__}" in text
    code, out, _ = iapas("prompts", "check", "--prompts", mine, "--json")
    assert code == 2
    assert [bool(one["wrong"]) for one in json.loads(out)] == [False, True, False]
    assert iapas("prompts", "check", mine / "templates" / "asked.yaml")[0] == 0


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("lexicons/x.yaml", "phrases: [dent]\nwords: {blorb: [drak]}", "words: blorb: nothing measures 'drak'"),
        ("lexicons/x.yaml", "phrases: ['dent in {tags}']", "phrases: there is no placeholder {tags}"),
        ("templates/x.yml", TEMPLATE, "is not read: its name must end in .yaml"),
        ("templates/x.yaml", TEMPLATE + "user: again", "duplicate key 'user'"),
        ("templates/x.yaml", TEMPLATE + "before: by {process}", "before: there is no placeholder {process}"),
        ("templates/x.yaml", TEMPLATE.replace("Faults", "By {process}"), "{process} is known to user where there is a"),
    ],
)
def test_what_is_wrong_is_said(iapas, mine, file, text, told):
    (mine / file).write_text(text)
    code, out, err = iapas("prompts", "check", "--prompts", mine)
    assert code == 2
    assert told in out
    assert told in err


def test_what_is_odd_is_said_and_is_no_fault(iapas, mine):
    (mine / "templates" / "paper.yaml").write_text(TEMPLATE.replace("{object}", "it"))
    (mine / "lexicons" / "words.yaml").write_text("phrases: [frob]")
    code, out, _ = iapas("prompts", "check", "--prompts", mine)
    assert code == 0
    assert "the same whatever the product; stands in the place of the shipped one" in out
    assert "1 phrases; without a meaning are: frob" in out


def test_folders_without_anything_are_refused(iapas, tmp_path):
    for make in ((), ("templates",)):
        for name in make:
            (tmp_path / name).mkdir()
        code, _, err = iapas("prompts", "check", "--prompts", tmp_path)
        assert code == 2
        assert str(tmp_path) in err
    assert iapas("prompts", "check", "nowhere.yaml")[0] == 2


def test_own_ones_stand_beside_the_shipped_ones(iapas, mine):
    listed = json.loads(iapas("prompts", "list", "--prompts", mine, "--json")[1])
    assert {"words", "default", "metal"} <= set(listed["lexicons"])
    assert {"asked", "paper", "chain"} <= set(listed["templates"])
    assert "user: Faults of {object}?" in iapas("prompts", "show", "asked", "--prompts", mine)[1]
    shown = json.loads(iapas("prompts", "show", "words", "--prompts", mine, "--json")[1])
    assert shown["words"]["blorb"] == ["dark"]
    assert shown["words"]["scratch"] == ["elongated"]
    code, _, err = iapas("prompts", "show", "words")
    assert code == 2
    assert "there are: lexicons casting" in err


def test_render_shows_the_exact_text(iapas, mine):
    asked = ("prompts", "render", "asked", "--prompts", mine, "--object", "Metal Nut.")
    assert iapas(*asked)[:2] == (0, "[system]\ns\n\n[user]\nFaults of metal nut?\n\n")
    assert json.loads(iapas(*asked, "--json")[1]) == {"system": "s", "user": "Faults of metal nut?"}
    chain = ("prompts", "render", "chain", "--object", "nut", "--tags", "nut, Table", "--material", "brass", "--json")
    texts = json.loads(iapas(*chain, "--process", "die casting")[1])
    assert list(texts) == ["before: system", "before: user", "system", "user"]
    assert 'were seen "nut, table"' in texts["before: user"]
    assert 'made of "brass", by "die casting"' in texts["user"]
    assert 'by "unknown process"' in json.loads(iapas(*chain)[1])["user"]
    assert iapas("prompts", "render", "saa", "--object", "nut")[1].splitlines()[1] == (
        "defect on nut . damage on nut . flaw on nut"
    )


def test_render_in_the_chat_format_of_a_model(iapas, tiny):
    words = ("prompts", "render", "paper", "--object", "nut", "--model", str(tiny("llama-3-8b-instruct")), "--json")
    code, out, err = iapas(*words)
    assert code == 0, err
    question = json.loads(out)["question"]
    assert question.startswith("<|begin_of_text|><|start_header_id|>system<|end_header_id|>")
    assert "abnormal parts of nut." in question
    assert question.endswith("<|start_header_id|>assistant<|end_header_id|>\n\n")


def test_a_profile_is_made_with_words_of_a_folder(iapas, mine, tmp_path, surface):
    import cv2

    picture = tmp_path / "a.png"
    picture.write_bytes(cv2.imencode(".png", surface())[1].tobytes())
    words = ("--prompts", mine, "--object", "Tile", "--set", "describe.lexicon=words", "--quiet")
    code, _, err = iapas("describe", picture, "--out", tmp_path / "p.json", *words)
    assert code == 0, err
    (profile,) = json.loads((tmp_path / "p.json").read_text())["products"].values()
    assert profile["phrases"] == [
        {"text": "crack in tile", "source": "lexicon", "attributes": ["elongated", "dark"]},
        {"text": "blorb", "source": "lexicon", "attributes": ["dark"]},
    ]
    assert iapas("describe", picture, "--out", tmp_path / "q.json", *words[2:])[0] == 2
    code, _, err = iapas("describe", picture, "--prompts", tmp_path / "nowhere", "--out", tmp_path / "q.json")
    assert code == 2
    assert "nowhere: there is neither a folder templates nor a folder lexicons in it" in err


def test_a_run_with_words_of_a_folder_in_worker_processes(iapas, mine, tmp_path, surface):
    import cv2

    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / "in" / f"{name}.png").write_bytes(cv2.imencode(".png", surface())[1].tobytes())
    words = ["segment", tmp_path / "in", "--out", tmp_path / "run", "--prompts", mine, "--workers", 2, "--quiet"]
    words += ["--set", "describe.lexicon=words"]
    code, _, err = iapas(*words)
    assert code == 0, err
    regions = json.loads((tmp_path / "run" / "regions" / "a.png.json").read_text())["regions"]
    assert {region["phrase"] for region in regions} <= {"crack in object", "blorb"}
    assert iapas(*words)[0] == 0
    (mine / "lexicons" / "words.yaml").write_text("phrases: [dent]")
    code, _, err = iapas(*words)
    assert code == 5
    assert "describe.lexicon" in err
