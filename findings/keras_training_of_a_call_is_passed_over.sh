#!/usr/bin/env bash
# Keras 3.15.1 on JAX 0.9.2: `layer(x, training=True)` in a functional model says that
# this layer acts as in training whatever the model does; so Monte-Carlo dropout is
# written in lessons, and `base(x, training=False)` to keep a frozen base's statistics.
#
# Guess: `predict` draws anew with training=True, and `fit` leaves the moving mean of a
# BatchNormalization that is called with training=False as it was.
# Seen: what `predict` and `fit` say themselves wins over what the call says. `predict`
# gives the same numbers twice, and `fit` moves the mean. Only `model(x)`, which says
# nothing, keeps to the calls. Nothing is said of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.9.2 jaxlib==0.9.2 numpy==2.4.1
cat > "$folder/calls.py" <<'PYTHON'
import keras
import numpy as np

x = np.random.default_rng(0).normal(5.0, 1.0, (8, 3)).astype("float32")

inputs = keras.Input((3,))
drops = keras.Model(inputs, keras.layers.Dropout(0.5)(inputs, training=True))
called = [np.asarray(drops(x)) for _ in range(2)]
predicted = [drops.predict(x, verbose=0) for _ in range(2)]
print("model(x) draws:", bool(np.any(called[0] != called[1])))
print("predict draws:", bool(np.any(predicted[0] != x)))

inputs = keras.Input((3,))
normalized = keras.layers.BatchNormalization(momentum=0.5)(inputs, training=False)
model = keras.Model(inputs, keras.layers.Dense(1)(normalized))
model.compile("sgd", "mse")
model.fit(x, np.zeros((8, 1)), epochs=3, verbose=0)
mean = np.asarray(model.layers[1].moving_mean)
print("fit moves the mean:", bool(np.any(mean != 0.0)))

assert np.any(called[0] != called[1])
assert np.all(predicted[0] == x) and np.all(predicted[1] == x)
assert np.all(mean > 1.0)
PYTHON
KERAS_BACKEND=jax "$folder/env/bin/python" "$folder/calls.py" 2>&1
