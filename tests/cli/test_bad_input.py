"""Bad input on the command line: one line with the problem, exit code 2, and the old output unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lincae_studio import paths
from lincae_studio.cli import exit_codes, run
from lincae_studio.cli.inputs import MixInput, parse_input
from lincae_studio.errors import UsageError
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files
from lincae_studio.session.model import Session
from tests.helpers import files_below, made_up_media, noise, write_audio

OLD = b"an older mix"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: good and bad files, and an output that must not be touched."""
    path = tmp_path / "desk"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    (path / "out.wav").write_bytes(OLD)
    write_audio(path / "good.wav", noise(1, 3000))
    write_audio(path / "surround.wav", noise(1, 3000, 6))
    write_audio(path / "nan.wav", np.full((3000, 1), np.nan, np.float32))
    (path / "cut.wav").write_bytes((path / "good.wav").read_bytes()[:5000])
    (path / "empty.wav").write_bytes(b"")
    (path / "text.wav").write_text("this is text\n" * 100)
    (path / "folder.wav").mkdir()
    os.mkfifo(path / "pipe.wav")
    write_audio(path / "protected.wav", noise(1, 10)).chmod(0o444)
    (path / "broken.lincae").write_text("{")
    files.save(edits.add_track(Session()), path / "empty.lincae")
    files.save(edits.add_stems(Session(), [made_up_media(1, 500)], 0), path / "lost.lincae")
    files.save(edits.set_codec(Session(), "nope"), path / "codec.lincae")
    return path


def refusal(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 2) -> str:
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1, captured.err
    assert "Traceback" not in captured.err
    return captured.err


MIX = ["-o", "out.wav"]

BAD: list[tuple[list[str], str]] = [
    (["mix", *MIX], "Missing argument"),
    (["mix", "good.wav"], "Missing option"),
    (["mix", "good.wav", "--nope", *MIX], "No such option"),
    (["mix", "none.wav", *MIX], "no such file"),
    (["mix", "good.wav", "none.wav:-3@1", *MIX], "no such file"),
    (["mix", "x" * 300 + ".wav", *MIX], "cannot import"),
    (["mix", "folder.wav", *MIX], "it is a folder"),
    (["mix", "empty.wav", *MIX], "the file is empty"),
    (["mix", "text.wav", *MIX], "not a readable audio file"),
    (["mix", "cut.wav", *MIX], "truncated"),
    (["mix", "nan.wav", *MIX], "NaN"),
    (["mix", "surround.wav", *MIX], "6 channels"),
    (["mix", "pipe.wav", *MIX], "not a regular file"),
    (["mix", "odd\udcff.wav", *MIX], r"odd\udcff.wav: its path is not valid Unicode"),
    (["mix", "two\nlines.wav", *MIX], r"two\nlines.wav: there is no such file"),
    (["mix", "good.wav", "-o", "protected.wav"], "permission denied"),
    (["mix", "good.wav", "-o", "mix v1.2"], "Try mix v1.2.wav"),
    (["mix", "good.wav:+99", *MIX], "above 24 dB"),
    (["mix", "good.wav:99999", *MIX], "above 24 dB"),
    (["mix", "good.wav@-1", *MIX], "not between 0 and 24 hours"),
    (["mix", "good.wav@86401", *MIX], "not between 0 and 24 hours"),
    (["mix", "good.wav@" + "9" * 400, *MIX], "not between 0 and 24 hours"),
    (["mix", "good.wav@86400", *MIX], "24 hours"),
    (["mix", "good.wav:loud", *MIX], "no such file"),
    (["mix", "good.wav", "--codec", "nope", *MIX], "mdct-2x"),
    (["mix", "good.wav", "--bits", "8", *MIX], "16, 24, 32f"),
    (["mix", "good.wav", "-o", "out.aiff"], "must end in .wav"),
    (["mix", "good.wav", "-o", "folder.wav"], "not a regular file"),
    (["mix", "good.wav", "-o", "no/such/folder/out.wav"], "no such file or folder"),
    (["mix", "good.wav", "-o", "x" * 300 + ".wav"], "cannot export"),
    (["mix", "good.wav", "-o", "good.wav"], "is one of the inputs"),
    (["mix", "good.wav", "-o", "../desk/good.wav"], "is one of the inputs"),
    (["render", *MIX], "Missing argument"),
    (["render", "none.lincae", *MIX], "no such file"),
    (["render", "good.wav", *MIX], "not a LinCAE Studio project"),
    (["render", "broken.lincae", *MIX], "not a LinCAE Studio project"),
    (["render", "empty.lincae", *MIX], "nothing to export"),
    (["render", "lost.lincae", *MIX], "no such file"),
    (["render", "codec.lincae", *MIX], "no codec “nope”"),
    (["render", "empty.lincae", "--codec", "nope", *MIX], "no codec “nope”"),
    (["render", "folder.wav", *MIX], "nothing to do in folder.wav"),
    (["render", "pipe.wav", *MIX], "not a regular file"),
    (["render", "odd\udcff.lincae", *MIX], r"odd\udcff.lincae: there is no such file"),
    (["codecs", "nope"], "No such command"),
    (["odd\udcff.wav"], r"odd\udcff.wav is neither a file nor a command"),
    (["none.wav"], "neither a file nor a command"),
    (["x" * 300], "neither a file nor a command"),
    (["--nope"], "No such option"),
    (["good.wav"], "no display"),
    (["empty.lincae", "good.wav"], "no display"),
]


@pytest.mark.parametrize(
    ("arguments", "reason"), BAD, ids=lambda value: value[:40] if isinstance(value, str) else " ".join(value)[:40]
)
def test_bad_input_is_one_line_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    before = {path: path.read_bytes() for path in files_below(folder)}
    message = refusal(capsys, arguments)
    assert message.startswith("error: ")
    assert reason in message
    assert message.rstrip().endswith(".")
    assert {path: path.read_bytes() for path in files_below(folder)} == before
    assert (folder / "out.wav").read_bytes() == OLD


def test_as_a_process_too(folder: Path) -> None:
    command = [sys.executable, "-m", "lincae_studio", "mix", "none.wav", "-o", "out.wav"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: cannot import none.wav: there is no such file")
    assert done.stderr.count("\n") == 1


def test_an_output_whose_name_is_not_valid_unicode_is_written_and_reported(folder: Path) -> None:
    command = [sys.executable, "-m", "lincae_studio", "mix", "good.wav", "-o", "mix\udcff.wav"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(r"mix\udcff.wav: ")
    assert (folder / "mix\udcff.wav").exists()


@pytest.mark.linux("elsewhere there is always a display")
@pytest.mark.parametrize("display", [{"DISPLAY": ":60999"}, {"QT_QPA_PLATFORM": "nonsense"}])
@pytest.mark.parametrize("arguments", [["demo"], ["open"]])
def test_a_display_that_cannot_be_used(folder: Path, display: dict[str, str], arguments: list[str]) -> None:
    command = [sys.executable, "-m", "lincae_studio", *arguments]
    done = subprocess.run(command, env=os.environ | display, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "no Qt platform plugin could be initialized" in done.stderr
    assert "Check DISPLAY, install libxcb-cursor0, or use lincae-studio demo --headless." in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_bad_input_too(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    MediaStore(Path(os.environ["LINCAE_STUDIO_CACHE"])).import_file(folder / "good.wav")
    resource = pytest.importorskip("resource", reason="Windows has no file size limits")
    monkeypatch.setenv("SQLITE_TMPDIR", str(folder))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, before[1]))
    try:
        code = run(["mix", "good.wav", "-o", "out.wav"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    captured = capsys.readouterr()
    assert code == 2
    assert "error: cannot export to out.wav" in captured.err
    assert "Traceback" not in captured.err
    assert (folder / "out.wav").read_bytes() == OLD


def test_bugs_are_one_line_that_names_the_log(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, isolated: Path
) -> None:
    def bug(*_arguments: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("lincae_studio.cli.mixing.make_plan", bug)
    message = refusal(capsys, ["mix", "good.wav", "-o", "out.wav"], exit_codes.BUG)
    assert message.startswith("internal error: ZeroDivisionError: on purpose.")
    log = next(path for path in files_below(isolated) if path.suffix == ".log")
    assert str(log) in message
    assert "Traceback" in log.read_text()
    if os.name != "nt":
        assert log.stat().st_mode & 0o077 == 0, "only the user may read it"
    assert (folder / "out.wav").read_bytes() == OLD


@pytest.mark.parametrize("error", [RuntimeError("no home"), PermissionError(13, "no")])
def test_bugs_are_reported_even_without_a_log(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def bug(*_arguments: object) -> None:
        raise ZeroDivisionError("on\npurpose \udcff")

    def no_log() -> Path:
        raise error

    monkeypatch.setattr("lincae_studio.cli.mixing.make_plan", bug)
    monkeypatch.setattr("lincae_studio.paths.log_file", no_log)
    message = refusal(capsys, ["mix", "good.wav", "-o", "out.wav"], exit_codes.BUG)
    assert message.startswith(r"internal error: ZeroDivisionError: on\npurpose \udcff.")
    assert "could not be logged" in message


def test_a_user_without_a_home_can_mix(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a container that runs with a uid of no account."""
    pwd = pytest.importorskip("pwd", reason="Windows asks no accounts for the home folder")

    def no_account(uid: int) -> None:
        raise KeyError(uid)

    for name in ("HOME", "LINCAE_STUDIO_CACHE", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(pwd, "getpwuid", no_account)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    place = tmp_path / "temporary" / f"lincae-studio-{os.getuid()}"
    assert (paths.home(), paths.cache_dir(), paths.log_file()) == (place, place / "cache", place / "studio.log")
    assert run(["mix", "good.wav", "-o", "out.wav"]) == 0
    assert "out.wav" in capsys.readouterr().out
    assert list((place / "cache").iterdir())


def test_home_is_the_users_own(isolated: Path) -> None:
    assert paths.home() == isolated


def test_an_interrupt_leaves_the_old_output(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lincae_studio.media.writer.AudioWriter.write", interrupt)
    assert refusal(capsys, ["mix", "good.wav", "-o", "out.wav"], exit_codes.INTERRUPTED) == "interrupted\n"
    assert (folder / "out.wav").read_bytes() == OLD
    assert [path.name for path in files_below(folder) if path.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("text", "file", "gain_db", "start_s"),
    [
        ("a.wav", "a.wav", 0.0, 0.0),
        ("a.wav:-3", "a.wav", -3.0, 0.0),
        ("a.wav:+2@1.5", "a.wav", 2.0, 1.5),
        ("a.wav@.5", "a.wav", 0.0, 0.5),
        ("a.wav:-3dB@2s", "a.wav", -3.0, 2.0),
        ("C:/music/a.wav:-3", "C:/music/a.wav", -3.0, 0.0),
        ("C:/music/a.wav", "C:/music/a.wav", 0.0, 0.0),
        ("me@home.wav", "me@home.wav", 0.0, 0.0),
        ("a:1:2", "a:1", 2.0, 0.0),
        ("a@1@2", "a@1", 0.0, 2.0),
        ("line\nbreak.wav:1", "line\nbreak.wav", 1.0, 0.0),
        ("line.wav:1\n", "line.wav:1\n", 0.0, 0.0),
    ],
)
def test_the_syntax_of_inputs(text: str, file: str, gain_db: float, start_s: float) -> None:
    parsed = parse_input(text)
    assert parsed.path == Path(file)
    assert parsed.gain == pytest.approx(10 ** (gain_db / 20))
    assert parsed.start_s == start_s


def test_an_existing_file_is_used_by_its_whole_name(folder: Path) -> None:
    write_audio(folder / "x.wav", noise(1, 10)).rename(folder / "x:3")
    assert parse_input("x:3") == MixInput(Path("x:3"), 1.0, 0)
    assert parse_input("x:3:-inf") == MixInput(Path("x:3"), 0.0, 0)
    with pytest.raises(UsageError, match="24 hours"):
        parse_input("x:3@99999999")
