"""Source-free adaptation: only the backbone is trained, on the unlabelled target only.

For weights without their training data. With the terms of other methods, such as the mean
teacher's, and their weights, an update of the backbone minimises

    L = sum_ij w_ij L_ij

without a pose loss. The network sees the unlabelled samples of a batch only: others, if there are
any, do not reach its statistics either. The head keeps its weights and statistics, so the features
must continue to suit it.

Source: Liang, Hu and Feng, "Do We Really Need to Access the Source Data? Source Hypothesis Transfer
for Unsupervised Domain Adaptation", ICML 2020, with other losses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from torch import Tensor

from fidip.adapt.combined import Combined
from fidip.adapt.method import AdaptationMethod, AddedLoss, Trained, add_terms, trainable
from fidip.adapt.step import Part, Step
from fidip.core.data_parts import DataPart
from fidip.core.samples import Batch
from fidip.nn.freeze import fixed
from fidip.nn.pose_net import PoseNet


class SourceFree(AdaptationMethod):
    """Training of the backbone by the terms of other methods; see the module.

    Args:
        methods: methods by name, at least one. With weights of 0 they leave the network as it is,
            except for the statistics of normalisation layers.

    Raises:
        ArgumentError: as for ``fidip.adapt.combined.Combined``.

    Logs all values of the methods, such as ``mean_teacher/pseudo_loss``.
    """

    def __init__(self, *, methods: Mapping[str, AddedLoss]) -> None:
        super().__init__()
        self.combined = Combined(methods=methods)

    trains_without_labels: ClassVar[bool] = True

    @property
    def needs(self) -> frozenset[DataPart]:  # type: ignore[override]  # depends on the methods
        """The data that the methods need."""
        return self.combined.needs

    @property
    def labelling_net(self) -> PoseNet | None:
        """The network of the methods that labels the target."""
        return self.combined.labelling_net

    def attach(self, net: PoseNet) -> None:
        """Attach the methods to the network."""
        self.combined.attach(net)

    def begin(self, net: PoseNet) -> None:
        """Begin training with the methods."""
        self.combined.begin(net)

    def optimizers(self, net: PoseNet) -> dict[str, Trained]:
        """Return one optimizer of the backbone and the methods' own parameters."""
        return {"pose": Trained(trainable([*net.backbone.parameters(), *self.parameters()]))}

    def step(self, step: Step) -> dict[str, Tensor]:
        """Make one update with the unlabelled samples, and with a fixed head."""
        step = step.only(lambda part: part.batch.is_unlabelled)
        self.combined.prepare(step)
        step.net.head.eval()

        def losses(part: Part) -> dict[str, Tensor]:
            with fixed(step.net.head):
                none = 0 * part.output.heatmaps.sum()  # for methods without terms
            terms = self.combined.terms(step, part)
            return {
                "loss": add_terms(none, terms),
                **{name: term.value for name, term in terms.items()},
            }

        return step.update("pose", losses)

    def finish(self, net: PoseNet, target: Iterable[Batch]) -> None:
        """Finish the weights of the backbone with the methods."""
        head = {name: value.clone() for name, value in net.head.state_dict().items()}
        self.combined.finish(net, target)
        net.head.load_state_dict(head)

    def hidden_state(self) -> dict[str, Any]:
        """Return the hidden states of the methods."""
        return self.combined.hidden_state()

    def load_hidden_state(self, state: dict[str, Any]) -> None:
        """Take over what ``hidden_state`` returned."""
        self.combined.load_hidden_state(state)
