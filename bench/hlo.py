"""Reading a compiled program: what a step tells other chips, and what it moves.

XLA prints a compiled program as text, an operation a line. Behind the shape of an array
its layout stands in braces, and in there the memory where it lies: none for the large
one of the device (HBM on a TPU), ``S(1)`` and others for those on the chip.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

COLLECTIVES = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
)

FREE = (
    *("bitcast", "constant", "get-tuple-element", "parameter", "tuple"),
    *("partition-id", "replica-id", "after-all", "while"),
)
"""What moves nothing; what a loop moves counts for its own body."""


class Array(NamedTuple):
    """An array of a shape: its size without padding, and if it lies on the chip."""

    bytes: int
    on_chip: bool


class Operation(NamedTuple):
    """One line: ``%name = shape kind(%operands), attributes``."""

    name: str
    shape: str
    kind: str
    operands: tuple[str, ...]
    attributes: str

    @property
    def arrays(self) -> list[Array]:
        """The arrays of the result, tuples taken apart."""
        found = re.findall(r"\b([a-z]+\d*)\[([\d,]*)\](\{[^{}]*\})?", self.shape)
        return [
            Array(_bytes(dtype, sizes), re.search(r"S\(\d+\)", layout) is not None)
            for dtype, sizes, layout in found
        ]

    @property
    def bytes(self) -> int:
        """The bytes of the result."""
        return sum(array.bytes for array in self.arrays)

    @property
    def called(self) -> list[str]:
        """The computations that it names."""
        return re.findall(r"(?:calls|body|condition)=%?([\w.-]+)", self.attributes)


class Collective(NamedTuple):
    """What chips tell each other.

    Args:
        kind: one of `COLLECTIVES`.
        bytes: what each chip brings along.
        group: how many chips share it.
        ahead: whether it goes on while the chips do something else.
    """

    kind: str
    bytes: int
    group: int
    ahead: bool


Computation = dict[str, Operation]
Program = dict[str, Computation]
"""Operations by name, by computation: loop bodies and fusions stand by themselves."""

ENTRY = "ENTRY"
"""The computation that starts."""

TO_THE_HOST = ("infeed", "outfeed", "send", "recv")


def program(text: str) -> Program:
    """Take the text of a compiled program apart."""
    computations: Program = {}
    for line in text.splitlines():
        line = re.sub(r"/\*.*?\*/", "", line).strip()
        if line.endswith("{") and " -> " in line:
            # The first word is ENTRY or a name.
            name = line.split()[0].lstrip("%")
            computation = computations[name] = {}
        elif " = " in line and computations:
            operation = _operation(line.removeprefix("ROOT "))
            computation[operation.name] = operation
    return computations


def _operation(line: str) -> Operation:
    name, rest = line.split(" = ", 1)
    if rest.startswith("("):
        shape, rest = _closed(rest[1:])
    else:
        shape, rest = rest.split(" ", 1)
    kind, rest = rest.strip().split("(", 1)
    inside, attributes = _closed(rest)
    operands = re.findall(r"%([\w.-]+)", inside) or [inside]
    return Operation(name.lstrip("%"), shape, kind, tuple(operands), attributes)


def _closed(text: str) -> tuple[str, str]:
    """Return what stands before the bracket that closes one before the text, and after.

    >>> _closed("f32[8]{0:T(128)}, s32[]) add(%a)")
    ('f32[8]{0:T(128)}, s32[]', ' add(%a)')
    """
    depth = 1
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return text[:place], text[place + 1 :]
    raise ValueError(f"a bracket is not closed in {text[:100]!r}.")


def _bytes(dtype: str, sizes: str) -> int:
    """Return the bytes of an array; 0 of what holds no numbers, such as a token.

    >>> [_bytes("bf16", "8,128"), _bytes("pred", "3"), _bytes("f32", "")]
    [2048, 3, 4]
    """
    digits = re.search(r"\d+", dtype.replace("pred", "s8"))
    bits = int(digits[0]) if digits else 0
    return -(-bits * math.prod(int(size) for size in sizes.split(",") if size) // 8)


def loop_body(program: Program) -> str:
    """Return the computation that the only loop repeats, those within it apart.

    Raises:
        ValueError: there is another number of loops.
    """
    bodies = {
        name: re.findall(r"body=%?([\w.-]+)", operation.attributes)[0]
        for name, computation in program.items()
        for operation in computation.values()
        if operation.kind == "while"
    }
    outer = [body for name, body in bodies.items() if name not in bodies.values()]
    if len(outer) != 1:
        raise ValueError(f"one loop was expected, and {len(outer)} were found.")
    return outer[0]


def within(program: Program, name: str) -> Iterator[tuple[Computation, Operation]]:
    """Yield the operations of a computation and of all that it calls, with theirs."""
    for operation in program[name].values():
        yield program[name], operation
        for called in operation.called:
            yield from within(program, called)


def collectives(program: Program, name: str) -> list[Collective]:
    """Return what chips tell each other in a computation and in all that it calls.

    ``-start`` and ``-done`` of one are one; what comes in counts, not what goes out.
    """
    found = []
    for computation, operation in within(program, name):
        kind = operation.kind.removesuffix("-start")
        if kind in COLLECTIVES:
            size = sum(computation[operand].bytes for operand in operation.operands)
            group = _group(operation.attributes)
            found.append(Collective(kind, size, group, kind != operation.kind))
    return found


def _group(attributes: str) -> int:
    """Return how many chips a group has, from any of the ways to write it.

    >>> _group("replica_groups={{0,1},{2,3}}"), _group("replica_groups=[2,4]<=[8]")
    (2, 4)
    >>> _group("replica_groups=mesh['data'=2,'model'=4] {'model'}, use_global_ids=true")
    4
    >>> _group("source_target_pairs={{0,1},{1,0}}")
    2
    """
    if axes := re.search(r"replica_groups=mesh\[(.*?)\]\s*\{(.*?)\}", attributes):
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", axes[1]))
        return math.prod(int(sizes[name]) for name in re.findall(r"'(\w+)'", axes[2]))
    if tiles := re.search(r"replica_groups=\[\d+,(\d+)\]", attributes):
        return int(tiles[1])
    if first := re.search(r"replica_groups=\{\{([\d,]*)\}", attributes):
        return first[1].count(",") + 1
    return len(re.findall(r"\{\d+,\d+\}", attributes))


def to_the_host(program: Program) -> list[str]:
    """Return the operations that talk with the host while the program runs."""
    return [
        operation.name
        for computation in program.values()
        for operation in computation.values()
        if operation.kind in TO_THE_HOST or "callback" in operation.attributes
    ]


def moved(program: Program, name: str) -> int:
    """Return the bytes that a computation reads from and writes to the large memory.

    Every operation reads its operands once and writes its result once. What one takes
    out of an array by `gather` or a slice counts, and not the array.
    """
    computation = program[name]
    total = 0
    for operation in computation.values():
        # The custom calls that stand by themselves are other names for memory.
        if operation.kind in (*FREE, "custom-call") or operation.kind.endswith("-done"):
            continue
        if operation.kind in ("copy-start", "slice-start"):
            # The last is a flag; the smaller of both is what moves.
            ends = [array for array in operation.arrays if array.bytes > 4]
            size = min((array.bytes for array in ends), default=0)
            total += size * sum(not array.on_chip for array in ends)
            continue
        total += sum(array.bytes for array in operation.arrays if not array.on_chip)
        for place, operand in enumerate(operation.operands):
            source = computation.get(operand)
            if source and not all(array.on_chip for array in source.arrays):
                total += _read(program, operation, place, source.bytes)
    return total


def _read(program: Program, operation: Operation, place: int, size: int) -> int:
    """Return what an operation reads of an operand of that size."""
    if operation.kind in ("gather", "dynamic-slice", "slice"):
        return min(size, operation.bytes)
    if operation.kind != "fusion":
        return size
    inner = program[operation.called[0]]
    parameter = next(
        o
        for o in inner.values()
        if (o.kind, o.operands) == ("parameter", (str(place),))
    )
    uses = [
        _read(program, user, user.operands.index(parameter.name), size)
        for user in inner.values()
        if parameter.name in user.operands
    ]
    return min(size, sum(uses))


def cycles(program: Program, name: str) -> int:
    """Return the cycles that the compiler expects of a computation's operations.

    A TPU's compiler notes them, where it knows, and not for what chips tell others.
    """
    noted = [
        re.search(r'"estimated_cycles":"(\d+)"', operation.attributes)
        for operation in program[name].values()
    ]
    return sum(int(match[1]) for match in noted if match)
