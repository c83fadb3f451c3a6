"""Work in threads with progress and cancel, on behalf of the window."""
