"""Study files: what they expand to, and one clear line for everything they may get wrong."""

import dataclasses
import inspect
import re

import pytest
import yaml

from bench.cli.measuring import measure
from bench.datasets import folder
from bench.errors import BenchError
from bench.registry import find
from bench.study import Selection, expansion, load_study, studies
from bench.study.selection import parse

NOTHING = Selection()
RING = {"dataset": "ring8", "architecture": "mlp", "updates": 100}
GRID = {**RING, "dataset": "grid25"}


@pytest.fixture
def study(tmp_path):
    """The cells of a study file with these keys; text is written as it is."""

    def load(content=None, *, selection=NOTHING, **keys):
        file = tmp_path / "mine.yaml"
        if content is None:
            content = yaml.safe_dump(
                {"methods": ["vanilla", "wgan_gp"], "experiments": [RING], "seeds": 2, **keys}
            )
        file.write_text(content)
        return load_study(str(file), selection).cells

    return load


def experiment(**changes):
    return {"experiments": [{**RING, **changes}]}


def one_line(load, *arguments, **keys) -> str:
    with pytest.raises(BenchError) as told:
        load(*arguments, **keys)
    message = str(told.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize("name", studies())
def test_shipped_studies_are_valid(name):
    assert load_study(name).cells


def test_a_narrowed_study_knows_its_whole_from_the_same_expansion(tmp_path, monkeypatch):
    hashed = []
    monkeypatch.setattr(
        expansion, "sources_of", lambda *parts: hashed.append(parts) or {"parts": str(parts)}
    )
    file = tmp_path / "mine.yaml"
    methods = ["vanilla", "wgan_gp"]
    file.write_text(yaml.safe_dump({"methods": methods, "experiments": [RING, GRID], "seeds": 2}))
    chosen = load_study(str(file), parse("wgan_gp,ttur", "ring8", "3", []))
    assert {(c.method.name, c.seed) for c in chosen.cells} == {
        (method, seed) for method in ("wgan_gp", "ttur") for seed in range(3)
    }
    assert [cell.key for cell in chosen.whole] == [cell.key for cell in load_study(str(file)).cells]
    hashed.clear()
    chosen = load_study(str(file), parse("wgan_gp", "ring8", "3", []))
    assert len(chosen.whole) == 8
    assert chosen.whole is dataclasses.replace(chosen, cells=[]).whole
    assert len(hashed) == 4


def test_a_study_that_cannot_be_expanded_whole_stands_by_what_was_chosen(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"methods": ["vanilla", "gone"], "experiments": [RING]}))
    chosen = load_study(str(file), parse("vanilla", "", "", []))
    assert chosen.whole == chosen.cells
    assert len(chosen.cells) == 3


def test_a_study_is_methods_by_experiments_by_seeds(study):
    cells = study(experiments=[RING, {**GRID, "seeds": [7, 5, 6]}])
    assert len(cells) == len({cell.key for cell in cells}) == 2 * 2 + 2 * 3
    assert {cell.seed for cell in cells if cell.dataset.name == "grid25"} == {5, 6, 7}
    assert {cell.seed for cell in cells if cell.dataset.name == "ring8"} == {0, 1}
    assert len({cell.group for cell in cells}) == 4


def test_all_methods_are_those_that_need_not_be_asked_for(study):
    found = find("method")
    names = {cell.method.name for cell in study(methods="all")}
    assert names == set(found.unasked)
    assert {"vanilla", "wgan_gp"} <= names < set(found.parts)


def test_an_experiment_overrides_the_studys_defaults(study):
    cells = study(
        methods=["vanilla"],
        evaluations=10,
        experiments=[
            {**RING, "evaluations": 4, "training": {"batch_size": 32, "optimizer": "sgd"}},
            GRID,
        ],
    )
    ring, grid = cells[0], cells[-1]
    assert (ring.evaluations, grid.evaluations) == (4, 10)
    assert (ring.training.batch_size, grid.training.batch_size) == (32, 64)
    assert ring.training.optimizer == "sgd"
    assert ring.updates == 100


def test_epochs_are_turned_into_updates(study):
    (cell,) = study(
        methods=["vanilla"],
        seeds=1,
        experiments=[
            {"dataset": "mnist5k", "architecture": "dcgan", "epochs": 2,
             "training": {"batch_size": 60}}
        ],
    )  # fmt: skip
    assert cell.updates == 134


def test_a_study_that_names_no_seeds_has_three(study):
    text = yaml.safe_dump({"methods": ["vanilla"], "experiments": [RING]})
    assert [cell.seed for cell in study(text)] == [0, 1, 2]


def test_options_of_training_are_those_of_the_file_or_what_they_were_before(study):
    (plain,) = study(methods=["vanilla"], seeds=1)
    assert (plain.training.decay, plain.training.ema, plain.training.precision) == (
        "none", 0.999, "float32"
    )  # fmt: skip
    given = {"decay": "linear", "ema": 0.99, "precision": "bfloat16"}
    (cell,) = study(methods=["vanilla"], seeds=1, **experiment(training=given))
    assert {name: getattr(cell.training, name) for name in given} == given
    assert cell.key != plain.key
    (tf32,) = study(methods=["vanilla"], seeds=1, **experiment(training={"precision": "tf32"}))
    assert tf32.training.precision == "tf32"


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.ppm").write_bytes(b"P6 1 1 255 " + bytes([number] * 3))
    return folder


def of_folder(part, **changes):
    whole = {"dataset": part, "architecture": "dcgan", "updates": 10, **changes}
    return {"methods": ["vanilla"], "seeds": 1, "experiments": [whole]}


def test_a_folder_is_named_by_its_path(study, images):
    (short,) = study(**of_folder(f"folder:{images}"))
    assert short.dataset.name == "folder"
    assert short.dataset.hyperparameters["path"] == str(images)
    assert short.dataset.label == "folder:pictures"
    (long,) = study(**of_folder({"folder": {"path": str(images)}}))
    assert long.key == short.key
    (gray,) = study(**of_folder({f"folder:{images}": {"channels": "gray", "size": 32}}))
    assert gray.dataset.label == "folder:pictures(size=32, channels=gray)"
    assert gray.dataset.hyperparameters["path"] == str(images)


def test_a_path_may_have_colons_and_begin_at_home_or_here(study, images, monkeypatch, tmp_path):
    odd = images.rename(tmp_path / "a:b, c")
    assert study(**of_folder(f"folder:{odd}"))[0].dataset.hyperparameters["path"] == str(odd)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    contents = {
        study(**of_folder(f"folder:{path}"))[0].sources["the data themselves"]
        for path in (odd, "~/a:b, c", "a:b, c")
    }
    assert len(contents) == 1


def test_a_folder_is_selected_and_set_like_any_dataset(study, images):
    other = images.rename(images.with_name("others"))
    images.symlink_to(other)
    experiments = [
        {"dataset": f"folder:{path}", "architecture": "dcgan", "updates": 10}
        for path in (images, other)
    ]
    both = {"methods": ["vanilla"], "seeds": 1, "experiments": [*experiments, RING]}
    assert len(study(**both)) == 3
    assert len(study(**both, selection=Selection(datasets=("folder",)))) == 2
    (one,) = study(**both, selection=Selection(datasets=(f"folder:{other}",)))
    assert one.dataset.hyperparameters["path"] == str(other)
    told = one_line(study, **both, selection=Selection(datasets=("folder:elsewhere",)))
    assert "the study has no dataset 'folder:elsewhere'" in told
    (small, _) = study(
        **both, selection=Selection(datasets=("folder",), overrides=(("folder", "size", 32),))
    )
    assert small.dataset.hyperparameters["size"] == 32


def test_a_folder_is_looked_through_once_for_all_methods(study, images, monkeypatch):
    looked = []
    find = folder.below
    monkeypatch.setattr(folder, "below", lambda *a: looked.append(a) or find(*a))
    assert len(study(**{**of_folder(f"folder:{images}"), "methods": "all"})) > 4
    assert len(looked) == 1


def test_epochs_of_a_folder_count_its_training_part(study, images):
    part = {f"folder:{images}": {"held_out": 0.2}}
    (cell,) = study(**of_folder(part, updates=None, epochs=3, training={"batch_size": 4}))
    assert cell.updates == 3 * 16 // 4


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("folder", "dataset folder: which one? write it as folder:PATH"),
        ("folder:", "dataset folder: which one? write it as folder:PATH"),
        ("folder:/no/such/place", "dataset folder:/no/such/place: there is no such folder"),
        (
            {"folder:/x": {"sise": 3}},
            "dataset 'folder' has no hyperparameter 'sise'; did you mean 'size'",
        ),
        ({"folder:/x": {"held_out": 2}}, "held_out is 2; give a number above 0, below 1"),
        ("foldr:/x", "unknown dataset 'foldr'; did you mean 'folder'?"),
        ("ring8:/x", "dataset 'ring8' has no hyperparameter 'path'"),
    ],
)
def test_a_folder_that_is_not_there_is_told_in_one_line(study, part, message):
    assert message in one_line(study, **of_folder(part))


def training(**options):
    return {"training": options}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (training(betas=[]), "'experiments.0.training.betas' is []: it needs 2 numbers"),
        ({"updates": 1e4}, "'experiments.0.updates' is 10000.0: write 10000"),
        ({"updates": 1.5}, "'experiments.0.updates' is 1.5: input should be a valid integer"),
        (
            {**training(betas=[0.5]), "updatess": 1, "evaluations": 2e0},
            "it needs 2 numbers; also line 4: 'experiments.0.evaluations' is 2.0: write 2; "
            "also line 9: unknown key 'experiments.0.updatess'; did you mean 'updates'?",
        ),
    ],
)
def test_values_of_another_kind_are_told_with_what_to_write(study, changes, message):
    assert message in one_line(study, **experiment(**changes))


def with_fid(*parts, **keys):
    experiments = [{**RING, "dataset": part} for part in (*parts, "ring8")]
    return {"methods": ["vanilla"], "seeds": 1, "experiments": experiments, **keys}


def test_a_study_may_require_metrics_that_its_datasets_measure(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(with_fid("digits8", require=["fid", "data_fd"])))
    assert load_study(str(file)).require == ("fid", "data_fd")
    # a narrowed study is held to what the whole one measures
    narrowed = load_study(str(file), Selection(datasets=("ring8",)))
    assert {cell.dataset.name for cell in narrowed.cells} == {"ring8"}
    assert narrowed.require == ("fid", "data_fd")
    for name in studies():
        assert all(isinstance(metric, str) for metric in load_study(name).require)


def test_datasets_with_the_same_settings_are_told_apart(study):
    # cifar10 and mnist have the same hyperparameters, and other metrics
    parts = [
        {"dataset": name, "architecture": "dcgan", "updates": 5} for name in ("cifar10", "mnist")
    ]
    for required in ("pixel_fd", "lenet_fd"):
        assert study(methods=["vanilla"], seeds=1, experiments=parts, require=[required])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (with_fid(require=["fid"]), "metric 'fid' does not apply to ring8: Inception looks at"),
        (with_fid("digits8", require=["lenet_fd"]), "metric 'lenet_fd' does not apply to digits8"),
        (with_fid(require=["dta_fd"]), "ring8 has no metric 'dta_fd'; did you mean 'data_fd'?"),
        (
            with_fid("digits8", require=["anatmy"]),
            "no metric 'anatmy'; did you mean 'anatomy'? there are: anatomy (a family); ",
        ),
        (with_fid(require="fid"), "'require' is 'fid'"),
        (with_fid(require=[3]), "'require.0' is 3"),
    ],
)  # fmt: skip
def test_a_metric_that_is_required_and_not_measured_is_told_in_one_line(study, keys, message):
    assert message in one_line(study, **keys)


def test_the_help_of_measure_names_every_family():
    families = sorted({kind.family for kind in find("metric").parts.values()} - {""})
    (option,) = (
        inspect.signature(measure, eval_str=True).parameters["metrics"].annotation.__metadata__
    )
    assert option.help.endswith(f"families of metrics: {', '.join(families)}.")


def metrics_by_dataset(cells):
    return {cell.dataset.name: {m.label: m.hyperparameters for m in cell.metrics} for cell in cells}


def test_what_a_study_asks_for_is_measured_where_it_applies(study):
    found = metrics_by_dataset(study(**with_fid("digits8", metrics=["fid"], require=["kid"])))
    assert {"pixel_fd", "fid", "kid", "gradients"} <= found["digits8"].keys()
    # of points, kid is that of their coordinates
    assert {"modes", "data_fd", "kid", "gradients"} <= found["ring8"].keys()
    assert "fid" not in found["ring8"]


def test_an_experiment_asks_for_metrics_of_its_own(study):
    keys = with_fid("digits8")
    keys["experiments"][0]["metrics"] = ["fid"]
    found = metrics_by_dataset(study(**keys))
    assert "fid" in found["digits8"]
    keys["experiments"][1]["metrics"] = ["fid"]
    assert "metric 'fid' does not apply to ring8" in one_line(study, **keys)


@pytest.mark.parametrize("chosen", [NOTHING, Selection(metrics=("fid",))])
def test_to_require_a_metric_or_to_name_it_leaves_its_settings_as_asked_for(study, chosen):
    asked = with_fid("digits8", metrics=[{"fid": {"when": "every"}}], require=["fid"])
    found = metrics_by_dataset(study(**asked, selection=chosen))
    assert found["digits8"]["fid"]["when"] == "every"


def test_what_is_measured_is_no_part_of_a_cells_key(study):
    plain, more = study(**with_fid("digits8")), study(**with_fid("digits8", metrics=["fid"]))
    assert [cell.key for cell in plain] == [cell.key for cell in more]


def test_a_metric_of_the_first_seeds_is_asked_of_these_alone(study):
    def measured(seeds, most, **narrowed) -> list[int]:
        asked = [{"eigenvalues": {"first_seeds": most}}]
        cells = study(seeds=seeds, metrics=asked, **narrowed)
        assert all("modes" in {m.label for m in cell.metrics} for cell in cells)
        return [c.seed for c in cells if "eigenvalues" in {m.label for m in c.metrics}]

    assert set(measured([7, 3, 5], 2)) == {7, 3}
    assert set(measured(2, 9)) == {0, 1}
    # to narrow a study chooses none that it would not have measured
    assert set(measured([7, 3, 5], 2, selection=Selection(seeds=(3, 5)))) == {3}


def test_a_method_may_be_listed_with_several_hyperparameters(study):
    cells = study(methods=["wgan_gp", {"wgan_gp": {"penalty_weight": 1}}], seeds=1)
    assert [c.method.label for c in cells] == ["wgan_gp", "wgan_gp(penalty_weight=1.0)"]
    assert len({cell.key for cell in cells}) == 2


def test_cells_without_meaning_are_kept_with_their_reason(study):
    cells = study(
        methods=["wgan_gp", "vanilla"],
        experiments=[{**RING, "architecture": {"mlp": {"discriminator_batch_norm": True}}}],
    )
    reasons = {cell.method.name: cell.not_applicable for cell in cells}
    assert len(cells) == 4
    assert "batch normalisation" in reasons["wgan_gp"]
    assert reasons["vanilla"] is None


def test_methods_after_a_plus_run_beside_the_studys_own(study):
    def names(methods: str) -> list[str]:
        listed = ["ttur", {"wgan_gp": {"penalty_weight": 1}}]
        cells = study(methods=listed, selection=parse(methods, "", "", []))
        return list(dict.fromkeys(cell.method.label for cell in cells))

    own = ["ttur", "wgan_gp(penalty_weight=1.0)"]
    assert names("") == own
    assert names("vanilla, ttur") == ["ttur", "vanilla"]
    assert names("+vanilla, ttur") == [*own, "vanilla"]
    assert names("+r1+hinge, ttur") == [*own, "hinge+r1"]


COMBINED = ["ttur", {"ttur+spectral_norm": {"ttur.ratio": 2}}]


def test_a_combination_is_a_method_like_any_other(study):
    cells = study(methods=COMBINED)
    assert len(cells) == 4
    assert cells[0].method.hyperparameters == {"ratio": 4.0}
    combined = cells[2].method
    assert combined.name == "spectral_norm+ttur"
    assert combined.hyperparameters == {"spectral_norm.power_iterations": 1, "ttur.ratio": 2.0}
    assert combined.label == "spectral_norm+ttur(ratio=2.0)"
    typed = ["hinge", {"spectral_norm + ttur": {"ttur.ratio": 2}}]
    assert study(methods=typed)[2].key == cells[2].key


@pytest.mark.parametrize(
    ("methods", "overrides", "labels"),
    [
        ("spectral_norm+ttur", [], ["spectral_norm+ttur(ratio=2.0)"]),
        ("ttur+spectral_norm,spectral_norm+ttur", [], ["spectral_norm+ttur(ratio=2.0)"]),
        ("", ["ttur.ratio=3"], ["ttur(ratio=3.0)", "spectral_norm+ttur(ratio=3.0)"]),
        ("", ["ttur+spectral_norm.ttur.ratio=3"], ["ttur", "spectral_norm+ttur(ratio=3.0)"]),
        (
            "",
            ["spectral_norm+ttur.ttur.ratio=5", "ttur.ratio=3"],
            ["ttur(ratio=3.0)", "spectral_norm+ttur(ratio=5.0)"],
        ),
        (
            "",
            ["spectral_norm.power_iterations=2"],
            ["ttur", "spectral_norm(power_iterations=2)+ttur(ratio=2.0)"],
        ),
    ],
)
def test_a_combination_is_selected_and_set_in_any_order(study, methods, overrides, labels):
    cells = study(methods=COMBINED, selection=parse(methods, "", "1,", overrides))
    assert [cell.method.label for cell in cells] == labels


def test_packs_that_no_batch_holds_are_refused(study):
    small = {**RING, "training": {"batch_size": 4}}
    told = one_line(study, methods=[{"pacgan": {"packing": 5}}], experiments=[small])
    assert "packing is 5" in told


def test_a_budget_below_a_round_with_a_step_ahead_is_refused(study):
    told = one_line(study, methods=["extragradient"], experiments=[{**RING, "updates": 1}])
    assert "less than one round" in told


def test_a_selection_narrows_and_adds(study):
    chosen = Selection(methods=("ttur", "vanilla"), datasets=("grid25",), seeds=(4,))
    cells = study(experiments=[RING, GRID], selection=chosen)
    assert {(c.method.name, c.dataset.name, c.seed) for c in cells} == {
        ("ttur", "grid25", 4),
        ("vanilla", "grid25", 4),
    }


def test_settings_can_be_overridden_for_methods_datasets_and_architectures(study):
    overrides = (
        ("wgan_gp", "penalty_weight", 2.5),
        ("ring8", "sigma", 0.03),
        ("mlp", "latent", 3),
    )
    cells = study(selection=Selection(overrides=overrides))
    assert {c.method.hyperparameters.get("penalty_weight") for c in cells} == {None, 2.5}
    assert {c.dataset.hyperparameters["sigma"] for c in cells} == {0.03}
    assert {c.architecture.hyperparameters["latent"] for c in cells} == {3}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"methods": ["wgangp"]}, "unknown method 'wgangp'; did you mean 'wgan_gp'? there are:"),
        ({"methods": ["wgan_gp+hinge"]}, "hinge and wgan_gp cannot be combined: both state"),
        ({"methods": ["r1+ttur", "ttur+r1"]}, "the study names 2 cells twice"),
        ({"methods": [{"r1+ttur": {"gamma": 1}}]},
         "combination 'r1+ttur' has no hyperparameter 'gamma'; did you mean 'r1.gamma'?"),
        (experiment(dataset="rign8"), "unknown dataset 'rign8'; did you mean 'ring8'?"),
        (experiment(architecture="mpl"), "unknown architecture 'mpl'; did you mean 'mlp'?"),
        ({"methods": [{"wgan_gp": {"penalty_wieght": 1}}]},
         "method 'wgan_gp' has no hyperparameter 'penalty_wieght'; did you mean 'penalty_weight'?"),
        (experiment(dataset={"ring8": {"sgima": 1}}),
         "dataset 'ring8' has no hyperparameter 'sgima'"),
        (experiment(training={"learning_rat": 1}),
         "unknown key 'experiments.0.training.learning_rat'; did you mean 'learning_rate'?"),
        (experiment(updaets=1), "did you mean 'updates'?"),
        ({"metods": "all"}, "unknown key 'metods'; did you mean 'methods'?"),
        ({"methods": []}, "'methods' is []: give a list of at least one method, or all"),
        ({"experiments": []}, "'experiments' is []"),
        (experiment(updates=-5), "'experiments.0.updates' is -5"),
        (experiment(updates=0), "'experiments.0.updates' is 0"),
        (experiment(updates="many"), "'experiments.0.updates' is 'many'"),
        (experiment(updates=1.5), "'experiments.0.updates' is 1.5"),
        (experiment(evaluations=0), "'experiments.0.evaluations' is 0"),
        (experiment(epochs=3), "give its budget once"),
        (experiment(updates=None), "give its budget once"),
        (experiment(updates=None, epochs=3), "epochs need a dataset of finite size"),
        (experiment(updates=None, epochs=float("inf")), "'experiments.0.epochs' is inf"),
        (experiment(updates=3), "less than one round of wgan_gp (5 critic steps)"),
        ({"methods": [{"wgan_gp": {"critic_steps": 0}}]}, "critic_steps is 0; give a whole number"),
        (experiment(training={"optimizer": "adma"}), "0.training.optimizer' is 'adma'"),
        (experiment(training={"learning_rate": "fast"}), "learning_rate' is 'fast'"),
        (experiment(training={"learning_rate": -1}), "learning_rate' is -1"),
        (experiment(training={"betas": [0.5, 1.0]}), "betas.1' is 1.0: input should be less"),
        (experiment(training={"betas": [0.5]}), "training.betas' is [0.5]: it needs 2 numbers"),
        (experiment(training={"batch_size": 1}), "batch_size' is 1"),
        (experiment(training={"decay": "cosine"}), "'experiments.0.training.decay' is 'cosine'"),
        (experiment(training={"ema": 1}), "'experiments.0.training.ema' is 1"),
        (experiment(training={"ema": 0.0}), "'experiments.0.training.ema' is 0.0"),
        (experiment(training={"ema": "slow"}), "'experiments.0.training.ema' is 'slow'"),
        (experiment(training={"ema": float("nan")}), "'experiments.0.training.ema' is nan"),
        (experiment(training={"precision": "float16"}), "training.precision' is 'float16'"),
        (experiment(training={"ema_decay": 0.9}), "unknown key 'experiments.0.training.ema_decay'"),
        ({"seeds": [1, 2, 1]}, "seed 1 is given twice"),
        (experiment(seeds=[3, 3]), "seed 3 is given twice"),
        ({"seeds": []}, "at least one seed is needed"),
        ({"seeds": 0}, "at least one seed is needed"),
        ({"seeds": -3}, "seed"),
        ({"seeds": [-1]}, "seeds must not be negative"),
        ({"seeds": "three"}, "'seeds' is 'three'"),
        ({"seeds": True}, "'seeds' is True"),
        ({"time_limit": 0}, "'time_limit' is 0"),
        ({"methods": ["vanilla", "vanilla"]}, "names 2 cells twice"),
        ({"experiments": [RING, RING]}, "names 4 cells twice"),
        ({"experiments": "ring8"}, "'experiments' is 'ring8'"),
        ({"methods": "vanilla"}, "'methods' is 'vanilla': give a list"),
        ({"methods": [{"vanilla": {}, "ttur": {}}]}, "methods"),
        (experiment(dataset={"ring8": None}), "dataset"),
        ({"methods": [{"wgan_gp": {"penalty_weight": "heavy"}}]},
         "hyperparameter wgan_gp.penalty_weight is 'heavy'"),
        (experiment(architecture={"mlp": {"generator_widths": 5}}), "mlp.generator_widths is 5"),
        (experiment(architecture={"mlp": {"generator_activation": "swish"}}), "'relu'"),
        (experiment(architecture="dcgan"), "does not fit dataset 'ring8'"),
        (experiment(dataset="dirac"), "does not fit dataset 'dirac'"),
    ],
    ids=lambda value: re.sub(r"\W+", "-", str(value))[:60],
)  # fmt: skip
def test_what_a_study_file_gets_wrong_is_told_in_one_line(study, keys, message):
    assert message in one_line(study, **keys)


@pytest.mark.parametrize("missing", ["methods", "experiments"])
def test_a_missing_key_is_named(study, missing):
    whole = {"methods": ["vanilla"], "experiments": [RING]}
    del whole[missing]
    assert f"the key '{missing}' is missing" in one_line(study, yaml.safe_dump(whole))


@pytest.mark.parametrize("missing", ["dataset", "architecture"])
def test_a_missing_key_of_an_experiment_is_named(study, missing):
    rest = {key: value for key, value in RING.items() if key != missing}
    assert f"the key 'experiments.0.{missing}' is missing" in one_line(study, experiments=[rest])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must hold keys"),
        ("just text", "must hold keys"),
        ("- a\n- b", "must hold keys"),
        ("methods: [vanilla", "not valid YAML"),
        ("methods: all\n\tseeds: 3", "not valid YAML"),
        ("methods: all\nmethods: [ttur]\nexperiments: []", "'methods' is given twice"),
        ("methods: !!python/object:os.system x", "line 1: the tag tag:yaml.org,2002:python"),
    ],
)
def test_a_file_that_is_no_study_is_told_in_one_line(study, content, message):
    assert message in one_line(study, content)


def test_bytes_that_are_no_text_are_told_in_one_line(tmp_path):
    file = tmp_path / "picture.yaml"
    file.write_bytes(b"\x89PNG\xff\xfe")
    assert "not valid YAML" in one_line(load_study, str(file))


def test_an_unknown_study_is_told_with_the_nearest(tmp_path):
    assert "unknown study 'quik'; did you mean 'quick'?" in one_line(load_study, "quik")
    assert "unknown study" in one_line(load_study, str(tmp_path))
    assert "unknown study" in one_line(load_study, "")


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(methods=("vanila",)), "unknown method 'vanila'; did you mean 'vanilla'?"),
        (Selection(datasets=("gird25",)), "unknown dataset 'gird25'; did you mean 'grid25'?"),
        (Selection(datasets=("grid25",)), "the study has no dataset 'grid25'"),
        (Selection(overrides=(("wgangp", "x", 1),)),
         "--set wgangp.x: nothing is called 'wgangp'; did you mean 'wgan_gp'?"),
        (Selection(overrides=(("ttur", "ratio", 2),)), "nothing is called 'ttur'"),
        (Selection(overrides=(("wgan_gp", "penalty", 1),)), "did you mean 'penalty_weight'?"),
        (Selection(overrides=(("wgan_gp", "penalty_weight", "x"),)), "penalty_weight is 'x'"),
        (Selection(seeds=(1, 1)), "seed 1 is given twice"),
        (Selection(seeds=(-1,)), "seeds must not be negative"),
    ],
)  # fmt: skip
def test_what_a_selection_gets_wrong_is_told_in_one_line(study, selection, message):
    assert message in one_line(study, selection=selection)
