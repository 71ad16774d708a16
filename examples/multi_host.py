"""Train one model by several processes, on one machine or on many.

    python examples/multi_host.py

in each process where JAX knows the cluster by itself (SLURM, Kubernetes, TPU pods, Open
MPI), or else, here for two processes on this machine:

    python examples/multi_host.py --coordinator localhost:1234 --processes 2 --id 0 &
    python examples/multi_host.py --coordinator localhost:1234 --processes 2 --id 1

Each process reads its own share of the rows. The first draws the bar, and keeps the run
in a folder: start all of them again, in whatever number, and they go on from there.
"""

import argparse
import time

import jax

from jaxnet_mini import Sequential
from jaxnet_mini.datasets import digits, fashion_mnist
from jaxnet_mini.layers import Dense, Flatten, Rescaling

HEARTBEAT_SECONDS = 20
"""After so long all processes end where one has fallen silent, but for its connection.

One whose connection breaks, as it does when a process is killed, is noticed at once.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coordinator", metavar="HOST:PORT", help="the first process")
    parser.add_argument("--processes", type=int, help="how many there are")
    parser.add_argument("--id", type=int, help="which one this is, from 0 on")
    parser.add_argument("--data", metavar="DIR", help="where Fashion-MNIST lies")
    parser.add_argument("--digits", action="store_true", help="the small data instead")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--checkpoint", metavar="DIR", help="where to keep the run")
    arguments = parser.parse_args()

    jax.distributed.initialize(
        arguments.coordinator,
        arguments.processes,
        arguments.id,
        heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
    )
    process, processes = jax.process_index(), jax.process_count()
    print(f"Process {process} of {processes}: {jax.local_device_count()} devices")

    if arguments.digits:
        (x_train, y_train), (x_test, y_test) = digits.load_data()
    else:
        (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(arguments.data)
    first, last = (len(x_train) * i // processes for i in (process, process + 1))

    model = Sequential(
        [
            Flatten(),
            Rescaling(1 / x_train.max()),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    since = time.perf_counter()
    history = model.fit(
        x_train[first:last],
        y_train[first:last],
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        checkpoint=arguments.checkpoint,
    )
    seconds = time.perf_counter() - since
    # Each has the whole model, and tests it on a share of its own.
    first, last = (len(x_test) * i // processes for i in (process, process + 1))
    loss, accuracy = model.evaluate(x_test[first:last], y_test[first:last], verbose=0)
    if process == 0:
        print(f"Losses {history.history['loss']} in {seconds:.1f} s")
        print(f"Test accuracy {accuracy:.4f}, test loss {loss:.6f}")


if __name__ == "__main__":
    main()
