"""Clips of a stick figure that moves, in the layout of ``fidip synthesize preset=clips``."""

import json

import cv2
import numpy as np

from fidip.core.skeleton import COCO17
from fidip.io.video import Video
from fidip.synth.dataset.clip_writer import TIME_BASE, encode
from tests.conftest import STANDING, annotation_record, category, image_record

WH = (96, 80)


def write_made_clips(root, counts=None, frames=5):
    """Write clips with a label in every frame; ``counts`` has the number of clips by split."""
    for split, count in (counts or {"train_clips": 3, "validate_clips": 1}).items():
        folder = root / "videos" / split
        folder.mkdir(parents=True)
        (root / "annotations").mkdir(exist_ok=True)
        content = {"videos": [], "images": [], "annotations": [], "categories": [category()]}
        for clip in range(count):
            name = f"clip{clip + 1:04}.mp4"
            # Other splits have other figures: equal frames would be leakage.
            images, keypoints = moving_figure(len(split) + 7 * clip, frames)
            ticks = np.arange(frames) * int(0.04 / TIME_BASE)
            encode(folder / name, iter(images), ticks, 25, WH)
            content["videos"].append({"id": clip + 1, "file_name": name})
            for frame in range(frames):
                number = clip * frames + frame + 1
                record = image_record(number, name, images[frame], None)
                content["images"].append({**record, "video_id": clip + 1, "frame_index": frame})
                content["annotations"].append(annotation_record(number, keypoints[frame]))
        file = root / "annotations" / f"person_keypoints_{split}.json"
        file.write_text(json.dumps(content), encoding="utf-8")
    return root


def write_labelled_clips(root, clips, frames):
    """Write clips in ``videos/clips``, and ``labels.json`` with images of all their frames."""
    write_made_clips(root, {"clips": clips}, frames)
    content = json.loads((root / "annotations" / "person_keypoints_clips.json").read_text())
    (root / "frames").mkdir()
    for image in content["images"]:
        images = list(Video(root / "videos" / "clips" / image["file_name"]))
        image["file_name"] = f"frames/{image['video_id']}_{image['frame_index']}.png"
        pixels = images[image["frame_index"]].image
        cv2.imwrite(str(root / image["file_name"]), pixels[..., ::-1])
    (root / "labels.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def moving_figure(seed, frames):
    """(T, H, W, 3) images and (T, 17, 3) keypoints of a figure that moves 2 px a frame."""
    rng = np.random.default_rng(seed)
    joints = STANDING * rng.uniform(1.8, 2.4) + rng.uniform(-4, 4, 2) + [40, 40]
    images, keypoints = [], []
    for frame in range(frames):
        image = np.full((WH[1], WH[0], 3), 60 + seed, np.uint8)
        moved = joints + np.array([2.0 * frame, 0])
        for a, b in COCO17.limbs:
            ends = moved[[a, b]].round().astype(int).tolist()
            cv2.line(image, *ends, (200, 120, 40 + 10 * a), 3, cv2.LINE_AA)
        images.append(image)
        keypoints.append(np.column_stack([moved.round(2), np.full(17, 2)]))
    return np.stack(images), np.stack(keypoints)
