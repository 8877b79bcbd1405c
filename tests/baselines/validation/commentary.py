"""The words of docs/validation.md; what depends on a verdict is chosen by it."""

# ruff: noqa: E501 - rows of tables

from __future__ import annotations

from tests.baselines.validation.orders import Found

HEAD = """
# Known results, run again

This page compares published results with our own runs of the same methods, and explains agreements and disagreements.
Tables and verdicts are computed; only the published values are typed in. A disagreement is a result, too.

```sh
make validation                            # trains the missing runs of three studies, then writes this page
.venv/bin/python -m tests.baselines.validation       # writes this page from the tables kept in git, without training
```

The studies are `validation_dirac`, `validation_mixtures` and `validation_stacked`. Their tables, one row per run, are in
[results/reference/validation](../results/reference/validation). The mixtures and the stacked digits are reduced for two CPU
cores, because no GPU was available; `.venv/bin/bench run pacgan` is the full size of the mixtures, for a GPU.
[findings.md](findings.md#against-the-literature) compares all 28 methods on ring8 and grid25, with longer budgets, with
published statements.
"""

DIRAC = """
The Dirac-GAN (Mescheder, Geiger & Nowozin, ICML 2018): all data at 0, G(z) = θ, D(x) = ψx. Each
combination of a method and a way of stepping is one cell: 500 rounds of plain gradient steps with h = 0.2, from (1, 1). Theory
is computed from velocities derived by hand (`tests/baselines/validation/dirac.py`), which share no code with the methods:

- **eigenvalues** of the velocity's Jacobian at (0, 0);
- **factor**: the factor by which a round multiplies a small radius, that is, the largest modulus of the eigenvalues of one
  round's linear map. The measured factor is fitted to the logarithm of the radius between 0.05 and 10⁻⁵, or along the whole path
  if the game is linear and grows. For a double eigenvalue with a single direction, as with R1 or R2 of γ 1 in simultaneous steps,
  the radius falls as t λᵗ, and the fit is above λ: 0.910 for 0.900;
- **the path itself**, from the recursion in closed form.

The column "published" has the paper's statements on simultaneous and alternating steps and, for the Wasserstein games with a
constraint, on 5 critic steps; for the non-saturating game it has a derivation for this project. A fixed rule classifies the
measured behaviour by the last tenth of the path. *Converges*: within 0.05 of (0, 0). *Rests elsewhere*: it
moves less than 0.001. *Grows*, *falls slowly*: the mean radius is above 1.1 or below 0.9 times that
at the middle. *Cycles*: none of these, and both weights keep changing sign.

![Phase portraits of fourteen methods, stepping in three ways: the generator's θ across, the discriminator's ψ upwards](figures/dirac-portraits.png)

*Ring: start. Dot: end. Cross: equilibrium. Arrows: direction of the velocity. Grey band: the path of the closed
form. Line: the trained path, coloured by the measured behaviour. Red: the published behaviour differs.*
"""

RESTS = """
Where |ψ| < 1 the penalty λ(|ψ| − 1)² pushes ψ away from 0, to either side: 0 is a kink, with no Jacobian. Above
it the velocity is linear and vanishes at (2λ, 0), with eigenvalues −λ ± √(λ² − 1); below it at (−2λ, 0). For
λ < 1 the path turns around that point, crosses ψ = 0 and cycles, as published. From λ = 1 on it creeps into it
without crossing and stops, at a distance of 2λ from the data. So the penalty does not converge to the
equilibrium, as the paper proves; that it cycles holds only for λ < 1. λ = 10, the usual weight, cannot be run
at h = 0.2: a step multiplies the distance of |ψ| from 1 by 1 − 2λh = −3, and the path diverges.
"""

CROSSES = """
The stop is not stable either: the smallest step across ψ = 0 sends the path to the other one. Here
rounding to float32 did that, after round {rounds}; the closed form, in float64, stays. The path therefore stayed at
either point for hundreds of rounds.
"""

MIXTURES = """
Published: Lin et al. 2018 (PacGAN), section 4.1, mean ± standard error of ten runs. Ours: mean ± standard error
(95 % interval of the mean).

| | published | ours |
|---|---|---|
| networks | G 4 × 400 with batch normalisation, D 3 × 200 maxout | the same layers, 4 × 64 and 3 × 32 |
| initial weights | N(0, 0.02) | torch's: N(0, 0.02) hardly passes a signal through so few units |
| training | 400 epochs of 100,000 points, batches of 100: 400,000 updates | ring8 10,000, grid25 100,000 updates of 64 |
| Adam | 0.0001, constant, betas (0.8, 0.999) | 0.001, constant or falling linearly to 0; the same betas |
| runs | 10 | 10 seeds, 5 on grid25, paired: equal data, latents and first generator |
| evaluation | 2,500 samples, within 3σ | the same |

**Rule.** A published order counts if the two means differ by more than two standard errors of their difference. Ours are
judged by a paired t test at equal seeds (rank test if a seed failed), with Holm's correction over the six orders below a
heading.

- *Same order*: adjusted p < 0.05 in the published direction; *opposite order*: in the other; *not significant*: neither.
- If the published values do not differ: *difference in neither*, or *difference only here*.
- *Not trained far enough*: for one of the two, the mean share of high quality is below ten times that of points scattered
  evenly over the square of the modes (2.6 % on grid25, 0.5 % on ring8). Such points count modes by chance, and the more
  scattered they are, the more modes they hit.

The last column is a rough estimate of the seeds that a t test would need if the observed difference and spread were true.
"""

STACKED = """
Published: PacGAN, section 4.2, in VEEGAN's setting, ten runs, ± where the source gives one; Huang et al. 2024
for relativistic + R1 + R2 (`r3gan`), of which only the order is compared: it keeps more modes.

| | published | ours |
|---|---|---|
| data | 128,000 triples of MNIST's 60,000 digits | 128,000 triples of 4,000 digits, which come inside a package |
| networks | DCGAN, 64 channels in both | DCGAN, G 64-32-16, D 4-8-16: a quarter, as in the harder of PacGAN's settings |
| batch normalisation in D | yes | none, because gradient penalties are not defined with it |
| training | 50 epochs of batches of 64: 100,000 updates | 1,500 updates of 32 |
| steps | two of the generator for one of the discriminator | one for one |
| Adam | 0.0002, betas (0.5, 0.999) | 0.001, betas (0.5, 0.9) |
| runs, samples | 10, 26,000 | 3 seeds, 10,000 |

The classifier is a LeNet trained on the same digits. The rule is that of the mixtures, over the four orders
below; an order without standard errors is accepted as published.
"""


KEPT = """
**The plain GAN keeps more than published** on {problem}: {ours} modes, {published}. Packs therefore have
few modes to gain. The published plain GAN trained forty times as long, at a constant rate; a short training whose rate falls to 0
may end before modes are lost again.
"""

MIXTURE_WORDS = {
    "same order": "a likely reason is the paper's: a pack with too similar samples is recognised as generated, a "
    "single sample is not. That needs no wide networks, but enough training: on grid25 packs are slower to learn the "
    "modes, and pay off afterwards.",
    "opposite order": "the order is reversed at this size: early in training, the packs have made the discriminator's task "
    "harder.",
    "not significant": "the published difference is not significant here. The budget differs, a fortieth of the "
    "published updates on ring8 and a quarter on grid25; *leads* and *trails* give the sign of the mean difference.",
    "not trained far enough": "the reduced budget does not lead the methods to the modes. A count of modes is then no "
    "result, even in the published order, which scattered points have, too.",
    "difference in neither": "neither ten published runs nor ours show a gain from more than two samples per pack.",
    "difference only here": "the published runs do not have this difference. At a part of the budget "
    "methods are at different stages of training; larger packs find the modes later.",
}

STACKED_WORDS = {
    "same order": "with a discriminator this small the plain GAN loses most of the thousand modes from the "
    "start, and the other method keeps more within a sixtieth of the published updates.",
    "opposite order": "the order is reversed at this size: the method that keeps all modes in the long run is slower to "
    "generate digits at all.",
    "not significant": "the published difference is not significant here: three seeds detect only gaps of several standard "
    "deviations.",
}


def why(found: dict[str, list[Found]], words: dict[str, str]) -> str:
    """A line for every verdict that was met, with where."""
    met: dict[str, list[str]] = {}
    for problem, judged in found.items():
        for verdict in dict.fromkeys(each.verdict for each in judged):
            met.setdefault(verdict, []).append(problem)
    told = [
        f"- **{verdict}** ({'; '.join(where)}): {words[verdict]}" for verdict, where in met.items()
    ]
    return "**Why** (commentary, not computed):\n\n" + "\n".join(told)
