"""Which pictures an experiment looks at."""

import shutil

import pytest

from iapas.errors import UsageError
from iapas.experiments.data import open_pictures, place_of


def seen(pictures):
    return [(shot.category, shot.item.sample.id) for shot in pictures.shots]


def test_defect_types_as_categories_share_the_normal_images(tiles):
    pictures = open_pictures([("mtd", tiles)], "defect")
    assert pictures.categories == ("Blowhole", "Crack")
    normal = [shot for shot in pictures.shots if not shot.item.defective]
    assert [shot.category for shot in normal] == ["Blowhole", "Blowhole", "Crack", "Crack"]
    assert len({shot.item.sample.id for shot in pictures.shots}) == 12


def test_the_sets_own_category(tiles):
    assert open_pictures([("mtd", tiles)]).categories == ("mtd",)


def test_a_limit_is_for_each_defect_type(tiles):
    pictures = open_pictures([("mtd", tiles)], "defect", limit=1)
    assert [category for category, _ in seen(pictures)] == ["Blowhole", "Blowhole", "Crack", "Crack"]
    assert seen(pictures) == seen(open_pictures([("mtd", tiles)], "defect", limit=1))


def test_fewer_normal_images(tiles):
    pictures = open_pictures([("mtd", tiles)], every_normal=4)
    assert sum(not shot.item.defective for shot in pictures.shots) == 1


def test_a_plain_folder_has_no_truth(tiles, tmp_path):
    folder = tmp_path / "plates"
    shutil.copytree(tiles / "MT_Crack" / "Imgs", folder, ignore=shutil.ignore_patterns("*.png"))
    name, root = place_of(str(folder))
    pictures = open_pictures([(name, root)])
    assert pictures.categories == ("plates",)
    assert not any(shot.judged for shot in pictures.shots)
    assert pictures.told["plates"]["defective"] is None


def test_two_sets_are_told_apart(tiles, tmp_path):
    folder = tmp_path / "plates"
    shutil.copytree(tiles / "MT_Crack" / "Imgs", folder, ignore=shutil.ignore_patterns("*.png"))
    pictures = open_pictures([("mtd", tiles), ("", folder)])
    assert pictures.categories == ("mtd", "plates")
    with pytest.raises(UsageError, match="same name"):
        open_pictures([("", folder), ("", folder)])
    with pytest.raises(UsageError, match="no pictures"):
        open_pictures([])


def test_a_folder_with_masks_is_a_data_set(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    assert place_of(str(tmp_path))[0] == "folder"
    with pytest.raises(UsageError, match="not a folder"):
        place_of(str(tmp_path / "nowhere"))
