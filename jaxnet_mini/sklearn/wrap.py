"""Any model of this library as an estimator of scikit-learn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.preprocessing import label_binarize
from sklearn.utils import check_random_state, compute_sample_weight
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from jaxnet_mini.base.arguments import is_function, parameters
from jaxnet_mini.core.losses import BinaryCrossentropy
from jaxnet_mini.errors import ArgumentError, DataError, find, short
from jaxnet_mini.models import fixed
from jaxnet_mini.models import held as holding
from jaxnet_mini.models.model import Model
from jaxnet_mini.sklearn.base import validated
from jaxnet_mini.sweeps.space import SEED, Candidate, candidates


class Recipe:
    """What models are made of: a model or a function that builds one, and settings.

    Args:
        model: a compiled model, which stays as it is, or a function that returns one.
        settings: as those of a `jaxnet_mini.sweep`: arguments of the function, numbers
            of the optimizer and of layers, and ``seed``.
    """

    def __init__(self, model: Any, **settings: Any) -> None:
        self.model = model
        self.settings = settings

    def __repr__(self) -> str:
        name = getattr(self.model, "__name__", type(self.model).__name__)
        own = (f"{key}={value!r}" for key, value in self.settings.items())
        return f"Recipe({', '.join([name, *own])})"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the model or function, and the settings that were given."""
        return {"model": self.model} | self.settings

    def set_params(self, **params: Any) -> "Recipe":
        """Change some of them; names are checked where a model is built."""
        self.model = params.pop("model", self.model)
        self.settings = self.settings | params
        return self

    def build(self, x: Any = None, y: Any = None, **others: Any) -> Model:
        """Return a fresh model.

        Args:
            x: what a model of a class with ``call`` finds out its outputs from.
            y: likewise.
            others: more settings.

        Raises:
            ArgumentError, UnknownNameError: a setting that the model has not.
            StateError: the model is not compiled.
        """
        model, settings = self.model, others | self.settings
        if not isinstance(model, Model):
            model = self._built(settings)
        space = settings or {SEED: model.seed}
        values = {name: [value] for name, value in space.items()}
        (candidate,) = candidates(model, values, x, y)
        _hand_on(candidate, x, y)
        return candidate.model

    def _built(self, settings: dict[str, Any]) -> Model:
        """Return what the function builds; the settings that it takes are removed."""
        if isinstance(self.model, type) or not is_function(self.model):
            raise ArgumentError(
                "model must be a compiled model, or a function that returns one, "
                f"not {self.model!r}."
            )
        names = [name for name in parameters(self.model) if name in settings]
        model = self.model(**{name: settings.pop(name) for name in names})
        if not isinstance(model, Model):
            raise ArgumentError(
                "the function that builds a model must return a model, not "
                f"{short(model)}."
            )
        return model


def _hand_on(candidate: Candidate, x: Any, y: Any) -> None:
    """Give a fresh model what training does not change of the one it is made from."""
    template, held = holding.of(candidate.template), holding.of(candidate.model)
    if template.is_new or x is None:
        return
    held.adopt(held.outline_for(x, y))
    held.state = fixed.handed_on(template, held.untrained())


class WrappedModel(BaseEstimator):  # type: ignore[misc]
    """The base of what `wrap` returns."""

    def __init__(
        self,
        model: Any,
        *,
        batch_size: Any = None,
        epochs: Any = 1,
        verbose: Any = 0,
        callbacks: Any = None,
        validation_split: Any = 0.0,
        shuffle: Any = True,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        self.epochs = epochs
        self.verbose = verbose
        self.callbacks = callbacks
        self.validation_split = validation_split
        self.shuffle = shuffle
        self.random_state = random_state

    def _targets(self, y: Any, first: bool, classes: Any) -> NDArray[Any]:
        """Return targets as the loss takes them."""
        raise NotImplementedError

    def _weights(self, y: Any, sample_weight: Any) -> Any:
        """Return the weights of the rows, or None."""
        return sample_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Build a model and train it.

        Args:
            X: ``(rows, ...)``, an array or a table.
            y: a target for each row, or several.
            sample_weight: a weight of each row's loss; only their ratios count.

        Returns:
            The estimator.
        """
        return self._fit(X, y, sample_weight, self.epochs, first=True)

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> Any:
        """Train for an epoch, going on from what was learned before.

        Args:
            X: as for `fit`.
            y: likewise.
            sample_weight: likewise.
            classes: all that there are, for the first call; None for those in ``y``.

        Returns:
            The estimator.
        """
        first = not hasattr(self, "model_")
        return self._fit(X, y, sample_weight, 1, first, classes=classes)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        epochs: Any,
        first: bool,
        *,
        classes: Any = None,
    ) -> Any:
        X, y = validated(self, X, y, first, allow_nd=True)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        weight = self._weights(y, sample_weight)
        if weight is not None:
            weight = weight / np.mean(weight)
        if first:
            others = {}
            if self.random_state is not None:
                rng = check_random_state(self.random_state)
                others[SEED] = int(rng.randint(2**31 - 1))
            self.model_ = _recipe(self.model).build(X, y, **others)
        history = self.model_.fit(
            X,
            self._targets(y, first, classes),
            batch_size=self.batch_size,
            epochs=epochs,
            verbose=self.verbose,
            callbacks=self.callbacks,
            validation_split=self.validation_split,
            shuffle=self.shuffle,
            sample_weight=weight,
        )
        self.history_ = dict(history.history)
        self.n_iter_ = len(history.epoch)
        return self

    def _outputs(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        X = validate_data(self, X, allow_nd=True, reset=False)
        return np.asarray(self.model_.predict(X, verbose=0))


class ModelClassifier(ClassifierMixin, WrappedModel):  # type: ignore[misc]
    """A model that tells classes, see `wrap`."""

    def __init__(
        self,
        model: Any,
        *,
        batch_size: Any = None,
        epochs: Any = 1,
        verbose: Any = 0,
        callbacks: Any = None,
        validation_split: Any = 0.0,
        shuffle: Any = True,
        random_state: Any = None,
        class_weight: Any = None,
    ) -> None:
        super().__init__(
            model,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            shuffle=shuffle,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def _weights(self, y: Any, sample_weight: Any) -> Any:
        if self.class_weight is None:
            return sample_weight
        own = compute_sample_weight(self.class_weight, y)
        return own if sample_weight is None else own * sample_weight

    def _targets(self, y: Any, first: bool, classes: Any) -> NDArray[Any]:
        if first:
            self.classes_ = unique_labels(y if classes is None else classes)
        if unknown := sorted({*unique_labels(y)} - {*self.classes_}):
            raise DataError(
                f"y has classes that were not there before, {unknown}: the first call "
                "of partial_fit needs all of them."
            )
        self._multilabel = y.ndim == 2
        if self._multilabel:
            return np.asarray(y, np.float32)
        loss = self.model_.trainer.loss
        if loss.targets == "classes":
            return np.asarray(np.searchsorted(self.classes_, y))
        encoded = label_binarize(y, classes=self.classes_)
        if encoded.shape[1] == 1 and not isinstance(loss, BinaryCrossentropy):
            encoded = np.concatenate([1 - encoded, encoded], axis=1)
        return np.asarray(encoded, np.float32)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class, ``(rows, classes)``, or of each label.

        Args:
            X: as for `fit`.
        """
        outputs = self._outputs(X)
        loss = self.model_.trainer.loss
        if getattr(loss, "from_logits", False):
            binary = isinstance(loss, BinaryCrossentropy)
            outputs = np.asarray(expit(outputs) if binary else softmax(outputs, axis=1))
        if outputs.shape[1] == 1 and not self._multilabel:
            outputs = np.concatenate([1.0 - outputs, outputs], axis=1)
        return outputs

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each row, or whether each label applies.

        Args:
            X: as for `fit`.
        """
        probabilities = self.predict_proba(X)
        if self._multilabel:
            return (probabilities > 0.5).astype(int)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])


class ModelRegressor(RegressorMixin, WrappedModel):  # type: ignore[misc]
    """A model that gives values, see `wrap`."""

    def _targets(self, y: Any, first: bool, classes: Any) -> NDArray[Any]:
        return np.asarray(y)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the values of each row, ``(rows,)`` or ``(rows, outputs)``.

        Args:
            X: as for `fit`.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs


def _recipe(model: Any) -> Recipe:
    return model if isinstance(model, Recipe) else Recipe(model)


def wrap(model: Any, **options: Any) -> Any:
    """Return a model as an estimator of scikit-learn, which `fit` builds anew.

    What training does not change is that of the model: weights of frozen layers and
    what a `Normalization` was adapted to, if they are there.

    The estimator is one of classes where the loss is a cross-entropy, else one of
    values. ``set_params``, pipelines and searches reach into the model by
    ``model__<name>``, where the names are those of a `jaxnet_mini.sweep`: arguments of
    the function, such as ``model__units``; numbers of the optimizer, such as
    ``model__learning_rate``; dropout rates and factors of regularizers; and
    ``model__seed``.

    Args:
        model: a compiled model, which stays as it is, or a function that returns one.
        options: those of the estimator, as in ``fit``: ``batch_size``, ``epochs``,
            ``verbose``, ``callbacks``, ``validation_split``, ``shuffle`` and, of
            classes, ``class_weight``; ``random_state``, from which the seed comes;
            and ``model__<name>`` as above.

    Raises:
        ArgumentError: neither; or a parameter is none of these.
        StateError: the model is not compiled.

    >>> import jaxnet_mini as jn
    >>> from sklearn.datasets import load_iris
    >>> def build(units=8):
    ...     model = jn.Sequential([jn.Dense(units, "relu"), jn.Dense(3, "softmax")])
    ...     model.compile("adam", "sparse_categorical_crossentropy")
    ...     return model
    >>> X, y = load_iris(return_X_y=True)
    >>> net = wrap(build, epochs=60, model__units=16, model__learning_rate=0.02)
    >>> float(net.fit(X, y).score(X, y)) > 0.9
    True
    """
    prefix = "model__"
    own = {n.removeprefix(prefix): v for n, v in options.items() if prefix in n}
    others = {n: v for n, v in options.items() if prefix not in n}
    recipe = Recipe(model, **own)
    loss = recipe.build().trainer.loss
    classes = getattr(loss, "targets", None) in ("classes", "probabilities")
    kind = ModelClassifier if classes else ModelRegressor
    known = kind._get_param_names()
    for name in others:
        find(dict.fromkeys(known), name, "parameter")
    return kind(recipe, **others)
