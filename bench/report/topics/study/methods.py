"""Every method: what it is, and its hyperparameters."""

from __future__ import annotations

from bench.combination import SIGN
from bench.registry import described
from bench.report.analysis.findings import Findings
from bench.report.page.document import Block, Details, Items, Listing, Paragraph, Section
from bench.report.topics.study.provenance import listed


def methods(found: Findings) -> list[Section]:
    """Return every method in alphabetical order, each folded."""
    if not found.problems:
        return []
    return [Section("Methods", "methods", [_method(found, label) for label in found.methods])]


def _method(found: Findings, label: str) -> Details:
    method = next(p.cell.method for problem, _ in found.of(label) for p in problem.by_method[label])
    blocks: list[Block] = []
    text = described(method.name, method.hyperparameters)
    if text:
        # the rest holds formulas whose layout matters
        first, _, rest = text.partition("\n\n")
        blocks.append(Paragraph(" ".join(first.split())))
        if rest.strip():
            whose = "Docstrings of its parts" if SIGN in method.name else "Source docstring"
            blocks += [Paragraph(f"{whose}:"), Listing(rest.strip("\n"))]
    else:
        blocks.append(Paragraph("Its file is not here, or has no docstring."))
    blocks.append(Items([("Hyperparameters", listed(method.hyperparameters) or "none")]))
    return Details(label, blocks)
