"""Sessions in Python and commands that render on another machine, by a real ssh server: equal to this computer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lincae_studio as ls
from lincae_studio import paths, preferences
from lincae_studio.cli import run
from lincae_studio.engine.process.supplies import sent_media_database
from lincae_studio.engine.rendering.disk import disk_usage
from lincae_studio.errors import UsageError
from lincae_studio.preferences import Preferences
from tests.engine.process.sshd import HOST, Server, serving
from tests.helpers import noise, read_audio, write_audio

pytestmark = [pytest.mark.process, pytest.mark.linux("runs an ssh server")]


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("ssh") / "far") as server:
        yield server


@pytest.fixture
def server(shared_server: Server, tmp_path: Path, isolated: Path) -> Server:
    """The server, with the preferences that reach it."""
    (tmp_path / "far home").mkdir()
    server = dataclasses.replace(shared_server, home=tmp_path / "far home")
    machine = server.machine()
    preferences.save(Preferences(engine_program=machine.program, ssh_command=machine.ssh), paths.preferences_file())
    return server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_audio(tmp_path / "one.wav", noise(1, 100_000, 2))


def test_a_session_is_rendered_there(server: Server, file: Path) -> None:
    with ls.Engine(host=HOST) as engine:
        assert HOST in repr(engine)
        there = ls.Session.from_files(file, engine=engine)
        here = ls.Session.from_files(file)
        np.testing.assert_array_equal(there.render(), here.render())
        np.testing.assert_array_equal(there.latents(), here.latents())
        np.testing.assert_array_equal(there.latents().decode(), here.render())
        assert there.evaluate().figures == here.evaluate().figures
    assert (server.cache_dir / "sent").exists()


def test_latents_of_a_bundle_are_sent_without_audio(server: Server, file: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "song.lincaez"
    ls.Session.from_files(file).save(bundle)
    here = ls.open(bundle).render()
    with ls.Engine(host=HOST) as engine:
        np.testing.assert_array_equal(ls.open(bundle, engine=engine).render(), here)
    assert not disk_usage(sent_media_database(server.cache_dir)).rows


def test_the_cache_shows_what_was_sent_and_clears_it(
    server: Server, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ls.Engine(host=HOST) as engine:
        ls.Session.from_files(file, engine=engine).render()
    monkeypatch.setenv("LINCAE_STUDIO_CACHE", str(server.cache_dir))
    assert run(["cache", "info"]) == 0
    assert "audio from other computers: 4 blocks" in capsys.readouterr().out
    assert run(["cache", "clear"]) == 0
    assert disk_usage(sent_media_database(server.cache_dir)).rows == 4
    assert run(["cache", "clear", "--media"]) == 0
    assert not disk_usage(sent_media_database(server.cache_dir)).rows


def test_commands_render_there(server: Server, file: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / "there.wav", tmp_path / "here.wav"]
    for output, more in zip(outputs, (["--engine", HOST], []), strict=True):
        assert run(["mix", str(file), "-o", str(output), "--no-dither", *more]) == 0
    np.testing.assert_array_equal(read_audio(outputs[0]), read_audio(outputs[1]))
    assert (server.cache_dir / "sent").exists()


def test_a_machine_that_refuses_is_an_error_with_what_to_do(
    server: Server, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preferences.save(Preferences(engine_program="nowhere", ssh_command=server.machine().ssh), paths.preferences_file())
    assert run(["mix", str(file), "-o", str(tmp_path / "mix.wav"), "--engine", HOST]) == 2
    error = capsys.readouterr().err
    assert f"LinCAE Studio was not found on {HOST}" in error
    assert f"ssh {HOST} pip install lincae-studio==" in error
    assert not (tmp_path / "mix.wav").exists()


def test_a_name_that_could_be_an_option_is_refused() -> None:
    with pytest.raises(UsageError, match="not the name of a machine"):
        ls.Engine(host="-oProxyCommand=x")
