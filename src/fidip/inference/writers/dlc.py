"""Writers of DeepLabCut result files: a row per frame, columns scorer / bodyparts / coords."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fidip.core.skeleton import COCO17
from fidip.core.track import Track
from fidip.io.labels.deeplabcut import KEY

if TYPE_CHECKING:
    import pandas as pd

SCORER = "fidip"
"""Name of the scorer in the files."""


def write_dlc_csv(track: Track, path: Path) -> None:
    """Write a track as DeepLabCut does with ``save_as_csv``; unknown x and y are empty.

    Args:
        track: track of one person.
        path: path of the file.
    """
    dlc_table(track).to_csv(path)


def write_dlc_h5(track: Track, path: Path) -> None:
    """Write a track as a DeepLabCut H5 file, which pandas can read.

    Args:
        track: track of one person.
        path: path of the file.
    """
    dlc_table(track).to_hdf(path, key=KEY, format="table", mode="w")


def dlc_table(track: Track) -> pd.DataFrame:
    """Return a track as a DeepLabCut table.

    Args:
        track: track of T frames.

    Returns:
        Table with T rows and 3 K columns: x and y in image px and likelihood of each joint, NaN
        where unknown.
    """
    import pandas as pd

    columns = pd.MultiIndex.from_product(
        [[SCORER], COCO17.joints, ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    values = np.concatenate([track.xy, track.scores[..., None]], axis=2)
    return pd.DataFrame(values.reshape(len(track), -1), columns=columns)
