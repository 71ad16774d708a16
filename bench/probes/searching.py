"""A search through parameters of a network for the digits, with folds."""

import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from bench.probes import answer


def measure(
    ours: bool, rates: int, alphas: int, folds: int, **options: Any
) -> dict[str, Any]:
    """Return the best parameters and their score.

    Args:
        ours: whether `SweepSearchCV` searches, or scikit-learn in two processes.
        rates: how many learning rates there are to try.
        alphas: of each how many penalties.
        folds: how many there are.
        options: of the network.
    """
    x, y = load_digits(return_X_y=True)
    grid = {
        "learning_rate_init": np.logspace(-3.5, -1.5, rates).tolist(),
        "alpha": np.logspace(-4, 0, alphas).tolist(),
    }
    if ours:
        from jaxnet_mini.sklearn import DenseClassifier, SweepSearchCV

        search = SweepSearchCV(DenseClassifier(**options), grid, cv=folds)
    else:
        search = GridSearchCV(MLPClassifier(**options), grid, cv=folds, n_jobs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(x / 16, y)
    return {"params": search.best_params_, "score": float(search.best_score_)}


if __name__ == "__main__":
    answer(measure)
