"""All benchmarks in one file, where they ran, and the import of stems; figures are not judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lincae_studio.bench import suite
from lincae_studio.bench.importing import measure_import
from lincae_studio.bench.machine import isa_of, machine
from lincae_studio.cli import run
from lincae_studio.errors import UsageError


def test_the_instruction_set_is_named_by_its_widest_vectors() -> None:
    assert isa_of(["sse4_2", "avx", "avx2", "fma"]) == "avx2"
    assert isa_of(["avx2", "avx512f", "avx512_bf16", "amx_bf16"]) == "avx512 bf16 amx"
    assert isa_of(["asimd", "bf16"]) == "neon bf16"
    assert isa_of([]) == ""


def test_a_benchmark_says_where_it_ran(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "import", "--files", "2", "--seconds", "0.5", "--repeats", "2", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert {name: value for name, value in found["machine"].items() if name != "load"} == {
        name: value for name, value in machine().items() if name != "load"
    }
    assert found["machine"]["isa"]
    assert found["machine"]["versions"].keys() >= {"lincae-studio", "python", "numpy"}
    assert found["import_s"] > 0.0
    low, high = found["spread"]["import_s"]
    assert low <= found["import_s"] <= high


def test_stems_that_cannot_be_measured_are_refused() -> None:
    with pytest.raises(UsageError, match="these stems cannot be measured"):
        measure_import(0, 1.0, 1)


def test_a_benchmark_that_fails_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, output = tmp_path / "program.py", tmp_path / "figures.json"
    program.write_text(
        "import json, pathlib, sys\n"
        "if sys.argv[2] == 'start': sys.exit('no display')\n"
        "row = {'arguments': sys.argv[4:], 'machine': {'load': 0.5}}\n"
        f"if sys.argv[2] == 'ui': row['so far'] = len(json.loads(pathlib.Path({str(output)!r}).read_text())['loads'])\n"
        "print(json.dumps([row] if sys.argv[2] == 'builtin' else row))\n"
    )
    monkeypatch.setattr("lincae_studio.paths.own_command", lambda: [sys.executable, str(program)])
    assert run(["bench", "all", str(output), "--quick"]) == 0
    found = json.loads(output.read_text())
    assert found["errors"] == {"start": "no display"}
    assert found["benchmarks"].keys() == suite.QUICK.keys() - {"start"}
    assert found["benchmarks"]["builtin"] == [{"arguments": []}]
    assert found["benchmarks"]["training"] == {"arguments": ["--seconds", "2"]}
    assert found["loads"]["ui"] == 0.5
    assert found["benchmarks"]["ui"]["so far"] == len(suite.QUICK) - 2, "the file is not written after each benchmark"
    _, benchmarks = suite.read_figures(output)
    assert benchmarks == found["benchmarks"]


def test_every_benchmark_is_part_of_the_suite() -> None:
    from lincae_studio.cli.bench import bench_app

    names = {command.name for command in bench_app.registered_commands}
    assert names == suite.QUICK.keys() | {"all", "compare"}
