"""Metric names against Keras's own."""

import numpy as np
import pytest
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini import metrics

pytestmark = pytest.mark.usefixtures("quick_compilation")


ROWS = 8


X = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)


Y = (X.sum(1, keepdims=True) > 0).astype(np.float32)


def gap(y_true, y_pred):
    return abs(y_true - y_pred)


# Functions of an implementation of metrics, as Keras instantiates them anew.
CASES = {
    "classes": lambda m: ([m.AUC(), m.AUC(curve="PR")], []),
    "three": lambda m: ([m.AUC(), m.Precision(), m.AUC(), m.AUC()], []),
    "not made": lambda m: ([m.AUC, m.AUC], []),
    "a word and a class": lambda m: (["auc", m.AUC()], []),
    "other words": lambda m: (["mse", m.MeanSquaredError()], []),
    "functions": lambda m: ([gap, gap], []),
    "words in both": lambda m: (["accuracy"], ["accuracy", "mse"]),
    "functions in both": lambda m: ([gap], [gap]),
    "twice in both": lambda m: ([gap, gap], [gap, gap]),
    "classes in both": lambda m: ([m.AUC()], [m.AUC(), m.AUC()]),
    "classes whose names Keras fixes": lambda m: (
        [m.BinaryAccuracy(), m.MeanSquaredError()],
        [m.MeanSquaredError(), m.BinaryAccuracy(threshold=0.4), m.R2Score()],
    ),
    "a word and such a class": lambda m: (
        ["mean_squared_error"],
        [m.MeanSquaredError],
    ),
    "counts in both": lambda m: ([m.Precision()], [m.Precision(), m.Recall()]),
    "one object in both": lambda m: ([same := m.AUC()], [same]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_default_names_are_numbered_as_in_keras(case):
    trainer = jn.Trainer(jn.Dense(1), "mse", "sgd", *map(tuple, case(metrics)))
    with keras_on_jax() as keras:
        from keras.src.trainers.compile_utils import CompileMetrics

        keras.backend.clear_session()  # where all counting begins
        theirs = CompileMetrics(*case(keras.metrics))
        theirs.update_state(Y, Y, np.ones(ROWS))
        expected = list(theirs.result())
    assert [metric.name for metric in trainer.all_metrics] == expected
    # Whatever makes one trainer of another keeps them.
    assert trainer.program().all_metrics == trainer.all_metrics
