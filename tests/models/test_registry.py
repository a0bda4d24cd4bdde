"""Models by name: the table, where their files lie, and what is said when they are not there."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from iapas import shipped
from iapas.config import load_config
from iapas.errors import ConfigError, MissingError
from iapas.models import registry
from iapas.models.registry import REGISTRY, Entry, absent_files, find, locate, model_folders, named_by

TWO = [
    "detector.name=grounding-dino",
    "detector.model=grounding-dino-tiny",
    "decoder.name=sam",
    "decoder.model=sam-vit-huge",
]


def test_entries_are_whole():
    for name, entry in REGISTRY.items():
        assert entry.name == name
        assert entry.repository.count("/") == 1
        assert entry.revision == "main" or len(bytes.fromhex(entry.revision)) == 20
        assert 10 < entry.megabytes < 20000
        assert entry.licence_url.startswith("https://")
        roles = dict.fromkeys(("grounding-dino", "sam3", "clipseg", "owlv2"), "detector")
        roles |= {"ram": "tagger", "llama": "generator"}
        roles |= dict.fromkeys(("dino-v", "dinov2", "resnet", "pdn"), "extractor")
        assert entry.role == next((role for part, role in roles.items() if part in name), "decoder")
        assert entry.kind in name.replace("sam2.1", "sam2")


def test_every_model_of_a_shipped_config_is_known():
    for config in shipped.names("configs"):
        for model in named_by(load_config(config)):
            assert isinstance(model, Entry)


def test_the_tiny_models_are_entries(tiny):
    assert locate("sam-vit-base", str(tiny("sam-vit-base").parent)) == tiny("sam-vit-base")


def test_a_mistyped_name_is_corrected():
    with pytest.raises(ConfigError, match="did you mean 'sam-vit-huge'"):
        find("sam-vit-hug")
    with pytest.raises(ConfigError, match=r"known are: grounding-dino-tiny, .*, pdn-small"):
        find("xyz")
    with pytest.raises(ConfigError, match=r"detector\.model"):
        locate("")


def test_a_folder_is_taken_as_it_is(tiny, tmp_path, monkeypatch):
    folder = tiny("sam-vit-base")
    assert locate(str(folder)) == folder
    monkeypatch.chdir(folder.parent)
    assert locate("./sam-vit-base") == Path("sam-vit-base")
    with pytest.raises(MissingError, match="there is no folder"):
        locate(str(tmp_path / "none"))
    with pytest.raises(MissingError, match=r"has no config\.json"):
        locate(str(tmp_path))


def test_the_parts_of_sharded_weights_must_all_be_there(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"}}')
    (tmp_path / "1.safetensors").write_bytes(b"")
    assert absent_files(tmp_path) == ["2.safetensors"]
    index.write_text("[]")
    assert absent_files(tmp_path) == ["readable model.safetensors.index.json"]


def test_what_is_missing_is_named_with_the_way_to_get_it(tmp_path):
    with pytest.raises(MissingError) as raised:
        locate("sam-vit-huge", str(tmp_path))
    message = str(raised.value)
    assert raised.value.exit_status == 4
    for words in (
        "2.6 GB",
        "Apache-2.0 (commercial use allowed)",
        "not gated",
        f"iapas models fetch sam-vit-huge --root {tmp_path}",
        "https://huggingface.co/facebook/sam-vit-huge",
    ):
        assert words in message


def test_a_gated_entry_says_so():
    entry = Entry("x", "decoder", "sam", "a/x", "main", "SAM", "https://example.org", False, 3500, True)
    assert entry.terms.startswith("3.5 GB, SAM (no commercial use), gated: ")
    assert "https://huggingface.co/a/x and run: hf auth login" in entry.terms


def test_named_by_follows_the_config(tmp_path):
    assert named_by(load_config("embedded")) == []
    assert [entry.name for entry in named_by(load_config("embedded", TWO))] == ["grounding-dino-tiny", "sam-vit-huge"]
    own = load_config("embedded", [*TWO, f"detector.model={tmp_path}", "decoder.name=none"])
    assert named_by(own) == [tmp_path]


def test_model_folders(tiny):
    root = tiny("grounding-dino-tiny").parent
    tiny("sam-vit-huge")
    folders = model_folders(load_config("embedded", [*TWO, f"models.root={root}"]))
    assert folders == {name: root / name for name in ("grounding-dino-tiny", "sam-vit-huge")}


def test_packages_that_are_missing_are_named(monkeypatch):
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("torch", "huggingface_hub") else object()
    )
    with pytest.raises(MissingError, match=r'need torch, huggingface_hub.*pip install "iapas\[models\]"'):
        model_folders(load_config("embedded", TWO))
    with pytest.raises(MissingError, match="torch, huggingface_hub"):
        locate("sam-vit-base")


def test_a_missing_model_is_told_within_a_second_and_without_torch(tmp_path):
    script = (
        "import sys, time\nstart = time.monotonic()\n"
        "from iapas import Segmenter\nfrom iapas.errors import MissingError\n"
        "try:\n    Segmenter.from_config('fast')\n"
        "except MissingError as error:\n    print(error.exit_status, time.monotonic() - start)\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    env = {**os.environ, "HF_HOME": str(tmp_path)}
    env.pop("HF_HUB_CACHE", None)
    ended = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    status, seconds = ended.stdout.split()
    assert status == "4"
    assert float(seconds) < 5  # 0.3 on a machine with nothing else to do


def test_go_offline_reaches_packages_that_are_imported_already(monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
    registry.go_offline()
    assert constants.HF_HUB_OFFLINE
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"


def test_the_page_has_a_row_for_each_model_that_says_the_same():
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{entry.name}` | {entry.role} | [{entry.repository}]({entry.page}) | `{entry.revision[:7]}` "
        f"| {registry.size(entry.megabytes)} | {entry.licence} | {'yes' if entry.commercial else 'no'} "
        f"| {'yes' if entry.gated else 'no'} |"
        for entry in REGISTRY.values()
    ]


def test_what_is_on_no_hub_is_not_asked_for_there():
    from iapas.models.hub import fetch

    for ask in (lambda: fetch(find("pdn-large")), lambda: locate("pdn-large")):
        with pytest.raises(MissingError, match=r"hub.*copy model_large\.pth from https://github\.com/.*iapas distill"):
            ask()


def test_an_authors_file_is_enough(tmp_path):
    (tmp_path / "pdn-small").mkdir()
    with pytest.raises(MissingError, match=r"config\.json"):
        locate("pdn-small", str(tmp_path))
    (tmp_path / "pdn-small" / "model_small.pth").touch()
    assert locate("pdn-small", str(tmp_path)) == tmp_path / "pdn-small"
