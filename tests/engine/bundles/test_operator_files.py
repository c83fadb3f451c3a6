"""Files of operators: written and read back, and refused when anything in them does not fit."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from safetensors import safe_open
from safetensors.numpy import save_file

from lincae_studio.engine.bundles.operator_files import load_operator, save_operator
from lincae_studio.engine.planning.inserts import digest_of
from lincae_studio.errors import ExportError, ProjectError
from lincae_studio.session.model import MAX_WEIGHTS
from tests.engine.rendering.test_inserts import operator
from tests.helpers import files_below

OPERATOR = replace(operator(reach=2), codec="mdct-1x", plain_r2=0.5, bands=(0.9, 0.25))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "room.safetensors"


def test_an_operator_is_read_back(path: Path) -> None:
    save_operator(OPERATOR, path)
    assert load_operator(path) == OPERATOR
    full = replace(operator(reach=200, past=0, future=0), name="ünïcode")
    save_operator(full, path)
    assert load_operator(path) == full


def test_other_programs_can_read_it(path: Path) -> None:
    save_operator(OPERATOR, path)
    with safe_open(path, framework="numpy") as file:
        weights, header = file.get_tensor("weights"), json.loads(file.metadata()["header"])
    assert weights.shape == (256, 5, 6)
    assert weights.tobytes() == OPERATOR.weights
    assert header["digest"] == digest_of(OPERATOR)
    assert (header["past"], header["future"], header["reach"], header["r2"]) == (3, 2, 2, 0.9)


def header(**changes: Any) -> dict[str, Any]:
    fields = ("name", "space", "codec", "channels", "reach", "past", "future", "r2", "plain_r2", "bands")
    own = {name: getattr(OPERATOR, name) for name in fields}
    return {"format": "lincae-studio-operator", "version": 1, "digest": digest_of(OPERATOR), **own, **changes}


def written(path: Path, content: object, weights: Any = None) -> Path:
    values = np.frombuffer(OPERATOR.weights, "<f4").reshape(256, 5, 6) if weights is None else weights
    text = content if isinstance(content, str) else json.dumps(content)
    save_file({"weights": values}, path, metadata={"header": text})
    return path


def test_the_fixture_of_these_tests_is_valid(path: Path) -> None:
    assert load_operator(written(path, header())) == OPERATOR


WEIGHTS = np.frombuffer(OPERATOR.weights, "<f4").reshape(256, 5, 6)
NOT_FINITE = np.where(np.arange(6) == 3, np.float32("nan"), WEIGHTS)


@pytest.mark.parametrize(
    ("content", "weights"),
    [
        ("not JSON", None),
        ([], None),
        (header(format="another"), None),
        (header(version=2), None),
        (header(past=4), None),
        (header(past=4, future=1), None),
        (header(reach=1), None),
        (header(channels=128), None),
        (header(channels="many"), None),
        (header(digest="0" * 40), None),
        (header(space=""), None),
        ({name: value for name, value in header().items() if name != "space"}, None),
        (header(), WEIGHTS.astype(np.float64)),
        (header(), WEIGHTS.reshape(256, 6, 5)),
        (header(), WEIGHTS.reshape(256, 30)),
        (header(), NOT_FINITE),
        (header(), WEIGHTS + 1.0),
    ],
)
def test_what_does_not_fit_is_refused(path: Path, content: object, weights: Any) -> None:
    with pytest.raises(ProjectError, match="is not an operator, or is damaged"):
        load_operator(written(path, content, weights))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 0),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        struct.pack("<Q", 3) + b"\xff\xfe\xfd",
    ],
)
def test_files_that_are_something_else_are_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(ProjectError, match="is not an operator, or is damaged"):
        load_operator(path)


def test_truncated_long_and_missing_files_are_refused(path: Path) -> None:
    save_operator(OPERATOR, path)
    whole = path.read_bytes()
    for data in (whole[:-4], whole + bytes(4)):
        path.write_bytes(data)
        with pytest.raises(ProjectError, match="do not fill it"):
            load_operator(path)
    with path.open("ab") as file:
        file.truncate(4 * MAX_WEIGHTS + 2**21)
    with pytest.raises(ProjectError, match="cannot read"):
        load_operator(path)
    path.unlink()
    with pytest.raises(ProjectError, match="cannot read"):
        load_operator(path)


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot write"):
        save_operator(OPERATOR, tmp_path / "missing" / "room.safetensors")
    assert not files_below(tmp_path)
