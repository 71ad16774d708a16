"""Estimators of scikit-learn's words, on the digits: fits and predictions."""

import time
import warnings
from typing import Any

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from bench.probes import answer

EPOCHS = 50
ALIKE = {"batch_size": 32, "max_iter": EPOCHS, "n_iter_no_change": EPOCHS}
CALLS = 200


def estimator(ours: bool) -> Any:
    """Return ours, or scikit-learn's."""
    if not ours:
        return MLPClassifier(random_state=0, **ALIKE)
    from jaxnet_mini.sklearn import DenseClassifier

    return DenseClassifier(random_state=0, **ALIKE)


def measure(ours: bool, what: str) -> list[float]:
    """Return seconds of a fit, of a second one, or of a prediction."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    x, y = load_digits(return_X_y=True)
    x = x / 16.0
    net = estimator(ours)
    whole = seconds(lambda: net.fit(x, y))
    if what == "whole":
        return [whole]
    if what == "fit":
        return [seconds(lambda: net.fit(x, y)) for _ in range(3)]
    net.predict_proba(x[:1])
    return [seconds(lambda: net.predict_proba(x[:1])) for _ in range(CALLS)]


def seconds(function: Any) -> float:
    """Return how long a call takes."""
    since = time.perf_counter()
    function()
    return time.perf_counter() - since


if __name__ == "__main__":
    answer(measure)
