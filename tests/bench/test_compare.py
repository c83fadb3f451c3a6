"""Comparing files of figures, made here; nothing is measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lincae_studio.bench.compare import compare
from lincae_studio.bench.suite import FORMAT
from lincae_studio.cli import run
from lincae_studio.errors import UsageError

MACHINE = {"isa": "avx2", "cores": 2, "load": 0.1, "versions": {"numpy": "2.4.6"}}


def whole(path: Path, wait_ms: float, machine: dict[str, object] = MACHINE) -> Path:
    engine = {
        "codec": "mdct-4x",
        "edit_to_audio_ms": {"1": wait_ms, "64": 10.0},
        "export": [{"minutes": 5, "x_realtime": 100.0}, {"minutes": 60, "x_realtime": wait_ms}],
        "spread": {"edit_to_audio_ms": {"1": [wait_ms - 1.0, wait_ms + 1.0], "64": [9.0, 12.0]}},
        "torch_imported": False,
    }
    rows = [{"codec": "mdct-1x", "speed": 100.0, "spread": {"speed": [90.0, 110.0]}}]
    value = {"format": FORMAT, "machine": machine, "benchmarks": {"engine": engine, "builtin": rows}}
    path.write_text(json.dumps(value))
    return path


def test_ratios_are_marked_when_repeats_do_not_overlap(tmp_path: Path) -> None:
    found = compare(whole(tmp_path / "a", 10.0), whole(tmp_path / "b", 20.0))
    ratios = {(one.benchmark, one.figure): one for one in found.ratios}
    assert list(ratios) == [
        *(("engine", f"edit_to_audio_ms.{count}") for count in ("1", "64")),
        *(("engine", f"export.{minutes}.{name}") for minutes in (5, 60) for name in ("minutes", "x_realtime")),
        ("builtin", "mdct-1x.speed"),
    ]
    wait = ratios["engine", "edit_to_audio_ms.1"]
    assert (wait.ratio, wait.low, wait.high, wait.differs) == (2.0, 19.0 / 11.0, 21.0 / 9.0, True)
    same = ratios["engine", "edit_to_audio_ms.64"]
    assert (same.ratio, same.low, same.high, same.differs) == (1.0, 0.75, 12.0 / 9.0, False)
    export = ratios["engine", "export.60.x_realtime"]
    assert (export.ratio, export.low, export.differs) == (2.0, None, False)
    assert not found.machines
    assert not found.only


def test_other_machines_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    other = {**MACHINE, "isa": "avx512", "load": 4.0, "versions": {"numpy": "2.5.0"}}
    a, b = whole(tmp_path / "a", 10.0), whole(tmp_path / "b", 20.0, other)
    assert compare(a, b).machines == ("isa: avx2 and avx512", "versions.numpy: 2.4.6 and 2.5.0")
    assert run(["bench", "compare", str(a), str(b)]) == 0
    out, err = capfd.readouterr()
    assert "differs" in out
    assert "warning: the machines differ: isa: avx2 and avx512" in err
    assert run(["bench", "compare", str(a), str(b), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["ratios"][0]["ratio"] == 2.0


def test_files_of_one_benchmark(tmp_path: Path) -> None:
    for name, value in (("a", 4.0), ("b", 2.0)):
        (tmp_path / name).write_text(json.dumps([{"codec": "x", "speed": value, "machine": MACHINE}]))
    (ratio,) = compare(tmp_path / "a", tmp_path / "b").ratios
    assert (ratio.figure, ratio.ratio) == ("x.speed", 0.5)


@pytest.mark.parametrize("text", ["", "[]", "3", "[[1]]", '{"a"'])
def test_other_contents_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(UsageError, match="has no figures"):
        compare(tmp_path / "a", whole(tmp_path / "b", 1.0))
    with pytest.raises(UsageError, match="cannot read"):
        compare(tmp_path / "b", tmp_path / "missing")
