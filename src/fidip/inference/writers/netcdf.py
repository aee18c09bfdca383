"""Writer of netCDF files for ``movement``.

The layout is that of pose datasets of https://movement.neuroinformatics.dev.
"""

from __future__ import annotations

from pathlib import Path

from fidip.core.skeleton import COCO17
from fidip.core.track import Track


def write_netcdf(track: Track, path: Path) -> None:
    """Write a track in the layout of ``movement``.

    The variables are ``position`` (time, space, keypoints, individuals) in image px and
    ``confidence``. Times are those of the frames, also if they are unevenly spaced; ``fps`` is from
    the median interval.

    Args:
        track: track of one person.
        path: path of the file.
    """
    import xarray as xr

    dims = ("time", "space", "keypoints", "individuals")
    data = xr.Dataset(
        data_vars={
            "position": (dims, track.xy.transpose(0, 2, 1)[..., None]),
            "confidence": ((dims[0], *dims[2:]), track.scores[..., None]),
        },
        coords={
            "time": track.times,
            "space": ["x", "y"],
            "keypoints": list(COCO17.joints),
            "individuals": ["infant"],
        },
        attrs={
            "source_software": "fidip",
            "ds_type": "poses",
            "time_unit": "seconds",
            **({"fps": track.fps} if len(track) > 1 else {}),
        },
    )
    data.to_netcdf(path, engine="netcdf4")
