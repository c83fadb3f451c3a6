"""The method that each action calls. Command groups register theirs, each id once and only ids in the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lincae_studio.ui.actions.table import ACTIONS

#: A slot of `QAction.triggered`: it takes the checked state, or no argument.
Handler = Callable[..., object]

#: The handlers that a group of commands registers, by action id.
Handlers = Mapping[str, Handler]


class HandlerTable:
    """Handlers by action id, collected from the groups of commands."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    def register(self, handlers: Handlers) -> None:
        """Add a group's handlers.

        Raises:
            ValueError: if an id is not in the table of actions, or already has a handler.
        """
        unknown = handlers.keys() - {spec.id for spec in ACTIONS}
        doubled = handlers.keys() & self._handlers.keys()
        if unknown or doubled:
            raise ValueError(
                f"actions missing from the table: {', '.join(sorted(unknown)) or 'none'}; "
                f"registered twice: {', '.join(sorted(doubled)) or 'none'}"
            )
        self._handlers.update(handlers)

    def handler(self, action_id: str) -> Handler:
        """Raises `KeyError` when no group has registered the action."""
        return self._handlers[action_id]
