"""The interface of adaptation methods.

A method is one module of this package and one file in ``conf/method``. It declares the data that it
needs, builds its heads, names what its optimizers train, and writes one update as losses of a
batch. ``fidip.tasks.AdaptationTask`` runs it: precision, accumulation, several processes, clipping,
schedules and checkpoints are not the method's concern.

Most methods add losses to supervised training: they are an ``AddedLoss``, and can be combined with
each other. The others define their updates themselves, as an ``AdaptationMethod``.

Example:
    Fine-tuning that keeps the features small, as a whole method:

    >>> class SmallFeatures(AddedLoss):
    ...     def __init__(self, *, weight: float = 0.1) -> None:
    ...         super().__init__()
    ...         self.weight = weight
    ...
    ...     def terms(self, step: Step, part: Part) -> dict[str, Term]:
    ...         return {"size": Term(part.output.features.square().mean(), self.weight)}
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.samples import Batch
from fidip.nn.optimization import OptimizerFactory, SchedulerFactory
from fidip.nn.pose_net import PoseNet


@dataclass(frozen=True)
class Trained:
    """What one optimizer trains.

    Attributes:
        parameters: its parameters.
        optimizer: makes it; None for the optimizer of the task.
        scheduler: makes its schedule; None for the task's if ``optimizer`` is None, too, and
            otherwise for a constant rate.
    """

    parameters: Sequence[nn.Parameter]
    optimizer: OptimizerFactory | None = None
    scheduler: SchedulerFactory | None = None


class AdaptationMethod(nn.Module, ABC):
    """Base class of adaptation methods.

    Subclasses take keyword arguments only. The configuration schema is derived from their
    constructors: annotate every argument with one of the types in
    ``fidip.cli.components.methods``. Arguments named ``*weight`` turn the method off at 0: it then
    trains the network exactly as fine-tuning does.

    Attributes:
        needs: the data without which the method cannot run.
        pretraining_epochs: epochs of ``pretraining_step`` before the first update.
        trains_without_labels: whether the method can train on data without any labelled sample.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset()
    pretraining_epochs: int = 0
    trains_without_labels: ClassVar[bool] = False

    @property
    def labelling_net(self) -> PoseNet | None:
        """The network whose predictions label the unlabelled target, if there is one."""
        return None

    def attach(self, net: PoseNet) -> None:
        """Build heads for the network; called once, before weights are loaded into it."""

    def begin(self, net: PoseNet) -> None:
        """Copy what the network is before training, such as a teacher.

        Called once in every run, after the starting weights are loaded; in a resumed run, before
        its checkpoint is.
        """

    def optimizers(self, net: PoseNet) -> dict[str, Trained]:
        """Return what each optimizer trains, by name. The run counts updates of the first."""
        return {"pose": Trained(trainable(net.parameters()))}

    @abstractmethod
    def step(self, step: Step) -> dict[str, Tensor]:
        """Make one update.

        Returns:
            () values to log; ``loss`` is among them.
        """

    def pretraining_step(self, step: Step) -> dict[str, Tensor]:
        """Make one update of the pretraining, which must leave the network as it is.

        Returns:
            () values to log; ``loss`` is among them.
        """
        raise NotImplementedError(f"{type(self).__name__} has no pretraining")

    def finish(self, net: PoseNet, target: Iterable[Batch]) -> None:
        """Change the weights once more after training, such as by averaging them.

        Called without gradients for the weights of the last epoch, before ``last.ckpt`` is written,
        and, where a run has one, for the weights of ``best.ckpt``. So both hold finished weights,
        whichever of them is tested. Validation, which chooses ``best.ckpt``, uses the weights
        before this call. Checkpoints keep those, too: a run that is resumed for more epochs
        continues from them, and this call is made at its end.

        Args:
            net: the network, which holds the weights to finish.
            target: all samples of the target domain, once, without augmentation and the same in
                all processes; read only if iterated over. Declare ``DataPart.TARGET`` in ``needs``.
        """

    def hidden_state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep beside parameters and buffers."""
        return {}

    def load_hidden_state(self, state: dict[str, Any]) -> None:
        """Take over what ``hidden_state`` returned."""


@dataclass(frozen=True)
class Term:
    """A loss that is added to the pose loss.

    Attributes:
        value: () loss; it is logged.
        weight: its weight in the sum; None for a value that is only logged.
    """

    value: Tensor
    weight: float | None = None


class AddedLoss(AdaptationMethod):
    r"""Base class of methods that add losses to supervised training.

    One optimizer, ``pose``, trains the network and the parameters of the method, with one update of

        L = L_pose + \sum_i w_i L_i

    Logs ``pose_loss`` and the value of every term.

    Attributes:
        changes_crops: whether ``prepare`` replaces crops by ``Part.change_crops``.
        shows_views: whether ``prepare`` replaces images of unlabelled samples by views of their
            crops, for which the method has its own labels. No other method can change them then.
    """

    changes_crops: ClassVar[bool] = False
    shows_views: ClassVar[bool] = False

    @abstractmethod
    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return the terms of one part by name.

        Args:
            step: the update.
            part: one of its parts.
        """

    def prepare(self, step: Step) -> None:
        """Prepare an update, before the network sees its images.

        For what depends on all parts and processes, and for changes of ``Part.images``.
        """

    def optimizers(self, net: PoseNet) -> dict[str, Trained]:
        """Return one optimizer that trains the network and the method's own parameters."""
        return {"pose": Trained(trainable([*net.parameters(), *self.parameters()]))}

    def step(self, step: Step) -> dict[str, Tensor]:
        """Make one update."""
        self.prepare(step)

        def losses(part: Part) -> dict[str, Tensor]:
            pose = step.pose_loss(part.output.heatmaps, part.batch)
            terms = self.terms(step, part)
            return {
                "loss": add_terms(pose, terms),
                "pose_loss": pose,
                **{name: term.value for name, term in terms.items()},
            }

        return step.update("pose", losses)


def add_terms(loss: Tensor, terms: Mapping[str, Term]) -> Tensor:
    """Return a loss plus the weighted terms.

    Args:
        loss: () loss.
        terms: terms by name; those without a weight do not count.

    Example:
        >>> import torch
        >>> terms = {"a": Term(torch.tensor(2.0), 0.5), "logged": Term(torch.tensor(9.0))}
        >>> add_terms(torch.tensor(3.0), terms)
        tensor(4.)
    """
    for term in terms.values():
        if term.weight is not None:
            loss = loss + term.weight * term.value
    return loss


def trainable(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Return the parameters that require gradients.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> layer.bias.requires_grad_(False).shape
        torch.Size([2])
        >>> [tuple(parameter.shape) for parameter in trainable(layer.parameters())]
        [(2, 3)]
    """
    return [parameter for parameter in parameters if parameter.requires_grad]
