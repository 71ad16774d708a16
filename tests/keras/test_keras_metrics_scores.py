"""Metrics scores against Keras's own."""

import operator
import re

import numpy as np
import pytest
from conftest import keras_on_jax
from in_keras import metrics_in_keras
from oracles import assert_close, naming
from ragged import over_batches
from sklearn.metrics import (
    f1_score,
    fbeta_score,
    precision_recall_curve,
    r2_score,
    roc_curve,
)

from jaxnet_mini import metrics
from jaxnet_mini.metrics import AUC, F1Score, FBetaScore, R2Score

pytestmark = pytest.mark.usefixtures("quick_compilation")


ROWS, CLASSES = 200, 9


RNG = np.random.default_rng(0)


PROBABILITIES = RNG.dirichlet(np.ones(CLASSES), ROWS).astype(np.float32)


ONE_HOT = np.eye(CLASSES, dtype=np.float32)[RNG.integers(0, CLASSES, ROWS)]


BINARY = (RNG.uniform(size=(ROWS, CLASSES)) > 0.5).astype(np.float32)


VALUES = RNG.normal(size=(ROWS, CLASSES)).astype(np.float32)


@pytest.mark.parametrize("threshold", [None, 0.125])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_f_scores_are_those_of_keras_and_scikit_learn(threshold, weighted):
    weight = RNG.uniform(size=ROWS).astype(np.float32) if weighted else None
    y_true, yes = BINARY, PROBABILITIES > 0.125
    if threshold is None:
        y_true, yes = ONE_HOT, np.eye(CLASSES)[PROBABILITIES.argmax(-1)]
    batch = y_true, PROBABILITIES, weight
    ours, theirs, references = {}, {}, {}
    for average in (None, "micro", "macro", "weighted"):
        reference = {"average": average, "sample_weight": weight}
        options = {"average": average, "threshold": threshold}
        name = f"FBetaScore {average}"
        ours[name] = FBetaScore(average, 2.0, threshold), *batch
        theirs[name] = operator.methodcaller("FBetaScore", beta=2.0, **options), *batch
        references[name] = fbeta_score(y_true, yes, beta=2.0, **reference)
        name = f"F1Score {average}"
        ours[name] = F1Score(average, threshold), *batch
        theirs[name] = operator.methodcaller("F1Score", **options), *batch
        references[name] = f1_score(y_true, yes, **reference)
    actual, expected = over_batches(ours), metrics_in_keras(theirs)
    for name, reference in references.items():
        with naming(name):
            assert_close(actual[name], reference, 2e-6)
            # Theirs adds 1e-7 to denominators.
            assert_close(actual[name], expected[name], 1e-5)


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
def test_r2_is_that_of_keras_and_scikit_learn(weighted):
    weight = RNG.uniform(0.1, size=ROWS).astype(np.float32) if weighted else None
    y_true = VALUES * np.arange(1.0, 10.0, dtype=np.float32) + 5.0
    batch = y_true, y_true + PROBABILITIES, weight
    ours, expected, references = {}, {}, {}
    for aggregation, multioutput in (
        (None, "raw_values"),
        ("uniform_average", "uniform_average"),
        ("variance_weighted_average", "variance_weighted"),
    ):
        score = r2_score(*batch[:2], sample_weight=weight, multioutput=multioutput)
        for regressors in (0, 3, ROWS * CLASSES - 1):
            name = f"{aggregation}, {regressors} regressors"
            ours[name] = R2Score(aggregation, regressors), *batch
            references[name] = score
            if regressors == 3:  # All values count, as in Keras.
                n = ROWS * CLASSES
                references[name] = 1.0 - (1.0 - score) * (n - 1) / (n - 1 - regressors)
            if regressors <= 3:  # Keras warns where it falls back.
                with keras_on_jax() as keras:
                    theirs = keras.metrics.R2Score(aggregation, regressors)
                    theirs.update_state(*batch)
                    expected[name] = np.asarray(theirs.result())
    actual = over_batches(ours)
    assert len(actual) == 9
    for name, reference in references.items():
        with naming(name):
            assert_close(actual[name], reference, 2e-6)
            if name in expected:
                assert_close(actual[name], expected[name], 2e-5)


def test_tradeoffs_are_those_of_keras_and_near_to_scikit_learns():
    # Outputs beyond 0 and 1 too.
    y_pred = 0.5 * BINARY + RNG.uniform(-0.1, 0.7, BINARY.shape)
    y_pred = y_pred.astype(np.float32)
    # Whole ones: with others Keras's shares miss 1 by their rounding.
    weight = RNG.integers(1, 4, ROWS).astype(np.float32)
    y_true, flat = BINARY.ravel(), np.clip(y_pred, 0, 1).ravel()
    precision, recall, _ = precision_recall_curve(y_true, flat)
    false, true, _ = roc_curve(y_true, flat, drop_intermediate=False)
    curves = {
        "PrecisionAtRecall": (recall, precision),
        # Their curve ends at a point without an answer.
        "RecallAtPrecision": (precision[:-1], recall[:-1]),
        "SensitivityAtSpecificity": (1 - false, true),
        "SpecificityAtSensitivity": (true, 1 - false),
    }
    ours, theirs, fine, best = {}, {}, {}, {}
    for kind, (constrained, wanted) in curves.items():
        for least in (0.0, 0.3, 0.55, 0.9, 1.0):
            for options in (
                {},
                {"num_thresholds": 20, "class_id": 3},
                {"num_thresholds": 1},
            ):
                name = f"{kind}({least}) {options}"
                metric = getattr(metrics, kind)(least, **options)
                make = operator.methodcaller(kind, least, **options)
                ours[name] = metric, BINARY, y_pred, weight
                theirs[name] = make, BINARY, y_pred, weight
            name = f"{kind}({least})"
            metric = getattr(metrics, kind)(least, 5000)
            fine[name] = metric, y_true[:, None], flat[:, None], None
            best[name] = wanted[constrained >= least].max(initial=0.0)
    assert len(ours) == 60
    assert len(best) == 20
    actual, expected = over_batches(ours), metrics_in_keras(theirs)
    for name in ours:
        assert abs(float(actual[name]) - float(expected[name])) < 2e-6, name
    actual = over_batches(fine, len(flat))
    for name in best:
        assert abs(float(actual[name]) - best[name]) < 2e-3, name
    with keras_on_jax() as keras:
        for kind in curves:
            theirs = getattr(keras.metrics, kind)(0.5)
            assert re.sub(r"_\d+$", "", theirs.name) == getattr(metrics, kind)(0.5).name
            assert theirs._direction == "up"


def test_outputs_beyond_0_and_1_are_on_the_curve():
    y_pred = 2.0 * BINARY + RNG.normal(size=BINARY.shape).astype(np.float32)
    ours, theirs = {}, {}
    for options in ({}, {"curve": "PR"}, {"multi_label": True, "num_labels": CLASSES}):
        ours[str(options)] = AUC(**options), BINARY, y_pred, None
        make = operator.methodcaller("AUC", **options)
        theirs[str(options)] = make, BINARY, y_pred, None
    actual, expected = over_batches(ours), metrics_in_keras(theirs)
    for name in ours:
        assert abs(float(actual[name]) - float(expected[name])) < 3e-6, name
