"""Memory: chunks that halve when it runs out, nothing left behind, an allocator that gives it back."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

from iapas.errors import OutOfMemory
from iapas.models import memory
from iapas.models.memory import attempt, in_chunks, is_out_of_memory, settle

torch = pytest.importorskip("torch", reason='torch is not installed: pip install "iapas[models]"')


class Allocator:
    """Work on at most ``limit`` at once; beyond that it raises as torch does, with a large tensor in hand."""

    def __init__(self, limit, error=torch.OutOfMemoryError):
        self.limit, self.error, self.sizes, self.held = limit, error, [], []

    def __call__(self, chunk):
        size = chunk.stop - chunk.start
        self.sizes.append(size)
        array = np.zeros(10)
        self.held.append(weakref.ref(array))
        if size > self.limit:
            raise self.error("CUDA out of memory. Tried to allocate 20.00 GiB")
        return list(range(chunk.start, chunk.stop)), array.sum()


@pytest.mark.parametrize(
    ("count", "size", "limit", "sizes"),
    [
        (10, 64, 64, [10]),
        (10, 4, 64, [4, 4, 2]),
        (10, 8, 3, [8, 4, 2, 2, 2, 2, 2]),
        (3, 2, 1, [2, 1, 1, 1]),
        (0, 4, 4, []),
    ],
)
def test_fault_31_chunks_are_halved_and_stay_so(count, size, limit, sizes):
    work = Allocator(limit)
    done = in_chunks(count, size, work)
    assert work.sizes == sizes
    assert [i for part, _ in done for i in part] == list(range(count))


def test_fault_31_one_too_many_is_an_error_of_the_image():
    with pytest.raises(OutOfMemory) as raised:
        in_chunks(5, 4, Allocator(0))
    assert raised.value.code == "oom"
    assert raised.value.__context__ is None  # it holds no tensors


def test_fault_31_nothing_stays_behind(monkeypatch):
    freed = []
    monkeypatch.setattr(memory, "free", lambda: freed.append([ref() for ref in work.held]))
    gc.disable()  # what dies has to die by itself
    try:
        work = Allocator(1)
        in_chunks(4, 4, work)
        assert freed == [[None], [None, None]]  # gone before caches are emptied, so that they can be
    finally:
        gc.enable()


def test_fault_31_errors_behind_errors_hold_nothing_either():
    held = []

    def work():
        array = np.zeros(10)
        held.append(weakref.ref(array))
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        except torch.OutOfMemoryError as error:
            raise RuntimeError("in the layer: out of memory") from error

    gc.disable()
    try:
        assert attempt(work) is None
        assert held[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_what_counts_as_out_of_memory(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("shapes do not match"), ValueError("out of memory"), KeyError("x")])
def test_what_does_not(error):
    assert not is_out_of_memory(error)
    with pytest.raises(type(error)):
        attempt(lambda: (_ for _ in ()).throw(error))


def test_a_real_allocation_that_is_too_large_is_caught():
    assert attempt(lambda: torch.empty(1 << 60, dtype=torch.uint8)) is None


_PEAK = """
import resource, sys
if sys.argv[1] == "settled":
    from iapas.models.memory import settle
    assert settle() and settle()
import numpy as np
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
before = resident()
first = np.ones(24 << 20, np.uint8)
del first  # from now on glibc takes blocks of up to this size from its heap
blocks, pins = [], []
for _ in range(5):
    blocks.append(np.ones(20 << 20, np.uint8))
    pins.append(np.ones(50_000, np.uint8))  # what lies between, and stays
del blocks
print((resident() - before) >> 20)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_freed_memory_goes_back():
    if not settle():
        pytest.skip("another C library than glibc")
    mega = {}
    for way in ("settled", "plain"):
        ended = subprocess.run([sys.executable, "-c", _PEAK, way], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        mega[way] = int(ended.stdout)
    assert mega["settled"] < 10  # 0.25 MB are in use
    assert mega["plain"] > 50  # else this shows nothing
