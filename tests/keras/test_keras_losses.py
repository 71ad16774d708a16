"""Losses against Keras's own."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from losses_cases import (
    ALL,
    CLASSES,
    LOGITS,
    LOGITS_2D,
    PAIRS,
    RNG,
    ROWS,
    outputs_for,
    own,
    targets_for,
)
from oracles import (
    assert_close,
    named,
)

from jaxnet_mini import losses
from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.layers import Dense
from jaxnet_mini.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


WEIGHTS = RNG.uniform(0.0, 3.0, ROWS).astype(np.float32)


def in_keras(keras, loss, **more):
    return getattr(keras.losses, type(loss).__name__)(**own(loss), **more)


@pytest.mark.parametrize("logits", [LOGITS, LOGITS_2D], ids=["2d", "3d"])
@pytest.mark.parametrize("loss", ALL, ids=named)
def test_losses_are_those_of_keras(loss, logits):
    y_pred = outputs_for(loss, logits)
    y_true = targets_for(loss, y_pred)
    with keras_on_jax() as keras:
        per_example = np.asarray(in_keras(keras, loss, reduction=None)(y_true, y_pred))
        mean = np.asarray(in_keras(keras, loss)(y_true, y_pred))
        rows = WEIGHTS.reshape(ROWS, *(1,) * (per_example.ndim - 1))
        weights = np.broadcast_to(rows, per_example.shape)
        weighted = np.asarray(in_keras(keras, loss)(y_true, y_pred, weights))
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    assert_close(loss.per_example(y_true, y_pred), per_example)
    assert_close(loss(y_true, y_pred), mean)
    assert_close(loss(y_true, y_pred, jnp.asarray(WEIGHTS)), weighted)


@pytest.mark.parametrize("name", sorted(losses.LOSSES))
def test_names_stand_for_the_losses_of_keras(name):
    loss = losses.get(name)
    y_pred = outputs_for(loss, LOGITS)
    y_true = targets_for(loss, y_pred)
    with keras_on_jax() as keras:
        theirs = np.asarray(keras.losses.get(name)(y_true, y_pred))
    assert_close(loss.per_example(jnp.asarray(y_true), jnp.asarray(y_pred)), theirs)


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred"),
    [
        (SparseCategoricalCrossentropy(), [0], [[0.0, 1.0]]),
        (CategoricalCrossentropy(), [[1.0, 0.0]], [[0.0, 1.0]]),
        (BinaryCrossentropy(), [[1.0, 0.0]], [[0.0, 1.0]]),
    ],
    ids=named,
)
def test_trap_probabilities_of_0_are_clipped_as_in_keras(loss, y_true, y_pred):
    y_true, y_pred = np.array(y_true), np.array(y_pred, np.float32)
    y_true = y_true.astype(np.float32 if y_true.ndim == 2 else np.int32)
    with keras_on_jax() as keras:
        theirs = np.asarray(in_keras(keras, loss)(y_true, y_pred))
    ours = loss(jnp.asarray(y_true), jnp.asarray(y_pred))
    assert math.isfinite(float(ours))
    assert_close(ours, theirs)
    # Not exactly ln(1e7): 1 - 1e-7 rounds to a neighbour in float32.
    assert float(ours) == pytest.approx(-math.log(1e-7), rel=0.02)


@pytest.mark.parametrize(("activation", "loss"), PAIRS, ids=named)
def test_the_fused_step_agrees_with_keras_to_its_clipping(activation, loss):
    x = RNG.normal(size=(ROWS, 4)).astype(np.float32)
    net = serial(Dense(CLASSES, activation))
    trainer = Trainer(net, loss, "sgd", metrics=("mse",) * (loss.targets != "classes"))
    state = trainer.init(jax.random.key(0), (4,))
    params = state.params["dense"]
    y_true = targets_for(loss, LOGITS)
    with keras_on_jax() as keras:
        probabilities = keras.activations.get(activation)(
            x @ np.asarray(params["kernel"])
        )
        theirs = np.asarray(in_keras(keras, loss)(y_true, probabilities))
    _, logs = trainer.step(state, (jnp.asarray(x), jnp.asarray(y_true)))
    assert_close(logs["loss"], theirs, 2e-6)
    if trainer.metrics:  # Metrics see probabilities, whatever the loss sees.
        expected = np.mean((y_true - np.asarray(probabilities)) ** 2)
        assert_close(logs["mse"], expected.astype(np.float32), 2e-6)


REDUCTIONS = ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none"]


@pytest.mark.parametrize("reduction", [*REDUCTIONS, None])
@pytest.mark.parametrize("logits", [LOGITS, LOGITS_2D], ids=["2d", "3d"])
def test_reductions_are_those_of_keras(reduction, logits):
    y_true = targets_for(MeanSquaredError(), logits)
    ours = MeanSquaredError(reduction=reduction)
    per_value = RNG.uniform(size=logits.shape[:-1]).astype(np.float32)
    weights = [None, 2.3, per_value, per_value[..., None]]
    for weight in weights if logits.ndim == 2 else weights[:3]:
        with keras_on_jax() as keras:
            theirs = keras.losses.MeanSquaredError(reduction=reduction)
            given = np.float32(weight) if isinstance(weight, float) else weight
            expected = np.asarray(theirs(y_true, logits, given))
        if isinstance(weight, float) and reduction == "mean_with_sample_weight":
            # Keras divides by the number itself, ours by it for each value.
            continue
        # Keras gives values weighted by a column a column's shape.
        actual = ours(y_true, logits, weight)
        assert_close(actual, expected.reshape(actual.shape))


@pytest.mark.parametrize(
    ("name", "y_true"),
    [
        ("sparse_categorical_crossentropy", np.array([1, 0])),
        ("categorical_crossentropy", np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)),
    ],
)
def test_outputs_that_do_not_sum_to_one_are_scaled_as_in_keras(name, y_true):
    y_pred = np.array([[0.2, 0.6], [3.0, 1.0]], np.float32)
    with keras_on_jax() as keras:
        expected = np.asarray(getattr(keras.losses, name)(y_true, y_pred))
    assert_close(getattr(losses, name)(y_true, y_pred), expected)


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred"),
    [
        # Distributions above 1 and at 0, signs 0, and vectors of nearly no length.
        ("kl_divergence", [[0.0, 1.5, 0.5]], [[1.5, 0.5, 0.0]]),
        ("hinge", [[0.0, 1.0], [1.0, 0.0]], [[0.3, 0.4], [-0.3, -2.0]]),
        ("squared_hinge", [[0.0, 1.0], [1.0, 0.0]], [[0.3, 0.4], [-0.3, -2.0]]),
        ("cosine_similarity", [[3.0, 4.0]], [[1e-3, 0.0]]),
        ("cosine_similarity", [[3.0, 4.0]], [[8e-7, 0.0]]),
        ("cosine_similarity", [[3.0, 4.0]], [[7e-8, 0.0]]),
        ("cosine_similarity", [[3.0, 4.0]], [[1e-9, 0.0]]),
        ("cosine_similarity", [[3.0, 4.0]], [[0.0, 0.0]]),
        ("mean_squared_logarithmic_error", [[-1.0, 0.0]], [[0.5, -0.5]]),
        ("mean_absolute_percentage_error", [[0.0, -2.0]], [[1e-7, 1.0]]),
        ("poisson", [[1.0, 0.0]], [[0.0, 0.0]]),
        ("log_cosh", [[1e4, -1e4, 0.0]], [[-1e4, 1e4, 0.0]]),
    ],
)
def test_what_is_beyond_a_formula_counts_as_in_keras(name, y_true, y_pred):
    pair = np.array(y_true, np.float32), np.array(y_pred, np.float32)
    with keras_on_jax() as keras:
        expected = np.asarray(getattr(keras.losses, name)(*pair))
    assert_close(getattr(losses, name)(*pair), expected)
