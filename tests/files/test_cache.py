"""What is kept between runs: found again, whole or not at all, within its limit, also with several processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iapas import shipped
from iapas.errors import ConfigError, UsageError
from iapas.files import cache as caches
from iapas.files.cache import Cache, cache_info, clear_cache, limit_of


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("IAPAS_CACHE", str(tmp_path / "kept"))
    monkeypatch.delenv("IAPAS_CACHE_LIMIT", raising=False)
    return tmp_path / "kept"


def files(root):
    return sorted((root / "encodings").iterdir())


def test_an_entry_is_found_by_an_equal_key_alone(root):
    cache = Cache("encodings")
    cache.put(["image", {"a": 1, "b": 2}], b"data")
    assert cache.get(["image", {"b": 2, "a": 1}]) == b"data"
    assert Cache("encodings").get(["image", {"a": 1, "b": 2}]) == b"data"
    assert cache.get(["image", {"a": 1}]) is None
    assert Cache("profiles").get(["image", {"a": 1, "b": 2}]) is None
    cache.put(["image", {"a": 1, "b": 2}], b"")
    assert cache.get(["image", {"a": 1, "b": 2}]) == b""
    assert len(files(root)) == 1


@pytest.mark.parametrize("tear", [lambda d: b"", lambda d: d[:-1], lambda d: d + b"x", lambda d: bytes(len(d))])
def test_a_torn_entry_is_absent_and_can_be_put_again(root, tear):
    cache = Cache("encodings")
    cache.put("key", b"some data of some length, longer than a digest")
    (file,) = files(root)
    file.write_bytes(tear(file.read_bytes()))
    assert cache.get("key") is None
    cache.put("key", b"again")
    assert cache.get("key") == b"again"


def test_what_was_not_used_for_longest_goes_first(root):
    cache = Cache("encodings", limit=5 * 1032)
    for number in range(5):
        cache.put(number, bytes(1000))
    for age, number in enumerate([0, 2, 3, 4, 1]):  # from the oldest to the newest
        os.utime(cache._file(number), (1000 + age, 1000 + age))
    assert cache.get(0) is not None  # now it is the newest
    cache.put(5, bytes(1000))
    there = [number for number in range(6) if cache.get(number) is not None]
    assert there == [0, 1, 4, 5]
    assert cache_info()["encodings"] == {"entries": 4, "bytes": 4 * 1032, "limit": caches.KINDS["encodings"]}


def test_what_is_larger_than_the_limit_is_not_kept(root):
    cache = Cache("encodings", limit=1000)
    cache.put("small", bytes(900))
    cache.put("large", bytes(1000))
    assert cache.get("large") is None
    assert cache.get("small") is not None


def test_small_entries_do_not_have_the_folder_counted_each_time(root, monkeypatch):
    looks = []
    shrink = caches._shrink
    monkeypatch.setattr(caches, "_shrink", lambda *given: (looks.append(given), shrink(*given)))
    cache = Cache("encodings", limit=160_000)
    for number in range(64):
        cache.put(number, bytes(1000))
    assert len(looks) == 6


def test_the_limit_can_be_set_for_all_kinds_by_the_environment(root, monkeypatch):
    monkeypatch.setenv("IAPAS_CACHE_LIMIT", "0.5")
    assert limit_of("profiles") == limit_of("encodings") == 500_000
    monkeypatch.setenv("IAPAS_CACHE_LIMIT", "0")
    Cache("encodings").put("key", b"data")
    assert not root.exists()
    for wrong in ("much", "-1", "nan", "inf"):
        monkeypatch.setenv("IAPAS_CACHE_LIMIT", wrong)
        with pytest.raises(ConfigError, match=f"IAPAS_CACHE_LIMIT is '{wrong}'"):
            Cache("encodings").put("key", b"data")


def test_a_cache_that_cannot_be_written_is_done_without(root):
    root.write_text("a file where the folder should be")
    cache = Cache("encodings")
    cache.put("key", b"data")
    assert cache.get("key") is None
    assert cache_info()["encodings"]["entries"] == 0
    assert clear_cache() == (0, 0)


def test_clearing_removes_entries_and_nothing_else(root):
    Cache("encodings").put("a", b"12345678")
    Cache("profiles").put("a", b"1")
    (root / "checksums.json").write_text("{}")
    (root / "encodings" / "holiday.jpg").write_bytes(b"mine")
    (root / "other").mkdir()
    assert clear_cache("profiles") == (1, 33)
    assert clear_cache() == (2, 42)
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == [
        "encodings/holiday.jpg"
    ]
    with pytest.raises(UsageError, match=r"no cache called 'holiday'.*profiles, encodings, checksums"):
        clear_cache("holiday")


def test_temporary_files_are_removed_when_their_writer_must_be_gone(root):
    Cache("encodings").put("a", b"1")
    new, old = (root / "encodings" / f".iapas-{digit * 16}.tmp" for digit in "01")
    new.touch()
    old.touch()
    os.utime(old, (1000, 1000))
    assert cache_info()["encodings"]["entries"] == 1
    assert new.exists()
    assert not old.exists()


WRITER = """
import sys
from iapas.files.cache import Cache
cache = Cache("encodings", limit=60_000)
for step in range(60):
    key = (step * int(sys.argv[1])) % 31
    found = cache.get(key)
    assert found is None or found == bytes([key]) * 4000, key
    cache.put(key, bytes([key]) * 4000)
"""


def test_several_processes_share_it(root):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(step)]) for step in (1, 3, 7)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    assert 0 < cache_info()["encodings"]["bytes"] <= 60_000 + 3 * 60_000 / 16
    assert not [path for path in files(root) if path.name.startswith(".")]


def test_where_it_lies(monkeypatch, tmp_path):
    assert shipped.cache_root() == tmp_path / "kept"
    monkeypatch.delenv("IAPAS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert shipped.cache_root() == tmp_path / "xdg" / "iapas"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", os.sep + "somewhere")
    for platform, folder in (("linux", ".cache"), ("darwin", "Library/Caches")):
        monkeypatch.setattr(sys, "platform", platform)
        assert shipped.cache_root() == Path("/somewhere") / folder / "iapas"
    monkeypatch.setenv("IAPAS_CACHE", "~/mine")
    assert shipped.cache_root() == Path("/somewhere/mine")
    monkeypatch.setenv("IAPAS_CACHE", "here")
    assert shipped.cache_root() == Path.cwd() / "here"
