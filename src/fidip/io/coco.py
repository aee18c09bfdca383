"""To and from COCO's dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fidip.core.skeleton import COCO17
from fidip.core.types import Annotation, People, Poses, pose_scores, require_people


def annotations_to_coco(people: People) -> dict[str, Any]:
    """Return a COCO keypoint ground truth, so that any part of a file can be scored.

    It holds everyone in the file and all of its images: a pose that is found in a crowd, or where
    someone has no labelled joint, does not count; one that is found on an image without people is
    wrong.

    Raises:
        TypeError: ``people`` is a plain sequence of annotations.
    """
    require_people(people)
    return {
        "images": [
            {
                "id": image.id,
                "file_name": image.file_name,
                "width": image.wh[0],
                "height": image.wh[1],
            }
            for image in people.images
        ],
        "annotations": [
            {
                "id": a.id,
                "image_id": a.image_id,
                "category_id": 1,
                "iscrowd": int(a.is_crowd),
                "bbox": a.box_xywh.tolist(),
                "area": a.area,
                "num_keypoints": int((a.keypoints[:, 2] > 0).sum()),
                "keypoints": a.keypoints.ravel().tolist(),
            }
            for a in (*people.labelled, *people.others)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.joints)}],
    }


def to_coco_results(poses: Poses) -> list[dict[str, Any]]:
    """COCO results entries of poses, scored by ``pose_scores``."""
    triplets = np.concatenate([poses.xy, poses.scores[..., None]], axis=-1).round(4)
    return [
        {
            "image_id": int(image_id),
            "category_id": 1,
            "keypoints": keypoints.ravel().tolist(),
            "score": float(score),
        }
        for image_id, keypoints, score in zip(
            poses.image_ids, triplets, pose_scores(poses), strict=True
        )
    ]


def from_coco_results(
    results: Sequence[dict[str, Any]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """(N, K, 2) key points in image px, (N,) scores and (N,) image ids of COCO results entries."""
    keypoints = np.array([entry["keypoints"] for entry in results], dtype=np.float64)
    return (
        keypoints.reshape(-1, len(COCO17), 3)[..., :2],
        np.array([entry["score"] for entry in results], dtype=np.float64),
        np.array([entry["image_id"] for entry in results], dtype=np.int64),
    )


def area_source(annotations: Sequence[Annotation]) -> str:
    """What the labelled areas are, which OKS is relative to: box areas make it laxer."""
    boxes = np.array([a.box_xywh[2] * a.box_xywh[3] for a in annotations])
    areas = np.array([a.area for a in annotations])
    return "box area" if np.allclose(areas, boxes, rtol=0.01) else "segment area"
