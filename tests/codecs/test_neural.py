"""Adding what neural codecs need to an installation without it: pip's part is real, the packages are small wheels."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lincae_studio import paths
from lincae_studio.cli import run
from lincae_studio.codecs import neural, packages
from lincae_studio.errors import Cancelled, CodecError
from lincae_studio.jobs import CancelToken, Progress
from tests.codecs.package_index import PackageIndex
from tests.codecs.wheels import fake_packages, write_wheel


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return fake_packages(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is imported, and from where, is forgotten at the end."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield
    for name in ("torch_like", "hub_like"):
        sys.modules.pop(name, None)


def leftovers() -> list[str]:
    return sorted(path.name for path in paths.data_dir().iterdir() if path.name.startswith("neural"))


@pytest.mark.usefixtures("wheels")
def test_packages_are_added_used_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CodecError, match="need torch_like, which is not installed"):
        packages.require_installed("torch_like")
    assert run(["codecs", "add-neural"]) == 0
    assert leftovers() == ["neural"]
    packages.require_installed("torch_like")
    assert "torch_like" not in sys.modules, "only found, as in the window"
    packages.require("torch_like")
    assert sys.modules["torch_like"].VALUE == 42
    assert run(["codecs", "add-neural"]) == 0, "again, nothing to do"
    assert run(["codecs", "remove-neural"]) == 0
    assert leftovers() == []
    assert not neural.installed()
    assert run(["codecs", "remove-neural"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.splitlines()[-2:] == [
        "removed torch, diffusers and the Hub’s client",
        "torch, diffusers and the Hub’s client have not been added",
    ]


def test_what_is_not_found_is_named_and_nothing_is_left(wheels: Path) -> None:
    (wheels / "hub_like-1.5-py3-none-any.whl").unlink()
    with pytest.raises(CodecError, match=r"hub_like.*network connection"):
        neural.install()
    assert leftovers() == []
    write_wheel(wheels, "hub_like", "1.5", "VALUE = 41\n")
    neural.install()
    assert neural.installed()


def test_an_index_that_cannot_be_reached_is_the_reason(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PackageIndex(wheels).running() as index:
        address = index.address
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", address)
    monkeypatch.setattr(neural, "_CPU_INDEX", address)
    with pytest.raises(CodecError, match="cannot be installed: the package index cannot be reached"):
        neural.install()


def test_torch_for_cuda_is_not_downloaded_without_a_gpu(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip chooses it from PyPI if the index of the other builds does not answer."""
    monkeypatch.setattr(neural, "has_nvidia_gpu", lambda: False)
    write_wheel(wheels, "torch_like", "2.1", "VALUE = 42\n", "nvidia_like")
    write_wheel(wheels, "nvidia_like", "1.0", "VALUE = 42\n")
    with pytest.raises(CodecError, match="torch without CUDA was not found"):
        neural.install()
    assert leftovers() == [], "nothing was downloaded"
    monkeypatch.setattr(neural, "has_nvidia_gpu", lambda: True)
    neural.install()
    assert neural.installed()


def test_a_file_that_was_changed_is_refused(wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index names the hash of each file; one that differs is not installed."""
    simple = tmp_path / "simple" / "torch-like"
    simple.mkdir(parents=True)
    wheel = wheels / "torch_like-2.1-py3-none-any.whl"
    (simple / "index.html").write_text(f'<a href="{wheel.as_uri()}#sha256={"0" * 64}">{wheel.name}</a>')
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "simple").as_uri())
    monkeypatch.setattr(neural, "_CPU_INDEX", (tmp_path / "simple").as_uri())
    with pytest.raises(CodecError, match=r"(?i)hash"):
        neural.install()
    assert not neural.installed()


@pytest.mark.usefixtures("wheels")
def test_a_full_disk_is_noticed_before_the_download(monkeypatch: pytest.MonkeyPatch) -> None:
    (paths.data_dir() / "neural.part").mkdir(parents=True)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10, 10, 0))
    monkeypatch.setattr(neural, "_UNPACKED", {True: 1_000, False: 1_000})
    with pytest.raises(CodecError, match=r"need \d MB in .*, but only 0 MB are free"):
        neural.install()
    assert not (paths.data_dir() / "neural.part").exists()
    assert not (paths.data_dir() / "neural.cache" / "wheels").exists()


@pytest.mark.linux("/dev/full")
def test_a_disk_that_fills_up_is_named(wheels: Path) -> None:
    digest = hashlib.sha256((wheels / "torch_like-2.1-py3-none-any.whl").read_bytes()).hexdigest()
    partial = paths.data_dir() / "neural.cache" / "wheels" / f"{digest}.part"
    partial.parent.mkdir(parents=True)
    partial.symlink_to("/dev/full")
    with pytest.raises(CodecError, match="neural codecs cannot be installed: the disk is full"):
        neural.install()
    assert not neural.installed()


@pytest.mark.usefixtures("wheels")
def test_a_cancelled_installation_ends_while_the_index_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = CancelToken()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")

        def cancel_when_asked() -> None:
            connection, _ = silent.accept()
            cancel.cancel()
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=cancel_when_asked)
        thread.start()
        with pytest.raises(Cancelled):
            neural.install(cancel=cancel)
        thread.join()
    assert leftovers() == []


@pytest.mark.linux("a killed process")
def test_a_killed_installation_is_done_again(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = neural._lines

    def killed(process, cancel):  # type: ignore[no-untyped-def]
        os.kill(process.pid, signal.SIGKILL)
        return real(process, cancel)

    with monkeypatch.context() as patch:
        patch.setattr(neural, "_lines", killed)
        with pytest.raises(CodecError, match="pip ended with code -9"):
            neural.install()
    assert not neural.installed()
    seen: list[Progress] = []
    neural.install(seen.append)
    assert neural.installed()
    assert seen[-1] == Progress(0, 0, "Installing"), "nobody knows how long"


_INSTALL = """
import sys
from pathlib import Path
from lincae_studio import paths
from lincae_studio.codecs import neural
neural.PACKAGES = ("torch_like",)
paths.constraints = lambda: Path(sys.argv[1])
neural._CPU_INDEX = sys.argv[2]
neural.install(lambda progress: print(progress.done, flush=True))
"""


@pytest.mark.linux("a killed process")
def test_a_killed_program_goes_on_in_the_middle_of_a_file(
    wheels: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_wheel(wheels, "torch_like", "2.1", "import hub_like\nVALUE = 42\n", "hub_like", padding=3_000_000)
    size = (wheels / "torch_like-2.1-py3-none-any.whl").stat().st_size
    with PackageIndex(wheels).running() as index:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", index.address)
        monkeypatch.setattr(neural, "_CPU_INDEX", index.address)
        index.break_after, index.hangs = 1_000_000, True
        command = [sys.executable, "-c", _INSTALL, str(tmp_path / "constraints.txt"), index.address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            for line in program.stdout:
                if int(line) >= 500_000:
                    program.kill()
                    break
        assert leftovers() == ["neural.cache", "neural.part"]
        (partial,) = (paths.data_dir() / "neural.cache" / "wheels").glob("*.part")
        there = partial.stat().st_size
        assert 500_000 <= there <= 1_000_000
        index.break_after = None
        seen: list[Progress] = []
        neural.install(seen.append)
    downloads = [progress for progress in seen if progress.total]
    assert there <= downloads[0].done < there + 2_000
    assert downloads[-1].done == downloads[-1].total, "over all files"
    assert [sent for sent in index.sent if sent[0].startswith("torch_like")][1:] == [
        ("torch_like-2.1-py3-none-any.whl", there, size - there)
    ]
    assert leftovers() == ["neural"]
    packages.require("torch_like")


@pytest.mark.usefixtures("wheels")
def test_an_incomplete_folder_is_not_used() -> None:
    neural.install()
    (neural.folder() / "complete").unlink()
    with pytest.raises(CodecError, match="torch_like, which is not installed"):
        packages.require("torch_like")


@pytest.mark.usefixtures("wheels")
def test_packages_that_do_not_work_are_to_be_added_again() -> None:
    neural.install()
    (neural.folder() / "hub_like.py").unlink()
    with pytest.raises(CodecError, match=r"need hub_like, .*Remove neural codecs .* add them again"):
        packages.require("torch_like")


@pytest.mark.usefixtures("wheels")
def test_without_pip_its_absence_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "pip_command", lambda: [sys.executable, "-I", "-S", "-m", "no_pip"])
    with pytest.raises(CodecError, match="No module named no_pip"):
        neural.install()


@pytest.mark.linux("permissions")
@pytest.mark.usefixtures("wheels")
def test_what_cannot_be_removed_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    neural.install()
    paths.codecs_dir().rename(paths.codecs_dir().with_name("moved"))
    paths.codecs_dir().touch()
    assert run(["codecs", "remove-neural"]) == 2
    assert capsys.readouterr().err.startswith("error: neural codecs cannot be removed: ")
    assert neural.installed()
