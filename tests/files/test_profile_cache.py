import hashlib

import pytest

from iapas.files.profile_cache import cached_profile
from iapas.types import ObjectProfile, Phrase

PROFILE = ObjectProfile("nut", (Phrase("dent", "model"),), 0.25, found={"reply": "dent"})


class Maker:
    def __init__(self, profile=PROFILE):
        self.profile, self.calls = profile, 0

    def __call__(self):
        self.calls += 1
        return self.profile


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("IAPAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "profiles"


def test_a_profile_is_made_once_for_a_key(cache):
    make = Maker()
    assert cached_profile(["a", {"seed": 1}], make) == PROFILE
    assert cached_profile(["a", {"seed": 1}], make) == PROFILE
    assert make.calls == 1
    assert len(list(cache.iterdir())) == 1


def test_another_key_has_a_profile_of_its_own():
    cached_profile({"images": ["1", "2"]}, Maker())
    other = Maker(ObjectProfile("bolt"))
    assert cached_profile({"images": ["2", "1"]}, other).object == "bolt"
    assert cached_profile({"images": ["1", "2"]}, other).object == "nut"


@pytest.mark.parametrize("content", [b"", b'{"products": {"": {"object"', b'{"products": {"x": {}}}', b"\xff", b"[]"])
def test_a_broken_entry_is_made_again(cache, content):
    cached_profile("key", Maker())
    (entry,) = cache.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(hashlib.sha256(content).digest() + content)  # whole, as far as the cache can tell
    make = Maker()
    assert cached_profile("key", make) == PROFILE
    assert make.calls == 1
    assert entry.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_done_without(cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    make = Maker()
    assert cached_profile("key", make) == cached_profile("key", make) == PROFILE
    assert make.calls == 2


def test_a_failure_leaves_nothing_behind(cache):
    with pytest.raises(ZeroDivisionError):
        cached_profile("key", lambda: 1 // 0)
    assert not cache.exists()
