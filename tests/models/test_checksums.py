"""Checksums: of lists, of the hub's cache, and remembered until a file changes."""

import hashlib
import os
import shutil

import pytest

from iapas.errors import MissingError
from iapas.models import checksums
from iapas.models.checksums import folder_digest, git_sha1, verify, write_sums


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(checksums, "_session", {})
    return tmp_path / "cache" / "iapas" / "checksums.json"


@pytest.fixture
def folder(tiny, tmp_path):
    return shutil.copytree(tiny("sam-vit-base"), tmp_path / "sam")


@pytest.fixture
def snapshot(tmp_path):
    """A model in the layout of the cache of Hugging Face."""
    blobs, folder = tmp_path / "blobs", tmp_path / "snapshots" / "0123"
    blobs.mkdir()
    folder.mkdir(parents=True)
    for name, content in {"config.json": b"{}", "model.safetensors": b"weights"}.items():
        large = name.endswith(".safetensors")
        blob = hashlib.sha256(content).hexdigest() if large else git_hash(content)
        (blobs / blob).write_bytes(content)
        (folder / name).symlink_to(f"../../blobs/{blob}")
    return folder


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def flip(file):
    """Change one bit in the middle of a file."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def test_git_names_files_as_git_does(tmp_path):
    (tmp_path / "x").write_bytes(b"hello\n")
    assert git_sha1(tmp_path / "x") == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object


def test_what_is_right_passes(folder, snapshot, tmp_path):
    assert verify(folder) == "SHA256SUMS"
    assert verify(snapshot) == "the checksums of the hub"
    (folder / "SHA256SUMS").unlink()
    assert verify(folder) == ""


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_fault_38_a_changed_file_is_named(folder, name):
    verify(folder)
    flip(folder / name)
    with pytest.raises(MissingError, match=f"SHA256SUMS says: {name} differs"):
        verify(folder)


def test_fault_38_missing_added_and_odd_entries_are_named(folder):
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(MissingError, match=r"config\.json is missing; adapter_config\.json is not listed"):
        verify(folder)
    with (folder / "SHA256SUMS").open("a") as sums:
        sums.write("0" * 64 + "  ../../etc/passwd\n")
    with pytest.raises(MissingError, match="not a checksum and a name"):
        verify(folder)


def test_fault_38_blobs_of_the_cache_are_checked(snapshot):
    flip((snapshot / "model.safetensors").resolve())
    flip((snapshot / "config.json").resolve())
    (snapshot / "extra.json").write_text("{}")
    with pytest.raises(MissingError) as raised:
        verify(snapshot)
    for words in ("model.safetensors differs", "config.json differs", "extra.json did not come from the hub"):
        assert words in str(raised.value)
    (snapshot / "model.safetensors").resolve().unlink()
    with pytest.raises(MissingError, match=r"model\.safetensors is missing"):
        verify(snapshot)


def test_sums_are_in_the_format_of_sha256sum(folder):
    before = (folder / "SHA256SUMS").read_text()
    write_sums(folder)
    assert (folder / "SHA256SUMS").read_text() == before


def test_the_digest_is_of_names_and_contents(folder, tmp_path):
    digest = folder_digest(folder)
    assert len(bytes.fromhex(digest)) == 32
    assert folder_digest(shutil.copytree(folder, tmp_path / "copy")) == digest
    (folder / "notes.md").write_text("words")
    assert folder_digest(folder) == digest
    (folder / "config.json").rename(folder / "config2.json")
    renamed = folder_digest(folder)
    flip(folder / "model.safetensors")
    assert len({digest, renamed, folder_digest(folder)}) == 3


def test_a_file_is_read_once_until_it_changes(folder, own_cache, monkeypatch):
    read = []
    monkeypatch.setattr(checksums, "_SETTLED", -1.0)  # as if the files were old
    monkeypatch.setattr(checksums, "sha256", lambda file: read.append(file.name) or "0" * 64)
    folder_digest(folder)
    assert sorted(read) == ["config.json", "model.safetensors", "processor_config.json"]
    checksums._session.clear()  # as another process
    folder_digest(folder)
    assert len(read) == 3
    os.utime(folder / "config.json")
    folder_digest(folder)
    assert read[3:] == ["config.json"]
    own_cache.write_text("not JSON")
    checksums._session.clear()
    folder_digest(folder)
    assert len(read) == 7
    own_cache.unlink()
    folder_digest(folder)
    assert len(read) == 7  # this process still knows


def test_files_that_were_just_written_are_not_remembered(folder, own_cache):
    (folder / "config.json").write_text("{}")
    folder_digest(folder)
    assert str(folder / "config.json") not in checksums._session


def test_a_cache_that_cannot_be_written_is_done_without(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(checksums, "_SETTLED", -1.0)
    assert folder_digest(folder) == folder_digest(folder)
    assert verify(folder) == "SHA256SUMS"
