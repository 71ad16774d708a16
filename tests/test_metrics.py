"""Metrics: batch by batch, and over an epoch of ragged batches.

Oracles: Keras 3.15 on JAX, scikit-learn and float64 NumPy.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close, raises_text, unchecked_types
from sklearn.metrics import accuracy_score, top_k_accuracy_score

from jaxnet_mini import metrics
from jaxnet_mini.errors import ArgumentError, ShapeError, UnknownNameError
from jaxnet_mini.metrics import Mean, Metric, RootMean

ROWS, CLASSES = 200, 9
RNG = np.random.default_rng(0)
PROBABILITIES = RNG.dirichlet(np.ones(CLASSES), ROWS).astype(np.float32)
LABELS = RNG.integers(0, CLASSES, ROWS).astype(np.int32)
ONE_HOT = np.eye(CLASSES, dtype=np.float32)[LABELS]
BINARY = (RNG.uniform(size=(ROWS, CLASSES)) > 0.5).astype(np.float32)
VALUES = RNG.normal(size=(ROWS, CLASSES)).astype(np.float32)

TARGETS = {
    "acc": LABELS,
    "accuracy": LABELS,
    "bce": BINARY,
    "binary_accuracy": BINARY,
    "binary_crossentropy": BINARY,
    "categorical_accuracy": ONE_HOT,
    "categorical_crossentropy": ONE_HOT,
    "mae": VALUES,
    "mean_absolute_error": VALUES,
    "mean_squared_error": VALUES,
    "mse": VALUES,
    "root_mean_squared_error": VALUES,
    "sparse_categorical_accuracy": LABELS,
    "sparse_categorical_crossentropy": LABELS,
    "sparse_top_k_categorical_accuracy": LABELS,
    "top_k_categorical_accuracy": ONE_HOT,
}
# Names under which Keras has a class and not a function alone.
CLASSES_OF_KERAS = {
    "acc": "SparseCategoricalAccuracy",
    "accuracy": "SparseCategoricalAccuracy",
    "bce": "BinaryCrossentropy",
    "mae": "MeanAbsoluteError",
    "mse": "MeanSquaredError",
    "root_mean_squared_error": "RootMeanSquaredError",
    "sparse_top_k_categorical_accuracy": "SparseTopKCategoricalAccuracy",
    "top_k_categorical_accuracy": "TopKCategoricalAccuracy",
}


def over_batches(metric, y_true, y_pred, batch_size):
    """The result over an epoch whose last batch is padded and masked."""
    totals = None
    for first in range(0, len(y_true), batch_size):
        y, p = y_true[first : first + batch_size], y_pred[first : first + batch_size]
        padding = batch_size - len(y)
        weight = np.pad(np.ones(len(y), np.float32), (0, padding))
        y, p = (
            np.concatenate([a, np.ones_like(a[:1]).repeat(padding, 0)]) for a in (y, p)
        )
        new = metric.totals(jnp.asarray(y), jnp.asarray(p), jnp.asarray(weight))
        totals = (
            new if totals is None else [a + b for a, b in zip(totals, new, strict=True)]
        )
    return metric.result(tuple(totals))


@pytest.mark.parametrize("name", sorted(metrics.METRICS))
def test_metrics_are_those_of_keras_over_ragged_batches(name):
    y_true = TARGETS[name]
    camel = "".join(part.title() for part in name.split("_"))
    with keras_on_jax() as keras:
        theirs = getattr(keras.metrics, CLASSES_OF_KERAS.get(name, camel))()
        theirs.update_state(y_true, PROBABILITIES)
        expected = np.asarray(theirs.result())
    metric = metrics.get(name)
    assert metric.name == name
    for batch_size in (ROWS, 64):
        assert_close(over_batches(metric, y_true, PROBABILITIES, batch_size), expected)


def test_every_metric_is_tested():
    assert sorted(TARGETS) == sorted(metrics.METRICS)


def test_accuracies_are_those_of_scikit_learn():
    predicted = PROBABILITIES.argmax(-1)
    labels = range(CLASSES)
    for name, expected in {
        "accuracy": accuracy_score(LABELS, predicted),
        "sparse_categorical_accuracy": accuracy_score(LABELS, predicted),
        "categorical_accuracy": accuracy_score(LABELS, predicted),
        "binary_accuracy": accuracy_score(BINARY.ravel(), PROBABILITIES.ravel() > 0.5),
        "top_k_categorical_accuracy": top_k_accuracy_score(
            LABELS, PROBABILITIES, k=5, labels=labels
        ),
    }.items():
        actual = over_batches(metrics.get(name), TARGETS[name], PROBABILITIES, 64)
        assert float(actual) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("k", [1, 3, 9])
def test_top_k_is_that_of_scikit_learn_for_every_k(k):
    if k < CLASSES:
        expected = top_k_accuracy_score(
            LABELS, PROBABILITIES, k=k, labels=range(CLASSES)
        )
    else:
        expected = 1.0
    sparse = metrics.sparse_top_k_categorical_accuracy(
        jnp.asarray(LABELS), jnp.asarray(PROBABILITIES), k
    )
    dense = metrics.top_k_categorical_accuracy(
        jnp.asarray(ONE_HOT), jnp.asarray(PROBABILITIES), k
    )
    np.testing.assert_array_equal(sparse, dense)
    assert float(np.mean(sparse)) == pytest.approx(expected, rel=1e-6)


def test_trap_nan_is_not_among_the_largest():
    y_pred = np.array([[np.nan, 0.5, 0.25, 0.25]], np.float32)
    with keras_on_jax() as keras:
        theirs = keras.metrics.sparse_top_k_categorical_accuracy(
            np.array([0]), y_pred, k=2
        )
    ours = metrics.sparse_top_k_categorical_accuracy(
        jnp.array([0]), jnp.asarray(y_pred), k=2
    )
    assert float(ours[0]) == float(np.asarray(theirs)[0]) == 0.0


@pytest.mark.parametrize(
    ("y_true", "y_pred", "expected"),
    [
        (BINARY[:, :1], PROBABILITIES[:, :1], "binary_accuracy"),
        (LABELS, PROBABILITIES, "sparse_categorical_accuracy"),
        (LABELS[:, None], PROBABILITIES, "sparse_categorical_accuracy"),
        (ONE_HOT, PROBABILITIES, "categorical_accuracy"),
    ],
    ids=["binary", "sparse", "sparse column", "one-hot"],
)
def test_the_bare_word_accuracy_is_resolved_as_in_keras(y_true, y_pred, expected):
    with keras_on_jax() as keras:
        model = keras.Sequential([keras.layers.Identity()])
        model.compile(
            loss="binary_crossentropy" if y_pred.shape[-1] == 1 else "mse",
            metrics=["accuracy"],
        )
        theirs = keras.src.trainers.compile_utils.get_metric("accuracy", y_true, y_pred)
        assert theirs.name == "accuracy"
        theirs.update_state(y_true, y_pred)
        theirs = np.asarray(theirs.result())
    values = metrics.accuracy(jnp.asarray(y_true), jnp.asarray(y_pred))
    np.testing.assert_array_equal(
        values, getattr(metrics, expected)(jnp.asarray(y_true), jnp.asarray(y_pred))
    )
    assert_close(np.mean(values), theirs)


def test_metrics_of_several_axes_are_averaged_per_row():
    y_true = LABELS.reshape(50, 4)
    y_pred = PROBABILITIES.reshape(50, 4, CLASSES)
    actual = over_batches(metrics.get("accuracy"), y_true, y_pred, 50)
    expected = accuracy_score(LABELS, PROBABILITIES.argmax(-1))
    assert float(actual) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_trap_padding_may_hold_anything(bad):
    metric = metrics.get("mse")
    y_pred = np.array([[1.0], [2.0], [bad]], np.float32)
    weight = jnp.array([1.0, 1.0, 0.0])
    totals = metric.totals(jnp.zeros((3, 1)), jnp.asarray(y_pred), weight)
    assert float(metric.result(totals)) == 2.5


def test_an_own_function_goes_by_its_name():
    def largest_error(y_true, y_pred):
        return jnp.max(jnp.abs(y_true - y_pred), axis=-1)

    metric = metrics.get(largest_error)
    assert metric == Mean("largest_error", largest_error)
    assert metrics.get(metric) is metric
    expected = np.abs(VALUES - PROBABILITIES).max(-1).mean(dtype=np.float64)
    actual = over_batches(metric, VALUES, PROBABILITIES, 64)
    assert float(actual) == pytest.approx(expected, rel=1e-6)


def test_metrics_are_equal_hashable_values():
    assert metrics.get("mse") == metrics.get("mse")
    assert hash(metrics.get("mse")) == hash(metrics.get("mse"))
    values = {metrics.get(name) for name in metrics.METRICS}
    assert len(values) == len(metrics.METRICS)
    assert isinstance(metrics.get("root_mean_squared_error"), RootMean)


def test_errors_name_the_metric_and_what_came():
    with raises_text(
        UnknownNameError, "unknown metric 'acuracy': did you mean 'accuracy'? Known:"
    ):
        metrics.get("acuracy")
    with (
        unchecked_types(),
        raises_text(
            ArgumentError,
            "a metric must be a name, a Metric or a callable, not 3",
            'metrics=["accuracy"]',
        ),
    ):
        metrics.get(3)
    with raises_text(ArgumentError, "not <class 'jaxnet_mini.metrics.Mean'>"):
        metrics.get(Mean)
    metric = metrics.get(lambda y_true, y_pred: jnp.mean(y_true - y_pred))
    with raises_text(
        ShapeError,
        "the metric '<lambda>' returned shape () for a batch of 4: return one value "
        "per example, without a mean over the batch.",
    ):
        metric.totals(jnp.ones((4, 1)), jnp.ones((4, 1)), jnp.ones(4))
    with pytest.raises(TypeError, match=r"abstract methods '?result'?, '?totals'?"):
        Metric("own")
