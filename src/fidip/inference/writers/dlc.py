"""The layout of DeepLabCut's result files: a row a frame, columns scorer / bodyparts / coords."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fidip.core.skeleton import COCO17
from fidip.core.track import Track

if TYPE_CHECKING:
    import pandas as pd

SCORER = "fidip"
KEY = "df_with_missing"
"""What DeepLabCut calls the table in its H5 files."""


def write_dlc_csv(track: Track, path: Path) -> None:
    """What DeepLabCut writes with ``save_as_csv``; x and y are empty where unknown."""
    dlc_table(track).to_csv(path)


def write_dlc_h5(track: Track, path: Path) -> None:
    """DeepLabCut's own result file, for pandas and whatever reads those."""
    dlc_table(track).to_hdf(path, key=KEY, format="table", mode="w")


def dlc_table(track: Track) -> pd.DataFrame:
    """(T, 3 K) x, y in image px and likelihood of every joint, NaN where unknown; row t is frame t."""
    import pandas as pd

    columns = pd.MultiIndex.from_product(
        [[SCORER], COCO17.joints, ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    values = np.concatenate([track.xy, track.scores[..., None]], axis=2)
    return pd.DataFrame(values.reshape(len(track), -1), columns=columns)
