"""A dense network as scikit-learn's estimator of values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from jaxnet_mini.base.arguments import check_one_of
from jaxnet_mini.errors import DataError
from jaxnet_mini.sklearn.base import TABLES, DenseEstimator, validated

_LAST_OF_LOSS = {"squared_error": "identity", "poisson": "exp"}
"""The activation of the last layer that a loss goes with."""


class DenseRegressor(RegressorMixin, DenseEstimator):  # type: ignore[misc]
    """A dense network that gives values, in the words of ``MLPRegressor``.

    The loss, the weights at the start, the order of the examples and the rule by which
    training ends are scikit-learn's: with the same ``random_state`` it learns what
    ``MLPRegressor`` learns, in float32, by the compiled loop of this library.
    Estimators with the same sizes share their programs, whatever their numbers.

    Args:
        loss: "squared_error", or "poisson" for counts, half their deviance.
        hidden_layer_sizes: the units of each hidden layer.
        activation: theirs, "relu", "tanh", "logistic" or "identity".
        solver: "adam" or "sgd"; "lbfgs" is refused.
        alpha: the strength of the penalty ``alpha / 2 * sum(kernel**2)`` on the loss of
            a batch, divided by its rows.
        batch_size: examples in a step; "auto" is 200, or all where there are fewer.
        learning_rate: of "sgd": "constant"; "invscaling", divided after each epoch by a
            power of the examples so far; or "adaptive", divided by 5 where training
            would end.
        learning_rate_init: the first one, above 0.
        power_t: that power.
        max_iter: epochs, at most.
        shuffle: whether each epoch goes through the examples in another order.
        random_state: a seed or a ``RandomState`` for weights, orders and what is held
            out.
        tol: by how much an epoch has to be better than the best one to count.
        verbose: whether to print the loss of each epoch.
        warm_start: whether `fit` goes on from what was learned before.
        momentum: of "sgd", in [0, 1).
        nesterovs_momentum: whether it looks one step ahead.
        early_stopping: whether to hold out some of the rows and to end by their score;
            the weights with the best score are kept.
        validation_fraction: the share of rows to hold out, in [0, 1).
        beta_1: of "adam", in [0, 1), see `jaxnet_mini.optimizers.Adam`.
        beta_2: likewise.
        epsilon: likewise, above 0.
        n_iter_no_change: after how many epochs that do not count training ends.

    Attributes:
        coefs_: the kernel of each layer, ``(features, units)``.
        intercepts_: the bias of each layer, ``(units,)``.
        loss_, loss_curve_, best_loss_: the loss of the last epoch, of all, and the
            least; the last is None with ``early_stopping``.
        validation_scores_, best_validation_score_: likewise the scores; None without.
        n_iter_, t_: epochs of the last fit, and examples seen.
        n_layers_, n_outputs_, out_activation_: of the network.
        n_features_in_, feature_names_in_: of what was fitted.

    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(100, 4, random_state=0)
    >>> net = DenseRegressor(
    ...     hidden_layer_sizes=(16,), learning_rate_init=0.1, tol=1.0, random_state=0
    ... )
    >>> float(net.fit(X, y).score(X, y)) > 0.9
    True
    """

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: Any = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: Any = 0.001,
        power_t: Any = 0.5,
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        momentum: Any = 0.9,
        nesterovs_momentum: Any = True,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-8,
        n_iter_no_change: Any = 10,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Learn from rows for one epoch, going on from what was learned before.

        The optimizer goes on too, and parameters of it that were changed meanwhile
        count from the next `fit` on, as in scikit-learn.

        Args:
            X: as for `fit`.
            y: likewise.
            sample_weight: likewise.

        Returns:
            The estimator.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def _validated(
        self, X: Any, y: Any, incremental: bool, first: bool
    ) -> tuple[Any, NDArray[Any]]:
        check_one_of("loss", self.loss, _LAST_OF_LOSS)
        X, y = validated(self, X, y, first, **TABLES)
        if self.loss == "poisson" and np.any(y < 0):
            raise DataError(
                "y has values below 0, and loss='poisson' is of counts: take "
                "loss='squared_error'."
            )
        return X, y.reshape(len(y), -1).astype(X.dtype)

    def _last_activation(self) -> str:
        return _LAST_OF_LOSS[self.loss]

    def _score(self, X: Any, y: NDArray[Any], weight: Any) -> float:
        return float(r2_score(y, self._outputs(X), sample_weight=weight))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the values of each row, ``(rows,)`` or ``(rows, outputs)``.

        Args:
            X: ``(rows, features)``, an array, a table or a sparse matrix.
        """
        outputs = self._outputs(self._checked(X))
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs


class MLPRegressor(DenseRegressor):
    """`DenseRegressor` by scikit-learn's name, by which pipelines call their steps."""
