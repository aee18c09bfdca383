"""Schemas of adaptation methods, derived from the signatures of their constructors.

Methods are read as text, not imported: that would import PyTorch, which takes seconds. So a method
needs no line here. Its constructor takes keyword arguments, each with one of the type hints in
``HINTS``, or several joined by ``|``.
"""

from __future__ import annotations

import ast
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

from pydantic import create_model

from fidip.cli.components.component import REGISTRY, Component, one_of
from fidip.cli.components.nets import DomainHead, PaperDomainHead
from fidip.cli.components.training import Always, Optimizer, Ramp, Schedulers
from fidip.cli.fields import Text
from fidip.core import ranges

FOLDER = Path(__file__).parents[2] / "adapt"
BASES = {"AdaptationMethod", "AddedLoss"}
"""Base classes of methods."""
HINTS: dict[str, Any] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": Text,
    "None": None,
    "Count": ranges.Count,
    "Positive": ranges.Positive,
    "Fraction": ranges.Fraction,
    "FractionBelow1": ranges.FractionBelow1,
    "NonNegative": ranges.NonNegative,
    "PositiveFloat": ranges.PositiveFloat,
    "DomainHeadFactory": Annotated[Any, one_of(DomainHead, PaperDomainHead)],
    "OptimizerFactory": Annotated[Any, one_of(Optimizer)],
    "SchedulerFactory": Annotated[Any, Schedulers],
    "WeightSchedule": Annotated[Any, one_of(Always, Ramp)],
}
"""The type of a value by the type hint of its argument."""


def method_schemas(folder: Path = FOLDER) -> dict[str, type[Component]]:
    """Return the schema of every method in a folder of modules, by target.

    Args:
        folder: a package ``fidip.NAME``.

    Raises:
        TypeError: an argument of a method has a type hint that is not in ``HINTS``.
    """
    schemas: dict[str, type[Component]] = {}
    for file in sorted(folder.glob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and _is_method(node):
                target = f"fidip.{folder.name}.{file.stem}.{node.name}"
                schemas[target] = create_model(
                    node.name, __base__=Component, **_fields(node, f"{file.name}: {node.name}")
                )
    return schemas


def _is_method(node: ast.ClassDef) -> bool:
    return node.name not in BASES and not BASES.isdisjoint(map(ast.unparse, node.bases))


def _fields(method: ast.ClassDef, where: str) -> dict[str, Any]:
    """Return pydantic's fields, a type and a default, of a constructor's keyword arguments."""
    inits = [f for f in method.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"]
    if not inits:
        return {}
    arguments = inits[0].args
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {each.arg: (_type(each, where), _default(default)) for each, default in pairs}


def _type(argument: ast.arg, where: str) -> Any:
    names = ast.unparse(argument.annotation).split(" | ") if argument.annotation else ["none"]
    unknown = [name for name in names if name not in HINTS]
    if unknown:
        raise TypeError(
            f"{where}: argument {argument.arg} has the type hint {unknown[0]}; expected "
            f"{', '.join(HINTS)}. Use one of them, or add yours to {__name__}.HINTS"
        )
    return reduce(or_, [HINTS[name] for name in names])


def _default(node: ast.expr | None) -> Any:
    """Return a default; ... where there is none, None for one that is a function."""
    if node is None:
        return ...
    return ast.literal_eval(node) if not isinstance(node, ast.Name) else None


METHODS = method_schemas()
REGISTRY.update(METHODS)
