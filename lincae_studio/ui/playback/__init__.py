"""The transport, which plays what is rendered."""
