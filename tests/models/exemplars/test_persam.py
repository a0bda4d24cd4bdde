"""PerSAM: points where the target is nearest and farthest, guidance, two refinements; with each family of SAM."""

import numpy as np
import pytest

from iapas.config import load_config
from iapas.models.exemplars import exemplars
from iapas.models.exemplars.persam import PerSam, extremes
from iapas.models.loading import Runtime

FAMILIES = ["sam-vit-base", "sam-hq-vit-base", "sam2.1-hiera-tiny"]


def picture(seed, size=(40, 60)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def mask(size=(40, 60)):
    made = np.zeros(size, bool)
    made[5:15, 40:55] = True
    return made


@pytest.mark.parametrize("name", FAMILIES)
def test_it_scores_pictures_of_any_shape(name, tiny):
    made = PerSam(tiny(name), Runtime())
    made.prepare([(picture(0), mask()), (picture(1), mask())])
    queries = [picture(2), picture(3, (70, 30))]
    together = made.score(queries)
    assert [found.shape for found in together] == [(40, 60), (70, 30)]
    assert all(found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1 for found in together)
    np.testing.assert_array_equal(made.score(queries[1:])[0], together[1])
    made.close()


def test_the_points_lie_where_the_target_is_nearest_and_farthest():
    similarity = np.zeros((4, 6), np.float32)
    similarity[1, 4], similarity[3, 0] = 1, -1
    (x, y), (u, v) = extremes(similarity, (40, 60))
    assert (x // 10, y // 10) == (4, 1)
    assert (u // 10, v // 10) == (0, 3)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_target_is_found_where_it_was_taken(name, tiny):
    """The mean of one cell is nearest to that cell; the picture is wide, so that below it SAM's input is padded."""
    made = PerSam(tiny(name), Runtime())
    image = picture(7, (32, 64))
    one = np.zeros((32, 64), bool)
    one[20, 50] = True
    made.prepare([(image, one)])
    (entry,) = made._decoder.encode([image])
    found = made._similarity(entry, made._targets[0]).numpy()
    assert found.shape == ((4, 4) if name.startswith("sam2") else (2, 4))
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert (row, column) == (20 * found.shape[0] // 32, 50 * 4 // 64)
    assert found.max() == pytest.approx(1, abs=1e-5)


def test_what_sam_is_asked(tiny, monkeypatch):
    """Section 3.2: first with guidance and the target, then with its own mask, then with the box of that mask too."""
    made = PerSam(tiny("sam-vit-base"), Runtime())
    made.prepare([(picture(0), mask())])
    calls, ask = [], made._decoder.ask

    def asked(entry, many, **given):
        answer = ask(entry, many, **given)
        logits = answer[0]
        logits[..., :8, :8] = logits[..., :8, :8].abs() + 1  # so that there is a box
        calls.append((many, given, logits))
        return answer

    monkeypatch.setattr(made._decoder, "ask", asked)
    made.score([picture(5)])
    (_, first, logits), (_, second, _), (_, third, _) = calls
    assert [many for many, _, _ in calls] == [False, True, True]
    assert sorted(first) == ["attention_similarity", "input_labels", "points", "target_embedding"]
    assert sorted(second) == ["input_labels", "input_masks", "points"]
    assert sorted(third) == ["boxes", "input_labels", "input_masks", "points"]
    assert first["input_labels"].tolist() == [[[1, 0]]]
    np.testing.assert_array_equal(second["input_masks"][0, 0], logits[0, 0])
    guide = first["attention_similarity"]
    assert guide.shape == (1, 1, 1, 16)
    assert guide.reshape(4, 4)[3].abs().max() == 0  # the padding: 40 of 60 rows are the image
    x0, y0, x1, y1 = third["boxes"][0]
    assert 0 <= x0 < x1 < 60
    assert 0 <= y0 < y1 < 40


def test_the_guidance_and_the_target_reach_the_model(tiny):
    made = PerSam(tiny("sam-vit-base"), Runtime())
    made.prepare([(picture(0), mask())])
    (entry,) = made._decoder.encode([picture(1)])
    target = made._targets[0]
    guide = made._guide(entry, made._similarity(entry, target))
    points = np.array([[[10, 10], [30, 30]]], np.float32)
    plain = made._decoder.ask(entry, False, points=points)[0]
    for more in ({"attention_similarity": 10 * guide}, {"target_embedding": target[None, None]}):
        assert (
            made._decoder.ask(entry, False, points=points, **more)[0] - plain
        ).abs().max() > 1e-4 * plain.abs().max()


def test_each_class_has_a_mask_and_none_is_refused(tiny):
    made = PerSam(tiny("sam-vit-base"), Runtime())
    labels = np.where(mask(), 2, 0) + np.where(mask()[::-1], 4, 0)
    made.prepare([(picture(0), labels)])
    (both,) = made.score([picture(1)])
    alone = []
    for value in (2, 4):
        made.prepare([(picture(0), labels == value)])
        alone += made.score([picture(1)])
    np.testing.assert_allclose(both, np.maximum(*alone), atol=1e-6)
    with pytest.raises(ValueError, match="no foreground"):
        made.prepare([(picture(0), np.zeros((40, 60), bool))])


def test_the_config_builds_it(tiny):
    root = tiny("sam-vit-huge").parent
    config = load_config("embedded", [f"models.root={root}", "exemplars.support=x", "exemplars.name=persam"])
    made = exemplars(config, Runtime())
    made.prepare([(picture(0), mask())])
    assert made.score([picture(1)])[0].shape == (40, 60)
