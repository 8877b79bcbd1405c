"""A document built from blocks, with small figures: what a page has to cope with, in one place."""

from __future__ import annotations

from html import escape
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from bench.report.page.document import (
    Details,
    Document,
    Entry,
    Figure,
    Items,
    Listing,
    Notice,
    Paragraph,
    Section,
    Table,
    Verdict,
    Verdicts,
)

EVIL = "</script><img src=x onerror=alert(1)>"
METHODS = [
    "alpha", EVIL, "\"quoted' $x$ & ]]>", "שלום‮ reversed", "🎉 émoji", "a_rather_long_name" * 4,
    "m10", "m9", "m2", "zeta",
]  # fmt: skip
_EIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#882255", "#777777"]
COLOURS = dict(zip(METHODS, _EIGHT * 2, strict=False))
SCORES = [3.5, None, -1.25, 10.0, 9.0, None, 0.5, 100.0, 2.0, 2.25]
VALUES = ["alpha: 3.50 (2.90 to 4.10)", f"{EVIL}: –"]
COMMAND = "python -m bench run quick --methods 'a b' && echo \"$HOME\""


def ranking(name: str = "ranking-ring8", rows: int = len(METHODS)) -> Table:
    """Scores of methods, two of which have none, and real data below."""
    made = []
    for i in range(rows):
        method, score = METHODS[i % len(METHODS)], SCORES[i % len(SCORES)]
        score = None if score is None else score + 1000 * (i // len(METHODS))
        text = "–" if score is None else f"{score:.2f} ± 0.10".replace("-", "−")
        mark = "best" if score == 10 else "failed" if score is None else ""
        made.append([
            Entry(str(i + 1)), Entry(method, method=method), Entry(text, mark, value=score),
            Entry(f"note {i % 3}"), Entry(f"{i * 7 % 13}", value=float(i * 7 % 13)),
        ])  # fmt: skip
    made.append([Entry(""), Entry("real data", "quiet"), Entry("8.00", "quiet", value=8.0),
                 Entry(""), Entry("")])  # fmt: skip
    return Table(
        name, f"Scores of <b>methods</b> {EVIL}", ["rank", "method", "score ↑", "words", "spare"],
        made, names=1, texts=(3,), hidden=(4,),
    )  # fmt: skip


def draw(folder: Path, name: str, size: tuple[float, float] = (9.6, 3)) -> str:
    """Lines, bands, markers, hatches, a heat map and a picture, tagged by their methods."""
    hyperparameters = {"svg.fonttype": "none", "svg.hashsalt": "x", "text.color": "#222222"}
    with plt.rc_context({**hyperparameters, "font.size": 9}):
        canvas, axes = plt.subplots(1, 3, figsize=size)
        at = np.arange(6)
        for i, method in enumerate(METHODS[:4]):
            (line,) = axes[0].plot(at, np.sqrt(at * (i + 1)), "o-", color=COLOURS[method])
            line.set_gid(f"method-{i}-1")
            band = axes[0].fill_between(at, at * i - 1, at * i, alpha=0.2, color=COLOURS[method])
            band.set_gid(f"method-{i}-2")
        axes[0].axhspan(1, 2, fill=False, hatch="//")
        axes[0].set_title("<script>alert(2)</script> ]]> " + METHODS[2].replace("$", r"\$"))
        mesh = axes[1].pcolormesh(np.array([[0.0, 1.0], [0.5, 0.75]]), cmap="Blues", vmax=1)
        mesh.set_edgecolor("white")
        for x, y, colour in ((0.5, 0.5, "#222222"), (1.5, 0.5, "#ffffff")):
            axes[1].text(x, y, "cell", color=colour, ha="center", va="center", fontsize=8)
        axes[2].imshow(np.random.default_rng(0).random((8, 8)), cmap="gray")
        axes[2].set_gid("method-1-3")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for suffix in ("svg", "png"):
            canvas.savefig(folder / f"{name}.{suffix}")
        plt.close(canvas)
    drawn, text = folder / f"{name}.svg", (folder / f"{name}.svg").read_text(encoding="utf-8")
    for place, told in enumerate(VALUES):
        begin = f'<g id="method-{place}-1">'
        text = text.replace(begin, f"{begin}<title>{escape(told)}</title>")
    drawn.write_text(text, encoding="utf-8")
    return name


def document(folder: Path, rows: int = len(METHODS)) -> Document:
    """Every kind of block, with hostile words wherever words may stand."""
    large, small = draw(folder, "figures/curves"), draw(folder, "figures/overview", (6, 2.5))
    plain = draw(folder, "figures/plain", (4, 2))
    (folder / f"{plain}.svg").unlink()
    scores = tuple((Entry(f"{METHODS[i % 10]} {i}"), Entry(f"{i}.00")) for i in range(30))
    verdicts = [
        Verdict(
            "ring8",
            "dataset-ring8",
            f"alpha is best; {EVIL} is behind.",
            "zeta diverged",
            scores=scores,
        ),
        Verdict(EVIL, "", "Nothing was found.", ""),
    ]
    return Document(
        f"by hand: {EVIL}",
        [
            Paragraph(f"What was run. {EVIL}"),
            Verdicts(verdicts, Figure(small, f"An overview. {EVIL}", "Small.")),
            Notice("Please note", ["broken.py: it has no method"]),
        ],
        [
            Section("Datasets", "datasets", [Paragraph("Each in turn.")], [
                Section("ring8", "dataset-ring8", [
                    ranking(rows=rows),
                    Figure(large, "Curves of ten methods over updates.", f"Lines. {EVIL}"),
                    Figure(plain, "A picture that has no SVG, as a PNG.", "Pixels."),
                    Details("Conditions", [Items([("batch size", "64"), ("", EVIL)])]),
                ]),
            ]),
            Section("Provenance", "provenance", [
                Table("few", "Few rows.", ["name", "count"],
                      [[Entry("b 10"), Entry("2")], [Entry("b 9"), Entry("−3")]]),
                Listing(COMMAND, is_command=True),
                Details("Output", [Listing(f"line 1\n{EVIL}")]),
            ]),
        ],
        COLOURS,
    )  # fmt: skip
