"""What a run is: the layers, the settings and the data that must not change."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
from numpy.typing import NDArray

from jaxnet_mini.base import notices
from jaxnet_mini.base.plain_json import Json
from jaxnet_mini.base.policies import DTypePolicy
from jaxnet_mini.checkpoints import descriptions, fingerprints
from jaxnet_mini.checkpoints.descriptions import CODE, CRC, OF, Description
from jaxnet_mini.core.networks import outline as outlines
from jaxnet_mini.core.networks.composed import Call
from jaxnet_mini.core.networks.outline import LayerOutline, NetOutline
from jaxnet_mini.core.networks.sources import results
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.core.types import is_shape
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.errors import FileError, short, shortened


class Subject(NamedTuple):
    """What a run is of: with anything else it does not go on.

    Args:
        trainer: what is run.
        outline: of the network.
        batch: shapes and dtypes of a batch of inputs and of targets, on the device.
        examples: what is learned; None where it comes in batches, which have to come
            again as they were.
        validation: what is held out, or None.
        settings: what else must not change, as plain JSON.
    """

    trainer: Trainer
    outline: NetOutline
    batch: tuple[Any, Any]
    examples: Examples | None
    validation: Examples | None
    settings: Json


PROGRAMS = "programs"
"""The entry of what those parts compute that are not all of this library."""

WIRING = ("calls", "outputs")
"""The entries of what each layer takes and what goes out; older runs have none."""


def of_model(
    trainer: Trainer,
    outline: Iterable[LayerOutline],
    x: Any,
    y: Any,
) -> Json:
    """Return what the layers and compile's arguments are, as plain JSON.

    What is not of this library is traced as well. A warning names what could neither be
    traced nor looked into.

    Args:
        trainer: what is run.
        outline: of the layers.
        x: a batch of inputs, as on the device.
        y: a batch of targets.
    """
    programs: dict[str, str] = {}
    opaque: list[str] = []

    def described(name: str, value: Any, trace: Callable[[], str | None]) -> Json:
        description = Description(value, name)
        if description.foreign:
            program = trace()
            if program is None:
                opaque.extend(description.opaque)
            else:
                programs[name] = program
        return description.json

    net: Any = trainer.net
    found: Json = {"layers": {}, "metrics": {}} | _wiring(net)
    values = _values(net, outline, x)
    for part in outline:
        inputs = Call("", "", part.layer, part.sources).inputs(values)
        trace = functools.partial(fingerprints.of_layer, part, inputs)
        name = f"layers.{part.name}"
        found["layers"][part.name] = described(name, part.layer, trace)
    trained = trainer.trained(outlines.variables(outline).params)
    trace = functools.partial(fingerprints.of_optimizer, trainer, trained)
    found["optimizer"] = described("optimizer", trainer.optimizer, trace)
    found |= _of_goals(trainer, y, net.outputs_of(values), described)
    if trainer.loss_weights is not None:
        weights = trainer.loss_weights
        found["loss_weights"] = [*weights] if trainer.outputs else weights
    found |= _of_steps(trainer, described)
    policy: Any = getattr(net, "dtype", None)
    if trainer.compute_dtype is not None:
        found["compute_dtype"] = trainer.compute_dtype
    elif policy is not None:
        found["compute_dtype"] = DTypePolicy(policy).compute_dtype
    if opaque:
        notices.warn(
            f"the run is kept, and nobody can tell later whether {shortened(opaque)} "
            "is still the same: it holds no code of Python's. Run it again with the "
            "same.",
        )
    if programs:
        found[PROGRAMS] = {OF: fingerprints.versions()} | programs
    return found


def _of_steps(trainer: Trainer, described: Callable[..., Any]) -> Json:
    """Return what takes the place of the usual step and evaluation."""
    functions = {"train_step": trainer.train_step} | {
        method.word: getattr(method.call, "__func__", method.call)
        for method in trainer.steps.methods
    }
    return {
        word: described(word, function, lambda: None)
        for word, function in functions.items()
        if function is not None
    }


def _wiring(net: Any) -> Json:
    """Return what each layer takes, how it is called, and what goes out."""
    calls = {
        call.name: {
            "weights": call.weights,
            "takes": _listed(call.sources),
            "training": call.training,
        }
        for call in net.calls
    }
    return {"calls": calls, "outputs": _listed(getattr(net, "outputs", None))}


def _listed(names: Any) -> Json:
    return [*map(_listed, names)] if isinstance(names, tuple) else names


def _of_goals(
    trainer: Trainer, y: Any, outputs: Any, described: Callable[..., Json]
) -> Json:
    """Return what the losses and metrics of all outputs are, see `of_model`."""
    found: Json = {"metrics": {}}
    for goal in trainer.goals:
        own = goal.of(y), goal.of(outputs)
        if goal.loss is not None:
            trace = functools.partial(fingerprints.of_loss, goal.loss, *own)
            name = "loss" if goal.name is None else f"loss.{goal.name}"
            found[name] = described(name, goal.loss, trace)
        for metric in (*goal.metrics, *goal.weighted_metrics):
            trace = functools.partial(fingerprints.of_metric, metric, *own)
            name = f"metrics.{metric.name}"
            found["metrics"][metric.name] = described(name, metric, trace)
    return found


def _values(net: Any, outline: Iterable[LayerOutline], x: Any) -> dict[str, Any]:
    """Return shapes and dtypes of all that layers take and give, by name."""
    rows, values = jax.tree.leaves(x)[0].shape[0], dict(net.named_inputs(x))
    floats = jax.dtypes.canonicalize_dtype(float)
    for part in outline:
        calls: list[Any] = [part, *part.again]
        for call in calls:
            given = jax.tree.map(
                lambda shape: jax.ShapeDtypeStruct((rows, *shape), floats),
                call.output_shape,
                is_leaf=is_shape,
            )
            values |= results(call.name, given)
    return values


def of_data(
    examples: Examples | None, prefix: str = "", rows: int | None = None
) -> Json:
    """Return shape, dtype and checksum of the arrays of examples.

    Args:
        examples: on the host, or None.
        prefix: what messages put before the names.
        rows: how many there are in all, where ``examples`` are a share of them; their
            values then are not told apart.
    """
    if examples is None:
        return {}
    named = examples.named()
    return {f"{prefix}{name}": _of_array(array, rows) for name, array in named}


def _of_array(array: NDArray[Any], rows: int | None) -> Json:
    if rows is not None:
        return {"shape": [rows, *array.shape[1:]], "dtype": str(array.dtype)}
    return descriptions.digest(array)


def check(there: Json, here: Json, source: str) -> list[str]:
    """Raise a FileError that names the differences between two identities.

    Args:
        there: that of the run that is kept.
        here: that of the one to go on.
        source: where it is kept.

    Returns:
        The names of what could not be compared, since versions differ.
    """
    unknown: list[str] = []
    programs = [dict(of.get(PROGRAMS) or {}) for of in (there, here)]
    there, here = ({k: of[k] for k in of if k != PROGRAMS} for of in (there, here))
    for name in WIRING:
        if name in here and name not in there:
            unknown.append(name)
            del here[name]
    differences = list(_differences(there, here, "", unknown))
    if not differences and programs[0].get(OF) == programs[1].get(OF):
        differences = [
            f"{name} computes something else than it did"
            for name in programs[0].keys() & programs[1].keys()
            if programs[0][name] != programs[1][name]
        ]
    if differences:
        raise FileError(
            f"the run in {source} was another one, and nothing was changed: "
            f"{shortened(differences)}. Go on with what it was, or give checkpoint "
            "another folder."
        )
    return unknown


def _differences(
    there: Json, here: Json, path: str, unknown: list[str]
) -> Iterator[str]:
    if isinstance(there, dict) and isinstance(here, dict):
        yield from _within(there, here, path, unknown)
    elif isinstance(there, str) and isinstance(here, dict) and _is_path(there, here):
        unknown.append(path)
    elif (
        isinstance(there, list)
        and isinstance(here, list)
        and len(there) == len(here)
        and any(isinstance(item, dict | list) for item in here)
    ):
        for index, pair in enumerate(zip(there, here, strict=True)):
            yield from _differences(*pair, f"{path}[{index}]", unknown)
    elif there != here and path.endswith(f".{CRC}"):
        yield f"{path.removesuffix(f'.{CRC}')} holds other values"
    elif there != here and path.endswith(f".{CODE}"):
        yield f"{path.removesuffix(f'.{CODE}')} has other code"
    elif there != here:
        yield f"{path} was {short(there)} and is {short(here)}"


def _within(
    there: dict[str, Json], here: dict[str, Json], path: str, unknown: list[str]
) -> Iterator[str]:
    if "class" in there and "class" in here and there["class"] != here["class"]:
        # What it holds are then other things.
        there, here = ({"class": of["class"]} for of in (there, here))
    looser = there.get(OF) != here.get(OF)
    if looser:
        unknown.append(path)
    for key in [*there, *(key for key in here if key not in there)]:
        name = f"{path}.{key}" if path else key
        absent = key not in here or key not in there
        # One of the two was a share, or is of other versions.
        if (key == CRC and absent) or (looser and (key in (OF, CODE) or absent)):
            continue
        if key not in here:
            yield f"{name} is gone"
        elif key not in there:
            yield f"{name} is new"
        else:
            yield from _differences(there[key], here[key], name, unknown)


def _is_path(there: str, here: dict[str, Json]) -> bool:
    """Tell whether the path of a class stands for a description.

    Runs that were kept by older versions have one for what holds a function without a
    name.
    """
    kind = here.get("class")
    return isinstance(kind, str) and there.split(".")[-1] == kind.split(".")[-1]
