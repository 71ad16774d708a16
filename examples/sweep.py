"""Train with many learning rates and seeds at once, and compare what came of them.

    python examples/sweep.py --data DIR --epochs 3

Without ``--data`` Fashion-MNIST is looked for in the usual places and else downloaded;
with ``--digits`` the small data are used, which come with the library.
"""

import argparse

import numpy as np

import jaxnet_mini as jn
from jaxnet_mini.datasets import digits, fashion_mnist


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="DIR", help="where the four files lie")
    parser.add_argument("--digits", action="store_true", help="the small data instead")
    parser.add_argument("--rates", type=int, default=8, help="how many learning rates")
    parser.add_argument("--seeds", type=int, default=4, help="and seeds for each")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--together", type=int, default=3, help="how many in ensemble")
    arguments = parser.parse_args()

    if arguments.digits:
        (x_train, y_train), (x_test, y_test) = digits.load_data()
    else:
        (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(arguments.data)

    model = jn.Sequential(
        [
            jn.Flatten(),
            jn.Rescaling(1 / x_train.max()),
            jn.Dense(128, activation="relu"),
            jn.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])

    space = {
        "learning_rate": np.logspace(-4, -1.5, arguments.rates),
        "seed": range(arguments.seeds),
    }
    result = jn.sweep(
        model,
        space,
        x_train,
        y_train,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        validation_split=0.1,
    )
    print(result.table(sort_by="val_loss"))

    # The validation has chosen the best: what they are worth, new rows tell.
    best = result.best("val_loss")
    loss, accuracy = best.evaluate(x_test, y_test, verbose=0)
    print(f"\nThe best: test accuracy {accuracy:.4f}, test loss {loss:.4f}")
    together = result.ensemble(arguments.together, "val_loss")
    loss, accuracy = together.evaluate(x_test, y_test, verbose=0)
    print(
        f"The best {arguments.together} together: test accuracy {accuracy:.4f}, "
        f"test loss {loss:.4f}"
    )

    best.save("sweep-best.safetensors")
    print("\nThe best as a file: sweep-best.safetensors")
    try:
        figure = result.plot("learning_rate", "val_loss")
    except ImportError:
        print('For a picture of the sweep: python -m pip install ".[plot]"')
        return
    figure.savefig("sweep.png", dpi=120)
    print("The sweep as a picture: sweep.png")


if __name__ == "__main__":
    main()
