"""Installing codecs: by download from a hub, by import of a folder; and what the registry makes of them."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partialmethod
from pathlib import Path

import pytest

from lincae_studio import paths, preferences
from lincae_studio.cli import bundling, options
from lincae_studio.cli.headless import headless, preferred_computation
from lincae_studio.cli.mixing import render_project
from lincae_studio.codecs import install, library, registry, tile_choice
from lincae_studio.codecs.base import CodecInfo
from lincae_studio.codecs.computation import Arithmetic, Computation
from lincae_studio.codecs.library import CONFIG_NAME
from lincae_studio.codecs.lincae import family as lincae, install as lincae_install, pretrained, public
from lincae_studio.codecs.lincae.folder import open_folder
from lincae_studio.engine.bundles.writer import write_bundle
from lincae_studio.engine.rendering.renderer import Renderer
from lincae_studio.errors import Cancelled, CodecError, ProjectError, UsageError
from lincae_studio.jobs import CancelToken, Progress
from lincae_studio.media.store import MediaStore
from lincae_studio.session import files
from tests.codecs.hub import LocalHub, etag, import_folder
from tests.codecs.lincae.models import small_model
from tests.helpers import import_audio, noise, read_audio, session_of


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "Official Model"
    pretrained.save_official(small_model(), folder)
    return folder


@pytest.fixture
def hub(official: Path, tmp_path: Path) -> Iterator[LocalHub]:
    shutil.copytree(official, tmp_path / "hub" / public.PUBLIC_MODELS["lin-cae"].folder)
    with LocalHub(tmp_path / "hub").running() as running:
        yield running


def hidden() -> list[str]:
    """Files left over, without empty lock files."""
    names = [path.name for path in paths.codecs_dir().iterdir()]
    return [name for name in names if name.startswith(".") and not name.endswith(".lock")]


def staging() -> Path:
    """An earlier download's folder."""
    folder = paths.codecs_dir() / ".lin-cae.download"
    folder.mkdir(parents=True)
    return folder


def test_a_downloaded_model_is_a_codec(hub: LocalHub) -> None:
    seen: list[Progress] = []
    place = install.install_download("lin-cae", seen.append, CancelToken(), hub.endpoint)
    assert library.installed() == ("lin-cae",)
    assert library.codec_folder("lin-cae") == place
    assert hidden() == []
    size = sum((place / name).stat().st_size for name in public.official_names())
    assert seen[-1].total == seen[-1].done == size
    assert [report.done for report in seen] == sorted(report.done for report in seen)
    info = registry.info("lin-cae")
    assert (info.hop, info.dim, info.window_extra, info.linearity, info.title) == (4096, 64, 1536, "trained", "Lin-CAE")
    assert "lin-cae" in [item.id for item in registry.all_info()]
    asked = len(hub.starts)
    assert install.install_download("lin-cae", endpoint=hub.endpoint) == place
    assert len(hub.starts) == asked


def test_a_cancelled_download_is_resumed(hub: LocalHub) -> None:
    cancel = CancelToken()

    def cancel_early(progress: Progress) -> None:
        if progress.done > 1_000_000:
            cancel.cancel()

    with pytest.raises(Cancelled):
        install.install_download("lin-cae", cancel_early, cancel, hub.endpoint)
    assert library.installed() == ()
    assert not any(hub.starts)
    install.install_download("lin-cae", endpoint=hub.endpoint)
    assert library.installed() == ("lin-cae",)
    assert max(hub.starts) > 1_000_000  # not all over again


@pytest.mark.parametrize("size", [400_000, 60_000])
def test_a_broken_connection_is_resumed(hub: LocalHub, size: int) -> None:
    hub.break_after = size
    install.install_download("lin-cae", endpoint=hub.endpoint)
    assert library.installed() == ("lin-cae",)
    assert max(hub.starts) > 0


def test_a_damaged_download_is_not_installed(hub: LocalHub) -> None:
    hub.wrong_checksums = True
    with pytest.raises(CodecError, match="checksum"):
        install.install_download("lin-cae", endpoint=hub.endpoint)
    assert library.installed() == ()
    hub.wrong_checksums = False
    install.install_download("lin-cae", endpoint=hub.endpoint)
    assert library.installed() == ("lin-cae",)


def test_a_file_that_was_damaged_since_it_arrived_is_fetched_again(hub: LocalHub, official: Path) -> None:
    folder = staging()
    for name in public.official_names():
        shutil.copyfile(official / name, folder / name)
    damaged = folder / "generator_kwargs_last.yaml"
    damaged.write_bytes(b"#" * damaged.stat().st_size)
    place = install.install_download("lin-cae", endpoint=hub.endpoint)
    assert hub.starts == [0]
    assert (place / damaged.name).read_bytes() == (official / damaged.name).read_bytes()


def test_another_revision_that_was_begun_is_not_installed(hub: LocalHub, official: Path) -> None:
    folder, weights = staging(), public.official_names()[0]
    data = bytearray((official / weights).read_bytes())
    data[1000] ^= 1
    (folder / weights).write_bytes(data)
    (folder / f"{weights}.{etag(weights, bytes(data))}.part").write_bytes(data[:1000])
    (folder / CONFIG_NAME).write_text("{")
    place = install.install_download("lin-cae", endpoint=hub.endpoint)
    assert (place / weights).read_bytes() == (official / weights).read_bytes()
    assert sorted(path.name for path in place.iterdir()) == sorted([*public.official_names(), CONFIG_NAME])


def test_an_empty_file_is_fetched_and_one_of_unknown_size_refused(hub: LocalHub) -> None:
    (hub.root / public.PUBLIC_MODELS["lin-cae"].folder / "diffusion_kwargs_last.yaml").write_bytes(b"")
    with pytest.raises(CodecError, match=r"diffusion_kwargs_last\.yaml is not a table"):
        install.install_download("lin-cae", endpoint=hub.endpoint)
    hub.tells_sizes = False
    with pytest.raises(CodecError, match="does not provide the size of autoencoder"):
        install.install_download("lin-cae", endpoint=hub.endpoint)
    assert library.installed() == ()


def test_a_model_is_downloaded_by_one_at_a_time(hub: LocalHub) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(_: Progress) -> None:
        begun.set()
        assert go_on.wait(30.0)

    first = threading.Thread(target=install.install_download, args=("lin-cae", wait, None, hub.endpoint))
    first.start()
    try:
        assert begun.wait(30.0)
        with pytest.raises(CodecError, match="already"):
            install.install_download("lin-cae", endpoint=hub.endpoint)
        with pytest.raises(CodecError, match="already"):
            library.remove("lin-cae")
    finally:
        go_on.set()
        first.join()
    assert library.installed() == ("lin-cae",)


@pytest.mark.parametrize("broken", [CONFIG_NAME, public.official_names()[0]])
def test_a_broken_public_model_is_downloaded_again(hub: LocalHub, broken: str) -> None:
    place = install.install_download("lin-cae", endpoint=hub.endpoint)
    (place / broken).write_bytes(b"{")
    assert install.install_download("lin-cae", endpoint=hub.endpoint) == place
    assert registry.info("lin-cae").title == "Lin-CAE"
    pretrained.check_folder(place)
    assert hidden() == []


def test_a_folder_in_the_way_is_named_and_can_be_removed(hub: LocalHub, official: Path) -> None:
    way = paths.codecs_dir() / "lin-cae"
    way.mkdir(parents=True)
    (way / "notes.txt").write_text("mine")
    installs: list[Callable[[], Path]] = [
        lambda: install.install_download("lin-cae", endpoint=hub.endpoint),
        lambda: import_folder(official, "lin-cae"),
    ]
    for attempt in installs:
        with pytest.raises(CodecError, match="already exists") as caught:
            attempt()
        assert str(way) in caught.value.problem
        assert "codecs remove lin-cae" in caught.value.remedy
    assert hub.starts == []
    library.remove("lin-cae")
    import_folder(official, "lin-cae")


def test_what_a_cancelled_download_left_can_be_removed() -> None:
    (staging() / "some.part").write_bytes(b"some")
    library.remove("lin-cae")
    assert hidden() == []


@pytest.mark.parametrize("command", ["install.install_download('lin-cae')", "public.download('lin-cae')"])
def test_offline_mode_is_reported_and_not_as_a_disk_error(command: str) -> None:
    code = (
        "from lincae_studio.codecs import install\nfrom lincae_studio.codecs.lincae import public\n"
        f"from lincae_studio.errors import CodecError\ntry:\n    {command}\n"
        "except CodecError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert "lin-cae cannot be downloaded from the Hugging Face hub" in done.stdout
    assert "import a folder" in done.stdout
    assert ".." not in done.stdout


def test_a_missing_file_on_the_hub_is_reported(hub: LocalHub) -> None:
    (hub.root / public.PUBLIC_MODELS["lin-cae"].folder / "diffusion_kwargs_last.yaml").unlink()
    with pytest.raises(CodecError, match=r"it has no autoencoder_inference_model_last\.pth or one of") as caught:
        install.install_download("lin-cae", endpoint=hub.endpoint)
    assert "import a folder" in caught.value.remedy


@pytest.mark.parametrize("attribute", ["status", "body_status"])
@pytest.mark.parametrize(
    ("status", "reason", "remedy"),
    [(200, "a different page answers", "sign in"), (500, r"has a problem \(error 500\)", "Try again later")],
)
def test_what_answers_in_place_of_the_files_is_named(
    hub: LocalHub, attribute: str, status: int, reason: str, remedy: str
) -> None:
    setattr(hub, attribute, status)
    with pytest.raises(CodecError, match=reason) as caught:
        install.install_download("lin-cae", endpoint=hub.endpoint)
    assert remedy in caught.value.remedy
    assert library.installed() == ()
    setattr(hub, attribute, None)
    install.install_download("lin-cae", endpoint=hub.endpoint)
    assert library.installed() == ("lin-cae",)


def test_a_checkpoint_that_the_hub_does_not_have_is_named(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub cache"))
    with pytest.raises(CodecError, match=r"it has no .*/autoencoder_inference_model_best\.pth") as caught:
        public.download("lin-cae", "best", endpoint=hub.endpoint)
    assert "another checkpoint type" in caught.value.remedy


def test_an_unreachable_hub_is_reported_with_a_remedy(tmp_path: Path) -> None:
    with LocalHub(tmp_path).running() as gone:
        pass
    with pytest.raises(CodecError, match="lin-cae cannot be downloaded") as caught:
        install.install_download("lin-cae", endpoint=gone.endpoint)
    for name in public.official_names():
        assert name in caught.value.remedy
    assert library.installed() == ()


def test_an_imported_folder_is_a_codec_and_can_be_removed(official: Path) -> None:
    with pytest.raises(CodecError, match="scale factor"):
        import_folder(official, "mine")
    import_folder(official, "mine", scale_factor=12.0, linear=True, title="Mine")
    info = registry.info("mine")
    assert (info.title, info.linearity, info.stochastic) == ("Mine", "trained", True)
    with pytest.raises(CodecError, match="already"):
        import_folder(official, "mine", scale_factor=12.0)
    library.remove("mine")
    assert library.installed() == ()
    assert hidden() == []
    with pytest.raises(CodecError, match="not installed"):
        library.remove("mine")


def test_the_files_of_a_public_model_may_be_imported_under_its_id(official: Path) -> None:
    import_folder(official, "lin-cae-2")
    assert registry.info("lin-cae-2").title == "Lin-CAE 2"
    assert open_folder(library.place_of("lin-cae-2")).scale_factor == 40.0


@pytest.mark.parametrize("codec_id", ["", "Mine", "../out", ".hidden", "a b", "x" * 65, "mdct-2x"])
def test_ids_are_checked(official: Path, codec_id: str) -> None:
    with pytest.raises(CodecError):
        import_folder(official, codec_id, scale_factor=1.0)
    assert library.installed() == ()


def test_a_full_disk_leaves_nothing_behind(official: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lincae_install, "copy_file", full)
    with pytest.raises(CodecError, match="disk is full"):
        import_folder(official, "mine", scale_factor=1.0)
    assert library.installed() == ()
    assert hidden() == []


@pytest.mark.parametrize("scale_factor", [0.0, -1.0, float("inf"), float("nan")])
def test_a_scale_factor_is_a_positive_number(official: Path, scale_factor: float) -> None:
    with pytest.raises(CodecError, match="not a positive number"):
        import_folder(official, "mine", scale_factor=scale_factor)
    assert not paths.codecs_dir().exists()


def test_an_import_reports_progress_and_can_be_cancelled(official: Path) -> None:
    seen: list[Progress] = []
    cancel = CancelToken()

    def cancel_then(progress: Progress) -> None:
        seen.append(progress)
        cancel.cancel()

    with pytest.raises(Cancelled):
        import_folder(official, "mine", scale_factor=1.0, progress=cancel_then, cancel=cancel)
    assert len(seen) == 1
    assert seen[0].total == (official / public.official_names()[0]).stat().st_size
    assert library.installed() == ()
    assert hidden() == []


def test_a_broken_installed_codec_does_not_hide_the_others(official: Path) -> None:
    import_folder(official, "one", scale_factor=1.0)
    import_folder(official, "two", scale_factor=1.0)
    (paths.codecs_dir() / "one" / CONFIG_NAME).write_text("{")
    listed = [info.id for info in registry.all_info()]
    assert "two" in listed
    assert "one" not in listed
    with pytest.raises(CodecError, match="cannot be read"):
        registry.info("one")
    found, errors = registry.info_and_errors()
    assert [info.id for info in found] == listed
    assert "cannot be read" in str(errors["one"])


@pytest.mark.parametrize(
    "error", [PermissionError(errno.EACCES, "no"), ValueError("odd"), RecursionError(), ZeroDivisionError()]
)
def test_any_error_while_reading_a_folder_is_reported_as_its_error(
    official: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import_folder(official, "one", scale_factor=1.0)

    def fail(_: Path) -> None:
        raise error

    monkeypatch.setattr(lincae, "open_folder", fail)
    found, errors = registry.info_and_errors()
    assert "mdct-1x" in [info.id for info in found]
    assert "cannot be read" in str(errors["one"])
    with pytest.raises(CodecError, match="cannot be read"):
        registry.folder("one")


def test_a_folder_that_cannot_be_read_is_not_a_codec(official: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_folder(official, "one", scale_factor=1.0)
    import_folder(official, "two", scale_factor=1.0)
    locked, stat = str(paths.codecs_dir() / "one") + os.sep, os.stat

    def refuse(path: object, *arguments: object, **keywords: object) -> os.stat_result:
        if str(path).startswith(locked):
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, *arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)
    assert library.installed() == ("two",)


def test_a_folder_is_a_codec_by_its_path(tmp_path: Path) -> None:
    pretrained.save_own(small_model(), tmp_path / "own", title="Own", linear=False)
    info = registry.info(registry.by_path(str(tmp_path / "own")))
    assert info.id == str(tmp_path / "own")
    assert info.linearity == "none"
    shutil.rmtree(tmp_path / "own")
    with pytest.raises(CodecError, match="no codec in"):
        registry.info(info.id)


def test_the_error_for_a_public_model_says_how_to_install_it() -> None:
    with pytest.raises(CodecError, match="not installed") as caught:
        registry.info("lin-cae")
    assert "codecs download lin-cae" in caught.value.remedy


def processor(monkeypatch: pytest.MonkeyPatch, bf16: bool) -> None:
    """Let torch report a processor with or without bfloat16; it computes it in either case."""
    for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(f"torch.cpu.{check}", lambda: bf16, raising=False)
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "AVX512")


def test_the_identity_holds_what_the_precision_comes_to(official: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_folder(official, "mine", scale_factor=1.0)
    monkeypatch.setattr(tile_choice, "narrowest", lambda _file: 0)

    def info(precision: preferences.Precision, bf16: bool) -> CodecInfo:
        processor(monkeypatch, bf16)
        asked = Computation("cpu", precision)
        loaded = registry.load("mine", asked).info
        assert loaded == registry.info("mine", registry.resolved("mine", asked))
        assert not loaded.provisional
        return loaded

    old, new = info("auto", False), info("auto", True)
    assert old.identity != new.identity
    assert old.latent_identity == new.latent_identity, "the encoder computes in 32 bits on both"
    assert old.identity == info("fp32", True).identity == info("fp32", False).identity
    short = info("bf16", True)
    assert short.identity not in (old.identity, new.identity), "its encoder has 16 bits too"
    assert short.latent_identity != old.latent_identity
    assert short.latent_space == old.latent_space, "a region means the same channels in any precision"
    assert short.latent_space not in (short.identity, short.latent_identity)


def test_the_identity_is_provisional_until_the_precision_is_known(official: Path) -> None:
    import_folder(official, "mine", scale_factor=1.0)
    infos = [registry.info("mine", Computation(device)) for device in ("auto", "cpu", "cuda")]
    assert all(info.provisional for info in infos)
    assert len({info.identity for info in infos}) == 3, "devices may differ"
    assert len({info.latent_identity for info in infos}) == 1
    assert registry.info("mine", Computation(precision="bf16")).provisional, "on which kind of device?"
    assert not registry.info("mine", Computation("cpu", "bf16")).provisional
    assert not registry.info("mdct-2x").provisional
    assert registry.resolved("mdct-2x", Computation("cuda")) == Computation("cuda"), "it computes alike everywhere"


def test_the_identity_holds_the_kind_of_device(official: Path) -> None:
    """A home folder used by computers with and without a GPU; `auto` and the device's name mean the same renders."""
    import_folder(official, "mine", scale_factor=1.0)

    def info(device: str, kind: str | None = None) -> CodecInfo:
        return registry.info("mine", Computation(device, "bf16", "bf16", kind))

    kinds = [info("auto", kind) for kind in ("cpu", "cuda", "mps")]
    assert len({info.identity for info in kinds}) == 3
    assert len({info.latent_identity for info in kinds}) == 1, "bundles fit on every device"
    assert [info.identity for info in kinds] == [info(device).identity for device in ("cpu", "cuda:1", "mps")]
    assert not any(info.provisional for info in kinds)


def test_the_identity_holds_from_which_size_on_convolutions_are_computed_by_tiles(official: Path) -> None:
    import_folder(official, "mine", scale_factor=1.0)

    def info(arithmetic: Arithmetic, tiles: int, kernels: bool = False) -> CodecInfo:
        return registry.info("mine", Computation("cpu", "auto", arithmetic, "cpu", tiles, kernels))

    infos = [info("fp32", 0), info("fp32", 64), info("fp32", 128), info("bf16", 0), info("fp32", 64, True)]
    infos.append(info("bf16", 0, True))
    assert len({info.identity for info in infos}) == 6
    assert len({info.latent_identity for info in infos}) == 1, "they round less than the 16 bits of a bundle do"
    assert info("bf16", 64).identity == info("bf16", 0).identity, "its decoder uses none"
    assert info("bf16", 64, True).identity == info("bf16", 0, True).identity
    assert info("fp32", 0, True).identity == info("fp32", 0).identity
    assert info("fp32", 64).arithmetic.startswith("fp32 on cpu by tiles")
    assert info("fp32", 64, True).arithmetic.startswith("fp32 on cpu by compiled tiles")


def test_renders_of_different_precisions_are_not_mixed_up(
    official: Path, monkeypatch: pytest.MonkeyPatch, store: MediaStore, tmp_path: Path
) -> None:
    """A home folder used by two computers: one with bfloat16, one without. Each finds its own renders on disk."""
    import_folder(official, "mine", scale_factor=1.0)
    monkeypatch.setenv("LINCAE_STUDIO_DEVICE", "cpu")
    monkeypatch.setattr(Renderer, "__init__", partialmethod(Renderer.__init__, keep_from_s=0.0))
    media = import_audio(store, tmp_path / "a.wav", noise(1, 60_000))
    files.save(session_of(media, codec="mine"), tmp_path / "song.lincae")

    def render(bf16: bool, name: str) -> tuple[object, object, bytes]:
        processor(monkeypatch, bf16)
        out = tmp_path / name
        figures = render_project(tmp_path / "song.lincae", out, None, options.request(out, title="song"))
        return figures["encodes"], figures["decodes"], read_audio(out).tobytes()

    encodes, decodes, exact = render(False, "1.wav")
    assert (encodes, decodes) == (1, 1)
    encodes, decodes, rounded = render(True, "2.wav")
    assert (encodes, decodes) == (0, 1), "latents are shared, renders are not"
    assert rounded != exact
    assert render(False, "3.wav") == (0, 0, exact)
    assert render(True, "4.wav") == (0, 0, rounded)


def test_latents_depend_on_the_precision_of_the_encoder_alone(official: Path) -> None:
    """Left to itself the encoder computes in 32 bits: bundles and caches outlive a choice of the decoder's."""
    import_folder(official, "mine", scale_factor=1.0)
    found = {}
    precisions: tuple[preferences.Precision, ...] = ("auto", "fp32", "bf16")
    for precision in precisions:
        found[precision] = registry.info("mine", Computation("cuda", precision))
    assert found["auto"].latent_identity == found["fp32"].latent_identity
    assert found["bf16"].latent_identity != found["fp32"].latent_identity
    assert len({info.identity for info in found.values()}) == 3
    assert registry.info("mdct-2x").latent_identity == registry.info("mdct-2x").identity


@pytest.mark.slow
def test_a_bundle_of_a_neural_codec_outlives_another_precision(
    official: Path, monkeypatch: pytest.MonkeyPatch, store: MediaStore, tmp_path: Path
) -> None:
    import_folder(official, "mine", scale_factor=1.0)
    monkeypatch.setenv("LINCAE_STUDIO_DEVICE", "cpu")
    media = import_audio(store, tmp_path / "a.wav", noise(1, 120_000))
    session = session_of(media, codec="mine")
    with headless() as engine:
        write_bundle(session, engine.info("mine", 44_100), engine.render, tmp_path / "song.lincaez")
    request = options.request(tmp_path / "x.wav")
    shutil.rmtree(tmp_path / "user" / "cache")
    monkeypatch.setenv("LINCAE_STUDIO_PRECISION", "fp32")
    figures = render_project(tmp_path / "song.lincaez", tmp_path / "x.wav", None, request)
    assert figures["encodes"] == 0
    assert figures["peak_dbfs"] != -200.0
    assert bundling.unbundle(tmp_path / "song.lincaez", tmp_path / "unpacked")["codec"] == "mine"
    monkeypatch.setenv("LINCAE_STUDIO_PRECISION", "bf16")
    with pytest.raises(ProjectError, match="another precision"):
        render_project(tmp_path / "song.lincaez", tmp_path / "x.wav", None, request)


def test_the_command_line_uses_the_preferred_device_and_precision(
    official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_folder(official, "mine", scale_factor=1.0)
    preferences.save(preferences.Preferences(precision="bf16", device="cpu"), paths.preferences_file())
    with headless() as engine:
        assert engine.info("mine", 44_100).identity == registry.info("mine", Computation("cpu", "bf16")).identity
        assert engine.computation == Computation("cpu", "bf16")
    monkeypatch.setenv("LINCAE_STUDIO_PRECISION", "fp32")
    assert preferred_computation() == Computation("cpu", "fp32"), "the environment overrides preferences"
    monkeypatch.setenv("LINCAE_STUDIO_DEVICE", "mps")
    assert preferred_computation() == Computation("mps", "fp32")
    monkeypatch.setenv("LINCAE_STUDIO_PRECISION", "fp8")
    with pytest.raises(UsageError, match="“fp8”"):
        preferred_computation()


def test_a_codec_of_another_rate_is_resampled_to_that_of_the_session(tmp_path: Path) -> None:
    pretrained.save_own(small_model(frontend={"sample_rate": 11_025}), tmp_path / "low", title="Low", linear=False)
    low = registry.info(str(tmp_path / "low"))
    assert low.sample_rate == 11_025
    found = registry.for_session(str(tmp_path / "low"))
    assert (found.sample_rate, found.hop) == (44_100, 4 * low.hop)
    with pytest.raises(CodecError, match="96,000 Hz"):
        registry.for_session(str(tmp_path / "low"), rate=96_000)
