"""The document: frozen values, pure edits, history, files. Imports neither Qt, torch nor numpy."""
