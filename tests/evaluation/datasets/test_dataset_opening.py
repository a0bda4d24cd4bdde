"""Opening a data set: what is refused and how, odd trees, odd masks, and the real sets where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from iapas.errors import ImageUnreadable, MissingError, ReadVanished, UsageError
from iapas.evaluation.datasets import check_dataset, open_dataset, recognise_dataset
from iapas.files.inputs import list_images
from iapas.files.truth import read_labels, read_truth

DATA = Path(os.environ.get("IAPAS_DATA") or Path(__file__).parents[4] / "shared" / "data")


def test_an_unknown_name_protocol_or_split_is_a_usage_error_with_a_hint(build):
    made = build("mtd")
    with pytest.raises(UsageError, match="did you mean 'mvtec-ad'"):
        open_dataset("MVTec_AD", made.root)
    with pytest.raises(UsageError, match=r"known are: .*crackforest"):
        open_dataset("zzz", made.root)
    with pytest.raises(UsageError, match="did you mean 'iap-as'"):
        open_dataset("mtd", made.root, protocol="iapas")
    with pytest.raises(UsageError, match=r"no split of mtd called '360'.*196"):
        open_dataset("mtd", made.root, split="360")
    with pytest.raises(UsageError, match="the folders of mtd are fixed"):
        open_dataset("mtd", made.root, folders=("a", "b"))


def test_a_missing_root_is_exit_4(tmp_path):
    with pytest.raises(MissingError, match="not there") as caught:
        open_dataset("mtd", tmp_path / "nowhere")
    assert caught.value.exit_status == 4


def test_a_root_without_the_layout_says_what_was_looked_for(build):
    made = build("mtd")
    with pytest.raises(MissingError, match=r"looked for .*\{category\}/test/\{defect\}/\{stem\}.*120 other pictures"):
        open_dataset("mvtec-ad", made.root)


def test_an_empty_root_is_missing_not_an_empty_success(tmp_path):
    with pytest.raises(MissingError):
        open_dataset("folder", tmp_path)
    with pytest.raises(MissingError, match="0 pictures"):
        recognise_dataset(tmp_path)


def test_a_root_one_folder_too_high_is_told_from_a_wrong_one(build):
    made = build("btad", below="up/BTech_Dataset_transformed")
    with pytest.raises(MissingError, match=r"--root .*BTech_Dataset_transformed holds some"):
        open_dataset("btad", made.root.parent)
    with pytest.raises(MissingError, match="looks like btad"):
        recognise_dataset(made.root.parent)


def test_ids_are_those_of_a_run_over_the_root(build):
    for name in ("mtd", "sd-saliency-900"):
        made = build(name, below=name)
        listed = {source.id for source in list_images([str(made.root)]).sources}
        assert {sample.id for sample in open_dataset(name, made.root).test} <= listed
    made = build("folder", below="own")
    listed = {source.id for source in list_images([str(made.root / "images")]).sources}
    assert {sample.id for sample in open_dataset("folder", made.root).test} == listed


def test_fault_41_a_missing_mask_is_not_a_normal_image(build):
    made = build("mvtec-ad")
    (made.root / "bottle/ground_truth/dent/001_mask.png").unlink()
    sample = next(s for s in open_dataset("mvtec-ad", made.root).test if s.id == "bottle/test/dent/001.png")
    assert (sample.defect, sample.mask) == ("dent", "")


@pytest.mark.parametrize("suffix", ["", "_mask"])
def test_fault_41_masks_with_and_without_the_suffix(build, suffix):
    made = build("mvtec-ad")
    for mask in (made.root / "bottle/ground_truth").rglob("*_mask.png"):
        mask.rename(mask.with_name(mask.name.replace("_mask", suffix)))
    assert all(sample.mask for sample in open_dataset("mvtec-ad", made.root).test if sample.defect)
    made = build("folder", below="own")
    mask = made.root / "masks/a 1.png"
    mask.rename(mask.with_name(f"a 1{suffix}.png"))
    sample = next(s for s in open_dataset("folder", made.root).test if s.id == "a 1.jpg")
    assert sample.mask == str(made.root / "masks" / f"a 1{suffix}.png")


def test_masks_of_no_image_are_said(build):
    made = build("folder")
    made.mask("masks/9.png")
    assert any(
        "1 masks belong to no image, the first masks/9.png" in note for note in open_dataset("folder", made.root).notes
    )


def test_a_mask_that_cannot_be_read_does_not_make_its_image_normal(build):
    made = build("folder")
    (made.root / "masks/3.png").write_bytes(b"not a picture")
    sample = next(s for s in open_dataset("folder", made.root).test if s.id == "3.png")
    assert sample.defect == "defect"


def test_faults_15_to_18_names_links_and_unreadable_folders(build, tmp_path):
    made = build("mtd")
    blowhole = made.root / "MT_Blowhole/Imgs"
    strange = os.fsdecode(os.fsencode(blowhole) + b"/caf\xe9 1\n.jpg")
    made.image("MT_Blowhole/Imgs/plain.jpg")
    os.rename(blowhole / "plain.jpg", strange)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.jpg").write_bytes(b"")
    (made.root / "MT_Loop").symlink_to(made.root)
    (blowhole / "linked.jpg").symlink_to(outside / "x.jpg")
    os.mkfifo(blowhole / "pipe.jpg")
    dataset = open_dataset("mtd", made.root)
    ids = {sample.id for sample in dataset.test}
    assert "MT_Blowhole/Imgs/caf%E9 1\n.jpg" in ids
    assert "MT_Blowhole/Imgs/pipe.jpg" in ids  # a failed row of the run, not lost
    assert "MT_Blowhole/Imgs/linked.jpg" not in ids
    assert len(ids) == 62
    assert any("2 links" in note for note in dataset.notes)


def test_fault_19_a_folder_that_cannot_be_read_is_said(build, monkeypatch):
    made, scandir = build("mtd"), os.scandir

    def locked(path):
        if str(path).rstrip("/") in refused:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", locked)
    refused = {str(made.root / "MT_Fray")}
    dataset = open_dataset("mtd", made.root)
    assert len(dataset.test) == 50
    assert any("1 folders cannot be read" in note for note in dataset.notes)
    finding = next(f for f in check_dataset(dataset).findings if f.code == "folder-unreadable")
    assert (finding.unusable, finding.examples) == (True, ("MT_Fray",))
    refused = {str(made.root)}
    with pytest.raises(MissingError, match="cannot be read"):
        open_dataset("mtd", made.root)


def test_truth_is_above_127_so_that_a_ring_around_it_is_not(tmp_path, build):
    made = build("folder")
    ring = np.zeros((20, 24), np.uint8)
    ring[3:12, 3:14] = 127
    ring[4:11, 4:13] = 200
    made.put("masks/ring.png", ring)
    assert read_truth(made.root / "masks/ring.png").sum() == 7 * 9
    assert read_truth(made.root / "masks/ring.png", "any").sum() == 9 * 11
    assert np.array_equal(np.unique(read_labels(made.root / "masks/ring.png")), [0, 127, 200])


def test_a_mask_of_0_and_1_is_not_read_as_empty(build):
    made = build("folder")
    made.mask("masks/small.png", value=1)
    assert read_truth(made.root / "masks/small.png").sum() == 30


def test_a_coloured_mask_counts_by_its_greatest_channel(build):
    made = build("folder")
    colour = np.zeros((20, 24, 3), np.uint8)
    colour[2:4, 2:4] = (0, 0, 255)  # red: below 127 as grey
    made.put("masks/colour.png", colour)
    assert read_truth(made.root / "masks/colour.png").sum() == 4


def test_crackforest_is_read_from_mat_files(build):
    made = build("crackforest")
    dataset = open_dataset("crackforest", made.root)
    truth = read_truth(dataset.test[0].mask, dataset.test[0].rule)
    assert (truth.shape, truth.sum()) == ((20, 24), 17)
    assert any("1 images without a truth are left out" in note for note in dataset.notes)


def test_a_damaged_mat_file_fails_one_image(tmp_path):
    pytest.importorskip("scipy")
    (tmp_path / "x.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    with pytest.raises(ImageUnreadable, match=r"x\.mat"):
        read_truth(tmp_path / "x.mat")
    with pytest.raises(ReadVanished):
        read_truth(tmp_path / "y.mat")


def test_without_scipy_a_mat_file_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    with pytest.raises(MissingError, match=r"iapas\[eval\]") as caught:
        read_truth(tmp_path / "x.mat")
    assert caught.value.exit_status == 4


REAL = {
    "mtd": ("MTD", 1344, 392),
    "sd-saliency-900": ("SD-saliency-900", 900, 900),
    "crackforest": ("CrackForest", 118, 118),
}


@pytest.mark.parametrize("name", REAL)
def test_the_real_set_opens(name):
    folder, images, defective = REAL[name]
    root = DATA / folder
    if not root.is_dir():
        pytest.skip(f"the pictures of {folder} are not at hand: set IAPAS_DATA")
    dataset = open_dataset(name, root)
    assert recognise_dataset(root) == name
    assert len(dataset.test) == images
    assert sum(bool(sample.defect) for sample in dataset.test) == defective
    for sample in [s for s in dataset.test if s.defect][::40]:
        assert 0 < read_truth(sample.mask, sample.rule).mean() < 0.9


@pytest.mark.parametrize(("name", "split", "images"), [("mtd", "196", 196), ("sd-saliency-900", "360", 360)])
def test_the_splits_of_the_real_sets(name, split, images):
    root = DATA / REAL[name][0]
    if not root.is_dir():
        pytest.skip(f"the pictures of {REAL[name][0]} are not at hand: set IAPAS_DATA")
    assert len(open_dataset(name, root, split=split).test) == images
