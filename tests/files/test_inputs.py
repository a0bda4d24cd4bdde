"""Listing: ids, globs, lists, what is left out, and what is refused before the start."""

import logging
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapas.errors import UsageError
from iapas.files.inputs import default_name, list_images
from iapas.files.names import escaped, shown


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder of empty files, which is the current folder; nothing is ever opened."""

    def make(*names):
        for name in names:
            path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb"):
                pass
        return tmp_path

    monkeypatch.chdir(tmp_path)
    return make


def ids(*inputs):
    return [source.id for source in list_images(inputs).sources]


def test_a_folder_is_listed_by_extension_in_any_case_and_sorted(tree):
    tree("in/b.JPG", "in/a/2.tif", "in/a/1.png", "in/notes.txt", "in/.hidden.png", "in/.thumbs/1.png", "in/c.webp")
    assert ids("in") == ids("in/") == ["a/1.png", "a/2.tif", "b.JPG", "c.webp"]
    assert all(os.path.isfile(source.path) for source in list_images(["in"]).sources)


def test_extensions_can_be_chosen(tree):
    tree("in/a.png", "in/b.raw")
    assert [source.id for source in list_images(["in"], extensions=[".raw"]).sources] == ["b.raw"]


def test_ids_of_several_inputs_start_at_their_common_folder(tree):
    root = tree("x/a/1.png", "x/b/1.png", "x/b/c/2.png")
    assert ids("x/a", "x/b") == ["a/1.png", "b/1.png", "b/c/2.png"]
    assert ids("x/a/1.png", "x/b/c/2.png") == ["a/1.png", "b/c/2.png"]
    assert ids("x/b/1.png") == ["1.png"]
    assert ids("x/b", str(root / "x" / "b" / "c")) == ["1.png", "c/2.png"]
    assert ids("x/b", "x/a/1.png") == ["a/1.png", "b/1.png", "b/c/2.png"]


def test_a_file_given_twice_is_one_entry(tree):
    root = tree("a/1.png")
    assert (
        ids("a", "a") == ids("a", "./a/1.png") == ids("a/1.png", str(root / "a" / "1.png"), "a/../a/1.png") == ["1.png"]
    )


def test_named_files_need_no_extension(tree):
    tree("in/scan", "in/1.png")
    assert ids("in/scan") == ["scan"]
    assert ids("in") == ["1.png"]


def test_globs(tree):
    tree("lot1/1.png", "lot1/notes.txt", "lot2/deep/2.png", "lot2/x.dat", "other/3.png", "lot2/.hid/4.png")
    assert ids("lot*") == ["lot1/1.png", "lot2/deep/2.png"]
    assert ids("**/*.png") == ids("**") == ["lot1/1.png", "lot2/deep/2.png", "other/3.png"]
    assert ids("lot?/*") == ["lot1/1.png", "lot2/deep/2.png"]
    assert ids("lot[2]/*.dat") == ["x.dat"]
    assert ids("*/deep/*.png") == ["2.png"]
    assert ids(os.path.abspath("lot1") + "/*.p*") == ["1.png"]


def test_a_name_with_wildcards_that_is_there_is_that_file(tree):
    tree("in/a[1].png", "in/a1.png")
    assert ids("in/a[1].png") == ["a[1].png"]


def test_lists(tree):
    root = tree("x/1.png", "x/sub/2", "lists/beside.png")
    absolute = root / "x" / "sub" / "2"
    (root / "lists" / "l.txt").write_text(
        f"\ufeffx/1.png\r\n\n# comment\n{absolute}\nbeside.png\nx/gone.png\n", "utf-8"
    )
    assert ids("@lists/l.txt") == ["lists/beside.png", "x/1.png", "x/gone.png", "x/sub/2"]


def test_a_list_may_name_folders_and_bytes(tree):
    root = tree(b"x/\xff.png", "y/1.png")
    (root / "l").write_bytes(b"x/\xff.png\ny\n")
    assert ids("@l") == ["x/%FF.png", "y/1.png"]


def test_odd_names_are_kept(tree):
    names = ["-x.png", "a b.png", "new\nline.png", "größe.png", "gro\u0308ße.png", "100%.png", "漢字🙂.png", "a\\b.png"]
    tree(*(f"in/{name}" for name in names))
    assert ids("in") == sorted(names)


def test_bytes_that_are_not_utf8_are_escaped_and_nothing_else(tree):
    tree(b"in/\xff\xc3\xa4.png", "in/%41.png")
    assert ids("in") == ["%41.png", "%FFä.png"]


@given(st.binary(max_size=30).filter(lambda name: b"\0" not in name))
def test_escaped_names_are_valid_unicode(name):
    text = escaped(os.fsdecode(name))
    text.encode("utf-8")
    try:
        assert text == name.decode("utf-8")
    except UnicodeDecodeError:
        assert "%" in text
    assert shown(os.fsdecode(name)).isprintable()


def test_links_out_of_the_folder_are_not_followed(tree, caplog):
    root = tree("in/a/1.png", "out/2.png")
    (root / "in" / "out").symlink_to(root / "out")
    (root / "in" / "2.png").symlink_to(root / "out" / "2.png")
    (root / "in" / "within.png").symlink_to("a/1.png")
    (root / "in" / "a" / "loop").symlink_to("..")
    with caplog.at_level(logging.WARNING, "iapas"):
        listing = list_images(["in"])
    assert [source.id for source in listing.sources] == ["a/1.png", "within.png"]
    assert len(listing.warnings) == 1 and "3 links" in listing.warnings[0] and "3 links" in caplog.text
    assert ids("in/2.png", "in/a/1.png") == ["2.png", "a/1.png"]  # named, so meant
    assert ids("in/**/*.png") == ["2.png", "a/1.png", "within.png"]


def test_a_linked_folder_may_be_given(tree):
    root = tree("real/1.png")
    (root / "link").symlink_to("real")
    assert ids("link") == ["1.png"]


def test_folders_of_results_are_no_input(tree):
    tree("1.png", "runs/r/manifest.jsonl", "runs/r/run.json", "runs/r/masks/1.png.png", "own/run.json", "own/2.png")
    listing = list_images(["."])
    assert [source.id for source in listing.sources] == ids("**/*.png") == ["1.png", "own/2.png"]
    assert "runs/r" in listing.warnings[0] and "run folder" in listing.warnings[0]
    with pytest.raises(UsageError, match="run folder"):
        list_images(["runs"])


def test_special_files_are_listed_not_lost(tree):
    root = tree("in/1.png")
    os.mkfifo(root / "in" / "fifo.png")
    assert ids("in") == ["1.png", "fifo.png"]


def test_a_name_too_long_for_its_results_is_a_problem_of_that_image(tree):
    fits, long = "x" * 246 + ".png", "ä" * 125 + ".png"
    tree(f"in/{fits}", f"in/{long}", "in/1.png")
    problems = {source.id: source.problem for source in list_images(["in"]).sources}
    assert problems.pop(long).startswith("the name")
    assert problems == {"1.png": None, fits: None}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (["nowhere"], ["'nowhere'", "not there"]),
        (["in"], ["no images in in", ".png", "1 files have other names"]),
        (["in/*.png"], ["no images in in/*.png"]),
        (["@nowhere.txt"], ["list 'nowhere.txt'", "No such file"]),
        (["@in/notes.txt"], ["none of the 1", "'not an image'"]),
        ([], ["no input"]),
    ],
)
def test_nothing_to_do_says_what_was_looked_for(tree, inputs, words):
    (tree("in/notes.txt") / "in" / "notes.txt").write_text("not an image")
    with pytest.raises(UsageError) as caught:
        list_images(inputs)
    assert caught.value.exit_status == 2
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_results_that_would_lie_under_one_name_are_refused(tree):
    tree("in/a.png", "in/a.png.png/1.png")
    with pytest.raises(UsageError, match=r"'a\.png' and 'a\.png\.png/1\.png'"):
        list_images(["in"])


def test_default_name(tree, monkeypatch):
    root = tree("in/lot.v1/1.png", "l.txt")
    names = {"in": "in", "in/": "in", "in/lot.v1": "lot.v1", "in/lot.v1/1.png": "1.png", "@l.txt": "l.txt"}
    globs = {"in/*/1.png": "in", "*.png": root.name, ".": root.name, "in/..": root.name, "/": "images"}
    for given_name, expected in {**names, **globs}.items():
        assert default_name([given_name, "other"]) == expected


def test_many_files_cost_little_memory_and_no_stat(tree, monkeypatch):
    root = tree()
    folder = root / "in"
    folder.mkdir()
    for number in range(2000):
        (folder / f"image-{number:05}.png").touch()
    monkeypatch.setattr(os, "stat", None)
    monkeypatch.setattr(os.path, "realpath", os.path.abspath)
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "isdir", lambda _: True)
        patch.setattr(os.path, "lexists", lambda _: False)
        listing = list_images([str(folder)])
    sizes = [sys.getsizeof(s) + sys.getsizeof(s.id) + sys.getsizeof(s.path) for s in listing.sources]
    assert len(sizes) == 2000
    assert sum(sizes) / len(sizes) < 350


def test_masks_beside_images_are_ground_truth_and_left_out(tmp_path, caplog):
    for name in ("set/images/1.png", "set/masks/1.png", "other/masks/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listing = list_images([str(tmp_path)])
    assert [source.id for source in listing.sources] == ["other/masks/2.png", "set/images/1.png"]
    assert str(tmp_path / "set/masks") in caplog.text
    assert [source.id for source in list_images([str(tmp_path / "set/masks")]).sources] == ["1.png"]
