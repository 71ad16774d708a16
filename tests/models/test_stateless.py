"""Pure functions of a model by Keras's words: what they refuse, and random numbers."""

import jax
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, StateError
from jaxnet_mini.layers import Dense, Dropout

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.ones((4, 2), np.float32)


def test_each_step_draws_from_its_key():
    model = jn.Sequential([Dense(8, input_dim=2), Dropout(0.5)])
    lists = model.trainable_variables, model.non_trainable_variables
    assert lists[1] == []
    keys = jax.random.split(jax.random.key(0))
    one, again, other = (
        np.asarray(model.stateless_call(*lists, X, training=True, key=key)[0])
        for key in (keys[0], keys[0], keys[1])
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    with raises_text(ArgumentError, "Dropout(0.5) draws random numbers in training"):
        model.stateless_call(*lists, X, training=True)


def test_another_number_of_variables_is_refused():
    model = jn.Sequential([Dense(1, input_dim=2)])
    model.compile(jn.optimizers.SGD(0.1, momentum=0.5), "mse")
    mean, optimizer = jn.metrics.Mean(), jn.optimizers.SGD(0.1)
    trained, own = model.trainable_variables, model.optimizer.variables
    with raises_text(StateError, "SGD has no variables yet: call optimizer.build("):
        optimizer.stateless_apply([], [], [])
    optimizer.build(trained)
    apply = model.optimizer.stateless_apply
    for call, text in (
        (lambda: model.stateless_call([], [], X), "trainable_variables has 0 arrays"),
        (lambda: apply(own[1:], trained, trained), "optimizer_variables has"),
        (lambda: apply(own, trained[1:], trained), "grads has 1 arrays, and the opt"),
        (lambda: apply(own, trained, []), "trainable_variables has 0 arrays"),
        (lambda: mean.stateless_result([1.0]), "Mean has 2 variables and was given 1"),
        (
            lambda: mean.variables[0].assign([1.0]),
            "a variable of Mean has the shape ()",
        ),
    ):
        with raises_text(ArgumentError, text):
            call()
    after, _ = apply(own, trained, trained)  # a step along the weights themselves
    np.testing.assert_allclose(after[0], 0.9 * trained[0].value, rtol=1e-6)


def test_the_loss_is_that_of_compile():
    model = jn.Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse", loss_weights=2.0)
    loss = model.compute_loss(y=X[:, :1], y_pred=X[:, 1:] * 3, sample_weight=None)
    assert float(loss) == pytest.approx(8.0)
