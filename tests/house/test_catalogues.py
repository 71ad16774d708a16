"""Catalogues: what is made in a room of parts is listed in it, and found by all."""

import importlib
import inspect
import pkgutil

import pytest

from jaxnet_mini.core import layers, losses, metrics, optimizers
from jaxnet_mini.core.networks.protocol import OWN_LAYERS
from jaxnet_mini.files import config

BASES = {
    layers: layers.Base,
    losses: losses.Loss,
    metrics: metrics.Metric,
    optimizers: optimizers.Optimizer,
}


@pytest.mark.parametrize("room", BASES, ids=lambda room: room.__name__.split(".")[-1])
def test_what_a_file_adds_is_listed_and_can_be_saved(room):
    found = set()
    for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        for name, kind in vars(importlib.import_module(module.name)).items():
            ours = inspect.isclass(kind) and issubclass(kind, BASES[room])
            if ours and kind.__module__ == module.name and name[0] != "_":
                found |= set() if inspect.isabstract(kind) else {kind}
    assert len(found) > 5
    assert {kind.__name__ for kind in found} <= set(room.__all__)
    assert found <= set(config.CLASSES.values())


def test_tables_of_names_follow_from_what_is_listed():
    assert {kind.__name__ for kind in OWN_LAYERS} <= set(layers.__all__)
    listed = (getattr(optimizers, name) for name in optimizers.__all__)
    kinds = {one for one in listed if inspect.isclass(one)} - {optimizers.Optimizer}
    assert {kind.__name__.lower(): kind for kind in kinds} == optimizers.OPTIMIZERS
