"""The transport, which plays the rendered mix."""
