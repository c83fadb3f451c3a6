"""The engine process: client, worker, and the messages and queue between them."""
