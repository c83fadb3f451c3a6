"""Sessions from Python and without a window: values to edit, rendered to arrays, that show themselves in notebooks."""
