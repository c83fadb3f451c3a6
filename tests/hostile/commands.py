"""Opens the hostile corpus by the command line, all in this process, and prints what each case cost.

A program of its own, so that its memory can be measured: `python -m tests.hostile.commands FOLDER`. Each case has a
home, a cache and a folder for results of its own below FOLDER; what changes elsewhere is reported. Linux only.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lincae_studio.cli import run
from tests.helpers import noise, write_audio
from tests.hostile.case import Case
from tests.hostile.corpus import CASES, SECRET

#: Seconds after which a command is interrupted and counts as hanging, on however slow a machine.
_PATIENCE_S = 60


class _Hangs(BaseException):
    """A command took too long."""


@dataclass
class Opened:
    """What a case cost.

    Attributes:
        exit_codes: by command; None for one that hung.
        output: standard error of all commands.
        cpu_s: processor time of the slowest command, in seconds, with that of its threads.
        memory_mib: growth of the resident memory at its highest, in MiB.
        touched: files that appeared, vanished or changed outside of the case's own folders.
    """

    exit_codes: dict[str, int | None] = field(default_factory=dict)
    output: str = ""
    cpu_s: float = 0.0
    memory_mib: float = 0.0
    touched: list[str] = field(default_factory=list)


def commands(case: Case, path: Path, out: Path, tone: Path) -> list[list[str]]:
    """The command lines that open a path, by the kind of the case."""
    file, mix = str(path), str(out / "mix.wav")
    by_kind = {
        "project": [
            ["info", file],
            ["render", file, "-o", mix],
            ["bundle", file, "-o", str(out / "song.lincaez")],
            ["export-dawproject", file, "-o", str(out / "song.dawproject")],
        ],
        "bundle": [["info", file], ["render", file, "-o", mix], ["unbundle", file, "-o", str(out / "song.lincae")]],
        "latents": [["info", file], ["decode", file, "-o", mix]],
        "codec": [
            ["codecs", "show", file],
            ["mix", str(tone), "--codec", file, "-o", mix],
            ["codecs", "import", file, "--scale-factor", "1"],
            ["codecs", "list"],
        ],
        "dawproject": [["import-dawproject", file, "-o", str(out / "song.lincae")]],
        "audio": [["info", file], ["mix", file, "-o", mix]],
        "cache": [["mix", str(tone), "-o", mix], ["cache", "info"], ["cache", "clear", "--media"]],
        "preferences": [["mix", str(tone), "-o", mix]],
        "recovery": [],  # only the window offers recovery
    }
    return by_kind[case.kind]


def listing(root: Path, own: set[Path]) -> dict[str, tuple[int, int]]:
    """Every file below a folder, with its size and time, but for what lies in `own`."""
    found = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if Path(folder, name) not in own]
        for name in (*folders, *files):
            status = os.lstat(os.path.join(folder, name))
            found[os.path.join(folder, name)] = (status.st_size, status.st_mtime_ns)
    return found


def open_case(case: Case, root: Path) -> Opened:
    """Make a case and run its commands."""
    place, user, out = (root / name / case.kind / case.make.__name__ for name in ("corpus", "user", "out"))
    for folder in (place, user, out):
        folder.mkdir(parents=True)
    path = case.make(place)
    shared = {"cache": "CACHE", "preferences": "CONFIG"}
    os.environ["HOME"] = os.environ["XDG_STATE_HOME"] = str(user)
    for name in ("CACHE", "CODECS", "CONFIG", "DATA"):
        own = place if shared.get(case.kind) == name else user / name.lower()
        os.environ[f"LINCAE_STUDIO_{name}"] = str(own)
    changing = {user, out, *([place] if case.kind in shared else [])}
    before = listing(root, changing)
    opened = Opened()
    base = reset_peak_mib()
    for command in commands(case, path, out, root / "tone.wav"):
        started = os.times()
        opened.exit_codes[" ".join(command[:2]) if command[0] in ("codecs", "cache") else command[0]] = _run(
            command, opened
        )
        ended = os.times()
        opened.cpu_s = max(opened.cpu_s, ended.user + ended.system - started.user - started.system)
    opened.memory_mib = peak_mib() - base
    after = listing(root, changing)
    opened.touched = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return opened


def _run(command: list[str], opened: Opened) -> int | None:
    def interrupt(*_: object) -> None:
        raise _Hangs

    signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(_PATIENCE_S)
    err = io.StringIO()
    try:
        with contextlib.redirect_stdout(err), contextlib.redirect_stderr(err):
            return run(command)
    except _Hangs:
        return None
    finally:
        signal.alarm(0)
        opened.output += err.getvalue()


def reset_peak_mib() -> float:
    """The resident memory of this process, from which `peak_mib` counts on, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mib("VmRSS")


def peak_mib() -> float:
    """The highest resident memory of this process since `reset_peak_mib`, in MiB."""
    return _status_mib("VmHWM")


def _status_mib(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def main(root: Path) -> None:
    """Open every case; a line of JSON for each."""
    write_audio(root / "corpus" / SECRET, noise(9, 44_100))
    write_audio(root / "tone.wav", noise(8, 22_050))
    for case in CASES:
        print(json.dumps({"case": str(case), **asdict(open_case(case, root))}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
