"""People whose joints lie on a grid, far from one another."""

from pathlib import Path

import numpy as np

from fidip.core.people import Annotation, ImageInfo, People
from fidip.core.skeleton import COCO17

SIDE = 100.0
"""Square root of everybody's area."""
GRID = np.stack([np.arange(17) % 5, np.arange(17) // 5], axis=1) * SIDE


def person(number=1, image=0, at=(0.0, 0.0), visibility=2, joints=GRID, **facts):
    """A person with joints 100 px apart, moved by ``at``; labels may be given joint by joint.

    Numbers begin at 1: pycocotools takes a match with annotation 0 for none.
    """
    flags = np.broadcast_to(visibility, 17)
    keypoints = np.column_stack([joints + at, flags]).astype(float)
    keypoints[flags == 0] = 0
    box = np.array([*at, 400.0, 300.0])
    wh = (2000, 2000)
    return Annotation(number, image, Path("x.jpg"), wh, box, SIDE**2, keypoints, **facts)


def entry(someone, xy=None, score=1.0):
    """A COCO results entry: the labelled joints of someone, or others."""
    xy = someone.keypoints[:, :2] if xy is None else xy
    triplets = np.column_stack([xy, np.ones(17)])
    return {
        "image_id": someone.image_id,
        "category_id": 1,
        "keypoints": triplets.ravel().tolist(),
        "score": score,
    }


def people_of(document):
    """The people of a COCO document, which have boxes, areas and 17 joints."""
    images = [
        ImageInfo(r["id"], r["file_name"], Path(r["file_name"]), (r["width"], r["height"]))
        for r in document["images"]
    ]
    sizes = {image.id: image.wh for image in images}
    people = [
        Annotation(
            a["id"],
            a["image_id"],
            Path("x.jpg"),
            sizes[a["image_id"]],
            np.array(a["bbox"], dtype=float),
            a["area"],
            np.reshape(a["keypoints"], (17, 3)).astype(float),
            is_crowd=bool(a["iscrowd"]),
        )
        for a in document["annotations"]
    ]
    labelled = [p for p in people if p.keypoints[:, 2].any() and not p.is_crowd]
    return People(labelled, [p for p in people if p not in labelled], images)


def distance_for(similarity, joint):
    """How far in px a joint of these people is moved for a similarity: OKS solved for d."""
    k = 2 * COCO17.sigmas[joint]
    return float(np.sqrt(-2 * np.log(similarity)) * k * SIDE)
