"""Names that come from others cannot control the terminal, or look like other text."""

from __future__ import annotations

import ast
import logging
import unicodedata
from pathlib import Path

import pytest

from lincae_studio import cli, paths
from lincae_studio.cli import run
from lincae_studio.cli.text import LogFormatter, plain
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.media.store import MediaStore
from lincae_studio.paths import cache_dir
from lincae_studio.session import edits, files
from lincae_studio.session.model import Session
from tests.codecs.lincae.models import small_model
from tests.helpers import import_audio, noise, write_audio

#: Moves the cursor up and clears a line, sets the title (C1), changes the writing direction, starts another line.
NASTY = "a\x1b[1A\x1b[2K\x9d0;title\x9c\u202egnp.\u2066\r\nerror: b\u2028"


def assert_harmless(text: str) -> None:
    bad = [
        c for c in text if c != "\n" and (unicodedata.category(c)[0] == "C" or unicodedata.category(c) in ("Zl", "Zp"))
    ]
    assert not bad
    assert not any(line.startswith("error: b") for line in text.splitlines())


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    return write_audio(tmp_path / f"{NASTY}.wav", noise(1, 6_000))


def test_names_of_files_and_tracks_are_escaped(stem: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = stem.parent
    media = import_audio(MediaStore(cache_dir()), stem, noise(1, 6_000))
    session = edits.rename_track(edits.add_stems(Session(), [media], 0), 1, NASTY)
    project = folder / f"{NASTY}.lincae"
    files.save(session, project)
    out = folder / f"out {NASTY}"
    for arguments in (
        ["info", str(project)],
        ["info", str(stem)],
        ["mix", str(stem), "-o", f"{out}.wav"],
        ["encode", str(stem), "-o", f"{out}.npz"],
        ["info", f"{out}.npz"],
        ["decode", f"{out}.npz", "-o", f"{out}.wav"],
        ["bundle", str(project), "-o", f"{out}.lincaez"],
        ["unbundle", f"{out}.lincaez", "-o", f"{out} folder"],
        ["export-dawproject", str(project), "-o", f"{out}.dawproject"],
        ["import-dawproject", f"{out}.dawproject", "-o", f"{out} other"],
        ["cache", "info"],
    ):
        assert run(arguments) == 0, capsys.readouterr()
        assert_harmless(capsys.readouterr().out)
    for arguments in (
        ["info", f"{stem}x.wav"],
        ["render", f"{out}.npz", "-o", f"{out}.wav"],
        ["info", f"--{NASTY}"],
        [NASTY],
        ["codecs", "show", NASTY],
    ):
        assert run(arguments) == 2
        captured = capsys.readouterr()
        assert_harmless(captured.err)
        assert captured.err.count("\n") == 1


def test_codecs_and_cache_folders_are_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_own(small_model(), paths.codecs_dir() / "mine", title=NASTY, linear=True, description=f"[red]{NASTY}")
    monkeypatch.setenv("LINCAE_STUDIO_CACHE", str(tmp_path / NASTY))
    for arguments in (["codecs", "list"], ["codecs", "show", "mine"], ["cache", "info"], ["cache", "clear"]):
        assert run(arguments) == 0
        assert_harmless(capsys.readouterr().out)


def test_the_log_of_a_command_is_escaped() -> None:
    record = logging.LogRecord("x", logging.WARNING, "x", 1, "%s\nmore", (NASTY.replace("\n", ""),), None)
    assert_harmless(LogFormatter().format(record))


def test_ordinary_text_is_left_alone() -> None:
    text = "Blåsare – “夜想曲” 🎹 ½ dB.wav"
    assert plain(text) == text


def test_commands_print_nothing_but_json_and_escaped_text() -> None:
    """`bench` prints its own figures."""
    folder = Path(cli.__file__).parent
    for path in folder.glob("*.py"):
        if path.name in ("text.py", "bench.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "typer.echo", "sys.stderr.write"):
                printed = ast.unparse(node.args[0])
                assert printed.startswith("json.dumps(") or "__version__" in printed, f"{path.name}: {printed}"
