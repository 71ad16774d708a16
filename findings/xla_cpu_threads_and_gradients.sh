#!/usr/bin/env bash
# jax 0.10.2 on a CPU: the number of threads changes the bits of a gradient and not those
# of the forward product, and the flag that is named after it changes neither
#
# Guess: either all products depend on how many threads there are, or none; and
#   XLA_FLAGS=--xla_cpu_multi_thread_eigen=false gives the bits of one thread.
# Seen: with 2,048 rows the product of a forward pass, x @ kernel, has the same bits with
#   one thread and with two. That of the kernel's gradient, x.T @ errors, whose sums run
#   over the rows, has others. The flag gives the bits of two threads on two cores, so
#   it does not stop the splitting; the variable NPROC=1, which no page on flags names,
#   does, and so does a process that may run on one core only.
# So: bits of training are the same where the number of threads is; set NPROC before JAX
#   starts to fix it. A machine of one core cannot show this.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if [ "$(nproc)" -lt 2 ]; then echo "this needs two cores"; exit 1; fi
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/bits.py" <<'PYTHON'
import hashlib

import jax
import jax.numpy as jnp
import numpy as np

generator = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(generator.normal(size=shape).astype(np.float32))


def bits(function, *arrays):
    return hashlib.sha256(np.asarray(jax.jit(function)(*arrays)).tobytes()).hexdigest()[:8]


x, errors, kernel = normal(2048, 784), normal(2048, 128), normal(784, 128)
print(bits(jnp.dot, x, kernel), bits(lambda x, errors: x.T @ errors, x, errors))
PYTHON
run() { env JAX_PLATFORMS=cpu "$@" "$folder/venv/bin/python" "$folder/bits.py"; }
"$folder/venv/bin/python" -c 'import jax; print("jax", jax.__version__)'
read -r forward_1 gradient_1 <<< "$(run NPROC=1)"
read -r forward_2 gradient_2 <<< "$(run NPROC=2)"
read -r forward_f gradient_f <<< "$(run NPROC=2 XLA_FLAGS=--xla_cpu_multi_thread_eigen=false)"
echo "one thread:    forward $forward_1, gradient $gradient_1"
echo "two threads:   forward $forward_2, gradient $gradient_2"
echo "two, the flag: forward $forward_f, gradient $gradient_f"
[ "$forward_1" = "$forward_2" ]
[ "$gradient_1" != "$gradient_2" ] || { echo "gradients are the same now"; exit 1; }
[ "$gradient_f" = "$gradient_2" ] || { echo "the flag has an effect now"; exit 1; }
