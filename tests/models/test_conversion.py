"""The authors' files become folders that load as those of the hub do; anything unexplained is refused by name."""

import json
import re

import pytest
from typer.testing import CliRunner

from iapas.errors import MissingError, OutputError, UsageError
from iapas.models import checksums

WORDS = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 200: "scratch", 1012: ".", 1029: "?"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: None)  # nothing was fetched


@pytest.fixture
def tokenizer(tmp_path):
    return vocabulary(tmp_path / "bert")


def vocabulary(folder, words=WORDS, count=1100):
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words.get(i, f"[unused{i}]") for i in range(count)) + "\n")
    return folder


def grounding_dino(**sizes):
    from iapas.models.conversion.grounding_dino import Shape

    tiny = {
        "embed": 8,
        "patch": 4,
        "depths": (1, 2, 1, 1),
        "swin_heads": (1, 1, 2, 2),
        "window": 3,
        "width": 32,
        "levels": 4,
        "heads": 4,
        "queries": 20,
        "feed_forward": 48,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "vocabulary": 1100,
        "bert_width": 64,
        "bert_layers": 1,
        "bert_feed_forward": 16,
        "bert_positions": 128,
    }
    return Shape(**(tiny | sizes))


def sam(**sizes):
    from iapas.models.conversion.sam import Shape

    tiny = {
        "width": 16,
        "layers": 3,
        "heads": 2,
        "patch": 16,
        "grid": 6,
        "window": 2,
        "full": (1,),
        "feed_forward": 40,
        "channels": 32,
        "mask_channels": 4,
        "decoder_layers": 2,
        "decoder_feed_forward": 24,
        "iou_width": 20,
        "masks": 3,
    }
    return Shape(**(tiny | sizes))


def layouts():
    from iapas.models.conversion.convert import LAYOUTS

    return LAYOUTS


SHAPES = {"grounding-dino": grounding_dino, "sam": sam}


def model(kind, shape, device="cpu"):
    """transformers' model of these sizes, each tensor another one."""
    import torch
    import transformers

    layout = layouts()[kind]
    with torch.device(device):
        made = getattr(transformers, layout.model_class)(layout.config_of(shape))
    if device == "cpu":
        generator = torch.Generator().manual_seed(1)
        for name, tensor in made.state_dict().items():
            if tensor.is_floating_point() and "swin.layernorm" not in name:
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return made


def authors(kind, made):
    """Its tensors under the authors' names, and what their files hold besides."""
    import torch

    layout, state, thirds = layouts()[kind], {}, {}
    for name, tensor in made.state_dict().items():
        original, third = layout.source(name)
        if third is None:
            state[original] = tensor
        else:
            thirds.setdefault(original, {})[third] = tensor
    state |= {name: torch.cat([parts[i] for i in range(3)]) for name, parts in thirds.items()}
    state.pop("", None)
    if kind == "grounding-dino":
        for name in [name for name in state if name.startswith("bbox_embed.0.")]:
            state[f"transformer.decoder.{name}"] = state[name]
            state[name.replace(".0.", ".1.", 1)] = state[name]
        state["label_enc.weight"] = torch.zeros(3, 4)
        state["bert.pooler.dense.bias"] = torch.zeros(4)
        state["backbone.0.layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(9, 9, dtype=torch.int64)
    return state


def saved(content, file):
    import torch

    file.parent.mkdir(exist_ok=True)
    torch.save(content, file)
    return file


def convert(*arguments, **options):
    from iapas.models.conversion.convert import convert

    return convert(*arguments, **options)


@pytest.mark.parametrize("wrapped", ["flat", "model", "parallel"])
@pytest.mark.parametrize("kind", SHAPES)
def test_what_comes_out_loads_strictly_and_is_what_went_in(kind, wrapped, tokenizer, tmp_path):
    import torch

    from iapas.models.loading import Runtime, load

    made = model(kind, SHAPES[kind]())
    state = authors(kind, made)
    content = {
        "flat": state,
        "model": {"model": state, "epoch": 3},
        "parallel": {"state_dict": {f"module.{name}": value for name, value in state.items()}},
    }[wrapped]
    file = saved(content, tmp_path / "in" / "whatever.bin")  # its name tells nothing
    done = convert(file, tmp_path / "deep" / "out", tokenizer=tokenizer)
    assert done.folder == tmp_path / "deep" / "out"
    assert done.words == f"{layouts()[kind].words} (of sizes that are not published)"
    assert (done.tensors, len(done.unused)) == (len(state), 3 if kind == "grounding-dino" else 0)
    assert checksums.verify(done.folder) == "SHA256SUMS"
    assert {path.stat().st_mode & 0o777 for path in done.folder.iterdir()} == {file.stat().st_mode & 0o777}
    assert not list(done.folder.parent.glob(".*"))
    loaded = load(layouts()[kind].model_class, done.folder, Runtime()).state_dict()
    wanted = made.state_dict()
    assert loaded.keys() == wanted.keys()
    assert [name for name in wanted if not torch.equal(loaded[name], wanted[name])] == []
    assert json.loads((done.folder / "config.json").read_text())["model_type"] == kind


def test_the_vocabulary_is_carried_over_and_said(tokenizer, tmp_path):
    from iapas.models.loading import load_tokenizer

    file = saved(authors("grounding-dino", model("grounding-dino", grounding_dino())), tmp_path / "x.pth")
    done = convert(file, tmp_path / "out", tokenizer=tokenizer)
    assert done.notes == (f"the vocabulary is that of {tokenizer}",)
    assert load_tokenizer(done.folder)("Scratch.")["input_ids"] == [101, 200, 1012, 102]
    # and the next file may take it from there, as from any Grounding DINO that is here
    done.folder.rename(tmp_path / "grounding-dino-base")
    again = convert(file, tmp_path / "again", root=str(tmp_path))
    assert again.notes == (f"the vocabulary is that of {tmp_path / 'grounding-dino-base'}",)


def test_the_vocabulary_may_be_in_the_cache_from_the_authors_own_programs(tokenizer, tmp_path, monkeypatch):
    from iapas.models.conversion import vocabulary

    def cached(repository, name, **_):
        here = repository == "bert-base-uncased" and name == "vocab.txt"
        return str(tokenizer / name) if here else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)
    assert vocabulary.find(None) == tokenizer


def test_without_a_vocabulary_or_with_another_one_nothing_is_written(tmp_path):
    file = saved(authors("grounding-dino", model("grounding-dino", grounding_dino())), tmp_path / "in" / "x.pth")
    with pytest.raises(MissingError, match=r"no vocabulary.*--tokenizer DIR"):
        convert(file, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingError, match=r"empty has neither tokenizer\.json nor vocab\.txt"):
        convert(file, tmp_path / "out", tokenizer=tmp_path / "empty")
    others = {"short": (WORDS, 1090), "shifted": ({i + (i > 1000): word for i, word in WORDS.items()}, 1100)}
    for name, (words, count) in others.items():
        with pytest.raises(MissingError, match=f"{name} has {count} words, .* the network has 1100"):
            convert(file, tmp_path / "out", tokenizer=vocabulary(tmp_path / name, words, count))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == ["empty", "in", *sorted(others)]


@pytest.mark.parametrize("kind", SHAPES)
def test_every_tensor_must_be_there_and_be_explained(kind, tokenizer, tmp_path):
    import torch

    state = authors(kind, model(kind, SHAPES[kind]()))
    plain = sorted(name for name in state if not re.search("bbox_embed|index|pooler|label_enc", name))

    def refused(changed, message):
        with pytest.raises(MissingError, match=message):
            convert(saved(changed, tmp_path / "x.pth"), tmp_path / "out", tokenizer=tokenizer)
        assert not (tmp_path / "out").exists()

    for name in (plain[0], plain[len(plain) // 2], plain[-1]):
        refused({other: state[other] for other in state if other != name}, re.escape(name))
    more = {f"new.{i:02}": torch.zeros(1) for i in range(12)}
    ten = ", ".join(f"new.{i:02}" for i in range(10))
    refused(state | more, f"12 tensors are not {layouts()[kind].words}'s: {re.escape(ten)}, ...")
    shorter = next(name for name in plain if name.endswith("norm1.bias"))
    refused(state | {shorter: state[shorter][:-1]}, f"1 tensors have another shape: {re.escape(shorter)}")


def test_the_box_heads_must_be_one(tokenizer, tmp_path):
    state = authors("grounding-dino", model("grounding-dino", grounding_dino()))
    name = "transformer.decoder.bbox_embed.0.layers.1.weight"
    file = saved(state | {name: state[name] + 1}, tmp_path / "x.pth")
    with pytest.raises(MissingError, match=rf"{re.escape(name)} differs from bbox_embed\.0\.layers\.1\.weight"):
        convert(file, tmp_path / "out", tokenizer=tokenizer)


PUBLISHED = {
    "grounding-dino-tiny": ("grounding-dino", {"embed": 96, "depths": (2, 2, 6, 2), "window": 7}),
    "grounding-dino-base": ("grounding-dino", {"embed": 128, "depths": (2, 2, 18, 2), "window": 12}),
    "sam-vit-base": ("sam", {"width": 768, "layers": 12, "heads": 12, "full": (2, 5, 8, 11)}),
    "sam-vit-large": ("sam", {"width": 1024, "layers": 24, "heads": 16, "full": (5, 11, 17, 23)}),
    "sam-vit-huge": ("sam", {"width": 1280, "layers": 32, "heads": 16, "full": (7, 15, 23, 31)}),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes_are_read_off_the_tensors(name, tmp_path):
    from iapas.models.conversion.convert import name_of, recognise

    kind, sizes = PUBLISHED[name]
    if kind == "sam":
        shape = sam(**sizes, grid=64, window=14, feed_forward=4 * sizes["width"], channels=256)
    else:
        heads = tuple(sizes["embed"] // 32 << i for i in range(4))
        shape = grounding_dino(
            **sizes, swin_heads=heads, width=256, heads=8, encoder_layers=6, decoder_layers=6, bert_layers=12
        )
    state = authors(kind, model(kind, shape, "meta"))
    assert recognise(state, tmp_path) == kind
    assert layouts()[kind].shape_of(state) == shape
    assert name_of(kind, state, tmp_path) == name


def test_a_claim_is_held_to(tokenizer, tmp_path):
    file = saved(authors("sam", model("sam", sam())), tmp_path / "x.pth")
    with pytest.raises(UsageError, match=r"is Segment Anything .of sizes that are not published., not sam-vit-huge"):
        convert(file, tmp_path / "out", claimed="sam-vit-huge")
    assert not (tmp_path / "out").exists()


def test_the_files_of_fm(tmp_path):
    import torch

    from iapas.models.exemplars import pdn

    for size in ("large", "small"):
        made = pdn.network(size)
        done = convert(saved(made.state_dict(), tmp_path / f"{size}.pth"), tmp_path / size, claimed=f"pdn-{size}")
        assert done.words == f"PDN (pdn-{size})"
        loaded = pdn.load(done.folder).state_dict()
        assert all(torch.equal(loaded[name], value) for name, value in made.state_dict().items())
    short = {name: value for name, value in made.state_dict().items() if name != "0.bias"}
    with pytest.raises(MissingError, match=r"1 tensors are missing: 0\.bias"):
        convert(saved(short, tmp_path / "short.pth"), tmp_path / "out")


@pytest.mark.parametrize("name", ["ram-swin-large", "ram-plus-swin-large"])
def test_the_files_of_ram(name, tiny, tmp_path):
    import torch

    from iapas.models.ram_checkpoint import read, weights_file

    state = read(weights_file(tiny(name)))
    file = saved({"model": state | {"logit_scale": torch.tensor(1.0)}}, tmp_path / "in" / "x.pth")
    done = convert(file, tmp_path / "out")
    assert done.words == "RAM or RAM++ (of sizes that are not published)"
    assert done.unused == ("logit_scale",)
    assert "ram_tag_list.txt and ram_tag_list_threshold.txt" in done.notes[0]
    again = read(weights_file(done.folder))
    assert again.keys() == state.keys()
    assert all(torch.equal(again[key], value) for key, value in state.items())
    (file.parent / "ram_tag_list.txt").write_text("a\n")
    (file.parent / "ram_tag_list_threshold.txt").write_text("0.5\n")
    whole = convert(file, tmp_path / "whole")
    assert whole.notes == ()
    assert checksums.verify(whole.folder) == "SHA256SUMS"


def test_other_files_are_refused_with_their_names(tmp_path):
    import torch

    other = {f"layer.{i:02}": torch.zeros(1) for i in range(11)}
    with pytest.raises(MissingError, match=r"its 11 tensors are: layer\.00, .*layer\.09, \.\.\. \(known are"):
        convert(saved(other, tmp_path / "x.pth"), tmp_path / "out")
    with pytest.raises(MissingError, match="its 0 tensors are: none"):
        convert(saved({}, tmp_path / "x.pth"), tmp_path / "out")
    with pytest.raises(MissingError, match="holds more than tensors by name"):
        convert(saved({"a": 1}, tmp_path / "x.pth"), tmp_path / "out")
    hq = authors("sam", model("sam", sam())) | {"mask_decoder.hf_token.weight": torch.zeros(1, 32)}
    with pytest.raises(MissingError, match=r"1 tensors are not Segment Anything's: mask_decoder\.hf_token\.weight"):
        convert(saved(hq, tmp_path / "x.pth"), tmp_path / "out")


def test_a_file_that_wants_to_run_code_or_is_cut_is_refused(tmp_path):
    class Payload:
        def __reduce__(self):
            return (tmp_path / "ran").mkdir, ()

    with pytest.raises(MissingError, match="cannot be read as tensors alone"):
        convert(saved({"model": Payload()}, tmp_path / "x.pth"), tmp_path / "out")
    assert not (tmp_path / "ran").exists()
    file = saved(authors("sam", model("sam", sam())), tmp_path / "x.pth")
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(MissingError, match="cannot be read"):
        convert(file, tmp_path / "out")
    with pytest.raises(MissingError, match="cannot be read"):
        convert(tmp_path / "nowhere.pth", tmp_path / "out")


def test_nothing_is_overwritten_and_half_a_folder_is_no_folder(tmp_path, monkeypatch):
    file = saved(authors("sam", model("sam", sam())), tmp_path / "in" / "x.pth")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    for out in (tmp_path / "used", file):
        with pytest.raises(OutputError, match="is there already"):
            convert(file, out)
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["mine.txt"]

    from safetensors import SafetensorError

    for error in (OSError(28, "No space left on device"), SafetensorError("No space left on device (os error 28)")):

        def full(*_, told=error):
            raise told

        with monkeypatch.context() as patched, pytest.raises(OutputError, match="No space left on device"):
            patched.setattr(checksums, "write_sums", full)
            convert(file, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == ["in", "used"]
    (tmp_path / "empty").mkdir()
    assert convert(file, tmp_path / "empty").folder == tmp_path / "empty"


def command(*arguments):
    from iapas.cli.app import app

    return CliRunner().invoke(app, ["models", "convert", *map(str, arguments)])


def test_the_command(tmp_path):
    file = saved(authors("sam", model("sam", sam())), tmp_path / "sam_vit_h_4b8939.pth")
    done = command(file, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{tmp_path / 'out'}\n"
    assert "Segment Anything (of sizes that are not published), " in done.stderr
    told = json.loads(command(file, "--out", tmp_path / "again", "--json").stdout)
    assert told["folder"] == str(tmp_path / "again")
    assert (told["name"], told["unused"]) == ("", [])
    assert command(file, "--out", tmp_path / "out").exception.exit_status == 5
    assert command(file, "--out", tmp_path / "new", "--as", "sam-vit-huge").exception.exit_status == 2
    assert command(file, "--out", tmp_path / "new", "--as", "sam-vit-hug").exception.exit_status == 2
    assert command(tmp_path / "nowhere.pth", "--out", tmp_path / "new").exception.exit_status == 4


def test_the_default_back_ends_send_a_pth_file_to_the_conversion(tmp_path):
    from iapas.models.grounding_network import Network
    from iapas.models.loading import Runtime

    (tmp_path / "groundingdino_swint_ogc.pth").write_bytes(b"")
    with pytest.raises(MissingError, match="wants iapas models convert first"):
        Network.load(tmp_path, Runtime())


def test_without_the_authors_packages_a_config_that_names_them_is_refused_at_once(tmp_path, monkeypatch):
    from iapas import roles
    from iapas.config import load_config

    monkeypatch.setattr("iapas.models.original.packages.is_here", lambda name: False)
    for name in ("grounding-dino-tiny", "sam-vit-base"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.pth").write_bytes(b"")
    settings = ["detector.name=grounding-dino-original", "decoder.name=sam-original", "decoder.model=sam-vit-base"]
    config = load_config("grounded-sam", [*settings, f"models.root={tmp_path}"])
    with pytest.raises(MissingError, match=r"not installed here: groundingdino, segment_anything, torchvision"):
        roles.check(config)
