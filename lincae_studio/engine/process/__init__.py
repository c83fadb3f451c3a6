"""The engine as a process: client, worker, their messages and queue."""
