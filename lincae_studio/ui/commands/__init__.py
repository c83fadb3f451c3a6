"""What the actions of the window do; each group registers its handlers by action id. Main thread."""
