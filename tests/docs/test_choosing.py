"""docs/choosing.md: a row for each shipped config, which says of it what the registry says."""

import re
from pathlib import Path

import pytest

from iapas import shipped
from iapas.config import load_config
from iapas.models.registry import named_by

PAGE = (Path(__file__).parents[2] / "docs" / "choosing.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip("`"): cells
    for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines())
    if re.fullmatch(r"`[\w-]+`", cells[0])
}
AS_ANOTHER = {"iap-as-4bit"}


def test_every_shipped_config_has_a_row_and_nothing_else():
    assert set(ROWS) == set(shipped.names("configs"))


@pytest.mark.parametrize("name", sorted(set(ROWS) - AS_ANOTHER))
def test_a_row_agrees_with_the_models_of_its_config(name):
    """Download, licences, whether an account is needed, and that no accuracy is claimed where none was measured."""
    download, licence, commercial, accuracy = (ROWS[name][i] for i in (2, 6, 7, 8))
    models = named_by(load_config(name))
    if not models:
        assert download == "none"
        return
    gigabytes = sum(model.megabytes for model in models) / 1000
    told = float(re.match(r"([\d.]+) GB", download)[1])
    assert told == pytest.approx(gigabytes, rel=0.05, abs=0.06)
    assert set(licence.split(", ")) == {model.licence for model in models}
    assert all(model.commercial for model in models) == commercial.startswith("yes")
    if any(model.gated for model in models):
        assert "gated" in download or "terms" in commercial
    assert accuracy == "not measured"


def test_accuracy_is_claimed_of_nothing_with_models():
    measured = [name for name, cells in ROWS.items() if cells[8] != "not measured"]
    assert not any(load_config(name).decoder.model or load_config(name).describe.tagger != "none" for name in measured)
