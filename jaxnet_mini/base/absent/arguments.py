"""Arguments of Keras that are absent here, and what to write instead.

By what has them: the name of a class or function, or the room of the package in which
it stands. Each has the values that ask for nothing, which are accepted.
"""

from typing import Any, NamedTuple


class Absent(NamedTuple):
    """An argument that is not here."""

    instead: str
    """What to do instead, the rest of a sentence."""
    nothing: tuple[Any, ...] = (None,)
    """The values that ask for nothing, Keras's default first; () for none."""


def _renamed(name: str) -> Absent:
    return Absent(f"write {name}=", ())


_FLOAT32 = Absent("all is computed in float32", (None, "float32"))
_LAST_AXIS = Absent("classes stand on the last axis: write np.moveaxis", (-1,))
_IGNORED = Absent("give the rows of that class the sample_weight 0")
_GENERATED = "x may be a generator or a data loader, which works as it likes"
_REBUILT = Absent("the model is built anew where its shape is known", (True,))
_NO_INNER = Absent("no model stands within another", (False,))
_DRAWN = "lines are drawn from layer to layer"
_WRITTEN = "histograms and pictures of all weights are written alike"

ARGUMENTS: dict[str, dict[str, Absent]] = {
    "layers": {
        "activity_regularizer": Absent("put ActivityRegularization(l1, l2) after it"),
        "autocast": Absent('write dtype="float32"', (True,)),
        "batch_input_shape": Absent("write input_shape=, without the batch axis", ()),
        "data_format": Absent(
            "write np.moveaxis(x, 1, -1) before fit", (None, "channels_last")
        ),
        "lora_alpha": Absent("all weights of a kernel are trained"),
        "lora_rank": Absent("all weights of a kernel are trained"),
        "noise_shape": Absent("each entry is dropped by itself"),
        "quantization_config": Absent("all is computed in float32"),
        "weights": Absent("give them to model.set_weights once the model is built"),
    },
    "InputLayer": {
        "input_tensor": Absent("call the first layer on that"),
        "optional": Absent("all inputs of a model are needed", (False,)),
        "ragged": Absent("inputs are arrays: pad rows to one length", (None, False)),
        "sparse": Absent("inputs are arrays: give x.toarray()", (None, False)),
        "tensor": Absent("write Sequential([Input(shape), ...])"),
    },
    "BatchNormalization": {
        "renorm": Absent(
            "write LayerNormalization() where batches are small", (False,)
        ),
        "renorm_clipping": Absent("leave it out, there is no renorm"),
        "renorm_momentum": Absent("leave it out, there is no renorm", (0.99,)),
        "synchronized": Absent(
            "leave it out: a batch is that of all devices in any case", (False,)
        ),
        "virtual_batch_size": Absent("write batch_size= of fit"),
    },
    "LayerNormalization": {
        "rms_scaling": Absent("write RMSNormalization()", (False,)),
    },
    "CategoryEncoding": {
        "sparse": Absent("outputs are arrays with all their zeros", (False,)),
    },
    "Embedding": {
        "input_length": Absent("leave it out, or write input_shape=(length,)"),
        "mask_zero": Absent(
            "there are no masks: 0 is a category like others, and sample_weight= of "
            "fit weighs whole rows",
            (False,),
        ),
    },
    "Lambda": {
        "arguments": Absent("write functools.partial(function, name=value)"),
        "mask": Absent("there are no masks of time steps"),
        "output_shape": Absent("leave it out: it follows from the function"),
    },
    "Dropout": {"p": _renamed("rate")},
    "losses": {
        "axis": _LAST_AXIS,
        "dtype": _FLOAT32,
        "ignore_class": _IGNORED,
        "identifier": _renamed("loss"),
    },
    "metrics": {
        "axis": _LAST_AXIS,
        "dtype": _FLOAT32,
        "from_sorted_ids": Absent("give the scores of all classes", (False,)),
        "identifier": _renamed("metric"),
        "ignore_class": _IGNORED,
    },
    "optimizers": {
        "decay": Absent(
            "give learning_rate a schedule, "
            "optimizers.schedules.ExponentialDecay(0.01, 1000, 0.9)",
            (None, 0.0),
        ),
        "identifier": _renamed("optimizer"),
        "loss_scale_factor": Absent("all is computed in float32, which needs none"),
        "lr": _renamed("learning_rate"),
        "name": Absent("optimizers have no names here: leave it out"),
        # Of the base alone: all that are built in have it.
        "weight_decay": Absent("chain optax.add_decayed_weights in its factory"),
    },
    "activations": {"identifier": _renamed("activation")},
    "initializers": {
        "identifier": _renamed("initializer"),
        "input_axes": Absent("the last axis but one is that of inputs"),
        "output_axes": Absent("the last axis is that of outputs"),
    },
    "constraints": {"identifier": _renamed("constraint")},
    "regularizers": {"identifier": _renamed("regularizer")},
    "BackupAndRestore": {
        "double_checkpoint": Absent("a damaged state is never all there is", (False,)),
    },
    "CallbackList": {
        "add_history": Absent("fit returns the history", (False,)),
        "add_progbar": Absent("fit draws the bar", (False,)),
    },
    "ModelCheckpoint": {
        "period": Absent("write save_freq=, a number of batches", (None, 1)),
        "options": Absent("leave it out"),
    },
    "ReduceLROnPlateau": {"epsilon": _renamed("min_delta")},
    "TensorBoard": {
        "embeddings_freq": Absent(_WRITTEN, (0,)),
        "embeddings_metadata": Absent(_WRITTEN),
    },
    "compile": {
        "auto_scale_loss": Absent("the loss needs no scale in float32", (True, False)),
    },
    "add": {"rebuild": _REBUILT},
    "pop": {"rebuild": _REBUILT},
    "fit": {
        "max_queue_size": Absent(_GENERATED, (10,)),
        "nb_epoch": _renamed("epochs"),
        "use_multiprocessing": Absent(_GENERATED, (False,)),
        "workers": Absent(_GENERATED, (1,)),
    },
    "load_weights": {
        "by_name": Absent("a file must hold all weights of the model", (False,)),
        "filepath": _renamed("path"),
        "skip_mismatch": Absent("a file must hold all weights of the model", (False,)),
    },
    "save": {
        "filepath": _renamed("path"),
        "include_optimizer": Absent("write save_weights for weights alone", (True,)),
        "save_format": Absent("the name says it: .safetensors, or .keras"),
        "zipped": Absent("a model is one file, .safetensors or .keras"),
    },
    "save_weights": {
        "filepath": _renamed("path"),
        "save_format": Absent("the name says it: .safetensors, or .weights.h5"),
    },
    "set_weights": {"weights": _renamed("arrays")},
    "summary": {
        "layer_range": Absent("all layers are shown: model.layers lists them"),
        "positions": Absent("columns are as wide as they need to be"),
    },
    "clone_model": {
        "call_function": Absent("write Sequential of the layers that you want"),
        "clone_function": Absent("write Sequential of the layers that you want"),
        "input_tensors": Absent("write Sequential of the layers that you want"),
        "recursive": _NO_INNER,
    },
    "load_model": {
        "filepath": _renamed("path"),
        "safe_mode": Absent("nothing in a file is ever run: leave it out", (True,)),
    },
    "model_from_json": {"json_string": _renamed("text")},
    "model_to_dot": {
        "splines": Absent(_DRAWN, ("ortho",)),
        "subgraph": _NO_INNER,
    },
    "plot_model": {"splines": Absent(_DRAWN, ("ortho",))},
}
"""By class, function or room, by argument."""
ARGUMENTS["models"] = {
    "dtype": _FLOAT32,
    "trainable": Absent("freeze layers, each by its argument trainable=False", (True,)),
}


def absent(owners: tuple[str, ...], argument: str) -> Absent | None:
    """Return what is known of an argument that is not here; None for nothing.

    Args:
        owners: names of a class or function, the nearest first, then of its room.
        argument: its name.

    >>> absent(("Dense", "layers"), "lora_rank").nothing
    (None,)
    """
    for owner in owners:
        found = ARGUMENTS.get(owner, {}).get(argument)
        if found is not None:
            return found
    return None
