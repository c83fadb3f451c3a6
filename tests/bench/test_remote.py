"""`bench remote`: measured, not judged, except that no request may wait for the link."""

from __future__ import annotations

import json

import pytest

from lincae_studio.cli import run


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.linux("starts the link by a shell")
def test_a_delayed_link_is_compared_with_this_computer(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--delays", "300", "--tracks", "1", "--minutes", "0.1", "--repeats", "2", "--json"]
    assert run(["bench", "remote", *arguments]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["edit_to_audio_ms"]["300 ms"] >= 300.0
    assert found["ratio"]["here"] == 1.0
    assert found["longest_request_ms"].keys() == {"here", "300 ms"}
    assert 0.0 < found["packed"] < 1.0
