"""Writers of keypoint files.

A writer takes a ``Track``, or ``Poses`` if ``Format.photos`` is set, and a path. Files are written
completely or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fidip.core.errors import ConfigError
from fidip.core.poses import Poses
from fidip.core.track import Track
from fidip.inference.kinematics import write_movement_csv, write_movement_figure
from fidip.inference.timeline import write_timeline
from fidip.inference.writers.dlc import write_dlc_csv, write_dlc_h5
from fidip.inference.writers.netcdf import write_netcdf
from fidip.inference.writers.nwb import write_nwb
from fidip.inference.writers.tabular import write_coco, write_csv, write_parquet
from fidip.io.atomic import atomic_path, require_room

Writer = Callable[[Any, Path], None]
"""Writes a ``Track`` or ``Poses`` to a path."""


@dataclass(frozen=True)
class OutputFormat:
    """File format for ``save=``.

    Attributes:
        files: writer of each file, by suffix.
        needs: optional modules that the format requires.
        extra: extra of the fidip package that installs them.
        photos: whether photographs can be written; other formats are only for videos.
        is_hdf5: whether the HDF5 library writes the files. After a failed write it can crash later,
            so free disk space is checked first.
    """

    files: Mapping[str, Writer]
    needs: Sequence[str] = ()
    extra: str = "files"
    photos: bool = False
    is_hdf5: bool = False


HDF5_ROOM = 1 << 20
"""Size of an HDF5 file in bytes, in addition to four times its keypoints."""

OUTPUT_FORMATS: dict[str, OutputFormat] = {
    "coco": OutputFormat({".json": write_coco}, photos=True),
    "csv": OutputFormat({".csv": write_csv}, photos=True),
    "parquet": OutputFormat({".parquet": write_parquet}, needs=("pyarrow",), photos=True),
    "dlc": OutputFormat(
        {".dlc.csv": write_dlc_csv, ".dlc.h5": write_dlc_h5},
        needs=("pandas", "tables"),
        is_hdf5=True,
    ),
    "nwb": OutputFormat({".nwb": write_nwb}, needs=("pynwb", "ndx_pose"), is_hdf5=True),
    "netcdf": OutputFormat({".nc": write_netcdf}, needs=("xarray", "netCDF4"), is_hdf5=True),
    "timeline": OutputFormat({".timeline.png": write_timeline}),
    "movement": OutputFormat(
        {".movement.csv": write_movement_csv, ".movement.png": write_movement_figure}
    ),
}
"""Formats by name."""


def check_installed(save: Sequence[str]) -> None:
    """Check that the modules of formats are installed.

    Args:
        save: keys of ``OUTPUT_FORMATS``.

    Raises:
        ConfigError: a module is missing.

    Example:
        >>> check_installed(["csv", "coco"])
    """
    for name in save:
        missing = [module for module in OUTPUT_FORMATS[name].needs if find_spec(module) is None]
        if missing:
            raise ConfigError(
                f"save: {name} needs {', '.join(missing)}; "
                f"pip install 'fidip[{OUTPUT_FORMATS[name].extra}]'"
            )


def write(found: Track | Poses, stem: Path, save: Sequence[str]) -> list[Path]:
    """Write keypoints in several formats, and create folders as needed.

    Args:
        found: track of a video, or poses in photographs.
        stem: path of the files without their suffixes.
        save: keys of ``OUTPUT_FORMATS``; formats for videos are skipped for photographs.

    Returns:
        Paths of the files.

    Raises:
        DiskError: a file cannot be written.
    """
    formats = [OUTPUT_FORMATS[name] for name in save]
    table = found.poses if isinstance(found, Track) else None
    paths = []
    for format_ in formats:
        if isinstance(found, Track) or format_.photos:
            for suffix, writer in format_.files.items():
                paths.append(stem.with_name(f"{stem.name}{suffix}"))
                with atomic_path(paths[-1]) as part:
                    if format_.is_hdf5:
                        require_room(part.parent, HDF5_ROOM + 4 * found.xy.nbytes)
                    writer(found if table is None or not format_.photos else table, part)
    return paths
