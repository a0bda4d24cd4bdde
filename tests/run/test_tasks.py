"""Groups of images in one worker: the same files and rows as one by one, whatever fails among them."""

import pytest
from run_fakes import BUG, OOM, FakeSegmenter, config, picture_bytes, results

from iapas.errors import OutputError
from iapas.run.tasks import SegmentTask, Worker, work
from iapas.types import ObjectProfile


class Batching(FakeSegmenter):
    """Takes three at once, and fails all of them for one."""

    batch_size = 3

    def __init__(self, settings):
        super().__init__(settings)
        self.batches = []

    def segment_batch(self, pictures, profile):
        self.batches.append(len(pictures))
        return [self.segment(picture, profile) for picture in pictures]


def tasks(folder, kinds, profile=None):
    folder.mkdir(exist_ok=True)
    profile = profile or ObjectProfile("part")
    for i, kind in enumerate(kinds):
        data = b"no picture" if kind == "broken" else picture_bytes(kind, 3 + i % 4)
        (folder / f"{i}.png").write_bytes(data)
    return [SegmentTask(f"{i}.png", str(folder / f"{i}.png"), profile) for i in range(len(kinds))]


def outcomes(segmenter, root, todo, group):
    state = Worker(segmenter, segmenter.config, root)
    (root / "profile.json").parent.mkdir(parents=True, exist_ok=True)
    (root / "profile.json").write_text("{}")
    return [outcome for at in range(0, len(todo), group) for outcome in work(state, todo[at : at + group])]


def told(outcome):
    facts, failure = outcome.value
    return facts, failure and (failure.code, failure.message)


def test_a_group_gives_what_its_images_give_one_by_one(tmp_path):
    todo = tasks(tmp_path / "in", [0, 0, "broken", 0, OOM, 0, BUG, 0, 0, "broken"])
    grouped = outcomes(Batching(config()), tmp_path / "grouped", todo, 10)
    single = outcomes(Batching(config()), tmp_path / "single", todo, 1)
    assert [told(outcome) for outcome in grouped] == [told(outcome) for outcome in single]
    assert results(tmp_path / "grouped") == results(tmp_path / "single")
    codes = [failure and failure.code for _, failure in (outcome.value for outcome in grouped)]
    unreadable = "image-unreadable"
    assert codes == [None, None, unreadable, None, "oom", None, "internal", None, None, unreadable]
    assert all(outcome.seconds > 0 for outcome in grouped)


def test_batches_hold_images_of_one_product(tmp_path):
    segmenter = Batching(config())
    todo = tasks(tmp_path / "in", [0] * 4, ObjectProfile("a")) + tasks(tmp_path / "in", [0] * 4, ObjectProfile("b"))
    outcomes(segmenter, tmp_path / "out", todo, 8)
    assert segmenter.batches == [3, 2, 2]  # a a a | a, b b | b b: an image alone needs no batch


def test_a_fault_of_the_run_ends_the_group(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OutputError("the disk is full")

    monkeypatch.setattr("iapas.run.tasks.write_result", full)
    with pytest.raises(OutputError, match="full"):
        outcomes(Batching(config()), tmp_path / "out", tasks(tmp_path / "in", [0] * 4), 4)
