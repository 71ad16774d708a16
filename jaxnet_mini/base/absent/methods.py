"""Methods and attributes of Keras's objects, each with what to use instead.

Asked only when somebody reads, sets or defines one that is not here. The names are
those of Keras 3.15, https://keras.io/api/.
"""

import functools

OWN_LAYER = "Write a layer of your own, derived from layers.Layer: see docs/adding.md"

MODEL = {
    "compute_loss_and_updates losses": (
        "Give the loss to compile, penalties to layers (kernel_regularizer=...), and "
        "what else counts to self.add_loss within call"
    ),
    "loss": "Give it to compile",
    "metrics metrics_names": "Give them to compile",
    "metrics_variables get_metrics_result compute_metrics add_metric": (
        "Give metrics to compile; evaluate(return_dict=True) returns them by name"
    ),
    "reset_metrics reset_states": "Metrics begin anew in each call and each epoch",
    "optimizer": ("Give it to compile; its rate is model.optimizer.learning_rate"),
    "weights variables trainable_weights trainable_variables non_trainable_weights "
    "non_trainable_variables": "Give their values to model.set_weights",
    "add_weight add_variable": OWN_LAYER,
    "input output inputs outputs": "They follow from the layers",
    "call": "Call model(x), or override a layer's apply",
    "train_step test_step": (
        "A class of your own may have it: def train_step(self, state, data), see "
        "docs/adding.md"
    ),
    "predict_step make_train_function make_test_function "
    "make_predict_function stateless_compute_loss": (
        "Write a loop of your own over trainer.step, see examples/functional.py; "
        "model.trainer has the pure functions"
    ),
    "run_eagerly jit_compile supports_jit steps_per_execution train_function "
    "test_function predict_function": (
        "Every step is compiled; jax.disable_jit() undoes that"
    ),
    "dtype dtype_policy compute_dtype variable_dtype input_dtype autocast": (
        "Parameters are float32"
    ),
    "get_state_tree set_state_tree": "Use model.state, a pytree",
    "fit_generator evaluate_generator predict_generator": (
        "Call fit, evaluate or predict, which take generators"
    ),
    "predict_classes": "Use model.predict(x).argmax(-1)",
    "predict_proba": "Use model.predict(x)",
    "state_dict": "Use model.params, or model.save(path)",
    "build_from_config get_build_config": "Call model.build(shape)",
    "activity_regularizer call_signature_parameters compute_mask supports_masking "
    "compute_output_spec input_spec path "
    "jax_state_sync load_own_variables save_own_variables "
    "get_quantization_layer_structure quantization_mode quantize quantized_build "
    "quantized_call rematerialized_call symbolic_call stateless": (
        "It has no counterpart, for nothing here needs it"
    ),
}

OPTIMIZER = {
    "lr": "It is learning_rate",
    "trainable_variables": "Use model.state.optimizer_state",
    "apply apply_gradients update_step": "Use model.trainer.step",
}


def of_optimizer() -> dict[str, str]:
    """Return what the optimizer of a model of Keras has and one here has not."""
    return {n: said for names, said in OPTIMIZER.items() for n in names.split()}


@functools.cache
def of_model() -> dict[str, str]:
    """Return what a model of Keras has and a model here has not."""
    return {name: said for names, said in MODEL.items() for name in names.split()}


METHODS: dict[str, tuple[str, dict[str, str]]] = {
    "layer": (
        "init apply forward",
        {
            "build add_weight add_variable add_loss": (
                "derive the class from layers.Layer, which has build and add_weight, "
                "or make parameters in init(self, key, input_shape), which returns the "
                "output shape and them, and return losses from penalty(self, params)"
            ),
            "compute_output_shape compute_output_spec": (
                "return the output shape from init(self, key, input_shape)"
            ),
            "compute_mask": "give sample_weight 0 to rows that do not count",
        },
    ),
    "loss": (
        "per_example call",
        {
            "__call__": (
                "write per_example(self, y_true, y_pred), which returns one value per "
                "example"
            )
        },
    ),
    "metric": (
        "totals update_state",
        {
            "reset_state reset_states add_variable add_weight": (
                "write update_state(self, y_true, y_pred, sample_weight=None) and "
                "result(self), or the pure functions zeros(self), totals(self, y_true, "
                "y_pred, weight) and result(self, totals)"
            ),
            "__call__": "write totals(self, y_true, y_pred, weight)",
        },
    ),
    "optimizer": (
        "factory",
        {
            "update_step build apply apply_gradients add_variable minimize": (
                "give the class a factory = staticmethod(function), which takes its "
                "numbers and returns an optax.GradientTransformation"
            )
        },
    ),
    "constraint": (
        "__call__",
        {"call": "write __call__(self, x), which returns what x is brought back to"},
    ),
    "regularizer": (
        "__call__",
        {"call": "write __call__(self, x), which returns the penalty"},
    ),
    "model": (
        "",
        {
            "call": "derive the class from Model, where call is what is computed",
            "predict_step make_train_function make_test_function "
            "make_predict_function stateless_compute_loss": (
                "write train_step(self, state, data) and test_step, or a loop over "
                "model.trainer.step: see examples/functional.py"
            ),
        },
    ),
}
METHODS["step"] = (
    "train_step",
    {
        "compute_loss compute_metrics compute_loss_and_updates": (
            "give compile a loss and metrics of your own, or write train_step(self, "
            "state, data), which calls it"
        )
    },
)
METHODS["called model"] = (
    "",
    {names: said for names, said in METHODS["model"][1].items() if names != "call"}
    | {"build": "make the layers in __init__, after super().__init__()"},
)


def of_methods(kind: str) -> tuple[set[str], dict[str, str]]:
    """Return what a class of a kind is to define, and Keras's methods by name."""
    own, rows = METHODS[kind]
    table = {name: said for names, said in rows.items() for name in names.split()}
    return set(own.split()), table
