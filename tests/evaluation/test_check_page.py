"""The page of a check of stems against their master."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
from msgspec.structs import replace

from lincae_studio.engine.analysis.findings import CheckResult, Finding
from lincae_studio.evaluation.check_page import check_page
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from tests.helpers import made_up_media

HOSTILE = "<script>alert(1)</script> & \"x\" onerror='y' \u202eabc"


class Tags(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_are_text_wherever_they_are() -> None:
    session = edits.add_stems(Session(), [made_up_media(1, 44_100), made_up_media(2, 44_100)], 0)
    master, stem = (track.id for track in session.tracks)
    found = Finding((stem,), "other", 0, 44_100, -20.0, "another version")
    result = CheckResult((found,), (-20.0,), np.full((1, 4), -20.0), {stem: 12}, {stem: (1.0,)}, 0.0, 44_100, "x", ())
    names = {master: "master", stem: "stem"}
    plain = Tags(check_page(result, session, names[master], names.__getitem__))
    names = {master: HOSTILE, stem: HOSTILE}
    hostile = replace(result, codec=HOSTILE, notes=(f"“{HOSTILE}” is silent",))
    page = Tags(check_page(hostile, session, HOSTILE, names.__getitem__))
    assert page.tags == plain.tags
    assert "script" not in page.tags
    shown = HOSTILE.replace("\u202e", "\\u202e")
    assert page.text.count(shown) == 7, "the title twice, the codec, the note, the finding twice, the level"
