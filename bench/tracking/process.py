"""The process that sends, seen from the command that started it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).resolve().parents[2])
CODE = """
import sys
library = [place for place, entry in enumerate(sys.path) if entry.endswith("lib-dynload")]
sys.path.insert(max(library, default=-1) + 1, sys.argv[1])
from bench.tracking.sender import main
main()
"""
"""Imports the package this file belongs to, after the standard library, before other packages."""


class Process:
    """Starts a process that sends; a thread asks, and another one may watch and kill it."""

    ready = False
    """Whether MLflow is imported and a SQLite database is made, both without a server."""
    calling = False
    """Whether a call to MLflow is open."""

    def __init__(self, **made_with: Any):
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", CODE, ROOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            start_new_session=True,  # an interruption from the keyboard is the command's
        )
        self.heard = time.monotonic()
        """Time of its last message, such as that a call began."""
        self._write(made_with)

    def ask(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Send a request; yield the parts of its answer, the last of which is ``done``.

        Raises:
            RuntimeError: MLflow cannot be used, or the process is gone; the text is the cause.
        """
        self._write(request)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            part = json.loads(line)
            self.ready, self.heard = True, time.monotonic()
            if "calling" in part:
                self.calling = part["calling"]
            elif "failed" in part:
                raise RuntimeError(part["failed"])
            else:
                yield part
            if "done" in part:
                return
        raise RuntimeError(f"the process that sends ended with exit code {self._process.wait()}")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _write(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # `ask` reads the messages that it sent before it ended
