"""The inside of a worker process: take a group of tasks, do them, reply to each, until the parent goes away.

Messages to the parent: ``Ready``, ``Done``, ``Failure``, or a RunError, which stops the run.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from iapas.errors import ImageError, InternalError, OutOfMemory, RunError

_PR_SET_PDEATHSIG = 1
_CV_NO_MEMORY = -4


@dataclass(frozen=True)
class Ready:
    """The state is built."""


@dataclass(frozen=True)
class Done:
    """What the work returned."""

    value: Any
    seconds: float


@dataclass(frozen=True)
class Failure:
    """Why a task failed: an error code for the manifest, a message, and for the log where it happened."""

    code: str
    message: str
    seconds: float = 0.0
    details: str = ""


Work = Callable[[Any, Sequence[Any]], Iterator[Done | Failure]]
"""``work(state, tasks)``: an outcome for each task, in their order, each as soon as it is known."""


def serve(link: Connection, setup: Callable[[], Any], work: Work, parent: int) -> None:
    """The main function of a worker: ``setup()`` once, then ``work(state, tasks)`` for each group that comes."""
    _settle(parent)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone, or done with us
        try:
            state = setup()
        except RunError as error:
            link.send(error)
            return
        except Exception as error:  # noqa: BLE001 - reported, and the run stops
            link.send(
                RunError(f"a worker could not be set up: {type(error).__name__}: {error}\n{traceback.format_exc()}")
            )
            return
        link.send(Ready())
        while True:
            _reply(link, work, state, link.recv())


def _reply(link: Connection, work: Work, state: Any, tasks: Sequence[Any]) -> None:
    answered = 0
    try:
        for outcome in work(state, tasks):
            link.send(outcome)
            answered += 1
    except RunError as error:
        link.send(error)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it costs this group alone
        for _ in tasks[answered:]:
            link.send(failure(error))


def one_by_one(work: Callable[[Any, Any], Any], state: Any, tasks: Sequence[Any]) -> Iterator[Done | Failure]:
    """``work(state, task)`` for each task alone: bind it with ``functools.partial``."""
    for task in tasks:
        start = time.monotonic()
        try:
            yield Done(work(state, task), time.monotonic() - start)
        except RunError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this task alone
            yield failure(error, time.monotonic() - start)


def failure(error: Exception, seconds: float = 0.0) -> Failure:
    """The failure that an exception stands for."""
    where = "".join(traceback.format_exception(error))
    if not isinstance(error, ImageError):
        kind = OutOfMemory if _out_of_memory(error) else InternalError
        error = kind(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    return Failure(error.code, str(error), seconds, where)


def _out_of_memory(error: Exception) -> bool:
    """MemoryError; OpenCV's "insufficient memory"; torch's, which is known by name so as not to import it."""
    return (
        isinstance(error, MemoryError)
        or getattr(error, "code", None) == _CV_NO_MEMORY
        or type(error).__name__ == "OutOfMemoryError"
    )


def _settle(parent: int) -> None:
    """Signals are the parent's to decide on; die with it; leave its results channel and its other cores alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    if sys.platform == "linux":  # at the end of the thread that started us, which waits for us; elsewhere, see serve
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before we could ask
            os._exit(1)
        with contextlib.suppress(OSError):  # memory runs out: the system takes a worker, not the parent
            Path("/proc/self/oom_score_adj").write_text("500")
    with contextlib.suppress(OSError):
        os.dup2(2, 1)  # stdout carries results; what a library prints here is none
    logging.getLogger("iapas").disabled = True  # what a worker has to say is in its replies
    import cv2

    cv2.setNumThreads(1)
