"""Each filter on the tracks of generated clips: python table.py CLIPS RESULTS.csv [CKPT]."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tqdm import tqdm

from fidip.cli.loading import load_predictor
from fidip.core.people import Annotation, People
from fidip.inference import SinglePersonTracker, Track, Video
from fidip.inference.person_selection import without_uncertain
from fidip.inference.recorder import Recorder
from fidip.io.coco import from_coco_results
from fidip.io.paths import config_dir
from fidip.metrics import track_quality as motion
from fidip.metrics.keypoint_ap import average_precision

CHOICES = (
    ("none", {}),
    ("hampel", {}),
    ("savgol", {}),
    ("one_euro", {}),
    ("kalman", {"causal": True}),
    ("kalman", {}),
)
KICK = 3.0
"""Torso lengths a second, from which on a joint kicks."""
LOST = 0.2
TRACKED = 0.5
"""Intersection over union with the infant's box from which on it is tracked."""


def main(clips: Path, table: Path, ckpt: str = "bundled:movenet-lightning") -> None:
    truth = json.loads((clips / "annotations" / "person_keypoints_clips.json").read_text())
    predictor = load_predictor(ckpt)
    tracks = [follow(predictor, clips, video) for video in tqdm(truth["videos"], unit="clip")]
    rows = []
    for name, changed in CHOICES:
        config = OmegaConf.load(config_dir() / "smoothing" / f"{name}.yaml")
        smooth = instantiate(OmegaConf.merge(config, changed))
        label = f"{name} smoothing.causal=true" if changed else name
        rows.append({"smoothing": label, **figures(truth, [smooth(track) for track in tracks])})
        print(rows[-1])
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def follow(predictor, clips: Path, video: dict) -> Track:
    """The track of a clip as fidip predict finds it, without a box."""
    find = SinglePersonTracker(predictor, LOST)
    found = Recorder()
    for frame in Video(clips / "videos" / "clips" / video["file_name"]):
        found.add(frame.time, without_uncertain(find(frame.image), LOST))
    return found.track((video["width"], video["height"]))


def figures(truth: dict, tracks: list[Track]) -> dict[str, float]:
    """Return AP over all frames, and means over clips, in torso lengths, of joints in the image."""
    people = {a["image_id"]: a for a in truth["annotations"]}
    results, clips = [], []
    for video, track in zip(truth["videos"], tracks, strict=True):
        ids = [image["id"] for image in truth["images"] if image["video_id"] == video["id"]]
        labels = np.array([people[i]["keypoints"] for i in ids]).reshape(len(ids), -1, 3)
        results += entries(ids, track)
        clips.append(motions(labels, track))
    ap, _ = average_precision(labelled(truth), from_coco_results(results))
    return {"AP": round(ap or 0.0, 3)} | {
        key: round(float(np.nanmean([clip[key] for clip in clips])), 3) for key in clips[0]
    }


def labelled(truth: dict) -> People:
    """The people of clips; frames have no image files, which a dataset would need."""
    names = {
        image["id"]: (image["file_name"], (image["width"], image["height"]))
        for image in truth["images"]
    }
    return People.without_others(
        [
            Annotation(
                a["id"], a["image_id"], Path(names[a["image_id"]][0]), names[a["image_id"]][1],
                np.array(a["bbox"], float),
                a["area"],
                np.reshape(a["keypoints"], (-1, 3)).astype(float),
            )
            for a in truth["annotations"]
        ]
    )  # fmt: skip


def entries(ids: list[int], track: Track) -> list[dict]:
    """COCO results; a joint that is unknown lies at 0, 0."""
    rows = np.concatenate([np.nan_to_num(track.xy), track.scores[..., None]], axis=-1)
    return [
        {"image_id": i, "category_id": 1, "keypoints": row.ravel().tolist(),
         "score": float(row[:, 2].mean())}
        for i, row, known in zip(ids, rows, track.known.any(axis=1), strict=True) if known
    ]  # fmt: skip


def motions(labels: np.ndarray, track: Track) -> dict[str, float]:
    """Figures of one clip against (T, K, 3) labels."""
    inside = labels[..., 2] > 0
    xy = np.where(inside[..., None], labels[..., :2], np.nan)
    times, seen = track.times, replace(track, xy=np.where(inside[..., None], track.xy, np.nan))
    return {
        "jitter": motion.jitter(times, seen.xy, xy),
        "error": motion.position_error(seen.xy, xy),
        "kick_error": motion.position_error(seen.xy, xy, motion.rapid(times, xy, KICK)),
        "lag_frames": motion.lag_frames(times, seen.xy, xy),
        "sure": float(track.known.any(axis=1).mean()),
        "tracked": float(np.mean(overlaps(seen.xy, xy) >= TRACKED)),
    }


def overlaps(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(T,) intersection over union of the boxes around keypoints (T, K, 2); 0 without any."""
    (low, high), (low2, high2) = (
        (np.nanmin(xy, axis=1, initial=np.inf), np.nanmax(xy, axis=1, initial=-np.inf))
        for xy in (found, truth)
    )
    known = np.isfinite(low).all(axis=1)
    shared = np.clip(np.minimum(high, high2) - np.maximum(low, low2), 0, None).prod(axis=1)
    shared = np.where(known, shared, 0.0)
    own = np.where(known[:, None], high - low, 0.0).prod(axis=1)
    return shared / (own + (high2 - low2).prod(axis=1) - shared)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
