"""What tests of metrics arguments share, and those that ask Keras."""

import dataclasses

import numpy as np

from jaxnet_mini import metrics
from jaxnet_mini.core.metrics.confusion import _Best

RNG = np.random.default_rng(7)


ROWS, PLACES, CLASSES = 20, 4, 7


PREDICTED = RNG.dirichlet(np.ones(CLASSES), (ROWS, PLACES)).astype(np.float32)


LABELS = RNG.integers(0, CLASSES, (ROWS, PLACES)).astype(np.int32)


ONE_HOT = np.eye(CLASSES, dtype=np.float32)[LABELS]


BINARY = (RNG.uniform(size=PREDICTED.shape) > 0.5).astype(np.float32)


FLAT = (ROWS * PLACES, CLASSES)


KINDS = {
    name: (0.5,) if issubclass(kind, _Best) else ()
    for name, kind in vars(metrics).items()
    if dataclasses.is_dataclass(kind) and name != "MeanMetricWrapper"
}
"""The metrics, and what they need."""


ACCURACIES = {
    "binary_accuracy": BINARY,
    "categorical_accuracy": ONE_HOT,
    "sparse_categorical_accuracy": LABELS,
    "top_k_categorical_accuracy": ONE_HOT,
    "sparse_top_k_categorical_accuracy": LABELS,
}
