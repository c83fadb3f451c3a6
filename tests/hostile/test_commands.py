"""Every case of the hostile corpus by the command line: no crash, no great cost, and nothing touched elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import REPOSITORY
from tests.hostile.corpus import CASES

pytestmark = [pytest.mark.slow, pytest.mark.linux("pipes, /proc, and its measure of memory"), pytest.mark.timeout(900)]

#: Processor time and memory that no case may cost.
LIMIT_S = 5.0
LIMIT_MIB = 1024.0


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each case cost, by its name."""
    root = tmp_path_factory.mktemp("hostile")
    command = [sys.executable, "-m", "tests.hostile.commands", str(root)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not Path("/tmp/climbed-to-the-root.txt").exists()
    return {line["case"]: line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_opened_or_refused(opened: dict[str, dict[str, Any]], case: object) -> None:
    found = opened[str(case)]
    output = found["output"]
    for command, code in found["exit_codes"].items():
        assert code in (0, 2), f"{command} hangs" if code is None else f"{command}: {output}"
    assert found["cpu_s"] < LIMIT_S
    assert found["memory_mib"] < LIMIT_MIB
    assert found["touched"] == []
    assert "internal error" not in output
    errors = [line for line in output.splitlines() if line.startswith("error:")]
    assert len(errors) == sum(code == 2 for code in found["exit_codes"].values()), "an error takes one line"
    assert all(character.isprintable() for line in output.splitlines() for character in line)
