r"""WiSE-FT: fine-tuning, then weights between those of the start and those of the end.

With the weights w0 that training starts from and the trained weights w, the network gets

    (1 - a) * w + a * w0

The statistics of BatchNorm are interpolated with them. The network keeps more of what it did before
than with w, and often loses little or nothing on the new data.

Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, equation 1; their
alpha is 1 - a.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.step import Part, Step
from fidip.core.ranges import Fraction
from fidip.core.samples import Batch
from fidip.nn.interpolation import interpolate
from fidip.nn.pose_net import PoseNet


class WeightInterpolation(AddedLoss):
    """Supervised training, and interpolation with the starting weights at the end; see the module.

    Args:
        start_weight: a, fraction of the starting weights; 0 keeps the trained weights.

    Logs ``pose_loss``.
    """

    def __init__(self, *, start_weight: Fraction = 0.5) -> None:
        super().__init__()
        self.start_weight = start_weight
        self._start: dict[str, Tensor] = {}

    def begin(self, net: PoseNet) -> None:
        """Copy the starting weights to main memory."""
        self._start = {name: value.to("cpu", copy=True) for name, value in net.state_dict().items()}

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return no terms: training is supervised."""
        return {}

    def finish(self, net: PoseNet, target: Iterable[Batch]) -> None:
        """Interpolate between the trained and the starting weights."""
        trained = {name: value.cpu() for name, value in net.state_dict().items()}
        net.load_state_dict(interpolate(self._start, trained, 1 - self.start_weight))

    def hidden_state(self) -> dict[str, Any]:
        """Return the starting weights."""
        return {"start": self._start}

    def load_hidden_state(self, state: dict[str, Any]) -> None:
        """Restore the starting weights of a run that is resumed."""
        self._start = state["start"]
