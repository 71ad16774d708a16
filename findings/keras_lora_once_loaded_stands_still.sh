#!/usr/bin/env bash
# keras 3.15.1, enable_lora: a model that was saved and loaded again never trains its
# LoRA weights any more
#
# Guess: a fine-tuning that is saved, loaded and fitted again goes on where it stopped,
#   or from a fresh pair of LoRA matrices, of which one begins at random as usual.
# Seen: saving merges the product of the pair into the kernel, and loading sets both
#   matrices to zero. The gradient of each is a product with the other, so that both stay
#   zero for ever: fit runs, reports a loss and changes nothing, and the kernel is frozen
#   by LoRA itself. load_model and load_weights into a layer with LoRA do the same. The
#   predictions right after loading are the right ones, so that no check of them tells.
# So: after loading, assign random numbers to each lora_kernel_a; or load the weights
#   into a model without LoRA, and call enable_lora behind that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np

print("keras", keras.__version__)
x = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
y = x @ np.ones((4, 1), "float32")


def made(lora):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False)])
    if lora:
        model.layers[0].enable_lora(1)
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model


def losses(model):
    return model.fit(x, y, epochs=5, verbose=0).history["loss"]


keras.utils.set_random_seed(0)
tuned = made(lora=True)
losses(tuned)
tuned.save("tuned.keras")
tuned.save_weights("tuned.weights.h5")
loaded = keras.models.load_model("tuned.keras")
filled = made(lora=True)
filled.load_weights("tuned.weights.h5")
anew = made(lora=False)
anew.load_weights("tuned.weights.h5")
anew.layers[0].enable_lora(1)
anew.compile(keras.optimizers.SGD(0.05), "mse")
for model in (loaded, filled, anew):
    assert np.allclose(model.predict(x, verbose=0), tuned.predict(x, verbose=0), atol=1e-5)
models = {"kept": tuned, "load_model": loaded, "load_weights": filled, "LoRA after": anew}
falls = {}
for name, model in models.items():
    first, *_, last = losses(model)
    falls[name] = last < 0.98 * first
    print(f"{name}: loss from {first:.6f} to {last:.6f} in five epochs")
for model in (loaded, filled):
    pair = model.layers[0].lora_kernel_a, model.layers[0].lora_kernel_b
    assert len(model.trainable_variables) == 2
    assert not any(np.any(np.asarray(matrix)) for matrix in pair), "they are trained now"
assert falls == {
    "kept": True, "load_model": False, "load_weights": False, "LoRA after": True
}
PYTHON
