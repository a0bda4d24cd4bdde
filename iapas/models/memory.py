"""Memory of models: an allocator that gives it back, and work in chunks that shrink when it runs out."""

from __future__ import annotations

import ctypes
import gc
import logging
import sys
import traceback
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from iapas.errors import OutOfMemory

log = logging.getLogger("iapas")

T = TypeVar("T")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_KEPT_BYTES = 1 << 20


@cache
def settle() -> bool:
    """Have glibc give freed tensors back to the system: blocks over 1 MB come from mmap, and little is kept.

    Without it Grounding DINO at 800 x 1333 takes 12 GB at its peak instead of 2.6. To be called before torch
    allocates; done once. True where it took effect: elsewhere there is no mallopt, nor need of it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of the machine or of a GPU."""
    if isinstance(error, MemoryError):
        return True
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    # the CPU allocator of torch and the libraries of CUDA raise plain RuntimeErrors
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)


_SIGNS = ("out of memory", "can't allocate memory", "cannot allocate memory", "cublas_status_alloc_failed")


def free() -> None:
    """Give back what nothing holds any longer, on the GPU too."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def in_chunks(count: int, size: int, run: Callable[[slice], T]) -> list[T]:
    """``run(slice)`` over 0..count, at most ``size`` at once, in order.

    Where memory runs out the chunk is halved, and stays so for the rest. Raises OutOfMemory when one is too many.
    """
    done: list[T] = []
    start, size = 0, max(1, size)
    while start < count:
        stop = min(count, start + size)
        result = attempt(lambda chunk=slice(start, stop): run(chunk))  # type: ignore[misc]
        if result is not None:
            done.append(result[0])
            start = stop
        elif stop - start > 1:
            size = (stop - start) // 2
            log.info("Memory ran out: %d at once from here on.", size)
        else:
            raise OutOfMemory("a model ran out of memory", _HINT)
    return done


def attempt(run: Callable[[], T]) -> tuple[T] | None:
    """The result of ``run`` in a tuple, or None when memory ran out; then all that it held is free again."""
    try:
        return (run(),)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        drop_frames(error)
    free()  # after the error is gone: its frames would hold the tensors
    return None


def drop_frames(error: BaseException) -> None:
    """Clear the local variables that the traceback of ``error``, and of those behind it, keep alive."""
    seen: set[int] = set()
    rest: BaseException | None = error
    while rest is not None and id(rest) not in seen:
        seen.add(id(rest))
        traceback.clear_frames(rest.__traceback__)
        rest = rest.__cause__ or rest.__context__


_HINT = "use smaller pictures, a smaller model, or --device cpu"
