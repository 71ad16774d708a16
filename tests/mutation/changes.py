"""Small wrong changes of a module, one at a time, as a slip of its author would be.

`mutants` gives them all, from the syntax tree. Not changed are docstrings, annotations,
imports, ``__all__`` and names of types, which no program depends on. The words of an
error are changed once per ``raise``, and said to be a message.
"""

import ast
import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A changed module: its source, where and how it was changed."""

    line: int
    what: str
    source: str
    is_message: bool

    def __str__(self) -> str:
        return f"{self.line}: {self.what}"


OTHERS: dict[type[ast.AST], list[type[ast.AST]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.FloorDiv],
    ast.Pow: [ast.Mult],
    ast.LShift: [ast.RShift],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
    ast.Break: [ast.Continue],
    ast.Continue: [ast.Break],
}
NOT_COMMUTATIVE = ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow
COMMUTATIVE = {"min", "max", "minimum", "maximum"}
PAIRS = [("min", "max"), ("any", "all"), ("minimum", "maximum"), ("sum", "mean")]
OTHER_NAMES = (
    dict(PAIRS) | {b: a for a, b in PAIRS} | {"zeros": "ones", "ones": "zeros"}
)
NOT_MUTATED = ("annotation", "returns", "ctx", "type_comment")


@dataclasses.dataclass(frozen=True)
class Place:
    """A node of the tree: what holds it, and the attribute or index where it does."""

    holder: Any
    key: Any
    node: ast.AST
    line: int
    is_message: bool = False


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's source.

    >>> for mutant in mutants("def f(x: int = 1):\\n    return x - y"):
    ...     print(mutant)
    1: 1 -> 2
    1: 1 -> 0
    2: return x - y -> return None
    2: x - y -> y - x
    2: Sub -> Add
    """
    tree = ast.parse(source)
    same = ast.unparse(tree)
    for place in list(places(tree, 1)):
        change = other_words if place.is_message else changes
        for new in change(place.node):
            with replaced(place, new):
                changed = ast.unparse(tree)
            if changed != same:
                what = f"{text_of(place.node)} -> {text_of(new)}"
                yield Mutant(place.line, what, changed, place.is_message)


def places(node: ast.AST, line: int) -> Iterator[Place]:
    """Yield what can be replaced below ``node``, which is on ``line``."""
    if isinstance(node, ast.Raise):
        yield from messages(node)
        return
    if isinstance(node, ast.JoinedStr):
        return
    for field, value in ast.iter_fields(node):
        held = value if isinstance(value, list) else [value]
        for index, child in enumerate(held):
            if field in NOT_MUTATED or not isinstance(child, ast.AST):
                continue
            if not is_left_alone(child):
                here = getattr(child, "lineno", line)
                inside = (value, index) if isinstance(value, list) else (node, field)
                yield Place(*inside, child, here)
                yield from places(child, here)


def messages(node: ast.Raise) -> Iterator[Place]:
    """Yield the words of an error."""
    if isinstance(node.exc, ast.Call):
        for index, argument in enumerate(node.exc.args):
            yield Place(node.exc.args, index, argument, argument.lineno, True)


def is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(ast.Constant()):
            return True
        case ast.AnnAssign(_, ast.Name("TypeAlias")):
            return True
        case ast.Assign([ast.Name("__all__")]) | ast.AugAssign(ast.Name("__all__")):
            return True
    return False


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what to put in the place of a node that is no message."""
    for other in OTHERS.get(type(node), []):
        yield other()
    match node:
        case ast.JoinedStr():
            yield from other_words(node)
        case ast.Constant():
            yield from map(ast.Constant, other_constants(node.value))
        case ast.BinOp(left, op, right) if isinstance(op, NOT_COMMUTATIVE):
            yield ast.BinOp(right, op, left)
        case ast.BoolOp(op, values):
            for rest in without_one(values):
                yield rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)
        case ast.UnaryOp(_, operand):
            yield operand
        case ast.Compare() if type(node.ops[0]) not in OTHERS:
            raise NotImplementedError(ast.unparse(node))
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.Slice():
            for field in ("lower", "upper", "step"):
                yield ast.Slice(**{**vars(node), field: None})
        case ast.Call():
            yield from other_calls(node)
        case ast.comprehension(target, iterated, ifs) if ifs:
            yield ast.comprehension(target, iterated, [], 0)
        case ast.FunctionDef() | ast.ClassDef():
            for rest in without_one(node.decorator_list):
                yield type(node)(**{**vars(node), "decorator_list": rest})
        case ast.If(test, body, orelse):
            if not isinstance(test, ast.Compare) or len(test.ops) > 1:
                yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.For(target, _, body, orelse):
            yield ast.For(target, ast.Tuple([]), body, orelse, lineno=0)
        case ast.With(_, body):
            yield ast.If(ast.Constant(True), body, [])
        case ast.Return(value) if value and ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))
        case (
            ast.Raise() | ast.Expr() | ast.AugAssign() | ast.Assign() | ast.AnnAssign()
        ):
            yield ast.Pass()


def other_words(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a message with other words."""
    match node:
        case ast.JoinedStr(values):
            yield ast.JoinedStr([ast.Constant("XX "), *values])
        case ast.Constant(str(value)):
            yield ast.Constant("XX " + value)


def other_constants(value: object) -> list[object]:
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1, value - 1]
        case float():
            return [value + 1.0, value / 2.0 if value else -1.0]
        case str():
            return ["XX" + value]
    return []


def other_calls(node: ast.Call) -> Iterator[ast.AST]:
    function, arguments, keywords = node.func, node.args, node.keywords
    for rest in without_one(keywords):
        yield ast.Call(function, arguments, rest)
    starred = any(isinstance(argument, ast.Starred) for argument in arguments[:2])
    name = getattr(function, "attr", getattr(function, "id", ""))
    if len(arguments) > 1 and not starred and name not in COMMUTATIVE:
        swapped = [arguments[1], arguments[0], *arguments[2:]]
        yield ast.Call(function, swapped, keywords)
    match function:
        case ast.Name(name) if name in OTHER_NAMES:
            yield ast.Call(ast.Name(OTHER_NAMES[name]), arguments, keywords)
        case ast.Attribute(value, name) if name in OTHER_NAMES:
            other = ast.Attribute(value, OTHER_NAMES[name])
            yield ast.Call(other, arguments, keywords)


def without_one(values: list[Any]) -> Iterator[list[Any]]:
    for index in range(len(values)):
        yield values[:index] + values[index + 1 :]


@contextlib.contextmanager
def replaced(place: Place, new: ast.AST) -> Iterator[None]:
    """Put ``new`` in a place of the tree for as long as the block lasts."""
    if isinstance(place.holder, list):
        put = place.holder.__setitem__
    else:
        put = functools.partial(setattr, place.holder)
    put(place.key, new)
    try:
        yield
    finally:
        put(place.key, place.node)


def text_of(node: ast.AST) -> str:
    """A node in one short line."""
    if isinstance(node, ast.operator | ast.cmpop | ast.boolop):
        return type(node).__name__
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "..."
