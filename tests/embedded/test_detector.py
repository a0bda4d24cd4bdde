"""The classical detector on generated pictures: shapes, determinism, odd inputs, polarity, words, parts on a ground."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest

from iapas.embedded.classical.channels import channels, work_image
from iapas.embedded.classical.objects import find_part
from iapas.embedded.detector import EmbeddedDetector
from iapas.types import Phrase, Regions, crop_frame

OBJECT = Phrase("part", "object")


def surface(height: int = 240, width: int = 320, level: float = 128, noise: float = 6, seed: int = 0) -> np.ndarray:
    """A grey surface with noise that is correlated a little, as a camera's is."""
    rng = np.random.default_rng(seed)
    grey = level + rng.normal(0, noise, (height, width))
    grey = (grey + np.roll(grey, 1, 0) + np.roll(grey, 1, 1)) / 3 + np.linspace(-8, 8, width)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def disc(image: np.ndarray, y: int, x: int, radius: int, change: int) -> np.ndarray:
    """Make a disc brighter or darker; returns its mask."""
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    mask = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    image[mask] = np.clip(image[mask].astype(int) + change, 0, 255)
    return mask


def detect(image: np.ndarray, *phrases: Phrase, **options: float) -> Regions:
    detector = EmbeddedDetector(**options)
    return detector.detect(detector.encode([image]), phrases)[0]


def score_map(regions: Regions) -> np.ndarray:
    total = np.zeros(regions.size, np.float32)
    for box, score, crop in zip(regions.boxes, regions.scores, regions.crops or (), strict=True):
        x0, y0, x1, y1 = crop_frame(box, regions.size)
        total[y0:y1, x0:x1] += score * (crop / np.float32(255))
    return total


def as_bytes(regions: Regions) -> bytes:
    parts = [regions.boxes.tobytes(), regions.scores.tobytes(), repr(regions.phrases).encode()]
    return b"".join(parts + [crop.tobytes() for crop in regions.crops or ()])


@pytest.mark.parametrize("change", [-60, 60])
def test_a_spot_is_found_whatever_its_polarity(change: int) -> None:
    image = surface()
    truth = disc(image, 90, 200, 11, change)
    scores = score_map(detect(image))
    assert scores[truth].mean() > 0.3
    assert scores[truth].mean() > 10 * scores[~truth].mean()


def test_a_hairline_on_a_large_tile_is_found() -> None:
    image = surface(1024, 1024, noise=8)
    image[300:303, 200:800] = np.clip(image[300:303, 200:800].astype(int) - 60, 0, 255)
    scores = score_map(detect(image))
    assert scores[300:303, 220:780].mean() > 0.2
    assert scores[:280].max() < scores[301, 220:780].mean()


def test_a_clean_surface_scores_lower_than_a_defective_one() -> None:
    bad = surface()
    disc(bad, 120, 100, 10, -60)
    assert score_map(detect(surface())).max(initial=0) < 0.5 * score_map(detect(bad)).max()


def test_crops_fit_their_boxes_and_scores_are_probabilities() -> None:
    image = surface(201, 333)
    disc(image, 5, 5, 14, -70)
    regions = detect(image)
    assert len(regions) > 0
    assert (regions.scores > 0).all() and (regions.scores <= 1).all()
    assert (regions.boxes[:, 2:] > regions.boxes[:, :2]).all()
    assert (regions.boxes[:, 2] <= 333).all() and (regions.boxes[:, 3] <= 201).all()
    assert regions.phrases == ["defect"] * len(regions)


def test_the_same_bytes_every_time_and_for_any_batch() -> None:
    images = [surface(seed=seed) for seed in range(3)]
    for image in images:
        disc(image, 60, 60, 9, 50)
    detector = EmbeddedDetector()
    together = detector.detect(detector.encode(images), [])
    apart = [EmbeddedDetector().detect(EmbeddedDetector().encode([image]), [])[0] for image in reversed(images)]
    assert [as_bytes(r) for r in together] == [as_bytes(r) for r in reversed(apart)]


def test_encoded_pictures_and_the_detector_pickle() -> None:
    detector = pickle.loads(pickle.dumps(EmbeddedDetector()))
    encoded = detector.encode([surface(64, 64)])
    again = pickle.loads(pickle.dumps(encoded))
    assert as_bytes(detector.detect(encoded, [])[0]) == as_bytes(detector.detect(again, [])[0])


ODD = {
    "constant": np.full((50, 70, 3), 9, np.uint8),
    "black": np.zeros((64, 64, 3), np.uint8),
    "saturated": np.full((40, 40, 3), 255, np.uint8),
    "pixel": np.zeros((1, 1, 3), np.uint8),
    "row": np.arange(300, dtype=np.uint8).reshape(1, 100, 3),
    "column": np.arange(300, dtype=np.uint8).reshape(100, 1, 3),
    "tiny": np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8),
    "strip": np.random.default_rng(2).integers(0, 256, (64, 2000, 3), dtype=np.uint8),
    "tower": surface(2000, 64),
    "noise": np.random.default_rng(3).integers(0, 256, (128, 128, 3), dtype=np.uint8),
    "binary": np.where(np.indices((90, 90, 3)).sum(0) % 7 == 0, 255, 0).astype(np.uint8),
    "half": np.where(np.indices((80, 120, 3))[1] < 60, 0, 255).astype(np.uint8),
    "frame": np.pad(np.full((98, 98, 3), 200, np.uint8), ((1, 1), (1, 1), (0, 0))),
    "colour": np.random.default_rng(4).integers(0, 256, (5, 5, 3), dtype=np.uint8).repeat(20, 0).repeat(20, 1),
    "ramp": np.repeat(np.linspace(0, 255, 200).astype(np.uint8)[None, :, None], 3, 2).repeat(50, 0),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_give_finite_regions(name: str) -> None:
    image = ODD[name]
    regions = detect(image, Phrase("dark spot", "user", ("dark", "compact")), OBJECT)
    assert regions.size == image.shape[:2]
    assert np.isfinite(score_map(regions)).all()
    assert regions.phrases.count("part") == 1


def test_a_constant_picture_has_no_regions() -> None:
    assert len(detect(ODD["constant"])) == 0


def test_words_shift_scores_towards_what_they_say() -> None:
    image = surface()
    dark, bright = disc(image, 70, 80, 10, -45), disc(image, 170, 240, 10, 45)
    maps = {word: score_map(detect(image, Phrase(word, "user", (word,)))) for word in ("dark", "bright")}
    plain = score_map(detect(image))
    assert maps["dark"][dark].mean() > plain[dark].mean() > maps["bright"][dark].mean()
    assert maps["bright"][bright].mean() > plain[bright].mean() > maps["dark"][bright].mean()


def test_words_that_the_user_did_not_type_only_name() -> None:
    image = surface()
    disc(image, 70, 80, 10, -45)
    named = detect(image, Phrase("bright mark", "lexicon", ("bright",)), Phrase("dark mark", "lexicon", ("dark",)))
    plain = detect(image)
    assert np.array_equal(named.scores, plain.scores) and np.array_equal(named.boxes, plain.boxes)
    assert named.phrases[int(named.scores.argmax())] == "dark mark"


def test_unknown_words_change_nothing() -> None:
    image = surface()
    disc(image, 70, 80, 10, -45)
    assert np.array_equal(detect(image, Phrase("gizmo", "user")).scores, detect(image).scores)


def test_among_phrases_that_fit_alike_the_first_names_the_region() -> None:
    image = surface()
    disc(image, 70, 80, 10, -45)
    assert set(detect(image, Phrase("one", "lexicon"), Phrase("two", "lexicon")).phrases) == {"one"}


def test_the_number_of_regions_is_limited() -> None:
    image = surface()
    for k in range(24):
        disc(image, 20 + 40 * (k // 6), 20 + 50 * (k % 6), 5, -50)
    assert 0 < len(detect(image, max_regions=5)) <= 5


def test_a_part_on_plain_ground_is_found_and_its_outline_is_no_defect() -> None:
    image = np.full((300, 400, 3), 20, np.uint8)
    part = disc(image, 150, 210, 90, 0)
    image[part] = surface(300, 400, level=150, noise=3)[part]
    defect = disc(image, 130, 230, 8, -70)
    extent = detect(image, OBJECT)
    assert extent.phrases == ["part"] and extent.scores[0] > 0
    assert np.abs(extent.boxes[0] - [120, 60, 301, 241]).max() < 8
    assert (extent.masks()[0] & part).sum() > 0.95 * part.sum()
    scores = score_map(detect(image))
    assert scores[~part].max() < 0.05
    assert scores[defect].mean() > 0.3
    rim = part & ~disc(image.copy(), 150, 210, 84, 0)
    assert scores[rim].mean() < 0.1 * scores[defect].mean()


def test_a_surface_that_fills_the_frame_is_its_own_extent() -> None:
    image = surface()
    disc(image, 120, 160, 20, -70)
    extent = detect(image, OBJECT)
    assert extent.boxes.tolist() == [[0, 0, 320, 240]]
    assert extent.masks().all()


def test_the_object_comes_beside_the_defects() -> None:
    image = surface()
    disc(image, 120, 160, 10, -70)
    both = detect(image, OBJECT, Phrase("stain", "lexicon"))
    assert both.phrases.count("part") == 1 and both.phrases.count("stain") == len(detect(image))


def test_what_covers_most_of_the_picture_stays_below_the_size_rule() -> None:
    image = surface()
    for y, x in ((30, 30), (30, 290), (210, 30), (210, 290), (120, 160)):
        disc(image, y, x, 24, -60)
    boxes = detect(image).boxes
    assert ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) < 0.8 * 240 * 320).all()


def test_a_break_in_a_regular_pattern_is_found() -> None:
    rows, columns = np.mgrid[:256, :256]
    grey = 120 + 60 * np.sign(np.sin(2 * np.pi * rows / 16) * np.sin(2 * np.pi * columns / 16))
    grey += np.random.default_rng(0).normal(0, 3, grey.shape)
    grey[100:112, 140:152] = 120
    scores = score_map(detect(np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 2)))
    y, x = np.unravel_index(scores.argmax(), scores.shape)
    assert abs(y - 106) < 16 and abs(x - 146) < 16


def test_a_stain_of_the_same_lightness_is_found() -> None:
    image = surface()
    stain = disc(image.copy(), 120, 160, 14, 0)
    image[stain] = np.clip(image[stain].astype(int) + np.array([40, -18, -20]), 0, 255)
    scores = score_map(detect(image))
    assert scores[stain].mean() > 0.2
    assert scores[stain].mean() > 10 * scores[~stain].mean()


def test_the_opening_of_a_ring_is_no_defect() -> None:
    image = np.full((300, 300, 3), 15, np.uint8)
    ring = disc(image, 150, 150, 110, 0)
    opening = disc(image, 150, 150, 45, 0)
    ring &= ~opening
    image[ring] = surface(300, 300, level=150, noise=3)[ring]
    defect = disc(image, 75, 150, 8, -70)
    scores = score_map(detect(image))
    assert scores[opening].max() < 0.1
    assert scores[defect].mean() > 0.3


@pytest.mark.parametrize("seed", range(24))
def test_no_picture_breaks_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in np.exp(rng.uniform(0, 5.5, 2)))
    kinds = (
        lambda: rng.integers(0, 256, (height, width, 3)),
        lambda: np.where(rng.random((height, width, 1)) > 0.99, 255, 0).repeat(3, 2),
        lambda: np.add.outer(np.arange(height) % 5 * 50, np.arange(width) % 7 * 30)[..., None].repeat(3, 2),
        lambda: 128 + rng.normal(0, 1, (height, width, 3)),
    )
    image = np.clip(kinds[seed % 4](), 0, 255).astype(np.uint8)
    regions = detect(image, OBJECT, Phrase("all", "user", ("dark", "large", "border", "relief", "warm", "compact")))
    assert np.isfinite(score_map(regions)).all()


def test_a_part_is_found_on_a_ground_on_which_the_light_falls_off() -> None:
    ys, xs = np.mgrid[:256, :256]
    away = np.hypot(xs - 128, ys - 120)
    grey = 205 - 45 * (away / 180) ** 2 + np.random.default_rng(0).normal(0, 2, (256, 256))
    ring = (away < 80) & (away > 50)
    image = np.where(ring, 60, grey)
    outline = find_part(np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    assert outline is not None
    assert np.allclose(np.array(outline.box) * 256, [48, 40, 208, 200], atol=14)
    surface = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    assert find_part(surface) is None


def test_scores_do_not_hang_on_where_arrays_lie_in_memory():
    """Some routines of OpenCV take another path for other alignments, and then the last bit differs."""
    work = work_image(surface(96, 128, 3), 256)
    rng, kept, seen = np.random.default_rng(0), [], set()
    for _ in range(24):
        kept.append(np.empty(int(rng.integers(1, 200_000)), np.uint8))
        found = channels(work)
        fields = [value for value in vars(found).values() if isinstance(value, np.ndarray)] + list(found.maps.values())
        seen.add(hashlib.sha256(b"".join(value.tobytes() for value in fields)).hexdigest())
    assert len(seen) == 1
