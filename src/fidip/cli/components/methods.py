"""Schemas of adaptation methods, derived from the signatures of their constructors.

Methods are read as text, not imported: that would import PyTorch, which takes seconds. So a method
needs no line here. Its constructor takes keyword arguments, each with one of the type hints in
``HINTS``, or several joined by ``|``, or ``METHODS_HINT``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, create_model

from fidip.cli.components.adaptation import (
    AffineViews,
    AveragedViews,
    Confident,
    MovingAverage,
    Occlusion,
)
from fidip.cli.components.component import REGISTRY, Component, one_of
from fidip.cli.components.nets import DomainHead, PaperDomainHead
from fidip.cli.components.training import Always, Optimizer, Ramp, Schedulers
from fidip.cli.fields import Text
from fidip.core import ranges

METHODS_FOLDER = Path(__file__).parents[2] / "adapt"
BASES = {"AdaptationMethod", "AddedLoss", "WithTeacher"}
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
    "AffineViews": Annotated[Any, one_of(AffineViews)],
    "TeacherViews": Annotated[Any, one_of(AveragedViews, AffineViews)],
    "Confident": Annotated[Any, one_of(Confident)],
    "MovingAverage": Annotated[Any, one_of(MovingAverage)],
    "Occlusion": Annotated[Any, one_of(Occlusion)],
}
"""The type of a value by the type hint of its argument."""
METHODS_HINT = "Mapping[str, AddedLoss]"
"""The type hint of methods that are combined."""


def method_schemas(folder: Path = METHODS_FOLDER) -> dict[str, type[Component]]:
    """Return the schema of every method in a folder of modules, by target.

    Args:
        folder: a package ``fidip.NAME``.

    Raises:
        TypeError: an argument of a method has a type hint that is not in ``HINTS``.
    """
    found = [
        (file, node)
        for file in sorted(folder.glob("*.py"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name not in BASES and _bases(node) & BASES
    ]
    schemas: dict[str, type[Component]] = {}
    added: list[type[Component]] = []
    for file, node in sorted(found, key=lambda each: METHODS_HINT in ast.unparse(each[1])):
        hints = HINTS | {METHODS_HINT: _by_name(added)}
        fields = _fields(node, f"{file.name}: {node.name}", hints)
        schema: type[Component] = create_model(node.name, __base__=Component, **fields)
        schemas[f"fidip.{folder.name}.{file.stem}.{node.name}"] = schema
        if "AddedLoss" in _bases(node):
            added.append(schema)
    return schemas


def _bases(node: ast.ClassDef) -> set[str]:
    return set(map(ast.unparse, node.bases))


def _by_name(models: Sequence[type[Component]]) -> Any:
    """Return the type of a mapping from names to components."""
    name = Annotated[str, AfterValidator(_method_name)]
    return Annotated[dict[name, Annotated[Any, one_of(*models)]], Field(min_length=1)]


def _method_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise ValueError("expected a name of small letters, digits and _")
    return value


def _fields(method: ast.ClassDef, where: str, hints: Mapping[str, Any]) -> dict[str, Any]:
    """Return pydantic's fields, a type and a default, of a constructor's keyword arguments."""
    inits = [f for f in method.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"]
    if not inits:
        return {}
    arguments = inits[0].args
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {each.arg: (_type(each, where, hints), _default(default)) for each, default in pairs}


def _type(argument: ast.arg, where: str, hints: Mapping[str, Any]) -> Any:
    names = ast.unparse(argument.annotation).split(" | ") if argument.annotation else ["none"]
    unknown = [name for name in names if name not in hints]
    if unknown:
        raise TypeError(
            f"{where}: argument {argument.arg} has the type hint {unknown[0]}; expected "
            f"{', '.join(hints)}. Use one of them, or add yours to {__name__}.HINTS"
        )
    return reduce(or_, [hints[name] for name in names])


def _default(node: ast.expr | None) -> Any:
    """Return a default; ... where there is none, None for one that is a function."""
    if node is None:
        return ...
    return ast.literal_eval(node) if not isinstance(node, ast.Name) else None


METHODS = method_schemas()
REGISTRY.update(METHODS)
