"""A pool of worker processes that outlives its workers: a dead or overdue one costs its own task, no other.

``concurrent.futures.ProcessPoolExecutor`` gives up when a worker dies; hence one pipe for each worker and a record
of what was sent down it. Tasks go in groups (of one, unless models take batches): a worker has one group in hand
and one waiting, so that it never idles between two.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import connection
from typing import Any

from iapas.errors import RunError, TimedOut, WorkerCrash
from iapas.run.worker import Done, Failure, Ready, Work, serve

log = logging.getLogger("iapas")

Setup = Callable[[], Any]

_TICK = 0.25  # seconds between looks at the clock and at ``stop``
_GRACE = 5.0  # seconds that tasks in hand have after ``stop``
_DEPTH = 2  # groups at a worker: one in hand, one waiting
_TRIES = 2
_STARTS = 3  # workers in a row that may die while they start
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(eq=False)
class _Worker:
    process: Any
    link: connection.Connection
    sent: deque[_Sent] = field(default_factory=deque)
    ready: bool = False
    since: float = 0.0
    """When it began with the first task of the first group."""


@dataclass(eq=False)
class _Sent:
    tasks: deque[Any]
    """Those of the group without an outcome."""
    tries: int = 0


class Pool:
    """Processes that each call ``setup()`` once and then ``work(state, tasks)``; all must pickle.

    Use it in a ``with``: it starts the processes and ends them. ``time_limit``: seconds that a task may take.
    ``group``: tasks that a worker is given at once. ``threads``: of BLAS and torch in each worker.
    """

    def __init__(
        self, setup: Setup, work: Work, count: int, time_limit: float, *, group: int = 1, threads: int = 1
    ) -> None:
        self._group, self._environment = group, dict.fromkeys(_THREADS, str(threads))
        self._setup, self._work = setup, work
        self._count, self._limit, self._tries = count, time_limit, _TRIES
        self._workers: list[_Worker] = []
        self._again: deque[_Sent] = deque()
        self._dead_starts = 0

    def __enter__(self) -> Pool:
        self._workers = [self._start() for _ in range(self._count)]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        tasks: Iterable[Any],
        *,
        stop: Callable[[], bool] = lambda: False,
        time_limit: float | None = None,
        tries: int = _TRIES,
    ) -> Iterator[tuple[Any, Done | Failure]]:
        """Each task with its outcome, as they are finished; tasks are taken as workers become free.

        A task that kills its worker, or is overdue, is tried again, ``tries`` times in all; then it is a
        ``worker-crash`` or ``timeout`` Failure; the others of its group are sent again one by one. After ``stop()``
        no task is begun, and those in hand are waited for a few seconds at most; the others have no outcome. Raises the
        RunError of a worker.
        """
        waiting = iter(tasks)
        limit, self._tries = time_limit or self._limit, tries
        last = None
        while True:
            if stop():
                last = last or time.monotonic() + _GRACE
            else:
                self._feed(waiting)
            if not any(worker.sent for worker in self._workers) or (last and time.monotonic() > last):
                return
            for worker in self._wait():
                yield from self._receive(worker)
            for worker in list(self._workers):
                if worker.sent and worker.ready and time.monotonic() - worker.since > limit:
                    yield from self._overdue(worker, limit)

    def close(self) -> None:
        """End all workers; what they have in hand is lost."""
        for worker in self._workers:
            worker.link.close()
            if worker.sent or not worker.ready:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(1.0)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self._workers = []

    def _feed(self, waiting: Iterator[Any]) -> None:
        """Give groups to the workers that have room, those with nothing in hand first."""
        for depth in range(_DEPTH):
            for index in range(self._count):
                if index < len(self._workers) and len(self._workers[index].sent) > depth:
                    continue
                sent = self._next(waiting)
                if sent is None:
                    return
                if index == len(self._workers):
                    self._workers.append(self._start())
                self._send(self._workers[index], sent)

    def _next(self, waiting: Iterator[Any]) -> _Sent | None:
        if self._again:
            return self._again.popleft()
        tasks = deque(islice(waiting, self._group))
        return _Sent(tasks) if tasks else None

    def _send(self, worker: _Worker, sent: _Sent) -> None:
        if not worker.sent:
            worker.since = time.monotonic()
        worker.sent.append(sent)
        with suppress(OSError):  # it is dead: its end of the pipe tells, and the task goes to another
            worker.link.send(list(sent.tasks))

    def _wait(self) -> list[_Worker]:
        links: dict[Any, _Worker] = {worker.link: worker for worker in self._workers}
        return [links[link] for link in connection.wait(list(links), _TICK)]

    def _receive(self, worker: _Worker) -> Iterator[tuple[Any, Done | Failure]]:
        try:
            message = worker.link.recv()
        except (EOFError, OSError):
            yield from self._died(worker)
            return
        worker.since = time.monotonic()
        if isinstance(message, RunError):
            raise message
        if isinstance(message, Ready):
            worker.ready = True
            self._dead_starts = 0
            return
        if isinstance(message, Failure):
            log.debug("%s", message.details)
        tasks = worker.sent[0].tasks
        task = tasks.popleft()
        if not tasks:
            worker.sent.popleft()
        yield task, message

    def _died(self, worker: _Worker) -> Iterator[tuple[Any, Done | Failure]]:
        worker.process.join(1.0)
        why = _exit_reason(worker.process.exitcode)
        if not worker.ready:
            self._dead_starts += 1
            if self._dead_starts >= _STARTS:
                raise RunError(f"worker processes die while they start: {why}")
            self._drop(worker, blame=False)
            return
        yield from self._fail(worker, WorkerCrash(f"its worker process died: {why}"))

    def _overdue(self, worker: _Worker, limit: float) -> Iterator[tuple[Any, Done | Failure]]:
        yield from self._fail(worker, TimedOut(f"took longer than {limit:g} s"))

    def _fail(self, worker: _Worker, error: TimedOut | WorkerCrash) -> Iterator[tuple[Any, Done | Failure]]:
        """Replace a worker; the task that it had in hand is tried again, or has failed with ``error``."""
        seconds = time.monotonic() - worker.since
        guilty = worker.sent[0] if worker.sent else None
        self._drop(worker, blame=True)
        if guilty is None:
            return
        log.info("a worker was replaced: %s", error)
        if len(guilty.tasks) == 1 and guilty.tries >= self._tries:
            self._again.remove(guilty)
            yield guilty.tasks[0], Failure(error.code, str(error), seconds)

    def _drop(self, worker: _Worker, blame: bool) -> None:
        """End a worker and take its tasks back; only the first group can be to blame, and is sent again in singles."""
        if blame and worker.sent:
            guilty = worker.sent[0]
            guilty.tries += 1
            if len(guilty.tasks) > 1:
                worker.sent.popleft()
                first, *others = guilty.tasks
                worker.sent.extendleft(_Sent(deque([task])) for task in reversed(others))
                worker.sent.appendleft(_Sent(deque([first]), guilty.tries))
        self._again.extendleft(reversed(worker.sent))
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.process.close()
        worker.link.close()

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=serve, args=(theirs, self._setup, self._work, os.getpid()), daemon=True, name="iapas-worker"
        )
        with _hidden_main(), _environment(self._environment), _signals_held():
            process.start()
        theirs.close()
        return _Worker(process, ours)


def _exit_reason(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        return f"{name}, perhaps from the system for lack of memory" if name == "SIGKILL" else name
    return f"signal {-code}"


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Keep spawn from importing the user's script again: workers need only this package.

    So a script without ``if __name__ == "__main__"`` works, and workers start quickly.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for what is started in the block: BLAS reads them when it is loaded."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back; what is started in the block lets them through once it ignores them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
