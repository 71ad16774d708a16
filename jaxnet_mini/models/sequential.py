"""`Sequential`: the Keras face, a thin shell around the pure functions.

It checks what comes in and holds the state; `jaxnet_mini.loops.fit` and
`jaxnet_mini.loops.evaluate` run the loops and `jaxnet_mini.core.training.trainer`
computes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxnet_mini.base import arguments, interrupts, seeds, turns
from jaxnet_mini.callbacks import BackupAndRestore, History, as_callbacks
from jaxnet_mini.callbacks.base import watches_batches
from jaxnet_mini.callbacks.progress_bar import check_verbose
from jaxnet_mini.data import fit_arguments, iterables
from jaxnet_mini.devices import forks, placement, processes, transfers
from jaxnet_mini.files.safetensors import FilePath
from jaxnet_mini.loops import prepare
from jaxnet_mini.models.learning import LearningStack


class Sequential(LearningStack):
    """A stack of layers that can be trained, with Keras's methods.

    Args:
        layers: the layers, in order; an `Input` may stand first.
        name: shown by `summary`.
        seed: of the initial weights and, where ``fit`` is given none, of the order of
            examples and of dropout. None takes that of `utils.set_random_seed`, which
            is 0 until it is called: the same script gives the same model every time.

    >>> from jaxnet_mini.datasets import digits
    >>> from jaxnet_mini.layers import Dense, Flatten
    >>> (x_train, y_train), (x_test, y_test) = digits.load_data()
    >>> model = Sequential([Flatten(), Dense(32, "relu"), Dense(10, "softmax")])
    >>> model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    >>> history = model.fit(x_train / 16, y_train, epochs=10, verbose=0)
    >>> loss, accuracy = model.evaluate(x_test / 16, y_test, verbose=0)
    >>> accuracy > 0.9
    True
    """

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
            x: inputs, ``(rows, ...)``; numbers of any dtype. Floats become ``float32``,
                integers of up to 32 bits stay as they are. A memory-mapped array stays
                in its file and comes to the device in chunks, shuffled in blocks from
                all over it; so does what its memory cannot hold. All other arrays are
                copied before training begins. Or what gives batches ``(x, y)`` or
                ``(x, y, sample_weight)``: a generator, a data loader, a sequence with
                ``__getitem__`` and ``__len__`` as Keras's ``PyDataset``, whose
                ``on_epoch_end`` is called. Each is copied as it comes; they may be
                refilled, and differ in size. What came before one that is bad or does
                not come is learned.
            y: targets, one row each: integer classes for the sparse cross-entropy,
                else of the shape of the outputs.
            batch_size: examples in a step; 32 by default.
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
                number of examples.
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
                shares out the examples of each batch; by default all devices. How many
                there are changes rounding and nothing else.
            sharding: which weights are split over which axis of the mesh, by the end
                of their paths, such as ``{"kernel": PartitionSpec(None, "model")}``
                for kernels split by columns. The others, and those that the devices do
                not divide, are whole on each device.

        Raises:
            StateError: before ``compile``, or while another call trains this model.
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
        forks.check("fit")
        transfers.check("fit")
        trainer = self.trainer
        verbose = check_verbose(verbose)
        hooks = as_callbacks(callbacks)
        if checkpoint is not None:
            hooks.append(BackupAndRestore(checkpoint, delete_checkpoint=False))
        if batch_size is not None:
            batch_size = fit_arguments.check_batch_size(batch_size)
        if steps_per_epoch is not None:
            steps_per_epoch = arguments.check_count("steps_per_epoch", steps_per_epoch)
        if validation_steps is not None:
            validation_steps = arguments.check_count(
                "validation_steps", validation_steps
            )
        if validation_batch_size is not None:
            validation_batch_size = arguments.check_count(
                "validation_batch_size", validation_batch_size
            )
        epochs = arguments.check_count("epochs", epochs)
        initial_epoch = arguments.check_count("initial_epoch", initial_epoch, least=0)
        shuffle = arguments.check_flag("shuffle", shuffle)
        if seed is not None:
            seed = seeds.check_seed(seed)
        if not processes.is_first():
            verbose = 0
            hooks = [hook for hook in hooks if not hook.writes_files]
        place = placement.of(mesh, sharding, lying=self._state)
        opened = iterables.opened(
            x,
            y,
            sample_weight,
            steps_per_epoch,
            batch_size,
            passes=epochs - initial_epoch,
        )
        sample_x, sample_y, _ = (x, y, None) if opened is None else opened.first
        prepared = prepare.prepare(
            trainer=trainer,
            outline=self._outline_for(sample_x, sample_y),
            place=place,
            x=x if opened is None else opened,
            y=y,
            sample_weight=sample_weight,
            class_weight=class_weight,
            batch_size=batch_size,
            validation_split=validation_split,
            validation_data=validation_data,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            epochs=range(initial_epoch, epochs),
            watched=watches_batches(hooks, "test"),
            verbose=verbose,
        )
        self._warn_once(prepared.outline)
        return self._train(
            prepared,
            hooks,
            verbose,
            seed,
            {
                "epochs": epochs,
                "initial_epoch": initial_epoch,
                "steps_per_epoch": opened.steps if opened else steps_per_epoch,
                "shuffle": shuffle,
            },
            ({} if validation_steps is None else {"validation_steps": validation_steps})
            | {
                "validation_batch_size": validation_batch_size,
                "validation_freq": repr(fit_arguments.check_frequency(validation_freq)),
            },
        )
