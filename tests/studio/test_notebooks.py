"""The notebooks that come with the program run, are stored without output, and show what they should."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from lincae_studio.paths import resource

NOTEBOOKS = sorted(resource("notebooks").glob("*.ipynb"))

#: What a notebook shows at least, by name.
SHOWN = {
    "mixing": ("<table", "<audio", "data:image/png", "<polygon"),
    "linearity": ("<table", "<polyline", "encoder additivity"),
    "dataset": ("<audio", "data:image/png"),
}


def ids(path: Path) -> str:
    return path.stem


def test_there_are_three() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(SHOWN)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_they_are_stored_without_output(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(content)
    assert content["metadata"].keys() == {"kernelspec", "language_info"}
    for cell in content["cells"]:
        assert not cell["metadata"]
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_they_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Qt and torch, which none of them needs."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook: Any = nbformat.read(path, as_version=4)
    check = "import sys; print(sorted({'PySide6', 'torch'} & sys.modules.keys()))"
    notebook.cells.append(nbformat.v4.new_code_cell(check))
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}})
    asyncio.run(client.async_execute())
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pages = [output.data.get("text/html", "") for output in outputs if "data" in output]
    for part in SHOWN[path.stem]:
        assert any(part in page for page in pages), part
    assert outputs[-1].text == "[]\n"
    assert not [output for output in outputs if output.get("name") == "stderr"]
