import inspect
import pickle

import pytest

from iapas import errors

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.IapasError)]


def test_the_tree_in_the_docstring_is_the_tree():
    for cls in CLASSES:
        assert cls.__name__ in errors.__doc__
        if issubclass(cls, errors.ImageError) and cls is not errors.ImageError:
            line = next(line for line in errors.__doc__.splitlines() if f" {cls.__name__} " in line)
            assert f" {cls.code} " in line
    codes = [cls.code for cls in CLASSES]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("cls", CLASSES)
def test_errors_cross_process_borders(cls):
    error = pickle.loads(pickle.dumps(cls("what was wrong", "what to do")))
    assert type(error) is cls
    assert str(error) == "what was wrong (what to do)"
    assert (error.code, error.exit_status) == (cls.code, cls.exit_status)


def test_exit_codes_of_the_contract():
    status = {cls.__name__: cls.exit_status for cls in CLASSES}
    assert status["UsageError"] == status["ConfigError"] == 2
    assert status["MissingError"] == 4
    assert status["OutputError"] == 5
    assert {cls.exit_status for cls in CLASSES if issubclass(cls, errors.ImageError)} == {3}
