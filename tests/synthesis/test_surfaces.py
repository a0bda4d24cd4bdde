"""Generated surfaces: every kind, every size, the same from the same seed, without anything that would be a defect."""

import numpy as np
import pytest

from iapas.synthesis.scenes import PARTS, draw_scene
from iapas.synthesis.scenes.grains import cells, cloud, room_to_turn, rough, turned, white
from iapas.synthesis.scenes.shading import lit
from iapas.synthesis.scenes.surfaces import SURFACES

SIZES = [(64, 64), (96, 200), (256, 128)]


def check(scene, size):
    assert scene.colour.shape == (*size, 3)
    assert scene.colour.dtype == np.float32
    assert np.isfinite(scene.colour).all()
    assert scene.colour.min() >= 0
    assert 0.002 < scene.colour.mean() < 1.2
    assert scene.part is None or (scene.part.shape == size and scene.part.dtype == bool and scene.part.any())
    assert np.hypot(*scene.light) == pytest.approx(1)
    assert (scene.bare is not None) or not scene.elements
    for element in scene.elements:
        assert element.shape == size and element.dtype == bool and element.any()
    if scene.bare is not None:
        assert scene.bare.shape == scene.colour.shape and scene.bare.dtype == np.float32
        for element in scene.elements:
            assert np.abs(scene.bare - scene.colour)[element].max() > 0.002


@pytest.mark.parametrize("kind", SURFACES)
def test_every_kind_draws_every_size(kind):
    for seed, size in enumerate(SIZES):
        check(SURFACES[kind](np.random.default_rng(seed), size), size)


@pytest.mark.parametrize("kind", SURFACES)
def test_the_same_seed_draws_the_same(kind):
    one, two, other = (SURFACES[kind](np.random.default_rng(seed), (64, 80)).colour for seed in (5, 5, 6))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_there_are_many_kinds_and_none_has_the_name_of_a_part():
    assert len(SURFACES) >= 40
    assert not set(SURFACES) & set(PARTS)


def test_about_as_many_surfaces_as_parts():
    kinds = [draw_scene(np.random.default_rng(seed), (64, 64)).kind for seed in range(150)]
    surfaces = sum(kind in SURFACES for kind in kinds) / len(kinds)
    assert 0.4 < surfaces < 0.7
    assert len(set(kinds)) > 40


def test_what_could_be_missing_changes_the_picture_where_it_is():
    scenes = [SURFACES["punched sheet"](np.random.default_rng(seed), (128, 128)) for seed in range(6)]
    assert any(scene.elements for scene in scenes)
    for scene in scenes:
        for element in scene.elements:
            assert element.mean() < 0.5


@pytest.mark.parametrize("across", [0.5, 2.0, 9.0, 200.0])
def test_noise_has_mean_0_and_deviation_1(across):
    rng = np.random.default_rng(1)
    for values in (cloud(rng, (100, 140), across), cloud(rng, (100, 140), across, 3.0), rough(rng, (100, 140), across)):
        assert values.shape == (100, 140) and values.dtype == np.float32
        assert values.mean() == pytest.approx(0, abs=1e-3)
        assert values.std() == pytest.approx(1, abs=1e-2)


def test_noise_is_correlated_over_the_length_asked_for():
    rng = np.random.default_rng(2)

    def agreement(values, shift):
        return float((values[:, shift:] * values[:, :-shift]).mean())

    narrow, wide = cloud(rng, (256, 256), 2.0), cloud(rng, (256, 256), 12.0)
    assert agreement(narrow, 8) < 0.2 < 0.6 < agreement(wide, 8)
    assert abs(agreement(white(rng, (256, 256)), 1)) < 0.05


def test_cells_are_about_as_wide_as_asked_for():
    found = cells(np.random.default_rng(3), (200, 240), 20.0)
    assert 0.6 < len(np.unique(found.label)) / (200 * 240 / 400) < 1.8
    assert found.near.max() < 40
    assert found.edge[0, 0] >= 0


def test_relief_is_bright_on_the_side_of_the_light():
    rows, columns = np.mgrid[:61, :61].astype(np.float32) - 30
    shade, shine = lit(15 * np.exp(-(rows**2 + columns**2) / 200), (-1.0, 0.0), gloss=0.5)
    assert shade[20, 30] > 1.1 > 0.9 > shade[40, 30]
    assert shine[20, 30] > shine[40, 30]
    flat, _ = lit(np.zeros((9, 9), np.float32), (-1.0, 0.0))
    assert flat == pytest.approx(np.ones((9, 9)))


def test_turning_covers_the_picture():
    size = (40, 70)
    for angle in (0.0, 0.5, np.pi / 2):
        drawn = np.ones(room_to_turn(size, angle), np.float32)
        assert turned(size, angle, drawn).min() == 1
