"""Every kind of defect can be drawn, is visible where its mask is, and is called what it is."""

from functools import cache

import numpy as np
import pytest

from iapas.embedded.words import ATTRIBUTES
from iapas.synthesis.camera import Camera
from iapas.synthesis.defects import KINDS, draw_defects
from iapas.synthesis.defects.measure import attributes, thickness
from iapas.synthesis.sample import draw
from iapas.synthesis.scene import Scene

SIZE = (160, 160)


@cache
def some(kind):
    """Defects of one kind on whatever scenes take them."""
    found = []
    for seed in range(4):
        found += draw(seed, SIZE, 0.0, (kind,)).defects
    return found


@pytest.fixture(scope="module")
def camera():
    """One that adds nothing of its own."""
    curve = (255 * np.linspace(0, 1, 2049) ** (2 / 2.2)).astype(np.float32)
    return Camera(np.ones(SIZE, np.float32), np.ones(3, np.float32), None, 0.5, 0.0, curve, 1.0, 0.5, 0.0, 0, 0)


@pytest.fixture(scope="module")
def plate():
    """A grey plate with a bright disc on a dark ground."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    part = np.hypot(rows - 80, columns - 80) < 60
    disc = np.hypot(rows - 80, columns - 80) < 15
    bare = np.where(part, 0.25, 0.03).astype(np.float32)[..., None].repeat(3, axis=2)
    bare += np.random.default_rng(3).normal(0, 0.005, bare.shape).astype(np.float32)
    colour = bare.copy()
    colour[disc] = 0.6
    return Scene(colour, "plate", part, (disc,), bare)


def test_there_are_enough_kinds():
    assert len(KINDS) >= 22


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_can_be_drawn(kind):
    defects = some(kind)
    assert defects, "not one in four pictures"
    for defect in defects:
        assert defect.kind == kind
        assert 3 <= defect.mask.sum() <= 0.4 * defect.mask.size
        assert set(defect.attributes) <= set(ATTRIBUTES)
        assert not (defect.attributes.get("dark") and defect.attributes.get("bright"))
        assert not (defect.attributes.get("elongated") and defect.attributes.get("compact"))
        assert any(defect.phrase.endswith(noun) for noun in KINDS[kind].nouns)


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        ("missing", "missing"),
        ("fibre", "foreign"),
        ("squeezed", "bent"),
        ("smeared print", "print"),
        ("chip", "border"),
    ],
)
def test_what_holds_by_nature_is_said(kind, attribute):
    assert all(defect.attributes[attribute] for defect in some(kind))
    assert not any(defect.attributes.get(attribute) for defect in some("scratch"))


def test_lines_are_elongated_and_dots_are_compact():
    lines = [d.attributes["elongated"] for d in some("crack") + some("scratch") if "elongated" in d.attributes]
    spots = [d.attributes["elongated"] for d in some("poke") + some("spot") if "elongated" in d.attributes]
    assert np.mean(lines) > 0.8
    assert np.mean(spots) < 0.3


def test_the_missing_element_is_found_missing(camera, plate):
    levels = camera.develop(plate.colour)
    drawn, defects = draw_defects(np.random.default_rng(5), plate, camera, levels, ("missing",))
    assert [defect.kind for defect in defects] == ["missing"] * len(defects)
    mask = defects[0].mask
    both = (mask & plate.elements[0]).sum() / (mask | plate.elements[0]).sum()
    assert both > 0.4  # or half of it
    assert drawn[mask].mean() < levels[mask].mean() - 20
    assert defects[0].attributes["missing"] is True


@pytest.mark.parametrize("kind", ["scratch", "hole", "stain", "dent", "rough", "crack", "discoloured"])
def test_what_is_drawn_on_the_part_stays_on_it(camera, plate, kind):
    levels = camera.develop(plate.colour)
    for seed in range(6):
        drawn, defects = draw_defects(np.random.default_rng(seed), plate, camera, levels, (kind,))
        for defect in defects:
            assert (defect.mask & ~plate.part).sum() <= 0.1 * defect.mask.sum() + 3
            change = np.abs(drawn - levels).max(2)
            assert change[defect.mask].mean() > 2
            assert change[defect.mask].mean() > 4 * change[~plate.part].mean()


def test_a_chip_takes_away_from_the_rim(camera, plate):
    levels = camera.develop(plate.colour)
    dark = 0
    for seed in range(8):
        _, defects = draw_defects(np.random.default_rng(seed), plate, camera, levels, ("chip",))
        dark += sum(defect.attributes.get("dark", False) for defect in defects)
        assert all(not (defect.mask & ~plate.part).sum() > 0.2 * defect.mask.sum() for defect in defects)
    assert dark > 3  # mostly the dark ground shows


def test_attributes_of_drawn_shapes():
    before = np.full((80, 80, 1), 120, np.float32)
    before += np.random.default_rng(0).normal(0, 1, before.shape).astype(np.float32)
    line, blot = np.zeros((80, 80), bool), np.zeros((80, 80), bool)
    line[40:43, 10:70] = True
    blot[30:50, 30:50] = True
    for mask, factor, expected in ((line, 0.5, {"dark", "elongated"}), (blot, 1.5, {"bright", "compact"})):
        after = np.where(mask[..., None], before * factor, before).astype(np.float32)
        said = attributes(before, after, mask, None, float(mask.mean()), 1.0, False)
        assert {name for name, holds in said.items() if holds} - {"large"} == expected
        assert "colour" not in said  # a grey picture


def test_redder_is_warm():
    before = np.full((60, 60, 3), 120, np.float32)
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    after = np.where(mask[..., None], before * np.array([1.2, 0.96, 0.6], np.float32), before)
    said = attributes(before, after.astype(np.float32), mask, None, 0.11, 1.0, False)
    assert said["colour"] is True
    assert said["warm"] is True
    assert "dark" not in said


def test_thickness_of_a_band():
    band = np.zeros((60, 120), bool)
    band[20:28, 10:110] = True
    long, wide = thickness(band)
    assert wide == pytest.approx(8, rel=0.15)
    assert long == pytest.approx(100 / 8, rel=0.3)
