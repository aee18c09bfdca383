"""Labels of clips in COCO's layout, with one entry per frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from fidip.io.coco import annotation_record
from fidip.io.records import Record
from fidip.synth.camera.pinhole import Camera
from fidip.synth.dataset.clip_set import ClipJob, Ticks
from fidip.synth.pose.posture import POSTURES
from fidip.synth.scene.clip import ClipFrame, Scene


def clip_record(job: ClipJob, scene: Scene, frames: list[ClipFrame], ticks: Ticks) -> Record:
    """Return the labels of a clip in COCO's layout."""
    numbers = range(job.first_frame, job.first_frame + len(frames))
    return {
        "video": _video(job, scene.stage.camera, len(frames)) | _happenings(job, scene),
        "images": [
            {
                "id": number,
                "video_id": job.video_id,
                "file_name": job.path.name,
                **_size(job),
                "frame_index": index,
                "pts": pts,
                "time": frame.time,
                "posture": frame.picture.posture,
                **_subject_and_view(job, frame),
            }
            for index, (number, frame, pts) in enumerate(
                zip(numbers, frames, ticks.tolist(), strict=True)
            )
        ],
        "annotations": [
            _annotation(n, frame) | _hidden_by(job, frame)
            for n, frame in zip(numbers, frames, strict=True)
        ],
    }


def _subject_and_view(job: ClipJob, frame: ClipFrame) -> dict[str, Any]:
    """Return what a frame's record has in clips of subjects; the camera only if it moves."""
    if job.kind.events is None:
        return {}
    pose = {} if job.kind.events.camera is None else {"camera": _camera_pose(frame.camera)}
    return {"subject": job.subject, "kind": job.kind.kind, **pose}


def _hidden_by(job: ClipJob, frame: ClipFrame) -> dict[str, Any]:
    """Return what hides each keypoint, in clips of subjects."""
    return {} if job.kind.events is None else {"occluder": frame.occluder.tolist()}


def _happenings(job: ClipJob, scene: Scene) -> dict[str, Any]:
    """Return the subject of a clip, and when legs kick and lights are out; for clips of subjects.

    Times are in seconds.
    """
    if job.kind.events is None:
        return {}
    dark = scene.dimming
    return {
        "subject": job.subject,
        "kind": job.kind.kind,
        "exposure": round(scene.exposure, 5),
        "kicks": [
            {
                "start": round(start, 4),
                "end": round(start + length, 4),
                "side": ("left", "right")[int(side)],
                "depth": round(depth, 3),
            }
            for start, length, side, depth in scene.motion.kicks.tolist()
            if start < job.kind.seconds
        ],
        "lights_out": []
        if dark is None
        else [{"start": round(dark.off, 4), "end": round(dark.on, 4), "stops": dark.stops}],
    }


def _size(job: ClipJob) -> dict[str, int]:
    width, height = job.size_wh
    return {"width": width, "height": height}


def _video(job: ClipJob, camera: Camera, frames: int) -> dict[str, Any]:
    return {
        "id": job.video_id,
        "file_name": job.path.name,
        **_size(job),
        "fps": job.kind.fps,
        "variable_frame_rate": job.kind.is_uneven,
        "frames": frames,
        "posture": POSTURES[job.posture].label,
        "look": job.kind.appearance,
        "group": job.kind.group,
        "camera": {
            "focal_px": camera.focal,
            "center_px": camera.center.tolist(),
            **_camera_pose(camera),
        },
    }


def _camera_pose(camera: Camera) -> dict[str, Any]:
    return {"rotation": camera.rotation.tolist(), "position_m": camera.position.tolist()}


def _annotation(number: int, frame: ClipFrame) -> dict[str, Any]:
    """Return the annotation of a frame; every frame has one, with the image's number."""
    picture = frame.picture
    keypoints = np.round(picture.keypoints, 3)
    person = annotation_record(number, number, picture.box_xywh, picture.area, keypoints)
    return {**person, "keypoints_3d": np.round(frame.joints, 5).ravel().tolist()}
