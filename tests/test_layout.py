"""The house: arrows go down only, heavy libraries stay in their rooms, and each file has one owner of the disk."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "iapas"

GROUND = {"errors", "types", "shipped", "settings", "config", "protocols"}
MAY_IMPORT = {
    "errors": set(),
    "types": set(),
    "shipped": {"errors"},
    "settings": set(),
    "config": {"errors", "shipped", "settings"},
    "protocols": {"types"},
    "core": {"types", "errors"},
    "embedded": GROUND | {"core"},
    "models": GROUND | {"core"},
    "stages": {"types", "errors", "protocols", "core"},
    "prompting": GROUND,
    "files": GROUND | {"core"},
    "views": GROUND | {"core"},
    "synthesis": GROUND | {"core", "files"},
    "roles": GROUND | {"core", "files", "prompting", "embedded", "models", "stages"},
    "training": GROUND | {"core", "files", "embedded", "synthesis", "models"},
    "profile_checks": GROUND | {"prompting"},
    "profile_key": GROUND | {"prompting", "roles"},
    "segmenter": GROUND | {"core", "files", "prompting", "profile_checks", "profile_key", "stages", "roles"},
    "run": GROUND | {"core", "files", "prompting", "views", "profile_checks", "segmenter", "roles", "models"},
    "evaluation": GROUND | {"core", "files", "views", "segmenter", "run"},
    "experiments": GROUND
    | {"core", "files", "prompting", "views", "profile_checks", "stages", "roles", "segmenter", "run", "evaluation"},
    "cli": GROUND | {"experiments", "evaluation", "training", "synthesis", "run", "models", "prompting", "files"},
}
ONLY_IN = {"torch": {"models", "training"}, "transformers": {"models", "training"}}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Every dotted name that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "iapas":
                yield from (f"iapas.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down(path):
    here = room(path)
    if here in ("__init__", "__main__"):
        return
    for name in imports(path):
        top = name.split(".")[0]
        assert here in ONLY_IN.get(top, {here}), f"{path.name} imports {top}"
        if top == "iapas" and name not in ("iapas", "iapas.__version__"):
            there = name.split(".")[1]
            assert there == here or there in MAY_IMPORT[here], f"{here}/{path.name} must not import {name}"


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_images_are_decoded_and_encoded_in_files_alone():
    codecs = {
        "cv2.imdecode",
        "cv2.imencode",
        "cv2.imread",
        "cv2.imwrite",
        "Image.open",
        "PIL.Image.open",
        "tifffile.imread",
    }
    for path in modules():
        if room(path) != "files":
            assert not codecs & set(calls(path)), path


def test_every_room_is_known():
    rooms = {room(path) for path in modules()} - {"__init__", "__main__"}
    assert rooms <= set(MAY_IMPORT)


def test_every_package_is_explained():
    for path in PACKAGE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"
