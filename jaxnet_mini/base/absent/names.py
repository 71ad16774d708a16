"""Names of Keras that are absent here, and what to write instead.

By the room in which Keras has them; ``""`` is the package itself. Where many names are
absent for one reason, one pattern stands for them.
"""

import re

_OWN_LAYER = "write a layer of your own, derived from layers.Layer"
_OWN_LOSS = "write a function (y_true, y_pred) that returns one loss per row"
_ARRAYS = "this is done to the arrays before fit, or by a generator that fit is given"
_CONFIGS = "write model.get_config() and Sequential.from_config(config), or model.save"
_FILES = "read files with NumPy or a data loader; fit takes arrays and batches"
_CLASSES = "files name own classes and functions by custom_objects= of load_model"
_SILENCE = "the bar is drawn on terminals and in notebooks; verbose=0 is silent"
_PURE = "layers and losses are pure functions of arrays: use jax and jax.numpy itself"
_FLOAT32 = "all is computed in float32; jax.default_matmul_precision chooses how"
_ARGUMENTS = "give compile, fit and the layers their arguments in your own code"

PATTERNS: dict[str, dict[str, str]] = {
    "layers": {
        r"(Depthwise|Separable)?Conv(olution)?(LSTM)?\dD(Transpose)?"
        r"|(Global|Adaptive)?(Average|Avg|Max)Pool(ing)?\dD|Adaptive\w+Pooling\dD"
        r"|(Cropping|UpSampling|ZeroPadding|SpatialDropout)\dD": (
            "there are no convolutions here, networks are dense: write Flatten() and "
            f"Dense layers, or {_OWN_LAYER}"
        ),
        r"(Bidirectional|GRU|LSTM|RNN|SimpleRNN|StackedRNN|Masking)(Cells?)?": (
            "there is no recurrence here, networks are dense: write Flatten() and "
            f"Dense layers, or {_OWN_LAYER}"
        ),
        r"\w*Attention": f"there is no attention here: {_OWN_LAYER}",
        r"Random\w+|RandAugment|AugMix|AutoContrast|CutMix|MixUp|Equalization"
        r"|ContrastLimited\w+|Solarization|CenterCrop|Resizing|MaxNumBoundingBoxes"
        r"|(Mel|STFT)Spectrogram": _ARRAYS,
        r"(Jax|Flax|TFSM)Layer|TorchModuleWrapper|Wrapper|SpectralNormalization": (
            f"{_OWN_LAYER}, around what it holds"
        ),
        r"Hash\w+|\w+Lookup|TextVectorization": (
            f"{_ARRAYS}: np.unique(words, return_inverse=True) numbers words"
        ),
    },
    "losses": {
        r"(?i)binary_?focal_?crossentropy": (
            f"{_OWN_LOSS}, such as lambda y, p: "
            "optax.losses.sigmoid_focal_loss(p, y).mean(-1), of logits"
        ),
        r"(?i)categorical_?focal_?crossentropy": (
            f"{_OWN_LOSS}, such as lambda y, p: -(0.25 * y * (1 - jax.nn.softmax(p)) "
            "** 2 * jax.nn.log_softmax(p)).sum(-1), of logits"
        ),
        r"(?i)circle|ctc|dice|tversky|categorical_?generalized\w+": _OWN_LOSS,
    },
    "metrics": {
        r"(?i)(mean|binary|one_?hot)*iou": (
            "count with plotting.confusion_matrix, or write a Metric of your own"
        ),
        r"(?i)(concordance|pearson)_?correlation": (
            "take metrics.R2Score(), or np.corrcoef of what model.predict returns"
        ),
        r"(binary|categorical)_focal_crossentropy|huber": (
            f"{_OWN_LOSS}, which compile takes as a metric too"
        ),
    },
    "initializers": {
        r"STFT(Initializer)?|stft": "write a function (key, shape) that returns it",
        r"(Identity|Orthogonal)Initializer": "leave Initializer out of the name",
    },
    "utils": {
        r"(array_to|load|save)_img|img_to_array|get_file|\w+_from_directory": _FILES,
        r"\w+interactive_logging\w*": _SILENCE,
        r"\w*[Cc]ustom_?[Oo]bject\w*|get_registered\w+": _CLASSES,
        r"register_keras\w+": "it is saving.register_keras_serializable",
        r"(de)?serialize_keras_object": _CONFIGS,
        r"(un)?pack_x_y_sample_weight": "a batch is a tuple (x, y, sample_weight)",
        r"get_source_inputs|is_keras_tensor|standardize_dtype|Config": _PURE,
    },
    "backend": {
        r"(abs|arange|argmax|cast|clip|concatenate|constant|dot|exp|log|max|maximum|mean"
        r"|min|minimum|ones|pow|reshape|round|shape|sign|sqrt|square|stack|std|sum|var"
        r"|variable|zeros)(_like)?|(set_)?image_data_format|get_uid|is_\w+"
        r"|result_type|standardize_dtype": _PURE,
        r"backend|set_(epsilon|floatx)": _FLOAT32,
    },
    "": {
        r"(Keras|Ragged|Sparse)Tensor|Function|Operation|Variable": _PURE,
        r"(Stateless|Symbolic)Scope|tree": _PURE,
        r"(Float)?DTypePolicy|dtype_policies": "see mixed_precision",
        r"Quantizer|quantizers": _FLOAT32,
    },
}
"""By room: regular expressions of whole names."""

NAMES: dict[str, dict[str, str]] = {
    "layers": {
        "GroupNormalization": "write LayerNormalization() in its place",
        "Discretization": "write x = np.digitize(x, edges) before fit and predict",
        "ReversibleEmbedding": _OWN_LAYER,
        "EinsumDense": "Dense acts on the last axis of inputs of any shape",
        "TimeDistributed": (
            "Dense acts on the last axis of inputs of any shape: leave it out"
        ),
        "InputSpec": "declare shapes with input_shape= of the first layer",
        "Pipeline": "write Sequential([...]) or serial(...)",
    },
    "metrics": {},
    "losses": {},
    "mixed_precision": {
        "LossScaleOptimizer": '"mixed_bfloat16" needs no scale of the loss',
    },
    "optimizers": {
        "LossScaleOptimizer": "all is computed in float32, which needs no such scale",
        "MultiOptimizer": "give compile optax.partition({...}, labels)",
        "OptimizerMap": "give compile optax.partition({...}, labels)",
        "ScheduleFreeAdamW": "write optimizers.AdamW(learning_rate)",
        "legacy": "all optimizers stand in jaxnet_mini.optimizers itself",
    },
    "callbacks": {
        "OrbaxCheckpoint": "write fit(checkpoint=folder), or callbacks.ModelCheckpoint",
        "RemoteMonitor": "write LambdaCallback(on_epoch_end=send)",
        "SwapEMAWeights": (
            "average model.get_weights() in a callback of your own, and give the mean "
            "to model.set_weights"
        ),
    },
    "initializers": {
        "constant": "write initializers.Constant(value)",
        "variance_scaling": "write initializers.VarianceScaling(scale)",
    },
    "regularizers": {
        "OrthogonalRegularizer": "write a function of the kernel",
        "orthogonal_regularizer": "write a function of the kernel",
    },
    "constraints": {},
    "random": {},
    "activations": {
        "hard_swish": "write activations.hard_silu, or give the name 'hard_swish'",
        "swish": "write activations.silu, or give the name 'swish'",
    },
    "backend": {
        "epsilon": "write 1e-7",
        "floatx": 'all is computed in float32: write "float32"',
    },
    "utils": {
        "FeatureSpace": f"{_ARRAYS}: pandas.get_dummies(frame) encodes columns",
        "Progbar": _SILENCE,
        "bounding_boxes": _ARRAYS,
        "legacy": "what there is stands in jaxnet_mini.utils itself",
        "np_utils": "write utils.to_categorical",
        "split_dataset": "cut the arrays, or write fit(validation_split=0.2)",
        "timeseries_dataset_from_array": (
            "np.lib.stride_tricks.sliding_window_view(x, window, axis=0) makes windows"
        ),
    },
    "models": {
        "Functional": "write Model(inputs, outputs)",
        "save_model": "write model.save(path)",
        "model_from_config": "write Sequential.from_config(config)",
        "model_from_yaml": "write model_from_json(model.to_json())",
    },
    "datasets": {
        "cifar10": "write sklearn.datasets.fetch_openml('CIFAR_10')",
        "cifar100": "take another loader, such as tensorflow_datasets or torchvision",
    },
    "export": {"ExportArchive": "write model.export(path)"},
    "": {
        "preprocessing": "see utils.pad_sequences and utils.normalize, or plain NumPy",
        "version": "it is jaxnet_mini.__version__",
        "InputSpec": "declare shapes with input_shape= of the first layer",
        "RematScope": "networks are small: jax.checkpoint in a layer of your own",
        "applications": "there are no pretrained networks here",
        "config": "settings are those of JAX: jax.config.update",
        "device": "write fit(mesh=...), or with jax.default_device(device)",
        "distillation": "write a loss of your own, and the teacher's outputs as y",
        "distribution": "write fit(mesh=..., sharding=...)",
        "engine": _PURE,
        "estimator": "write sweep(model, ...) to try many models at once",
        "legacy": "all there is stands in jaxnet_mini itself",
        "name_scope": "write with jax.named_scope(name)",
        "remat": "networks are small: jax.checkpoint in a layer of your own",
        "src": "all there is stands in jaxnet_mini itself",
        "visualization": "write jaxnet_mini.plotting",
        "wrappers": _ARGUMENTS,
    },
}
"""By room: single names."""

for _room in ("layers", "losses", "metrics", "optimizers"):
    NAMES[_room] |= dict.fromkeys(("serialize", "deserialize"), _CONFIGS)
for _room in ("activations", "constraints", "initializers", "regularizers"):
    NAMES[_room] |= dict.fromkeys(
        ("serialize", "deserialize"), "names, values and functions stand for themselves"
    )


def advice(room: str, name: str) -> str | None:
    """Return what to write instead of a name of Keras; None where it is not known.

    Args:
        room: where Keras has it, such as ``"layers"``.
        name: which.

    >>> advice("layers", "GroupNormalization")
    'write LayerNormalization() in its place'
    >>> advice("layers", "Conv2D") == advice("layers", "Conv1DTranspose")
    True
    """
    if name in NAMES.get(room, {}):
        return NAMES[room][name]
    for pattern, sentence in PATTERNS.get(room, {}).items():
        if re.fullmatch(pattern, name):
            return sentence
    return None
