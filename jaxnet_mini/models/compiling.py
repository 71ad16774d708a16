"""How a model is to be trained: its loss, its metrics and its optimizer.

The state of training, parameters with the optimizer's own, is held here.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import optax

from jaxnet_mini.base import plain_json
from jaxnet_mini.base.absent import attributes
from jaxnet_mini.core import optimizers, origins, transformations
from jaxnet_mini.core.metrics import Metric
from jaxnet_mini.core.training.state import TrainState
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.devices import programs, transfers
from jaxnet_mini.errors import ArgumentError, StateError
from jaxnet_mini.files import config as configs
from jaxnet_mini.files.config import CustomObjects
from jaxnet_mini.models.weighing import WeightedStack


class ModelOptimizer:
    """The optimizer of a compiled model: its learning rate can be read and set."""

    def __init__(self, model: "CompiledStack") -> None:
        self._model = model

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            attributes.check_set(self, name, set(), self._absent())
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        raise attributes.missing(self, name, set(), self._absent())

    def _absent(self) -> dict[str, str]:
        """Return what is found elsewhere: Keras's names, and the optimizer's own."""
        import jaxnet_mini.base.absent.methods as methods

        settings = {
            name: f"It is model.trainer.optimizer.{name}, and another one is given to "
            "compile"
            for name in getattr(
                self._model.trainer.optimizer, "__dataclass_fields__", ()
            )
        }
        return settings | methods.of_optimizer()

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step; setting it compiles nothing anew."""
        state = self._model.state
        return float(
            transfers.to_host(optimizers.get_learning_rate(state.optimizer_state))
        )

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        number = optimizers.check_learning_rate(value)
        configured = getattr(self._model.trainer.optimizer, "learning_rate", None)
        if callable(configured):
            raise StateError(
                "the learning rate follows a schedule and cannot be set: compile with "
                "a number as learning_rate."
            )
        state = self._model.state
        with transfers.meant():
            changed = optimizers.set_learning_rate(state.optimizer_state, number)
        self._model.state = state._replace(optimizer_state=changed)

    def __repr__(self) -> str:
        return repr(self._model.trainer.optimizer)


class CompiledStack(WeightedStack):
    """A `WeightedStack` that knows how it is to be trained."""

    _trainer: Trainer | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        """Choose how to train; the weights stay, the optimizer starts afresh.

        Args:
            optimizer: a name, one of `jaxnet_mini.optimizers` or an optax
                transformation.
            loss: a name, one of `jaxnet_mini.losses` or a callable
                ``(y_true, y_pred) -> per-example loss``.
            metrics: one or a list of names, metrics or callables.
            weighted_metrics: likewise; these count examples by ``sample_weight`` and
                ``class_weight``.

        Names in the logs are numbered as in Keras: ``[AUC(), AUC(curve="PR")]`` are
        ``auc`` and ``auc_1``. A word or a function that stands in both lists is logged
        as ``weighted_...`` in the second.

        Raises:
            ArgumentError, UnknownNameError: one of these is none, or two metrics were
                given the same name.
        """
        if loss is None:
            raise ArgumentError(
                "compile needs a loss: for example "
                'loss="sparse_categorical_crossentropy".'
            )
        chosen = (loss, optimizer, _several(metrics), _several(weighted_metrics))
        trace = origins.trace_for(self.net, *chosen)
        trainer = Trainer(self.net, *chosen, trace=trace)
        if self.built:
            shapes = {part.name: part.params for part in self.outline}
            transformations.check(trainer.optimizer, trainer.transformation, shapes)
        with self._turn.making:
            self._turn.check("how to train")
            self._trainer = trainer
            self._traced_net = origins.retraced(self.net)
            if self._state is not None:
                self._state = self._state._replace(optimizer_state=None)

    @property
    def trainer(self) -> Trainer:
        """The pure functions behind ``fit``, as compiled."""
        if self._trainer is None:
            raise StateError(
                "the model is not compiled: call model.compile(optimizer, loss, "
                "metrics) first."
            )
        if self._trainer.net is not self.net:  # layers were added since
            trace = origins.trace_for(self.net) or self._trainer.trace
            self._trainer = dataclasses.replace(
                self._trainer, net=self.net, trace=trace
            )
        return self._trainer

    @property
    def optimizer(self) -> ModelOptimizer:
        """The optimizer; ``model.optimizer.learning_rate`` can be read and set."""
        self.trainer  # noqa: B018  (an error now, not at the first use)
        return ModelOptimizer(self)

    @property
    def state(self) -> TrainState:
        """Parameters, optimizer state, key and step, as the next step takes them."""
        with self._turn.making:
            if self._state is None:
                self._state = programs.fresh(*self._start())
            elif self._state.optimizer_state is None:
                self._state = programs.with_optimizer(self.trainer, self._state)
            return self._state

    @state.setter
    def state(self, state: TrainState) -> None:
        with self._turn.making:
            self._turn.check("the state")
            self._state = state

    def _start(self) -> tuple[Any, ...]:
        """Return what the first state is made of, see `programs.fresh`."""
        return self.trainer, self._known_shape(), np.uint32(self.seed)

    def _state_ahead(self) -> TrainState:
        """Return the state, or its shapes and dtypes where it is still to be made.

        What makes it is then being compiled.
        """
        if self._state is None:
            start = self._start()
            programs.fresh.compile_ahead(*start)
            shapes: TrainState = programs.fresh.shapes(*start)
            return shapes
        return self.state

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return what `compile` was given as plain JSON; None before it.

        Raises:
            ArgumentError: something in it has no name to find it by.
        """
        return None if self._trainer is None else self._compile_config({})

    def _compile_config(self, own: dict[str, Any]) -> dict[str, Any]:
        trainer = self.trainer
        if isinstance(trainer.optimizer, optax.GradientTransformation):
            raise ArgumentError(
                "the optimizer cannot be saved: an optax transformation is functions "
                "without names. Save the weights alone with model.save_weights, or "
                "compile with a subclass of jaxnet_mini.optimizers.Optimizer whose "
                "factory makes it."
            )

        def listed(metrics: tuple[Metric, ...]) -> list[Any]:
            return [
                configs.to_config(metric, f"the metric {metric.name!r}", own)
                for metric in metrics
            ]

        return {
            "optimizer": configs.to_config(trainer.optimizer, "the optimizer", own),
            "loss": configs.to_config(trainer.loss, "the loss", own),
            "metrics": listed(trainer.metrics),
            "weighted_metrics": listed(trainer.weighted_metrics),
        }

    def compile_from_config(
        self, config: Mapping[str, Any], custom_objects: CustomObjects | None = None
    ) -> None:
        """Compile as `get_compile_config` says.

        Args:
            config: what it returned.
            custom_objects: the user's own classes and functions in it, by name.

        Raises:
            UnknownNameError, ArgumentError: it describes no optimizer, loss or metric.
        """
        one, several = dict | str, list
        entries: dict[str, Any] = {
            "optimizer": one,
            "loss": one,
            "metrics": several,
            "weighted_metrics": several,
        }
        plain_json.check_keys(config, entries, "the compile settings")
        configs.check_custom(list(config.values()), custom_objects)
        self.compile(
            **{
                entry: configs.from_config(config[entry], custom_objects, entry)
                for entry in entries
            }
        )


def _several(metrics: Any) -> tuple[Any, ...]:
    """Return none, one or several as a tuple."""
    if metrics is None:
        return ()
    return tuple(metrics) if isinstance(metrics, list | tuple) else (metrics,)
