"""Where MLflow is: a URI, the SQLite file that it may name, and the command that shows it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench.errors import BenchError
from bench.tracking.telling import shown


def tracking_uri(results: Path) -> str:
    """Return ``MLFLOW_TRACKING_URI`` if it is set, else a SQLite file in the results folder."""
    chosen = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    return chosen or default_uri(results)


def default_uri(results: Path) -> str:
    return f"sqlite:///{results.absolute() / 'mlflow.db'}"


def sqlite_file(uri: str) -> Path | None:
    """Return the file that a URI of SQLite names; None for any other."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(uri.removeprefix("sqlite:///").partition("?")[0])


def ui_command(results: Path, port: int = 5000) -> list[str]:
    """Return the command that opens MLflow's pages on loopback.

    Raises:
        BenchError: the runs are on a server, which has its own pages, or there are no runs yet.
    """
    uri = tracking_uri(results)
    if uri.startswith(("http://", "https://")):
        raise BenchError(f"the runs are on a server: open {shown(uri)} in a browser")
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise BenchError(f"nothing has been sent to MLflow yet: there is no {file}; run first")
    # without its queue for background jobs, which nothing here uses, and with one worker, it
    # starts in a third of the time
    lean = ["/usr/bin/env", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false"]
    command = [*lean, sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri]
    return [*command, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
