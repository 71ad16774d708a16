"""A search of scikit-learn over our estimator, by one process and by two of joblib."""

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from bench.probes import answer
from bench.probes.at_once import seconds
from jaxnet_mini.sklearn import DenseClassifier


def measure(rates: int, folds: int, rounds: int, **options: Any) -> list[list[float]]:
    """Return the seconds of a search with one job and with two, in each round.

    The first round is not counted: it starts joblib's processes, which stay, and each
    of them compiles.

    Args:
        rates: how many learning rates there are to try.
        folds: how many there are.
        rounds: how many are counted.
        options: of the network.
    """
    x, y = load_digits(return_X_y=True)
    grid = {"learning_rate_init": np.logspace(-3.5, -1.5, rates).tolist()}

    def search(jobs: int) -> float:
        net = DenseClassifier(**options)
        found = GridSearchCV(net, grid, cv=folds, n_jobs=jobs, refit=False)
        return seconds(lambda: found.fit(x / 16, y))

    return [[search(jobs) for jobs in (1, 2)] for _ in range(rounds + 1)][1:]


if __name__ == "__main__":
    answer(measure)
