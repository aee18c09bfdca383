"""Writer of Neurodata Without Borders (NWB) files with the extension ndx-pose."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from fidip.core.skeleton import COCO17
from fidip.core.track import Track


def write_nwb(track: Track, path: Path) -> None:
    """Write a track as ``PoseEstimation`` with its skeleton in the processing module ``behavior``.

    The recording time of the video is unknown. The session start is the time of writing, and its
    description states that. The identifier is the file name.

    Args:
        track: track of one person.
        path: path of the file.
    """
    import pynwb
    from ndx_pose import PoseEstimation, Skeleton, Skeletons

    name = path.stem
    file = pynwb.NWBFile(
        session_description=f"keypoints of {name}; the start time is the time of the computation",
        identifier=name,
        session_start_time=datetime.now(UTC),
        subject=pynwb.file.Subject(subject_id=name, species="Homo sapiens", sex="U"),
    )
    edges = np.array(COCO17.limbs, dtype=np.uint8)
    skeleton = Skeleton(name=COCO17.name, nodes=list(COCO17.joints), edges=edges)
    module = file.create_processing_module("behavior", "keypoints of a video")
    module.add(Skeletons(skeletons=[skeleton]))
    module.add(
        PoseEstimation(
            pose_estimation_series=_series(track),
            description="keypoints of one infant, frame by frame",
            scorer="fidip",
            source_software="fidip",
            source_software_version=version("fidip"),
            skeleton=skeleton,
        )
    )
    with pynwb.NWBHDF5IO(path, "w") as out:
        out.write(file)


def _series(track: Track) -> list[Any]:
    """Return a series per joint; all share the time stamps of the first."""
    from ndx_pose import PoseEstimationSeries

    width, height = track.image_wh
    series: list[Any] = []
    for number, joint in enumerate(COCO17.joints):
        series.append(
            PoseEstimationSeries(
                name=joint,
                description=f"{joint.replace('_', ' ')}, NaN where unknown",
                data=track.xy[:, number],
                unit="pixels",
                reference_frame=f"(0, 0) is the centre of the upper left pixel of a frame of "
                f"{width} x {height}; x points right, y down",
                timestamps=series[0] if series else track.times,
                confidence=track.scores[:, number].clip(0, 1),
                confidence_definition="peak of the joint's heatmap, cut to 0 to 1",
            )
        )
    return series
