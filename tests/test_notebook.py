"""The notebook of the examples runs from its first cell to its last, and shows pictures."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXECUTE = """
import nbformat, sys
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": sys.argv[2]}}).execute()
nbformat.write(notebook, sys.argv[1])
"""


@pytest.mark.slow
def test_the_notebook_runs_and_shows_its_pictures(tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", examples)
    path = examples / "quickstart.ipynb"
    stored = [bool(cell.get("outputs")) for cell in json.loads(path.read_text())["cells"]]
    # In a process of its own, since kernel and client talk over the loopback interface, which is blocked in the tests.
    # Streamlit sets matplotlib's backend for the whole process, and a notebook shows pictures by its own.
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    command = [sys.executable, "-c", EXECUTE, str(path), str(examples)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    cells = json.loads(path.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert sum(kind.startswith("image/") for output in outputs for kind in output.get("data", {})) == 4
    assert [bool(cell.get("outputs")) for cell in cells] == stored
