"""Engines that play rounds: plainly, or traced once and compiled whole.

A round is traced with ``make_fx``: its Python runs once, over stand-ins that carry shapes only,
and torch's own operations are recorded, those of the automatic differentiation included. So a
method file is ordinary Python, and gradients of gradients need no special form. AOTInductor turns
the graph into a shared library, which a later process loads in milliseconds. On a GPU the
library's launches are captured once more, as a CUDA graph over static buffers.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from bench.errors import BenchError
from bench.once import once
from bench.training.convolutions import TABLE
from bench.training.game import Observed, Round
from bench.training.state import Inputs, State


class Uncompilable(Exception):
    """Says in one line why a round is not compiled."""


@dataclass(frozen=True)
class Ready:
    """A round that is ready to be played, and how it came to be."""

    play: Round
    engine: str
    note: str = ""
    """Why it is played plainly although it should not be."""
    seconds: float = 0.0
    """Spent on tracing, compiling and loading."""


class Engine:
    """Plays rounds plainly."""

    name: ClassVar[str] = "eager"

    def prepare(self, play: Round, state: State, inputs: Inputs) -> Ready:
        """Return the round made ready for such a state and such inputs."""
        return Ready(play, self.name)


class Traced(Engine):
    """Plays the graph that a round's trace leaves: what compiling would compile."""

    name: ClassVar[str] = "traced"
    fatal: Callable[[BaseException], bool] = staticmethod(lambda _: False)
    """Tells which errors are not the round's: they are raised, so that the cell is tried again."""

    def prepare(self, play: Round, state: State, inputs: Inputs) -> Ready:
        """Return the round by its graph, or plain with the reason where there is none."""
        begun = time.perf_counter()
        try:
            made = self._made(Structure.of(play, state, inputs), state, inputs)
        except Exception as error:  # a method may do what cannot be traced, a compiler may fail
            if self.fatal(error):
                raise
            return Ready(play, Engine.name, _why(error), time.perf_counter() - begun)
        return Ready(made, self.name, seconds=time.perf_counter() - begun)

    def _made(self, structure: Structure, state: State, inputs: Inputs) -> Round:
        graph, _ = structure.traced()
        return structure.round_of(lambda leaves: graph(*leaves))


@dataclass(frozen=True)
class Compiled(Traced):
    """Plays rounds that are compiled whole, each graph once for all who share the folder.

    Args:
        folder: the cache.
        ingredients: a text that differs wherever a round's graph may differ; shapes and torch's
            version are added here.
        fatal: which errors are not the round's, such as a lack of memory.
    """

    folder: Path
    ingredients: str
    fatal: Callable[[BaseException], bool] = Traced.fatal
    name: ClassVar[str] = "compiled"

    def _made(self, structure: Structure, state: State, inputs: Inputs) -> Round:
        told = repr((self.ingredients, torch.__version__, structure.signature()))
        file = self.folder / f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.pt2"
        if not file.exists() and not compiler():
            raise Uncompilable("no C++ compiler was found (g++, or the one that CXX names)")
        with _compiler_options(self.folder):
            run = once(file, _load, lambda path: _compile(structure.traced(), path))
        play = structure.round_of(run)
        return captured(play, state, inputs) if inputs.total.is_cuda else play


def compiler() -> str:
    """Return the path of the C++ compiler, or an empty string."""
    command = shlex.split(os.environ.get("CXX", "")) or ["g++"]
    return shutil.which(command[0]) or ""


class Structure:
    """A round as a function of a flat list of tensors, with the way back to its trees."""

    def __init__(self, play: Round, leaves: list[Tensor], into: Any, out: Any):
        self._play, self._leaves, self._into, self._out = play, leaves, into, out

    @classmethod
    def of(cls, play: Round, state: State, inputs: Inputs) -> Structure:
        """Find a round's structure by playing it."""
        leaves, into = tree.tree_flatten((state, inputs))
        after, observed = play(state, inputs)
        # a library reads what it is given as it was told at first, and does not look
        if _layout(state) != _layout(after):
            raise Uncompilable(
                "a tensor of its state changes its shape, type or layout from round to round"
            )
        _, out = tree.tree_flatten((after, observed))
        return cls(play, leaves, into, out)

    def signature(self) -> tuple[Any, ...]:
        """Return shapes, types and strides of what goes in, and the structure of both sides."""
        tensors = [(str(x.device), str(x.dtype), x.shape, x.stride()) for x in self._leaves]
        return tensors, str(self._into), str(self._out)

    def traced(self) -> tuple[torch.fx.GraphModule, tuple[Tensor, ...]]:
        """Return the round's graph over flat tensors, and the tensors it was traced for."""
        from torch.fx.experimental.proxy_tensor import make_fx

        def flat(*leaves: Tensor) -> list[Tensor]:
            state, inputs = tree.tree_unflatten(list(leaves), self._into)
            return tree.tree_flatten(self._play(state, inputs))[0]

        trace = make_fx(flat, TABLE, tracing_mode="fake", _allow_non_fake_inputs=True)
        graph = trace(*self._leaves)
        for node in graph.graph.nodes:
            # it may have been drawn for these very members, and would be kept for all
            if node.op == "get_attr" and getattr(graph, str(node.target)).ndim:
                raise Uncompilable(
                    "it uses a tensor that is neither an argument of its hooks, nor in its state, "
                    "nor made by torch.arange, torch.ones and the like"
                )
        return graph, tuple(self._leaves)

    def round_of(self, run: Callable[[list[Tensor]], list[Tensor]]) -> Round:
        """Return the round that a function of flat tensors plays."""

        def play(state: State, inputs: Inputs) -> tuple[State, Observed]:
            flat = run(tree.tree_leaves((state, inputs)))
            return tree.tree_unflatten(flat, self._out)

        return play


STALE_SECONDS = 3600.0
"""Age from which half-written files are those of compilers that were killed."""


def _compile(traced: tuple[torch.fx.GraphModule, tuple[Tensor, ...]], path: Path) -> None:
    import torch._inductor

    graph, leaves = traced
    for left in path.parent.glob("*.tmp.pt2"):
        if time.time() - left.stat().st_mtime > STALE_SECONDS:
            left.unlink(missing_ok=True)
    program = torch.export.export(graph, leaves, strict=False)
    torch._inductor.aoti_compile_and_package(program, package_path=str(path))


def _load(path: Path) -> Callable[[list[Tensor]], list[Tensor]]:
    import torch._inductor

    # the loader itself: the model around it would rebuild the trees from text at every call;
    # single-threaded, as a CUDA graph cannot capture the other form
    return torch._inductor.aoti_load_package(str(path), run_single_threaded=True).loader.boxed_run


def captured(play: Round, state: State, inputs: Inputs) -> Round:
    """Return a round that replays a CUDA graph over static buffers.

    The state it returns lies in these buffers: the next round overwrites it, and goes on from it
    without a copy.
    """
    held, static = tree.tree_map(torch.clone, state), tree.tree_map(torch.clone, inputs)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):  # libraries set themselves up at first calls, which must not be captured
            play(held, static)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        after, observed = play(held, static)
        _overwrite(held, after)

    def replay(state: State, inputs: Inputs) -> tuple[State, Observed]:
        if state is not held:
            _overwrite(held, state)
        _overwrite(static, inputs)
        graph.replay()
        return held, tree.tree_map(torch.clone, observed)

    return replay


def _layout(state: State) -> Any:
    def of(x: Tensor) -> Any:
        # an axis of one has a stride that nobody reads
        strides = [s for s, size in zip(x.stride(), x.shape, strict=True) if size > 1]
        return x.dtype, tuple(x.shape), strides

    return [of(x) for x in tree.tree_leaves(state)]


def _overwrite(old: Any, new: Any) -> None:
    held = tree.tree_leaves(old)
    taken = {tensor.data_ptr(): tensor for tensor in held}
    values = [
        # one entry that becomes another must be read before that is overwritten
        value.clone() if taken.get(value.data_ptr(), to) is not to else value
        for to, value in zip(held, tree.tree_leaves(new), strict=True)
    ]
    for to, value in zip(held, values, strict=True):
        to.copy_(value, non_blocking=True)


@contextmanager
def _compiler_options(folder: Path) -> Iterator[None]:
    """Keep the compiler's own files below the cache, and its work in this process."""
    import torch._inductor.config as config

    before = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder.absolute() / "inductor")
    try:
        with config.patch(compile_threads=1):
            yield
    finally:
        if before is None:
            del os.environ["TORCHINDUCTOR_CACHE_DIR"]
        else:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = before


def _why(error: Exception) -> str:
    """Return in one line where a round cannot be compiled, and why."""
    first = (str(error).splitlines() or [""])[0][:200]
    if isinstance(error, Uncompilable | BenchError):
        return first
    told = f"{type(error).__name__}: {first}"
    if "DataDependent" in type(error).__name__ or "DynamicOutputShape" in type(error).__name__:
        told = "it needs the value of a tensor (.item(), if, numpy), which a trace does not have"
    ours = Path(__file__).parents[1]
    elsewhere = (torch.__file__, os.__file__, __file__, ours / "metrics" / "once.py")
    nowhere = tuple(str(Path(file).parent) for file in elsewhere)
    places = [
        f"{Path(frame.filename).name}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((*nowhere, "<"))
    ]
    return f"at {places[-1]}: {told}" if places else told
