"""Bundles, files of latents and DAWprojects that a stranger might send."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import msgspec
import numpy as np

from lincae_studio.engine.bundles.store import Header
from tests.hostile.case import DEEP, SECRET, Touch, case, swell
from tests.hostile.projects import song_of


def _bundle(place: Path, session: bytes, latents: bytes) -> Path:
    path = place / "song.lincaez"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("project.json", session)
        archive.writestr("latents.safetensors", latents)
    return path


#: Metadata of a file of latents that fits `_manifest`.
_HEADER = Header(
    codec="mdct-2x", identity="x", hop=128, window_extra=128, frames=64, overlap=8, dim=64, media=("0" * 64,)
)


def _latents(tensors_of: dict[str, object], data: bytes = b"") -> bytes:
    return tensors({"__metadata__": {"header": msgspec.json.encode(_HEADER).decode()}, **tensors_of}, data)


def tensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _manifest(place: Path) -> bytes:
    path = song_of(place, "a.wav")
    data = path.read_bytes()
    path.unlink()
    return data


@case("bundle")
def zeros_that_swell(place: Path) -> Path:
    path = place / "song.lincaez"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("project.json", "latents.safetensors"):
            swell(archive, name)
    return path


@case("bundle")
def a_header_longer_than_its_file(place: Path) -> Path:
    return _bundle(place, _manifest(place), struct.pack("<Q", 2**63 - 1) + b"{}")


@case("bundle")
def a_header_nested_deeply(place: Path) -> Path:
    return _bundle(place, _manifest(place), tensors(b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}"))


@case("bundle")
def a_tensor_larger_than_its_file(place: Path) -> Path:
    entry = {"dtype": "F16", "shape": [2**40, 2**20], "data_offsets": [0, 2**61]}
    return _bundle(place, _manifest(place), _latents({"0/0/0/0/10/-/-": entry}))


@case("bundle")
def members_that_climb(place: Path) -> Path:
    path = _bundle(place, _manifest(place), _latents({}))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../climbed.txt", "here")
        archive.writestr("/tmp/climbed-to-the-root.txt", "here")
    return path


@case("bundle")
def a_directory_that_lies(place: Path) -> Path:
    path = _bundle(place, _manifest(place), _latents({}))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = b"\xfe\xff\xff\xff"
    path.write_bytes(bytes(data))
    return path


@case("bundle")
def a_bundle_that_is_also_a_picture(place: Path) -> Path:
    path = _bundle(place, _manifest(place), _latents({}))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + path.read_bytes())
    return path


def _npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def _npz(place: Path, header: bytes) -> Path:
    path = place / "mix.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("header", "latents", "audible"):
            archive.writestr(f"{name}.npy", _npy(header))
    return path


@case("latents")
def a_header_that_is_no_python(place: Path) -> Path:
    return _npz(place, b"{'descr': '<f4', 'fortran_order': False, 'shape': (((\n")


@case("latents")
def a_shape_of_many_digits(place: Path) -> Path:
    return _npz(place, b"{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }\n" % (b"9" * 40))


@case("latents")
def a_shape_larger_than_its_file(place: Path) -> Path:
    return _npz(place, b"{'descr': '<f4', 'fortran_order': False, 'shape': (64, 1, 99999999), }\n")


@case("latents")
def objects_of_python(place: Path) -> Path:
    path = place / "mix.npz"
    array = np.array([Touch(place / "touched")], dtype=object)
    np.savez(path, allow_pickle=True, header=array)
    return path


@case("latents")
def zeros_in_an_npz(place: Path) -> Path:
    path = place / "mix.npz"
    with zipfile.ZipFile(path, "w") as archive:
        swell(archive, "header.npy", _npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 64, 6000000), }\n"))
    return path


@case("latents")
def tensors_that_overlap(place: Path) -> Path:
    path = place / "mix.safetensors"
    entry = {"dtype": "F32", "shape": [1, 64, 4], "data_offsets": [0, 1_024]}
    path.write_bytes(
        tensors({"latents": entry, "other": entry, "__metadata__": {"codec": "x" * 100_000}}, bytes(1_024))
    )
    return path


def _dawproject(place: Path, xml: str, *swollen: str) -> Path:
    path = place / "song.dawproject"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.xml", xml)
        for name in swollen:
            swell(archive, name)
    return path


def _arrangement(content: str) -> str:
    return (
        '<Project version="1.0"><Application name="x" version="1"/><Structure>'
        '<Track id="t" name="one" contentType="audio"><Channel id="c" role="regular"/></Track></Structure>'
        f'<Arrangement timeUnit="beats"><Lanes><Lanes track="t"><Clips>{content}</Clips></Lanes></Lanes></Arrangement>'
        "</Project>"
    )


def _audio_clip(file: str) -> str:
    audio = f'<Audio channels="1" duration="1" sampleRate="44100">{file}</Audio>'
    return f'<Clip time="0" duration="1">{audio}</Clip>'


@case("dawproject")
def entities_that_multiply(place: Path) -> Path:
    entities = '<!ENTITY a0 "ha">'
    for number in range(1, 10):
        entities += f'<!ENTITY a{number} "' + f"&a{number - 1};" * 10 + '">'
    return _dawproject(place, f"<!DOCTYPE Project [{entities}]><Project>&a9;</Project>")


@case("dawproject")
def an_entity_that_reads(place: Path) -> Path:
    return _dawproject(place, '<!DOCTYPE Project [<!ENTITY a SYSTEM "file:///etc/passwd">]><Project>&a;</Project>')


@case("dawproject")
def clips_that_loop(place: Path) -> Path:
    audio = _audio_clip('<File path="a.wav"/>')
    loop = '<Clip time="0" duration="90000" loopStart="0" loopEnd="0.0001">'
    return _dawproject(place, _arrangement(f"{loop}<Clips>{audio}</Clips></Clip>"))


@case("dawproject")
def elements_nested_deeply(place: Path) -> Path:
    return _dawproject(place, _arrangement("<Clip time='0' duration='1'><Clips>" * 20_000))


@case("dawproject")
def a_member_of_zeros(place: Path) -> Path:
    return _dawproject(place, _arrangement(_audio_clip('<File path="a.wav"/>')), "a.wav")


@case("dawproject")
def a_file_out_of_the_archive(place: Path) -> Path:
    file = f'<File path="{place.parent / SECRET}" external="true"/>'
    return _dawproject(place, _arrangement(_audio_clip(file)))
