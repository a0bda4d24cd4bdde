"""The pool: a worker may die, hang or raise, and only its own task pays."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from iapas.errors import ImageTruncated, OutputError, RunError
from iapas.run.worker import Done, Failure, one_by_one
from iapas.run.workers import Pool


def _nothing():
    return {"tasks": 0}


def _work(state, task):
    state["tasks"] += 1
    name, _, argument = task.partition(":")
    if name == "die":
        os.kill(os.getpid(), int(argument))
    if name == "exit":
        os._exit(int(argument))
    if name == "hang":
        time.sleep(60)
    if name == "once" and not os.path.exists(argument):
        open(argument, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "raise":
        raise {"truncated": ImageTruncated("cut"), "oom": MemoryError(), "bug": KeyError("x")}[argument]
    if name == "full":
        raise OutputError("the disk is full", "make room")
    if name == "print":
        print("not a result")
        os.system("echo nor this")
    if name == "env":
        import cv2

        return os.environ["OMP_NUM_THREADS"], cv2.getNumThreads(), signal.getsignal(signal.SIGINT)
    return task, os.getpid()


def _bad_setup(kind):
    if kind == "die":
        os._exit(7)
    raise ValueError("no model here")


def outcomes(tasks, workers=2, limit=30.0):
    with Pool(_nothing, partial(one_by_one, _work), workers, limit) as pool:
        pairs = list(pool.run(tasks))
    assert sorted(task for task, _ in pairs) == sorted(tasks)
    return dict(pairs)


def test_every_task_has_one_outcome_and_both_workers_work():
    found = outcomes([f"t{i}" for i in range(40)])
    assert all(isinstance(outcome, Done) for outcome in found.values())
    assert len({outcome.value[1] for outcome in found.values()}) <= 2


def test_dead_workers_are_replaced_and_cost_their_task_alone():
    tasks = [f"t{i}" for i in range(8)] + [f"die:{int(signal.SIGSEGV)}", "exit:3"] + [f"u{i}" for i in range(8)]
    found = outcomes(tasks)
    failed = {task: outcome for task, outcome in found.items() if isinstance(outcome, Failure)}
    assert set(failed) == {f"die:{int(signal.SIGSEGV)}", "exit:3"}
    assert {outcome.code for outcome in failed.values()} == {"worker-crash"}
    assert "SIGSEGV" in failed[f"die:{int(signal.SIGSEGV)}"].message


def test_a_task_is_tried_once_more(tmp_path):
    assert isinstance(outcomes([f"once:{tmp_path}/seen", "a"])[f"once:{tmp_path}/seen"], Done)


def test_a_dead_worker_costs_one_task_of_its_group_alone(tmp_path):
    tasks = [f"t{i}" for i in range(5)] + ["exit:3", f"once:{tmp_path}/seen"] + [f"u{i}" for i in range(5)]
    with Pool(_nothing, partial(one_by_one, _work), 2, 30.0, group=4) as pool:
        pairs = list(pool.run(tasks))
    assert sorted(task for task, _ in pairs) == sorted(tasks)
    assert {task: outcome.code for task, outcome in pairs if isinstance(outcome, Failure)} == {"exit:3": "worker-crash"}


def test_an_overdue_task_costs_its_group_nothing():
    with Pool(_nothing, partial(one_by_one, _work), 1, 1.0, group=5) as pool:
        pairs = dict(pool.run(["a", "b", "hang:", "c", "d"]))
    assert {task for task, outcome in pairs.items() if isinstance(outcome, Failure)} == {"hang:"}


def _half(state, tasks):
    yield Done("first", 0.0)
    raise MemoryError


def test_work_that_ends_early_fails_the_rest_of_its_group():
    with Pool(_nothing, _half, 1, 30.0, group=3) as pool:
        outcomes = [outcome for _, outcome in pool.run(["a", "b", "c"])]
    assert [type(outcome) for outcome in outcomes] == [Done, Failure, Failure]
    assert {outcome.code for outcome in outcomes[1:]} == {"oom"}


def test_overdue_tasks_are_ended():
    start = time.monotonic()
    found = outcomes(["a", "hang:", "b", "c", "d"], limit=0.5)
    assert found["hang:"].code == "timeout"
    assert "longer than 0.5 s" in found["hang:"].message
    assert sum(isinstance(outcome, Done) for outcome in found.values()) == 4
    assert time.monotonic() - start < 20


def test_exceptions_become_failures():
    found = outcomes(["raise:truncated", "raise:oom", "raise:bug", "a"], workers=1)
    codes = {task: outcome.code for task, outcome in found.items() if isinstance(outcome, Failure)}
    assert codes == {"raise:truncated": "image-truncated", "raise:oom": "oom", "raise:bug": "internal"}
    assert "KeyError: 'x'" in found["raise:bug"].message
    assert "in _work" in found["raise:bug"].details


def test_a_run_error_stops_the_run():
    with (
        Pool(_nothing, partial(one_by_one, _work), 2, 30.0) as pool,
        pytest.raises(OutputError, match=r"full \(make room\)") as caught,
    ):
        list(pool.run(["a", "full:", "b"]))
    assert caught.value.exit_status == 5


@pytest.mark.parametrize(("kind", "says"), [("die", "die while they start: exit code 7"), ("raise", "no model here")])
def test_workers_that_cannot_start_stop_the_run(kind, says):
    with (
        Pool(partial(_bad_setup, kind), partial(one_by_one, _work), 1, 30.0) as pool,
        pytest.raises(RunError, match=says),
    ):
        list(pool.run(["a"]))


def test_stop_begins_no_more_tasks():
    seen = []
    with Pool(_nothing, partial(one_by_one, _work), 2, 30.0) as pool:
        for task, _ in pool.run((f"t{i}" for i in range(10_000)), stop=lambda: len(seen) >= 10):
            seen.append(task)
    assert 10 <= len(seen) < 30


def test_workers_keep_to_one_core_ignore_ctrl_c_and_leave_stdout_alone(capfd):
    found = outcomes(["env:", "print:"], workers=1)
    assert found["env:"].value == ("1", 1, signal.SIG_IGN)
    assert capfd.readouterr().out == ""
    assert "OMP_NUM_THREADS" not in os.environ or os.environ["OMP_NUM_THREADS"] != ""


SCRIPT = """
import sys; sys.path.insert(0, {here!r})
from iapas.run.workers import Pool
from test_workers import _nothing, _work, one_by_one, partial
# no "if __name__" guard: workers must not run this script again
pool = Pool(_nothing, partial(one_by_one, _work), 2, 60.0).__enter__()
for task, outcome in pool.run(["a", "b", *["hang:"] * {hangs}]):
    print(outcome.value[1], flush=True)
pool.close()
"""


def _script(tmp_path, hangs):
    path = tmp_path / "user.py"
    path.write_text(SCRIPT.format(here=os.path.dirname(__file__), hangs=hangs))
    return [sys.executable, str(path)]


def test_a_script_without_a_main_guard_works(tmp_path):
    done = subprocess.run(_script(tmp_path, 0), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, len(done.stdout.split())) == (0, "", 2)


def test_workers_die_with_their_parent(tmp_path):
    parent = subprocess.Popen(_script(tmp_path, 2), stdout=subprocess.PIPE, text=True)
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 10
    while any(map(_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_alive, workers))


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
