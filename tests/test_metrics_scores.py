"""Counts, F-scores, R2 and the best of one share where another is large enough.

Oracles: Keras 3.15 on JAX and scikit-learn.
"""

import re

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close
from ragged import over_batches
from sklearn.metrics import (
    confusion_matrix,
    f1_score,
    fbeta_score,
    precision_recall_curve,
    r2_score,
    roc_curve,
)

from jaxnet_mini import metrics
from jaxnet_mini.metrics import AUC, F1Score, FBetaScore, R2Score

ROWS, CLASSES = 200, 9
RNG = np.random.default_rng(0)
PROBABILITIES = RNG.dirichlet(np.ones(CLASSES), ROWS).astype(np.float32)
ONE_HOT = np.eye(CLASSES, dtype=np.float32)[RNG.integers(0, CLASSES, ROWS)]
BINARY = (RNG.uniform(size=(ROWS, CLASSES)) > 0.5).astype(np.float32)
VALUES = RNG.normal(size=(ROWS, CLASSES)).astype(np.float32)


@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
@pytest.mark.parametrize("threshold", [None, 0.125])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_f_scores_are_those_of_keras_and_scikit_learn(average, threshold, weighted):
    weight = RNG.uniform(size=ROWS).astype(np.float32) if weighted else None
    y_true, yes = BINARY, PROBABILITIES > 0.125
    if threshold is None:
        y_true, yes = ONE_HOT, np.eye(CLASSES)[PROBABILITIES.argmax(-1)]
    reference = {"average": average, "sample_weight": weight}
    for metric, kind, options, expected in (
        (
            FBetaScore(average, 2.0, threshold),
            "FBetaScore",
            {"beta": 2.0},
            fbeta_score(y_true, yes, beta=2.0, **reference),
        ),
        (
            F1Score(average, threshold),
            "F1Score",
            {},
            f1_score(y_true, yes, **reference),
        ),
    ):
        actual = over_batches(metric, y_true, PROBABILITIES, 64, weight)
        assert_close(actual, expected, 2e-6)
        with keras_on_jax() as keras:
            theirs = getattr(keras.metrics, kind)(
                average=average, threshold=threshold, **options
            )
            theirs.update_state(y_true, PROBABILITIES, weight)
            # Theirs adds 1e-7 to denominators.
            assert_close(actual, theirs.result(), 1e-5)


def test_trap_a_row_of_zeros_says_nothing():
    y_true, y_pred = np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)
    with keras_on_jax() as keras:
        theirs = keras.metrics.F1Score()
        theirs.update_state(y_true, y_pred)
        np.testing.assert_array_equal(theirs.result(), F1Score()(y_true, y_pred))
    # And one that is weighed out says nothing about the largest of the others.
    logits = np.array([[-1.0, -2.0, np.nan]], np.float32)
    weight = np.array([[1.0, 1.0, 0.0]], np.float32)
    scores = F1Score(threshold=0.5)(np.array([[0.0, 1.0, 1.0]]), logits + 2.0, weight)
    np.testing.assert_array_equal(scores, [0.0, 0.0, 0.0])


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("regressors", [0, 3, ROWS * CLASSES - 1])
@pytest.mark.parametrize(
    ("aggregation", "multioutput"),
    [
        (None, "raw_values"),
        ("uniform_average", "uniform_average"),
        ("variance_weighted_average", "variance_weighted"),
    ],
)
def test_r2_is_that_of_keras_and_scikit_learn(
    aggregation, multioutput, regressors, weighted
):
    weight = RNG.uniform(0.1, size=ROWS).astype(np.float32) if weighted else None
    y_true = VALUES * np.arange(1.0, 10.0, dtype=np.float32) + 5.0
    y_pred = y_true + PROBABILITIES
    metric = R2Score(aggregation, regressors)
    actual = over_batches(metric, y_true, y_pred, 64, weight)
    expected = r2_score(y_true, y_pred, sample_weight=weight, multioutput=multioutput)
    if regressors == 3:  # All values count, as in Keras.
        n = ROWS * CLASSES
        expected = 1.0 - (1.0 - expected) * (n - 1) / (n - 1 - regressors)
    assert_close(actual, expected, 2e-6)
    if regressors <= 3:  # Keras warns where it falls back.
        with keras_on_jax() as keras:
            theirs = keras.metrics.R2Score(aggregation, regressors)
            theirs.update_state(y_true, y_pred, weight)
            assert_close(actual, theirs.result(), 2e-5)


def test_r2_of_targets_that_do_not_vary_is_0():
    """In float32 a sum of squares less that of the mean is not quite 0."""
    y_true = np.full((ROWS, 1), 0.1, np.float32)
    for y_pred in (PROBABILITIES[:, :1], y_true):
        assert float(R2Score()(y_true, y_pred)) == 0.0
    mixed = np.concatenate([y_true, VALUES[:, :1]], axis=1)
    scores = R2Score(None)(mixed, mixed + 0.25)
    expected = r2_score(mixed, mixed + 0.25, multioutput="raw_values")
    assert float(scores[0]) == 0.0
    assert_close(scores[1], expected[1], 1e-5)
    weighted = R2Score("variance_weighted_average")(mixed, mixed + 0.25)
    assert_close(weighted, expected[1], 1e-5)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_counts_are_those_of_scikit_learn(weighted):
    weight = RNG.uniform(size=ROWS).astype(np.float32) if weighted else np.ones(ROWS)
    thresholds = [0.3, 0.05, 0.125]
    names = ["TrueNegatives", "FalsePositives", "FalseNegatives", "TruePositives"]
    expected = [
        confusion_matrix(
            BINARY.ravel(),
            PROBABILITIES.ravel() > threshold,
            sample_weight=weight.repeat(CLASSES),
        ).ravel()
        for threshold in thresholds
    ]
    for name, column in zip(names, np.transpose(expected), strict=True):
        metric = getattr(metrics, name)(thresholds)
        actual = over_batches(metric, BINARY, PROBABILITIES, 64, weight)
        assert_close(actual, column, 2e-6)


@pytest.mark.parametrize("least", [0.0, 0.3, 0.55, 0.9, 1.0])
@pytest.mark.parametrize(
    "kind",
    [
        "PrecisionAtRecall",
        "RecallAtPrecision",
        "SensitivityAtSpecificity",
        "SpecificityAtSensitivity",
    ],
)
def test_tradeoffs_are_those_of_keras_and_near_to_scikit_learns(kind, least):
    # Outputs beyond 0 and 1 too.
    y_pred = 0.5 * BINARY + RNG.uniform(-0.1, 0.7, BINARY.shape)
    y_pred = y_pred.astype(np.float32)
    # Whole ones: with others Keras's shares miss 1 by their rounding.
    weight = RNG.integers(1, 4, ROWS).astype(np.float32)
    for options in ({}, {"num_thresholds": 20, "class_id": 3}, {"num_thresholds": 1}):
        with keras_on_jax() as keras:
            theirs = getattr(keras.metrics, kind)(least, **options)
            assert re.sub(r"_\d+$", "", theirs.name) == getattr(metrics, kind)(0.5).name
            assert theirs._direction == "up"
            theirs.update_state(BINARY, y_pred, weight)
            expected = np.asarray(theirs.result())
        metric = getattr(metrics, kind)(least, **options)
        actual = over_batches(metric, BINARY, y_pred, 64, weight)
        assert abs(float(actual) - float(expected)) < 2e-6
    y_true, flat = BINARY.ravel(), np.clip(y_pred, 0, 1).ravel()
    precision, recall, _ = precision_recall_curve(y_true, flat)
    false, true, _ = roc_curve(y_true, flat, drop_intermediate=False)
    curve = {
        "PrecisionAtRecall": (recall, precision),
        # Their curve ends at a point without an answer.
        "RecallAtPrecision": (precision[:-1], recall[:-1]),
        "SensitivityAtSpecificity": (1 - false, true),
        "SpecificityAtSensitivity": (true, 1 - false),
    }
    constrained, wanted = curve[kind]
    best = wanted[constrained >= least].max(initial=0.0)
    actual = getattr(metrics, kind)(least, 5000)(y_true, flat)
    assert abs(float(actual) - best) < 2e-3


def test_outputs_beyond_0_and_1_are_on_the_curve():
    y_pred = 2.0 * BINARY + RNG.normal(size=BINARY.shape).astype(np.float32)
    for options in ({}, {"curve": "PR"}, {"multi_label": True, "num_labels": CLASSES}):
        with keras_on_jax() as keras:
            theirs = keras.metrics.AUC(**options)
            theirs.update_state(BINARY, y_pred)
            expected = float(theirs.result())
        assert abs(float(AUC(**options)(BINARY, y_pred)) - expected) < 3e-6
