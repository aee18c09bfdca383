r"""Style augmentation without weights: images of one domain take on the colours of the other.

With a probability, a labelled image of the source takes the style of a random image of the target
in the same update, and vice versa; keypoints stay where they are. Two kinds of style are
drawn. FDA replaces the amplitude of low frequencies of the image x by that of the style image s,
with the Fourier transform F and the window M_b of frequencies up to b = floor(beta min(H, W)):

    x' = F^-1(M_b |F(s)| + (1 - M_b) |F(x)|, phase of F(x))

AdaIN gives each channel the mean and the standard deviation over pixels of the style image:

    x' = std(s) (x - mean(x)) / std(x) + mean(s)

Sources: Yang and Soatto, "FDA: Fourier Domain Adaptation for Semantic Segmentation", CVPR 2020;
Huang and Belongie, "Arbitrary Style Transfer in Real-Time with Adaptive Instance Normalization",
ICCV 2017, here on RGB values instead of features.
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from fidip.adapt.method import AddedLoss, Term
from fidip.adapt.step import Part, Step
from fidip.adapt.views import uniform_draws
from fidip.core.data_parts import DataPart
from fidip.core.ranges import Count, Fraction, NonNegative

EPSILON = 1e-5
"""Lower bound of standard deviations in divisions, in px values."""
STREAM = 0x57
"""Added to the seed, so that draws differ from those of other methods."""


def low_amplitudes(images: Tensor, band: int) -> Tensor:
    """Return the amplitudes of the low frequencies of images.

    Args:
        images: (B, C, H, W) images.
        band: b, the highest frequency in periods per image.

    Returns:
        (B, C, 2 b + 1, b + 1) amplitudes of the frequencies 0 to b and -b to -1 along y, and 0 to
        b along x; those of negative frequencies along x are equal.

    Example:
        >>> low_amplitudes(torch.full((1, 1, 2, 4), 3.0), band=0)
        tensor([[[[24.]]]])
    """
    spectrum = torch.fft.rfft2(images)
    return spectrum[..., _rows(band, spectrum), : band + 1].abs()


def swap_amplitudes(images: Tensor, amplitudes: Tensor) -> Tensor:
    """Return images with other amplitudes of the low frequencies.

    Args:
        images: (B, C, H, W) images.
        amplitudes: (B, C, 2 b + 1, b + 1) amplitudes from ``low_amplitudes``.

    Returns:
        (B, C, H, W) images, whose values may leave the range of the input.

    Example:
        >>> images = torch.tensor([[[[0.0, 2.0], [0.0, 2.0]]]])
        >>> swap_amplitudes(images, low_amplitudes(torch.full((1, 1, 2, 2), 5.0), band=0))
        tensor([[[[4., 6.],
                  [4., 6.]]]])
    """
    if not len(images):  # an error in MKL
        return images
    spectrum = torch.fft.rfft2(images)
    band = amplitudes.shape[-1] - 1
    amplitude = spectrum.abs()
    amplitude[..., _rows(band, spectrum), : band + 1] = amplitudes
    return torch.fft.irfft2(torch.polar(amplitude, spectrum.angle()), s=images.shape[-2:])


def channel_statistics(images: Tensor) -> Tensor:
    """Return the mean and standard deviation over pixels of each channel.

    Args:
        images: (B, C, H, W) images.

    Returns:
        (B, C, 2) mean and standard deviation.

    Example:
        >>> channel_statistics(torch.tensor([[[[0.0, 2.0], [0.0, 2.0]]]]))
        tensor([[[1., 1.]]])
    """
    return torch.stack([images.mean((2, 3)), images.std((2, 3), correction=0)], dim=2)


def match_statistics(images: Tensor, statistics: Tensor) -> Tensor:
    """Return images with another mean and standard deviation of each channel.

    Args:
        images: (B, C, H, W) images.
        statistics: (B, C, 2) statistics from ``channel_statistics``.

    Returns:
        (B, C, H, W) images, whose values may leave the range of the input.

    Example:
        >>> images = torch.tensor([[[[0.0, 2.0], [0.0, 2.0]]]])
        >>> match_statistics(images, torch.tensor([[[10.0, 3.0]]]))
        tensor([[[[ 7., 13.],
                  [ 7., 13.]]]])
    """
    mean, std = channel_statistics(images)[..., None, None].unbind(2)
    new_mean, new_std = statistics[..., None, None].unbind(2)
    return (images - mean) / std.clamp(min=EPSILON) * new_std + new_mean


def _rows(band: int, spectrum: Tensor) -> Tensor:
    return torch.arange(-band, band + 1, device=spectrum.device).roll(-band) % spectrum.shape[-2]


class Styles(NamedTuple):
    """Styles of N images.

    Attributes:
        amplitudes: (N, 3, 2 b + 1, b + 1) from ``low_amplitudes``.
        statistics: (N, 3, 2) from ``channel_statistics``.
    """

    amplitudes: Tensor
    statistics: Tensor


class Style(AddedLoss):
    """Supervised training on images in the style of the other domain; see the module.

    The crops of a batch change, so other methods see them in the new style: name this method first
    where several are combined. Replayed samples keep their style.

    Args:
        probability: of a new style, for each sample.
        fda_weight: relative frequency of FDA.
        adain_weight: relative frequency of AdaIN; with both weights 0 no image changes.
        beta: width of FDA's window, relative to the smaller side of the crop.
        seed: seed of the draws.

    Logs ``pose_loss``.
    """

    needs: ClassVar[frozenset[DataPart]] = frozenset({DataPart.BOTH_DOMAINS})
    changes_crops: ClassVar[bool] = True

    def __init__(
        self,
        *,
        probability: Fraction = 0.5,
        fda_weight: NonNegative = 1.0,
        adain_weight: NonNegative = 1.0,
        beta: Fraction = 0.02,
        seed: Count = 0,
    ) -> None:
        super().__init__()
        self.probability = probability
        self.fda_weight = fda_weight
        self.adain_weight = adain_weight
        self.beta = beta
        self.seed = seed

    def prepare(self, step: Step) -> None:
        """Change the style of some crops of all parts."""
        source, target = step.domains
        is_off = self.fda_weight + self.adain_weight == 0
        if is_off or not (source.any() and target.any()):
            return
        styles = Styles(
            step.of_all_samples(lambda part: low_amplitudes(_px(part), self._band(part))),
            step.of_all_samples(lambda part: channel_statistics(_px(part))),
        )
        for part in step.parts:
            partner, by_fda, by_adain = self._draw(step, part)
            crops = _px(part)
            crops[by_fda] = swap_amplitudes(crops[by_fda], styles.amplitudes[partner[by_fda]])
            crops[by_adain] = match_statistics(
                crops[by_adain], styles.statistics[partner[by_adain]]
            )
            part.change_crops(crops.round().clamp(0, 255).to(torch.uint8))

    def _draw(self, step: Step, part: Part) -> tuple[Tensor, Tensor, Tensor]:
        """Draw the style images of a part, and which samples change by FDA and by AdaIN.

        Returns:
            (B,) positions in the order of ``Step.of_all_samples``, and two (B,) bool masks.
        """
        source, target = step.domains
        in_source, in_target = source[step.rows(part)], target[step.rows(part)]
        draws = uniform_draws(
            self.seed + STREAM, step.update_number, part.batch.index.tolist(), count=3
        )
        uniform = torch.from_numpy(draws).to(source.device)
        of_target, of_source = (
            partners[(uniform[:, 2] * len(partners)).long()]
            for partners in (_in_order(step, target), _in_order(step, source))
        )
        changes = (in_source | in_target) & (uniform[:, 0] < self.probability)
        is_fda = uniform[:, 1] * (self.fda_weight + self.adain_weight) < self.fda_weight
        return torch.where(in_source, of_target, of_source), changes & is_fda, changes & ~is_fda

    def terms(self, step: Step, part: Part) -> dict[str, Term]:
        """Return no terms: the pose loss is that of the changed crops."""
        return {}

    def _band(self, part: Part) -> int:
        side = min(part.batch.crops.shape[-2:])
        return min(math.floor(self.beta * side), (side - 1) // 2)


def _in_order(step: Step, mask: Tensor) -> Tensor:
    """Return the samples of a mask by their index in the dataset, however parts are divided."""
    index = step.of_all_samples(lambda part: part.batch.index.to(part.batch.crops.device))
    order = index.argsort(stable=True)
    return order[mask[order]]


def _px(part: Part) -> Tensor:
    """Return the (B, 3, H, W) crops of a part in float32."""
    return part.batch.crops.float()
