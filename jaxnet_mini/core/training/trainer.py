"""Training and evaluation as pure functions.

Nothing here knows a file, a clock or a console. A `Trainer` is a frozen value that says
what is learned and how; its methods map states and batches to states and sums, and
compose with ``jax.jit``, ``jax.grad`` and ``jax.vmap``.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxnet_mini.base import policies
from jaxnet_mini.core import optimizers, transformations
from jaxnet_mini.core.metrics import Metric
from jaxnet_mini.core.networks import activity, graph, protocol, serial
from jaxnet_mini.core.origins import Trace
from jaxnet_mini.core.training import frozen, goals, in_pieces, listed_step, own_step
from jaxnet_mini.core.training.goals import Goal
from jaxnet_mini.core.training.listed_step import NAME, NO_STEPS, Method, Steps
from jaxnet_mini.core.training.state import (
    Batch,
    Data,
    TrainState,
    all_finite,
    batch_of,
)
from jaxnet_mini.core.training.sums import Progress, Sums, finished, results_of
from jaxnet_mini.core.training.totals import Task, task_of, totals_of
from jaxnet_mini.core.training.update import step_key, updated
from jaxnet_mini.core.types import (
    Float,
    Int,
    Layer,
    Params,
    RandomKey,
    State,
    Variables,
)
from jaxnet_mini.core.values import Value
from jaxnet_mini.errors import ArgumentError


@dataclasses.dataclass(frozen=True)
class Trainer(Value):
    """What is learned and how: a frozen, hashable value.

    Args:
        net: a layer, usually `jaxnet_mini.serial`.
        loss: a Keras name, one of `jaxnet_mini.losses`, or a callable
            ``(y_true, y_pred) -> per-example loss``; None for what layers add alone.
        optimizer: a Keras name, one of `jaxnet_mini.optimizers`, or any optax
            transformation.
        metrics: names, `jaxnet_mini.metrics.Metric` values or callables.
        weighted_metrics: likewise; these count examples by their weights.
        loss_weights: what the loss, without penalties, is multiplied by; None for 1.
            Of several outputs this, losses, metrics and all of a batch are tuples in
            their order, or dictionaries by their names.
        train_step: a pure function ``(step, state, batch) -> (state, seen)`` in place
            of the usual step, see `jaxnet_mini.core.training.own_step.Step`.
        compute_dtype: ``"bfloat16"`` for layers that say nothing else by their
            ``dtype``, in training and evaluation; parameters, gradients, optimizer,
            loss and sums stay in float32. None for what the network says.
        steps: what a class in Keras's form does in place of the usual step, and of the
            usual evaluation, see `jaxnet_mini.core.training.listed_step`; then no batch
            may have padding.
        trace: makes an equal trainer another one, whose programs are traced anew; see
            `jaxnet_mini.core.origins`.

    Where the network ends with the softmax or sigmoid that the loss expects, the loss
    is computed from what comes before it: exact where probabilities would round.

    >>> from jaxnet_mini.layers import Dense
    >>> trainer = Trainer(Dense(1), loss="mse", optimizer="sgd")
    >>> state = trainer.init(jax.random.key(0), (2,))
    >>> state, logs = jax.jit(trainer.step)(state, (jnp.ones((4, 2)), jnp.ones((4, 1))))
    >>> sorted(logs), int(state.step)
    (['loss'], 1)
    """

    net: Layer
    loss: Any
    optimizer: Any = "adam"
    metrics: Any = ()
    weighted_metrics: Any = ()
    loss_weights: Any = dataclasses.field(default=None, kw_only=True)
    train_step: Any = dataclasses.field(default=None, kw_only=True)
    compute_dtype: str | None = dataclasses.field(default=None, kw_only=True)
    steps: Steps = dataclasses.field(default=NO_STEPS, kw_only=True, repr=False)
    trace: Trace | None = dataclasses.field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        serial.check_layer(self.net)
        activity.check(self.net)
        own = self.loss, self.metrics, self.weighted_metrics, self.loss_weights
        how = {"named": graph.names_are_given(self.net)}
        how["keyed"] = graph.outputs_are_keyed(self.net)
        for name, value in goals.resolved(self.outputs, *own, **how).items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "optimizer", optimizers.get(self.optimizer))
        goals.check_reductions(self.goals)
        own_step.check(self.train_step)
        policies.computing_in(self.compute_dtype)

    @functools.cached_property
    def outputs(self) -> tuple[str, ...]:
        """What several outputs are called; () where the network has one.

        Of a class with ``call`` they are those that were known when this was made.
        """
        return graph.output_names(self.net)

    @functools.cached_property
    def goals(self) -> tuple[Goal, ...]:
        """What is asked of each output."""
        given = self.loss, self.metrics, self.weighted_metrics, self.loss_weights
        named = graph.names_are_given(self.net)
        return goals.goals_of(self.outputs, *given, named=named)

    @property
    def all_metrics(self) -> tuple[Metric, ...]:
        """The metrics of all outputs, then the weighted ones, as the logs name them."""
        return goals.metrics_of(self.goals)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """By what names the logs have the loss, and those of several outputs."""
        return ("loss", *(goal.loss_name for goal in self.goals if goal.loss_name))

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optax transformation behind ``optimizer``."""
        if isinstance(self.optimizer, optimizers.Optimizer):
            return self.optimizer.transformation()
        return self.optimizer

    def program(self) -> "Trainer":
        """Return the trainer without its optimizer's numbers, which live in the state.

        Equal values of this share compiled programs.
        """
        return self._program

    @functools.cached_property
    def _program(self) -> "Trainer":
        return dataclasses.replace(self, optimizer=self.transformation)

    def acts_by_row(self, training: bool) -> bool:
        """Return whether each row is treated by itself.

        A step may then be computed in pieces of its batch, see `loop`.

        Args:
            training: whether in training, or else in an evaluation.
        """
        usual = not (self.own_method(training) or (training and self.train_step))
        of_goals = usual and goals.act_by_row(self.goals)
        return of_goals and protocol.acts_by_row(self.net, training)

    def own_method(self, training: bool) -> Method | None:
        """Return what takes the place of the usual step or evaluation, if anything."""
        return self.steps.train if training else self.steps.test

    def averages_rows(self, weighted: bool) -> bool:
        """Return whether an evaluation is the same however the rows are cut.

        Args:
            weighted: whether the examples have weights.
        """
        means = goals.are_means(self.goals, weighted)
        return means and self.acts_by_row(training=False)

    def init(self, key: RandomKey, input_shape: Any) -> TrainState:
        """Return a fresh state: parameters, optimizer state, key, step 0."""
        params, remembered = protocol.init(self.net, key, input_shape)
        state = transformations.started(self, self.trained(params))
        key = jax.random.clone(key)  # who donates the state keeps the one given
        return TrainState(params, state, key, jnp.zeros((), jnp.int32), remembered)

    def trained(self, params: Params) -> Params:
        """Return the parameters that are trained, None for those that are frozen."""
        return self.split(params)[0]

    def split(self, params: Params) -> tuple[Params, Params]:
        """Return what is trained and what is frozen, None for the other's."""
        return frozen.split(params, protocol.trainable_mask(self.net, params))

    def step(
        self, state: TrainState, batch: Batch | tuple[Any, ...]
    ) -> tuple[TrainState, dict[str, Array]]:
        """Take one step; return the new state, and loss and metrics of the batch."""
        state, totals = self._step(state, Batch.of(batch), None)
        return state, self.logs(totals)

    def loop(
        self,
        state: TrainState,
        data: Data,
        order: Int[Array, "steps batch"] | Int[Array, "steps pieces rows"],
        first: Int[Array, ""] | int,
        last: Int[Array, ""] | int,
        sums: Sums | None = None,
    ) -> Progress:
        """Take the steps ``first`` to ``last - 1`` of an epoch in one loop.

        Args:
            state: where to start.
            data: the examples, ``(rows, ...)``, on the device.
            order: which row goes where, see `jaxnet_mini.data.order`:
                ``(steps, batch)``, or ``(steps, pieces, rows)`` for steps whose
                gradients are added up over pieces of their batch. That is the same
                step where layers and loss treat each example by itself, which layers
                that remember do not.
            first: the first step.
            last: the step before which to stop; both may be traced, so that an epoch,
                a part of it and a single step are one program.
            sums: those of earlier steps, to go on from; None starts at zero.

        Raises:
            ArgumentError: pieces, for a net that remembers; ``last`` beyond the order.
        """
        steps, pieces, piece_rows = in_pieces.counted(order, last)
        own = self.train_step or self.steps.train
        if pieces > 1 and (own or protocol.has_state(self.net)):
            raise ArgumentError(
                f"order has {pieces} pieces a step, and a layer of the net remembers "
                "whole batches, or train_step looks at them: give it the shape (steps, "
                "batch)."
            )
        order = order.reshape(steps * pieces, piece_rows)

        def batch(index: Array, count: int = 1) -> Batch:
            places = jax.lax.dynamic_slice_in_dim(order, index * count, count)
            return batch_of(data, places.reshape(-1))

        def go_on(carry: tuple[Array, Array, TrainState, Sums]) -> Array:
            index, loss, *_ = carry
            return (index < last) & jnp.isfinite(loss)

        def take_step(
            carry: tuple[Array, Array, TrainState, Sums],
        ) -> tuple[Array, Array, TrainState, Sums]:
            index, _, state, sums = carry
            if pieces == 1:
                state, new = self._step(state, batch(index), sums)
            else:
                state, new = in_pieces.step(self, state, batch, index, pieces)
            loss = listed_step.loss_in(new).astype(sums.total.dtype)
            return index + 1, loss, state, sums.add(new)

        sums = self.no_sums() if sums is None else sums
        no_loss = jnp.zeros((), sums.total.dtype)
        start = (jnp.asarray(first, jnp.int32), no_loss, state, sums)
        index, loss, state, sums = jax.lax.while_loop(go_on, take_step, start)
        failed = jnp.where(jnp.isfinite(loss), -1, index - 1)
        return Progress(state, sums, failed, all_finite(state.variables))

    def evaluate(
        self,
        variables: Variables | Params,
        batches: Data,
        first: Int[Array, ""] | int,
        last: Int[Array, ""] | int,
        sums: Sums | None = None,
    ) -> Sums:
        """Return the sums of loss and metrics over batches ``first`` to ``last - 1``.

        Args:
            variables: the parameters, and what layers remember; the former alone where
                no layer does.
            batches: examples stacked as ``(steps, batch, ...)``.
            first: the first batch.
            last: the batch before which to stop.
            sums: those of earlier batches, to go on from; None starts at zero.
        """
        batch_size = jax.tree.leaves(batches.x)[0].shape[1]

        def sums_of(index: Array | int, sums: Sums) -> dict[str, Any]:
            x, y, weight = jax.tree.map(
                lambda array: jax.lax.dynamic_index_in_dim(
                    array, index, keepdims=False
                ),
                (batches.x, batches.y, batches.weight),
            )
            places = index * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
            mask = places < batches.rows
            batch = Batch(x, y, weight, mask)
            own, key = Variables.of(variables), protocol.known_key(self.net, index)
            method = self.own_method(training=False)
            if method is not None:
                return listed_step.evaluated(method, own, index, batch, sums)
            return totals_of(self.task, own, batch, key, False)[2]

        result: Sums = jax.lax.fori_loop(
            first,
            last,
            lambda index, sums: sums.add(sums_of(index, sums)),
            self.no_sums(training=False) if sums is None else sums,
        )
        return result

    def no_sums(self, training: bool = True) -> Sums:
        """Return the sums of no batch, on the host.

        Args:
            training: whether of a training, or else of an evaluation.
        """
        own = self.own_method(training)
        return self._no_sums if own is None else own.no_sums

    @functools.cached_property
    def _no_sums(self) -> Sums:
        return Sums.of_nothing(self.loss_names, self.all_metrics)

    def logs(self, totals: dict[str, Any] | Sums) -> dict[str, Any]:
        """Return loss and metrics from their sums, by name in alphabetical order."""
        totals = finished(totals)
        if NAME in totals:
            return dict(sorted(totals[NAME]["logs"].items()))
        sums = {name: totals[name] for name in self.loss_names}
        logs = {name: total / rows for name, (total, rows) in sums.items()}
        logs |= results_of(self.all_metrics, totals)
        return dict(sorted(logs.items()))

    def _step(
        self, state: TrainState, batch: Batch, sums: Sums | None
    ) -> tuple[TrainState, Any]:
        if self.steps.train is not None:
            return listed_step.trained(self.steps.train, state, batch, sums)
        if self.train_step is not None:
            return own_step.run(self, state, batch)
        key = step_key(state)
        gradients, totals, remembered = self.gradients_of(state.variables, batch, key)
        loss = functools.partial(
            self.loss_of, variables=state.variables, batch=batch, key=key
        )
        state = updated(self, state, gradients, totals, loss)
        return state._replace(layer_state=remembered), totals

    def loss_of(
        self,
        trained: Params,
        variables: Variables,
        batch: Batch,
        key: RandomKey,
        whole: Any = None,
    ) -> Float[Array, ""]:
        """Return what is minimised, of a piece its share, see `totals_of`.

        Args:
            trained: the parameters to minimise it over.
            variables: where the others come from.
            batch: this and the following as `totals_of` takes them.
            key: likewise.
            whole: likewise.
        """
        _, rest = self.split(variables.params)
        variables = variables._replace(params=frozen.merged(trained, rest))
        total, rows, *_ = totals_of(self.task, variables, batch, key, True, whole)
        return total / rows

    def gradients_of(
        self,
        variables: Variables,
        batch: Batch,
        key: RandomKey,
        whole: tuple[Array, Array | None] | None = None,
    ) -> tuple[Params, dict[str, Any], State]:
        """Return gradients, all sums, and what is remembered.

        Args:
            variables: where they are computed.
            batch: this and the following as `totals_of` takes them.
            key: likewise.
            whole: likewise.
        """
        trained, rest = self.split(variables.params)

        def loss_of(trained: Params) -> tuple[Array, Any]:
            params = frozen.merged(trained, rest)
            own = variables._replace(params=params)
            total, *others = totals_of(self.task, own, batch, key, True, whole)
            return total, others

        # Divided afterwards: devices then add up rows and gradients at once.
        gradients, (rows, *others) = jax.grad(loss_of, has_aux=True)(trained)
        totals, remembered = others
        share = 1.0 / rows  # a quotient would be a pass of its own over all gradients
        return jax.tree.map(lambda leaf: leaf * share, gradients), totals, remembered

    @functools.cached_property
    def task(self) -> Task:
        """What is asked of each batch."""
        policy = policies.computing_in(self.compute_dtype)
        return task_of(self.net, self.goals, policy)
