"""`Model`: Keras's words, each a call of the room that does the work.

A model holds three values, see `jaxnet_mini.models.held`: a blueprint, a trainer and a
state. It checks nothing and computes nothing itself.
"""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from jax import Array
from numpy.typing import NDArray

from jaxnet_mini.base import interrupts, turns
from jaxnet_mini.base.absent import attributes
from jaxnet_mini.base.arguments import check_word
from jaxnet_mini.base.policies import DTypePolicy
from jaxnet_mini.base.seeds import check_seed
from jaxnet_mini.callbacks import History
from jaxnet_mini.core import symbols
from jaxnet_mini.core.networks import calls
from jaxnet_mini.core.networks.composed import Composed
from jaxnet_mini.core.networks.outline import LayerOutline
from jaxnet_mini.core.training.state import TrainState, length
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import Layer, Params, RandomKey, State
from jaxnet_mini.data.fit_arguments import FitData, FitSchedule
from jaxnet_mini.files.config import CustomObjects
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.models import (
    architecture,
    functional,
    inference,
    own_steps,
    parts,
    stateless,
    subclass,
    weights,
)
from jaxnet_mini.models import compile as compiling
from jaxnet_mini.models import export as exporting
from jaxnet_mini.models import fit as fitting
from jaxnet_mini.models import save as saving
from jaxnet_mini.models.blueprint import Blueprint, with_batch_axis, without_batch_axis
from jaxnet_mini.models.handles import Handle, freeze, layer_of
from jaxnet_mini.models.held import Held
from jaxnet_mini.models.optimizer import ModelOptimizer, given
from jaxnet_mini.models.weights import Weight
from jaxnet_mini.views import summary, svg

Own = TypeVar("Own", bound="Model")


class Model:
    """What can be trained, evaluated and kept, with Keras's methods.

    It is written by calling layers, or as a class of one's own, which keeps layers as
    attributes and has ``call(self, x)`` or ``call(self, x, training=False)``.

    Args:
        inputs: an `Input`, or several in a list or a dictionary; none for such a class.
        outputs: what calls of layers returned, one or several likewise.
        name: shown by `summary`; by default ``"functional"``, or the class in snake
            case.
        seed: of the initial weights and, without its own, of ``fit``.

    Raises:
        ArgumentError: the outputs depend on more than the inputs, or not on all.
        LayerError: a layer has weights and stands in another model.

    >>> from jaxnet_mini.layers import Add, Dense, Input
    >>> x = Input((4,))
    >>> hidden = Dense(4, "relu")(x)
    >>> model = Model(inputs=x, outputs=Dense(1)(Add()([x, hidden])))
    >>> model.layers, model.output_shape
    ([Input((4,)), Dense(4, activation='relu'), Add(), Dense(1)], (None, 1))

    In a class of one's own ``super().__init__()`` comes first. An attribute that holds
    a layer, or a model whose weights are then the first ones, is called like a function
    within ``call``, and outside with the weights that it has in this model.

    Attributes:
        stop_training: a callback sets it to end training, after the batch or epoch.
        stop_evaluating: likewise for an evaluation, after the batch.
        stop_predicting: likewise for a prediction.
        history: what the last `fit` returned; None before.
    """

    _is_stack = False  # of layers that were given, and no class with call
    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    history: History | None = None

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        *,
        name: str | None = None,
        seed: int | None = None,
    ) -> None:
        if inputs is None and outputs is None:
            self._held = Held(subclass.blueprint_of(self, name, seed))
        else:
            self._held = functional.held_of(inputs, outputs, name, seed)

    @classmethod
    def of_blueprint(cls: type[Own], blueprint: Blueprint) -> Own:
        """Return a model of layers that were put together elsewhere.

        Args:
            blueprint: these layers, with a name and a seed.
        """
        model = object.__new__(cls)
        model._held = Held(blueprint)
        return model

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        attributes.check_methods(cls, "model" if cls._is_stack else "called model")
        attributes.check_methods(cls, "step")
        subclass.keep_arguments(cls)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            attributes.check_set(self, name, {*vars(self)}, _absent())
        if self._is_stack or not subclass.keep(self, name, value):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # Only asked where there is nothing; for a name of ours it says why.
        part = subclass.kept(self, name)
        if part is not None:
            return part
        if not name.startswith("_") and name in _absent():
            raise attributes.missing(self, name, set(), _absent())
        return object.__getattribute__(self, name)

    # The layers

    @property
    def name(self) -> str:
        """Shown by `summary`."""
        return self._held.blueprint.name

    @name.setter
    def name(self, name: str) -> None:
        self._held.rename(name=check_word("name", name))

    @property
    def seed(self) -> int:
        """Of the initial weights and, without its own, of ``fit``."""
        return self._held.blueprint.seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._held.rename(seed=check_seed(seed))

    def build(self, input_shape: Any) -> None:
        """Fix the input shape, given with the batch axis as Keras does: (None, 28, 28).

        Of a class with a ``call`` also several, in a list or a dictionary.

        Raises:
            ArgumentError: it is no such shape.
            ShapeError: a layer cannot take what comes to it, or another shape is fixed.
        """
        functional.build(self._held, without_batch_axis(input_shape))

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Any:
        """Return the shape of the outputs; both shapes have the batch axis.

        Several come in lists. Nothing is built, and weights need not exist.

        Raises:
            ArgumentError: ``input_shape`` is no such shape.
            ShapeError: a layer cannot take what comes to it.

        >>> from jaxnet_mini import Dense, Sequential
        >>> Sequential([Dense(4), Dense(8)]).compute_output_shape((None, 2))
        (None, 8)
        """
        shape = self._held.blueprint.shape_for(without_batch_axis(input_shape))
        rows = input_shape[0]
        return with_batch_axis(shape, None if isinstance(rows, tuple | list) else rows)

    @property
    def net(self) -> Composed:
        """The layers as one pure layer, for ``net.init`` and ``net.apply``."""
        return self._held.blueprint.net

    @property
    def dtype_policy(self) -> DTypePolicy:
        """In what it computes, as `mixed_precision.set_global_policy` had chosen."""
        return DTypePolicy(self.net.dtype or "float32")

    @property
    def compute_dtype(self) -> str:
        """Of what its layers give, where they have no ``dtype`` of their own."""
        return self.dtype_policy.compute_dtype

    @property
    def layers(self) -> list[Layer]:
        """The layers in Keras's order, each a `Handle` with its weights here.

        As in Keras an `Input` is among those of a model that is written by calling
        layers, and of no other; what functions of `jaxnet_mini.ops` compute is not.
        """
        listed = parts.listed(self._held.blueprint)
        return parts.Listed(Handle(self, part.layer) for part in listed)

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "model.layers cannot be assigned. Use `add()` and `pop()`, or make a new "
            "model of these layers."
        )

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or by its place among `layers`.

        Args:
            name: its name in this model, as `summary` shows it.
            index: its place, from 0; negative from the end.

        Raises:
            ArgumentError: both are given, or none, or there is no such place.
            UnknownNameError: there is no layer of this name.

        >>> from jaxnet_mini import Dense, Sequential
        >>> Sequential([Dense(4), Dense(8)]).get_layer("dense_1")
        Dense(8)
        """
        names = [part.name for part in parts.listed(self._held.blueprint)]
        return layer_of(self.layers, names, name, index)

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that give the outputs, in the order of `outputs`.

        As in Keras only a model that is written by calling layers has them.
        """
        return parts.output_names(self._held.blueprint)

    @property
    def built(self) -> bool:
        """Whether the input shape, and with it every weight's, is known."""
        return self._held.blueprint.built

    @property
    def input_shape(self) -> Any:
        """``(None, ...)``, None standing for the batch axis; of several a list."""
        return with_batch_axis(self._held.blueprint.known_shape)

    @property
    def output_shape(self) -> Any:
        """``(None, ...)``, None standing for the batch axis; of several a list."""
        return with_batch_axis(self._held.blueprint.output_shape)

    @property
    def outline(self) -> tuple[LayerOutline, ...]:
        """Name, shapes and parameters of each layer; shapes are ``()`` until `built`.

        ``params`` holds a ``jax.ShapeDtypeStruct`` in place of each array.
        """
        return subclass.expanded(self._held.blueprint.outline)

    def _located(self) -> Any:
        return subclass.located(self._held.blueprint)

    @property
    def inputs(self) -> list[Any]:
        """What stands for the inputs, for models that are written by calling layers."""
        return list(functional.written(self._held).inputs)

    @property
    def input(self) -> Any:
        """The one of `inputs`, or all of several."""
        inputs = self.inputs
        return inputs if len(inputs) > 1 else inputs[0]

    @property
    def output(self) -> Any:
        """What stands for the output; of several a list, or a dictionary."""
        found = functional.written(self._held).outputs
        return list(found) if isinstance(found, tuple) else found

    @property
    def outputs(self) -> list[Any]:
        """What stands for the outputs; those of a dictionary by their keys."""
        found = self.output
        if isinstance(found, dict):
            found = [found[key] for key in sorted(found)]
        return found if isinstance(found, list) else [found]

    @property
    def trainable(self) -> bool:
        """Whether any layer is trained; setting it sets that of all.

        Where other weights are trained then, the optimizer begins afresh at its
        learning rate; if the model takes no step meanwhile, it goes on when this is set
        back, as that of a discriminator does.

        Raises:
            ArgumentError: it is set to neither True nor False.
            LayerError: a layer cannot be frozen; nothing has changed.
        """
        return any(Handle(self, part.layer).trainable for part in self.outline)

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        layers: list[Any] = self.layers
        freeze(self, layers, trainable)

    def summary(
        self,
        line_length: int | None = None,
        *,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print a table of layers, output shapes and parameters.

        Where layers are no row, inputs are shown too, and what each layer takes:
        ``dense[1][0]`` is what the second call of ``dense`` gives.

        Args:
            line_length: how wide the table is, in letters, at least 40; by default as
                wide as it needs to be, within the console.
            print_fn: called once with the whole text instead of printing it.
            expand_nested: whether the layers within a layer are shown below it.
            show_trainable: whether a column says in which layers any weight is trained,
                ``Y`` or ``N``, and ``-`` for those without weights.

        Raises:
            ArgumentError: ``line_length`` is no such number.
        """
        summary.print_summary(
            self.name,
            self.outline,
            self.built,
            print_fn,
            inputs=self._held.blueprint.inputs_of_graph,
            line_length=line_length,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
        )

    # Its weights

    @property
    def params(self) -> Params:
        """The parameters, ``{"dense": {"kernel": ..., "bias": ...}, ...}``.

        Assigning a tree of the same structure and shapes replaces them.
        """
        return self._held.untrained().params

    @params.setter
    def params(self, params: Params) -> None:
        self._held.replace(weights.of_tree(self.params, params, "params"))

    @property
    def layer_state(self) -> State:
        """What layers remember besides their parameters, such as moving means.

        By name, ``{}`` where none does. Assigning a tree of the same structure and
        shapes replaces it.
        """
        return self._held.untrained().layer_state

    @layer_state.setter
    def layer_state(self, state: State) -> None:
        own = self.layer_state
        self._held.replace(weights.of_tree(own, state, "layer_state"))

    @property
    def weights(self) -> list[Weight]:
        """All weights, in order of the layers: kernel, bias, then what it remembers."""
        return weights.listed(self._held, self._held.blueprint.shapes)

    variables = weights

    @property
    def trainable_weights(self) -> list[Weight]:
        """The weights that are trained: none of a frozen layer, and no statistics."""
        return weights.listed(self._held, self._held.blueprint.shapes, True)

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """The other ones: of frozen layers, and what layers remember."""
        return weights.listed(self._held, self._held.blueprint.shapes, False)

    non_trainable_variables = non_trainable_weights

    @property
    def losses(self) -> list[Array]:
        """What each layer with a regularizer adds to the loss, one number a layer."""
        return parts.penalties(self._held)

    def add_loss(self, loss: Any) -> None:
        """Add to the loss of a batch, within ``call`` of a class of one's own.

        Args:
            loss: as of `jaxnet_mini.layers.Layer.add_loss`.

        Raises:
            LayerError: it is called elsewhere.
        """
        calls.add_loss(self, loss)

    def get_weights(self) -> list[NDArray[Any]]:
        """Return copies of all weights as NumPy arrays, in the order of `weights`."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, arrays: Sequence[Any]) -> None:
        """Replace all weights, given in the order of `weights`.

        Raises:
            ArgumentError: no list.
            ShapeError: another number of arrays, or an array of another shape.
        """
        self._held.blueprint.check_shape_known()
        self._held.replace(weights.in_order(self._held.blueprint.shapes, arrays))

    def count_params(self) -> int:
        """Return the number of numbers in all weights."""
        self._held.blueprint.check_shape_known()
        return summary.count([part.variables for part in self.outline])

    def __call__(
        self, x: Any, *, training: bool | None = None, key: RandomKey | None = None
    ) -> Any:
        """Return the outputs for a batch as a JAX array; composes with ``jax.grad``.

        Several come in a list, or in a dictionary where outputs are one.

        Args:
            x: inputs, ``(batch, ...)``; several as for `fit`. Or what stands for them
                in a model that is being written: the layers are then one of its layers,
                with the same weights in both.
            training: whether layers such as `Dropout` act as in training. What layers
                remember stays as it is all the same: ``model.net.update`` gives both.
                None for no, and as a layer for what the model around it does.
            key: for these layers. None draws another one from the model's seed at each
                call, so that in training the outputs of many calls are a sample; within
                ``jax.jit``, which calls once, give it.
        """
        if symbols.is_symbolic(x):
            return functional.called(self._held, x, training)
        return inference.call(self._held, x, training, key)

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        x: Any,
        *,
        training: bool | None = None,
        key: RandomKey | None = None,
        return_losses: bool = False,
    ) -> Any:
        """Return the outputs with these variables; a pure function.

        Args:
            trainable_variables: arrays, in the order of ``model.trainable_variables``.
            non_trainable_variables: likewise.
            x: inputs, as for a call.
            training: likewise.
            key: for layers such as `Dropout` in training, another one in each step;
                within a `train_step` of ``fit`` it is the step's.
            return_losses: whether to return what layers add to the loss, too.

        Returns:
            ``(outputs, non_trainable_variables)``, these as layers leave them behind,
            and then a list of losses, if asked.

        Raises:
            ArgumentError: there are more or fewer variables, or no key for a layer that
                draws.

        >>> from jaxnet_mini import Dense, Sequential
        >>> model = Sequential([Dense(1, kernel_initializer="ones", input_dim=2)])
        >>> variables = model.trainable_variables, model.non_trainable_variables
        >>> outputs, _ = model.stateless_call(*variables, [[1.0, 2.0]])
        >>> outputs
        Array([[3.]], dtype=float32)
        """
        return stateless.call(
            self._held,
            (trainable_variables, non_trainable_variables),
            x,
            bool(training),
            key,
        )[: 2 + return_losses]

    # Training

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Array:
        """Return the loss that `compile` was given, for a step of one's own.

        What layers add to it is not in it, see `stateless_call`.

        Args:
            x: taken as in Keras; it has no effect.
            y: targets.
            y_pred: outputs.
            sample_weight: weights of the rows; None for none.
            training: as ``x``.

        Raises:
            StateError: before `compile`.
            ArgumentError: it was given no loss.
        """
        return stateless.compute_loss(self._held, y, y_pred, sample_weight)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        *,
        loss_weights: Any = None,
        train_step: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
    ) -> None:
        """Choose how to train; the weights stay, the optimizer starts afresh.

        Args:
            optimizer: a name, one of `jaxnet_mini.optimizers` or an optax
                transformation. ``model.optimizer`` is the one that there is, which goes
                on; that of another model is one like it, at the rate that it has now.
            loss: a name, one of `jaxnet_mini.losses` or a callable
                ``(y_true, y_pred) -> per-example loss``. Of several outputs one for
                all, a list in their order or a dictionary by their names, in which None
                stands for an output that is not trained. Outputs in a dictionary are in
                the order of their keys, as in Keras, and one of losses may leave out
                some of them. None where layers add to the
                loss by themselves, by ``add_loss`` or an ``activity_regularizer``:
                ``fit`` then needs no ``y``.
            metrics: one or a list of names, metrics or callables; of several outputs a
                list of such lists or a dictionary of them.
            weighted_metrics: likewise; these count examples by ``sample_weight`` and
                ``class_weight``.
            loss_weights: a number, or a list of one, that the loss is multiplied by;
                the penalties of layers are not. Of several outputs a list or a
                dictionary: the loss is the sum of theirs, so weighted.
            train_step: a pure function ``(step, state, batch)`` in place of the usual
                step, within the same compiled loop. ``step.loss(params, state, batch)``
                returns the loss and what ``step.update(state, gradients, seen)`` wants,
                whose result the function returns: see `docs/adding.md`.
            run_eagerly: this and the following are taken as in Keras and change
                nothing: every step is compiled, and many run in one program. What asks
                for something else is told so once.
            steps_per_execution: a positive integer.
            jit_compile: True, False or "auto".

        Names in the logs are numbered as in Keras: ``[AUC(), AUC(curve="PR")]`` are
        ``auc`` and ``auc_1``. A word or a function that stands in both lists is logged
        as ``weighted_...`` in the second. Several outputs have ``<output>_loss`` and
        ``<output>_<metric>`` besides, by the names of the layers that give them or the
        keys of a dictionary. Those that a ``call`` returns in a list have no names:
        ``<loss>_loss`` and ``<metric>``, numbered where one comes twice.

        Raises:
            ArgumentError, UnknownNameError: one of these is none, or two metrics were
                given the same name.
        """
        compiling.check_execution(run_eagerly, steps_per_execution, jit_compile)
        goes_on, optimizer = given(self._held, optimizer)
        make = functools.partial(
            compiling.trainer_of,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            loss_weights=loss_weights,
            train_step=train_step,
            steps=own_steps.steps_of(self, train_step),
        )
        self._held.compile(make, goes_on)

    @property
    def compiled(self) -> bool:
        """Whether ``compile`` was called."""
        return self._held.is_compiled

    @property
    def loss(self) -> Any:
        """The loss, one of `jaxnet_mini.losses`; None before `compile`."""
        return self.trainer.loss if self.compiled else None

    @property
    def metrics(self) -> list[Any]:
        """The mean loss and the metrics, as `evaluate` returns them; none before it."""
        return parts.metrics(self._held)

    @property
    def metrics_names(self) -> list[str]:
        """What `evaluate` returns, by name: ``["loss", "accuracy"]``."""
        return [metric.name for metric in self.metrics]

    @property
    def trainer(self) -> Trainer:
        """The pure functions behind ``fit``, as compiled."""
        return self._held.compiled()

    @property
    def optimizer(self) -> ModelOptimizer:
        """The optimizer; ``model.optimizer.learning_rate`` can be read and set."""
        return ModelOptimizer(self._held)

    @property
    def state(self) -> TrainState:
        """Parameters, optimizer state, key and step, as the next step takes them."""
        return self._held.trained()

    @state.setter
    def state(self, state: TrainState) -> None:
        self._held.put(state)

    @interrupts.held_back()
    @turns.alone
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        seed: int | None = None,
        checkpoint: FilePath | None = None,
        mesh: Any = None,
        sharding: Mapping[str, Any] | None = None,
    ) -> History:
        """Train, and return the history.

        Args:
            x: inputs, ``(rows, ...)``; several in a list in the order of
                ``Model(inputs)``, or in a dictionary by the names of the inputs.
                Numbers of any dtype: floats become ``float32``, integers of up to 32
                bits stay as they are. A memory-mapped array stays
                in its file and comes to the device in chunks, shuffled in blocks from
                all over it; so does what its memory cannot hold. On a CPU arrays of 64
                MiB or more that need no other dtype are read where they lie: what is
                written into them while this runs is learned from then on, as in
                Keras. All other arrays are copied before training begins. Or what
                gives batches ``(x, y)`` or ``(x, y, sample_weight)``: a generator, a
                data loader, a sequence with ``__getitem__`` and ``__len__`` as Keras's
                ``PyDataset``, whose ``on_epoch_end`` is called. Each is copied as it
                comes; they may be refilled, and differ in size. What came before one
                that is bad or does not come is learned.
            y: targets, one row each: integer classes for the sparse cross-entropy,
                else of the shape of the outputs. Of several outputs a list in their
                order, or a dictionary by their names.
            batch_size: examples in a step; by default 32, or as many as let
                ``steps_per_epoch`` take all rows. Batches that ``x`` gives have their
                own size, which this does not change.
            epochs: the index of the last epoch, which is their number unless
                ``initial_epoch`` is given.
            verbose: 0 silent, 1 or "auto" a bar on a terminal or in a notebook, 2 a
                line an epoch.
            callbacks: one or a list of `jaxnet_mini.callbacks.Callback`.
            validation_split: the share of the last rows, taken before shuffling, that
                is kept for validation; in [0, 1).
            validation_data: ``(x, y)`` or ``(x, y, sample_weight)`` instead, or what
                gives batches, as ``x``.
            shuffle: whether to draw a new order for each epoch, of rows or of the
                batches of a sequence; those that come by themselves stay as they come.
            class_weight: weights of the loss by class; 1 for classes not named.
            sample_weight: weights of the loss by example; the sum is divided by the
                number of examples. One array for all outputs, or several as ``y``.
            initial_epoch: the index of the first epoch.
            steps_per_epoch: steps in an epoch; None is one pass over the rows, or over
                an ``x`` of batches, however many come. Otherwise an epoch goes on where
                the one before it ended.
            validation_steps: of how many batches to evaluate on, the first ones each
                time, or the next ones of what cannot begin again; None is all.
            validation_batch_size: as ``batch_size`` of `evaluate`; where it can be seen
                by default that of `fit`.
            validation_freq: validate every so many epochs, or after those in a list,
                counted from 1.
            seed: of the order of examples and of dropout. The same seed on the same
                machine, with as many threads, gives the same bits. None goes by the
                model's seed and the number of steps taken so far.
            checkpoint: a folder to keep the run in, after every epoch and while the
                next one is computed. The same script started again goes on where it
                was and ends with the same bits, however often it is killed (with
                another number of threads it warns that the last ones may differ); a run
                that has ended is not run again, unless ``epochs`` is larger. The
                folder holds one run. See `callbacks.BackupAndRestore` to keep it more
                often than that, and ``Callback.state_dict`` for callbacks of your own.
            mesh: a `jax.sharding.Mesh` of the devices to train on, whose axis ``data``
                shares out the examples of each batch. By default where the weights
                lie already over several, and else all GPUs or TPUs for steps of 10⁹
                operations or more, one device for others. How many there are changes
                rounding and nothing else. An axis of several devices over which nothing
                is split is refused.
            sharding: which weights are split over which axis of the mesh, by the end
                of their paths, such as ``{"kernel": PartitionSpec(None, "model")}``
                for kernels split by columns. The others, and those that the devices do
                not divide, are whole on each device.

        Raises:
            StateError: before ``compile``, while another call trains this model, or
                where a callback changed its layers and steps are still to come.
            ArgumentError, DataError, ShapeError: bad input; nothing has changed then.
            NonFiniteError: the loss or a weight turned NaN or infinite; the model
                keeps the last finite weights. `callbacks.TerminateOnNaN` makes an
                orderly end of it.
            FileError: the run cannot be kept, or the one in ``checkpoint`` had other
                layers, data or settings; the message says which.
            ProcessError: another process has ended, where several train together.

        Where `jax.distributed` has joined several processes, each calls ``fit`` with
        its share of the rows, and of those for validation. The first one draws the bar
        and writes files; all of them end with the model that one process would have
        learned from all rows.

        Source: https://keras.io/api/models/model_training_apis/
        """
        schedule = FitSchedule(
            batch_size,
            epochs,
            initial_epoch,
            steps_per_epoch,
            shuffle,
            validation_steps,
            validation_batch_size,
            validation_freq,
        )
        return fitting.fit(
            self,
            FitData(
                x, y, sample_weight, class_weight, validation_split, validation_data
            ),
            schedule,
            verbose=verbose,
            callbacks=callbacks,
            seed=seed,
            checkpoint=checkpoint,
            mesh=mesh,
            sharding=sharding,
        )

    @interrupts.held_back()
    @turns.alone
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one step on these examples; return loss and metrics as `evaluate` does.

        They are those of the batch before the step.
        """
        logs = fitting.train_on_batch(self, (x, y, sample_weight), class_weight)
        return inference.results(self, logs, return_dict)

    # Inference

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
            are no metrics, or a dictionary. Of several outputs ``[loss, *losses of
            outputs, *metrics]``, the metrics by their names in alphabetical order, and
            the losses of a dictionary of outputs in the order of the dictionary that
            ``compile`` was given.

        Raises:
            StateError: before ``compile``, or before the input shape is known.
            ArgumentError, DataError, ShapeError: bad input.
        """
        asked = inference.Asked(batch_size, steps, verbose, callbacks, mesh)
        logs = inference.evaluate(self, (x, y, sample_weight), asked)
        return inference.results(self, logs, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = 0,
        steps: int | None = None,
        callbacks: Any = None,
        *,
        mesh: Any = None,
    ) -> Any:
        """Return the outputs for all rows, ``(rows, *output_shape)``, in order.

        Several come in a list, or in a dictionary where outputs are one. A model whose
        input shape is not known yet takes that of ``x``.

        Args:
            x: inputs, as for `fit`, or what gives batches ``x``, ``(x,)``,
                ``(x, y)`` or ``(x, y, sample_weight)``, of which the inputs are used.
            batch_size: see `evaluate`.
            verbose: 0 silent (the default, unlike in Keras), 1 or "auto" a bar.
            steps: see `evaluate`.
            callbacks: hooks named ``on_predict_...`` are called.
            mesh: the devices to compute on, see `fit`.

        Raises:
            StateError: there are no layers.
            ArgumentError, DataError, ShapeError: bad input.
        """
        asked = inference.Asked(batch_size, steps, verbose, callbacks, mesh)
        return inference.predict(self, x, asked)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics of these examples as `evaluate` does."""
        self._held.compiled()  # an error now, before one of the shape
        x = inference.inputs(self._held.blueprint, x)
        return self.evaluate(
            x,
            y,
            length(x),
            0,
            sample_weight=sample_weight,
            return_dict=return_dict,
        )

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for these examples, computed at once."""
        x = inference.inputs(self._held.blueprint, x)
        return self.predict(x, length(x))

    # Files

    def get_config(self) -> dict[str, Any]:
        """Return the architecture as plain JSON, for `from_config`.

        Of a class of one's own it is the arguments of ``__init__``, by name.

        Raises:
            ArgumentError: a layer holds what has no name to find it by.
        """
        return subclass.config_of(self)

    @classmethod
    def from_config(
        cls: type[Own],
        config: Mapping[str, Any],
        custom_objects: CustomObjects | None = None,
    ) -> Own:
        """Return a model of the architecture that `get_config` gave, with new weights.

        Args:
            config: what `get_config` returned.
            custom_objects: the user's own classes and functions in it, by name.

        Raises:
            UnknownNameError, ArgumentError, ShapeError: it describes no model.
        """
        return subclass.model_of(cls, config, custom_objects)

    def to_json(self, **arguments: Any) -> str:
        """Return the architecture as a text, for `models.model_from_json`.

        Args:
            arguments: passed on to ``json.dumps``, such as ``indent=2``.
        """
        return json.dumps(architecture.config_of(self._held.blueprint, {}), **arguments)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return what `compile` was given as plain JSON; None before it.

        Raises:
            ArgumentError: something in it has no name to find it by.
        """
        return compiling.config_of(self._held, {})

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
        self.compile(**compiling.arguments_of(config, custom_objects))

    def save_weights(
        self,
        path: FilePath,
        overwrite: bool = True,
        max_shard_size: float | None = None,
        target: str | None = None,
    ) -> None:
        """Write all weights into a file, or into several.

        Args:
            path: a name that ends in ``.weights.safetensors``, for weights by their
                paths, or in ``.weights.h5``, for what Keras 3 writes: there the
                optimizer's state goes along, see `save`.
            overwrite: whether a file of this name may be replaced.
            max_shard_size: of each of several files as Keras 3 writes them, in GB;
                ``path``, which then ends in ``.weights.json``, names them, and they lie
                beside it.
            target: ``"torch"`` for the names and the form of PyTorch, in a
                ``.weights.safetensors`` file: what ``load_state_dict`` of an
                ``nn.Sequential`` takes that has a module for each layer but `Input`,
                and one more for the activation of a `layers.Dense`. In networks of
                other shapes modules have the names of layers.

        Raises:
            StateError: the input shape, and so the weights, are not known yet.
            ArgumentError: ``max_shard_size`` is no number, an array alone is larger, or
                it is given without such a name; ``target`` is another word.
            MissingExtraError: h5py is not installed, for files of Keras.
            FileError: the file cannot be written; what was there is there still.

        >>> import tempfile
        >>> import safetensors.numpy
        >>> from jaxnet_mini import Sequential
        >>> from jaxnet_mini.layers import Dense
        >>> model = Sequential([Dense(3, "relu", input_dim=2), Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = f"{folder}/model.weights.safetensors"
        ...     model.save_weights(file, target="torch")
        ...     there = safetensors.numpy.load_file(file)
        >>> {name: there[name].shape for name in sorted(there)}
        {'0.bias': (3,), '0.weight': (3, 2), '2.bias': (1,), '2.weight': (1, 3)}
        """
        saving.save_weights(self._held, path, overwrite, max_shard_size, target)

    def load_weights(self, path: FilePath, source: str | None = None) -> None:
        """Replace all weights by those in a file; the optimizer's state stays.

        As in Keras, that is replaced too where a file of Keras 3 holds one of its kind
        and training has begun; before, what `compile` was given holds.

        Args:
            path: a ``.safetensors`` file, of weights alone or of a whole model, or one
                of Keras 3: ``.weights.h5``, ``.keras``, or the ``.weights.json`` of
                several; or a legacy ``.h5`` file, whose layers are found by their
                names.
            source: whose names and form of weights a ``.safetensors`` file has, or the
                ``.index.json`` of several: ``"torch"`` for what ``state_dict`` returns,
                ``"flax"`` for variables of Linen or the state of NNX under names joined
                by ``.`` or ``/``, ``"keras"`` for variables under their paths, and for
                files of Keras; None for those of this library, and of Keras. Layers are
                found by their names where these are the same, else by the order of the
                numbers in the names there. A warning says where the layers would
                compute other numbers than those of that library do by default.

        Raises:
            StateError: the input shape, and so the weights, are not known yet.
            FileError: there is no such file, or it is damaged, or holds floats of 8
                bits.
            ArgumentError: ``source`` is another word.
            ShapeError: it holds the weights of other layers, or their order is not
                known; the message says which and how, and nothing has changed.
            DataError: a number is too large for the model's dtype. Floats of any width
                (float16, bfloat16, float32, float64) are cast to it.

        >>> import tempfile
        >>> import numpy as np
        >>> import safetensors.numpy
        >>> from jaxnet_mini import Sequential
        >>> from jaxnet_mini.layers import Dense
        >>> there = {"0.weight": np.array([[1.0, 2.0]]), "0.bias": np.array([3.0])}
        >>> model = Sequential([Dense(1, input_dim=2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     safetensors.numpy.save_file(there, f"{folder}/model.safetensors")
        ...     model.load_weights(f"{folder}/model.safetensors", source="torch")
        >>> model.predict(np.array([[10.0, 100.0]]), verbose=0)
        array([[213.]], dtype=float32)
        """
        saving.load_weights(self._held, path, source)

    def save(self, path: FilePath, overwrite: bool = True) -> None:
        """Write the whole model into one file, for `models.load_model`.

        It holds the architecture, the compile settings, all weights, the optimizer's
        state, the number of steps and the key, so that training goes on as it would
        have. It holds no code: a user's own layers, losses and other functions stand
        in it by name.

        A ``.keras`` file is what Keras 3 writes, and is read by all its versions, with
        graphs of layers by 3.4 and later. The state of ``SGD``, ``Adam``, ``AdamW``,
        ``RMSprop``, ``Adagrad`` and ``Lion`` goes along, with averages and sums of
        gradients, so that training goes on there too; others begin afresh, which a
        warning says where the file is read, and so do the random numbers. A ``.h5``
        file holds the same in Keras's legacy format.

        Args:
            path: a name that ends in ``.safetensors``, ``.keras`` or ``.h5``.
            overwrite: whether a file of this name may be replaced.

        Raises:
            StateError: the input shape, and so the weights, are not known yet.
            ArgumentError: a layer, the loss or the optimizer has no name to find it
                by, such as a lambda or an optax transformation; or no equal in Keras,
                such as a function of your own, for a ``.keras`` file.
            MissingExtraError: h5py is not installed, for files of Keras.
            FileError: the file cannot be written; what was there is there still.
        """
        saving.save(self._held, path, overwrite)

    def export(self, path: FilePath, format: str | None = None, **options: Any) -> None:
        """Write the model for programs that know nothing of this library.

        What it predicts is written, for any number of rows: not how it is trained.

        Args:
            path: of the file, which is replaced if there is one.
            format: ``"onnx"`` or ``"stablehlo"``, which JAX runs without this library;
                None for what the end of the name says.
            options: ``classes``, names of what outputs stand for, in order; and what
                else `jaxnet_mini.export.to_onnx` and
                `jaxnet_mini.export.to_stablehlo` take, such as ``trace`` or
                ``batch_size``.

        Raises:
            StateError: the input shape, and so the weights, are not known yet.
            ArgumentError: there is no such format or option.
            LayerError: a layer has no operator in ONNX, such as a function of your own,
                or JAX cannot write what it computes.
            MissingExtraError: onnx is not installed, or flatbuffers for StableHLO.
            FileError: the file cannot be written; what was there is there still.
        """
        exporting.export(self._held, path, format, options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows of a model at the end of a cell."""
        return svg.to_html(self)


def _absent() -> dict[str, str]:
    """Return what a model of Keras has besides."""
    import jaxnet_mini.base.absent.methods as methods

    return methods.of_model()
