"""What estimators of classes and of values have in common: `fit`, epoch by epoch."""

import itertools
import warnings
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from jaxnet_mini.callbacks.base import say
from jaxnet_mini.core.training.state import Data, TrainState
from jaxnet_mini.errors import ArgumentError, DataError
from jaxnet_mini.sklearn import parameters, training
from jaxnet_mini.sklearn.forward import forward
from jaxnet_mini.sklearn.training import Fit

FLOATS = (np.float64, np.float32)

TABLES = {"accept_sparse": ["csr", "csc"], "dtype": FLOATS}
"""What inputs of rows and features may be, for scikit-learn's checks."""


def validated(
    estimator: Any, X: Any, y: Any, first: bool, **taken: Any
) -> tuple[Any, NDArray[Any]]:
    """Return inputs and targets as arrays, a column of these as ``(rows,)``.

    Args:
        estimator: for which they are.
        X: inputs.
        y: targets.
        first: whether it takes their features, or has known them before.
        taken: what ``validate_data`` is told besides.

    Raises:
        ValueError: bad input, in scikit-learn's words.
    """
    taken |= {"multi_output": True, "y_numeric": is_regressor(estimator)}
    X, y = validate_data(estimator, X, y, reset=first, **taken)
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return X, y


class DenseEstimator(BaseEstimator):  # type: ignore[misc]
    """The base of `DenseClassifier` and `DenseRegressor`."""

    def _validated(
        self, X: Any, y: Any, incremental: bool, first: bool
    ) -> tuple[Any, NDArray[Any]]:
        """Return inputs, and targets of shape ``(rows, outputs)``."""
        raise NotImplementedError

    def _last_activation(self) -> str:
        raise NotImplementedError

    def _score(self, X: Any, y: NDArray[Any], weight: Any) -> float:
        """Return the score of rows that are held out, of encoded targets."""
        raise NotImplementedError

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Learn from rows.

        Args:
            X: ``(rows, features)``, an array, a table or a sparse matrix, which becomes
                dense.
            y: a target for each row, or several.
            sample_weight: a weight of each row's loss; only their ratios count, and
                rows of weight 0 are left out.

        Returns:
            The estimator.

        Raises:
            ArgumentError: a parameter is none of what it may be.
            ValueError: bad input, in scikit-learn's words.
            NonFiniteError: the loss or a weight turned NaN or infinite.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        run, data = self._begin(X, y, sample_weight, incremental)
        try:
            training.train(run, data, lambda loss: self._end_epoch(run, loss))
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=3)
        self._finish(run)
        if self.n_iter_ == self.max_iter and not (run.stop_training or incremental):
            warnings.warn(
                f"fit took max_iter={self.max_iter} epochs and has not converged yet: "
                "let it take more, or tol be larger.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _begin(
        self, X: Any, y: Any, sample_weight: Any, incremental: bool
    ) -> tuple[Fit, Data]:
        """Check what was given; return the fit before its first epoch, and its data."""
        given = self.get_params(deep=False)
        parameters.check(given)
        kept = getattr(self, "_optimizer_state", None) if incremental else None
        if kept is not None:  # with its own numbers, as in scikit-learn
            given |= getattr(self, "_of_optimizer", {})
        if incremental and self.early_stopping:
            raise ArgumentError("partial_fit does not support early_stopping=True.")
        again = incremental or self.warm_start
        first = not (again and hasattr(self, "coefs_"))
        X, y = self._validated(X, y, incremental, first)
        X, y, weight = self._weighted(X, y, sample_weight)
        rng = check_random_state(self.random_state)
        self.n_outputs_ = y.shape[1]
        self.out_activation_ = self._last_activation()
        trainer = parameters.trainer(given, self.n_outputs_, self.out_activation_)
        if first:
            self._draw_weights(rng, X.dtype)
        self._check_shapes(X.shape[1])
        X, y, weight = self._hold_out(X, y, weight, rng)
        self._begin_scores()
        run = Fit(
            trainer,
            training.start(
                trainer,
                self._params(trainer),
                kept,
            ),
            np.arange(len(y)),
            self._rows_in_batch(len(y)),
            1 if incremental else self.max_iter,
            rng if self.shuffle else None,
            {name: given[name] for name in parameters.OF_OPTIMIZER},
            self._sure_epochs(),
        )
        self.n_iter_ = 0
        X = X if isinstance(X, np.ndarray) else X.toarray()
        return run, training.data_of(X, y, weight, run.batch_size)

    def _weighted(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Return the rows that count, and their weights or None."""
        if sample_weight is None:
            return X, y, None
        weight = _check_sample_weight(sample_weight, X, dtype=X.dtype)
        counts = weight != 0
        if not counts.any():
            raise DataError("sample_weight is 0 for all rows: there is nothing to fit.")
        if counts.all():
            return X, y, weight
        return X[counts], y[counts], weight[counts]

    def _draw_weights(self, rng: np.random.RandomState, dtype: Any) -> None:
        """Draw the weights that scikit-learn draws, and forget what was learned."""
        hidden = parameters.sizes(self.hidden_layer_sizes)
        units = (self.n_features_in_, *hidden, self.n_outputs_)
        factor = 2.0 if self.activation == "logistic" else 6.0
        self.coefs_, self.intercepts_ = [], []
        for fan_in, fan_out in itertools.pairwise(units):
            most = np.sqrt(factor / (fan_in + fan_out))
            kernel = rng.uniform(-most, most, (fan_in, fan_out))
            bias = rng.uniform(-most, most, fan_out)
            self.coefs_.append(kernel.astype(dtype))
            self.intercepts_.append(bias.astype(dtype))
        self.n_layers_, self.t_ = len(units), 0
        self.loss_curve_: list[float] = []
        self._unimproved = 0
        self.best_loss_: Any = None
        self.validation_scores_: Any = None
        self.best_validation_score_: Any = None

    def _begin_scores(self) -> None:
        """Make room for what epochs are compared by, if a fit before did not need it.

        The weights at the start are the best until others are.
        """
        if not self.early_stopping:
            if self.best_loss_ is None:
                self.best_loss_ = np.inf
            return
        self._best = self.coefs_, self.intercepts_
        if self.best_validation_score_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf

    def _check_shapes(self, features: int) -> None:
        units = (*parameters.sizes(self.hidden_layer_sizes), self.n_outputs_)
        shapes = [*itertools.pairwise((features, *units))]
        if [kernel.shape for kernel in self.coefs_] != shapes:
            raise ArgumentError(
                f"hidden_layer_sizes={self.hidden_layer_sizes} and "
                f"{self.n_outputs_} outputs make other layers than those that were "
                "fitted: leave them as they were, or set warm_start=False and fit anew."
            )

    def _hold_out(
        self, X: Any, y: NDArray[Any], weight: Any, rng: np.random.RandomState
    ) -> tuple[Any, NDArray[Any], Any]:
        """Return the rows to learn from; the others wait in ``_held_out``."""
        self._held_out: Any = None
        if not self.early_stopping:
            return X, y, weight
        single = is_classifier(self) and self.n_outputs_ == 1
        parts = train_test_split(
            *(X, y) if weight is None else (X, y, weight),
            random_state=rng,
            test_size=self.validation_fraction,
            stratify=y if single else None,
        )
        X, X_held, y, y_held, *weights = parts
        if len(y_held) < 2:
            raise ArgumentError(
                f"validation_fraction={self.validation_fraction} holds out fewer than "
                "two rows: make it larger, or give more rows."
            )
        weight, held = weights or (None, None)
        self._held_out = X_held, y_held, held
        return X, y, weight

    def _rows_in_batch(self, rows: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, rows)
        if self.batch_size > rows:
            warnings.warn(
                f"batch_size={self.batch_size} is more than there are rows: all {rows} "
                "are one batch.",
                stacklevel=5,
            )
        return min(int(self.batch_size), rows)

    def _params(self, trainer: Any) -> dict[str, Any]:
        """Return the weights by the names of the layers, as the device takes them."""
        dtype = jax.dtypes.canonicalize_dtype(self.coefs_[0].dtype)
        layers = zip(trainer.net.names, self.coefs_, self.intercepts_, strict=True)
        return {
            name: {"kernel": kernel.astype(dtype), "bias": bias.astype(dtype)}
            for name, kernel, bias in layers
        }

    def _adopt(self, state: TrainState) -> None:
        """Take over the weights of a state."""
        dtype = self.coefs_[0].dtype
        layers = jax.device_get(state.params).values()
        self.coefs_ = [np.array(layer["kernel"], dtype) for layer in layers]
        self.intercepts_ = [np.array(layer["bias"], dtype) for layer in layers]

    def _end_epoch(self, run: Fit, loss: float) -> None:
        """Take note of an epoch, and tell how many follow for sure."""
        self._take_note(run, loss)
        run.sure = self._sure_epochs()

    def _take_note(self, run: Fit, loss: float) -> None:
        """Take note of an epoch, and tell whether it was the last."""
        self.n_iter_ += 1
        self.t_ += len(run.rows)
        self.loss_ = loss
        self.loss_curve_.append(loss)
        say(self.verbose, f"Iteration {self.n_iter_}, loss = {loss:.8f}")
        if self._held_out is None:
            improved = not loss > self.best_loss_ - self.tol
            self.best_loss_ = min(self.best_loss_, loss)
        else:
            improved = self._validate(run)
        self._unimproved = 0 if improved else self._unimproved + 1
        own = run.of_optimizer
        sgd = own["solver"] == "sgd"
        if sgd and own["learning_rate"] == "invscaling":
            scale = (self.t_ + 1) ** own["power_t"]
            run.learning_rate = own["learning_rate_init"] / scale
        if self._unimproved <= self.n_iter_no_change:
            return
        what = "Training loss" if self._held_out is None else "Validation score"
        told = (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
        adaptive = sgd and own["learning_rate"] == "adaptive"
        if adaptive and run.learning_rate > 1e-6:
            run.learning_rate = run.learning_rate / 5.0
            say(self.verbose, f"{told} Setting learning rate to {run.learning_rate:f}")
            self._unimproved = 0
            return
        say(self.verbose, f"{told} Stopping.")
        run.stop_training = True

    def _sure_epochs(self) -> int:
        """Return how many epochs follow without a look at the state between them."""
        rate_changes = self.solver == "sgd" and self.learning_rate == "invscaling"
        if self.early_stopping or rate_changes:
            return 1
        return int(min(self.n_iter_no_change - self._unimproved + 1, self.max_iter))

    def _validate(self, run: Fit) -> bool:
        """Score what is held out, keep the best weights; return whether it improved."""
        self._adopt(run.state)
        score = self._score(*self._held_out)
        self.validation_scores_.append(score)
        say(self.verbose, f"Validation score: {score:f}")
        best = self.best_validation_score_
        if score > best:
            self.best_validation_score_ = score
            self._best = self.coefs_, self.intercepts_
        return bool(score >= best + self.tol)

    def _finish(self, run: Fit) -> None:
        """Take over what a fit has learned."""
        self._adopt(run.state)
        leaves = jax.tree.leaves(run.state.optimizer_state)
        self._optimizer_state = [np.array(leaf) for leaf in jax.device_get(leaves)]
        self._of_optimizer = run.of_optimizer
        if self._held_out is not None:
            self.coefs_, self.intercepts_ = self._best
            del self._best
        del self._held_out

    def _outputs(self, X: Any) -> NDArray[Any]:
        """Return what the network gives for checked inputs."""
        kernels, biases = self.coefs_, self.intercepts_
        return forward(X, kernels, biases, self.activation, self.out_activation_)

    def _checked(self, X: Any) -> Any:
        """Return inputs for a prediction."""
        held = vars(self)
        if "coefs_" not in held:
            check_is_fitted(self)
        plain = (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype == self.coefs_[0].dtype
            and X.shape[1] == self.n_features_in_
            and X.shape[0] > 0
            and "feature_names_in_" not in held
        )
        # Of such a one nothing else would be asked, at ten times the price.
        if plain and np.isfinite(X.sum()):
            return X
        return validate_data(self, X, reset=False, **TABLES)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        return tags
