"""`python -m lincae_studio` is the same as the command `lincae-studio`. A frozen program begins here, too."""

import sys

from lincae_studio.cli import main

if __name__ == "__main__":
    if getattr(sys, "frozen", False):
        import multiprocessing

        multiprocessing.freeze_support()  # the program itself is started for new processes, such as the engine's
    main()
