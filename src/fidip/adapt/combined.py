r"""Several methods at once: supervised training with the losses of all of them.

With the terms L_ij of method i and their weights w_ij, an update minimises

    L = L_pose + \sum_i \sum_j w_ij L_ij

A YAML composes the methods from those of the others; ``conf/method/replay_l2_sp.yaml`` is an
example.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.errors import ArgumentError
from fidip.core.samples import Batch
from fidip.nn.pose_net import PoseNet


class Combined(AddedLoss):
    """Sum of the losses of several methods; see the module.

    Args:
        methods: the methods by name, at least one.

    Raises:
        ArgumentError: there is no method, a name cannot be an attribute, a method is of another
            kind than ``AddedLoss``, or it changes images of which one before it has shown views.

    Logs ``pose_loss`` and all values of the methods, such as ``replay/map_loss`` of a method that
    is named ``replay``.
    """

    methods: nn.ModuleDict

    def __init__(self, *, methods: Mapping[str, AddedLoss]) -> None:
        super().__init__()
        if not methods:
            raise ArgumentError("methods", "{}", "expected at least one method. Name one")
        for name, method in methods.items():
            if not name.isidentifier() or hasattr(nn.ModuleDict, name):
                raise ArgumentError(
                    "methods",
                    name,
                    "is reserved or no word of letters, digits and _; expected another name. "
                    "Rename the method",
                )
            if not isinstance(method, AddedLoss):
                raise ArgumentError(
                    f"methods.{name}",
                    type(method).__name__,
                    "makes its updates itself; expected a method that only adds losses to "
                    "supervised training. Train with it separately",
                )
        _check_order(methods)
        self.methods = nn.ModuleDict(methods)

    @property
    def changes_crops(self) -> bool:  # type: ignore[override]  # depends on the methods
        """Whether one of the methods changes crops."""
        return any(method.changes_crops for method in self._methods.values())

    @property
    def shows_views(self) -> bool:  # type: ignore[override]  # depends on the methods
        """Whether one of the methods shows views."""
        return any(method.shows_views for method in self._methods.values())

    @property
    def needs(self) -> frozenset[DataPart]:  # type: ignore[override]  # depends on the methods
        """The data that at least one of the methods needs."""
        return frozenset[DataPart]().union(*(method.needs for method in self._methods.values()))

    @property
    def labelling_net(self) -> PoseNet | None:
        """The network of the first method that has one."""
        nets = (method.labelling_net for method in self._methods.values())
        return next((net for net in nets if net is not None), None)

    def attach(self, net: PoseNet) -> None:
        """Attach all methods to the network."""
        for method in self._methods.values():
            method.attach(net)

    def begin(self, net: PoseNet) -> None:
        """Begin training with all methods."""
        for method in self._methods.values():
            method.begin(net)

    def prepare(self, step: Step) -> None:
        """Prepare an update with all methods, in their order."""
        for method in self._methods.values():
            method.prepare(step)

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the terms of all methods, each name after that of its method."""
        return {
            f"{name}/{key}": term
            for name, method in self._methods.items()
            for key, term in method.terms(step, part).items()
        }

    def finish(self, net: PoseNet, target: Iterable[Batch]) -> None:
        """Finish the weights with all methods, in their order."""
        for method in self._methods.values():
            method.finish(net, target)

    def hidden_state(self) -> dict[str, Any]:
        """Return the hidden states of all methods by name."""
        return {name: method.hidden_state() for name, method in self._methods.items()}

    def load_hidden_state(self, state: dict[str, Any]) -> None:
        """Take over what ``hidden_state`` returned."""
        for name, method in self._methods.items():
            method.load_hidden_state(state[name])

    @property
    def _methods(self) -> dict[str, AddedLoss]:
        return dict(self.methods.items())  # type: ignore[arg-type]  # checked by the constructor


def _check_order(methods: Mapping[str, AddedLoss]) -> None:
    """Raise ArgumentError if a method changes images of which one before it has shown views."""
    viewing = None
    for name, method in methods.items():
        if viewing is not None and (method.changes_crops or method.shows_views):
            raise ArgumentError(
                f"methods.{name}",
                type(method).__name__,
                f"changes the images that {viewing} shows views of and has labels for; expected "
                "methods that change crops first, and one method with views. Name "
                f"{name} before {viewing}, or leave one of them out",
            )
        if method.shows_views:
            viewing = name
