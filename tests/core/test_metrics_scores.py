"""Counts, F-scores, R2 and the best of one share where another is large enough.

Oracles: Keras 3.15 on JAX and scikit-learn.
"""

import numpy as np
import pytest
from oracles import assert_close, naming
from ragged import over_batches
from sklearn.metrics import (
    confusion_matrix,
    r2_score,
)

from jaxnet_mini import metrics
from jaxnet_mini.metrics import R2Score

pytestmark = pytest.mark.usefixtures("quick_compilation")

ROWS, CLASSES = 200, 9
RNG = np.random.default_rng(0)
PROBABILITIES = RNG.dirichlet(np.ones(CLASSES), ROWS).astype(np.float32)
BINARY = (RNG.uniform(size=(ROWS, CLASSES)) > 0.5).astype(np.float32)
VALUES = RNG.normal(size=(ROWS, CLASSES)).astype(np.float32)


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
    batch = BINARY, PROBABILITIES, weight
    cases = {name: (getattr(metrics, name)(thresholds), *batch) for name in names}
    actual = over_batches(cases)
    for name, column in zip(names, np.transpose(expected), strict=True):
        with naming(name):
            assert_close(actual[name], column, 2e-6)
