"""Files of latents: they are read back and decode to the mix; damaged ones are refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace
from safetensors.numpy import load_file

from lincae_studio.codecs import registry
from lincae_studio.engine.bundles.latent_files import Latents, decoded, latents_of, load_latents, save_latents
from lincae_studio.engine.planning.plan import Plan
from lincae_studio.engine.rendering.renderer import StoreReader
from lincae_studio.errors import ExportError, MediaError
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from tests.helpers import MemoryAudio, files_below, import_audio, new_renderer, noise, plan_of, render_plan
from tests.strategies import SHORT_MEDIA

KINDS = ["safetensors", "npz"]


@pytest.fixture
def plan(store: MediaStore, tmp_path: Path) -> Plan:
    """Two clips with a gap of several chunks between them, in stereo."""
    media = import_audio(store, tmp_path / "a.wav", noise(1, 120_000, 2, 0.1))
    session = edits.add_stems(Session(seed=5), [media, media], 5000)
    session = edits.set_track_gain(edits.move_clips(session, {4}, 600_000), 1, 0.5)
    return plan_of(session, "mdct-2x")


@pytest.mark.parametrize("kind", KINDS)
def test_latents_are_read_back_and_decode_to_the_mix(plan: Plan, store: MediaStore, tmp_path: Path, kind: str) -> None:
    renderer = new_renderer(StoreReader(store))
    content = latents_of(plan, 0, plan.length, renderer.render_many)
    assert 0 < content.audible.sum() < len(content.audible)
    silent = content.latents[content.audible == 0]
    expected = registry.load("mdct-2x").silence(plan.grid.frames)
    np.testing.assert_array_equal(silent, np.broadcast_to(expected, silent.shape))
    path = tmp_path / f"mix.{kind}"
    save_latents(content, path)
    back = load_latents(path)
    assert back.header == content.header
    np.testing.assert_array_equal(back.latents, content.latents)
    np.testing.assert_array_equal(back.audible, content.audible)
    stream = decoded(back, registry.load("mdct-2x"))
    audio = np.concatenate(list(stream.blocks(0, plan.length)), axis=1)
    np.testing.assert_allclose(audio, render_plan(plan, renderer), atol=1e-6)


def test_other_programs_read_them(plan: Plan, store: MediaStore, tmp_path: Path) -> None:
    content = latents_of(plan, 0, plan.length, new_renderer(StoreReader(store)).render_many)
    save_latents(content, tmp_path / "mix.safetensors")
    np.testing.assert_array_equal(load_file(tmp_path / "mix.safetensors")["latents"], content.latents)
    save_latents(content, tmp_path / "mix.npz")
    with np.load(tmp_path / "mix.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["latents"], content.latents)
        assert b"mdct-2x" in arrays["header"].tobytes()


def test_a_span_contains_only_its_chunks(plan: Plan, store: MediaStore) -> None:
    renderer = new_renderer(StoreReader(store))
    content = latents_of(plan, 610_000, 650_000, renderer.render_many)
    assert len(content.audible) == len(plan.grid.heard(610_000, 650_000)) < len(plan.chunks)
    stream = decoded(content, registry.load("mdct-2x"))
    audio = np.concatenate(list(stream.blocks(610_000, 650_000)), axis=1)
    np.testing.assert_allclose(audio, render_plan(plan, renderer)[:, 610_000:650_000], atol=1e-6)


def test_silence_has_no_latents(store: MediaStore) -> None:
    with pytest.raises(ExportError, match="no latents"):
        latents_of(plan_of(Session(), "mdct-2x"), 0, 100, new_renderer(StoreReader(store)).render_many)


def test_impossible_names_folders_and_codecs(plan: Plan, store: MediaStore, tmp_path: Path) -> None:
    content = latents_of(plan, 0, 50_000, new_renderer(StoreReader(store)).render_many)
    with pytest.raises(ExportError, match="cannot tell the format"):
        save_latents(content, tmp_path / "mix.wav")
    with pytest.raises(ExportError, match="no such file or folder"):
        save_latents(content, tmp_path / "missing" / "mix.npz")
    with pytest.raises(MediaError, match="no such file or folder"):
        load_latents(tmp_path / "mix.npz")
    other = Latents(replace(content.header, identity="another"), content.latents, content.audible)
    with pytest.raises(MediaError, match="another version of mdct-2x"):
        decoded(other, registry.load("mdct-2x"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change",
    [
        {"frames": 3},
        {"first_chunk": 7},
        {"channels": 1},
        {"length": 10**9},
        {"hop": 0},
        {"version": 99},
        {"format": "other"},
        {"lead_frames": 9},
        {"overlap": 300},
        {"codec": 5},
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    plan: Plan, store: MediaStore, tmp_path: Path, kind: str, change: dict[str, object]
) -> None:
    content = latents_of(plan, 0, 50_000, new_renderer(StoreReader(store)).render_many)
    path = tmp_path / f"mix.{kind}"
    save_latents(Latents(replace(content.header, **change), content.latents, content.audible), path)
    with pytest.raises(MediaError) as caught:
        load_latents(path)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "change",
    [{"hop": 1, "window_extra": 0}, {"dim": 64}, {"sample_rate_hz": 48_000}, {"frames": 4096}, {"window_extra": 0}],
)
def test_latents_that_are_not_the_codecs_are_not_decoded(plan: Plan, store: MediaStore, change: dict[str, int]) -> None:
    content = latents_of(plan, 0, 50_000, new_renderer(StoreReader(store)).render_many)
    other = Latents(replace(content.header, **change), content.latents, content.audible)
    if change == {"frames": 4096}:
        other = Latents(replace(content.header, frames=4096, overlap=4000), content.latents, content.audible)
    with pytest.raises(MediaError, match="not have the shape of those of mdct-2x"):
        decoded(other, registry.load("mdct-2x"))


def test_what_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "evil",)  # type: ignore[return-value]

    np.savez(tmp_path / "mix.npz", header=np.array([Evil()]), latents=np.zeros(1), audible=np.zeros(1))
    with pytest.raises(MediaError, match="not a file of latents"):
        load_latents(tmp_path / "mix.npz")
    assert not (tmp_path / "evil").exists()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("latents.npy", b"0" * 10**6)
    (tmp_path / "mix.npz").write_bytes(packed.getvalue())
    with pytest.raises(MediaError, match="compressed"):
        load_latents(tmp_path / "mix.npz")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 40 + ",), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, -1), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ",
        "(" * 9000,
        "if 1:\n  x\n y",
        "\0",
        "1 if",
    ],
    ids=range(10),
)
def test_headers_of_arrays_that_are_not_valid_are_refused(tmp_path: Path, header: str) -> None:
    text = header.encode() + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(4)
    with zipfile.ZipFile(tmp_path / "mix.npz", "w") as archive:
        for name in ("header", "latents", "audible"):
            archive.writestr(f"{name}.npy", array)
    with pytest.raises(MediaError, match="not a file of latents"):
        load_latents(tmp_path / "mix.npz")


_GOOD: dict[str, bytes] = {}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_what_it_was(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    if kind not in _GOOD:
        session = edits.add_stems(Session(), [SHORT_MEDIA[2]], 0)
        content = latents_of(
            plan_of(session, "mdct-2x"), 0, 150, new_renderer(MemoryAudio.of(*SHORT_MEDIA)).render_many
        )
        path = tmp_path_factory.mktemp("good") / f"mix.{kind}"
        save_latents(content, path)
        _GOOD[kind] = path.read_bytes()
    damaged = bytearray(_GOOD[kind])
    near = len(damaged) if data.draw(st.booleans()) else 1500  # headers are at the start
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, near - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / f"mix.{kind}"
    path.write_bytes(bytes(damaged[: data.draw(st.one_of(st.none(), st.integers(0, len(damaged))))]))
    try:
        found = load_latents(path)
    except MediaError:
        pass
    else:
        assert np.isfinite(found.latents).all()
    assert files_below(folder) == [path]
