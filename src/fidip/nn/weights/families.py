"""Families of external checkpoints and their converters.

The names of a file's tensors determine its family; the name of the file does not matter. Renames
are regular expressions that are applied one after another. A name that none of them matches is kept
and reported as unused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from fidip.nn.weights.convert_hrnet import BACKBONE_AND_HEAD, DOMAIN_CLASSIFIER, MMPOSE_HEAD
from fidip.nn.weights.convert_mobilenet import FIDIP_MOBILENET, MMPOSE_MOBILENET
from fidip.nn.weights.convert_movenet import MARK, MOVENET, join_movenet
from fidip.nn.weights.convert_vitpose import MMPOSE_VIT, TRANSFORMERS_VIT, join_vit

Renames = tuple[tuple[str, str], ...]


def _unchanged(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return tensors


@dataclass(frozen=True)
class Family:
    """Checkpoints that share a naming scheme.

    Attributes:
        title: name of the family, for messages.
        mark: regular expression that matches the beginning of at least one name.
        renames: regular expressions and their replacements.
        join: converts renamed tensors to those of ``PoseNet`` if the file splits them differently.
    """

    title: str
    mark: str
    renames: Renames = ()
    join: Callable[[dict[str, Tensor]], dict[str, Tensor]] = _unchanged

    def ours(self, name: str) -> str:
        """Return the name of a tensor in ``PoseNet`` or a domain head.

        Args:
            name: name in a file of this family.
        """
        for pattern, replacement in self.renames:
            name = re.sub(pattern, replacement, name)
        return name


def family_of(names: Iterable[str]) -> Family:
    """Return the first family that one of the names belongs to.

    Args:
        names: names of a file's tensors.

    Example:
        >>> family_of(["net.backbone.conv1.weight"]).title
        'a checkpoint of fidip train'
    """
    names = list(names)
    return next(f for f in FAMILIES if any(re.match(f.mark, name) for name in names))


FAMILIES = (
    Family("a checkpoint of fidip train", r"net\.", ((r"^net\.", ""),)),
    Family("MoveNet of TF.js", MARK, MOVENET, join_movenet),
    Family("FiDIP's MobileNetV2", r"features\.0\.0\.", FIDIP_MOBILENET),
    Family("mmpose's MobileNetV2", r"backbone\.conv1\.conv\.", MMPOSE_MOBILENET),
    Family("ViTPose of transformers", r"backbone\.embeddings\.", TRANSFORMERS_VIT, join_vit),
    Family("ViTPose of mmpose", r"backbone\.last_norm\.", MMPOSE_VIT, join_vit),
    Family("mmpose 0.x", r"keypoint_head\.", MMPOSE_HEAD),
    Family("HRNet of the zoo, DarkPose or FiDIP", r"stage2\.", BACKBONE_AND_HEAD),
    Family("ResNet of SimpleBaseline or FiDIP", r"layer4\.", BACKBONE_AND_HEAD),
    Family("FiDIP's domain classifier", r"layer\.0\.", DOMAIN_CLASSIFIER),
    Family("fidip or mmpose 1.x", r"backbone\."),  # which name tensors alike
    Family("unknown origin", r""),
)
"""All families, those with the most specific marks first."""
