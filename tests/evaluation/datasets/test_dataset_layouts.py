"""Every data set of the table opens, as both protocols take it; each has a fixture here."""

import os
from collections import Counter
from pathlib import Path

import pytest
from dataset_builders import BUILDERS

from iapas.evaluation.datasets import known_datasets, open_dataset, recognise_dataset
from iapas.files.truth import read_truth

SPLITS = [(layout.name, split) for layout in known_datasets() for split in layout.splits]


def test_every_set_has_a_fixture_and_says_where_it_comes_from():
    assert [layout.name for layout in known_datasets()] == [
        *["mvtec-ad", "mpdd", "btad", "ksdd", "mtd", "dtd-synthetic", "dagm", "visa", "ksdd2", "wfdd"],
        *["sd-saliency-900", "nrsd-mn", "crackforest", "gfds", "folder"],
    ]
    assert set(BUILDERS) == {layout.name for layout in known_datasets()}
    for layout in known_datasets():
        assert layout.title
        assert layout.where
        assert layout.licence


def counts(dataset):
    found = {}
    for sample in dataset.test:
        found.setdefault(sample.category, Counter())[sample.defect] += 1
    return {category: dict(counter) for category, counter in found.items()}


MVTEC = {"": 2, "scratch": 2, "dent": 2}
EXPECTED = {
    "mvtec-ad": ({"bottle": MVTEC, "metal_nut": MVTEC}, {"bottle": 3, "metal_nut": 3}),
    "mpdd": ({"tubes": MVTEC, "connector": MVTEC}, {"tubes": 3, "connector": 3}),
    "btad": ({c: {"": 1, "ko": 2} for c in ("01", "02", "03")}, {"01": 2, "02": 2, "03": 2}),
    "ksdd": ({"ksdd": {"crack": 2, "": 4}}, {"ksdd": 6}),
    "mtd": (
        {"mtd": {"": 10, "Blowhole": 10, "Break": 10, "Crack": 10, "Fray": 10, "Uneven": 10}},
        {"mtd": 60},
    ),
    "dtd-synthetic": ({"Woven_001": MVTEC, "Mesh_114": MVTEC}, {"Woven_001": 3, "Mesh_114": 3}),
    "dagm": ({c: {"": 2, "defect": 1} for c in ("Class1", "Class10")}, {"Class1": 2, "Class10": 2}),
    "visa": ({c: {"": 4, "anomaly": 2} for c in ("candle", "pcb1")}, {"candle": 6, "pcb1": 6}),
    "ksdd2": ({"ksdd2": {"defect": 1, "": 2}}, {"ksdd2": 2}),
    "wfdd": ({"grey_cloth": MVTEC, "pink_flower": MVTEC}, {"grey_cloth": 3, "pink_flower": 3}),
    "sd-saliency-900": (
        {"sd-saliency-900": {"inclusion": 10, "patches": 10, "scratches": 10}},
        {"sd-saliency-900": 30},
    ),
    "nrsd-mn": ({"nrsd-mn": {"defect": 10}}, {"nrsd-mn": 10}),
    "crackforest": ({"crackforest": {"crack": 3}}, {"crackforest": 3}),
    "gfds": (
        {"tile": {"tile_crack": 3, "tile_rough": 3}, "wood": {"wood_hole": 3}},
        {"tile": 6, "wood": 3},
    ),
    "folder": ({"folder": {"defect": 2, "": 2}}, {"folder": 4}),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_standard_protocol_takes_every_test_image(build, name):
    made = build(name)
    dataset = open_dataset(name, made.root)
    images, stage1 = EXPECTED[name]
    assert counts(dataset) == images
    assert {category: len(paths) for category, paths in dataset.stage1.items()} == stage1
    assert dataset.name == name
    ids = [sample.id for sample in dataset.test]
    assert ids == sorted(set(ids))
    top = made.root / "images" if name == "folder" else made.root
    for sample in dataset.test:
        assert sample.path == os.path.join(top, sample.id)
        if not sample.defect:
            assert sample.mask is None
        else:
            assert read_truth(sample.mask, sample.rule).sum() > 0
    for paths in dataset.stage1.values():
        assert all(Path(path).is_file() for path in paths)


@pytest.mark.parametrize("name", ["mvtec-ad", "mpdd", "btad", "dtd-synthetic", "ksdd2", "wfdd", "dagm"])
def test_stage_1_of_the_standard_protocol_sees_training_normals_alone(build, name):
    dataset = open_dataset(name, build(name).root)
    tested = {sample.path for sample in dataset.test}
    for paths in dataset.stage1.values():
        assert not tested & set(paths)
        assert all("train" in path.lower() for path in paths)
    assert not any("stage 1" in note for note in dataset.notes)


@pytest.mark.parametrize("name", ["mtd", "ksdd", "sd-saliency-900", "crackforest", "gfds", "folder", "visa"])
def test_where_there_are_no_training_images_stage_1_sees_test_images_and_that_is_said(build, name):
    dataset = open_dataset(name, build(name).root)
    assert {path for paths in dataset.stage1.values() for path in paths} == {sample.path for sample in dataset.test}
    assert any("stage 1 sees test images" in note for note in dataset.notes)


@pytest.mark.parametrize("name", ["mpdd", "dtd-synthetic", "btad", "dagm"])
def test_iap_as_takes_images_with_a_defect_alone_of_these_sets(build, name):
    dataset = open_dataset(name, build(name).root, protocol="iap-as")
    assert all(sample.defect for sample in dataset.test)
    assert any("with a defect alone" in note for note in dataset.notes)


@pytest.mark.parametrize("name", ["mvtec-ad", "mtd", "visa"])
def test_iap_as_shows_normal_test_images_to_stage_1_of_these_sets(build, name):
    dataset = open_dataset(name, build(name).root, protocol="iap-as")
    for category, paths in dataset.stage1.items():
        normal = [s.path for s in dataset.test if s.category == category and not s.defect]
        assert list(paths) == sorted(normal)
    assert any("normal test images" in note for note in dataset.notes)


def test_iap_as_shows_defective_images_of_dagm_to_stage_1(build):
    dataset = open_dataset("dagm", build("dagm").root, protocol="iap-as")
    assert {Path(path).name for paths in dataset.stage1.values() for path in paths} == {"0001.PNG"}
    assert any("images with a defect, as the authors" in note for note in dataset.notes)


def test_iap_as_takes_each_folder_of_ksdd_as_a_category(build):
    dataset = open_dataset("ksdd", build("ksdd").root, protocol="iap-as")
    assert counts(dataset) == {"kos01": {"crack": 1, "": 2}, "kos02": {"crack": 1, "": 2}}
    assert [len(paths) for paths in dataset.stage1.values()] == [2, 2]
    assert not any("Part0" in path for paths in dataset.stage1.values() for path in paths)


def test_the_classes_of_gfds_are_paired_in_sorted_order(build):
    made = build("gfds")
    dataset = open_dataset("gfds", made.root)
    pairs = {sample.id: os.path.relpath(sample.mask, made.root) for sample in dataset.test}
    assert pairs["tile/images/crack/2.jpg"] == "tile/ground_truth/crack/crack_gt_2.png"
    (made.root / "tile/ground_truth/crack/crack_gt_1.png").unlink()
    missing = [sample.id for sample in open_dataset("gfds", made.root).test if sample.mask == ""]
    assert missing == [f"tile/images/crack/{n}.jpg" for n in range(3)]  # 3 images, 2 masks: none can be told apart


def test_a_missing_mask_of_gfds_does_not_shift_the_pairs_behind_it(build):
    made = build("gfds")
    folder = made.root / "tile/ground_truth/crack"
    for n, stem in enumerate(("0", "2", "3")):  # as many as there are images; that of image 1 is missing
        (folder / f"crack_gt_{n}.png").rename(folder / f"{stem}.png")
    pairs = {s.id: Path(s.mask).name for s in open_dataset("gfds", made.root).test if s.defect == "tile_crack"}
    assert pairs == {
        "tile/images/crack/0.jpg": "0.png",
        "tile/images/crack/1.jpg": "",
        "tile/images/crack/2.jpg": "2.png",
    }


def test_visa_takes_the_test_images_that_its_list_names(build):
    made = build("visa")
    rows = ["object,split,label,image,mask"]
    for category in ("candle", "pcb1"):
        rows += [f"{category},train,normal,{category}/Data/Images/Normal/000{n}.JPG," for n in range(2)]
        rows += [f"{category},test,normal,{category}/Data/Images/Normal/0002.JPG,"]
        rows += [f"{category},test,anomaly,{category}/Data/Images/Anomaly/00{n}.JPG,x" for n in range(2)]
    (made.root / "split_csv").mkdir()
    (made.root / "split_csv/1cls.csv").write_text("\n".join(rows))
    dataset = open_dataset("visa", made.root)
    assert counts(dataset) == {c: {"": 1, "anomaly": 2} for c in ("candle", "pcb1")}
    assert [len(paths) for paths in dataset.stage1.values()] == [2, 2]
    assert "2 images that it does not name are left out" in " ".join(dataset.notes)
    assert len(open_dataset("visa", made.root, protocol="iap-as").test) == 12


def test_the_masks_of_visa_are_read_above_zero(build):
    dataset = open_dataset("visa", build("visa").root)
    areas = {int(read_truth(sample.mask, sample.rule).sum()) for sample in dataset.test if sample.defect}
    assert areas == {30}


@pytest.mark.parametrize("content", [None, b"a,b\n1,2\n", b"\xff\xfe\x00", b'a\n"x'])
def test_a_list_of_visa_that_cannot_be_read_is_said(build, content):
    made = build("visa")
    (made.root / "split_csv").mkdir()
    if content is None:
        os.mkfifo(made.root / "split_csv/1cls.csv")
    else:
        (made.root / "split_csv/1cls.csv").write_bytes(content)
    dataset = open_dataset("visa", made.root)
    assert len(dataset.test) == 12
    assert any("no list split_csv/1cls.csv that can be read" in note for note in dataset.notes)


@pytest.mark.parametrize(("name", "split"), SPLITS)
def test_a_split_is_drawn_by_seed_and_says_so(build, name, split):
    made = build(name)
    whole, part = open_dataset(name, made.root), open_dataset(name, made.root, split=split)
    again = open_dataset(name, made.root, split=split)
    assert part.test == again.test
    assert set(part.test) <= set(whole.test)
    assert any("drawn by seed" in note for note in part.notes)
    if split == "7:3":
        assert len(part.test) == round(0.3 * len(whole.test))
        shares = Counter(sample.defect for sample in part.test)
        assert set(shares.values()) == {3}  # of 10 of each type
    if split == "196":
        assert all(sample.defect for sample in part.test)


def test_normal_images_outside_a_split_are_training_images(build):
    dataset = open_dataset("mtd", build("mtd").root, split="7:3")
    assert len(dataset.stage1["mtd"]) == 7
    assert all("MT_Free" in path for path in dataset.stage1["mtd"])
    assert not {sample.path for sample in dataset.test} & set(dataset.stage1["mtd"])


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "nrsd-mn"])
def test_a_layout_is_recognised(build, name):
    assert recognise_dataset(build(name).root) == name


def test_an_unverified_set_says_so_and_can_lie_in_other_folders(build):
    made = build("nrsd-mn")
    (made.root / "images").rename(made.root / "img")
    (made.root / "masks").rename(made.root / "gt")
    dataset = open_dataset("nrsd-mn", made.root, folders=("img", "gt"))
    assert counts(dataset) == {"nrsd-mn": {"defect": 10}}
    assert any("not known here" in note for note in dataset.notes)
    assert [layout.name for layout in known_datasets() if layout.unverified] == ["nrsd-mn"]


def test_the_page_says_what_the_table_says():
    page = (Path(__file__).parents[3] / "docs/datasets.md").read_text(encoding="utf-8")
    for layout in known_datasets():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{layout.name}` |"))
        for word in (layout.where, layout.licence, layout.commercial, layout.title.partition(":")[0]):
            assert word in row, layout.name
