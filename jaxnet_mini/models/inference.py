"""What a model does without learning: it is evaluated, and it predicts."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet_mini.base.arguments import check_count, check_training
from jaxnet_mini.callbacks import CallbackList, as_callbacks
from jaxnet_mini.callbacks.base import Callback, watches_batches
from jaxnet_mini.callbacks.progress_bar import check_verbose
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.training.state import length
from jaxnet_mini.core.types import Logs, RandomKey
from jaxnet_mini.data import arrays, checks, epoch_order, fit_arguments, iterables
from jaxnet_mini.data import stacks as stacking
from jaxnet_mini.data.checked_batches import CheckedBatches
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.iterables import ONE_PASS
from jaxnet_mini.data.stacks import BatchStacks, rows_at_once, single_batch
from jaxnet_mini.devices import forks, placement, transfers
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.loops import evaluate as evaluation
from jaxnet_mini.loops import padding, prepare, rehearsal
from jaxnet_mini.loops import predict as prediction
from jaxnet_mini.loops.forward import Source
from jaxnet_mini.models.blueprint import Blueprint
from jaxnet_mini.models.held import Held, of


class Asked(NamedTuple):
    """What `Model.evaluate` and `Model.predict` take besides the examples, as it came.

    Once it is checked, the devices are a `Placement`, and the hooks are in a list.
    """

    batch_size: Any
    steps: Any
    verbose: Any
    callbacks: Any
    devices: Any

    @property
    def is_nothing(self) -> bool:
        """Whether only examples were given, without a word to be said of them."""
        batch_size, steps, verbose, callbacks, devices = self
        unsaid = batch_size is steps is callbacks is devices is None
        return unsaid and verbose == 0 and type(verbose) is int

    def checked(self, held: Held) -> "Asked":
        """Return it as it is used, for what a model holds.

        Raises:
            ArgumentError: one is none of what it can be.
        """
        verbose = check_verbose(self.verbose)
        hooks = as_callbacks(self.callbacks)
        place = placement.own(self.devices, lying=held.state)
        batch_size, steps = (
            value if value is None else check_count(name, value)
            for name, value in zip(self._fields[:2], self[:2], strict=True)
        )
        return Asked(batch_size, steps, verbose, hooks, place)


def evaluate(model: Any, triple: tuple[Any, Any, Any], asked: Asked) -> Logs:
    """Return loss and metrics over all rows by name, see `Model.evaluate`.

    Args:
        model: which.
        triple: inputs, or what gives batches; targets; weights.
        asked: what else the method takes.
    """
    forks.check("evaluate")
    transfers.check("evaluate")
    held = of(model)
    trainer = held.compiled()
    held.blueprint.check_shape_known()
    batch_size, steps, verbose, hooks, place = asked.checked(held)
    opened = iterables.opened(*triple, steps, batch_size, door=ONE_PASS)
    first = triple[:2] if opened is None else opened.first[:2]
    outline = held.blueprint.outline_for(*first)
    trainer = rehearsal.trainer_for(trainer, outline)
    if opened is None:
        examples = rehearsal.examples_for(trainer, outline, *triple)
        rows, batch_size = prepare.first_steps(examples.length, steps, batch_size)
        steps = _counted(rows, batch_size)
        examples = examples.rows(0, rows)
        by_row = trainer.averages_rows(examples.weight is not None)
        watched = watches_batches(hooks, "test")
        size = rows_at_once(batch_size, by_row, watched, place.shards)
        trainer = rehearsal.try_out(trainer, examples, size, training=False)
        stacks: Source = stacking.cut(*examples, size)
    else:
        stacks = BatchStacks(
            CheckedBatches(opened, rehearsal.checking(trainer, outline))
        )
        size = stacks.first.length
        trainer = rehearsal.try_out(trainer, stacks.first, size, training=False)
        steps = stacks.batches
    called = _called(hooks, model, steps, verbose)
    variables = place.params(held.untrained().variables)
    return evaluation.evaluate(
        trainer, variables, stacks, called, place, verbose, steps=steps
    )


def predict(model: Any, x: Any, asked: Asked) -> Any:
    """Return the outputs for all rows, see `Model.predict`.

    Args:
        model: which.
        x: inputs, or what gives batches.
        asked: what else the method takes.
    """
    forks.check("predict")
    transfers.check("predict")
    held = of(model)
    if asked.is_nothing:
        found = held.few_rows.predicted(held.blueprint, held.untrained, x)
        if found is not None:
            return as_listed(found)
    held.blueprint.check_layers()
    batch_size, steps, verbose, hooks, place = asked.checked(held)
    opened = iterables.opened(
        x, None, None, steps, batch_size, door=ONE_PASS, read=checks.inputs_of
    )
    if not held.blueprint.built:
        held.adopt(held.outline_for(x if opened is None else opened.first[0]))
    blueprint = held.blueprint
    key = held.next_key() if protocol.always_training(blueprint.net) else None
    none: Any = None
    if opened is not None:
        stacks: Source = BatchStacks(
            CheckedBatches(
                opened, lambda own: Examples(inputs(blueprint, own[0]), none, none)
            )
        )
        steps = stacks.batches
    else:
        given = Examples(inputs(blueprint, x), none, none)
        count, batch_size = prepare.first_steps(given.length, steps, batch_size)
        rows, by_row = given.rows(0, count).x, protocol.acts_by_row(blueprint.net)
        watched = watches_batches(hooks, "predict")
        size = rows_at_once(batch_size, by_row, watched, place.shards)
        if count <= size and not hooks and not verbose:
            return as_listed(_of_one_batch(held, rows, size, key, place))
        stacks, steps = (
            stacking.cut(rows, None, None, size),
            _counted(count, batch_size),
        )
    called = _called(hooks, model, steps, verbose)
    variables = place.params(held.untrained().variables)
    arguments: Any = (variables, stacks, called, place, verbose)
    return as_listed(
        prediction.predict(blueprint.traced, *arguments, steps=steps, key=key)
    )


def _of_one_batch(
    held: Held, x: Any, size: int, key: RandomKey | None, place: Placement
) -> Any:
    """Return the outputs for rows that are computed as one batch.

    Args:
        held: of the model.
        x: checked inputs.
        size: the most rows that the batch may have.
        key: of a network of which a part acts as in training in any case, or None.
        place: where arrays lie.
    """
    net, rows = held.blueprint.traced, length(x)
    variables = place.params(held.untrained().variables)
    batch, by_row = single_batch(x, size), protocol.acts_by_row(held.blueprint.net)
    filled = not by_row and length(batch) > rows
    if filled and padding.counts(net, variables, batch):
        batch = single_batch(x, rows)
    if by_row and key is None and place.mesh is None:
        variables = held.few_rows.weights.of(variables, rows)
    return prediction.predict_batch(net, variables, batch, rows, key)


def as_listed(outputs: Any) -> Any:
    """Return several outputs in a list, as Keras does."""
    return list(outputs) if isinstance(outputs, tuple) else outputs


def _counted(rows: int, batch_size: int | None) -> int:
    """Return how many steps a person is told that so many rows take, as in Keras.

    Where no ``batch_size`` was given more are computed at a time, which changes
    nothing.
    """
    return epoch_order.steps_for(rows, batch_size or fit_arguments.BATCH_SIZE)


def _called(
    hooks: list[Callback], model: Any, steps: int | None, verbose: int
) -> CallbackList:
    parameters = {"epochs": 1, "steps": steps, "verbose": verbose}
    return CallbackList(hooks, model, parameters)


def inputs(blueprint: Blueprint, x: Any) -> Any:
    """Return inputs that the network takes, as arrays on the host.

    Raises:
        StateError: the input shape is not known.
        ArgumentError, DataError, ShapeError: they are none.
    """
    blueprint.check_shape_known()
    return arrays.as_inputs(x, blueprint.outline_for(x), "x")


def results(model: Any, logs: Logs, return_dict: bool) -> Any:
    """Return logs as the methods return them: in order, one alone, or by name."""
    if return_dict:
        return logs
    known = [metric.name for metric in model.metrics if metric.name in logs]
    others = sorted(logs.keys() - {*known})  # of a test_step of one's own
    values = [logs[name] for name in [*known, *others]]
    return values if len(values) > 1 else values[0]


def called_with(blueprint: Blueprint, x: Any) -> Any:
    """Return what a call is given as arrays of JAX; those that are traced stay so.

    Raises:
        ArgumentError, DataError, ShapeError: the network does not take it.
    """
    x = arrays.as_inputs(x, blueprint.outline_for(x), "x", as_numeric)
    with transfers.meant():
        return jax.tree.map(jnp.asarray, x)


def as_numeric(x: Any, argument: str) -> Any:
    """Return an array of any shape; one of JAX, which may be traced, as it is."""
    return x if isinstance(x, jax.Array) else arrays.as_numeric(x, argument)


def call(held: Held, x: Any, training: bool | None, key: RandomKey | None) -> Any:
    """Return the outputs for a batch as a JAX array, see `Model.__call__`."""
    training = check_training(training)
    held.take_several(x)
    if held.blueprint.net.layers and not held.blueprint.built:
        shape = np.shape(as_numeric(arrays.without_list(x), "x"))
        held.adopt(held.blueprint.outline_of(tuple(shape[1:])))
    blueprint = held.blueprint
    blueprint.check_shape_known()
    x, variables = called_with(blueprint, x), held.untrained().variables
    with transfers.meant():
        training_at_all = training or protocol.always_training(blueprint.net)
        if training_at_all and key is None:
            key = held.next_key()
        outputs, _ = protocol.run(
            blueprint.traced, *variables, x, key=key, training=training
        )
    return as_listed(outputs)
