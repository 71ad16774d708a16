"""What a model does without learning: it is evaluated, and it predicts."""

from typing import Any

from numpy.typing import NDArray

from jaxnet_mini.base import arguments
from jaxnet_mini.callbacks import CallbackList, as_callbacks
from jaxnet_mini.callbacks.base import watches_batches
from jaxnet_mini.callbacks.progress_bar import check_verbose
from jaxnet_mini.core.networks import serial
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import checks, fit_arguments, iterables
from jaxnet_mini.data import stacks as stacking
from jaxnet_mini.data.checked_batches import Checked
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.data.iterables import ONE_PASS
from jaxnet_mini.data.stacks import BatchStacks, rows_at_once, single_batch
from jaxnet_mini.devices import forks, placement, transfers
from jaxnet_mini.devices.placement import Placement
from jaxnet_mini.loops import evaluate as inference
from jaxnet_mini.loops import predict as predictions
from jaxnet_mini.loops import prepare, rehearsal
from jaxnet_mini.loops.evaluate import Source
from jaxnet_mini.loops.predict import predict_batch
from jaxnet_mini.models.storing import StoredStack


class PredictingStack(StoredStack):
    """A `StoredStack` that can be evaluated and predicts."""

    stop_evaluating = False
    stop_predicting = False

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        *,
        mesh: Any = None,
    ) -> Any:
        """Return loss and metrics over all rows.

        Args:
            x: inputs, or what gives batches, as for `fit`. With batches loss and
                metrics are those of each, weighted by its rows.
            y: targets, as for `fit`.
            batch_size: examples computed at a time; by default 32, or 256 where that
                changes nothing: no callback watches batches, each example is treated by
                itself, and the loss is their mean.
            verbose: 0 silent, 1 or "auto" a bar on a terminal, 2 a line.
            sample_weight: weights of the loss by example.
            steps: how many batches to compute; None is all. Of arrays without a
                ``batch_size`` they are as large as leaves no row out, as in Keras.
            callbacks: hooks named ``on_test_...`` are called.
            return_dict: whether to return ``{"loss": ..., ...}``.
            mesh: the devices to compute on, see `fit`.

        Returns:
            ``[loss, *metrics]`` in the order of ``compile``, the loss alone where there
            are no metrics, or a dictionary.

        Raises:
            StateError: before ``compile``, or before the input shape is known.
            ArgumentError, DataError, ShapeError: bad input.
        """
        forks.check("evaluate")
        transfers.check("evaluate")
        trainer = self.trainer
        self._known_shape()
        verbose = check_verbose(verbose)
        place = placement.own(mesh, lying=self._state)
        hooks = as_callbacks(callbacks)
        watched = watches_batches(hooks, "test")
        if batch_size is not None:
            batch_size = fit_arguments.check_batch_size(batch_size)
        if steps is not None:
            steps = arguments.check_count("steps", steps)
        opened = iterables.opened(x, y, sample_weight, steps, batch_size, door=ONE_PASS)
        outline = self._outline_for(*((x, y) if opened is None else opened.first[:2]))
        trainer = rehearsal.trainer_for(trainer, outline)
        if opened is None:
            stacks = self._stacks(
                trainer,
                outline,
                (x, y, sample_weight),
                steps,
                batch_size,
                watched,
                place,
            )
        else:
            stacks = BatchStacks(
                Checked(opened, lambda own: rehearsal.examples(trainer, outline, *own))
            )
            rehearsal.rehearse(trainer, outline, stacks.first, len(stacks.first.x))
        parameters = {"epochs": 1, "steps": stacks.batches, "verbose": verbose}
        called = CallbackList(hooks, self, parameters)
        params = place.params(self.params)
        logs = inference.evaluate(trainer, params, stacks, called, place, verbose)
        return self._results(logs, return_dict)

    def _stacks(
        self,
        trainer: Trainer,
        outline: tuple[LayerOutline, ...],
        triple: tuple[Any, Any, Any],
        steps: int | None,
        batch_size: int | None,
        watched: bool,
        place: Placement,
    ) -> Source:
        """Return arrays as `evaluate` runs through them, checked."""
        examples = rehearsal.examples(trainer, outline, *triple)
        rows, batch_size = prepare.first_steps(len(examples.x), steps, batch_size)
        examples = examples.rows(0, rows)
        by_row = trainer.averages_rows(examples.weight is not None)
        size = rows_at_once(batch_size, by_row, watched, place.shards)
        rehearsal.rehearse(trainer, outline, examples, size)
        return stacking.batches(*examples, size)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = 0,
        steps: int | None = None,
        callbacks: Any = None,
        *,
        mesh: Any = None,
    ) -> NDArray[Any]:
        """Return the outputs for all rows, ``(rows, *output_shape)``, in order.

        Args:
            x: inputs, ``(rows, ...)``, or what gives batches ``x``, ``(x,)``,
                ``(x, y)`` or ``(x, y, sample_weight)``, of which the inputs are used.
            batch_size: see `evaluate`.
            verbose: 0 silent (the default, unlike in Keras), 1 or "auto" a bar.
            steps: see `evaluate`.
            callbacks: hooks named ``on_predict_...`` are called.
            mesh: the devices to compute on, see `fit`.

        Raises:
            StateError: before the input shape is known.
            ArgumentError, DataError, ShapeError: bad input.
        """
        forks.check("predict")
        transfers.check("predict")
        self._known_shape()
        verbose = check_verbose(verbose)
        hooks = as_callbacks(callbacks)
        place = placement.own(mesh, lying=self._state)
        if steps is not None:
            steps = arguments.check_count("steps", steps)
        opened = iterables.opened(
            x, None, None, steps, batch_size, door=ONE_PASS, read=checks.inputs_of
        )
        stacks: Source
        if opened is not None:
            none: Any = None
            stacks = BatchStacks(
                Checked(opened, lambda own: Examples(self._inputs(own[0]), none, none))
            )
        else:
            by_row = serial.acts_by_row(self.net)
            watched = watches_batches(hooks, "predict")
            inputs = self._inputs(x)
            rows, batch_size = prepare.first_steps(len(inputs), steps, batch_size)
            inputs = inputs[:rows]
            size = rows_at_once(batch_size, by_row, watched, place.shards)
            if len(inputs) <= size and not hooks and not verbose:
                batch = single_batch(inputs, size)
                params = place.params(self.params)
                return predict_batch(self._traced_net, params, batch, len(inputs))
            stacks = stacking.batches(inputs, None, None, size)
        parameters = {"epochs": 1, "steps": stacks.batches, "verbose": verbose}
        called = CallbackList(hooks, self, parameters)
        params = place.params(self.params)
        return predictions.predict(
            self._traced_net, params, stacks, called, place, verbose
        )

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics of these examples as `evaluate` does."""
        self.trainer  # noqa: B018  (an error now, before one of the shape)
        x = self._inputs(x)
        return self.evaluate(
            x, y, len(x), 0, sample_weight=sample_weight, return_dict=return_dict
        )

    def predict_on_batch(self, x: Any) -> NDArray[Any]:
        """Return the outputs for these examples, computed at once."""
        x = self._inputs(x)
        return self.predict(x, len(x))

    def _results(self, logs: dict[str, float], return_dict: bool) -> Any:
        if return_dict:
            return logs
        values = [logs["loss"], *(logs[m.name] for m in self.trainer.all_metrics)]
        return values if len(values) > 1 else values[0]
