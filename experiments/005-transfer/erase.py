"""Copies of photographs without what may confuse a net: ``python experiments/005-transfer/erase.py COCO_DIR OUT``.

Makes OUT/others, where every labelled person is alone in a copy of the photograph, the other people painted over
from their surroundings, and OUT/ground, where all that is not the person is grey. Both in COCO's layout.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from pycocotools.coco import COCO

ANNOTATIONS = "annotations/person_keypoints_val2017.json"
GREY = 127


def erase(source: Path, out: Path) -> None:
    coco = COCO(str(source / ANNOTATIONS))
    for kind in ("others", "ground"):
        (out / kind / "val2017").mkdir(parents=True, exist_ok=True)
        (out / kind / "annotations").mkdir(exist_ok=True)
    images, people = [], []
    for person in coco.anns.values():
        if person["iscrowd"] or not person["num_keypoints"]:
            continue
        record = coco.imgs[person["image_id"]]
        picture = cv2.imread(str(source / "val2017" / record["file_name"]))
        mine = coco.annToMask(person)
        around = [a for a in coco.imgToAnns[record["id"]] if a["id"] != person["id"]]
        others = np.zeros_like(mine)
        for other in around:
            others |= coco.annToMask(other)
        # with a margin, as hand-drawn outlines leave a rim
        others = cv2.dilate(others, np.ones((7, 7), np.uint8)) & (1 - mine)
        name = f"{person['id']}.jpg"
        painted = cv2.inpaint(picture, others, 5, cv2.INPAINT_TELEA)
        cv2.imwrite(str(out / "others" / "val2017" / name), painted)
        alone = np.where(mine[..., None] > 0, picture, np.uint8(GREY))
        cv2.imwrite(str(out / "ground" / "val2017" / name), alone)
        images.append({**record, "id": person["id"], "file_name": name})
        people.append({**person, "image_id": person["id"]})
    content = {"images": images, "annotations": people, "categories": coco.dataset["categories"]}
    for kind in ("others", "ground"):
        (out / kind / ANNOTATIONS).write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    erase(Path(sys.argv[1]), Path(sys.argv[2]))
