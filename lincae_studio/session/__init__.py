"""The document: frozen values, pure edits, history, files. Imports none of Qt, torch and numpy."""
