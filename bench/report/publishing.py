"""Publishes a document into a folder, with its figures, tables and a stamp."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.report.page.document import Document


def publish(
    folder: Path,
    name: str,
    make: Callable[[Path], Document],
    made_from: str = "",
    option: str = "--results",
) -> Path:
    """Write a document into ``folder`` and return the path of its page.

    All files are made beside the old ones and then take their place: ``name``.html and .md,
    tables/ and what ``make`` writes. Figures and tables that only the last document of this name
    had are deleted. The stamp ``.name.json`` holds ``made_from``, the headline and the hash of each
    file.

    Args:
        name: what the document is: report, tuning or comparison.
        make: writes figures and data below the folder that it is given; returns the document.
        made_from: a digest of all that the document depends on, for :func:`is_published`.
        option: the command's option that names another folder.

    Raises:
        BenchError: the folder cannot be written to.
    """
    # a templating engine takes long to import, and a document that is not made needs none
    from bench.report.page.copies import write_copies
    from bench.report.page.html import render_page
    from bench.report.page.markdown import render_markdown

    scratch = folder / f".new-{uuid.uuid4().hex[:8]}"
    try:
        scratch.mkdir(parents=True)
        document = make(scratch)
        made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        page = render_page(document, scratch, made)
        text = render_markdown(document, made, f"{name}.html")
        (scratch / f"{name}.html").write_text(page, encoding="utf-8")
        (scratch / f"{name}.md").write_text(text, encoding="utf-8")
        write_copies(document, scratch)
        _replace(scratch, folder, name, made_from, document.headline)
    except OSError as error:
        raise BenchError(
            f"cannot write the {name} to '{folder}' ({error.strerror or error}); make room there, "
            f"or name another folder with {option}"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder / f"{name}.html"


def is_published(folder: Path, name: str, made_from: str) -> bool:
    """Return whether a document made from the same is there, with all files as written."""
    stamp = _stamp(folder, name)
    try:
        return stamp["made_from"] == made_from and all(
            sha256(folder / file) == known for file, known in stamp["files"].items()
        )
    except OSError:  # a file is missing or cannot be read
        return False


def headline(page: Path) -> str:
    """Return the headline of a published page without making it again; empty if it has none."""
    return str(_stamp(page.parent, page.stem)["headline"])


def sha256(file: Path) -> str:
    """Return the hash of a file's content."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _stamp(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / f".{name}.json").read_text(encoding="utf-8"))
        files = dict(found["files"])
        return {"made_from": found["made_from"], "headline": found["headline"], "files": files}
    except (OSError, ValueError, KeyError, TypeError):
        return {"made_from": None, "headline": "", "files": {}}


def _replace(scratch: Path, folder: Path, name: str, made_from: str, headline: str) -> None:
    files = sorted(str(f.relative_to(scratch)) for f in scratch.rglob("*") if f.is_file())
    hashes = {file: sha256(scratch / file) for file in files}
    stamp, before = folder / f".{name}.json", _stamp(folder, name)["files"]
    # without its stamp a document that is half replaced is made anew by the next call
    stamp.unlink(missing_ok=True)
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        os.replace(scratch / file, folder / file)
    for file in before.keys() - hashes.keys():
        # the list is read from a file: nothing outside these two folders is ever deleted
        if Path(file).parts[:-1] in (("figures",), ("tables",)):
            (folder / file).unlink(missing_ok=True)
    told = json.dumps({"made_from": made_from, "headline": headline, "files": hashes}, indent=1)
    stamp.write_text(told + "\n", encoding="utf-8")
