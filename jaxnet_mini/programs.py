"""The compiled programs: the functions of `jaxnet_mini.train`, one program per job.

Layers, trainers and shapes are static and compared by value, so that two equal models
share them. What the numbers of an optimizer are, how many rows there are within a
rounded size and where a loop starts and ends are arguments, never constants.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax

from jaxnet_mini import train
from jaxnet_mini.train import Trainer


class RunOnce:
    """A function compiled as a whole, but quickly, since it runs once.

    One operation at a time would be one small compilation each. On a CPU the compiler
    spends a second on making random numbers fast; it is told to leave that, which
    changes no bit of them.
    """

    def __init__(self, function: Callable[..., Any], static_argnums: Any) -> None:
        self._function = function
        self._static_argnums = static_argnums

    @functools.cached_property
    def _compiled(self) -> Callable[..., Any]:
        # Asked for when first called: importing must not start a device.
        cpu = jax.default_backend() == "cpu"
        return jax.jit(
            self._function,
            static_argnums=self._static_argnums,
            compiler_options={"xla_backend_optimization_level": 0} if cpu else None,
        )

    def __call__(self, *arguments: Any) -> Any:
        # At once, also where a model is first called while a user's function is traced:
        # its weights are then made, and are no part of what is traced.
        with jax.ensure_compile_time_eval():
            return self._compiled(*arguments)


untrained = RunOnce(train.untrained, static_argnums=(0, 1))
with_optimizer = RunOnce(train.with_optimizer, static_argnums=0)
no_sums = RunOnce(Trainer.no_sums, static_argnums=0)
loop = jax.jit(Trainer.loop, static_argnums=0)
evaluate = jax.jit(Trainer.evaluate, static_argnums=0)
predict = jax.jit(train.predict, static_argnums=0)
all_finite = jax.jit(train.all_finite)
