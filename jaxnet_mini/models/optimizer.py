"""The optimizer of a compiled model, as Keras's users read and set it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxnet_mini.base.absent import attributes
from jaxnet_mini.core import optimizers, transformations
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.optimizers.lists import Lists, variables_of
from jaxnet_mini.core.optimizers.settings import Patterns
from jaxnet_mini.devices import transfers
from jaxnet_mini.errors import ArgumentError, StateError
from jaxnet_mini.files import config
from jaxnet_mini.models import begun
from jaxnet_mini.models.held import Held
from jaxnet_mini.models.weights import Weight, listed

_EVERY = "gradient_accumulation_steps"


class LearningRate(float):
    """A learning rate of a model, a float that answers as Keras's variable does too."""

    _owner: "ModelOptimizer"
    shape: tuple[int, ...] = ()

    @classmethod
    def of(cls, owner: "ModelOptimizer", value: float) -> "LearningRate":
        """Return the rate that an optimizer has now."""
        rate = cls(value)
        rate._owner = owner
        return rate

    def numpy(self) -> Any:
        """Return it as a NumPy scalar, a float32."""
        return np.float32(self)

    def assign(self, value: float) -> None:
        """Set the rate of the model that this was read from."""
        self._owner.learning_rate = value

    def __reduce__(self) -> Any:
        return float, (float(self),)  # a copy belongs to no model


class Iterations(int):
    """A number of steps, an int that answers as Keras's variable does too."""

    def numpy(self) -> Any:
        """Return it as a NumPy scalar, an int32."""
        return np.int32(self)


class ModelOptimizer:
    """The optimizer of a compiled model: its learning rate can be read and set.

    Args:
        held: what the model holds.

    Raises:
        StateError: it is not compiled.
    """

    def __init__(self, held: Held) -> None:
        held.compiled()  # an error now, not at the first use
        self._held = held

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
                self._held.compiled().optimizer, "__dataclass_fields__", ()
            )
        }
        return settings | methods.of_optimizer()

    def _configured(self) -> Any:
        """Return the learning rate that the model was compiled with, if any."""
        return getattr(self._held.compiled().optimizer, "learning_rate", None)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step; setting it compiles nothing anew.

        Set before the first step it is as if the model had been compiled with it: for
        its clones, sweeps and estimators, and for runs that are kept.

        A float, which has Keras's ``numpy()`` and ``assign(value)`` too. Where it
        follows a schedule it cannot be set.
        """
        state, schedule = self._held.trained().optimizer_state, self._configured()
        rate = optimizers.get_learning_rate(state)
        if callable(schedule):  # the state has the rate of the last step
            with transfers.meant(), transformations.as_optax_computes():
                rate = schedule(transfers.to_host(state.count))
        return LearningRate.of(self, float(transfers.to_host(rate)))

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        number = optimizers.check_learning_rate(value)
        if callable(self._configured()):
            raise StateError(
                "the learning rate follows a schedule and cannot be set: compile with "
                "a number as learning_rate."
            )
        state = self._held.trained()
        with transfers.meant():
            changed = optimizers.set_learning_rate(state.optimizer_state, number)
        self._held.put(state._replace(optimizer_state=changed))
        begins = not (self._held.turn.is_taken or int(transfers.to_host(state.step)))
        if begins and self._configured() is not None:
            optimizer: Any = self._held.compiled().optimizer
            self._held.tune(dataclasses.replace(optimizer, learning_rate=number))

    def exclude_from_weight_decay(
        self, var_list: Sequence[Any] | None = None, var_names: Patterns | None = None
    ) -> None:
        """Let ``weight_decay`` pass over some weights, from the next step on.

        Args:
            var_list: weights of this model, such as ``model.layers[0].bias``.
            var_names: as of `jaxnet_mini.optimizers.Optimizer`.

        Raises:
            ArgumentError: one is none of these, or the optimizer has no such decay.
        """
        optimizer = self._held.compiled().optimizer
        if not isinstance(optimizer, optimizers.Optimizer):
            raise ArgumentError(
                "the optimizer is a transformation of optax, which has its weight "
                "decay within: give that a mask, or compile with AdamW."
            )
        own = [self._of_model(weight) for weight in var_list or ()]
        self._held.tune(optimizer.excluding(own, var_names))

    @property
    def _lists(self) -> Lists:
        trainer, shapes = self._held.compiled(), self._held.blueprint.shapes
        own = tuple(listed(self._held, shapes, True))
        params = trainer.trained(outlines.variables(shapes).params)
        return Lists(trainer.optimizer, params, tuple(w.path for w in own), own)

    @property
    def variables(self) -> list[Any]:
        """The state of the optimizer as a list, to start `stateless_apply` from."""
        state = jax.tree.leaves(self._held.trained().optimizer_state)
        return variables_of(state, "the optimizer of a model")

    def build(self, variables: Any) -> None:
        """Do nothing: it is that of the model's variables."""

    def stateless_apply(
        self, optimizer_variables: Any, grads: Any, trainable_variables: Any
    ) -> Any:
        """Return what is trained and the `variables` after a step; a pure function.

        Args:
            optimizer_variables: before the step.
            grads: the gradients, in the order of ``model.trainable_variables``.
            trainable_variables: the parameters before the step, likewise.

        Raises:
            ArgumentError: there are more or fewer arrays.
        """
        return self._lists.apply(optimizer_variables, grads, trainable_variables)

    def _of_model(self, weight: Any) -> Any:
        """Return a weight of this model that is the same as one; else what is given."""
        held = self._held
        found = isinstance(weight, Weight) and [
            own
            for own in listed(held, held.blueprint.shapes)
            if own.value is weight.value
        ]
        if isinstance(weight, Weight) and not found:
            raise ArgumentError(
                f"var_list has the weight {weight.path!r} of another model: give those "
                "of this one, such as model.layers[0].bias."
            )
        return found[0] if found else weight

    def get_config(self) -> dict[str, Any]:
        """Return its name and settings as plain JSON, with the rate that it has now.

        Raises:
            ArgumentError: it has no name to find it by.
        """
        made: Any = config.to_config(self._held.compiled().optimizer, "the optimizer")
        settings = {"name": made["class"].rpartition(".")[2], **made["config"]}
        if isinstance(settings.get("learning_rate"), float):
            settings["learning_rate"] = float(self.learning_rate)
        return settings

    @property
    def iterations(self) -> int:
        """How many updates it has made since `compile`; an int with ``numpy()``."""
        state = self._held.trained()
        steps = getattr(state.optimizer_state, "count", state.step)
        asked = getattr(self._held.compiled().optimizer, _EVERY, None)
        return Iterations(int(transfers.to_host(steps)) // (asked or 1))

    def __repr__(self) -> str:
        return repr(self._held.compiled().optimizer)


def given(held: Held, optimizer: Any) -> tuple[bool, Any]:
    """Return whether an optimizer is that of a model already, and what it is.

    Args:
        held: what the model holds.
        optimizer: of this model, of another or of none.
    """
    if not isinstance(optimizer, ModelOptimizer):
        return False, optimizer
    other = optimizer._held
    own, state = other.compiled().optimizer, other.state
    return other is held, begun.at_rate(own, state and state.optimizer_state)
