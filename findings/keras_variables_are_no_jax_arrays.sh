#!/usr/bin/env bash
# keras 3.15.1 with jax 0.10.2: half of jax.numpy takes a model's weights, half raises
#
# Guess: a Keras Variable has __jax_array__, so that jax.numpy takes it as an array, and
#   a jitted step of stateless_call takes model.trainable_variables as the lists they are.
# Seen: stack, asarray, arithmetic and what optax computes work; sum, dot, where, lax.add,
#   device_put and every argument of jit, grad and vmap raise a ValueError. With jax 0.7.0
#   all of them work, some with a DeprecationWarning.
# Why: this JAX asks no argument of a compiled function for __jax_array__, and which
#   function of jax.numpy is compiled as a whole shows in no signature.
# So: give [weight.value for weight in model.trainable_variables].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/tried.py" <<'PYTHON'
import jax
import jax.numpy as jnp
import keras
import numpy as np

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
weights, state = model.trainable_variables, model.non_trainable_variables
kernel, x = weights[0], np.ones((2, 3), "float32")
ways = {
    "stack": lambda: jnp.stack([kernel, kernel]),
    "asarray": lambda: jnp.asarray(kernel),
    "times": lambda: kernel * 2,
    "sum": lambda: jnp.sum(kernel),
    "dot": lambda: jnp.dot(x, kernel),
    "where": lambda: jnp.where(True, kernel, 0.0),
    "add": lambda: jax.lax.add(kernel, kernel),
    "device_put": lambda: jax.device_put(kernel),
    "vmap": lambda: jax.vmap(jnp.square)(kernel),
    "grad": lambda: jax.grad(lambda k: jnp.sum(k**2))(kernel),
    "jit": lambda: jax.jit(model.stateless_call)(weights, state, x),
}
taken, raised = [], []
for name, way in ways.items():
    try:
        way()
        taken.append(name)
    except ValueError as error:
        assert "__jax_array__" in str(error)
        raised.append(name)
values = [weight.value for weight in weights]
assert jax.jit(model.stateless_call)(values, state, x)[0].shape == (2, 1)
print("keras", keras.__version__, "jax", jax.__version__, "taken:", *taken, "raised:", *raised)
PYTHON
said() { # JAX: what is taken with this version
  python3 -m venv "$folder/$1"
  "$folder/$1/bin/python" -m pip install --quiet --disable-pip-version-check \
    keras==3.15.1 "jax==$1" "jaxlib==$1" numpy==2.2.6
  KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/$1/bin/python" "$folder/tried.py" |
    tee /dev/stderr
}
said 0.10.2 | grep -q "taken: stack asarray times raised: sum dot where add device_put vmap grad jit$"
said 0.7.0 | grep -q "raised:$"
