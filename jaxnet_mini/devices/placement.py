"""Where arrays lie: on one device, or over the devices of a mesh.

The engine is `jax.sharding`: what is placed here is computed where it lies, and the
compiler adds what devices have to tell each other.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import numpy as np
from jax import Array
from jax.sharding import (
    Mesh,
    NamedSharding,
    PartitionSpec,
    SingleDeviceSharding,
)
from numpy.typing import NDArray

from jaxnet_mini.core.training.state import NO_ROW
from jaxnet_mini.core.types import is_key
from jaxnet_mini.devices import pools, processes
from jaxnet_mini.errors import ArgumentError

T = TypeVar("T")

DATA = "data"
"""The axis of a mesh over which batches are split."""


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where arrays lie.

    Args:
        mesh: the devices; None stands for JAX's default device.
        rule: which axes of which parameters are split, by the end of their paths, such
            as ``{"kernel": PartitionSpec(None, "model")}``. A parameter that the
            devices do not divide stays whole, and so do all that are not named.
        device: without a mesh, another device than JAX's default for steps of training.
        evaluates: whether evaluations are computed on ``device``, too.
        rival: a device that computes the bits of ``device``, and steps sooner perhaps.
    """

    mesh: Mesh | None = None
    rule: Mapping[str, PartitionSpec] = dataclasses.field(default_factory=dict)
    device: Any = None
    evaluates: bool = False
    rival: Any = None

    @property
    def shards(self) -> int:
        """In how many parts a batch is split."""
        return 1 if self.mesh is None else self.mesh.shape.get(DATA, 1)

    @property
    def threads(self) -> int | None:
        """How many threads compute steps of training; None elsewhere than on a CPU."""
        return pools.number_of(self.device)

    @property
    def note(self) -> str:
        """What to say of that, if anything."""
        if self.device is None:
            return ""
        if self.threads == 1:
            return f" for one thread: {pools.number()} are no faster here"
        return f" for {self.threads} threads, as many as there are cores"

    @property
    def here(self) -> "Placement":
        """Where this process computes by itself: all but steps of training."""
        if self.device is not None:
            return self if self.evaluates else Placement()
        return of_own_devices() if processes.several() else self

    def everywhere(self, tree: Any) -> Any:
        """Put arrays on every device, each as a whole.

        Here and in the other methods, shapes in place of arrays are given the place
        that arrays would have, and without a mesh arrays on the host stay there: a
        program takes them as they are, see also `put`.
        """
        return jax.tree.map(lambda leaf: self._put(leaf, PartitionSpec()), tree)

    def put(self, tree: Any) -> Any:
        """Put arrays, once and to stay, where the other methods would have them.

        What lies on a mesh is there already.
        """
        return jax.device_put(tree, self.device) if self.mesh is None else tree

    def put_on_its_own(self, array: Any) -> Any:
        """Put an array on a device that was made here; leave it to programs elsewhere.

        They take what lies on the host, for less than a call of ``device_put``: for
        few examples the host takes as long as the device.
        """
        return array if self.device is None else self.put(array)

    def order(self, order: Any) -> Any:
        """Split the batches of an order, padded to what the devices divide."""
        short = -order.shape[-1] % self.shards
        if short:
            shape = (*order.shape[:-1], order.shape[-1] + short)
            if isinstance(order, jax.ShapeDtypeStruct):
                order = jax.ShapeDtypeStruct(shape, order.dtype)
            else:
                width = [*[(0, 0)] * (order.ndim - 1), (0, short)]
                order = np.pad(order, width, constant_values=NO_ROW)
        return self._put(order, self._over_data(order.ndim - 1))

    def stack(self, stack: Any) -> Any:
        """Split batches that are stacked, ``(steps, batch, ...)``.

        Those that the devices do not divide are whole on each of them.
        """
        if self.mesh is None:
            return stack

        def put(leaf: Any) -> Any:
            whole = leaf.ndim < 2 or leaf.shape[1] % self.shards
            return self._put(leaf, PartitionSpec() if whole else self._over_data(1))

        return jax.tree.map(put, stack)

    def params(self, tree: T) -> T:
        """Put parameters, or a state that holds them, where the rule says.

        Without a rule, what lies on the devices already stays as it is.
        """
        if self.mesh is None and self.device is None:
            return tree
        lies_there = self.mesh is not None and _mesh_under(tree) == self.mesh
        if lies_there and not self.rule:
            return tree
        placed: T = jax.tree_util.tree_map_with_path(
            lambda path, leaf: self._put(leaf, self._spec(path, leaf)), tree
        )
        return placed

    def _over_data(self, axis: int) -> PartitionSpec:
        if self.shards == 1:
            return PartitionSpec()
        return PartitionSpec(*[None] * axis, DATA)

    def _spec(self, path: tuple[Any, ...], leaf: Any) -> PartitionSpec:
        named = "/".join(str(getattr(entry, "key", entry)) for entry in path)
        for name, spec in self.rule.items():
            if f"/{named}".endswith(f"/{name}") and self._divides(spec, leaf.shape):
                return spec
        return PartitionSpec()

    def _divides(self, spec: PartitionSpec, shape: tuple[int, ...]) -> bool:
        axes = {} if self.mesh is None else self.mesh.shape
        parts = [math.prod(axes[name] for name in _names(entry)) for entry in spec]
        fits = zip(shape, parts, strict=False)
        return len(spec) <= len(shape) and all(size % n == 0 for size, n in fits)

    def _put(self, leaf: Any, spec: PartitionSpec) -> Any:
        sharding = self._sharding(spec)
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)
        if sharding is None:
            return leaf
        if isinstance(sharding, SingleDeviceSharding):
            own = isinstance(leaf, jax.Array) and leaf.sharding == sharding
            return leaf if own else jax.device_put(leaf, sharding)
        if sharding.is_fully_addressable:
            return jax.device_put(leaf, sharding)
        return _put_globally(leaf, sharding)

    def _sharding(
        self, spec: PartitionSpec
    ) -> NamedSharding | SingleDeviceSharding | None:
        if self.mesh is not None:
            return NamedSharding(self.mesh, spec)
        return None if self.device is None else SingleDeviceSharding(self.device)


def _put_globally(leaf: Any, sharding: NamedSharding) -> Any:
    """Put an array that every process has, on the devices of all of them."""
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return leaf if leaf.sharding == sharding else _moved(leaf, sharding)
    if is_key(leaf):
        kind = jax.random.key_impl(leaf)
        words = _put_globally(jax.random.key_data(leaf), sharding)
        wrap = functools.partial(jax.random.wrap_key_data, impl=kind)
        return jax.jit(wrap, out_shardings=sharding)(words)
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, sharding, host.__getitem__)


def _moved(array: Array, sharding: NamedSharding) -> Array:
    moved: Array = jax.jit(lambda same: same, out_shardings=sharding)(array)
    return moved


def at_home(tree: Any) -> Any:
    """Return arrays of several processes, or of another device, as this one's own.

    Shapes in their place lose where they were to lie.
    """

    def own(leaf: Any) -> Any:
        if isinstance(leaf, jax.ShapeDtypeStruct):
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
        if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
            return _from_elsewhere(leaf)
        if not leaf.is_fully_replicated:
            mesh = leaf.sharding.mesh  # type: ignore[attr-defined]
            leaf = _moved(leaf, NamedSharding(mesh, PartitionSpec()))
        return leaf.addressable_data(0)

    return jax.tree.map(own, tree)


def _from_elsewhere(leaf: Any) -> Any:
    """Return an array of a device of `threads` on JAX's default one, without a copy.

    It is as free to go with others as any that nobody has placed.
    """
    if pools.own_of(leaf) is None:
        return leaf
    if is_key(leaf):
        kind = jax.random.key_impl(leaf)
        words: Any = np.asarray(jax.random.key_data(leaf))
        return jax.random.wrap_key_data(words, impl=kind)
    return jax.device_put(np.asarray(leaf))


def shared(share: Any, placement: Placement) -> Any:
    """Put the shares of all processes on all devices, one after another.

    Args:
        share: arrays of this process, of the same shapes in all of them.
        placement: where to put them as a whole.
    """
    devices = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    rows = Mesh(np.array(devices), (DATA,))
    target = NamedSharding(placement.mesh or rows, PartitionSpec())

    def put(array: NDArray[Any]) -> Array:
        split = NamedSharding(rows, PartitionSpec(DATA))
        parts = jax.make_array_from_process_local_data(split, array)
        whole = _moved(parts, NamedSharding(rows, PartitionSpec()))
        # Each device has it all; only the order of devices may be another.
        pieces = [shard.data for shard in whole.addressable_shards]
        return jax.make_array_from_single_device_arrays(whole.shape, target, pieces)

    return jax.tree.map(put, share)


def of(mesh: Any, rule: Any = None, lying: Any = None) -> Placement:
    """Return where ``fit`` and its kin put arrays.

    Args:
        mesh: a `jax.sharding.Mesh`; None is where arrays lie now, else all devices.
        rule: see `Placement`.
        lying: arrays that have a place already, or None.

    Raises:
        ArgumentError: neither of these, the rule names an axis that is not there, or
            nothing is split over one that is.
    """
    if mesh is None:
        found = _mesh_under(lying) or default()
    elif isinstance(mesh, Mesh):
        # jax.make_mesh may make axes of the kind that a function has to name itself.
        found = Mesh(mesh.devices, mesh.axis_names)
    else:
        raise ArgumentError(
            f"mesh must be a jax.sharding.Mesh, not {mesh!r}: write for example "
            'jax.make_mesh((len(jax.devices()),), ("data",)).'
        )
    rule = {} if rule is None else rule
    if not isinstance(rule, Mapping) or not all(
        isinstance(spec, PartitionSpec) for spec in rule.values()
    ):
        raise ArgumentError(
            "sharding maps names of weights to jax.sharding.PartitionSpec, such as "
            f'{{"kernel": PartitionSpec(None, "model")}}, and not {rule!r}.'
        )
    axes = () if found is None else found.axis_names
    for name, spec in rule.items():
        for axis in (axis for entry in spec for axis in _names(entry)):
            if axis not in axes:
                there = ", ".join(map(repr, axes)) or "none"
                raise ArgumentError(
                    f"sharding splits {name!r} over the axis {axis!r}, and the mesh "
                    f"has {there}: give a mesh with this axis, for example "
                    f"jax.make_mesh((1, {jax.device_count()}), ('data', {axis!r}))."
                )
    if mesh is not None:
        _check_shared_out(found, rule, lying)
    if found is None or (found.size == 1 and mesh is None):
        return Placement()
    return Placement(found, rule)


def _check_shared_out(mesh: Any, rule: Mapping[str, PartitionSpec], lying: Any) -> None:
    """Raise an ArgumentError where devices of a mesh would all do the same."""
    specs = [*rule.values()]
    for leaf in jax.tree.leaves(lying):
        sharding = getattr(leaf, "sharding", None)
        if isinstance(sharding, NamedSharding) and sharding.mesh == mesh:
            specs.append(sharding.spec)
    used = {DATA, *(axis for spec in specs for entry in spec for axis in _names(entry))}
    for axis, size in mesh.shape.items():
        if size > 1 and axis not in used:
            raise ArgumentError(
                f"mesh has the axis {axis!r} of {size} devices, over which nothing is "
                "split, and each of them would compute the same as the others: call it "
                f"{DATA!r}, which shares out batches, leave it out, or split some "
                f'weights, fit(sharding={{"kernel": PartitionSpec(None, {axis!r})}}).'
            )


@functools.cache
def _mesh_of(devices: tuple[Any, ...]) -> Mesh:
    return Mesh(np.array(devices), (DATA,))


def _mesh_under(tree: Any) -> Mesh | None:
    """Return the mesh of several devices over which arrays lie, if they do."""
    for leaf in jax.tree.leaves(tree):
        mesh = getattr(getattr(leaf, "sharding", None), "mesh", None)
        if not isinstance(mesh, Mesh) or mesh.size == 1:
            return None
        return mesh
    return None


def is_spread(tree: Any) -> bool:
    """Tell whether arrays lie over a mesh of several devices."""
    return _mesh_under(tree) is not None


def own(mesh: Any, lying: Any = None) -> Placement:
    """Return where to evaluate and to predict: on this process's own devices.

    Args:
        mesh: see `of`.
        lying: see `of`.
    """
    place = of(mesh, lying=lying)
    return place.here if mesh is None else place


def of_own_devices() -> Placement:
    """Return where this process computes by itself."""
    devices = tuple(jax.local_devices())
    return Placement() if len(devices) == 1 else Placement(_mesh_of(devices))


def default() -> Mesh | None:
    """Return a mesh of all devices, or None where one is enough.

    They are those of all processes where `jax.distributed` has joined them.
    """
    if getattr(jax.config, "jax_default_device", None) is not None:
        return None
    devices = tuple(jax.devices())
    return None if len(devices) == 1 else _mesh_of(devices)


def _names(entry: Any) -> tuple[str, ...]:
    """Return the axes of a mesh in one entry of a PartitionSpec."""
    if entry is None:
        return ()
    return (entry,) if isinstance(entry, str) else tuple(entry)
