"""A search through parameters whose fits, folds and candidates, train side by side."""

import numbers
from typing import Any

import joblib
import numpy as np
from sklearn.model_selection import ParameterGrid, ParameterSampler
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils._param_validation import Interval

from jaxnet_mini.devices import threads
from jaxnet_mini.errors import ArgumentError


class SweepSearchCV(BaseSearchCV):  # type: ignore[misc]
    """``GridSearchCV`` or ``RandomizedSearchCV``, as one sweep over the cores.

    Fits of all candidates and folds share this process, its compiled programs and its
    data; on a CPU each core trains one at a time with a thread of its own, as in
    `jaxnet_mini.sweep`. What is found is what scikit-learn's classes find. In a
    ``Pipeline`` each fold has preprocessing of its own, as it should, by scikit-learn,
    and estimators that are none of `jaxnet_mini.sklearn` are fitted as well, if not
    faster.

    Args:
        estimator: what to fit.
        param_grid: names of its parameters to the values to try, all combinations; or
            a list of such; with ``n_iter`` also distributions with ``rvs``.
        n_iter: how many combinations to draw; None tries all.
        scoring: this and the following are what ``GridSearchCV`` takes.
        n_jobs: fits at a time; None is one for each core, and on other devices one.
        refit: whether, or by which score, to fit the best candidate to all rows.
        cv: folds.
        verbose: how much to tell.
        pre_dispatch: see ``GridSearchCV``.
        random_state: of the combinations to draw.
        error_score: the score of a candidate whose fit fails, or "raise".
        return_train_score: whether to score the rows that were learned from, too.

    Attributes:
        best_estimator_, best_params_, best_score_, best_index_, cv_results_: these and
            all others are those of ``GridSearchCV``.

    Raises:
        ArgumentError: from `fit`, distributions without ``n_iter``.

    >>> from sklearn.datasets import load_iris
    >>> from jaxnet_mini.sklearn import DenseClassifier
    >>> net = DenseClassifier((8,), max_iter=20, tol=1.0, random_state=0)
    >>> search = SweepSearchCV(net, {"learning_rate_init": [1e-5, 0.1]}, cv=3)
    >>> search.fit(*load_iris(return_X_y=True)).best_params_
    {'learning_rate_init': 0.1}
    """

    _parameter_constraints = {  # noqa: RUF012  (as in scikit-learn)
        **BaseSearchCV._parameter_constraints,
        "param_grid": [dict, list],
        "n_iter": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        n_iter: int | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid
        self.n_iter = n_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit all candidates to all folds, and the best one to all rows.

        Args:
            X: what the estimator takes.
            y: likewise.
            params: handed on, such as ``sample_weight``, of which each fold has its
                own.

        Returns:
            The search.
        """
        with (
            threads.one_each() as count,
            joblib.parallel_config(backend="threading", n_jobs=count),
        ):
            return super().fit(X, y, **params)

    def _run_search(self, evaluate_candidates: Any) -> None:
        evaluate_candidates(self._candidates())

    def _candidates(self) -> Any:
        """Return what to try, in scikit-learn's order."""
        if self.n_iter is not None:
            seed = self.random_state
            return ParameterSampler(self.param_grid, self.n_iter, random_state=seed)
        try:
            return ParameterGrid(self.param_grid)
        except TypeError as error:
            raise ArgumentError(
                f"{error} Distributions are drawn from where n_iter says how often."
            ) from None
