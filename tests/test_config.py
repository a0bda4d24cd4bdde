import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from iapas import shipped
from iapas.config import Config, all_keys, config_text, load_config
from iapas.errors import ConfigError


def test_precedence_overrides_beat_set_beats_file_beats_default(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("tile: {size: 300, overlap: 30, above: 600}\n")
    config = load_config(str(file), ["tile.size=400", "tile.overlap=40"], {"tile.size": 500, "tile.above": None})
    assert (config.tile.size, config.tile.overlap, config.tile.above) == (500, 40, 600)
    assert config.describe == Config().describe
    assert config.name == "mine"


def test_a_config_is_frozen():
    with pytest.raises(ValidationError):
        load_config().tile.size = 3


def test_every_shipped_config_loads_and_shows_itself(tmp_path):
    for name in shipped.names("configs"):
        config = load_config(name)
        assert config.name == name
        assert config.title
        file = tmp_path / "shown.yaml"
        file.write_text(config_text(config))
        assert load_config(str(file)) == config


def test_every_field_is_explained():
    for line in config_text(Config()).splitlines():
        if line.startswith("  "):
            assert "  # " in line, line
    assert "reading.max_pixels" in all_keys()


def test_the_fingerprint_covers_what_changes_results_alone():
    base = load_config().fingerprint()
    same = [["run.workers=7"], ["output.overlay=all"], ["output.thumbnails=false"], ["title=x"], ["run.fsync=false"]]
    same += [["generator.url=http://localhost:1"], ["generator.timeout=3"], ["models.root=x"]]
    other = [["tile.size=512"], ["verdict.threshold=0.9"], ["describe.prompt=hole"], ["output.score_map=none"]]
    other += [["generator.served_model=x"], ["generator.template=adjectives"], ["describe.object=tags"]]
    assert {load_config("embedded", s).fingerprint() for s in same} == {base}
    assert base not in {load_config("embedded", s).fingerprint() for s in other}


def test_a_model_in_any_role_counts_and_one_elsewhere_does_not():
    def uses(*assignments):
        return load_config("embedded", assignments).uses_models

    assert not uses()
    assert not uses("describe.generator=endpoint")
    for role in ("describe.tagger=ram", "describe.generator=llm", "detector.name=grounding-dino", "decoder.name=sam"):
        assert uses(role)


FAULT_44 = {
    "unknown key": ("tiles: {size: 3}", "unknown key 'tiles'; did you mean 'tile'"),
    "unknown inner key": ("tile: {sise: 512}", "unknown key 'tile.sise'; did you mean 'tile.size'"),
    "key of another section": ("max_pixels: 5", "did you mean 'reading.max_pixels'"),
    "wrong type": ("tile: {size: big}", "tile.size.*'big'"),
    "out of range": ("tile: {size: -4}", "tile.size.*-4"),
    "not a number": ("size: {limit: .nan}", "size.limit"),
    "zero threshold": ("verdict: {threshold: 0.0}", "threshold must be > 0"),
    "python object": ("tile: !!python/object/apply:os.system ['echo pwned']", "not valid YAML.*python"),
    "duplicate key": ("tile: {size: 512}\ntile: {size: 256}", "duplicate key 'tile'"),
    "alias bomb": ("a: &a [x, x]\nb: &b [*a, *a]\n", "aliases are not allowed"),
    "not a mapping": ("- 1\n- 2", "must be a mapping"),
    "broken": ("tile: {size: 512", "not valid YAML"),
    "deep": ("[" * 5000, "not valid YAML"),
    "huge": ("name: " + "x" * 1_100_000, "too many"),
    "control characters": ("name: '\x00'", "not valid YAML"),
}


@pytest.mark.parametrize("case", FAULT_44)
def test_fault_44_a_bad_config_is_named_and_ends_with_2(tmp_path, case):
    text, message = FAULT_44[case]
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"(?s)bad\.yaml.*{message}") as caught:
        load_config(str(file))
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("assignment", "message"),
    [("tile.size", "section.key=value"), ("tile.size=[", "not valid YAML"), ("name.x=3", "not a section")],
)
def test_fault_44_a_bad_assignment_is_named(assignment, message):
    with pytest.raises(ConfigError, match=message):
        load_config("embedded", [assignment])


def test_fault_44_on_the_command_line(tmp_path):
    command = [sys.executable, "-m", "iapas", "config", "show", "--set", "tile.sise=3"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 2
    assert "did you mean 'tile.size'" in ended.stderr
    assert ended.stdout == ""


def test_missing_files_and_names_say_what_there_is(tmp_path):
    with pytest.raises(ConfigError, match=r"no config called 'embeded'.*embedded"):
        load_config("embeded")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(str(tmp_path / "none.yaml"))


def test_shipped_folders_are_found():
    assert shipped.folder("configs") == Path(__file__).parent.parent / "configs"
