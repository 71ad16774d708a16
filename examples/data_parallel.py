"""Train the same network on one device, on two, and so on up to all of them.

    python examples/data_parallel.py --data DIR --epochs 3

The losses agree whatever the number of devices. A machine with one CPU can pretend to
have eight, which shows how it works but makes nothing faster:

    XLA_FLAGS=--xla_force_host_platform_device_count=8 python examples/data_parallel.py

With ``--digits`` the small data are used, which come with the library.
"""

import argparse

import jax
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

import jaxnet_mini as jn
from jaxnet_mini.datasets import digits, fashion_mnist


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="DIR", help="where Fashion-MNIST lies")
    parser.add_argument("--digits", action="store_true", help="the small data instead")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--units", type=int, default=512, help="of the hidden layer")
    arguments = parser.parse_args()

    if arguments.digits:
        (x_train, y_train), _ = digits.load_data()
    else:
        (x_train, y_train), _ = fashion_mnist.load_data(arguments.data)

    def fitted(mesh: Mesh, **options: object) -> tuple[jn.Sequential, str]:
        """Train from the same first weights; return the model and a line about it."""
        model = jn.Sequential(
            [
                jn.Flatten(),
                jn.Rescaling(1 / x_train.max()),
                jn.Dense(arguments.units, activation="relu"),
                jn.Dense(10, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        history = model.fit(
            x_train,
            y_train,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            verbose=0,
            mesh=mesh,
            **options,
        )
        losses = ", ".join(f"{loss:.6f}" for loss in history.history["loss"])
        seconds = np.median(history.timing["epoch_seconds"])
        return model, f"losses {losses}; {seconds:.3f} s an epoch"

    devices = np.array(jax.devices())
    counts = [2**power for power in range(len(devices).bit_length())]
    for count in sorted({*counts, len(devices)}):
        # Each device computes its part of every batch, and they add up the gradients.
        _, line = fitted(Mesh(devices[:count], ("data",)))
        print(f"{count} {'device' if count == 1 else 'devices'}: {line}")

    if len(devices) == 1:
        print(
            "\nThere is one device. For eight virtual ones on a CPU set the variable\n"
            "XLA_FLAGS=--xla_force_host_platform_device_count=8"
        )
        return
    # A layer may be too wide for one device: each then has some of its columns.
    pairs = devices[: len(devices) // 2 * 2].reshape(-1, 2)
    mesh = Mesh(pairs, ("data", "model"))
    model, line = fitted(mesh, sharding={"kernel": P(None, "model")})
    print(f"\n{pairs.shape[0]} x 2 devices, kernels split over 2: {line}")
    for name in ("dense", "dense_1"):
        kernel = model.params[name]["kernel"]
        own = kernel.addressable_shards[0].data.shape
        print(f"{name}/kernel is {kernel.shape}, and each device holds {own}")


if __name__ == "__main__":
    main()
