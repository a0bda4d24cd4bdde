"""Write the annotated tree at the end of the README anew: each file with the first sentence of its docstring."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
BEGIN = "<!-- tree: scripts/readme_tree.py -->\n"
BESIDE = {
    "configs": "named sets of settings: --config NAME",
    "prompts/lexicons": "phrases to ask for, and what words mean in measurable terms",
    "examples": "pictures and the masks of their defects, made by scripts/make_examples.py",
    "scripts": "demo, test, benchmarks, and what makes examples and faults",
    "tests": "mirrors the package; faults/ has a test for each input to survive",
    "docs": "a page for each question (index.md), and a notebook to begin with",
}


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(text.split("\n\n")[0].split())
    return first.split(". ")[0].rstrip(".")


def tree() -> str:
    """The tree of the package, and the folders beside it."""
    rows: list[tuple[str, str]] = []

    def walk(folder: Path, depth: int) -> None:
        rows.append(("  " * depth + folder.name + "/", sentence(folder / "__init__.py")))
        files = sorted(path for path in folder.glob("*.py") if path.name not in ("__init__.py", "__main__.py"))
        rows.extend(("  " * (depth + 1) + path.name, sentence(path)) for path in files)
        for inner in sorted(path.parent for path in folder.glob("*/__init__.py")):
            walk(inner, depth + 1)

    walk(ROOT / "iapas", 0)
    rows.extend((f"{name}/", what) for name, what in BESIDE.items() if (ROOT / name).is_dir())
    width = max(len(name) for name, _ in rows)
    return "".join(f"    {name:<{width}}  {what}\n" for name, what in rows)


def main() -> None:
    """Replace everything behind the mark in README.md."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(text[: text.index(BEGIN)] + BEGIN + "\n" + tree(), encoding="utf-8")


if __name__ == "__main__":
    main()
