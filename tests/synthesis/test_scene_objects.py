"""Scenes of parts: whole, deterministic, of every size, with elements that are where they say."""

import zlib

import numpy as np
import pytest

from iapas.synthesis.scenes import poses
from iapas.synthesis.scenes.objects import PARTS
from iapas.synthesis.scenes.prints import line, sheet, word
from iapas.synthesis.scenes.studio import Drawn, Finish, Solid, ball, set_up, soften, to_scene

SINGLE = [kind for kind in PARTS if ": " not in kind]


def drawn(kind, size=(96, 96), seed=0):
    return PARTS[kind](np.random.default_rng([seed, zlib.crc32(kind.encode())]), size)


def test_there_are_many_kinds():
    assert len(PARTS) >= 40
    assert sum(kind.startswith("tray: ") for kind in PARTS) >= 10


@pytest.mark.parametrize("kind", PARTS)
def test_a_scene_is_whole(kind):
    scene = drawn(kind)
    assert scene.kind == kind
    assert scene.colour.shape == (96, 96, 3)
    assert scene.colour.dtype == np.float32
    assert np.isfinite(scene.colour).all()
    assert scene.colour.min() >= 0
    assert scene.colour.std() > 0.001
    assert np.hypot(*scene.light) == pytest.approx(1)
    if scene.part is not None:
        assert scene.part.dtype == bool
        assert scene.part.any()
        assert not scene.part.all()
    assert (scene.bare is None) == (not scene.elements)


@pytest.mark.parametrize("kind", SINGLE)
def test_the_same_seed_draws_the_same_at_any_size(kind):
    for size in ((64, 130), (150, 70)):
        one, two = drawn(kind, size, 3), drawn(kind, size, 3)
        assert one.colour.shape == (*size, 3)
        assert np.isfinite(one.colour).all()
        assert np.array_equal(one.colour, two.colour)
        assert len(one.elements) == len(two.elements)
        assert all(element.shape == size for element in one.elements)
    assert not np.array_equal(one.colour, drawn(kind, size, 4).colour)


@pytest.mark.parametrize("kind", SINGLE)
def test_without_its_elements_a_scene_differs_there(kind):
    """What is said to be an element can be seen: most change the picture where they lie."""
    changed, seen = [], 0
    for seed in range(2):
        scene = drawn(kind, (96, 128), seed)
        if scene.bare is None:
            continue
        assert scene.bare.shape == scene.colour.shape
        apart = np.abs(scene.colour - scene.bare).max(axis=2)
        near = np.logical_or.reduce(scene.elements)
        seen += 1
        changed.append(apart[near].mean() / (apart.mean() + 1e-6))
        for element in scene.elements:
            assert element.dtype == bool
            assert 9 <= element.sum() <= element.size / 3
    if seen:
        assert np.mean(changed) > 1.0


def test_elements_of_a_tray_do_not_overlap():
    for seed in range(4):
        scene = drawn("tray: screw", (160, 160), seed)
        assert np.sum(scene.elements, axis=0).max() == 1


def test_distances_are_pixels():
    rows, columns = np.mgrid[:101, :101].astype(np.float32) - 50
    square = poses.box(columns, rows, 20, 10)
    assert square[50, 80] == pytest.approx(10)
    assert square[50, 50] == pytest.approx(-10)
    assert poses.polygon(columns, rows, 4, 20)[50, 75] == pytest.approx(5)
    heights = poses.dome(square, 5, 3.0)
    assert heights[50, 50] == pytest.approx(3)
    assert heights[50, 75] == 0


@pytest.mark.parametrize("aspect", [1.0, 3.0])
def test_most_single_parts_lie_in_the_picture(aspect):
    inside = 0
    for seed in range(40):
        pose = poses.single(np.random.default_rng(seed), (100, 140), aspect)
        part = (np.abs(pose.x) < pose.r) & (np.abs(pose.y) < pose.r / aspect)
        edge = part[0].any() or part[-1].any() or part[:, 0].any() or part[:, -1].any()
        inside += not edge
    assert inside >= (26 if aspect > 1 else 10)  # the corners of a square may leave the picture


def test_a_tray_repeats_its_part():
    pose = poses.tray(np.random.default_rng(5), (200, 200))
    assert pose.count >= 4
    assert pose.cell.max() < pose.count
    middles = (np.hypot(pose.x, pose.y) < 0.3 * pose.r).astype(np.uint8)
    assert len(np.unique(pose.cell[middles > 0])) >= 4


def test_letters_lie_on_the_ink():
    rng = np.random.default_rng(0)
    ink, numbers = line(rng, "AB7")
    assert set(np.unique(numbers[ink > 128])) == {1, 2, 3}
    pose = poses.single(np.random.default_rng(1), (128, 128))
    ink, letters = word(np.random.default_rng(2), pose, 0.7, "HOLE")
    assert len(letters) == 4
    assert ink.max() > 0.8
    assert np.logical_or.reduce(letters)[ink > 0.5].all()
    ink, which, items = sheet(np.random.default_rng(3), pose, 8)
    assert len(items) == 8
    assert np.sum(items, axis=0).max() == 1
    assert which.max() <= 8
    assert ink[np.logical_or.reduce(items)].mean() > 0.4


def test_light_falls_from_where_the_stage_says():
    """The side of a dome that faces the light is the brighter, and its shadow falls on the other."""
    rows, columns = np.mgrid[:96, :96].astype(np.float32) - 47.5
    far = np.hypot(rows, columns) - 24
    for seed in range(6):
        stage = set_up(np.random.default_rng(seed), (96, 96), "light table", "lamps")
        grey = np.full(3, 0.3, np.float32)
        solid = Solid(poses.dome(far, 1, 1), poses.dome(far, 24, 12), grey, Finish(0.0, 0.2, False, 0.0), 10.0)
        scene = to_scene(stage, "dome", Drawn([solid]))
        towards = rows * stage.light[0] + columns * stage.light[1]
        rim, around = (far < -2) & (far > -14), (far > 2) & (far < 9)
        tone = scene.colour.mean(axis=2) / stage.lit
        assert tone[rim & (towards > 12)].mean() > tone[rim & (towards < -12)].mean()
        assert tone[around & (towards > 20)].mean() > tone[around & (towards < -20)].mean()


def test_a_level_surface_keeps_its_colour():
    for seed in range(5):
        stage = set_up(np.random.default_rng(seed), (64, 64), lighting="lamps")
        looks = ball(stage, Finish(0.0, 0.5, False, 0.0))
        assert looks[32, 32] == pytest.approx([1, 0], abs=0.06)


def lit_dome(lighting):
    """Lightness of a grey dome's top and of its slopes."""
    rows, columns = np.mgrid[:96, :96].astype(np.float32) - 47.5
    far = np.hypot(rows, columns) - 30
    stage = set_up(np.random.default_rng(3), (96, 96), "plain", lighting)
    solid = Solid(poses.dome(far, 1, 1), poses.dome(far, 30, 20), np.full(3, 0.3, np.float32), Finish(0.0), 0.0)
    tone = to_scene(stage, "dome", Drawn([solid])).colour.mean(axis=2)
    return tone[far < -27].mean(), tone[(far < -5) & (far > -12)].mean(), tone[far > 10].mean()


def test_lightings_show_what_they_are_for():
    top, slope, _ = lit_dome("dark field")
    assert slope > 2 * top
    top, slope, _ = lit_dome("bright field")
    assert top > 1.5 * slope
    top, slope, ground = lit_dome("backlight")
    assert ground > 4 * top
    top, slope, _ = lit_dome("dome")
    assert slope == pytest.approx(top, rel=0.3)


def test_wide_blurs_are_as_wide_as_narrow_ones():
    spot = np.zeros((128, 128), np.float32)
    spot[64, 64] = 1
    rows, columns = np.mgrid[:128, :128]
    for sigma in (1.5, 6.0, 14.0):
        blurred = soften(spot, sigma)
        assert blurred.sum() == pytest.approx(1, rel=0.05)
        spread = np.sqrt((blurred * ((rows - 64) ** 2 + (columns - 64) ** 2)).sum() / blurred.sum() / 2)
        assert spread == pytest.approx(sigma, rel=0.25)
