"""The words of docs/validation.md; what depends on a verdict is chosen by it."""

# ruff: noqa: E501 - rows of tables

from __future__ import annotations

from tests.baselines.validation.orders import Found

HEAD = """
# Known results, run again

Published results beside our own runs of the same methods: what was published, what was measured, whether
it is the same, and why. Tables and verdicts are computed; nothing in them is typed but the published
values. A disagreement is a result, too.

```sh
make validation                            # trains what is missing of three studies, then writes this page
python -m tests.baselines.validation       # writes this page from the tables kept in git, without training
```

The studies are `validation_dirac`, `validation_mixtures` and `validation_stacked`; the tables,
one row a run, are in [results/reference/validation](../results/reference/validation). The mixtures and the
stacked digits are reduced for two CPU cores, as no GPU was at hand. At full size, for a GPU, the mixtures are
`bench run pacgan`. All 28 methods on ring8 and grid25 with longer budgets stand beside published statements in
[findings.md](findings.md#against-the-literature).
"""

DIRAC = """
The Dirac-GAN (Mescheder, Geiger & Nowozin, ICML 2018): all data at 0, G(z) = θ, D(x) = ψx. Plain gradient
steps of h = 0.2 from (1, 1), 500 rounds, as one cell of the benchmark each. Theory is computed from
velocities derived by hand (`tests/baselines/validation/dirac.py`), which share no code with the methods:

- **eigenvalues** of the velocity's Jacobian at (0, 0);
- **factor**: the largest modulus of the eigenvalues of one round's linear map, whatever its steps: what a
  round multiplies a small radius by. Measured: fitted to the logarithm of the radius between 0.05 and 10⁻⁵,
  or along the whole path where the game is linear and grows. Where an eigenvalue is double and has one
  direction only, as with R1 or R2 of γ 1 in simultaneous steps, the radius falls as t λᵗ, and what is fitted
  is above λ: 0.910 for 0.900;
- **the path itself**, from the recursion in closed form.

Published is what the paper says of simultaneous and alternating steps and, for the Wasserstein games
with a constraint, of 5 critic steps; for the non-saturating game, what was derived for this project. The measured behaviour
follows a fixed rule, by the last tenth of the path. *Converges*: within 0.05 of (0, 0). *Rests elsewhere*: it
moves less than 0.001. *Grows*, *falls slowly*: the mean radius is above 1.1 or below 0.9 times that
at the middle. *Cycles*: none of these, and both weights keep changing sign.

![Phase portraits of fourteen methods, stepping in three ways: the generator's θ across, the discriminator's ψ upwards](figures/dirac-portraits.png)

*Ring: start. Dot: end. Cross: equilibrium. Arrows: direction of the velocity. Grey band: the path of the closed
form. Line: the path that was trained, its colour the measured behaviour. Red: where the published one differs.*
"""

RESTS = """
Where |ψ| < 1 the penalty λ(|ψ| − 1)² pushes ψ away from 0, to either side: 0 is a kink, with no Jacobian. Above
it the velocity is linear and vanishes at (2λ, 0), with eigenvalues −λ ± √(λ² − 1); below it at (−2λ, 0). For
λ < 1 the path turns around that point, crosses ψ = 0 and cycles, as published. From λ = 1 on it creeps into it
without crossing and stops, at a distance of 2λ from the data. So the penalty does not converge to the
equilibrium, as the paper proves; that it cycles holds for λ < 1 alone. λ = 10, the usual weight, cannot be run
at h = 0.2: a step multiplies the distance of |ψ| from 1 by 1 − 2λh = −3, and the path diverges.
"""

CROSSES = """
The stop is not stable either: the smallest step across ψ = 0 sends the path to the other one. Here
rounding to float32 did that, after round {rounds}; the closed form, in float64, stays. So what was measured is
a stay of hundreds of rounds at either point.
"""

MIXTURES = """
Published: Lin et al. 2018 (PacGAN), section 4.1, mean ± standard error of ten runs. Ours: mean ± standard error
(95 % interval of the mean).

| | published | ours |
|---|---|---|
| networks | G 4 × 400 with batch normalisation, D 3 × 200 maxout | the same layers, 4 × 64 and 3 × 32 |
| initial weights | N(0, 0.02) | torch's: N(0, 0.02) hardly passes a signal through so few units |
| training | 400 epochs of 100,000 points, batches of 100: 400,000 updates | ring8 10,000, grid25 100,000 updates of 64 |
| Adam | 0.0001, constant, betas (0.8, 0.999) | 0.001, constant or falling evenly to 0; the same betas |
| runs | 10 | 10 seeds, 5 on grid25, paired: equal data, latents and first generator |
| evaluation | 2,500 samples, within 3σ | the same |

**Rule.** A published order counts as one where the two means are more than two standard errors of their
difference apart. Ours: paired t test at equal seeds (rank test if a seed failed), Holm's correction over the six
orders below a heading. *Same order*: adjusted p < 0.05 in the published direction; *opposite order*: in the other.
*Cannot be told*: neither. Where the published values are not apart themselves: *apart in neither*, or *not apart
there, apart here*. *Not trained far enough*: the mean share of high quality of one of the two is below
ten times what points scattered evenly over the square of the modes would have (2.6 % on grid25, 0.5 % on
ring8): so few points near modes count what nothing was learnt of, and the more scattered they are the
more modes they hit. The last column: seeds a t test would need if what was seen were true, a rough guess.
"""

STACKED = """
Published: PacGAN, section 4.2, in VEEGAN's setting, ten runs, ± where the source gives one; Huang et al. 2024
for relativistic + R1 + R2 (`r3gan`), of which the order alone is held: it keeps more modes.

| | published | ours |
|---|---|---|
| data | 128,000 triples of MNIST's 60,000 digits | 128,000 triples of 4,000 digits, which come inside a package |
| networks | DCGAN, 64 channels in both | DCGAN, G 64-32-16, D 4-8-16: a quarter, as in the harder of PacGAN's settings |
| batch normalisation in D | yes | none, as gradient penalties are not defined with it |
| training | 50 epochs of batches of 64: 100,000 updates | 1,500 updates of 32 |
| steps | two of the generator for one of the discriminator | one for one |
| Adam | 0.0002, betas (0.5, 0.999) | 0.001, betas (0.5, 0.9) |
| runs, samples | 10, 26,000 | 3 seeds, 10,000 |

The classifier is a LeNet trained on the same digits. The rule is that of the mixtures, over the four orders
below; an order without standard errors is taken at the source's word.
"""


KEPT = """
**The plain GAN keeps more than published** on {problem}: {ours} modes, {published}. A failure that is not there
cannot be mended: packs have nothing to gain in modes. The published one trained forty times as long, at
a constant rate; a short training whose rate falls to 0 may end before modes are lost again.
"""

MIXTURE_WORDS = {
    "same order": "a likely reason is the paper's: a pack whose samples are too alike gives itself away, which no "
    "single sample can. That needs no wide networks. It takes training: on grid25 packs are slower to learn the modes, "
    "and pay off once they have.",
    "opposite order": "the order is turned round at this size, where a generator early on the way through its "
    "training is judged by a discriminator whose task the packs have made harder.",
    "cannot be told": "published as apart, not told apart here. What differs is the budget, a fortieth of the "
    "published updates on ring8 and a quarter on grid25; *leads* and *trails* say which way the mean difference lies.",
    "not trained far enough": "the reduced budget does not lead the methods to the modes. A count of modes is no "
    "result then, even where it has the published order, which scattered points have, too.",
    "apart in neither": "ten published runs do not show more than two samples a pack to gain anything, nor do ours.",
    "not apart there, apart here": "a difference that the published runs do not have. At a part of the budget "
    "methods are at different points of their way; larger packs see the modes later.",
}

STACKED_WORDS = {
    "same order": "under a discriminator this small the plain GAN loses most of the thousand modes from the "
    "start, and the other keeps more within a sixtieth of the published updates.",
    "opposite order": "the order is turned round at this size: what keeps all modes in the long run is slower to "
    "make digits at all.",
    "cannot be told": "published as apart, not told apart here: three seeds tell gaps of several standard "
    "deviations alone.",
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
