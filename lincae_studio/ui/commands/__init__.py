"""What the actions of the window do: `on_<id>` for each row of the table in `ui.actions`. Main thread."""
