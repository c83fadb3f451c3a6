"""Background jobs of the window, with progress and cancelling."""
