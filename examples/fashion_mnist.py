"""Train on the 60,000 images of Fashion-MNIST.

    python examples/fashion_mnist.py --data DIR --epochs 5 --batch-size 32

Without ``--data`` the files are looked for in the usual places and else downloaded.
"""

import argparse

from jaxnet_mini import Sequential
from jaxnet_mini.datasets import fashion_mnist
from jaxnet_mini.layers import Dense, Flatten


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="DIR", help="where the four files lie")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()

    (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data(arguments.data)
    x_train, x_test = x_train / 255.0, x_test / 255.0

    model = Sequential(
        [
            Flatten(input_shape=(28, 28)),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.summary()
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        x_train, y_train, epochs=arguments.epochs, batch_size=arguments.batch_size
    )
    loss, accuracy = model.evaluate(x_test, y_test)
    print(f"\nTest accuracy {accuracy:.4f}, test loss {loss:.4f}")

    names = fashion_mnist.CLASS_NAMES
    for probabilities, label in zip(model.predict(x_test[:5]), y_test, strict=False):
        guess = probabilities.argmax()
        print(f"{names[guess]:12} {probabilities[guess]:4.0%}   is {names[label]}")


if __name__ == "__main__":
    main()
