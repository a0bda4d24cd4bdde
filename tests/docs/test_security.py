"""SECURITY.md keeps its word: every promise names tests, and the tests are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = TEXT.partition("## What is promised")[2].partition("## What is not promised")[0]
NAMED = re.findall(r"^- `(tests/[\w/]+\.py)::(\w+)`$", PROMISES, re.MULTILINE)


@cache
def functions(file):
    return {node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda value: value.rpartition("/")[2])
def test_the_named_test_exists(file, test):
    assert test in functions(file)


def test_every_promise_names_a_test():
    promises = [block for block in PROMISES.split("\n\n") if block.startswith("**")]
    assert len(promises) >= 9
    for promise in promises:
        assert "\n- `tests/" in promise, promise


def test_nothing_else_is_listed_as_a_test():
    assert PROMISES.count("\n- ") == len(NAMED)
