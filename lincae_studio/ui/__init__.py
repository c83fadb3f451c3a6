"""The window: PySide6 widgets over the document. The only package that imports Qt; it never imports torch."""
