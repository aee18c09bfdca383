r"""AdaBN: fine-tuning, then the statistics of BatchNorm layers over the target domain.

With the running mean and variance s of a layer after training and those over all target samples t,
averaged cumulatively over batches, the layer gets

    (1 - a) * s + a * t

No label of the target is used. A fraction a below 1 is for few target images.

Source: Li, Wang, Shi, Liu and Hou, "Revisiting Batch Normalization for Practical Domain
Adaptation", arXiv:1603.04779, 2016; there a = 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.errors import ConfigError
from fidip.core.ranges import Fraction
from fidip.core.samples import Batch
from fidip.nn.batch_norm import estimate_statistics, unfrozen_norms
from fidip.nn.interpolation import interpolate
from fidip.nn.pose_net import PoseNet


class AdaBN(AddedLoss):
    """Supervised training, and statistics of the target at the end; see the module.

    The unlabelled samples are the target, or the labelled real ones if there are none.

    Args:
        target_weight: a, fraction of the target's statistics; 0 keeps those of training.

    Logs ``pose_loss``.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.TARGET})

    def __init__(self, *, target_weight: Fraction = 1.0) -> None:
        super().__init__()
        self.target_weight = target_weight

    def attach(self, net: PoseNet) -> None:
        """Check the network.

        Raises:
            ConfigError: it has no BatchNorm layer that is not frozen.
        """
        if not unfrozen_norms(net):
            raise no_batch_norm("AdaBN")

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return no terms: training is supervised."""
        return {}

    def finish(self, net: PoseNet, target: Iterable[Batch]) -> None:
        """Blend the statistics of training with those of the target."""
        if not self.target_weight:
            return
        trained = {name: value.clone() for name, value in net.state_dict().items()}
        estimate_statistics(net, (net.normalize(batch.crops) for batch in target))
        net.load_state_dict(interpolate(net.state_dict(), trained, 1 - self.target_weight))


def no_batch_norm(name: str) -> ConfigError:
    """Return the error of a method that has no BatchNorm layer to change.

    Args:
        name: name of the method.

    Example:
        >>> str(no_batch_norm("AdaBN")).partition(",")[0]
        'method: AdaBN changes BatchNorm layers'
    """
    return ConfigError(
        f"method: {name} changes BatchNorm layers, and the network has none that is not frozen; "
        "expected at least one. Choose another net, such as net=resnet50 or "
        "net.backbone.norm=true of a MoveNet, or another method"
    )
