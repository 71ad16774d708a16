"""Keras with its defaults on TensorFlow."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bench.peers.keras_jax import Model, device, settings

make = Model
__all__ = ["device", "make", "settings"]
