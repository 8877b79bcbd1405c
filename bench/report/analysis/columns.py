"""The columns of runs.csv and summary.csv, and what each means (docs/metrics.md holds the same)."""

from __future__ import annotations

from bench.metrics.gradients import BASELINES, PLAYERS, meanings
from bench.report.analysis.training import TRAINING_COLUMNS

GRADIENT_COLUMNS = {
    name: meaning for player in PLAYERS for name, meaning in meanings(player).items()
}

_RATIOS = ("_norm", "_per_10k", "_largest_spike", *BASELINES)
COUNTED = [name for name in GRADIENT_COLUMNS if not name.endswith(_RATIOS)]
"""Those that are whole numbers."""

_IDENTITY_COLUMNS = {
    "problem": "dataset label, with what tells it from other problems on the same dataset",
    "method": "name of the method",
    "method_label": "the same with the hyperparameters that differ from their defaults",
    "method_hyperparameters": "all hyperparameters of the method, as JSON",
    "dataset": "name of the dataset",
    "dataset_hyperparameters": "all hyperparameters of the dataset, as JSON",
    "architecture": "name of the architecture",
    "architecture_hyperparameters": "all hyperparameters of the architecture, as JSON",
    **{column.name: column.meaning for column in TRAINING_COLUMNS},
    "seed": "seed of the member",
    "budget": "discriminator updates the cell may make",
    "evaluations": "evaluation points after the one before training",
    "key": "key of the cell: the folder of its record",
    "state": "done, failed, missing, stale or not applicable, as `bench plan` says",
    "status": "how training ended: ok, diverged, out_of_memory, timed_out, crashed, killed; "
    "the state where there is no record",
    "reason": "why the status is not ok",
    "not_computed": "metrics that have no value at the last evaluation, and why: "
    "`metric, metric: reason; …`",
    "last_evaluation": "discriminator updates at the last evaluation; a diverged cell's lies "
    "before its divergence",
    "best_evaluation": "discriminator updates at the best evaluation by the first metric that "
    "every evaluation measures: the best checkpoint",
    "first_update_all_modes": "discriminator updates at the first evaluation that holds all modes",
}

COST_COLUMNS = {
    "discriminator_updates": "discriminator updates made",
    "generator_updates": "generator updates made",
    "gradient_evaluations": "gradients computed: one per player's, one per input gradient of a "
    "penalty; empty for a cell that is not ok",
    "training_seconds": "seconds of training: the population's, divided by its members",
    "checkpoint_seconds": "seconds of taking and storing checkpoints: the population's, divided "
    "likewise",
    "evaluation_seconds": "seconds of measuring this run afterwards, by all metrics that are shown",
    "compile_seconds": "seconds of tracing, compiling and loading the population's round, divided "
    "likewise",
    "population": "members trained together",
    "peak_memory_mb": "peak memory of the worker during the job (of the device on a GPU), in MiB",
    "device": "kind of device",
    "device_name": "name of the device",
    "engine": "how rounds of training were played: compiled or eager",
    "python": "version of Python",
    "torch": "version of torch",
    "numpy": "version of numpy",
    "commit": "git commit of the code",
    "finished_at": "when the cell was finished, UTC",
}

RUN_COLUMNS: dict[str, str] = {
    **_IDENTITY_COLUMNS,
    "<metric>": "the metric at the last evaluation; see the dataset's metrics. A failed cell's "
    "lies before its failure: leave such cells out of means",
    "<metric>_best": "its best value over the evaluations after the start that measured it",
    **GRADIENT_COLUMNS,
    **COST_COLUMNS,
}
"""Every column of runs.csv and what it means; ``<…>`` stands for a family of columns."""

SUMMARY_COLUMNS: dict[str, str] = {
    "problem": RUN_COLUMNS["problem"],
    "method": "label of the method; `real data` for the floor",
    "rank": "place by the primary metric",
    "metric": "name of the metric",
    "primary": "whether this metric ranks the methods",
    "interquartile_mean": "interquartile mean of the last evaluation over all seeds, failed ones "
    "infinitely bad; empty where it is infinite, and for metrics that do not rank",
    "interquartile_low": "lower end of its 95 % bootstrap interval",
    "interquartile_high": "upper end of the interval",
    "mean": "mean of the last evaluation over finished seeds",
    "low": "lower end of the 95 % Student t interval",
    "high": "upper end of the interval",
    "best_mean": "mean over finished seeds of each seed's best value",
    "checkpoint_mean": "mean over finished seeds at each seed's best checkpoint",
    "seeds_with_value": "finished seeds at which the metric is defined",
    "seeds_finished": "seeds with status ok",
    "seeds_failed": "seeds that diverged, crashed or were stopped",
    "seeds_planned": "seeds of the study",
    **{
        column: meaning
        for name, whom in {
            "best": "the best method of the problem",
            "baseline": "the method given by --baseline",
        }.items()
        for column, meaning in {
            name: f"label of {whom}; empty in its own row",
            f"difference_to_{name}": f"mean over finished seeds less that of {whom}, primary "
            "metric; by a paired test over the seeds that both finished",
            f"difference_to_{name}_low": "lower end of its 95 % interval, by the same test as p",
            f"difference_to_{name}_high": "upper end of the interval",
            f"chance_to_beat_{name}": f"probability that a seed does better than one of {whom}; "
            "failed seeds lose, equal ones count half",
            f"chance_to_beat_{name}_low": "lower end of its 95 % bootstrap interval",
            f"chance_to_beat_{name}_high": "upper end of the interval",
            f"p_{name}": "p of the test that both do the same",
            f"p_{name}_adjusted": "the same, corrected for the number of methods compared (Holm)",
            f"p_{name}_test": "the test: Welch or paired t, as the study states; sign where "
            "nothing varies, rank where seeds failed",
            f"p_{name}_smallest": "least p that a rank test of so many seeds can reach",
            f"seeds_to_settle_{name}": "seeds of each that would distinguish the two with a "
            "probability of 0.8 by the same test, were difference and spread seen the true ones",
        }.items()
    },
}
"""Every column of summary.csv and what it means."""
