"""Loops of one's own in Keras's stateless words, beside Keras's own."""

import jax
import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 5)).astype(np.float32)
Y = RNG.integers(0, 3, 48)
FIRST, LAST = (RNG.normal(size=shape).astype(np.float32) for shape in ((5, 4), (4, 3)))


def trained(library, as_given):
    """What a script prints, and the weights; the library is all that differs in it."""
    layers, constant = library.layers, library.initializers.Constant
    x = library.Input((5,))
    first = layers.Dense(
        4, "relu", kernel_initializer=constant(FIRST), kernel_constraint="non_neg"
    )
    last = layers.Dense(
        3, kernel_initializer=constant(LAST), kernel_regularizer="l2", name="last"
    )
    model = library.Model(x, last(layers.BatchNormalization()(first(x))))
    optimizer = library.optimizers.AdamW(0.01, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=[model.layers[-1].kernel])
    loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = library.metrics.SparseCategoricalAccuracy()

    def compute(trainable, rest, counted, x, y):
        outputs, rest, added = model.stateless_call(
            trainable, rest, x, training=True, return_losses=True
        )
        counted = metric.stateless_update_state(counted, y, outputs)
        return loss(y, outputs) + sum(added), (rest, counted)

    @jax.jit
    def step(state, x, y):
        trainable, rest, own, counted = state
        (value, (rest, counted)), grads = jax.value_and_grad(compute, has_aux=True)(
            trainable, rest, counted, x, y
        )
        trainable, own = optimizer.stateless_apply(own, grads, trainable)
        return value, (trainable, rest, own, counted)

    optimizer.build(model.trainable_variables)
    of_model = model.trainable_variables, model.non_trainable_variables
    variables = (*of_model, optimizer.variables, metric.variables)
    state = variables
    if not as_given:
        state = tuple([one.value for one in several] for several in variables)
    printed = []
    for _ in range(2):
        for place in range(0, 48, 12):
            rows = slice(place, place + 12)
            value, state = step(state, X[rows], Y[rows])
        printed += [float(value), float(metric.stateless_result(state[3]))]
        state = (*state[:3], metric.stateless_reset_state())
    (_, (_, counted)) = compute(*state[:2], state[3], X, Y)
    for several, values in zip(variables, (*state[:3], counted), strict=True):
        for variable, new in zip(several, values, strict=True):
            variable.assign(new)
    printed += [float(metric.result()), float(np.asarray(variables[2][0]))]
    return printed, [*model.get_weights(), model.predict(X, verbose=0)]


def test_a_script_prints_what_it_prints_with_keras():
    with keras_on_jax() as keras:
        printed, weights = trained(keras, as_given=False)
    own, other = trained(jn, as_given=True)
    assert own == pytest.approx(printed, rel=1e-4)
    for one, expected in zip(other, weights, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-3, atol=1e-5)


def test_metrics_count_as_keras_counts():
    """Within a program, and without a trace in the metric itself."""
    outputs = jax.nn.softmax(X[:, :3])
    asked = {
        "Mean": ([1.0, 3.0],),
        "SparseCategoricalCrossentropy": (Y, outputs),
        "AUC": (Y == 1, outputs[:, 1]),
    }
    with keras_on_jax() as keras:
        for name, batch in asked.items():
            found = []
            for library in (jn, keras):
                metric = getattr(library.metrics, name)()
                before = float(metric.result())
                counted = metric.stateless_reset_state()
                update = jax.jit(metric.stateless_update_state)
                counted = update(update(counted, *batch), *batch)
                found.append(np.asarray(metric.stateless_result(counted)))
                assert float(metric.result()) == before != found[-1]
            np.testing.assert_allclose(*found, rtol=1e-4, err_msg=name)
