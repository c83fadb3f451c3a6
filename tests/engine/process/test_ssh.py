"""The engine on another machine, by a real ssh server on the loopback: equal to a local one, whatever the link does."""

from __future__ import annotations

import dataclasses
import logging
import random
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lincae_studio import __version__
from lincae_studio.codecs import registry
from lincae_studio.codecs.computation import Computation
from lincae_studio.codecs.lincae.pretrained import save_own
from lincae_studio.engine.planning.grid import Grid
from lincae_studio.engine.planning.plan import Chunk, Plan, make_plan
from lincae_studio.engine.process import client, messages, ssh
from lincae_studio.engine.process.channel import Ended
from lincae_studio.engine.process.events import ChunkFailed, ChunkFinished, EngineDown, EngineUnusable, EngineUp
from lincae_studio.engine.process.frames import MAGIC, Frames
from lincae_studio.engine.process.local import LocalLauncher
from lincae_studio.engine.process.machine import Machine
from lincae_studio.engine.process.packing import pack
from lincae_studio.engine.process.ssh import SshLauncher
from lincae_studio.engine.process.ssh_errors import how_it_ended
from lincae_studio.engine.process.supplier import Supplier
from lincae_studio.engine.process.supplies import BLOCK_FRAMES, sent_media_database
from lincae_studio.engine.rendering.disk import disk_usage
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.errors import EngineError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.store import MediaStore
from lincae_studio.session.model import Session
from tests.codecs.lincae.models import small_model
from tests.engine.process.sshd import HOST, Proxy, Server, serving
from tests.engine.process.test_client import Engine as LocalEngine
from tests.engine.process.test_kills import Killed, check_edits_and_export
from tests.helpers import eventually, import_audio, new_renderer, noise, plan_of, session_of

pytestmark = pytest.mark.linux("runs an ssh server")

CUTS = 50


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("ssh") / "far") as server:
        yield server


@pytest.fixture
def server(shared_server: Server, tmp_path: Path) -> Server:
    """The server with an empty home, cache and library of its own for this test."""
    (tmp_path / "far home").mkdir()
    return dataclasses.replace(shared_server, home=tmp_path / "far home")


class Engine(LocalEngine):
    """A client of an engine on the server, that notes its events."""

    def __init__(self, machine: Machine, store: MediaStore) -> None:
        super().__init__(Path())
        self.client._launcher = SshLauncher(machine, store)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("engine-")]


@pytest.fixture
def session(tmp_path: Path, store: MediaStore) -> Session:
    one = import_audio(store, tmp_path / "one.wav", noise(1, 400_000))
    two = import_audio(store, tmp_path / "two.wav", noise(2, 200_000, 2))
    return session_of(one, two)


@pytest.fixture
def plan(session: Session) -> Plan:
    return plan_of(session, "mdct-2x", Grid(256, 256, 32, 2))


def assert_equal(engine: LocalEngine, chunks: list[Chunk], store: MediaStore) -> None:
    renderer = new_renderer(StoreReader(store))
    for chunk in chunks:
        there, here = engine.finished()[chunk.key].rendered, renderer.render(chunk)
        assert np.array_equal(there.latents, here.latents)
        assert np.array_equal(there.audio, here.audio)


def test_it_renders_what_this_computer_would_and_gets_each_block_once(
    server: Server, plan: Plan, store: MediaStore
) -> None:
    with Engine(server.machine(), store) as engine:
        engine.client.request(plan.audible)
        engine.client.start()
        engine.wait_for(plan.audible)
        assert_equal(engine, plan.audible, store)
        assert not engine.of(EngineDown)
        engine.client.set_limits(messages.Limits(1, 1, 1))
    blocks = -(-400_000 // BLOCK_FRAMES) + -(-200_000 // BLOCK_FRAMES)
    eventually(lambda: disk_usage(sent_media_database(server.cache_dir)).rows == blocks)
    with Engine(server.machine(), store) as engine:  # and none the next day
        engine.client.request(plan.audible)
        engine.client.start()
        engine.wait_for(plan.audible)
        channel = engine.client._channel
        assert isinstance(channel, ssh.SshChannel)
        assert channel._media_bytes == 0


def test_only_the_blocks_of_requested_chunks_are_sent(server: Server, plan: Plan, store: MediaStore) -> None:
    with Engine(server.machine(), store) as engine:
        engine.client.request(plan.audible[:1])
        engine.client.start()
        engine.wait_for(plan.audible[:1])
    eventually(lambda: disk_usage(sent_media_database(server.cache_dir)).rows == 2)


def test_a_model_is_found_by_what_it_is_and_otherwise_named_with_the_command(
    server: Server, tmp_path: Path, store: MediaStore
) -> None:
    save_own(small_model(), tmp_path / "mine", title="Mine", linear=True)
    media = import_audio(store, tmp_path / "three.wav", noise(3, 100_000))
    computation = Computation("cpu", "fp32")  # which is known without torch
    chunks = make_plan(session_of(media), registry.info(str(tmp_path / "mine"), computation)).audible[:1]
    with Engine(server.machine(), store) as engine:
        engine.client.configure(computation)
        engine.client.request(chunks)
        engine.client.start()
        engine.wait(lambda: engine.of(ChunkFailed))
        message = engine.of(ChunkFailed)[0].message
        assert f"the codec “mine” is not on {HOST}" in message
        assert f"ssh {HOST} lincae-studio codecs import" in message
        save_own(small_model(), server.codecs_dir / "installed-there", title="Mine", linear=True)
        engine.client.configure(computation)  # starts it again
        engine.client.request(chunks)
        engine.wait_for(chunks)
        assert (server.cache_dir / "latents").exists()


def test_a_codec_that_can_be_downloaded_is_named_with_the_command(
    server: Server, plan: Plan, store: MediaStore
) -> None:
    chunk = plan.audible[0]
    other = msgspec.structs.replace(chunk, codec=msgspec.structs.replace(chunk.codec, id="lin-cae-2"))
    with Engine(server.machine(), store) as engine:
        engine.client.request([other])
        engine.client.start()
        engine.wait(lambda: engine.of(ChunkFailed))
    assert f"Run: ssh {HOST} lincae-studio codecs download lin-cae-2" in engine.of(ChunkFailed)[0].message


def test_no_path_of_the_window_is_read_there(server: Server, plan: Plan, store: MediaStore, tmp_path: Path) -> None:
    """An engine elsewhere learns of latents by `Offer`; a window that names a file ends it."""
    with Engine(server.machine(), store) as engine:
        engine.client.start()
        engine.wait(lambda: engine.of(EngineUp))
        channel = engine.client._channel
        assert isinstance(channel, ssh.SshChannel)
        channel._frames.send_bytes(messages.encode(messages.Attach((str(tmp_path / "secret"),))))
        engine.wait(lambda: engine.of(EngineDown))
        engine.wait(lambda: len(engine.of(EngineUp)) == 2)


class Cut(Killed):
    """The engine side of a window whose link is cut at random moments."""

    def __init__(self, machine: Machine, proxy: Proxy, store: MediaStore, rng: random.Random) -> None:
        super().__init__(Path(), rng)
        self.client._launcher = SshLauncher(machine, store)
        self._proxy = proxy
        self.most = CUTS

    def _kill(self, _pid: int) -> None:
        self.kills += self._proxy.cut()


@pytest.mark.slow
def test_the_mix_and_the_export_are_complete_after_50_cuts(
    server: Server, session: Session, store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_BACK_OFF_S", (0.0, 0.1))
    rng = random.Random(1)
    with Proxy(server.port) as proxy:
        cut = Cut(server.machine(proxy.port), proxy, store, rng)
        check_edits_and_export(cut, session, store, tmp_path / "mix.wav", rng)
    assert proxy.connections >= CUTS


def test_nobody_waits_for_a_link_that_stalls(server: Server, plan: Plan, store: MediaStore) -> None:
    """With 200 ms of delay, then with nothing moving at all: what the main thread calls returns without the link.

    If any of these calls waited, the test would not end: nothing passes until they have returned.
    """
    with Proxy(server.port, delay_s=0.1) as proxy, Engine(server.machine(proxy.port), store) as engine:
        engine.client.request(plan.audible[:10])
        engine.client.start()
        engine.wait_for(plan.audible[:10])
        channel = engine.client._channel
        assert isinstance(channel, ssh.SshChannel)
        proxy.stall()
        for number in range(300):
            engine.client.set_playhead(number * 1000)
            engine.client.request(plan.audible[number % 20 :])
            engine.client.set_limits(messages.Limits(10**8 + number, 10**9, 10**9))
            engine.client.attach([])
        engine.client.request(plan.audible)
        proxy.flow()
        engine.wait_for(plan.audible)
        eventually(lambda: channel.figures is not None and channel.figures.round_trip_s is not None)
        assert channel.figures is not None
        assert channel.figures.round_trip_s is not None
        assert channel.figures.round_trip_s >= 0.2
        assert channel.ahead == ssh._MOST_AHEAD
        assert_equal(engine, plan.audible, store)
        assert not engine.of(EngineDown)


def test_closing_ends_a_link_that_stalls(server: Server, plan: Plan, store: MediaStore) -> None:
    with Proxy(server.port) as proxy:
        with Engine(server.machine(proxy.port), store) as engine:
            engine.client.request(plan.audible)
            engine.client.start()
            engine.wait(lambda: engine.of(ChunkFinished))
            proxy.stall()
            process = engine.client._channel._process  # type: ignore[union-attr]
        assert process.poll() is not None


def test_closing_ends_a_link_that_no_engine_has_answered(server: Server, store: MediaStore) -> None:
    with Proxy(server.port) as proxy:
        proxy.stall()
        with Engine(server.machine(proxy.port), store) as engine:
            engine.client.start()
            eventually(lambda: proxy.connections)
        assert not engine.of(EngineUp)


def test_a_command_instead_of_ssh_may_leave_something_behind(store: MediaStore) -> None:
    with Engine(Machine(HOST, ssh="sh -c 'sleep 1000 & exit 255'"), store) as engine:
        engine.client._silent_s = 1.0  # it keeps the output open
        engine.client.start()
        engine.wait(lambda: len(engine.of(EngineDown)) == 2)


def test_a_greeting_of_the_shell_is_skipped(server: Server, plan: Plan, store: MediaStore) -> None:
    machine = server.machine()
    machine = msgspec.structs.replace(machine, program=f"echo Welcome to {HOST}; {machine.program}")
    with Engine(machine, store) as engine:
        engine.client.request(plan.audible[:1])
        engine.client.start()
        engine.wait_for(plan.audible[:1])
        assert not engine.of(EngineDown)


def test_a_link_that_is_lost_after_a_greeting_of_the_shell_is_tried_again_soon(
    server: Server, store: MediaStore
) -> None:
    with Proxy(server.port) as proxy:
        machine = msgspec.structs.replace(server.machine(proxy.port), program=f"echo Welcome to {HOST}; cat #")
        with Engine(machine, store) as engine:

            def greeted(connections: int) -> bool:
                channel = engine.client._channel
                return (
                    isinstance(channel, ssh.SshChannel)
                    and channel._frames.received > 0
                    and proxy.connections == connections
                )

            engine.client.start()
            for connections in (1, 2):
                eventually(partial(greeted, connections))
                proxy.cut()
            engine.wait(lambda: len(engine.of(EngineDown)) == 2)
            assert not engine.of(EngineUnusable)


def test_a_full_disk_there_costs_nothing_but_speed(server: Server, plan: Plan, store: MediaStore) -> None:
    machine = server.machine()
    machine = msgspec.structs.replace(machine, program=f"ulimit -f 80; {machine.program}")
    with Engine(machine, store) as engine:
        engine.client.request(plan.audible)
        engine.client.start()
        engine.wait_for(plan.audible)
        assert_equal(engine, plan.audible, store)
        assert not engine.of(EngineDown)
    assert disk_usage(sent_media_database(server.cache_dir)).array_bytes < 40_960


def test_the_engine_ends_with_its_link(server: Server, plan: Plan, store: MediaStore) -> None:
    with Proxy(server.port) as proxy, Engine(server.machine(proxy.port), store) as engine:
        engine.client.start()
        engine.wait(lambda: engine.of(EngineUp))
        pid = engine.pid
        proxy.cut()
        eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_an_engine_is_moved_to_another_machine_and_back(
    server: Server, plan: Plan, store: MediaStore, cache_dir: Path
) -> None:
    with Engine(server.machine(), store) as engine:
        engine.client.start()
        engine.client.request(plan.audible[:5])
        engine.wait_for(plan.audible[:5])
        engine.client.move(LocalLauncher(cache_dir))
        engine.client.request(plan.audible[5:10])
        engine.wait_for(plan.audible[:10])
        engine.client.move(SshLauncher(server.machine(), store))
        engine.client.request(plan.audible)
        engine.wait_for(plan.audible)
        assert len(engine.of(EngineUp)) == 3
        assert not engine.of(EngineUnusable)
        assert not engine.of(ChunkFailed)
        assert_equal(engine, plan.audible, store)


def unusable(machine: Machine, store: MediaStore) -> EngineUnusable:
    """What is reported of a machine where no engine can be started."""
    with Engine(machine, store) as engine:
        engine.client.start()
        engine.wait(lambda: engine.of(EngineUnusable))
        found = engine.of(EngineUnusable)[0]
    assert isinstance(found, EngineUnusable)
    return found


def test_a_machine_without_the_program_is_reported_with_the_command_that_installs_it(
    server: Server, store: MediaStore
) -> None:
    found = unusable(msgspec.structs.replace(server.machine(), program="lincae-studio-nowhere"), store)
    assert found.reason == f"LinCAE Studio was not found on {HOST}"
    assert f"ssh {HOST} pip install lincae-studio=={__version__}" in found.remedy


def test_a_login_that_is_refused_is_reported(server: Server, store: MediaStore, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    found = unusable(server.machine(IdentityFile=str(tmp_path / "other")), store)
    assert found.reason == f"{HOST} refuses the login"
    assert f"ssh-copy-id {HOST}" in found.remedy


def test_a_machine_whose_identity_is_not_known_is_reported(server: Server, store: MediaStore) -> None:
    found = unusable(server.machine(UserKnownHostsFile="/dev/null"), store)
    assert found.reason == f"the identity of {HOST} is not known, or has changed"


def test_a_host_that_does_not_exist_is_reported(server: Server, store: MediaStore) -> None:
    found = unusable(server.machine(HostName="nowhere.invalid"), store)
    assert found.reason == f"the host “{HOST}” is unknown"


def test_a_machine_that_cannot_be_reached_is_reported_and_reached_later(
    server: Server, plan: Plan, store: MediaStore
) -> None:
    with Proxy(1) as proxy, Engine(server.machine(proxy.port), store) as engine:
        engine.client.request(plan.audible)
        engine.client.start()
        engine.wait(lambda: engine.of(EngineUnusable))
        assert f"{HOST} cannot be reached" in engine.of(EngineUnusable)[0].reason
        proxy.target = server.port
        engine.client.forget_crashes()  # as Retry does
        engine.wait_for(plan.audible)
        assert not engine.of(ChunkFailed)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"Welcome to gpu-box\n", "printed “Welcome to gpu-box”"),
        (MAGIC + b"\0\0\0\x01\xc1", "invalid message"),
        (MAGIC + b"\xff\xff\xff\xff", "its length is impossible"),
    ],
)
def test_what_is_no_engine_is_reported(
    server: Server, store: MediaStore, tmp_path: Path, answer: bytes, reason: str
) -> None:
    (tmp_path / "answer").write_bytes(answer)
    program = f"cat {shlex.quote(str(tmp_path / 'answer'))}; true"
    assert reason in unusable(msgspec.structs.replace(server.machine(), program=program), store).reason


def test_an_engine_of_another_version_is_reported_with_the_command(
    server: Server, store: MediaStore, tmp_path: Path
) -> None:
    class Stream:
        def __init__(self) -> None:
            self.data = b""

        def readinto(self, _buffer: memoryview) -> int:
            return 0

        def write(self, data: bytes | memoryview) -> int:
            self.data += bytes(data)
            return len(data)

    stream = Stream()
    frames = Frames(stream, stream)
    frames.begin()
    frames.send_bytes(msgspec.msgpack.encode({"version": "9.9", "protocol": 99, "platform": "x", "later": [1, 2]}))
    (tmp_path / "answer").write_bytes(stream.data)
    program = f"cat {shlex.quote(str(tmp_path / 'answer'))}; cat"
    found = unusable(msgspec.structs.replace(server.machine(), program=program), store)
    assert found.reason == f"{HOST} has LinCAE Studio 9.9, and this is {__version__}"
    assert f"ssh {HOST} pip install lincae-studio=={__version__}" in found.remedy


@pytest.mark.parametrize(
    "printed", ["Connection to 127.0.0.1 closed by remote host.", "kex_exchange_identification: read: reset", ""]
)
def test_a_link_that_is_lost_before_an_engine_answers_is_tried_again_soon(printed: str) -> None:
    assert not how_it_ended("box", 255, printed, answered=False).lasting
    assert not how_it_ended("box", -9, printed, answered=False).lasting


def test_a_program_that_is_too_old_to_have_an_engine_is_reported() -> None:
    ended = how_it_ended("box", 2, "error: engine is neither a file nor a command. See lincae-studio --help.\n", False)
    assert ended.lasting
    assert "older version" in str(ended.error)


@pytest.mark.parametrize(
    ("code", "printed", "lost"),
    [
        (255, "client_loop: send disconnect: Broken pipe\n", True),
        (255, "Timeout, server box not responding.\n", True),
        (255, "", False),
        (-9, "", True),
        (1, "", False),
        (137, "Killed\n", False),
    ],
)
def test_a_lost_link_is_told_from_an_engine_that_crashed(code: int, printed: str, lost: bool) -> None:
    assert (how_it_ended("box", code, printed, True).error is not None) == lost
    assert isinstance(how_it_ended("box", code, printed, True), Ended)


@pytest.mark.parametrize("host", ["-oProxyCommand=touch x", "", "two words", "a\nb"])
def test_a_name_that_could_be_an_option_is_refused(host: str, store: MediaStore) -> None:
    with pytest.raises(EngineError, match="not the name of a machine"):
        SshLauncher(Machine(host), store).launch()


@pytest.mark.parametrize("command", ["", "ssh 'open", "no-such-ssh"])
def test_a_command_that_is_no_ssh_is_an_error(command: str, store: MediaStore) -> None:
    with pytest.raises(EngineError) as caught:
        SshLauncher(Machine("box", ssh=command), store).launch()
    assert "Preferences > Engine" in caught.value.remedy


def test_an_engine_that_asks_for_other_audio_is_ended(
    server: Server, store: MediaStore, plan: Plan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    private = import_audio(store, tmp_path / "private.wav", noise(5, 1000))
    need = messages.encode(messages.Need((f"audio/{private.digest}/0",)))
    greeting = messages.encode(messages.Greeting(__version__, messages.PROTOCOL))
    frames = b"".join(len(one).to_bytes(4, "big") + one for one in (greeting, need))
    (tmp_path / "answer").write_bytes(MAGIC + frames)
    program = f"(cat {shlex.quote(str(tmp_path / 'answer'))}; cat > {shlex.quote(str(tmp_path / 'got'))}; true"
    machine = msgspec.structs.replace(server.machine(), program=program + ") #")
    with Engine(machine, store) as engine:
        engine.client.start()
        engine.wait(lambda: engine.of(EngineDown))
    assert "no chunk needs" in caplog.text


def test_an_engine_that_asks_for_too_much_is_ended(
    server: Server, store: MediaStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    greeting = messages.encode(messages.Greeting(__version__, messages.PROTOCOL))
    need = messages.encode(messages.Need(("latents/0",) * 100_000))
    (tmp_path / "answer").write_bytes(MAGIC + b"".join(len(one).to_bytes(4, "big") + one for one in (greeting, need)))
    program = f"(cat {shlex.quote(str(tmp_path / 'answer'))}; cat) #"
    with Engine(msgspec.structs.replace(server.machine(), program=program), store) as engine:
        engine.client.start()
        engine.wait(lambda: engine.of(EngineDown))
    assert "asks for" in caplog.text


def test_a_defect_here_ends_the_link_and_not_only_its_thread(
    server: Server, plan: Plan, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[str] = []
    answer = Supplier.answer

    def breaks_once(supplier: Supplier, name: str) -> messages.Item:
        if not broken:
            broken.append(name)
            raise RuntimeError("this was not thought of")
        return answer(supplier, name)

    monkeypatch.setattr(Supplier, "answer", breaks_once)
    with Engine(server.machine(), store) as engine:
        engine.client.request(plan.audible[:1])
        engine.client.start()
        engine.wait_for(plan.audible[:1])
        assert len(engine.of(EngineUp)) == 2


def test_renders_that_are_not_finite_or_too_large_are_refused(
    server: Server, store: MediaStore, tmp_path: Path
) -> None:
    bad = np.array([[np.nan, 0.0]], np.float32)
    greeting = messages.encode(messages.Greeting(__version__, messages.PROTOCOL))
    for shape, data in (((1, 2), pack(bad)), ((1, 1 << 30), pack(bad))):
        finished = messages.encode(messages.Finished("key", (1, 1, 1), shape, 0.1))
        parts = (greeting, finished, pack(np.zeros((1, 1, 1), np.float32)), data)
        (tmp_path / "answer").write_bytes(MAGIC + b"".join(len(one).to_bytes(4, "big") + one for one in parts))
        program = f"(cat {shlex.quote(str(tmp_path / 'answer'))}; cat) #"
        with Engine(msgspec.structs.replace(server.machine(), program=program), store) as engine:
            engine.client.start()
            engine.wait(lambda: engine.of(EngineDown))
            assert not engine.of(ChunkFinished)


def test_a_test_of_the_connection_says_what_is_there(server: Server) -> None:
    said = ssh.check(server.machine(), Computation(device="cpu", precision="fp32"), CancelToken())
    assert f"{HOST} answers in" in said
    assert f"LinCAE Studio {__version__} on Linux" in said
    assert "fp32 on cpu" in said
    with pytest.raises(EngineError, match="not found"):
        ssh.check(Machine(HOST, "nowhere", server.machine().ssh), Computation(), CancelToken())


def test_the_command_keeps_its_output_free_for_messages(tmp_path: Path) -> None:
    """What prints goes to standard error: only frames come on standard output, and it ends with its input."""
    code = (
        "import os; from lincae_studio.engine.process import stdio; f = stdio._standard_streams(); "
        "print('printed'); os.write(1, b'by a library'); f.send_bytes(b'frame')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, stdin=subprocess.DEVNULL, check=True)
    assert done.stdout == b"\0\0\0\x05frame"
    assert b"printed" in done.stderr
    command = [sys.executable, "-m", "lincae_studio", "engine", "--stdio"]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=True)
    assert done.stdout.startswith(MAGIC)


def test_without_stdio_the_command_says_who_uses_it() -> None:
    done = subprocess.run([sys.executable, "-m", "lincae_studio", "engine"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Preferences > Engine" in done.stderr
