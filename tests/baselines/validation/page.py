"""docs/validation.md, from the tables in results/reference/validation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from itertools import product

import numpy as np

from bench.report.statistics.intervals import mean_interval
from tests.baselines.validation import commentary, dirac, runs
from tests.baselines.validation.orders import Found, Published, judge
from tests.baselines.validation.published import (
    HEADS,
    HIGHER,
    MIXTURES,
    PLAIN,
    STACKED,
    TOLD,
    mixture_claims,
    stacked_claims,
)
from tests.baselines.validation.runs import Table

Values = Mapping[str, Mapping[str, Published]]


def page(paths: Table, mixtures: Table, stacked: Table) -> str:
    untrained = runs.untrained(mixtures)
    problems = list(dict.fromkeys(row["problem"] for row in mixtures))
    found = {name: judge(mixture_claims(name), _scores(mixtures), untrained) for name in problems}
    found["stacked_mnist"] = judge(stacked_claims(), _scores(stacked))
    parts = [commentary.HEAD, _origin(paths, mixtures, stacked), _summary(paths, found)]
    parts += [
        "## Dirac-GAN",
        commentary.DIRAC,
        _numbers(paths),
        _dirac_table(paths),
        _dirac_why(paths),
    ]
    parts += ["## Mixtures: the order of plain GAN, PacGAN2 and PacGAN3", commentary.MIXTURES]
    for name in problems:
        values = MIXTURES[name.partition(",")[0]]
        parts += [f"### {name}", _measured(name, values, mixtures), _orders(found[name])]
    parts += [commentary.why({name: found[name] for name in problems}, commentary.MIXTURE_WORDS)]
    parts += [_kept_more(name, mixtures) for name in problems]
    parts += ["## StackedMNIST: modes under a small discriminator", commentary.STACKED]
    parts += [
        _measured("stacked_mnist", STACKED["stacked_mnist"], stacked),
        _orders(found["stacked_mnist"]),
    ]
    parts += [commentary.why({"stacked_mnist": found["stacked_mnist"]}, commentary.STACKED_WORDS)]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _scores(rows: Table) -> dict[tuple[str, str, str], dict[int, float]]:
    found = [runs.scores(rows, metric, higher) for metric, higher in HIGHER.items()]
    return {key: by_seed for each in found for key, by_seed in each.items()}


def _origin(*tables: Table) -> str:
    rows = [row for table in tables for row in table]
    dates = sorted({row["date"] for row in rows})
    commits = sorted({row["commit"] for row in rows})
    devices = sorted({row["device"] for row in rows if row.get("device")})
    seconds = sum(float(row.get("training_seconds") or 0) for row in rows)
    return (
        f"Trained {' to '.join(sorted({dates[0], dates[-1]}))} at commit {', '.join(commits)} on "
        f"{', '.join(devices)}; {seconds / 60:.0f} minutes by the clock for the mixtures and the "
        "stacked digits, on cores shared with other work."
    )


def _summary(paths: Table, found: Mapping[str, list[Found]]) -> str:
    told = Counter(verdict(row) for row in paths)
    lines = [["Dirac-GAN", "behaviour of each method and way of stepping", _counted(told)]]
    for name, each in found.items():
        lines.append([name, "order of methods", _counted(Counter(f.verdict for f in each))])
    return "## Summary\n\n" + _table(["result", "what is compared", "verdicts"], lines)


def _counted(told: Counter[str]) -> str:
    return " · ".join(f"{count} × {name}" for name, count in told.most_common())


# -- Dirac --


def verdict(row: Mapping[str, str]) -> str:
    """Whether a path does what the table says: same, not the same, or not published."""
    expected = _known(row).published.get(row["mode"])
    if expected is None:
        return "not published"
    return "same" if row["behaviour"] == expected else "not the same"


def _known(row: Mapping[str, str]) -> dirac.Row:
    return next(known for known in dirac.ROWS if known.method == row["method"])


def _at(paths: Table, method: str, mode: str) -> Mapping[str, str]:
    return next(row for row in paths if (row["method"], row["mode"]) == (method, mode))


def _numbers(paths: Table) -> str:
    """Numbers that theory gives beyond the table's."""
    h, rounds = dirac.H, dirac.ROUNDS
    simultaneous = _at(paths, "non_saturating", dirac.SIMULTANEOUS)
    alternating = _at(paths, "non_saturating", dirac.ALTERNATING)
    free = _at(paths, "wgan_clip(clip=1000000000.0)", dirac.SIMULTANEOUS)
    last = math.hypot(float(alternating["theta"]), float(alternating["psi"]))
    noisy = [row for row in paths if _known(row).noisy]
    exact = [row for row in paths if not _known(row).noisy]
    together = [row for row in exact if not row["parts_at"]]
    lines = [
        ["WGAN without clipping, simultaneous: factor on the radius per round", "√(1 + h²)",
         f"{math.sqrt(1 + h * h):.6f}", f"{float(free['factor']):.6f}"],
        ["non-saturating, simultaneous: radius of the cycle", "√(2h)",
         f"{math.sqrt(2 * h):.3f}", f"{float(simultaneous['late_mean']):.3f}"],
        [f"non-saturating, alternating: radius after {rounds} rounds", "1/√(½ + h t / 8)",
         f"{1 / math.sqrt(0.5 + h * rounds / 8):.3f}", f"{last:.3f}"],
        ["largest distance to the closed form's path, "
         f"{len(together)} of {len(exact)} without noise", "", "0", _furthest(together)],
        ["the same under instance noise, to the mean over the noise", "", "0", _furthest(noisy)],
    ]  # fmt: skip
    return _table(["number", "formula", "theory", "measured"], lines)


def _furthest(rows: Table) -> str:
    return f"{max(float(row['off_closed_form']) for row in rows):.1g}"


def _dirac_table(paths: Table) -> str:
    lines = []
    for known, mode in product(dirac.ROWS, dirac.MODES):
        row = _at(paths, known.method, mode)
        theory = dirac.factor(known, mode)
        lines.append([
            known.told, mode, _eigenvalues(known), "–" if theory is None else f"{theory:.4f}",
            f"{float(row['factor']):.4f}" if row["factor"] else "–",
            known.published.get(mode, "–"), row["behaviour"],
            f"{_short(row['late_least'])} to {_short(row['late_most'])}", verdict(row),
        ])  # fmt: skip
    return _table(["method", "steps", "eigenvalues at 0", "factor, theory", "factor, measured",
                   "published", "measured", "radius in the last tenth", "verdict"],
                  lines)  # fmt: skip


def _dirac_why(paths: Table) -> str:
    odd = [row for row in paths if verdict(row) == "not the same"]
    if not odd:
        return "Every path does what the table says."
    names = dict.fromkeys(_known(row).told for row in odd)
    told = [f"**Not the same: {', '.join(names)}.**"]
    if any(row["behaviour"] == dirac.RESTS for row in odd):
        told.append(commentary.RESTS)
        parted = [row for row in odd if row["parts_at"]]
        rounds = ", ".join(f"{row['parts_at']} ({row['mode']})" for row in parted)
        told.append(commentary.CROSSES.format(rounds=rounds) if parted else "")
    return " ".join(" ".join(each.split()) for each in told)


def _eigenvalues(row: dirac.Row) -> str:
    found = dirac.eigenvalues(row)
    if found is None:
        return "none: a kink"
    first, second = found
    real, imaginary = float(np.mean(found.real)), abs(second.imag)
    if imaginary < 1e-4:
        same = abs(first.real - second.real) < 1e-2
        return _signed(real) + ", twice" if same else " and ".join(_signed(v.real) for v in found)
    return f"{_signed(real) + ' ' if abs(real) > 1e-6 else ''}± {imaginary:.3g}i"


# -- orders --


def _measured(name: str, values: Values, rows: Table) -> str:
    known = _scores(rows)
    metrics = [m for m in HEADS if any(m in each for each in values.values())]
    lines = []
    for method, published in values.items():
        cells = [TOLD[method]]
        for metric in metrics:
            ours = [v for v in known[name, metric, method].values() if math.isfinite(v)]
            cells += [_published(published.get(metric), metric), _ours(ours, metric)]
        failed = sum(not math.isfinite(v) for v in known[name, "modes_1", method].values())
        lines.append([*cells, f"{len(ours)} of {len(ours) + failed}"])
    head = [told for m in metrics for told in (f"{HEADS[m]}, published", f"{HEADS[m]}, ours")]
    return _table(["method", *head, "seeds finished"], lines)


def _kept_more(name: str, rows: Table) -> str:
    """What there is to say where the plain GAN captures more modes than the published one."""
    published = MIXTURES[name.partition(",")[0]][PLAIN]["modes_1"]
    ours = mean_interval(list(_scores(rows)[name, "modes_1", PLAIN].values()))
    if ours is None or ours.value <= published.mean + 2 * (published.error or 0):
        return ""
    told = {"ours": f"{ours.value:.1f}", "published": f"{published.mean} published"}
    return commentary.KEPT.format(problem=name, **told)


def _published(value: Published | None, metric: str) -> str:
    if value is None:
        return "–"
    error = "" if value.error is None else f" ± {_score(value.error, metric)}"
    return _score(value.mean, metric) + error


def _ours(values: list[float], metric: str) -> str:
    """Mean, standard error as in the papers, and the 95 % interval."""
    found = mean_interval(values)
    if found is None:
        return "none finished"
    if found.low is None or found.high is None:
        return f"{_score(found.value, metric)} (each)"
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    ends = f"{_score(found.low, metric)} to {_score(found.high, metric)}"
    return f"{_score(found.value, metric)} ± {_score(error, metric)} ({ends})"


def _score(value: float, metric: str) -> str:
    if metric == "high_quality":
        return f"{100 * value:.1f} %".replace("-", "−")
    return f"{value:.{2 if metric == 'reverse_kl' else 1}f}".replace("-", "−")


def _orders(found: list[Found]) -> str:
    lines = []
    for each in found:
        claim, gain = each.claim, each.gain
        interval = "–"
        if gain is not None:
            interval = _score(gain.value, claim.metric)
            if gain.low is not None and gain.high is not None:
                ends = (_score(gain.low, claim.metric), _score(gain.high, claim.metric))
                interval += f" ({ends[0]} to {ends[1]})"
        if claim.values is None:
            there = "only the order"
        else:
            sign = 1 if claim.higher else -1
            there = _score(sign * (claim.values[0].mean - claim.values[1].mean), claim.metric)
            there += "" if claim.apart else ", not significant"
        lines.append([
            f"{TOLD[claim.better]} before {TOLD[claim.worse]}", HEADS[claim.metric], there,
            interval, "–" if each.p is None else f"{each.p:.2g}", _told(each),
            "–" if each.needed is None else f"about {each.needed}",
        ])  # fmt: skip
    return _table(["order", "by", "lead, published", "lead, ours", "adjusted p", "verdict",
                   "seeds needed"], lines)  # fmt: skip


def _told(found: Found) -> str:
    """The verdict, and which way an undecided one lies."""
    lead = found.gain.value if found.gain else 0.0
    way = "level" if lead == 0 else "leads" if lead > 0 else "trails"
    return f"**{found.verdict}**" + (f", {way}" if found.verdict == "not significant" else "")


# -- words --


def _short(value: str) -> str:
    number = float(value)
    if number < 1e-6:
        return "0"
    return f"{number:.3g}" if number < 1000 else f"{number:,.0f}"


def _signed(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
