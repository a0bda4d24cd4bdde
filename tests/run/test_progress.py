"""Progress: a bar on a terminal, few lines elsewhere, nothing when quiet."""

import io
import logging
import sys
import time

import pytest

from iapas.run.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_lines_come_rarely_and_at_the_end(caplog, clock):
    caplog.set_level(logging.INFO, "iapas")
    with progress(1000) as report:
        for done in range(1, 1001):
            clock[0] += 0.125
            report(done, 1)
    lines = [record.getMessage() for record in caplog.records]
    assert 5 <= len(lines) <= 11
    assert lines[0] == "100 of 1000 images, 1 failed, 8.0/s, 112 s left"
    assert lines[-1].startswith("1000 of 1000 images")


def test_a_slow_run_speaks_once_a_minute(caplog, clock):
    caplog.set_level(logging.INFO, "iapas")
    with progress(1000) as report:
        for done in range(1, 21):
            clock[0] += 30
            report(done, 0)
    assert len(caplog.records) == 10


def test_quiet_says_nothing(caplog, capsys):
    caplog.set_level(logging.INFO, "iapas")
    with progress(2, quiet=True) as report:
        report(1, 0)
        report(2, 0)
    assert not caplog.records
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress(2) as report:
        report(1, 0)
        report(2, 1)
    assert "2/2" in terminal.getvalue()
    assert "1 failed" in terminal.getvalue()
    assert capsys.readouterr().out == ""
