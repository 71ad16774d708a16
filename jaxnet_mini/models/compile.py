"""How a model is to be trained: what ``compile`` is given, and as plain JSON."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import optax

from jaxnet_mini.base import notices, plain_json
from jaxnet_mini.base.arguments import check_count, check_flag, is_number, named_parts
from jaxnet_mini.core import origins, transformations
from jaxnet_mini.core.networks import holding, protocol
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks.graph import Graph, names_in, output_names
from jaxnet_mini.core.training.goals import listed
from jaxnet_mini.core.training.listed_step import NO_STEPS, Steps
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import ArgumentError, short
from jaxnet_mini.files import config as configs
from jaxnet_mini.files.config import CustomObjects
from jaxnet_mini.models.blueprint import Blueprint
from jaxnet_mini.models.held import Held

WEIGHTS, STEP = "loss_weights", "train_step"


def trainer_of(
    blueprint: Blueprint,
    *,
    optimizer: Any,
    loss: Any,
    metrics: Any,
    weighted_metrics: Any,
    loss_weights: Any,
    train_step: Any,
    steps: Steps = NO_STEPS,
) -> Trainer | None:
    """Return the trainer that the arguments of ``compile`` describe.

    None where they are for several outputs, and what a class with ``call`` returns is
    not known yet.

    Raises:
        ArgumentError, UnknownNameError: one of them is none, or the optimizer does not
            suit the weights.
    """
    if loss is None and steps.train is None and not _may_add(blueprint.net):
        raise ArgumentError(
            'compile needs a loss: for example loss="sparse_categorical_crossentropy".'
        )
    net = blueprint.net
    names = output_names(net)
    if not names and not blueprint.built and _are_several(net, loss, metrics):
        return None
    if not names:
        loss, metrics, weighted_metrics, loss_weights = (
            _of_one(net, given)
            for given in (loss, metrics, weighted_metrics, loss_weights)
        )
        metrics, weighted_metrics = map(listed, (metrics, weighted_metrics))
        loss, loss_weights = _only(loss), _loss_weight(_only(loss_weights))
    chosen = loss, optimizer, metrics, weighted_metrics
    trace = origins.trace_for(net, *chosen, train_step, steps.methods)
    how = {"loss_weights": loss_weights, "train_step": train_step, "trace": trace}
    trainer = Trainer(net, *chosen, **how, steps=steps)
    _check_precision(net)
    if blueprint.built:
        trained = trainer.trained(outlines.variables(blueprint.shapes).params)
        transformations.check(trainer.optimizer, trainer.transformation, trained)
    return trainer


def _may_add(net: Any) -> bool:
    """Tell whether layers may add to the loss by themselves: those of a user's own."""
    return any(
        type(layer) not in protocol.OWN_LAYERS
        or getattr(layer, "activity_regularizer", None) is not None
        for part in net.layers
        for layer in holding.within(part)
    )


def _are_several(net: Any, loss: Any, metrics: Any) -> bool:
    """Tell whether losses or metrics are for outputs that are still to be known."""
    own = any(hasattr(layer, "output_names") for layer in net.layers)
    nested = isinstance(metrics, Mapping) or (
        isinstance(metrics, list | tuple)
        and any(one is None or isinstance(one, list | tuple) for one in metrics)
    )
    return own and (nested or isinstance(loss, list | tuple | Mapping))


def _check_precision(net: Any) -> None:
    """Say once where a net computes in bfloat16 on a device that does it slowly."""
    policies = {getattr(part, "_policy", None) for part in holding.within(net)}
    if "mixed_bfloat16" in policies and jax.default_backend() == "cpu":
        notices.warn_once(
            "bfloat16 is slower than float32 on a CPU, or as fast where layers are "
            "wide: keep it for accelerators."
        )


def check_execution(
    run_eagerly: Any, steps_per_execution: Any, jit_compile: Any
) -> None:
    """Check how ``compile`` is told to run the steps, and say once what is not done.

    Raises:
        ArgumentError: one of them is none of its values.
    """
    steps = check_count("steps_per_execution", steps_per_execution)
    said = "changes nothing: every step is compiled"
    if check_flag("run_eagerly", run_eagerly):
        notices.warn_once(
            f"run_eagerly=True {said}. Values within a loss or a layer are shown by "
            "debug.print of jax, and in a block of jax.disable_jit() none is compiled."
        )
    if jit_compile != "auto" and not check_flag("jit_compile", jit_compile):
        notices.warn_once(f"jit_compile=False {said}.")
    if steps > 1:
        notices.warn_once(
            "steps_per_execution changes nothing: as many steps run in one program as "
            "callbacks allow, and hooks for batches are called for each."
        )


def _of_one(net: Any, given: Any) -> Any:
    """Return what a dictionary has for the only output of a graph; else what is given.

    Raises:
        ArgumentError: it has something else.
    """
    if not (isinstance(given, Mapping) and isinstance(net, Graph)):
        return given
    parts = named_parts(
        "a dictionary of compile", given, names_in(net.outputs), "outputs"
    )
    ((_, own),) = parts.values()
    return own


def _only(given: Any) -> Any:
    """Return what stands in a list of one; else what is given."""
    one = isinstance(given, list | tuple) and len(given) == 1
    return given[0] if one else given


def _loss_weight(weight: Any) -> float | None:
    """Return what the loss is multiplied by; None for nothing.

    Raises:
        ArgumentError: no number.
    """
    if weight is None:
        return None
    if not is_number(weight) or not math.isfinite(weight):
        raise ArgumentError(
            "loss_weights must be a number or a list of one, as the model has one "
            f"output, not {short(weight)}."
        )
    return None if weight == 1 else float(weight)


def config_of(held: Held, own: dict[str, Any]) -> dict[str, Any] | None:
    """Return how to train as plain JSON; None before it is compiled.

    Args:
        held: what the model holds.
        own: receives the user's own classes and functions in it, by name.

    Raises:
        ArgumentError: something in it has no name to find it by.
    """
    if not held.is_compiled:
        return None
    trainer = held.compiled()
    if isinstance(trainer.optimizer, optax.GradientTransformation):
        raise ArgumentError(
            "the optimizer cannot be saved: an optax transformation is functions "
            "without names. Save the weights alone with model.save_weights, or "
            "compile with a subclass of jaxnet_mini.optimizers.Optimizer whose "
            "factory makes it."
        )

    def written(value: Any, what: str) -> Any:
        """Return it as JSON, of several outputs a list."""
        if isinstance(value, tuple):
            return [written(one, what) for one in value]
        name = f" {value.name!r}" if what == "the metric" else ""
        return None if value is None else configs.to_config(value, what + name, own)

    config: dict[str, Any] = {
        "optimizer": configs.to_config(trainer.optimizer, "the optimizer", own),
        "loss": written(trainer.loss, "the loss"),
        "metrics": written(trainer.metrics, "the metric"),
        "weighted_metrics": written(trainer.weighted_metrics, "the metric"),
    }
    if trainer.loss_weights is not None:
        weights = trainer.loss_weights
        config[WEIGHTS] = [*weights] if trainer.outputs else weights
    if trainer.train_step is not None:
        config[STEP] = written(trainer.train_step, STEP)
    return config


def arguments_of(
    config: Mapping[str, Any], custom_objects: CustomObjects | None
) -> dict[str, Any]:
    """Return the arguments of ``compile`` that `config_of` made JSON of.

    Args:
        config: what it returned.
        custom_objects: the user's own classes and functions in it, by name.

    Raises:
        UnknownNameError, ArgumentError: it describes no optimizer, loss or metric.
    """
    one, several = dict | str, list
    entries: dict[str, Any] = {
        "optimizer": one,
        "loss": one | list | None,  # of several outputs, or what layers add alone
        "metrics": several,
        "weighted_metrics": several,
    }
    if WEIGHTS in config:  # written where there are any
        entries[WEIGHTS] = float | list
    if STEP in config:
        entries[STEP] = dict
    plain_json.check_keys(config, entries, "the compile settings")
    configs.check_custom(list(config.values()), custom_objects)
    return {
        entry: configs.from_config(config[entry], custom_objects, entry)
        for entry in entries
    }
