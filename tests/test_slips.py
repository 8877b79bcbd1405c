"""Slips in a user's own method that would otherwise train as something else."""

import pytest
import torch

from bench.errors import BenchError
from bench.records.sources import sources_of_part
from bench.registry import find, make_method

HEAD = '''from dataclasses import dataclass
import torch
from bench.method import Method

@dataclass(frozen=True)
class Mine(Method):
    """One of a user's."""

'''


def write(folder, name: str, body: str, coding: str = "utf-8") -> None:
    (folder / f"{name}.py").write_text(HEAD + body, encoding=coding)
    find.cache_clear()


@pytest.mark.parametrize(
    ("body", "name", "near"),
    [
        ("    critic_step = 5\n", "critic_step", "critic_steps"),
        ("    critic_step: int = 5\n", "critic_step", "critic_steps"),
        ("    generator_sees_reel = True\n", "generator_sees_reel", "generator_sees_real"),
        ("    def discriminator_los(self, real_logits, fake_logits):\n        return 0\n",
         "discriminator_los", "discriminator_loss"),
        ("    on_requests = True\n", "on_requests", "on_request"),
    ],
)  # fmt: skip
def test_a_name_that_resembles_one_of_the_contract_is_refused(methods_folder, body, name, near):
    write(methods_folder, "mine", body)
    told = f"has '{name}', which nothing reads; did you mean '{near}'"
    with pytest.raises(BenchError, match=told):
        make_method("mine")


@pytest.mark.parametrize(
    "body",
    [
        # resembles nothing
        "    def slope_between(self, x):\n        return x\n",
        # resembles a hook that is stated, too
        "    optimizer: str = ''\n\n    def optimizers(self, base):\n        return base, base\n",
        # is read
        "    critic_step: int = 5\n\n    @property\n    def critic_steps(self):\n"
        "        return self.critic_step\n",
        "    _critic_step = 5\n",
    ],
)
def test_other_names_are_a_methods_own(methods_folder, body):
    write(methods_folder, "mine", body)
    assert make_method("mine").name == "mine"


def test_a_misspelt_hyperparameter_of_a_parent_is_refused(methods_folder):
    (methods_folder / "mine.py").write_text(
        HEAD.replace("bench.method import Method", "methods.wgan_gp import WGANGP")
        .replace("(Method)", "(WGANGP)") + "    penalty_weigth: float = 5.0\n"
    )  # fmt: skip
    find.cache_clear()
    assert "did you mean 'penalty_weight'" in find("method").broken["mine"].reason


MODULE = """    def __post_init__(self):
        object.__setattr__(self, "network", torch.nn.Linear(2, 2))
"""


def test_modules_of_a_methods_own_begin_alike_in_every_process_and_company(methods_folder):
    write(methods_folder, "mine", MODULE)
    first = make_method("mine").network.weight
    torch.manual_seed(7)
    assert torch.equal(make_method("mine").network.weight, first)
    write(methods_folder, "early", "    pass\n\n\nNOISE = torch.randn(3)\n")
    assert torch.equal(make_method("mine").network.weight, first)


def test_a_method_that_draws_while_it_is_made_leaves_the_global_state_alone(methods_folder):
    write(methods_folder, "mine", MODULE)
    torch.manual_seed(7)
    drawn = torch.rand(3)
    torch.manual_seed(7)
    make_method("mine")
    assert torch.equal(torch.rand(3), drawn)


@pytest.mark.parametrize(
    ("coding", "first"), [("utf-8-sig", ""), ("latin-1", "# -*- coding: latin-1 -*-\n")]
)
def test_files_are_read_as_python_reads_them(methods_folder, coding, first):
    text = HEAD.replace("a user's", "Erdős'" if coding == "utf-8-sig" else "Gödel's")
    (methods_folder / "plain.py").write_text(text, encoding="utf-8")
    (methods_folder / "mine.py").write_text(first + text, encoding=coding)
    find.cache_clear()
    mine, plain = (sources_of_part(make_method(name)) for name in ("mine", "plain"))
    assert mine["methods/mine.py"] == plain["methods/plain.py"]
