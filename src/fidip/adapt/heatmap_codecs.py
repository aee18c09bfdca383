"""Check of the codec, for methods that need one heatmap for each joint."""

from __future__ import annotations

from fidip.codecs.base import Codec
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.errors import ConfigError


def require_heatmaps(codec: Codec, method: object) -> HeatmapCodec:
    """Return a codec with one heatmap for each joint.

    Args:
        codec: any codec.
        method: the method that needs it.

    Raises:
        ConfigError: the codec has other maps.

    Example:
        >>> from fidip.codecs.decoders import argmax_decode
        >>> codec = HeatmapCodec((32, 32), (8, 8), sigma=1.0, decoder=argmax_decode)
        >>> require_heatmaps(codec, "x") is codec
        True
    """
    if not isinstance(codec, HeatmapCodec) or codec.map_shape(1)[0] != 1:
        raise ConfigError(
            f"method: {type(method).__name__} needs a heatmap for each joint, and the maps of "
            f"{type(codec).__name__} are others; expected HeatmapCodec or UdpCodec. Choose another "
            "codec=, or method=mean_teacher"
        )
    return codec
