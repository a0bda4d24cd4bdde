"""The page docs/experiments.md keeps its word."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from iapas.cli.app import app
from iapas.experiments import compare as module
from iapas.experiments.compare import Ended
from iapas.experiments.plan import SWITCHES, Given, plan

PAGE = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text(encoding="utf-8")


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What the command asks for, with folders as the page supposes them; nothing is run."""
    for name in ("images", "labelled/images", "labelled/masks", "MTD"):
        (tmp_path / name).mkdir(parents=True)
    found = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        module, "compare", lambda *given, **more: (found.append(given), Ended(given[1], None, None, 0))[1]
    )
    return found


def test_its_commands_ask_for_what_it_says(asked):
    for command in re.findall(r"^    iapas (.+)$", PAGE, re.MULTILINE):
        done = CliRunner().invoke(app, shlex.split(command))
        assert done.exit_code == 0, (command, done.output, done.exception)
    (first, _), (switches, _), (search, _) = asked
    assert [variant.name for variant in first.variants] == ["none", "metal", "mine"]
    assert len(switches.variants) == 4
    assert search.search
    assert search.places[0][0] == "folder"


def test_its_experiment_file_is_one(asked, tmp_path):
    file = tmp_path / "words.yaml"
    file.write_text(PAGE.split("```yaml")[1].split("```")[0].replace("../MTD", "MTD"))
    experiment = plan(Given(words=(str(file),)))
    assert [variant.words.kind for variant in experiment.variants[:4]] == ["lexicon", "mapping", "lexicon", "words"]
    assert len(experiment.variants) == 8
    assert experiment.variants[0].objects == {"": "magnetic tile"}


def test_it_names_every_switch():
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE, re.MULTILINE)) >= set(SWITCHES)
