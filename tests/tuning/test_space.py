"""What is searched: of every shipped method, and of what a method may say."""

from dataclasses import dataclass, replace

import pytest

from bench.errors import BenchError
from bench.method import Decay, Method, Share
from bench.records.cell import Component
from bench.registry import find, make_method
from bench.training.configuration import TrainingConfiguration
from bench.tuning import space as spaces
from bench.tuning.search import Search, searches_of
from bench.tuning.space import BETA1, BETA2, LEARNING_RATE, Choice, Range, applied, space_of

METHODS = find("method").parts


def search_of(cell) -> Search:
    (found,) = searches_of([cell], 1)
    return found


def holds(known: Range | Choice, value) -> bool:
    if isinstance(known, Choice):
        return value in known.values
    return known.low <= value <= known.high and (isinstance(value, int) or not known.whole)


@pytest.mark.parametrize("name", [*METHODS, "label_smoothing+r1+ttur"])
def test_every_method_starts_within_its_space_and_accepts_all_of_it(name, make_cell):
    cell = make_cell(name)
    search = search_of(cell)
    assert applied(cell, search.start).key == cell.key
    assert next(iter(search.space)) == LEARNING_RATE
    for number in range(40):
        values = search.values(number)
        assert values.keys() == search.space.keys()
        assert all(holds(search.space[n], value) for n, value in values.items())
        tried = applied(cell, values)
        assert tried.training.learning_rate == values[LEARNING_RATE]
        assert {k: v for k, v in tried.method.hyperparameters.items() if k in values} == {
            k: v for k, v in values.items() if k in tried.method.hyperparameters
        }


@pytest.mark.parametrize("name", METHODS)
def test_what_a_method_states_holds_its_default_without_being_widened(name, make_cell):
    method = make_method(name)
    for hyperparameter, said in method.search.items():
        default = method.hyperparameters()[hyperparameter]
        if isinstance(said, list):
            assert default in said
            assert len(set(said)) == len(said) > 1
        else:
            assert said[0] <= default <= said[1]
    # a share is none above 1, and a decay none of 1
    space = space_of(make_cell(name))
    for name, known in space.items():
        if name in ("real_target", "fake_target", "cutout", "translation"):
            assert known.low >= 0
            assert known.high <= 1
        if name in ("decay", "ema"):
            assert all(0 < value < 1 for value in known.values)


def test_the_learning_rate_spans_three_decades_around_the_studys_own(make_cell):
    known = space_of(make_cell())[LEARNING_RATE]
    assert known.log
    assert known.high / known.low == pytest.approx(1000, rel=0.01)
    assert known.low * known.high == pytest.approx(1e-6, rel=0.01)


def test_betas_are_searched_where_the_optimisers_read_them(make_cell):
    def betas(method: str, kind: str = "adam") -> set[str]:
        cell = make_cell(method)
        training = replace(cell.training, optimizer=kind)
        return {BETA1, BETA2} & space_of(replace(cell, training=training)).keys()

    assert betas("non_saturating") == betas("optimistic_adam") == {BETA1, BETA2}
    assert betas("non_saturating", "sgd") == betas("non_saturating", "rmsprop") == set()
    assert betas("r3gan") == {BETA2}  # whose first is 0
    assert betas("wgan_clip") == set()  # which makes RMSProp of Adam


def test_a_studys_own_values_are_always_among_those_searched(make_cell):
    cell = make_cell("wgan_gp", method_hyperparameters={"penalty_weight": 1000, "critic_steps": 2})
    training = replace(cell.training, betas=(0.3, 0.99))
    space = space_of(replace(cell, training=training))
    assert space["penalty_weight"] == Range(0.1, 1000, log=True)
    assert space["critic_steps"].values == (2, 1, 5)
    assert space[BETA1].values == (0.0, 0.3, 0.5, 0.9)


def test_what_the_study_gives_for_all_methods_is_not_searched(make_cell):
    cell = make_cell("wgan_gp")
    assert "critic_steps" in space_of(cell)
    training = TrainingConfiguration(critic_steps=3)
    assert "critic_steps" not in space_of(replace(cell, training=training))
    # a method's own average goes before the study's, so that there is something to search
    averaged = replace(make_cell("generator_ema"), training=TrainingConfiguration(ema=0.9))
    assert "ema" in space_of(averaged)


def test_choices_that_the_budget_has_no_room_for_are_left_out(make_cell):
    hyperparameters = {"critic_steps": 1}
    assert space_of(make_cell("wgan_gp", method_hyperparameters=hyperparameters))[
        "critic_steps"
    ].values == (1, 5)
    assert "critic_steps" not in space_of(
        make_cell("wgan_gp", updates=4, method_hyperparameters=hyperparameters)
    )
    small = replace(make_cell("pacgan"), training=TrainingConfiguration(batch_size=3))
    assert space_of(small)["packing"].values == (2, 3)


@dataclass(frozen=True)
class Own(Method):
    """A method with a hyperparameter of every kind."""

    name = "own"
    weight: float = 2.0
    shift: float = -1.0
    strict: bool = True
    times: int = 3
    kept: float = 5.0
    share: Share = 0.5
    decay: Decay = 0.9

    search = {"kept": [], "times": (1, 8, "log")}  # noqa: RUF012


@pytest.fixture
def stating(monkeypatch, make_cell):
    """The space of ``Own``, with other statements of what is searched."""

    def space(search=None):
        kind = Own if search is None else type("Own", (Own,), {"search": search})
        monkeypatch.setattr(
            spaces, "make_method", lambda _, hyperparameters: kind(**hyperparameters)
        )
        cell = make_cell()
        return space_of(
            replace(cell, method=replace(cell.method, hyperparameters=Own().hyperparameters()))
        )

    return space


def test_unstated_settings_are_left_alone_but_for_positive_floats(stating):
    own = {name: known for name, known in stating().items() if not name.startswith("training.")}
    assert own == {
        "weight": Range(0.2, 20, log=True),
        "times": Range(1, 8, True, True),
        # within the range that the field states
        "share": Range(0.05, 1, log=True),
        "decay": Range(0.09, 0.999, log=True),
    }


@pytest.mark.parametrize(
    ("search", "told"),
    [
        ({"wieght": [1]}, "search names 'wieght', which is no hyperparameter"),
        ({"weight": (3, 1)}, r"search of own.weight is \(3, 1\): give choices"),
        ({"weight": (0, 4, "log")}, "above 0"),
        ({"weight": (1, 4, "ln")}, "give choices"),
        ({"weight": 3}, "give choices"),
        ({"strict": (0, 1)}, "give choices"),
        ({"shift": (1, 2, "log")}, "above 0"),
        ({"share": (0.1, 1.2)}, "a value in search of own.share is 1.2; give a number from 0 to 1"),
        ({"decay": [0.9, 1.0]}, "own.decay is 1.0; give a number from 0, below 1"),
    ],
)
def test_a_statement_that_cannot_be_understood_is_told(stating, search, told):
    with pytest.raises(BenchError, match=told):
        stating(search)


def test_trials_of_equal_number_try_equal_learning_rates_whatever_the_method(make_cell):
    searches = [search_of(make_cell(name)) for name in ("non_saturating", "wgan_gp", "r3gan")]
    for number in range(1, 20):
        tried = [search.values(number) for search in searches]
        assert len({values[LEARNING_RATE] for values in tried}) == 1
        assert len({values[BETA2] for values in tried}) == 1
    rates = {searches[0].values(number)[LEARNING_RATE] for number in range(1, 20)}
    assert len(rates) == 19


def test_a_value_at_which_the_method_no_longer_applies_is_not_offered(make_cell):
    dirac = Component("dirac", {}, "dirac")
    pair = Component("dirac", {}, "dirac")
    cell = replace(make_cell("pacgan", method_hyperparameters={"packing": 1}), dataset=dirac)
    cell = replace(cell, architecture=pair)
    (search,) = searches_of([cell, replace(cell, seed=1)], 1)
    assert "packing" not in search.space


def test_ends_of_a_range_of_whole_numbers_are_whole():
    assert spaces._stated("a.times", (0.5, 8.5, "log"), 2) == Range(1, 8, True, True)


@pytest.mark.parametrize(
    ("known", "median"),
    [(Range(2, 6), 4), (Range(1e-5, 0.1, log=True), 1e-3), (Range(1, 15, True, True), 3)],
    ids=str,
)
def test_draws_are_uniform_or_their_logarithms_are(known, median, make_cell):
    drawn = _draws(known, make_cell)
    assert all(holds(known, value) for value in drawn)
    below, above = (sum(v < median for v in drawn), sum(v > median for v in drawn))
    assert max(below, above) < 1100
    if not known.whole:
        assert len(set(drawn)) > 1500


@pytest.mark.parametrize("known", [Range(1, 3, whole=True), Choice((1, 2, 3))], ids=str)
def test_whole_numbers_and_choices_are_equally_likely(known, make_cell):
    drawn = _draws(known, make_cell)
    assert {value: drawn.count(value) > 580 for value in drawn} == {1: True, 2: True, 3: True}
    assert {type(value) for value in drawn} == {int}


def _draws(known: Range | Choice, make_cell) -> list:
    search = replace(search_of(make_cell()), space={"any": known})
    return [search.values(number)["any"] for number in range(1, 2001)]
