"""Schedules against Keras's own."""

import jax
import numpy as np
import pytest
from conftest import keras_on_jax

from jaxnet_mini.core.optimizers.rates import from_state
from jaxnet_mini.optimizers import schedules

pytestmark = pytest.mark.usefixtures("quick_compilation")

CASES = [
    ("ExponentialDecay", (0.1, 8, 0.9), {}),
    ("InverseTimeDecay", (0.1, 8, 0.9), {"staircase": True}),
    ("PiecewiseConstantDecay", ([10, 20], [1.0, 0.5, 0.25]), {}),
    # Where it is compiled, Keras's rounds up one time too many for other numbers.
    ("PolynomialDecay", (0.1, 16, 0.01, 2.0), {"cycle": True}),
    ("CosineDecay", (0.1, 50, 0.1), {"warmup_target": 0.5, "warmup_steps": 10}),
    ("CosineDecayRestarts", (0.1, 16, 1.0, 0.8, 0.1), {}),
    ("CosineDecayRestarts", (0.1, 16, 2.0, 0.8, 0.1), {}),
]


def test_rates_are_those_of_keras():
    steps = np.arange(150, dtype=np.int32)
    with keras_on_jax() as keras:
        theirs = [
            getattr(keras.optimizers.schedules, name)(*given, **named)
            for name, given, named in CASES
        ]
        expected = jax.jit(lambda t: [jax.vmap(one)(t) for one in theirs])(steps)
        defaults = [one.get_config() for one in theirs]
    ours = [getattr(schedules, name)(*given, **named) for name, given, named in CASES]
    held = [from_state(one) for one in ours]
    states = [one.init() for one in held]
    found = jax.jit(
        lambda states, steps: [
            jax.vmap(lambda t, h=h, s=s: h(s._replace(steps=t)))(steps)
            for h, s in zip(held, states, strict=True)
        ]
    )(states, steps)
    for case, one, other in zip(CASES, found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-7, err_msg=str(case))
    for one, config in zip(ours, defaults, strict=True):
        for argument, value in config.items():
            if argument != "name":
                held = getattr(one, argument)
                assert held is value or np.array_equal(held, value), argument
