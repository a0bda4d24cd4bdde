"""Faults of a run: kills, full disks, poison images, other runs, other configs. The numbers are those of the faults."""

import csv
import errno
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "run"))
from run_fakes import (
    CRASH,
    HANG,
    NOISE,
    SLOW,
    FakeSegmenter,
    config,
    make_images,
    picture_bytes,
    results,
    rows_written,
    start,
    wait_for,
)

from iapas.errors import OutputError, UsageError
from iapas.files.atomic import write_bytes
from iapas.files.manifest import KEYS
from iapas.files.store import open_run
from iapas.run import segment_run


def segment(images, out, *assignments, **options):
    return segment_run([str(images)], config(*assignments), out, make=FakeSegmenter, quiet=True, **options)


def rows(out):
    found = [json.loads(line) for line in (out / "manifest.jsonl").read_bytes().splitlines()]
    assert len({row["id"] for row in found}) == len(found)
    return {row["id"]: row for row in found}


def end(run, seconds=60):
    """The exit code and what was said."""
    said = run.communicate(timeout=seconds)[1]
    return run.returncode, said


def test_fault_12_an_overdue_image_costs_itself_alone(tmp_path):
    images, out = make_images(tmp_path / "in", 4), tmp_path / "out"
    (images / "slow.png").write_bytes(picture_bytes(HANG))
    summary = segment(images, out, "run.time_limit=1.0", "describe.samples=1", "output.overlay=none")
    assert (summary.ok, summary.failed, summary.exit_status) == (4, 1, 3)
    assert rows(out)["slow.png"]["error"] == "timeout"


def test_fault_16_names_that_are_too_long_for_results(tmp_path):
    images, out = make_images(tmp_path / "in", 1), tmp_path / "out"
    (images / ("n" * 251 + ".png")).write_bytes(picture_bytes())
    (images / "-rf\n\u2028é.png").write_bytes(picture_bytes())
    summary = segment(images, out)
    assert (summary.ok, summary.failed) == (2, 1)
    found = rows(out)
    assert found["n" * 251 + ".png"]["error"] == "io-denied"
    assert found["-rf\n\u2028é.png"]["status"] == "ok"
    assert (out / "masks/-rf\n\u2028é.png.png").exists()


def test_fault_19_images_that_vanish(tmp_path):
    images, out = make_images(tmp_path / "in", 2), tmp_path / "out"
    (images / "gone.png").symlink_to(images / "nowhere")
    os.mkfifo(images / "pipe.png")
    summary = segment(images, out)
    assert summary.ok == 2
    assert {row["error"] for row in rows(out).values() if row["error"]} == {"io-vanished", "io-denied"}


def test_fault_20_an_output_folder_that_cannot_be_written(tmp_path):
    images = make_images(tmp_path / "in", 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        segment(images, tmp_path / "file" / "out")
    with _mounted(tmp_path / "disk", "ro,size=1m"), pytest.raises(OutputError, match=r"read-only.*--out") as caught:
        segment(images, tmp_path / "disk" / "out")
    assert caught.value.exit_status == 5


def test_fault_20_a_folder_of_someone_else_is_left_alone(tmp_path):
    images, out = make_images(tmp_path / "in", 1), tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text('{"mine": 1}')
    for options in ({}, {"restart": True}):
        with pytest.raises(OutputError, match="not a run of iapas"):
            segment(images, out, **options)
    assert (out / "run.json").read_text() == '{"mine": 1}'


def test_fault_21_a_full_disk_stops_the_run_and_it_can_go_on(tmp_path):
    images = tmp_path / "in"
    images.mkdir()
    for i in range(40):
        (images / f"{i:02}.png").write_bytes(picture_bytes(NOISE, 5, side=256))  # 235 kB each
    with _mounted(tmp_path / "disk", "size=6m"):
        out = tmp_path / "disk" / "out"
        with pytest.raises(OutputError, match="disk is full") as caught:
            segment(images, out)
        assert caught.value.exit_status == 5
        done = rows(out)
        assert 0 < len(done) < 40
        assert not list(out.rglob("*.tmp"))
        assert all((out / f"scores/{name}.tiff").stat().st_size > 200_000 for name in done)
        subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path / "disk")], check=True)
        summary = segment(images, out)
        assert (summary.images, summary.done_now) == (40, 40 - len(done))
        assert not list(out.rglob("*.tmp"))
        segment(images, tmp_path / "undisturbed")
        assert results(out) == results(tmp_path / "undisturbed")


def test_fault_21_a_row_that_does_not_fit_leaves_the_manifest_whole(tmp_path, monkeypatch):
    row = dict.fromkeys(KEYS) | {"id": "a.png", "status": "ok"}
    with open_run(tmp_path / "out", config()) as folder:
        folder.append(row)
        whole, write = folder.manifest.path.read_bytes(), os.write

        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:10]) if len(data) > 20 else _raise_full())
        with pytest.raises(OutputError, match="disk is full"):
            folder.append(row | {"id": "b.png"})
        monkeypatch.undo()
        assert folder.manifest.path.read_bytes() == whole
        folder.append(row | {"id": "c.png"})
    assert sorted(rows(tmp_path / "out")) == ["a.png", "c.png"]


def test_fault_21_no_temporary_file_stays_behind(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutputError, match="files of this size"):
            write_bytes(tmp_path / "a" / "big", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list((tmp_path / "a").iterdir()) == []


def test_fault_22_a_killed_run_goes_on_to_the_same_bytes(tmp_path):
    images, out = make_images(tmp_path / "in", 24, SLOW), tmp_path / "out"
    run = start(images, out)
    wait_for(lambda: rows_written(out) >= 5)
    run.kill()
    run.communicate()
    done = rows_written(out)
    assert done < 24
    with (out / "manifest.jsonl").open("ab") as manifest:
        manifest.write(b'{"id":"torn.png","stat')
    stray = out / "masks" / ".iapas-0123456789abcdef.tmp"
    stray.write_bytes(b"half a mask")
    assert end(start(images, out))[0] == 0
    assert not stray.exists()
    assert len(rows(out)) == 24
    segment(images, tmp_path / "undisturbed")
    assert results(out) == results(tmp_path / "undisturbed")


def test_fault_22_damage_before_the_last_line_is_not_passed_over(tmp_path):
    images, out = make_images(tmp_path / "in", 3), tmp_path / "out"
    segment(images, out)
    lines = (out / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    (out / "manifest.jsonl").write_bytes(lines[0][:-9] + b"\n" + b"".join(lines[1:]))
    with pytest.raises(OutputError, match="line 1 is not a row"):
        segment(images, out)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_fault_23_ctrl_c_and_termination_lose_nothing(tmp_path, number, code):
    images, out = make_images(tmp_path / "in", 40, SLOW), tmp_path / "out"
    run = start(images, out, start_new_session=True)
    wait_for(lambda: rows_written(out) >= 5)
    os.killpg(run.pid, number)  # as the terminal does: workers get it too
    status, said = end(run)
    assert (status, "Traceback" in said) == (code, False), said
    done = rows(out)
    assert 5 <= len(done) < 40
    assert all(row["status"] == "ok" for row in done.values())
    assert all((out / f"masks/{name}.png").exists() for name in done)
    assert len((out / "summary.csv").read_text().splitlines()) == len(done) + 1
    assert json.loads((out / "run.json").read_text())["summary"]["left"] == 40 - len(done)
    assert not list(out.rglob("*.tmp"))
    assert segment(images, out).images == 40


def test_fault_23_a_second_ctrl_c_leaves_at_once(tmp_path):
    images, out = make_images(tmp_path / "in", 3), tmp_path / "out"
    (images / "hang.png").write_bytes(picture_bytes(HANG))
    run = start(images, out, "describe.samples=1", "run.workers=4")
    wait_for(lambda: rows_written(out) >= 3)
    run.send_signal(signal.SIGINT)
    while "again: leave at once" not in (line := run.stderr.readline()):
        assert line, "it ended before"
    run.send_signal(signal.SIGINT)
    assert end(run, 4)[0] == 130


def test_fault_24_two_runs_on_one_folder(tmp_path):
    images, out = make_images(tmp_path / "in", 30, SLOW), tmp_path / "out"
    first = start(images, out)
    wait_for(lambda: rows_written(out) >= 1)
    status, said = end(start(images, out))
    assert status == 5
    assert f"in use by process {first.pid} on" in said
    assert end(first)[0] == 0
    assert len(rows(out)) == 30


def test_fault_25_another_config_is_refused_and_shown(tmp_path):
    images, out = make_images(tmp_path / "in", 2), tmp_path / "out"
    segment(images, out)
    with pytest.raises(OutputError) as caught:
        segment(images, out, "detector.work_size=512", "verdict.min_area=9")
    said = str(caught.value)
    assert "detector.work_size was 256, now 512; verdict.min_area was 0, now 9" in said
    assert "--restart" in said
    assert "--out" in said
    assert caught.value.exit_status == 5


def test_fault_32_a_poison_image_costs_itself_alone(tmp_path):
    images, out = make_images(tmp_path / "in", 6), tmp_path / "out"
    (images / "poison.png").write_bytes(picture_bytes(CRASH))
    summary = segment(images, out)
    assert (summary.ok, summary.failed, summary.exit_status) == (6, 1, 3)
    row = rows(out)["poison.png"]
    assert (row["error"], "SIGSEGV" in row["message"]) == ("worker-crash", True)
    assert not (out / "masks/poison.png.png").exists()


def test_fault_37_hash_seeds_and_workers_change_no_byte(tmp_path):
    images = make_images(tmp_path / "in", 6)
    runs = [
        start(images, tmp_path / seed, f"run.workers={workers}", env={**os.environ, "PYTHONHASHSEED": seed})
        for seed, workers in (("0", 1), ("1", 2), ("2", 2))
    ]
    assert [end(run)[0] for run in runs] == [0, 0, 0]
    assert results(tmp_path / "0") == results(tmp_path / "1") == results(tmp_path / "2")


def test_fault_45_nothing_to_do_is_an_error_before_anything_is_written(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(UsageError) as caught:
        segment(tmp_path / "in", tmp_path / "out")
    assert caught.value.exit_status == 2
    assert not (tmp_path / "out").exists()


def test_fault_46_a_poor_environment(tmp_path):
    """No home that can be written, the C locale, no terminal, names outside ASCII."""
    images, out = make_images(tmp_path / "in", 1), tmp_path / "out"
    (images / "größe.png").write_bytes(picture_bytes())
    environment = {"PATH": os.environ["PATH"], "LANG": "C", "LC_ALL": "C", "HOME": "/proc"}
    status, said = end(start(images, out, env=environment))
    assert status == 0, said
    assert "größe.png" in rows(out)
    assert "2 of 2 images" in said


def test_fault_46_clocks_that_jump(tmp_path, monkeypatch):
    import time

    times = iter(range(2_000_000_000, 0, -1_000_000))
    monkeypatch.setattr(time, "time", lambda: next(times))
    images, out = make_images(tmp_path / "in", 2), tmp_path / "out"
    assert segment(images, out).exit_status == 0
    assert all(0 <= row["seconds"] < 60 for row in rows(out).values())


def test_fault_47_names_that_are_formulas(tmp_path):
    images, out = tmp_path / "in", tmp_path / "out"
    images.mkdir()
    names = ["=cmd|' ,C'!A0.png", "@SUM(1).png", '-1+"2".png', "+3.png", "<script>alert(1)<.png", "\uff1d1.png"]
    for name in names:
        (images / name).write_bytes(picture_bytes(spot=3))
    segment(images, out)
    with (out / "summary.csv").open(newline="", encoding="utf-8") as file:
        cells = [line[0] for line in csv.reader(file)][1:]
    assert sorted(cell.removeprefix("'") for cell in cells) == sorted(names)
    assert not [cell for cell in cells if cell[0] in "=+-@\uff1d"]
    assert "<script>alert" not in (out / "report.html").read_text(encoding="utf-8")


def _raise_full():
    raise OSError(errno.ENOSPC, "full")


class _mounted:
    """A small disk; the test is skipped where one cannot be made."""

    def __init__(self, folder, options):
        self.folder, self.options = folder, options

    def __enter__(self):
        self.folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", str(self.folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root can make a small disk")

    def __exit__(self, *_):
        subprocess.run(["umount", str(self.folder)], check=True)
