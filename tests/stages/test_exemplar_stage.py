"""The few-shot stage: matching behind the protocol, two maps made one, a map made regions."""

import numpy as np
import pytest
from stage_fakes import image

from iapas.core.fusion import Fusion
from iapas.core.scoring import score_map
from iapas.errors import ExemplarAsked
from iapas.stages.exemplars import PHRASE, FeatureMatching, Referring, as_regions, combined, image_digest, refer
from iapas.stages.segment import Rules, finish
from iapas.types import Regions


class Colours:
    """A feature extractor: the mean colour of each of 16 x 16 cells."""

    def __init__(self):
        self.closed = False
        self.looked_at = 0

    def features(self, images):
        self.looked_at += len(images)
        return [
            img.reshape(16, img.shape[0] // 16, 16, img.shape[1] // 16, 3).mean(axis=(1, 3)).astype(np.float32)
            for img in images
        ]

    def close(self):
        self.closed = True


GREY, RED, BLUE = (90, 90, 90), (200, 20, 20), (20, 20, 200)


def picture(colour, top=32, left=48, height=64, width=64):
    """A grey picture with a coloured rectangle, and its mask."""
    mask = np.zeros((128, 192), bool)
    mask[top : top + height, left : left + width] = True
    return np.where(mask[..., None], colour, GREY).astype(np.uint8), mask


def matching(*supports, **options):
    made = FeatureMatching(Colours(), 128, **options)
    made.prepare(supports)
    return made


def test_it_finds_what_the_example_shows_and_nothing_else():
    query = picture(RED, 0, 96)[0]
    query[64:128, 0:48] = BLUE
    (scores,) = matching(picture(RED)).score([query])
    assert scores.shape == (128, 192)
    assert scores.dtype == np.float32
    assert (scores[4:58, 102:154] >= 0.5).all()
    assert (scores[:, :84] < 0.5).all()
    assert 0 <= scores.min() <= scores.max() <= 1


@pytest.mark.parametrize("shots", ["mean", "joined"])
def test_one_example_given_twice_is_that_example(shots):
    query = picture(RED, 0, 96)[0]
    once, twice = matching(picture(RED)), matching(picture(RED), picture(RED), shots=shots)
    assert np.allclose(once.score([query])[0], twice.score([query])[0], atol=1e-6)


def test_examples_together_are_another_thing_than_their_mean():
    query = picture(RED, 0, 96)[0]
    examples = picture(RED), picture((220, 60, 60), 64, 0)
    maps = [matching(*examples, shots=shots).score([query])[0] for shots in ("mean", "joined")]
    assert not np.allclose(*maps, atol=1e-3)


def test_several_kinds_of_defect_each_count():
    red, blue = picture(RED), picture(BLUE)
    both = matching((red[0], red[1] * np.int32(1)), (blue[0], blue[1] * np.int32(2)))
    for colour in (RED, BLUE):
        query = picture(colour, 0, 96)[0]
        scores = both.score([query])[0]
        assert (scores[8:54, 108:150] >= 0.5).all()
        assert (scores[72:] < 0.5).all()


def test_examples_are_looked_at_once():
    extractor = Colours()
    made = FeatureMatching(extractor, 128)
    made.prepare([picture(RED)])
    made.score([picture(RED, 0, 96)[0]] * 3)
    assert extractor.looked_at == 4
    made.close()
    assert extractor.closed


@pytest.mark.parametrize("level", [np.zeros, np.ones])
def test_an_example_without_defect_or_background_is_refused(level):
    with pytest.raises(ValueError, match=r"no (foreground|background)"):
        matching((picture(RED)[0], level((128, 192), bool)))
    with pytest.raises(ValueError, match="no examples"):
        matching()


def random_map(seed):
    rng = np.random.default_rng(seed)
    small = rng.random((12, 16)).astype(np.float32)
    return np.kron(small, np.ones((8, 8), np.float32)) * np.float32(rng.choice([1.0, 0.7, 0.2]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("level", [0.5, 0.31])
def test_regions_add_up_to_the_map_and_their_mask_is_exact(seed, level):
    scores = random_map(seed)
    scores[0, :5] = np.float32(level)  # at the level
    scores[1, :5] = np.nextafter(np.float32(level), np.float32(0))
    regions = as_regions(scores, level, Regions.empty(scores.shape))
    total = score_map(regions)
    assert np.abs(total - np.where(scores < 0.02, 0, scores)).max() <= 1.01 / 255
    assert np.array_equal(total >= np.float32(level), scores >= np.float32(level))
    assert list(regions.scores) == sorted(regions.scores, reverse=True)


def test_each_part_is_a_region_and_the_faint_rest_one_more():
    scores = np.full((40, 40), 0.1, np.float32)
    scores[2:6, 2:6], scores[20:30, 20:25] = 0.8, 0.6
    regions = as_regions(scores, 0.5, Regions.empty((40, 40)))
    assert regions.boxes.tolist() == [[2, 2, 6, 6], [20, 20, 25, 30], [0, 0, 40, 40]]
    assert regions.phrases == [PHRASE] * 3


def test_nothing_above_the_faintest_is_no_region():
    assert len(as_regions(np.full((20, 20), 0.01, np.float32), 0.5, Regions.empty((20, 20)))) == 0


def named(*boxes, scores=None, size=(100, 100)):
    crops = tuple(np.full((y1 - y0, x1 - x0), 255, np.uint8) for x0, y0, x1, y1 in boxes)
    values = np.full(len(boxes), 0.4, np.float32) if scores is None else np.array(scores, np.float32)
    return Regions(size, np.array(boxes, np.float32), values, [f"phrase {i}" for i in range(len(boxes))], crops)


def test_a_part_has_the_phrase_of_the_region_it_shares_most_with():
    scores = np.zeros((100, 100), np.float32)
    scores[10:30, 10:30] = 0.9
    found = named((8, 8, 14, 14), (12, 12, 40, 40), (60, 60, 90, 90))
    assert as_regions(scores, 0.5, found).phrases == ["phrase 1"]


def test_maps_together():
    zero, few = np.array([[0.3, 0.3, 0]], np.float32), np.array([[0.5, 0.8, 0.9]], np.float32)
    assert combined(zero, few, "max").tolist() == np.maximum(zero, few).tolist()
    odds = combined(zero, few, "odds")[0]
    undecided = combined(zero, np.full_like(few, 0.5), "odds")[0]
    assert odds[1] > odds[0] == undecided[0]  # an undecided match changes no order
    assert odds[2] < 0.5  # nothing there to see: an alike texture is not enough


class FakeExemplars:
    """One map for every image."""

    def __init__(self, scores):
        self.scores, self.supports = scores, None

    def prepare(self, supports):
        self.supports = supports

    def score(self, images):
        return [self.scores for _ in images]

    def close(self):
        self.scores = None


def half_map():
    scores = np.full((100, 100), 0.1, np.float32)
    scores[20:40, 20:40] = 0.8
    return scores


def result(regions, threshold=0.5):
    return finish(regions, Rules(threshold), None, ("said before",))


def test_alone_is_the_map_by_itself_and_needs_no_other():
    referring = Referring.of(FakeExemplars(half_map()), [("", image(), half_map() > 0.5)], Fusion("none"), "alone")
    assert not referring.needs_zero_shot
    (found,) = refer([image()], [result(named((0, 0, 90, 90), scores=[0.9]))], referring, Rules(0.5), [None])
    assert np.array_equal(found.mask, half_map() > 0.5)
    assert found.warnings == ("said before",)


def test_where_not_to_look_stays_empty():
    referring = Referring(FakeExemplars(half_map()), combine="alone")
    valid = np.ones((100, 100), bool)
    valid[:, :30] = False
    (found,) = refer([image()], [result(Regions.empty((100, 100)))], referring, Rules(0.5), [valid])
    assert not found.score_map[~valid].any()
    assert found.mask.sum() == 200


@pytest.mark.parametrize("mode", ["sam", "union", "replace"])
def test_fusion_takes_the_parts_of_a_generator_or_the_zero_shot_regions(mode):
    part = named((18, 18, 44, 42))
    inside = np.zeros((100, 100), bool)
    inside[18:42, 18:44] = True
    for referring, before in (
        (Referring(FakeExemplars(half_map()), Fusion(mode), "alone", lambda _: part), Regions.empty((100, 100))),
        (Referring(FakeExemplars(half_map()), Fusion(mode), "alone"), part),
    ):
        assert referring.needs_zero_shot == (referring.parts is None)
        (found,) = refer([image()], [result(before)], referring, Rules(0.5), [None])
        assert np.array_equal(found.mask, inside)


def test_an_example_is_refused_as_a_query_by_its_pixels():
    img = picture(RED)[0]
    referring = Referring(FakeExemplars(half_map()), digests=frozenset([image_digest(img)]))
    other = img.copy()
    other[0, 0, 0] += 1
    referring.refuse([other, img.transpose(1, 0, 2)])
    with pytest.raises(ExemplarAsked):
        referring.refuse([other, img.copy()])


def test_kinds_are_numbered_by_name():
    fake, mask = FakeExemplars(half_map()), half_map() > 0.5
    Referring.of(fake, [("b", image(), mask), ("a", image(), mask)], Fusion("none"), "alone")
    assert [np.unique(m).tolist() for _, m in fake.supports] == [[0, 2], [0, 1]]
    Referring.of(fake, [("", image(), mask)], Fusion("none"), "alone")
    assert fake.supports[0][1].dtype == bool
