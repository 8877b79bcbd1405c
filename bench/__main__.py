"""The command ``bench``, also as ``python -m bench``."""

import sys


def main() -> None:
    """Run the command line; on Windows, say what is missing there."""
    if sys.platform == "win32":
        sys.exit(
            "bench: Windows lacks what this package rests on (fork, file locks); run it in WSL 2 "
            "or a Linux container"
        )
    from bench.cli import main as command

    command()


if __name__ == "__main__":
    main()
