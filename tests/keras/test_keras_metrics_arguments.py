"""Metrics arguments against Keras's own."""

import dataclasses
import inspect
import operator
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import keras_on_jax
from in_keras import metrics_in_keras
from metrics_arguments_cases import (
    ACCURACIES,
    BINARY,
    CLASSES,
    FLAT,
    KINDS,
    PLACES,
    PREDICTED,
    RNG,
    ROWS,
)
from oracles import assert_close
from ragged import by_hand

from jaxnet_mini import metrics
from jaxnet_mini.metrics import AUC, F1Score

pytestmark = pytest.mark.usefixtures("quick_compilation")


def update(theirs, *arguments, **options):
    theirs.update_state(*arguments, **options)
    return np.asarray(theirs.result())


def test_arguments_are_those_of_keras():
    """The same names, defaults and order; what Keras lacks goes by keyword only.

    After ``name`` Keras has ``dtype``.
    """
    compared = 0
    with keras_on_jax() as keras:
        for name, kind in vars(metrics).items():
            theirs = getattr(keras.metrics, name, None)
            if not dataclasses.is_dataclass(kind) or theirs is None:
                continue
            signature = inspect.signature(theirs.__init__).parameters
            of_keras = {n: p.default for n, p in signature.items() if n != "self"}
            parameters = inspect.signature(kind).parameters.values()
            for parameter in parameters:
                if parameter.name not in ("name", "num_outputs"):
                    assert parameter.default == of_keras[parameter.name]
            by_position = [p.name for p in parameters if p.kind != p.KEYWORD_ONLY]
            up_to_name = list(of_keras)[: list(of_keras).index("name") + 1]
            assert by_position == up_to_name
            compared += 1
    assert compared >= 35


def test_names_by_default_are_those_of_keras():
    with keras_on_jax() as keras:
        for name, needed in KINDS.items():
            theirs = getattr(keras.metrics, name)(*needed).name
            theirs = re.sub(r"_\d+$", "", theirs)  # a second one is called auc_1
            assert getattr(metrics, name)(*needed).name == theirs


@pytest.mark.parametrize(
    "weight",
    [
        2.5,
        RNG.uniform(0.5, 2.0, ROWS),
        RNG.uniform(0.5, 2.0, (ROWS, PLACES)),
        RNG.uniform(0.5, 2.0, (ROWS, PLACES, 1)),
    ],
    ids=np.shape,
)
@pytest.mark.parametrize("name", ["mse", "kl_divergence"])
def test_weights_of_every_shape_are_those_of_keras(name, weight):
    weight = np.asarray(weight, np.float32)
    shape = (*weight.shape, *(1,) * (2 - weight.ndim))
    with keras_on_jax() as keras:
        spread = np.broadcast_to(weight.reshape(shape[:2]), (ROWS, PLACES))
        theirs = keras.metrics.get(name)
        expected = update(theirs, BINARY, PREDICTED, sample_weight=spread)
    assert_close(metrics.get(name)(BINARY, PREDICTED, weight), expected, 2e-6)


@pytest.mark.parametrize("name", ACCURACIES)
def test_accuracies_of_several_axes_are_those_of_keras(name):
    y_true = ACCURACIES[name]
    options = {"k": 2} if "top_k" in name else {}
    with keras_on_jax() as keras:
        theirs = getattr(keras.metrics, name)(y_true, PREDICTED, **options)
        expected = np.asarray(theirs, np.float32)
    actual = getattr(metrics, name)(y_true, PREDICTED, **options)
    np.testing.assert_array_equal(actual, expected)
    assert 0.0 < np.mean(actual) < 1.0


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_a_half_is_a_no_by_default(target):
    y_pred = np.array([[0.25], [0.5], [0.75]], np.float32)
    y_true = np.full((3, 1), target, np.float32)
    with keras_on_jax() as keras:
        expected = np.asarray(keras.metrics.binary_accuracy(y_true, y_pred))
    actual = metrics.binary_accuracy(y_true, y_pred)
    np.testing.assert_array_equal(actual, expected)
    resolved = metrics.accuracy(jnp.asarray(y_true), jnp.asarray(y_pred))
    np.testing.assert_array_equal(resolved, actual)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("rows", [1, 2, 3, 6])
def test_areas_of_few_rows_are_those_of_keras(rows):
    """Where counts are 0, 1 and less than 1."""
    y_true = np.array([1, 0, 1, 0, 0, 1], np.float32)[:rows]
    y_pred = np.array([0.9, 0.6, 0.4, 0.1, 0.95, 0.6], np.float32)[:rows]
    weight = np.array([1, 2, 1, 3, 1, 1], np.float32)[:rows]
    ours, theirs = {}, {}
    for curve in ("ROC", "PR", "PRGAIN"):
        for method in ("interpolation", "minoring", "majoring"):
            for scale in (0.25, 1.0):
                name = f"{curve} {method} {scale}"
                options = {"curve": curve, "summation_method": method}
                batch = y_true, y_pred, scale * weight
                ours[name] = AUC(11, **options), *batch
                make = operator.methodcaller("AUC", 11, **options)
                theirs[name] = make, *batch
    assert len(ours) == 18
    actual, expected = by_hand(ours), metrics_in_keras(theirs)
    for name in ours:
        assert abs(float(actual[name]) - float(expected[name])) < 2e-6, name


def test_areas_of_logits_are_those_of_keras():
    batch = BINARY.reshape(FLAT), np.log(PREDICTED.reshape(FLAT)) + 1.5, None
    ours, theirs = {}, {}
    for options in ({}, {"curve": "PR"}, {"multi_label": True, "num_labels": CLASSES}):
        ours[str(options)] = AUC(**options, from_logits=True), *batch
        make = operator.methodcaller("AUC", **options, from_logits=True)
        theirs[str(options)] = make, *batch
    actual, expected = by_hand(ours), metrics_in_keras(theirs)
    for name in ours:
        assert abs(float(actual[name]) - float(expected[name])) < 3e-6, name


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize(
    ("axes", "weighs"),
    [
        ((6,), (6,)),
        ((6,), (6, 1)),
        ((6, 3), (6,)),
        ((6, 3), (6, 1)),
        ((6, 3), (6, 3)),
        ((6, 3), (6, 3, 1)),
        ((6, 3, 2), (6, 3)),
        ((6, 3, 2), (6, 3, 2)),
    ],
)
def test_streams_of_several_batches_are_those_of_keras(name, axes, weighs):
    """Values and weights of all axes that go together, batch after batch."""
    ours, rng = getattr(metrics, name)(), np.random.default_rng(3)
    totals = ours.zeros()
    batches = [
        (rng.uniform(size=axes), rng.uniform(0.5, 2.0, size=weighs)) for _ in range(3)
    ]
    with keras_on_jax() as keras:
        theirs = getattr(keras.metrics, name)()
        for values, weight in batches:
            # Keras takes one weight for values of one axis, and NumPy broadcasts.
            fits = weight[..., 0] if weight.ndim == values.ndim + 1 else weight
            expected = update(theirs, values, sample_weight=fits)
    for values, weight in batches:
        totals = jax.tree.map(jnp.add, totals, ours.totals(values, weight))
    assert_close(float(ours.result(totals)), float(expected), 1e-5)


def test_outputs_of_just_the_threshold_are_a_no():
    """As in Keras, and outputs that are nearly 0 where the largest is the answer."""
    y_pred = np.array([[0.5, 0.25], [0.25, 0.5], [0.75, 0.5]], np.float32)
    tiny = np.array([[7e-10, 0.0], [1e-9, 0.0], [2e-9, 0.0]], np.float32)
    y_true = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
    for threshold, outputs in ((0.5, y_pred), (0.25, y_pred), (None, tiny)):
        with keras_on_jax() as keras:
            theirs = keras.metrics.F1Score(threshold=threshold)
            expected = update(theirs, y_true, outputs)
        assert_close(F1Score(threshold=threshold)(y_true, outputs), expected)


def test_outputs_above_1_are_no_more_than_1():
    """At the threshold 1 nothing says yes, as in Keras."""
    y_true, y_pred = np.array([0.0, 1.0]), np.array([1.5, 0.75], np.float32)
    with keras_on_jax() as keras:
        theirs = keras.metrics.SpecificityAtSensitivity(0.0, 3)
        expected = update(theirs, y_true, y_pred)
    ours = metrics.SpecificityAtSensitivity(0.0, 3)(y_true, y_pred)
    assert float(ours) == float(expected) == 1.0


@pytest.mark.parametrize("name", ["Hinge", "SquaredHinge"])
def test_hinges_take_zeros_for_minus_ones(name):
    y_true, y_pred = BINARY[:, 0], PREDICTED[:, 0]
    with keras_on_jax() as keras:
        expected = update(getattr(keras.metrics, name)(), y_true, y_pred)
    assert_close(getattr(metrics, name)()(y_true, y_pred), expected)
