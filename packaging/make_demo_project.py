"""Build the demo project: the stems of "Paper Lanterns" on six tracks, ready to open.

Two steps rebuild the demo; if only the project format or the tracks change, the second is enough:

    python packaging/compose_demo.py        # the stems: resources/demo/*.ogg (see there for what it needs)
    python packaging/make_demo_project.py   # this: resources/demo/paper_lanterns.lincae

The second step needs LinCAE Studio installed. Faders are at 0 dB and pans at the centre, so the untouched mix is the
plain sum of the files. Stems are converted in a temporary folder: the user's cache is not touched.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from lincae_studio.media.store import MediaStore
from lincae_studio.session import edits, files, places
from lincae_studio.session.model import DEFAULT_RATE, Session, Tempo

DEMO = Path(__file__).resolve().parent.parent / "resources" / "demo"
PROJECT = DEMO / "paper_lanterns.lincae"
CODEC = "mdct-2x"

#: As in `demo_song.py`, and as measured in the drums.
TEMPO_BPM = 108.0

#: Track names and their files, from the top: rhythm section first, the melody last.
TRACKS = {
    "Drums": "drums.ogg",
    "Bass": "bass.ogg",
    "Keys": "keys.ogg",
    "Guitar": "guitar.ogg",
    "Strings": "strings.ogg",
    "Lead": "lead.ogg",
}


def demo_session(store: MediaStore) -> Session:
    """The session: one track and one clip per stem, all from sample 0 on, counted in the bars of the song."""
    session = edits.set_codec(Session(), CODEC)
    for name, file in TRACKS.items():
        media = store.import_file(DEMO / file)
        session = edits.add_track(session, name)
        session = edits.add_clip(session, session.tracks[-1].id, media, start=0, name=name)
    return places.set_tempo(session, Tempo(bpm=TEMPO_BPM))


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        session = demo_session(MediaStore(Path(cache)))
    files.save(session, PROJECT)
    if files.load(PROJECT) != session:
        raise SystemExit(f"{PROJECT.name} reads back differently from how it was written.")
    print(f"{PROJECT.name}: {len(session.tracks)} tracks, {session.length / DEFAULT_RATE:g} s, codec {session.codec}")


if __name__ == "__main__":
    main()
