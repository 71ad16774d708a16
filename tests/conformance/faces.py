"""What stands in the place of Keras's names: this library, and as little as may be.

Most of what Keras's tests call is the library itself, a module for a module. Where a
Keras object changes and one of this library does not (layers, metrics), an adapter
holds the state and hands everything on; none of them computes.
"""

import dataclasses
import functools
import itertools
import json
import pkgutil
import re
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
from conftest import keras_on_jax

import jaxnet_mini as jn
from jaxnet_mini.core.layers.noise import RandomLayer
from jaxnet_mini.core.metrics.base import as_batch
from jaxnet_mini.core.metrics.thresholds import counts
from jaxnet_mini.core.networks import activity
from jaxnet_mini.core.optimizers.options import average_of, clipped
from jaxnet_mini.files import config as configs

with keras_on_jax() as keras:
    from keras.src import backend, ops, testing

KerasTensor = backend.KerasTensor

# What tests use to prepare and compare: it is Keras's own and stays so.
TOOLS = ("backend", "ops", "dtype_policies", "testing.test_utils", "tree")


class NotMirroredError(Exception):
    """A test has used a name of Keras that has no counterpart here."""


class Absent:
    """Such a name: it can be imported, and whatever uses it fails."""

    def __init__(self, path):
        self._path = path

    def __getattr__(self, name):
        raise NotMirroredError(f"{self._path}.{name}")

    def __call__(self, *args, **kwargs):
        raise NotMirroredError(self._path)


class Loss(jn.losses.Loss):
    """The base that Keras's tests derive from; they write ``call`` for its method."""

    def per_example(self, y_true, y_pred):
        return self.call(y_true, y_pred)


class Losses:
    Loss = Loss

    def __getattr__(self, name):
        return getattr(jn.losses, name)


class Sequential(jn.Sequential):
    """Calling it on a symbol of Keras gives one of the shape that comes out."""

    def __call__(self, x):
        if not isinstance(x, KerasTensor):
            return super().__call__(x)
        self.build(x.shape)
        return KerasTensor(self.compute_output_shape(x.shape))

    def compile(self, *args, metrics=(), **kwargs):
        frozen = [getattr(metric, "frozen", metric) for metric in metrics]
        super().compile(*args, metrics=frozen, **kwargs)

    class Functional:
        """What Keras's tests want to find inside a model."""

    @property
    def _functional(self):
        return self.Functional()


def build_input(shape=None, batch_size=None, batch_shape=None):
    """Shapes here have no batch axis, and batches of any size are taken."""
    return jn.Input(shape if batch_shape is None else batch_shape[1:])


class Value:
    """A frozen value, with the methods by which Keras's tests look at one."""

    kind = None

    def __init__(self, *args, **kwargs):
        kwargs = {name: getattr(v, "frozen", v) for name, v in kwargs.items()}
        self.frozen = self.kind(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.frozen, name)

    def get_config(self):
        return through_json(self.frozen)["config"]

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@functools.partial(jax.jit, static_argnums=(0, 1))
def called(layer, training, params, state, x, key, mask):
    """What comes out, the next state and the penalty of what comes out, if any."""
    how = {"key": key, "training": training, "mask": mask}
    y, state, penalty, _ = activity.run(layer, params, state, x, **how)
    return y, state, penalty if isinstance(penalty, jax.Array) else None


class LayerWithWeights(Value):
    """A layer of its own, as Keras's are: a model of one layer."""

    of_outputs = None

    def __init__(self, *args, **kwargs):
        random = issubclass(self.kind, RandomLayer)
        # A key is given with each call here, and a seed with the layer in Keras.
        self._seed_generators = [kwargs.pop("seed", 0)] if random else []
        if kwargs.pop("dtype", "float32") != "float32":
            raise NotMirroredError("dtype")
        super().__init__(*args, **kwargs)
        self.model = Sequential([self.frozen])

    def __call__(self, x, training=False, mask=None):
        if isinstance(x, KerasTensor):
            return self.model(x)
        if not self.model.built:
            self.model.build(x.shape)
        key = jax.random.key(*self._seed_generators or [0]) if training else None
        y, state, self.of_outputs = called(
            self.frozen, training, self.params, self.state, jnp.asarray(x), key, mask
        )
        if self.state:
            (name,) = self.model.layer_state
            self.model.layer_state = {name: state}
        return y

    def build(self, input_shape):
        self.model.build(input_shape)

    def __getattr__(self, name):
        if name in ("beta", "gamma", "scale") and name in self.params:
            return self.params[name]
        if name in ("moving_mean", "moving_variance"):
            return self.state[name]
        return getattr(self.model if hasattr(self.model, name) else self.frozen, name)

    @property
    def trainable_weights(self):
        return self.model.trainable_weights

    @property
    def non_trainable_weights(self):
        return self.model.non_trainable_weights

    non_trainable_variables = non_trainable_weights

    @property
    def params(self):
        return next(iter(self.model.params.values()))

    @property
    def trainable(self):
        return self.frozen.trainable

    @trainable.setter
    def trainable(self, trainable):
        """Another value of the same weights."""
        before = self.model
        self.frozen = dataclasses.replace(self.frozen, trainable=trainable)
        self.model = Sequential([self.frozen])
        self.model.build((None, *before.input_shape[1:]))
        self.model.set_weights(before.get_weights())

    @property
    def state(self):
        return next(iter(self.model.layer_state.values()), {})

    @property
    def kernel(self):
        return self.params["kernel"]

    @property
    def bias(self):
        return self.params.get("bias")

    @property
    def losses(self):
        each = [self.frozen.penalty({name: v}) for name, v in self.params.items()]
        each.append(self.of_outputs)
        return [penalty for penalty in each if isinstance(penalty, jax.Array)]

    def _flatten_layers(self, *_):
        return [self]  # where Keras looks for generators of random numbers


class Initializer(Value):
    """It is called with a shape alone, and draws from a key of its own."""

    drawn = itertools.count()

    def __call__(self, shape, dtype=None):
        key = jax.random.key(next(self.drawn))
        return self.frozen(key, shape, dtype or float)


class Initializers:
    """Names stand for functions, and in Keras for values of classes."""

    def __init__(self):
        self.adapters = Adapters(jn.initializers, Initializer)

    def __getattr__(self, name):
        return getattr(self.adapters, name)

    def get(self, identifier):
        found = jn.initializers.get(identifier)
        for name in ("Identity", "Orthogonal"):
            if jn.initializers.get(name) is found:
                return getattr(self, name)()
        return found


class Function(Value):
    """A loss, which is called as it is."""

    def __call__(self, *args, **kwargs):
        return self.frozen(*args, **kwargs)


class Regularizer(Value):
    def __call__(self, variable):
        return self.frozen(variable.value)


class Metric(Value):
    """A metric that remembers, as Keras's do: it adds up the totals of batches."""

    _dtype = dtype = "float32"

    def __init__(self, *args, dtype=_dtype, **kwargs):
        if dtype != self._dtype:
            raise NotMirroredError(f"dtype={dtype!r}")
        super().__init__(*args, **kwargs)
        self.reset_state()

    def get_config(self):
        return super().get_config() | {"dtype": self._dtype}

    @property
    def variables(self):
        return jax.tree.leaves(self.totals)

    @property
    def totals(self):
        return self.frozen.zeros() if self.seen is None else self.seen

    def reset_state(self):
        self.seen = None

    def update_state(self, y_true, y_pred, sample_weight=None):
        batch = as_batch(y_true, y_pred, sample_weight)
        self.frozen = self.frozen.for_outputs(batch[1].shape[-1])
        self.add(batch)

    def add(self, batch):
        new = self.frozen.totals(*batch)
        self.seen = jax.tree.map(jnp.add, self.totals, new)

    def result(self):
        return self.frozen.result(self.totals)

    def __call__(self, *args, **kwargs):
        self.update_state(*args, **kwargs)
        return self.result()


class Stream(Metric):
    """`Mean` or `Sum`, whose values are no outputs."""

    def update_state(self, values, sample_weight=None):
        self.add((values, sample_weight))


@functools.partial(jax.jit, static_argnums=0)
def counted(metric, totals, batch):
    return jax.tree.map(jnp.add, totals, metric.totals(*batch))


@functools.partial(jax.jit, static_argnums=0)
def result_of(metric, totals):
    return metric.result(totals)


class Traced(Metric):
    """A metric of many operations: one program, where each of them would be one."""

    def add(self, batch):
        self.seen = counted(self.frozen, self.totals, batch)

    def result(self):
        return result_of(self.frozen, self.totals)


AT_THRESHOLDS = (
    "TruePositives",
    "TrueNegatives",
    "FalsePositives",
    "FalseNegatives",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
)


class Counts(Traced):
    """A metric of counts: its totals tell what Keras keeps too."""

    @property
    def thresholds(self):
        return self.frozen.bounds

    @property
    def true_positives(self):
        return counts(self.totals[0])[0]

    @property
    def false_positives(self):
        return counts(self.totals[1])[0]

    @property
    def false_negatives(self):
        return counts(self.totals[0])[1]


class Symbol:
    """What Keras's ``Input`` gives: a symbol, of a shape with the batch axis."""

    def __new__(cls, shape=None, batch_shape=None, dtype=None):
        return KerasTensor(batch_shape or (None, *shape))


class Adapters:
    """Classes of a module, each with an adapter around it; all else as it is."""

    def __init__(self, module, adapter, **others):
        self.module, self.adapter, self.others = module, adapter, others

    def __getattr__(self, name):
        found = getattr(self.module, name)
        if not isinstance(found, type):
            return found
        kind = type(name, (self.others.get(name, self.adapter),), {"kind": found})
        setattr(self, name, kind)
        return kind


def through_json(value):
    """The configuration of a frozen value, as a file would hold it."""
    return json.loads(json.dumps(configs.to_config(value)))


class TestCase(testing.TestCase):
    """Keras's, but for what it does with the classes of Keras alone."""

    def run_class_serialization_test(self, instance, custom_objects=None):
        """To JSON and back gives an equal value, in this library's own form."""
        value = getattr(instance, "frozen", instance)
        revived = configs.from_config(through_json(value), custom_objects)
        assert revived == value
        return revived

    def run_layer_test(self, layer_cls, init_kwargs, **kwargs):
        """Keras's, without masks, reduced precision, its building and training."""
        if kwargs.get("expected_output_sparse"):
            raise NotMirroredError("sparse tensors")
        left_out = {
            "supports_masking": None,
            "run_training_check": False,
            "run_mixed_precision_check": False,
            "assert_built_after_instantiation": False,
        }
        super().run_layer_test(layer_cls, init_kwargs, **kwargs | left_out)
        self.train(layer_cls(**init_kwargs).model, **kwargs)

    def train(self, model, input_shape=None, input_data=None, **_):
        """One step, in place of Keras's."""
        x = np.ones(input_shape) if input_data is None else input_data
        model.compile("sgd", "mse")
        model.fit(x, np.zeros(model.compute_output_shape(x.shape)), verbose=0)


def path_of(variable):
    """A path of which the name of a variable is the last part."""
    return f"{id(variable)}/{variable.name}"


class Optimizer(Value):
    """An optimizer of variables that change, whose state it keeps."""

    state = None
    steps = 0

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        weights = [types.SimpleNamespace(path=path_of(v)) for v in var_list or ()]
        self.frozen.exclude_from_weight_decay(weights, var_names)

    @property
    def iterations(self):
        return self.steps

    def apply_gradients(self, pairs):
        self.apply(*zip(*pairs, strict=True))

    def apply(self, gradients, variables):
        self.paths = [path_of(variable) for variable in variables]
        params = {path_of(v): jnp.asarray(v.value) for v in variables}
        pairs = zip(params.items(), gradients, strict=True)
        gradients = {path: jnp.asarray(g, param.dtype) for (path, param), g in pairs}
        if self.state is None:
            self.state = self.frozen.init(params)
        change, self.state = self.frozen.transformation().update(
            gradients, self.state, params
        )
        for variable, path in zip(variables, self.paths, strict=True):
            variable.assign(params[path] + change[path])
        self.steps += 1

    def _clip_gradients(self, gradients):
        return clipped([jnp.asarray(g) for g in gradients], self.frozen._options())

    @property
    def _model_variables_moving_average(self):
        average = average_of(self.state)
        return [average[path] for path in self.paths]

    def finalize_variable_values(self, variables):
        averages = self._model_variables_moving_average
        for variable, average in zip(variables, averages, strict=True):
            variable.assign(average)


class Monitor:
    """What better means, as the function of Keras that compares."""

    @property
    def monitor_op(self):
        return {1: ops.greater, -1: ops.less}[self.sign]


class EarlyStopping(Monitor, jn.callbacks.EarlyStopping):
    """It keeps what a model learned, which those that Keras's tests make up lack."""

    def set_model(self, model):
        if not isinstance(model, jn.Sequential):
            kind = type(model)
            kind.params = property(kind.get_weights, kind.set_weights)
            kind.layer_state = {}
        super().set_model(model)


class MonitorCallback(Monitor, jn.callbacks.MonitorCallback):
    def _set_monitor_op(self):
        return self.sign

    def _is_improvement(self, value, reference):
        return self.improves(value, reference)


class Callbacks:
    EarlyStopping = EarlyStopping
    MonitorCallback = MonitorCallback

    def __getattr__(self, name):
        return getattr(jn.callbacks, name)


class ModelWithRate:
    """Keras's learning rate is a variable; this one is read, and has a ``value``."""

    def __init__(self, layers):
        self.model = Sequential(layers)

    def __getattr__(self, name):
        return getattr(self.model, name)

    @property
    def optimizer(self):
        rate = np.float32(self.model.optimizer.learning_rate)
        return types.SimpleNamespace(learning_rate=types.SimpleNamespace(value=rate))


class Layers:
    """The frozen layers themselves."""

    Input = staticmethod(build_input)

    def __getattr__(self, name):
        return getattr(jn.layers, name)


class Operation:
    """A function whose other arguments are given first, as Keras's classes have it."""

    function = None

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs

    def __call__(self, *arrays, **named):
        return self.function(*arrays, *self.args, **self.kwargs, **named)

    symbolic_call = __call__


class Ops:
    """Functions of arrays, in one module where Keras has one for a subject."""

    def __getattr__(self, name):
        function = re.sub("(?<!^)(?=[A-Z])", "_", name).lower()
        if not hasattr(jn.ops, function):
            return Absent(f"ops.{name}")
        own = getattr(jn.ops, function)
        if name == function:
            return own
        return type(name, (Operation,), {"function": staticmethod(own)})


def validate_float_arg(value, name):
    """What Keras checks an argument with is here a part of making the value."""
    return jn.regularizers.L1(value).l1


class Models:
    Sequential = Sequential
    Functional = Sequential.Functional


class Graphs:
    """Models of layers that are called on inputs: they are no class of their own."""

    Functional = jn.Model

    def __getattr__(self, name):
        return getattr(jn.models, name)


class Utils:
    """What stands in modules of Keras that are no part of its public face."""

    @staticmethod
    def print_summary(model, print_fn):
        model.summary(print_fn=print_fn)


def unchanged(*_, **__):
    """A decorator that changes nothing."""
    return lambda decorated: decorated


TESTING = types.SimpleNamespace(**{**vars(testing), "TestCase": TestCase})
FACES = {
    "activations": jn.activations,
    "callbacks": Callbacks(),
    "constraints": Adapters(jn.constraints, Function),
    "initializers": jn.initializers,
    "layers": Layers(),
    "losses": Losses(),
    "metrics": Adapters(
        jn.metrics,
        Metric,
        Mean=Stream,
        Sum=Stream,
        AUC=Counts,
        Precision=Counts,
        Recall=Counts,
        **dict.fromkeys(AT_THRESHOLDS, Traced),
    ),
    "models": Models(),
    "optimizers.schedules": jn.optimizers.schedules,
    "optimizers": jn.optimizers,
    "random": jn.random,
    "regularizers.regularizers.validate_float_arg": validate_float_arg,
    "regularizers": Adapters(jn.regularizers, Regularizer),
    "testing": TESTING,
    "utils.rng_utils": jn.utils,
    "utils.numerical_utils": jn.utils,
    "utils.sequence_utils": jn.utils,
    "utils.summary_utils": Utils(),
    # Of the conftest of Keras's repository, which is not in the wheel.
    "conftest": types.SimpleNamespace(skip_if_backend=unchanged),
    "saving": types.SimpleNamespace(register_keras_serializable=unchanged),
}
# Where the tests of a file, or of a folder, call layers by themselves, look at losses
# or the learning rate.
WITH_RATE = {"models": types.SimpleNamespace(Sequential=ModelWithRate)}
GRAPHS = {"layers": jn.layers, "models": Graphs()}
OF_FILE = {
    "callbacks/learning_rate_scheduler_test.py": WITH_RATE,
    "callbacks/reduce_lr_on_plateau_test.py": WITH_RATE,
    "initializers": {"initializers": Initializers(), "utils": jn.utils},
    "ops": dict.fromkeys(
        ("ops.nn", "ops.linalg", "ops.math", "ops.numpy", "ops.core"), Ops()
    ),
    "ops/core_test.py": {"ops": Ops(), "ops.core": Ops()},
    "losses/losses_test.py": {"losses": Adapters(jn.losses, Function)},
    "layers": {"layers": Adapters(jn.layers, LayerWithWeights, Input=Symbol)},
    "optimizers": {"optimizers": Adapters(jn.optimizers, Optimizer)},
    "optimizers/schedules": {},
    "models/cloning_test.py": GRAPHS,
    "models/functional_test.py": GRAPHS,
    "models/model_test.py": GRAPHS,
}


class Package:
    """What ``import keras`` gives."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        if name == "src":
            return self
        return (
            keras.config if name == "config" else find(self.file, f"keras.src.{name}")
        )


def find(file, path):
    """What a test file gets for a name of Keras, given in full."""
    name = path.removeprefix("keras.src.")
    folders = (file, file.rpartition("/")[0], file.split("/")[0])
    own = next((OF_FILE[of] for of in folders if of in OF_FILE), {})
    if name in own:
        return own[name]
    if any(name == tool or name.startswith(tool + ".") for tool in TOOLS):
        return pkgutil.resolve_name(path)
    for room, face in (FACES | own).items():
        if name == room or name.startswith(room + "."):
            # One module here stands for all of Keras's in the room.
            inner = path not in sys.modules and name != room
            return getattr(face, name.split(".")[-1], Absent(path)) if inner else face
    return Absent(path)
