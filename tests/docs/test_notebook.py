"""The notebook runs: its code cells in order in one namespace, with a stand-in for Jupyter's ``display``.

Jupyter itself (nbclient, ipykernel) would be 37 packages and 105 MB, and adds nothing to what is tested here.
"""

import json
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
NOTEBOOK = json.loads((ROOT / "docs" / "quickstart.ipynb").read_text())


def test_the_notebook_is_committed_without_outputs():
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert NOTEBOOK["nbformat"] == 4
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])


def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT / "docs")
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    shown = []

    def display(picture):
        picture.load()  # as showing it would: this closes the file
        shown.append(picture)

    namespace = {"__name__": "__main__", "display": display}
    for number, cell in enumerate(NOTEBOOK["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"quickstart.ipynb cell {number}", "exec"), namespace)
    assert len(shown) == 4
    assert all(isinstance(picture, Image.Image) for picture in shown)
    printed = capsys.readouterr().out
    assert printed.count("images/scuffed_leather.jpg") == 2
    assert (tmp_path / "first" / "report.html").is_file()
    assert json.loads((tmp_path / "profile.json").read_text())["products"][""]["threshold"] > 0
