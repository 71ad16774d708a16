"""Optimizers against Keras's own."""

import dataclasses

import numpy as np
import pytest
from conftest import keras_on_jax
from optimizers_cases import (
    AS_KERAS,
    GRADIENTS,
    PARAMS,
    assert_trajectories_agree,
    ours,
)
from oracles import named

from jaxnet_mini import optimizers
from jaxnet_mini.optimizers import SGD, AdamW, Lion, RMSprop


def keras_trajectory(kind, **numbers):
    with keras_on_jax() as keras:
        theirs = getattr(keras.optimizers, kind)(**numbers)
        variables = {n: keras.Variable(v, name=n) for n, v in PARAMS.items()}
        theirs.build(list(variables.values()))
        after = []
        for gradient in GRADIENTS:
            theirs.apply([keras.ops.array(gradient[n]) for n in variables])
            after.append({n: np.array(v) for n, v in variables.items()})
    return after


def numbers_of(optimizer):
    return {f.name: getattr(optimizer, f.name) for f in dataclasses.fields(optimizer)}


@pytest.mark.parametrize("optimizer", AS_KERAS, ids=named)
def test_twenty_steps_are_those_of_keras(optimizer):
    expected = keras_trajectory(type(optimizer).__name__, **numbers_of(optimizer))
    assert_trajectories_agree(ours(optimizer), expected, 1e-5)


@pytest.mark.parametrize("name", sorted(optimizers.OPTIMIZERS))
def test_names_and_defaults_are_those_of_keras(name):
    optimizer = optimizers.get(name)
    with keras_on_jax() as keras:
        theirs = getattr(keras.optimizers, type(optimizer).__name__)().get_config()
    for number, value in numbers_of(optimizer).items():
        expected = theirs[number]
        if type(expected) is float:
            expected = pytest.approx(expected, rel=1e-6)
        assert value == expected, number


OPTIONS = [
    SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.5, weight_decay=0.1),
    AdamW(0.1, amsgrad=True, global_clipnorm=0.5, gradient_accumulation_steps=3),
    RMSprop(0.1, clipvalue=0.1, use_ema=True, ema_momentum=0.8,
            ema_overwrite_frequency=2, gradient_accumulation_steps=2),
    Lion(0.01, weight_decay=0.1, use_ema=True, ema_overwrite_frequency=3),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIONS, ids=named)
def test_options_are_those_of_keras(optimizer):
    expected = keras_trajectory(type(optimizer).__name__, **numbers_of(optimizer))
    assert_trajectories_agree(ours(optimizer), expected, 1e-5)
