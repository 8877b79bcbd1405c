"""The rule by which a change counts as beyond noise, in words."""

from __future__ import annotations

from bench.report.compare.found import Comparison
from bench.report.compare.judging import ALPHA, FLIPPED
from bench.report.page import numbers
from bench.report.page.document import Block, Items, Paragraph
from bench.report.statistics import smallest_rank_p


def rule(comparison: Comparison) -> list[Block]:
    """What a verdict means, and what so few seeds cannot show."""
    tested = comparison.tested
    seeds = sorted({len(pair.records) for pair in comparison.pairs})
    fewest = [f"{n} seeds {numbers.p_value(smallest_rank_p(n, n))}" for n in seeds if n > 1]
    alpha = f"{ALPHA:g}"
    items = [
        (
            "Identical",
            "status and outcome (evaluations, whole-run numbers such as gradient counts, cost in "
            "updates and gradients, floor, protocol) of every common seed are equal bit for bit. "
            "Nothing is tested there.",
        ),
        (
            "By test",
            f"p adjusted for the {tested} pairs that were tested (Holm) is at most {alpha}, and "
            "the mean difference shows in the digits that the metric is told with. Where every "
            "seed finished, p is that of a paired t test of the primary metric at equal seeds (of "
            "a sign test where all differences are the same), whatever a study states: a method at "
            "equal seed is nearly the same run on both sides. Where any seed failed, p is that of "
            "an Mann–Whitney test over all common seeds, a failed one being worse than any "
            "other.",
        ),
        (
            "By crashes",
            "a seed crashed, timed out, ran out of memory or was killed on one side, and did not "
            "on the other. That is a matter of code or machine, not of chance.",
        ),
        (
            "By failures",
            f"all common seeds, at least {FLIPPED}, finished on one side and none on the other. "
            "If a seed finished with the same chance on both sides, this would happen with a "
            f"probability of at most 2 / 4ⁿ with n seeds: {200 / 4**FLIPPED:.0f} % with "
            f"{FLIPPED}. It is not adjusted for the number of pairs.",
        ),
        (
            "Not beyond noise",
            "everything else that differs: also a single seed more or less that diverged, and "
            "last digits, as between two machines that trained the same commit.",
        ),
    ]
    blocks: list[Block] = [
        Items(items),
        Paragraph(
            f"If nothing but chance differs, something is found by test with a probability of at "
            f"most {alpha}, over all pairs together. Where something speaks for B and something "
            "against it, the pair counts as worse. Spikes, costs and cells on one side alone "
            "are told, and decide nothing."
        ),
    ]
    if fewest:
        blocks.append(
            Paragraph(
                "Few seeds cannot show much. The smallest p of the rank test that decides where "
                f"seeds failed, before it is adjusted: with {numbers.listing(fewest)}. An adjusted "
                f"p of {alpha} needs {numbers.p_value(ALPHA / max(tested, 1))} in the most telling "
                f"of {numbers.count(tested, 'test')}. The t test has no such bound, but supposes "
                "nearly normal differences. “Not beyond noise” is no proof that nothing changed; "
                "the interval of B − A says how much may have."
            )
        )
    return blocks
