"""A dense network as scikit-learn's estimator of classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import label_binarize
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import _check_sample_weight

from jaxnet_mini.errors import ArgumentError, DataError
from jaxnet_mini.sklearn.base import TABLES, DenseEstimator, validated


class DenseClassifier(ClassifierMixin, DenseEstimator):  # type: ignore[misc]
    """A dense network that tells classes, in the words of ``MLPClassifier``.

    The loss, the weights at the start, the order of the examples and the rule by which
    training ends are scikit-learn's: with the same ``random_state`` it learns what
    ``MLPClassifier`` learns, in float32, by the compiled loop of this library.
    Estimators with the same sizes share their programs, whatever their numbers.

    Args:
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
        class_weight: weights of the loss by class, or "balanced"; None for equal ones.

    Attributes:
        coefs_: the kernel of each layer, ``(features, units)``.
        intercepts_: the bias of each layer, ``(units,)``.
        classes_: the labels, sorted.
        loss_, loss_curve_, best_loss_: the loss of the last epoch, of all, and the
            least; the last is None with ``early_stopping``.
        validation_scores_, best_validation_score_: likewise the scores; None without.
        n_iter_, t_: epochs of the last fit, and examples seen.
        n_layers_, n_outputs_, out_activation_: of the network.
        n_features_in_, feature_names_in_: of what was fitted.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> net = DenseClassifier((16,), learning_rate_init=0.02, max_iter=60, tol=0.01)
    >>> float(net.set_params(random_state=0).fit(X, y).score(X, y)) > 0.9
    True
    """

    def __init__(
        self,
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
        class_weight: Any = None,
    ) -> None:
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
        self.class_weight = class_weight

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> Any:
        """Learn from rows for one epoch, going on from what was learned before.

        The optimizer goes on too, and parameters of it that were changed meanwhile
        count from the next `fit` on, as in scikit-learn.

        Args:
            X: as for `fit`.
            y: likewise.
            sample_weight: likewise.
            classes: all that there are, for the first call; it may leave them out
                later.

        Returns:
            The estimator.

        Raises:
            ArgumentError: the first call has no classes, or a later one others.
        """
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ArgumentError("classes must be passed on the first call.")
        elif known is None:
            self.classes_ = unique_labels(classes)
        elif not np.array_equal(known, unique_labels(classes)):
            raise ArgumentError(
                f"classes are {classes!r}, and were {known!r} in the call before: "
                "leave them out."
            )
        return self._fit(X, y, sample_weight, incremental=True)

    def _validated(
        self, X: Any, y: Any, incremental: bool, first: bool
    ) -> tuple[Any, NDArray[Any]]:
        X, y = validated(self, X, y, first, **TABLES)
        found = unique_labels(y)
        if first and not incremental:
            self.classes_ = found
        elif unknown := sorted({*found} - {*self.classes_}):
            raise DataError(
                f"y has classes that were not there before, {unknown}: name all of "
                "them in the first call of partial_fit, or set warm_start=False."
            )
        self._multilabel = type_of_target(y).startswith("multilabel")
        encoded = label_binarize(y, classes=self.classes_)
        return X, np.asarray(encoded, bool)

    def _last_activation(self) -> str:
        single = len(self.classes_) <= 2 or self._multilabel
        return "logistic" if single else "softmax"

    def _weighted(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        if self.class_weight is not None:
            own = compute_sample_weight(self.class_weight, self._decoded(y))
            if sample_weight is not None:
                own = own * _check_sample_weight(sample_weight, X)
            sample_weight = own
        return super()._weighted(X, y, sample_weight)

    def _score(self, X: Any, y: NDArray[Any], weight: Any) -> float:
        predicted = self._decoded(self._outputs(X))
        own = accuracy_score(self._decoded(y), predicted, sample_weight=weight)
        return float(own)

    def _decoded(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the classes that outputs tell, or encoded targets."""
        if self._multilabel:
            return (outputs > 0.5).astype(int)
        if outputs.shape[1] > 1:
            return np.asarray(self.classes_[outputs.argmax(axis=1)])
        # Where there is one class alone, it is the first and the last.
        ends = self.classes_[[0, -1]]
        return np.asarray(ends[(outputs[:, 0] > 0.5).astype(int)])

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each row, ``(rows,)``.

        Of several labels whether each applies, 0 or 1, ``(rows, labels)``.

        Args:
            X: ``(rows, features)``, an array, a table or a sparse matrix.
        """
        return self._decoded(self._outputs(self._checked(X)))

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class, ``(rows, classes)``, or of each label.

        Args:
            X: as for `predict`.
        """
        outputs = self._outputs(self._checked(X))
        if outputs.shape[1] > 1 or self._multilabel:
            return outputs
        return np.concatenate([1.0 - outputs, outputs], axis=1)

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Return the logarithms of what `predict_proba` returns.

        Args:
            X: as for `predict`.
        """
        with np.errstate(divide="ignore"):
            logarithms: NDArray[Any] = np.log(self.predict_proba(X))
        return logarithms

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPClassifier(DenseClassifier):
    """`DenseClassifier` by scikit-learn's name, by which pipelines call their steps."""
