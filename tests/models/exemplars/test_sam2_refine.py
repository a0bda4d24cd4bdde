"""Refining a matched mask: what is asked of each region, and what becomes of the map."""

import numpy as np
import pytest

from iapas.config import load_config
from iapas.models.exemplars import exemplars
from iapas.models.exemplars.sam2_refine import CELLS, MOST_POINTS, TAKEN, box, centre, points, regions, with_mask
from iapas.models.loading import Runtime


class Matching:
    """Finds a square, and surer a bar, in any picture."""

    def __init__(self, nothing=False):
        self.closed = self.prepared = False
        self.nothing = nothing

    def prepare(self, supports):
        self.prepared = True

    def score(self, images):
        return [self._map(image.shape[:2]) for image in images]

    def _map(self, size):
        found = np.full(size, 0.2, np.float32)
        if not self.nothing:
            found[4:14, 6:16] = 0.6
            found[30:36, 20:50] = 0.9
        return found

    def close(self):
        self.closed = True


def picture(seed=0, size=(48, 64)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


@pytest.fixture
def refined(tiny):
    def build(prompts, first, *words):
        root = tiny("sam2.1-hiera-tiny").parent
        chosen = ["support=x", "name=sam2-refine", "model=sam2.1-hiera-tiny", f"refine={prompts}", *words]
        settings = [f"models.root={root}", "everything.iou=0", "everything.stability=0"]
        config = load_config("embedded", [*settings, *(f"exemplars.{word}" for word in chosen)])
        return exemplars(config, Runtime(), first)

    return build


@pytest.mark.parametrize("prompts", [*TAKEN, "everything-32"])
def test_each_kind_of_prompt_from_end_to_end(prompts, refined, monkeypatch):
    monkeypatch.setattr("iapas.models.everything.point_grid", lambda per_side, size: coarse(per_side, size))
    first = Matching()
    made = refined(prompts, first)
    made.prepare([(picture(), np.ones((48, 64), bool))])
    assert first.prepared
    images = [picture(1), picture(2, (64, 80))]
    found = made.score(images)
    for image, scores in zip(images, found, strict=True):
        assert scores.shape == image.shape[:2]
        assert scores.dtype == np.float32
        assert scores.max() >= 0.5
    np.testing.assert_array_equal(made.score(images[1:])[0], found[1])
    made.close()
    assert first.closed


def coarse(per_side, size):
    """The grid of everything mode, a sixth of it: time."""
    assert per_side == 32
    steps = (np.arange(6) + 0.5) / 6
    xs, ys = np.meshgrid(steps * size[1], steps * size[0])
    return np.stack([xs, ys], axis=-1).reshape(-1, 2).astype(np.float32)


def test_nothing_matched_is_nothing_refined(refined):
    (found,) = refined("boxes", Matching(nothing=True)).score([picture()])
    assert (found == np.float32(0.2)).all()


def test_each_region_is_asked_for_by_itself_the_largest_first(refined, monkeypatch):
    made = refined("centres-boxes", Matching())
    decoder, calls = made._refine._decoder, []
    ask = decoder.ask
    monkeypatch.setattr(decoder, "ask", lambda *given, **more: calls.append((given[1], more)) or ask(*given, **more))
    made.score([picture()])
    assert [many for many, _ in calls] == [False, False]
    assert [more["boxes"].tolist() for _, more in calls] == [[[20, 30, 50, 36]], [[6, 4, 16, 14]]]
    for _, more in calls:
        (x, y), (x0, y0, x1, y1) = more["points"][0, 0], more["boxes"][0]
        assert x0 <= x < x1
        assert y0 <= y < y1


def test_the_map_is_high_on_the_mask_alone():
    scores = np.array([[0.1, 0.7, 0.2, 0.9], [0.6, 0.6, 0.3, 0.8]], np.float32)
    mask = np.array([[1, 1, 0, 0], [0, 0, 0, 1]], bool)
    found = with_mask(scores, mask)
    np.testing.assert_array_equal(found >= 0.5, mask)
    assert found[0, :2].tolist() == pytest.approx([0.7, 0.7])
    assert found[1, 3] == pytest.approx(0.8)
    assert found[0, 2] == pytest.approx(0.2)
    assert found[0, 3] == pytest.approx(0.5)


def test_prompts_lie_in_the_region():
    ring = np.zeros((128, 192), bool)
    ring[20:60, 30:90] = True
    ring[30:50, 40:80] = False
    (several,), (fewer,), ((one,),) = points(ring), points(ring, 8), centre(ring)
    for x, y in (*several, *fewer, one):
        assert ring[int(y), int(x)]
    assert len(several) <= MOST_POINTS
    assert len(fewer) < len(several)
    small = ring.copy()
    small[:, 60:] = False
    np.testing.assert_array_equal(points(small)[0, ::8], points(small, 8)[0])
    assert box(ring).tolist() == [[30, 20, 90, 60]]
    speck = np.zeros((128, 192), bool)
    speck[7, 11] = True  # between the middles of cells
    assert points(speck).tolist() == centre(speck).tolist() == [[[11, 7]]]
    everywhere = np.ones((256, 256), bool)
    assert len(points(everywhere)[0]) == MOST_POINTS
    assert len(points(everywhere, 32)[0]) == CELLS * CELLS // 32


def test_regions_are_connected_by_corners_too():
    mask = np.array([[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)
    found = regions(mask)
    assert [int(part.sum()) for part in found] == [2, 1]
    np.testing.assert_array_equal(found[0] | found[1], mask)


def test_it_needs_something_to_refine(refined):
    with pytest.raises(ValueError, match="lacks what it refines"):
        refined("boxes", None)
