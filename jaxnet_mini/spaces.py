"""What a sweep goes through: names, their values, and the models that they make."""

import dataclasses
import inspect
import itertools
from collections.abc import Iterable, Mapping, Set
from typing import Any, TypeAlias

import numpy as np

from jaxnet_mini import tracing
from jaxnet_mini.errors import ArgumentError, find, short
from jaxnet_mini.models import Sequential
from jaxnet_mini.optimizers import Optimizer
from jaxnet_mini.tracing import Place, Traced
from jaxnet_mini.train import Trainer

Space: TypeAlias = Mapping[str, Any]
"""Names of hyper-parameters to the values to try, all combinations of them."""

SEED = "seed"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One combination, and the model to train with it.

    Args:
        settings: the combination, by name.
        model: fresh and compiled, with these settings.
        template: what it was made from; all of one template learn from the same data.
        places: where numbers stand in the layers that differ from the template's.
        numbers: these numbers.
    """

    settings: dict[str, Any]
    model: Sequential
    template: Sequential
    places: tuple[Place, ...]
    numbers: tuple[float, ...]

    def trainer(self, trainer: Trainer) -> Trainer:
        """Return a trainer of the template with this one's numbers, to be run."""
        fields = {f.name: getattr(trainer, f.name) for f in dataclasses.fields(Trainer)}
        fields["optimizer"] = self.model.trainer.optimizer
        if not self.places:
            return Trainer(**fields)
        return Traced(**fields, places=self.places, numbers=self.numbers)


def candidates(model: Any, space: Space) -> list[Candidate]:
    """Return a candidate for each combination, the last name's values changing first.

    Args:
        model: a compiled model, or a function that returns one.
        space: see `Space`; what the function does not take by name is a number of the
            model that it returns.

    Raises:
        ArgumentError, UnknownNameError: a name or a value that cannot be.
        StateError: the model is not compiled.
    """
    values = _values(space)
    taken = _parameters(model)
    templates: dict[tuple[int, ...], Sequential] = {}
    found = []
    for places in itertools.product(*map(range, map(len, values.values()))):
        at = dict(zip(values, places, strict=True))
        settings = {name: values[name][place] for name, place in at.items()}
        built = {name: value for name, value in settings.items() if name in taken}
        key = tuple(place for name, place in at.items() if name in taken)
        if key not in templates:
            templates[key] = _template(model, built)
        own = {name: value for name, value in settings.items() if name not in taken}
        found.append(_candidate(templates[key], settings, own, taken))
    return found


def _values(space: Any) -> dict[str, list[Any]]:
    if not isinstance(space, Mapping) or not space:
        raise ArgumentError(
            "space maps names to the values to try, such as "
            f'{{"learning_rate": [1e-3, 1e-2], "seed": range(4)}}, not {short(space)}.'
        )
    return {name: _listed(name, values) for name, values in space.items()}


def _listed(name: str, values: Any) -> list[Any]:
    single = isinstance(values, str | bytes | Mapping | Set)
    if single or not isinstance(values, Iterable) or np.ndim(_array(values)) > 1:
        raise ArgumentError(
            f"space[{name!r}] must be a list of values to try, or an array of one "
            f"axis, not {short(values)}: put a single one in brackets."
        )
    listed = [_plain(value) for value in values]
    if not listed:
        raise ArgumentError(f"space[{name!r}] is empty: give it a value or leave it.")
    return listed


def _array(values: Any) -> Any:
    return values if hasattr(values, "__array__") else ()


def _plain(value: Any) -> Any:
    """Return NumPy's and JAX's numbers as Python's."""
    return value.item() if hasattr(value, "item") and np.ndim(value) == 0 else value


def _parameters(model: Any) -> set[str]:
    """Return what a function that builds models takes by name."""
    if isinstance(model, Sequential):
        return set()
    if isinstance(model, type) or not callable(model):
        raise ArgumentError(
            "model must be a compiled Sequential, or a function that returns one, not "
            f"{short(model)}."
        )
    parameters = inspect.signature(model).parameters.values()
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {p.name for p in parameters if p.kind not in variable}


def _template(model: Any, settings: dict[str, Any]) -> Sequential:
    if isinstance(model, Sequential):
        built = model
    else:
        built = model(**settings)
        if not isinstance(built, Sequential):
            raise ArgumentError(
                "the function that builds a model must return a Sequential, and "
                f"returned {short(built)} for {settings}."
            )
    built.trainer  # noqa: B018  (an error now where it is not compiled)
    return built


def _candidate(
    template: Sequential,
    settings: dict[str, Any],
    own: dict[str, Any],
    taken: Iterable[str],
) -> Candidate:
    trainer = template.trainer
    optimizer: Any = trainer.optimizer
    of_optimizer: dict[str, tuple[Place, ...]] = {}
    if isinstance(optimizer, Optimizer):
        fields = dataclasses.fields(optimizer)
        of_optimizer = {f.name: () for f in fields if isinstance(f.default, float)}
    of_layers = _by_name(tracing.places(template.net))
    known = {SEED: ()} | of_layers | of_optimizer | dict.fromkeys(taken, ())
    seed, net = template.seed, template.net
    places: list[Place] = []
    numbers: list[float] = []
    for name, value in own.items():
        find(known, name, "hyper-parameter")
        with_name = f"space[{name!r}]: "
        try:
            if name == SEED:
                seed = value
                Sequential(seed=seed)
            elif name in of_optimizer:
                optimizer = dataclasses.replace(optimizer, **{name: value})
            else:
                net = tracing.replaced(
                    net, of_layers[name], [value] * len(of_layers[name])
                )
                places += of_layers[name]
                numbers += [float(value)] * len(of_layers[name])
        except ArgumentError as error:
            raise ArgumentError(f"{with_name}{error}") from None
    if len(set(places)) < len(places):
        raise ArgumentError(
            f"space names a number of a layer twice, in {', '.join(map(repr, own))}: "
            "leave one of the names out."
        )
    model = Sequential(net.layers, template.name, seed)
    if template.built:
        pairs = zip(template.outline, net.layers, strict=True)
        model._adopt(tuple(dataclasses.replace(p, layer=layer) for p, layer in pairs))
    model._trainer = dataclasses.replace(trainer, net=model.net, optimizer=optimizer)
    return Candidate(settings, model, template, tuple(places), tuple(numbers))


def _by_name(places: dict[str, Place]) -> dict[str, tuple[Place, ...]]:
    """Return the places by their paths, and by each end of these."""
    found: dict[str, tuple[Place, ...]] = {}
    for path, place in places.items():
        parts = path.split("/")
        for first in range(len(parts)):
            name = "/".join(parts[first:])
            found[name] = (*found.get(name, ()), place)
    return found
