"""Registering commands: an action has one handler, and a handler an action."""

from __future__ import annotations

from functools import partial

import pytest

from lincae_studio.ui.actions.handlers import HandlerTable
from lincae_studio.ui.model.document import Document


def test_a_handler_is_registered_once_and_only_for_an_action() -> None:
    table = HandlerTable()
    table.register({"undo": print})
    assert table.handler("undo") is print
    with pytest.raises(ValueError, match="undo"):
        table.register({"undo": repr})
    with pytest.raises(ValueError, match="no_such_action"):
        table.register({"no_such_action": print})
    assert table.handler("undo") is print
    with pytest.raises(KeyError):
        table.handler("redo")


def test_what_registered_last_is_closed_first() -> None:
    document = Document()
    closed: list[str] = []
    for name in ("engine", "player", "dialog"):
        document.at_close(partial(closed.append, name))
    document.close()
    document.close()
    assert closed == ["dialog", "player", "engine"]
