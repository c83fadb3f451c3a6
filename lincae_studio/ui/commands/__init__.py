"""The commands of the window; each group registers its handlers by action id. Main thread."""
