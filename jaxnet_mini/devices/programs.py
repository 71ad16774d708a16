"""The compiled programs: pure functions of the core, one program per job.

Layers, trainers and shapes are static and compared by value, so that two equal models
share them. (A trainer is a pytree without leaves; those of one that is
`jaxnet_mini.core.training.traced.Traced` are numbers, and arguments.) What the numbers
of an optimizer are, how many rows there are within a rounded size and where a loop
starts and ends are arguments, never constants.
"""

import contextlib
import functools
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxnet_mini.core.training import epochs as several_epochs
from jaxnet_mini.core.training import predict as predictions
from jaxnet_mini.core.training import start
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.devices import (
    forks,
    lending,
    memory,
    onednn,
    pools,
    transfers,
    uncompiled,
)

FAST = {"xla_cpu_prefer_vector_width": 512}
"""On a CPU, for training: vectors of AVX-512's full width, where the compiler by itself
takes half. An epoch is 5 to 10 % faster so. What only goes forward is not, and an
evaluation has them too, so that it has the same bits within a program of several
epochs. Other CPUs ignore it."""

ONCE = {"xla_backend_optimization_level": 0}
"""On a CPU, for what runs once: the compiler spends a second on making random numbers
fast; it is told to leave that, which changes no bit of them."""

ON_A_GPU = {
    "xla_gpu_enable_command_buffer": "FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,"
    "DYNAMIC_SLICE_FUSION,CONDITIONAL,WHILE"
}
"""On a GPU: loops and branches are part of what it is told at once, besides what is by
itself. Otherwise the host reads at each step whether there is another. Where driver or
loop do not allow it, the compiler leaves the loop to the host."""


_LOOKS_INTO = "jax_disable_jit", "jax_debug_nans", "jax_debug_infs"
"""Options with which JAX does more than to run a program that it compiled."""


@functools.cache
def _knows_loops_on_a_gpu() -> bool:
    """Return whether the compiler knows `ON_A_GPU`; another refuses all programs."""
    try:
        jax.jit(lambda: 0, compiler_options=ON_A_GPU).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def training_options(rows: int) -> dict[str, Any]:
    """Return the options of the compiler for steps of so many rows on a CPU."""
    return {**FAST, **onednn.options(rows)}


def compiler_options(cpu_options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the compiler for JAX's default device."""
    device = jax.default_backend()
    if device == "cpu":
        return dict(cpu_options)
    return ON_A_GPU if device == "gpu" and _knows_loops_on_a_gpu() else {}


def jit(
    function: Callable[..., Any], cpu_options: Mapping[str, Any], **options: Any
) -> Any:
    """Return ``jax.jit(function)``, with the options of the compiler for the device."""
    chosen = compiler_options(cpu_options)
    return jax.jit(function, compiler_options=chosen or None, **options)


def default_generator() -> str:
    """Return the name of the generator of which JAX makes new keys now."""
    option = "jax_default_prng_impl"
    return str(getattr(jax.config, option))


def _another(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is the same and another one to JAX."""

    @functools.wraps(function)
    def called(*arguments: Any) -> Any:
        return function(*arguments)

    return called


def _nothing_is_compiled() -> bool:
    return _is_on("jax_disable_jit")


def _is_on(option: str) -> bool:
    return bool(getattr(jax.config, option))


class Program:
    """A function, compiled as a whole for each shape that it meets.

    Args:
        function: what it computes.
        static_argnums: which arguments are compiled for by their values.
        cpu_options: for the compiler, on a CPU.
        lends: whether it is compiled once for all devices of the CPU, see
            `jaxnet_mini.devices.lending`. A call on one that was made here then takes
            the host 0.1 ms more.
        rows: returns of the arguments how many rows its products have: of large ones
            it is compiled as `jaxnet_mini.devices.onednn` says. It is then not lent.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        static_argnums: tuple[int, ...] = (),
        cpu_options: Mapping[str, Any] | None = None,
        lends: bool = False,
        rows: Callable[..., int] | None = None,
    ) -> None:
        self._function, self._lends, self._rows = function, lends, rows
        self._static = static_argnums
        self._cpu_options = cpu_options or {}
        self._begun: set[Any] = set()
        self._compiling: tuple[threading.Thread, ...] = ()
        self._lock = threading.Lock()
        self._jitted: dict[tuple[str, bool], Any] = {}
        self._lent: dict[Any, Any] = {}
        self._lending = threading.Lock()

    @property
    def jitted(self) -> Any:
        """The function under ``jax.jit``, by the generator of JAX's new keys.

        JAX knows no trace by its ``jax_default_prng_impl``: where that was changed, or
        is another for a while, the keys made in a program would be those of before.
        """
        return self._jitted_with({})

    def jitted_for(self, *arguments: Any) -> Any:
        """The same, with the compiler's options for such arguments."""
        return self._jitted_with(self._large_options(arguments))

    def _jitted_with(self, large: Mapping[str, Any]) -> Any:
        key = default_generator(), bool(large)
        found = self._jitted.get(key)
        if found is None:
            # Made when first called: importing must not start a device. And made once:
            # another would compile anew.
            with self._lock:
                found = self._jitted.setdefault(
                    key,
                    jit(
                        _another(self._function),
                        {**self._cpu_options, **large},
                        static_argnums=self._static,
                    ),
                )
        return found

    def _large_options(self, arguments: tuple[Any, ...]) -> Mapping[str, Any]:
        """Return the compiler's further options for what these arguments are."""
        if self._rows is None or jax.default_backend() != "cpu":
            return {}
        return onednn.options(self._rows(*arguments))

    def _kept(
        self, arguments: tuple[Any, ...]
    ) -> contextlib.AbstractContextManager[None]:
        """Return within what to compile, so that JAX keeps on disk what it can."""
        with_onednn = self._large_options(arguments) and lending.comes_from_disk()
        return onednn.not_written() if with_onednn else contextlib.nullcontext()

    def __call__(self, *arguments: Any) -> Any:
        self._be_ready()
        with transfers.meant(), self._kept(arguments):
            lent = self._lent_for(arguments)
            if lent is None:
                return self.jitted_for(*arguments)(*arguments)
            return lent(*self._variables(arguments))

    def _may_lend(self, arguments: tuple[Any, ...]) -> bool:
        # Once is enough: JAX does not tell where a program that it has came from.
        self._lends = self._lends and not lending.comes_from_disk()
        return self._lends and not self._large_options(arguments)

    def _lent_for(self, arguments: tuple[Any, ...]) -> Any:
        """Return what was compiled for JAX's device for that of arguments.

        None where they lie on JAX's, and where nothing can be lent, or JAX is to look
        into what is computed.
        """
        device = lending.own_among(arguments) if self._may_lend(arguments) else None
        if device is None or any(map(_is_on, _LOOKS_INTO)):
            return None
        key = self._key(arguments), *map(str, lending.settings().values())
        if key not in self._lent:
            jitted = self.jitted
            with self._lending:  # all who call meanwhile wait
                if key not in self._lent:
                    compiled = jitted.lower(*lending.as_at_home(arguments)).compile()
                    self._lent[key] = lending.lent(compiled, device)
        return self._lent[key]

    def _key(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return by what compiled programs are told apart."""
        constants = tuple(arguments[index] for index in self._static)
        leaves, structure = jax.tree.flatten(self._variables(arguments))
        shapes = tuple(
            (np.shape(leaf), getattr(leaf, "dtype", type(leaf)), pools.own_of(leaf))
            for leaf in leaves
        )
        return constants, structure, shapes, default_generator()

    def shapes(self, *arguments: Any) -> Any:
        """Return shapes and dtypes of what a call would return."""
        with transfers.meant():
            return self.jitted_for(*arguments).eval_shape(*arguments)

    def has_effects(self, *arguments: Any) -> bool:
        """Tell whether a call would do more than to return something.

        Such as ``jax.debug.print``, which tells Python; and where nothing is compiled,
        whatever a user's functions do.
        """
        if _nothing_is_compiled():
            return True
        with transfers.meant():
            return bool(self.jitted_for(*arguments).trace(*arguments).jaxpr.effects)

    def compile_ahead(
        self, *arguments: Any, first: Callable[[], None] | None = None
    ) -> bool:
        """Start to compile in another thread what a call will find compiled.

        Args:
            arguments: only their shapes and dtypes count; ``jax.ShapeDtypeStruct``
                will do.
            first: what that thread does before, such as to `wait` for another program.

        Returns:
            Whether there was anything to start.
        """
        if _nothing_is_compiled():
            return False
        if self._may_lend(arguments):
            arguments = lending.as_at_home(arguments)
        key = self._key(arguments)
        with self._lock:
            if key in self._begun:
                return False
            self._begun.add(key)
        # Tracing needs this thread; compiling leaves Python to others meanwhile.
        with transfers.meant():
            lowered = self.jitted_for(*arguments).lower(*arguments)

        def finish() -> None:
            # Where it fails, the call fails too, and where it can be handled.
            with contextlib.suppress(Exception):
                if first is not None:
                    first()
                with self._kept(arguments):
                    lowered.compile()

        # No daemon: Python ends the process once it is done. One that is within the
        # compiler while Python shuts down would abort it.
        thread = threading.Thread(target=finish)
        thread.start()
        with self._lock:
            self._compiling += (thread,)
        return True

    def compile_with_room(self, *arguments: Any) -> None:
        """Compile what a call will find compiled, and give back what that took."""
        if self.compile_ahead(*arguments):
            self.wait()
            memory.give_back()

    def wait(self) -> None:
        """Wait until what is compiled ahead is there."""
        if compiling := self._compiling:
            for thread in compiling:
                thread.join()
            with self._lock:
                self._compiling = tuple(t for t in self._compiling if t.is_alive())

    def _be_ready(self) -> None:
        forks.check("computing")
        transfers.check("computing")
        # All who call meanwhile wait, or each would compile for itself.
        self.wait()

    def _variables(self, arguments: tuple[Any, ...]) -> list[Any]:
        return [a for index, a in enumerate(arguments) if index not in self._static]


class ProgramForOnce(Program):
    """A program that makes a start: not compiled, or quickly rather than well.

    One operation of JAX at a time would be one small compilation each.
    """

    def __init__(
        self, function: Callable[..., Any], static_argnums: tuple[int, ...]
    ) -> None:
        super().__init__(function, static_argnums, ONCE)

    def __call__(self, *arguments: Any) -> Any:
        # Compiled first and then called, so that it runs at once where a model is first
        # called while a user's function is traced: its weights are then made, and are
        # no part of what is traced.
        if _nothing_is_compiled():
            return super().__call__(*arguments)
        self._be_ready()
        with transfers.meant():
            traced, found = self._by_numpy(arguments)
            if found is not None:
                return found
            return traced.lower().compile()(*self._variables(arguments))

    def at_once(self, *arguments: Any) -> Any:
        """Return what a call returns; None where that has to be compiled first."""
        if _nothing_is_compiled():
            return None
        with transfers.meant():
            return self._by_numpy(arguments)[1]

    def _by_numpy(self, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
        """Return the function as it is traced, and what it returns if NumPy may say."""
        traced = self.jitted.trace(*arguments)
        leaves = jax.tree.leaves(self._variables(arguments))
        return traced, uncompiled.computed(traced, leaves)


def _rows_of_a_step(*arguments: Any) -> int:
    order = arguments[3]
    return math.prod(order.shape[1:])


def _rows_of_epochs(*arguments: Any) -> int:
    orders = arguments[3].orders
    return math.prod(orders.shape[2:])


def rows_of_a_batch(*arguments: Any) -> int:
    """Return the rows of a batch of what `evaluate` goes through."""
    batches = arguments[2]
    return int(jax.tree.leaves(batches.x)[0].shape[1])


untrained = ProgramForOnce(start.untrained, static_argnums=(0, 1))
fresh = ProgramForOnce(start.fresh, static_argnums=(0, 1))
with_optimizer = ProgramForOnce(start.with_optimizer, static_argnums=(0,))
# Its programs take a trainer as an argument that is no array.
jax.tree_util.register_static(Trainer)
_trained = functools.partial(Program, cpu_options=FAST, lends=True)
loop = _trained(Trainer.loop, rows=_rows_of_a_step)
epochs = _trained(several_epochs.loop, rows=_rows_of_epochs)
evaluate = _trained(Trainer.evaluate, rows=rows_of_a_batch)
predict = Program(predictions.predict, static_argnums=(0,))
apply = Program(predictions.apply, static_argnums=(0,))
