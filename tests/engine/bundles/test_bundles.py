"""Bundles: they are read back, mix and render alike, and can be edited; damaged ones do no harm."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.base import Array
from lincae_studio.codecs.computation import Computation
from lincae_studio.engine.bundles import store as bundle_store
from lincae_studio.engine.bundles.decode import decode_media
from lincae_studio.engine.bundles.store import BundledLatents, BundleStore, bundles_dir
from lincae_studio.engine.bundles.writer import BundleResult, open_bundle, write_bundle
from lincae_studio.engine.planning.plan import make_plan
from lincae_studio.engine.rendering.cache import LatentCache
from lincae_studio.engine.rendering.renderer import Renderer, StoreReader
from lincae_studio.errors import Cancelled, ProjectError, StudioError
from lincae_studio.jobs import CancelToken
from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, groups
from lincae_studio.session.model import Session
from lincae_studio.session.relink import relink
from tests.helpers import (
    MemoryAudio,
    files_below,
    import_audio,
    load_codec,
    made_up_media,
    new_renderer,
    noise,
    render_plan,
    si_sdr_db,
    tone,
)
from tests.strategies import SHORT_MEDIA, sessions

FACTS = registry.info("mdct-2x")


@pytest.fixture
def session(store: MediaStore, tmp_path: Path) -> Session:
    """Three tracks with cuts, fades, a crossfade, a muted track and one that is panned; some four seconds."""
    drums = import_audio(store, tmp_path / "stems" / "drums.wav", noise(1, 150_000, 2, 0.1))
    bass = import_audio(store, tmp_path / "stems" / "bass.wav", tone(110.0, 170_000))
    made = edits.add_stems(Session(seed=3), [drums, bass, drums], 5000)
    made = edits.split_clips(made, {2}, 60_000)
    made = edits.set_clip_fades(made, {4}, 3000, 20_000)
    made = edits.trim_clip(made, 6, 30_000, 100_000)
    made = edits.set_track_mute(made, 5, True)
    made = edits.set_track_gain(edits.set_track_pan(made, 1, -0.3), 3, 0.5)
    return edits.set_codec(made, "mdct-2x")


def bundle(session: Session, store: MediaStore, path: Path) -> BundleResult:
    renderer = new_renderer(StoreReader(store))
    return write_bundle(session, FACTS, renderer.render_many, path)


class Elsewhere:
    """Another machine, which has the codec and nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = MediaStore(root)
        self.bundles = BundleStore(bundles_dir(root))
        self.cache = LatentCache(None)
        self.renderer = Renderer(load_codec, StoreReader(self.store), self.cache)

    def open(self, path: Path) -> Session:
        session = open_bundle(path, self.bundles)
        self.cache.attach(BundledLatents(file) for file in files_below(bundles_dir(self.root)))
        return session

    def decode(self, session: Session) -> None:
        [file] = files_below(bundles_dir(self.root))
        latents = BundledLatents(file)
        for media in session.media:
            decode_media(media, latents, session.seed, self.renderer.render_many, self.store, Computation())

    def mix(self, session: Session) -> Array:
        return render_plan(make_plan(session, FACTS), self.renderer)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    return Elsewhere(tmp_path / "another machine")


def mix(session: Session, store: MediaStore) -> Array:
    return render_plan(make_plan(session, FACTS), new_renderer(StoreReader(store)))


def test_a_bundle_renders_as_the_project_but_for_float16(
    session: Session, store: MediaStore, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    result = bundle(session, store, tmp_path / "song.lincaez")
    opened = elsewhere.open(tmp_path / "song.lincaez")
    assert opened.tracks[0].clips[0].media != session.tracks[0].clips[0].media
    assert [m.original.digest for m in opened.media if m.original] == [m.digest for m in session.media]
    assert si_sdr_db(elsewhere.mix(opened), mix(session, store)) > 65.0
    assert elsewhere.renderer.counters.encodes == 0, "everything is in the bundle"
    assert result.size == (tmp_path / "song.lincaez").stat().st_size
    used = [session.clip(clip).length for clip in (2, 4)]
    assert result.pcm_bytes == (150_000 * 2 + 170_000) * 3, "what two clips share counts once"
    assert sum(used) < 150_000 + 170_000, "a part of the one is in the other"
    assert not files_below(tmp_path / "another machine" / "media-v1")


@pytest.mark.parametrize(
    "change", ["unmute", "solo", "gain", "pan", "move by a step", "delete", "other fader", "group"]
)
def test_mixing_needs_no_audio(
    session: Session, store: MediaStore, elsewhere: Elsewhere, tmp_path: Path, change: str
) -> None:
    def changed(session: Session) -> Session:
        step = make_plan(session, FACTS).grid.step_samples
        return {
            "unmute": lambda: edits.set_track_mute(session, 5, False),
            "solo": lambda: edits.set_track_solo(session, 3, True),
            "gain": lambda: edits.set_clip_gain(session, {2}, 0.1),
            "pan": lambda: edits.set_track_pan(session, 3, 1.0),
            "move by a step": lambda: edits.move_clips(session, {4}, step),
            "delete": lambda: edits.remove_tracks(session, [1]),
            "group": lambda: edits.set_track_pan(
                edits.set_track_gain(groups.group_tracks(session, {1, 3}), session.next_id, 0.5), session.next_id, 0.5
            ),
            "other fader": lambda: edits.set_track_subtract(edits.set_track_gain(session, 1, 2.0), 1, True),
        }[change]()

    bundle(session, store, tmp_path / "song.lincaez")
    opened = elsewhere.open(tmp_path / "song.lincaez")
    expected = mix(changed(session), store)
    assert si_sdr_db(elsewhere.mix(changed(opened)), expected) > 60.0
    assert elsewhere.renderer.counters.encodes == 0


def test_edits_that_need_audio_use_the_decoded_audio(
    session: Session, store: MediaStore, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    bundle(session, store, tmp_path / "song.lincaez")
    opened = elsewhere.open(tmp_path / "song.lincaez")
    moved = edits.move_clips(session, {4}, 2777)
    moved = edits.set_clip_fades(moved, {2}, 0, 0)
    there = edits.set_clip_fades(edits.move_clips(opened, {4}, 2777), {2}, 0, 0)
    with pytest.raises(StudioError, match="not in the cache"):
        elsewhere.mix(there)
    elsewhere.decode(opened)
    assert si_sdr_db(elsewhere.mix(there), mix(moved, store)) > 5.0, "coded twice, by a codec that loses half"


def test_decoded_audio_is_that_of_the_latents(
    session: Session, store: MediaStore, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """Cuts and fades of clips are not in it, and windows join without a seam."""
    bundle(session, store, tmp_path / "song.lincaez")
    opened = elsewhere.open(tmp_path / "song.lincaez")
    elsewhere.decode(opened)
    for media in opened.media:
        assert media.original is not None
        decoded = elsewhere.store.open(media.digest)
        whole = edits.set_codec(edits.add_stems(Session(), [session.media_of(media.original.digest)], 5000), "mdct-2x")
        if media.channels == 1:
            expected = mix(whole, store)[:, 5000:]
            middle = np.asarray(decoded.samples).T[:, 2000:-2000]
            assert si_sdr_db(middle, expected[:, 2000:-2000]) > 60.0
        assert decoded.samples.shape == (media.length, media.channels)


def test_finding_the_audio_makes_it_whole_again(
    session: Session, store: MediaStore, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    bundle(session, store, tmp_path / "song.lincaez")
    opened = elsewhere.open(tmp_path / "song.lincaez")
    originals = {media.digest: session.media_of(media.original.digest) for media in opened.media if media.original}
    upgraded = relink(opened, originals)
    assert upgraded.tracks == session.tracks
    np.testing.assert_array_equal(mix(upgraded, store), mix(session, store))


def test_a_bundle_of_a_bundle_is_the_same(
    session: Session, store: MediaStore, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    bundle(session, store, tmp_path / "song.lincaez")
    opened = elsewhere.open(tmp_path / "song.lincaez")
    write_bundle(opened, FACTS, elsewhere.renderer.render_many, tmp_path / "again.lincaez")
    third = Elsewhere(tmp_path / "third")
    again = third.open(tmp_path / "again.lincaez")
    assert [media.original for media in again.media] == [media.original for media in opened.media]
    np.testing.assert_allclose(third.mix(again), elsewhere.mix(opened), atol=1e-6)  # summed in another order


def test_a_project_saved_from_a_bundle_refers_to_it(
    session: Session, store: MediaStore, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    bundle(session, store, tmp_path / "song.lincaez")
    opened = elsewhere.open(tmp_path / "song.lincaez")
    files.save(opened, tmp_path / "song.lincae")
    assert files.load(tmp_path / "song.lincae") == opened
    assert {media.path for media in opened.media} == {str(tmp_path / "song.lincaez")}


@settings(max_examples=25)
@given(sessions(max_tracks=3, max_clips=2, edited=True))
@pytest.mark.slow
def test_every_session_can_be_bundled(tmp_path_factory: pytest.TempPathFactory, session: Session) -> None:
    folder = tmp_path_factory.mktemp("bundle")
    session = replace(session, chunk_frames=0, overlap_frames=0)
    audio = MemoryAudio.of(*SHORT_MEDIA)
    renderer = new_renderer(audio)
    path = folder / "song.lincaez"
    if not any(session.clips()):
        with pytest.raises(ProjectError, match="nothing to bundle"):
            write_bundle(session, FACTS, renderer.render_many, path)
        return
    write_bundle(session, FACTS, renderer.render_many, path)
    other = Elsewhere(folder / "elsewhere")
    opened = other.open(path)
    expected = render_plan(make_plan(session, FACTS), renderer)
    rendered = other.mix(opened)
    assert rendered.shape == expected.shape
    np.testing.assert_allclose(rendered, expected, atol=2e-3 * max(1.0, float(np.abs(expected).max(initial=0.0))))
    other.decode(opened)


def test_nothing_is_written_when_it_is_cancelled_or_fails(
    session: Session, store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "song.lincaez"
    path.write_bytes(b"older")
    token = CancelToken()
    renderer = new_renderer(StoreReader(store))
    with pytest.raises(Cancelled):
        write_bundle(session, FACTS, renderer.render_many, path, lambda _: token.cancel(), token)
    with pytest.raises(ProjectError, match="no such file or folder"):
        bundle(session, store, tmp_path / "missing" / "song.lincaez")
    lost = edits.add_stems(session, [made_up_media(5, 9000)], 0)
    with pytest.raises(StudioError, match="not in the cache"):
        bundle(lost, store, path)
    assert path.read_bytes() == b"older"


def test_a_bundle_in_use_by_the_session_is_not_replaced(
    session: Session, store: MediaStore, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    path = tmp_path / "song.lincaez"
    bundle(session, store, path)
    opened = elsewhere.open(path)
    before = path.read_bytes()
    with pytest.raises(ProjectError, match="this session plays latents from"):
        write_bundle(opened, FACTS, elsewhere.renderer.render_many, path)
    assert path.read_bytes() == before


def test_a_damaged_copy_is_repaired_by_opening_the_bundle_again(
    session: Session, store: MediaStore, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    bundle(session, store, tmp_path / "song.lincaez")
    elsewhere.open(tmp_path / "song.lincaez")
    [copy] = files_below(bundles_dir(elsewhere.root))
    whole = copy.read_bytes()
    copy.unlink()
    copy.write_bytes(whole[:1000])
    opened = Elsewhere(elsewhere.root).open(tmp_path / "song.lincaez")
    assert copy.read_bytes() == whole
    assert len(opened.media) == 2


def test_copies_of_bundles_do_not_fill_the_disk(
    session: Session, store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_store, "_KEPT_BYTES", 1)
    for number in range(3):
        bundle(edits.set_clip_gain(session, {2}, 1.0 - number / 10), store, tmp_path / f"{number}.lincaez")
    for number in range(3):
        bundle(edits.remove_clips(session, {(2, 4, 6)[number]}), store, tmp_path / f"{number}.lincaez")
        Elsewhere(tmp_path / "there").open(tmp_path / f"{number}.lincaez") if number == 0 else open_bundle(
            tmp_path / f"{number}.lincaez", BundleStore(bundles_dir(tmp_path / "there"))
        )
    assert len(files_below(bundles_dir(tmp_path / "there"))) == 1, "the one in use"


def test_a_long_file_of_which_little_is_played_takes_little(
    store: MediaStore, tmp_path: Path, elsewhere: Elsewhere
) -> None:
    """Silence is decoded to holes, and never held as a whole."""
    long = import_audio(store, tmp_path / "long.wav", np.zeros((20 * 60 * 44_100, 1), np.float32))
    session = edits.trim_clip(edits.add_stems(Session(), [long], 0), 2, 0, 50_000)
    bundle(session, store, tmp_path / "song.lincaez")
    opened = elsewhere.open(tmp_path / "song.lincaez")
    tracemalloc.start()
    elsewhere.decode(opened)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    audio = next((elsewhere.root / "media-v1").rglob("audio.f32"))
    assert audio.stat().st_size == 20 * 60 * 44_100 * 4
    assert audio.stat().st_blocks * 512 < audio.stat().st_size / 10
    assert peak < audio.stat().st_size / 3


# Untrusted files


def refusal(data: bytes, tmp_path: Path) -> str:
    path = tmp_path / "strange.lincaez"
    path.write_bytes(data)
    with pytest.raises(ProjectError) as caught:
        open_bundle(path, BundleStore(tmp_path / "bundles"))
    assert caught.value.remedy
    assert not [file for file in files_below(tmp_path / "bundles") if file.suffix == ".part"]
    return caught.value.problem


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


@pytest.fixture
def whole(session: Session, store: MediaStore, tmp_path: Path) -> dict[str, bytes]:
    """The members of a good bundle."""
    bundle(session, store, tmp_path / "song.lincaez")
    with zipfile.ZipFile(tmp_path / "song.lincaez") as file:
        return {name.replace(".", "__"): file.read(name) for name in file.namelist()}


def test_a_file_that_is_not_a_bundle_is_refused(whole: dict[str, bytes], tmp_path: Path) -> None:
    assert "not a bundle" in refusal(b"", tmp_path)
    assert "not a bundle" in refusal(b"RIFF" * 100, tmp_path)
    assert "not a LinCAE Studio bundle" in refusal(archive(a=b""), tmp_path)
    assert "latents" in refusal(archive(**whole | {"latents__safetensors": b"nothing"}), tmp_path)
    assert "not a LinCAE Studio project" in refusal(archive(**whole | {"project__json": b"{"}), tmp_path)
    newer = whole["project__json"].replace(b'"version": %d' % files.VERSION, b'"version": 99')
    assert "newer version" in refusal(archive(**whole | {"project__json": newer}), tmp_path)


def test_latents_of_another_bundle_are_refused(
    whole: dict[str, bytes], session: Session, store: MediaStore, tmp_path: Path
) -> None:
    bundle(edits.remove_tracks(session, [1]), store, tmp_path / "other.lincaez")
    with zipfile.ZipFile(tmp_path / "other.lincaez") as file:
        other = file.read("latents.safetensors")
    assert "do not belong to its project" in refusal(archive(**whole | {"latents__safetensors": other}), tmp_path)


def test_audio_beside_latents_is_refused(whole: dict[str, bytes], session: Session, tmp_path: Path) -> None:
    manifest = files.encode(session, tmp_path)
    assert "has no latents for" in refusal(archive(**whole | {"project__json": manifest}), tmp_path)


@pytest.mark.parametrize(
    "change", [{"dim": 64}, {"hop": 512}, {"frames": 4096, "overlap": 2}, {"frames": 10**8}, {"frames": 3}, {"hop": 0}]
)
def test_a_header_that_is_not_the_codecs_is_refused(
    whole: dict[str, bytes], tmp_path: Path, change: dict[str, int]
) -> None:
    """Otherwise a file would choose how much memory its windows take."""
    latents = safetensors.numpy.load(whole["latents__safetensors"])
    size = int.from_bytes(whole["latents__safetensors"][:8], "little")
    header = json.loads(json.loads(whole["latents__safetensors"][8 : 8 + size])["__metadata__"]["header"])
    if change == {"frames": 4096, "overlap": 2}:
        change = {"frames": 4096, "overlap": 4000}
    data = safetensors.numpy.save(latents, {"header": json.dumps(header | change)})
    assert "latents" in refusal(archive(**whole | {"latents__safetensors": data}), tmp_path)


def test_a_header_that_is_nested_deeply_is_refused(whole: dict[str, bytes], tmp_path: Path) -> None:
    latents = safetensors.numpy.load(whole["latents__safetensors"])
    data = safetensors.numpy.save(latents, {"header": '{"x": ' + "[" * 100_000})
    assert "cannot be read" in refusal(archive(**whole | {"latents__safetensors": data}), tmp_path)


def test_more_windows_than_the_file_can_contain_are_refused(whole: dict[str, bytes], tmp_path: Path) -> None:
    latents = safetensors.numpy.load(whole["latents__safetensors"])
    size = int.from_bytes(whole["latents__safetensors"][:8], "little")
    header = json.loads(whole["latents__safetensors"][8 : 8 + size])["__metadata__"]
    empty = {f"0/0/{number}/0/1/-/-": np.zeros(0, np.float16) for number in range(1000)}
    data = safetensors.numpy.save(latents | empty, header)
    assert "names more windows than it contains" in refusal(archive(**whole | {"latents__safetensors": data}), tmp_path)


def test_an_archive_chooses_no_names_and_no_sizes(whole: dict[str, bytes], tmp_path: Path) -> None:
    evil = archive(**whole | {"__/__/evil": b"x", "/etc/evil": b"x"})
    path = tmp_path / "strange.lincaez"
    path.write_bytes(evil)
    open_bundle(path, BundleStore(tmp_path / "bundles"))
    assert [file.suffix for file in files_below(tmp_path / "bundles")] == [".safetensors"]
    assert not list(tmp_path.rglob("evil"))
    huge = io.BytesIO()
    with zipfile.ZipFile(huge, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("project.json", b" " * (files.MAX_BYTES + 10))
        file.writestr(zipfile.ZipInfo("latents.safetensors"), b"")
    assert "too large" in refusal(huge.getvalue(), tmp_path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in whole.items():
            file.writestr(name.replace("__", "."), data)
    assert "compressed" in refusal(packed.getvalue(), tmp_path)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_bundle_is_an_error_or_what_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = _small_bundle(tmp_path_factory)
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(damaged))))
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / "song.lincaez"
    path.write_bytes(bytes(damaged[:cut]))
    store = BundleStore(folder / "bundles")
    try:
        session = open_bundle(path, store)
    except ProjectError:
        pass
    else:
        [file] = files_below(folder / "bundles")
        BundledLatents(file)
        assert all(media.original is not None for media in session.media)
    assert {found.name for found in folder.iterdir()} <= {"song.lincaez", "bundles"}


_SMALL: list[bytes] = []


def _small_bundle(folders: pytest.TempPathFactory) -> bytes:
    if not _SMALL:
        path = folders.mktemp("small") / "song.lincaez"
        session = edits.add_stems(Session(), [SHORT_MEDIA[2]], 0)
        write_bundle(session, FACTS, new_renderer(MemoryAudio.of(*SHORT_MEDIA)).render_many, path)
        _SMALL.append(path.read_bytes())
    return _SMALL[0]
