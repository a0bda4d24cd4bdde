"""Promises of SECURITY.md that no single fault covers: nothing goes to the network, bad images change no others."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

GUARD = """
import sys
def _guard(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr") or (
        event in ("socket.connect", "socket.bind", "socket.sendto") and isinstance(arguments[1], tuple)
    ):
        raise RuntimeError(f"the network was asked: {event}")
sys.addaudithook(_guard)
"""


@pytest.fixture
def images(tmp_path, surface):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(3):
        picture = surface(seed=i, scratch=i > 0)
        (folder / f"{i}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


def iapas(*words, **environment):
    command = [sys.executable, "-m", "iapas", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | environment)


def test_the_embedded_default_asks_the_network_for_nothing(tmp_path, images):
    """Each process, workers too, ends an attempt to look up a name, to connect or to listen with an exception."""
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD)
    path = os.pathsep.join([str(guard), str(Path(__file__).parents[2])])
    attempt = "import socket; socket.create_connection(('127.0.0.1', 9))"
    tried = subprocess.run(
        [sys.executable, "-c", attempt], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert "the network was asked" in tried.stderr, "the guard does not guard"
    profile = tmp_path / "profile.json"
    for words in (
        ["describe", images, "--out", profile],
        ["calibrate", images / "0.png", "--profile", profile],
        ["segment", images, "--out", tmp_path / "out", "--workers", "2"],
    ):
        ended = iapas(*words, PYTHONPATH=path)
        assert ended.returncode == 0, ended.stderr
        assert "the network was asked" not in ended.stderr


def test_bad_images_do_not_change_the_others(tmp_path, images):
    assert iapas("segment", images, "--out", tmp_path / "alone", "--workers", "1").returncode == 0
    whole = (images / "1.png").read_bytes()
    (images / "0-truncated.png").write_bytes(whole[: len(whole) // 2])
    (images / "00-text.png").write_text("no picture")
    ended = iapas("segment", images, "--out", tmp_path / "beside", "--workers", "2")
    assert ended.returncode == 3, ended.stderr
    for i in range(3):
        for file in (f"masks/{i}.png.png", f"scores/{i}.png.tiff", f"regions/{i}.png.json"):
            assert (tmp_path / "beside" / file).read_bytes() == (tmp_path / "alone" / file).read_bytes(), file
