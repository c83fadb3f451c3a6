"""The commands of the window: `on_<id>` for each row of the table in `ui.actions`. Main thread."""
