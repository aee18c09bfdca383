"""Base of the schemas of components, and the list of targets that a configuration may build."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, GetCoreSchemaHandler, Tag
from pydantic_core import CoreSchema

from fidip.cli.fields import Strict

REGISTRY: dict[str, type[Component]] = {}
"""The schema of every exact target."""
SCHEMA_FAMILIES: dict[str, type[Component]] = {}
"""The schema of every family of targets, such as all optimizers of PyTorch, by its pattern."""


class Component(Strict):
    """A node with a ``_target_``, the class or function that is called with the other keys."""

    targets: ClassVar[tuple[str, ...]] = ()
    family: ClassVar[str | None] = None

    target: str = Field(alias="_target_")
    partial: bool = Field(default=False, alias="_partial_")
    convert: Literal["none", "partial", "object", "all"] = Field(default="none", alias="_convert_")
    recursive: bool = Field(default=True, alias="_recursive_")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        REGISTRY.update(dict.fromkeys(cls.__dict__.get("targets", ()), cls))
        if "family" in cls.__dict__ and cls.family is not None:
            SCHEMA_FAMILIES[cls.family] = cls


def schema_of(target: object) -> type[Component] | None:
    """Return the schema of a target, or None if it is not in the list."""
    if not isinstance(target, str):
        return None
    families = (model for name, model in SCHEMA_FAMILIES.items() if re.fullmatch(name, target))
    return REGISTRY.get(target) or next(families, None)


_trusted: ContextVar[tuple[str, ...]] = ContextVar("_trusted", default=())


@contextmanager
def trusting(targets: Iterable[str]) -> Iterator[None]:
    """Allow more targets inside a ``with`` block, for example ``my.module`` and all names in it."""
    token = _trusted.set((*_trusted.get(), *targets))
    try:
        yield
    finally:
        _trusted.reset(token)


def is_allowed(target: object) -> bool:
    """Whether a configuration may build ``target``."""
    return schema_of(target) is not None or any(
        target == name or str(target).startswith(f"{name}.") for name in _trusted.get()
    )


class Custom(Component):
    """A target of the user, named in ``allow_targets``; its arguments are not checked."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class one_of:  # noqa: N801 - reads as a word in annotations
    """The type of a field that holds one of several components, or one of the user.

    Attributes:
        models: schemas of the components.
    """

    models: tuple[type[Component], ...]

    def __init__(self, *models: type[Component]) -> None:
        object.__setattr__(self, "models", models)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        models: tuple[type[Component], ...] = (*self.models, Custom)
        union: Any = reduce(or_, [Annotated[model, Tag(model.__name__)] for model in models])
        return handler.generate_schema(Annotated[union, Discriminator(_name_of_schema)])


def _name_of_schema(node: Any) -> str:
    schema = schema_of(node.get("_target_")) if isinstance(node, dict) else None
    return schema.__name__ if schema is not None else Custom.__name__
