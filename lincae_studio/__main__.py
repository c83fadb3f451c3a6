"""`python -m lincae_studio` is the same as the command `lincae-studio`."""

from lincae_studio.cli import main

if __name__ == "__main__":
    main()
