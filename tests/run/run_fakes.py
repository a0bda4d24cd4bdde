"""A quick stand-in for the segmenter, with poison images: their upper left pixel says what they do.

Workers import this module by name, so it lies in a file of its own.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from iapas.config import Config, load_config
from iapas.files.images import read_image
from iapas.types import ObjectProfile, Phrase, Regions, Segmentation

HERE = str(Path(__file__).parent)
CRASH, HANG, OOM, BUG, SLOW, NOISE = 10, 20, 30, 40, 50, 60
"""Values of the upper left pixel."""


class FakeSegmenter:
    """Whatever is brighter than 200 is a defect."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def complete(self, profile: ObjectProfile) -> ObjectProfile:
        return profile

    def describe(self, pictures: list) -> ObjectProfile:
        for picture in pictures:
            _poison(picture)
        shades = sorted(int(picture.frames[0].mean()) for picture in pictures)
        return ObjectProfile("part", (Phrase("spot", "lexicon"),), 0.5, None, {"object": f"shades {shades}"})

    def segment(self, image, profile: ObjectProfile) -> Segmentation:
        picture = image if not isinstance(image, (str, Path)) else read_image(image, self.config.reading)
        _poison(picture)
        grey = picture.frames[0][:, :, 0]
        count, _, stats, _ = cv2.connectedComponentsWithStats((grey > 200).astype(np.uint8))
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in stats[1:]], np.float32).reshape(-1, 4)
        crops = tuple(
            np.where(grey[y : y + h, x : x + w] > 200, np.uint8(255), np.uint8(0)) for x, y, w, h, _ in stats[1:]
        )
        scores = np.full(count - 1, 0.75, np.float32)
        regions = Regions(grey.shape, boxes, scores, ["spot"] * (count - 1), crops)
        score_map = np.where(grey > 200, np.float32(0.75), np.float32(0))
        if grey[0, 0] == NOISE:  # does not compress: fills disks
            score_map = np.random.default_rng(0).random(grey.shape, np.float32)
        return Segmentation(score_map, regions, grey > 200, 0.5, ("fake",))


def _poison(picture) -> None:
    kind = picture.frames[0][0, 0, 0]
    if kind == CRASH:
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == HANG:
        time.sleep(60)
    if kind == SLOW:
        time.sleep(0.05)
    if kind == OOM:
        raise MemoryError
    if kind == BUG:
        raise KeyError("bug")


def picture_bytes(kind: int = 0, spot: int = 0, side: int = 32) -> bytes:
    """A PNG: grey 100 with a white square of side ``spot``."""
    image = np.full((side, side), 100, np.uint8)
    image[4 : 4 + spot, 4 : 4 + spot] = 255
    image[0, 0] = kind or 100
    return cv2.imencode(".png", image)[1].tobytes()


def make_images(folder: Path, count: int, kind: int = 0, prefix: str = "") -> Path:
    """``count`` pictures; every second one has a defect."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        (folder / f"{prefix}{i:03}.png").write_bytes(picture_bytes(kind, (i % 2) * (3 + i % 5)))
    return folder


def config(*assignments: str) -> Config:
    """Two workers, no waiting for the disk."""
    return load_config("embedded", ["run.workers=2", "run.fsync=false", "run.time_limit=20", *assignments])


def results(out: Path) -> dict[str, bytes]:
    """The bytes of all that must be equal over repeated runs."""
    files = [path for name in ("masks", "scores", "regions") for path in (out / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): path.read_bytes() for path in [*files, out / "profile.json"]}


SCRIPT = """
import logging, sys
sys.path.insert(0, {here!r})
from run_fakes import FakeSegmenter, config
from iapas.errors import IapasError
from iapas.run import segment_run
logging.basicConfig(level=logging.INFO, format="%(message)s")
try:
    summary = segment_run([sys.argv[1]], config(*sys.argv[3:]), sys.argv[2], make=FakeSegmenter)
except IapasError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_status)
sys.exit(summary.exit_status)
"""


def start(images: Path, out: Path, *assignments: str, **options) -> subprocess.Popen:
    """A run in a process of its own."""
    command = [sys.executable, "-c", SCRIPT.format(here=HERE), str(images), str(out), *assignments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def wait_for(condition, seconds: float = 30.0) -> None:
    """Wait until ``condition()`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def rows_written(out: Path) -> int:
    """Lines of the manifest so far."""
    manifest = out / "manifest.jsonl"
    return manifest.read_bytes().count(b"\n") if manifest.exists() else 0
