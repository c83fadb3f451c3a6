"""Work on a cluster of Ray: items of data sets by Ray Data, chunks of a mix by actors. The only module with Ray.

Each worker, one per GPU or core, is an actor that holds the codec; Ray starts another one where one dies, and gives it
the work again. The codec's folder goes to workers by content, and so do the samples or latents of a mix; the files of a
data set are read by the workers. Ray's own messages between these processes are pickled, so a cluster is a place that
one trusts as one trusts one's own machine. Nothing is reported to Ray's makers, and no dashboard is started.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import os
import socket
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lincae_studio import __version__, bounded, cores, malloc, paths, private
from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array, CodecInfo
from lincae_studio.codecs.folders import names_in
from lincae_studio.datasets import making
from lincae_studio.datasets.records import Item, Job, Made
from lincae_studio.engine.planning.plan import Chunk, Plan
from lincae_studio.engine.planning.sources import AudioReader
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import Rendered, Renderer
from lincae_studio.engine.rendering.streams import ProvideChunk
from lincae_studio.engine.rendering.sums import ChunkSums
from lincae_studio.errors import CodecError, EngineError, StudioError, UsageError, os_error_reason

#: Items of one request: few enough to spread them evenly, enough to make up for the milliseconds of a request.
_MOST_ITEMS = 32
_REQUESTS_PER_WORKER = 4

#: Batches of chunks of a mix that wait or are computed, for each worker: it bounds memory.
_AHEAD = 2

#: Seconds in which the head of a cluster must answer.
_ANSWER_S = 10.0

#: Largest file of a codec's folder.
_LARGEST_BYTES = 16 << 30

#: A range of one channel of an audio file: digest, channel, start, count.
_Read = tuple[str, int, int, int]

#: Arguments of `ray.init`: its messages are for those who write programs.
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}

_MISSING = 'pip install "lincae-studio[cluster]"'


def installed() -> bool:
    """Whether Ray is installed, with what Ray Data needs."""
    return all(importlib.util.find_spec(name) is not None for name in ("ray", "pandas", "pyarrow"))


def check(address: str) -> None:
    """Make sure that there can be a cluster: "auto", or one that answers at an address.

    Raises:
        UsageError: when Ray is not installed, or nothing answers: Ray itself would try again for minutes.
    """
    if not installed():
        raise UsageError("clusters need Ray, which is not installed", f"Install it: {_MISSING}")
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = os_error_reason(error, address)[0] if isinstance(error, OSError) else "it is not HOST:PORT"
        raise UsageError(f"there is no cluster at {address}: {reason}", "Check the address, or use auto") from error


def made(job: Job, items: Sequence[Item], address: str) -> Iterator[Made]:
    """Make items on a cluster; the results come in any order, and those of a worker that died may come twice.

    Args:
        address: "auto", or where the cluster is.

    Raises:
        UsageError: when Ray is not installed, or there is no cluster.
        CodecError: when a worker cannot load the codec.
        EngineError: when the cluster fails.
    """
    with _connected(address) as ray, _reported():
        info, workers = making.info_of(job), _workers(ray, job)
        size = max(1, min(_MOST_ITEMS, -(-len(items) // (workers * _REQUESTS_PER_WORKER))))
        requests = [{"items": msgspec.msgpack.encode(items[at : at + size])} for at in range(0, len(items), size)]
        data = importlib.import_module("ray.data")
        data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        files = ray.put(_files_of(job.codec))
        results = data.from_items(requests, override_num_blocks=len(requests)).map_batches(
            _Worker,
            fn_constructor_args=(msgspec.msgpack.encode(job), [files], __version__),
            batch_size=1,
            compute=data.ActorPoolStrategy(size=min(workers, len(requests))),
            **_needs(ray, info),
        )
        for row in results.iter_rows():
            one = msgspec.msgpack.decode(row["made"], type=Made)
            if not one.item:
                raise CodecError(f"a worker cannot start: {one.problem}", "Correct it on that machine")
            yield one


class Pool:
    """Renders the chunks of mixes on a cluster, in order, with a bounded number of them pending."""

    def __init__(self, address: str, job: Job, reader: AudioReader, cache: LatentCache) -> None:
        """Connect to a cluster, and start the workers.

        Args:
            reader: reads the audio that chunks need, here; `cache`: has latents that need not be encoded.

        Raises:
            UsageError: when Ray is not installed, or there is no cluster.
            CodecError: when a worker cannot load the codec.
        """
        self._reader, self._cache = reader, cache
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as opening, _reported():
            self._ray = opening.enter_context(_connected(address))
            info = making.info_of(job)
            actor = self._ray.remote(_ChunkWorker).options(
                max_restarts=-1, max_task_retries=-1, **_needs(self._ray, info)
            )
            files = self._ray.put(_files_of(job.codec))
            count = _workers(self._ray, job)
            self._actors = [actor.remote(msgspec.msgpack.encode(job), [files], __version__) for _ in range(count)]
            self._load = [0] * count
            problem, found, self._batch = self._ray.get(self._actors[0].describe.remote())
            if problem:
                raise CodecError(f"a worker cannot start: {problem}", "Correct it on that machine")
            #: The codec as the workers compute it: plans must be made for it.
            self.info = msgspec.msgpack.decode(found, type=CodecInfo)
            self._stack = opening.pop_all()
        self.encodes = self.decodes = 0

    def close(self) -> None:
        """End the workers, and disconnect."""
        self._actors = []
        self._stack.close()

    def provide(self, plan: Plan) -> ProvideChunk:
        """Provides the chunks of a plan, requested in order. Raises `StudioError`."""
        ready: dict[str, Rendered] = {}
        coming: Iterator[list[Rendered]] = iter(())

        def provide(chunk: Chunk) -> Rendered:
            nonlocal coming
            while chunk.key not in ready:
                found = next(coming, None)
                if found is None:  # the first one, or another place
                    following = plan.chunks.between(chunk.index, len(plan.chunks))
                    coming = self._in_order(_batches(following, self._batch))
                    found = next(coming)
                ready.update((rendered.key, rendered) for rendered in found)
            return ready.pop(chunk.key)

        return provide

    def render(self, chunks: Sequence[Chunk]) -> list[Rendered]:
        """Render chunks of any kind. Raises `StudioError`."""
        return [rendered for batch in self._in_order(_batches(chunks, self._batch)) for rendered in batch]

    def _in_order(self, batches: Iterator[Sequence[Chunk]]) -> Iterator[list[Rendered]]:
        """The results of batches in their order, a few of which are pending for each worker."""
        waiting: deque[tuple[int, Any]] = deque()
        with _reported():
            while True:
                while len(waiting) < _AHEAD * len(self._actors):
                    batch = next(batches, None)
                    if batch is None:
                        break
                    number = self._least_busy(waiting)
                    result = self._actors[number].render.remote(*self._request(batch))
                    waiting.append((number, result))
                if not waiting:
                    return
                _, result = waiting.popleft()
                problem, found, counts = self._ray.get(result)
                if problem:
                    raise EngineError(*problem)
                self.encodes += counts[0]
                self.decodes += counts[1]
                yield [Rendered(*one) for one in found]

    def _least_busy(self, waiting: Sequence[tuple[int, Any]]) -> int:
        """The worker with the fewest requests that are not finished."""
        results = [result for _, result in waiting]
        _, busy = self._ray.wait(results, num_returns=len(results), timeout=0) if results else ([], [])
        unfinished = set(busy)
        load = [0] * len(self._actors)
        for number, result in waiting:
            load[number] += result in unfinished
        return load.index(min(load))

    def _request(self, chunks: Sequence[Chunk]) -> tuple[bytes, dict[str, Array], dict[_Read, Array]]:
        """Chunks with the latents that are known here, and for other terms the samples that they are encoded from."""
        sources = {key: source for chunk in chunks for term in chunk.terms for key, source in term.windows.items()}
        latents = self._cache.get_many(sources)
        samples: dict[_Read, Array] = {}
        for key, source in sources.items():
            if key not in latents:
                read = (source.media, source.channel, source.position + source.first, source.last - source.first)
                samples[read] = self._reader.read(*read)
        return msgspec.msgpack.encode(chunks), latents, samples


def _batches(chunks: Sequence[Chunk], size: int) -> Iterator[Sequence[Chunk]]:
    return (chunks[at : at + size] for at in range(0, len(chunks), size))


class _Loaded:
    """The base of both kinds of workers: loads the codec. `problem` says why that failed, if it did."""

    def __init__(self, job: bytes, files: Sequence[Any], version: str) -> None:
        self.problem = ""
        malloc.keep_freed()
        cores.use_one_per_product()
        self.job = msgspec.msgpack.decode(job, type=Job)
        if version != __version__:
            self.problem = f'it has version {__version__}; run pip install "lincae-studio=={version}" there'
            return
        try:
            self.codec = making.load(self.job, _unpacked(importlib.import_module("ray").get(files[0])))
        except StudioError as error:
            self.problem = error.problem
        except OSError as error:
            self.problem = os_error_reason(error, paths.cache_dir())[0]


class _Worker(_Loaded):
    """Makes items, as a function of Ray Data."""

    def __call__(self, batch: Mapping[str, Any]) -> Iterator[dict[str, list[bytes]]]:
        if self.problem:
            yield {"made": [msgspec.msgpack.encode(Made(item="", problem=self.problem))]}
            return
        maker = making.Maker(self.job, self.codec)
        for data in batch["items"]:
            for item in msgspec.msgpack.decode(data, type=list[Item]):
                for one in maker.make(item):
                    yield {"made": [msgspec.msgpack.encode(one)]}


class _ChunkWorker(_Loaded):
    """Renders chunks of a mix, as an actor of Ray."""

    def describe(self) -> tuple[str, bytes, int]:
        """Why it cannot work, or else the codec's info, and the best number of chunks of a request."""
        if self.problem:
            return self.problem, b"", 1
        info = msgspec.structs.replace(self.codec.info, id=self.job.codec)  # not the name of its folder here
        return "", msgspec.msgpack.encode(info), self.codec.batch

    def render(
        self, chunks: bytes, latents: Mapping[str, Array], samples: Mapping[_Read, Array]
    ) -> tuple[tuple[str, str] | None, list[tuple[str, Array, Array]], tuple[int, int]]:
        """The problem, if any, then key, latents and audio of each chunk, and the windows encoded and decoded."""
        if self.problem:  # of a worker that replaced another one
            return (f"a worker cannot start: {self.problem}", "Correct it on that machine"), [], (0, 0)
        cache = LatentCache()
        cache.put_many(latents, on_disk=False)
        renderer = Renderer(lambda _id, _rate: self.codec, _Samples(samples), cache, sums=ChunkSums(memory_bytes=0))
        try:
            found = renderer.render_many(msgspec.msgpack.decode(chunks, type=list[Chunk]))
        except StudioError as error:
            return (error.problem, error.remedy), [], (0, 0)
        counters = renderer.counters
        return None, [(one.key, one.latents, one.audio) for one in found], (counters.encodes, counters.decodes)


class _Samples:
    """The samples that came with chunks."""

    def __init__(self, samples: Mapping[_Read, Array]) -> None:
        self._samples = samples

    def read(self, digest: str, channel: int, start: int, count: int) -> Array:
        return np.array(self._samples[digest, channel, start, count])  # Ray's arrays cannot be written to


@contextlib.contextmanager
def local(workers: int) -> Iterator[None]:
    """A cluster of this machine alone with as many workers, which `made` uses during the block; needs Ray."""
    ray = _ray()
    ray.init(num_cpus=workers, include_dashboard=False, **_QUIET)
    try:
        yield
    finally:
        ray.shutdown()


def _ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    return importlib.import_module("ray")


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster; with "auto", to that of this machine, or to one that is started here and ended."""
    check(address)
    ray = _ray()
    if ray.is_initialized():  # by the caller, a notebook for example
        yield ray
        return
    try:
        ray.init(address=address, **_QUIET)
    except (ConnectionError, ValueError, RuntimeError) as error:
        if address != "auto":
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            remedy = "Check the address; if the cluster asks for a token, set RAY_AUTH_MODE=token"
            raise UsageError(f"there is no cluster at {address}: {reason}", remedy) from error
        ray.init(num_cpus=cores.count(), include_dashboard=False, **_QUIET)
    try:
        yield ray
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """Report what Ray raises as an `EngineError`."""
    errors = importlib.import_module("ray.exceptions") if installed() else None
    try:
        yield
    except Exception as error:
        if errors is None or not isinstance(error, errors.RayError):
            raise
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise EngineError(f"the cluster failed: {lines[-1].strip().rstrip('.')}", "Run the command again") from error


def _workers(ray: Any, job: Job) -> int:
    """One for each GPU if the codec uses them and there are any, else one for each core."""
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    return gpus if gpus and making.info_of(job).requested else max(1, int(resources.get("CPU", 1)))


def _needs(ray: Any, info: CodecInfo) -> dict[str, int]:
    gpus = int(ray.cluster_resources().get("GPU", 0))
    return {"num_gpus": 1} if gpus and info.requested else {"num_cpus": 1}


def _files_of(codec: str) -> dict[str, bytes]:
    """The files of a codec's folder by name; none for a built-in one."""
    found = registry.folder(codec)
    if found is None:
        return {}
    names = sorted(name for name in names_in(found.path) if (found.path / name).is_file() and not name.startswith("."))
    return {name: bounded.read(found.path / name, _LARGEST_BYTES) for name in names}


def _unpacked(files: Mapping[str, bytes]) -> Path | None:
    """The folder of a codec on this machine, which is deleted with the worker's temporary files; None without files."""
    if not files:
        return None
    folder = Path(tempfile.mkdtemp(dir=private.make(paths.cache_dir())))
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder
