"""Metrics against Keras's own."""

import itertools
import operator
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from in_keras import metrics_in_keras
from metrics_cases import (
    BINARY,
    CLASSES,
    LABELS,
    ONE_HOT,
    PROBABILITIES,
    RNG,
    ROWS,
    TARGETS,
    VALUES,
)
from oracles import assert_close, naming
from ragged import by_hand, over_batches

from jaxnet_mini import metrics
from jaxnet_mini.metrics import (
    AUC,
    Mean,
    Sum,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


RESOLVED = {
    "acc": "sparse_categorical_accuracy",
    "accuracy": "sparse_categorical_accuracy",
    "crossentropy": "sparse_categorical_crossentropy",
}
"""What a bare word stands for here, with integer classes."""


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_metrics_are_those_of_keras_over_ragged_batches(weighted):
    """One row counts as often as its weight says, and by default once."""
    weight = RNG.uniform(size=ROWS) if weighted else np.ones(ROWS)
    rest = PROBABILITIES, weight.astype(np.float32)
    names = sorted(metrics.METRICS)
    expected = metrics_in_keras(
        {
            name: (
                operator.methodcaller("get", RESOLVED.get(name, name)),
                TARGETS[name],
                *rest,
            )
            for name in names
        }
    )
    ours = {name: (metrics.get(name), TARGETS[name], *rest) for name in names}
    for actual in (over_batches(ours), by_hand(ours)):
        for name in names:
            with naming(name):
                assert_close(actual[name], expected[name], 2e-6)


def test_metrics_go_by_the_names_of_keras():
    """Those that its users write for functions, and those for classes."""
    with keras_on_jax() as keras:
        theirs = {name: keras.metrics.get(RESOLVED.get(name, name)) for name in TARGETS}
    for name in sorted(metrics.METRICS):
        metric, kind = metrics.get(name), type(theirs[name]).__name__
        assert metric.name == name
        if name not in RESOLVED:
            assert metrics.get(kind).renamed(name) == metric
            # Keras numbers the instances of some.
            assert type(metric)().name == re.sub(r"_\d+$", "", theirs[name].name)


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


@pytest.mark.parametrize("labels", [None, CLASSES])
def test_areas_are_those_of_keras(labels):
    options = {
        "curve": ["ROC", "PR", "PRGAIN"],
        "summation_method": ["interpolation", "minoring", "majoring"],
        "thresholds": [None, [0.1, 0.05, 0.4]],
        "label_weights": [None, RNG.uniform(0.5, 2.0, CLASSES).astype(np.float32)],
        "multi_label": [bool(labels)],
        "num_labels": [labels],
    }
    ours, theirs = {}, {}
    for values in itertools.product(*options.values()):
        settings = dict(zip(options, values, strict=True))
        name, batch = str(settings), (BINARY, PROBABILITIES, None)
        ours[name] = AUC(**settings), *batch
        theirs[name] = operator.methodcaller("AUC", **settings), *batch
    assert len(ours) == 36
    actual = over_batches(ours)
    expected = metrics_in_keras(theirs, traced=labels is None)
    for name in ours:
        # Areas are at most 1, and Keras's own sums are of float32.
        assert abs(float(actual[name]) - float(expected[name])) < 3e-6, name


def test_shares_are_those_of_keras():
    weight = RNG.uniform(size=ROWS).astype(np.float32)
    ours, theirs = {}, {}
    for kind in ("Precision", "Recall"):
        for options in (
            {"thresholds": [0.3, 0.1, 0.2]},
            {"top_k": 3},
            {"top_k": 3, "class_id": 2},
            {"thresholds": 0.2, "class_id": 1},
            {"thresholds": [0.2]},
            {"thresholds": [0.05, 0.2], "top_k": 4},
        ):
            name, batch = f"{kind} {options}", (BINARY, PROBABILITIES, weight)
            ours[name] = getattr(metrics, kind)(**options), *batch
            make = operator.methodcaller(kind, **options)
            theirs[name] = make, *batch
    assert len(ours) == 12
    actual, expected = over_batches(ours), metrics_in_keras(theirs)
    for name in ours:
        with naming(name):
            assert_close(actual[name], expected[name], 2e-6)


def test_metrics_by_hand_take_what_keras_takes():
    """Weights of a column, and outputs of one axis."""
    column = np.array([[0.5], [2.0]], np.float32)
    weighted = BINARY[:2], PROBABILITIES[:2], column
    flat = BINARY[:, 0], PROBABILITIES[:, 0], None
    batches = dict.fromkeys(("kl_divergence", "mse", "auc", "precision"), weighted) | {
        f"flat {name}": flat
        for name in ("root_mean_squared_error", "bce", "mae", "auc")
    }
    ours, theirs = {}, {}
    for case, batch in batches.items():
        name = case.split()[-1]
        ours[case] = metrics.get(name), *batch
        theirs[case] = operator.methodcaller("get", name), *batch
    actual, expected = by_hand(ours), metrics_in_keras(theirs)
    for case in batches:
        with naming(case):
            assert_close(actual[case], expected[case], 2e-6)


def test_calls_by_hand_count_as_in_keras():
    """Each returns the metric of all so far; programs of JAX keep nothing."""
    halves = slice(0, 7), slice(7, ROWS)
    weight = RNG.uniform(size=ROWS).astype(np.float32)

    def counted(kinds):
        values = []
        for kind in ("MeanSquaredError", "AUC", "Precision", "F1Score"):
            metric = getattr(kinds, kind)()
            for rows in halves:
                batch = BINARY[rows], PROBABILITIES[rows]
                values.append(metric(*batch, sample_weight=weight[rows]))
            values.append(metric.result())
            metric.reset_state()
            values += [metric(BINARY, PROBABILITIES), metric.result()]
        mean, largest = kinds.Mean(), largest_of(kinds)()
        values += [mean(3.0), mean([5.0, 6.0]), mean(1.0, 2.0), mean.result()]
        values += [largest(*pair) for pair in (([1.0], [9.0]), ([4.0], [2.0]))]
        return [*values, largest.result()]

    ours = counted(metrics)
    with keras_on_jax() as keras:
        # One program: op by op each would be one of its own.
        theirs = jax.jit(lambda: counted(keras.metrics))()
    for number, (actual, expected) in enumerate(zip(ours, theirs, strict=True)):
        with naming(number):
            assert_close(actual, expected, 2e-6)


def largest_of(kinds):
    """A metric of a user's own, of either library."""

    class Largest(kinds.Metric):
        def __init__(self):
            super().__init__(name="largest")
            self.value = self.add_variable(shape=(), initializer="zeros", name="value")

        def update_state(self, y_true, y_pred):
            error = jnp.max(jnp.abs(jnp.asarray(y_true) - jnp.asarray(y_pred)))
            self.value.assign(jnp.maximum(jnp.asarray(self.value), error))

        def result(self):
            return self.value + 0.0

    return Largest


def test_a_program_of_jax_keeps_nothing_in_a_metric():
    """Not even of numbers that stand in it; it computes the metric of one batch."""
    pairs = ([1.0], [9.0]), ([4.0], [2.0])
    pairs = [tuple(np.array(side, np.float32)[:, None] for side in p) for p in pairs]
    for metric, alone, all_so_far in (
        (metrics.MeanSquaredError(), (64.0, 4.0), 34.0),
        (largest_of(metrics)(), (8.0, 2.0), 8.0),
    ):
        before = metric == metric.renamed(metric.name)
        for pair, expected in zip(pairs, alone, strict=True):
            assert float(jax.jit(metric.__call__)(*pair)) == expected
            assert float(jax.jit(lambda m=metric, p=pair: m(*p))()) == expected
            assert float(metric.result()) == 0.0
        for pair in pairs:
            value = metric(*pair)
        assert float(value) == all_so_far
        assert float(jax.jit(metric.__call__)(*pairs[1])) == alone[1]
        assert float(metric.result()) == all_so_far
        assert (metric == metric.renamed(metric.name)) == before


def test_streams_of_values_are_weighted_as_in_keras():
    for ours, kind in ((Mean(), "Mean"), (Sum(), "Sum")):
        for weight in (None, RNG.uniform(size=ROWS), RNG.uniform(size=VALUES.shape)):
            with keras_on_jax() as keras:
                theirs = getattr(keras.metrics, kind)()
                theirs.update_state(VALUES, sample_weight=weight)
                expected = np.asarray(theirs.result())
            totals = ours.totals(VALUES, weight)
            totals = jax.tree.map(jnp.add, ours.zeros(), totals)
            # Sums of both signs cancel: compared on the scale of what is summed.
            assert abs(float(ours.result(totals)) - float(expected)) < 2e-4
