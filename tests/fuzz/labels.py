"""Bad labels of other programs: LabelMe, SLEAP, DeepLabCut's H5, and tables as CSV and XLSX."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from tests.io.labels.files import write_xlsx

from .case import BAD, OK, Box, Case, expected
from .documents import DELETED, NO_INT, NO_NAME, NO_NUMBER, Spot, damaged
from .stage import Stage

LABELME = {
    "version": "4.5.6",
    "shapes": [
        {"label": "Nose", "points": [[20.0, 30.0]], "group_id": None, "shape_type": "point"}
    ],
    "imagePath": "test0.jpg",
    "imageData": None,
    "imageHeight": None,
    "imageWidth": None,
}
POINT = ("shapes", 0)
NO_SHAPE = [
    Spot(("shapes",), (5, "text", {"a": 1}, [5], [None], [[]], [], DELETED)),
    Spot((*POINT, "label"), (None, 5, [], {}, "", True, "tail", "a\nb", "\ud800", DELETED)),
    Spot(
        (*POINT, "points"), (None, 5, [], [[1]], [[1, 2], [3, 4]], [[None, 1]], [["1", 2]], DELETED)
    ),
    Spot((*POINT, "points", 0, 0), (*NO_NUMBER, 1e300, 1e9, -1e9)),
    Spot((*POINT, "group_id"), ("1", 1.5, [], {}, True)),
    Spot((*POINT, "shape_type"), (None, 5, "circle", [], {})),
    Spot(("imagePath",), (*NO_NAME, DELETED)),
]
SLEAP = {
    "version": "2.0.0",
    "nodes": [{"name": "Nose"}],
    "skeletons": [{"nodes": [{"id": 0}]}],
    "videos": [{"backend": {"filename": "clip.mp4"}}],
    "labels": [
        {
            "video": 0,
            "frame_idx": 1,
            "_instances": [
                {"skeleton": 0, "_points": {"0": {"x": 9.0, "y": 8.0, "visible": True}}}
            ],
        }
    ],
}
INSTANCE = ("labels", 0, "_instances", 0)
NO_SLEAP = [
    Spot(("nodes",), (5, "text", [5], [{}], [{"name": 5}], [{"name": "tail"}], [], DELETED)),
    Spot(("skeletons",), (5, "text", [5], [{}], [{"nodes": [{"id": 7}]}], [{"nodes": 5}], [])),
    Spot(
        ("videos",), (5, [5], [{}], [{"backend": 5}], [{"backend": {"filename": 5}}], [], DELETED)
    ),
    Spot(("labels", 0, "video"), (*NO_INT, 5, -1, DELETED)),
    Spot(("labels", 0, "frame_idx"), (*NO_INT, 10**6, -1, DELETED)),
    Spot((*INSTANCE, "skeleton"), (*NO_INT, 5, -1, DELETED)),
    Spot((*INSTANCE, "_points"), (5, "text", [5], {"7": {}}, {"a": {}}, {"0": 5}, {}, DELETED)),
    Spot((*INSTANCE, "_points", "0", "x"), ("5", "text", [], {}, 1e300, DELETED)),
    Spot(("videos", 0, "backend", "filename"), tuple(n for n in NO_NAME if n != "nope.jpg")),
]


def draw_labelme(rng: Random, box: Box, stage: Stage) -> Case:
    """A label file of LabelMe with one bad value, or no JSON."""
    title, content = damaged(rng, LABELME, NO_SHAPE)
    box.file("in/a.json", content)
    arguments = ["source=in/a.json", f"images={stage.photo.parent}", "out=out/labels"]
    return Case(f"LabelMe: {title}", "labels", arguments, expected("a.json"))


def draw_sleap(rng: Random, box: Box, stage: Stage) -> Case:
    """Labels that SLEAP exports, with one bad value, or no JSON."""
    title, content = damaged(rng, SLEAP, NO_SLEAP)
    box.file("in/a.json", content)
    arguments = ["source=in/a.json", f"images={stage.video.parent}", "out=out/labels"]
    return Case(f"SLEAP: {title}", "labels", arguments, expected("a.json", "clip.mp4"))


WIDE = "image,nose_x,nose_y\ntest0.jpg,10,20\n"
LONG = "video,frame,bp,x,y\nclip,1,Nose,10,20\n"
TABLES: dict[str, Callable[[str], str]] = {
    "no joint of ours": lambda text: text.replace("nose", "tail").replace("Nose", "tail"),
    "no header": lambda text: text.partition("\n")[2],
    "text for a number": lambda text: text.replace("10", "ten"),
    "infinite": lambda text: text.replace("10", "inf"),
    "huge": lambda text: text.replace("10", "1e400"),
    "far outside": lambda text: text.replace("10", "1e9"),
    "a row twice": lambda text: text + text.partition("\n")[2],
    "missing image": lambda text: text.replace("test0", "nope").replace("clip", "nope"),
    "image outside": lambda text: text.replace("test0", "../" * 9 + "x").replace("clip", "../" * 9),
    "NUL": lambda text: text.replace("test0", "te\0st0").replace("clip", "cl\0ip"),
    "long name": lambda text: text.replace("test0", "x" * 5000).replace("clip", "x" * 5000),
    "open quote": lambda text: text.replace("10", '"10'),
    "absent": lambda text: text.replace("10,20", "-1,-1"),
}


def draw_table(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad table with a row per image or per point, as CSV or XLSX."""
    title, text = rng.choice(list(TABLES)), rng.choice([WIDE, LONG])
    text = TABLES[title](text)
    name = "a.csv"
    if text.startswith("image") and "\0" not in text and '"' not in text and rng.random() < 0.5:
        name = "a.xlsx"
        rows = [line.split(",") for line in text.splitlines()]
        (box.work / "in").mkdir(exist_ok=True)
        write_xlsx(box.work / "in" / name, {"pz1": rows})
    else:
        box.file(f"in/{name}", text.encode())
    folder = stage.photo.parent if "image" in text or "test0" in text else stage.video.parent
    arguments = [f"source=in/{name}", f"images={folder}", "out=out/labels"]
    return Case(f"table: {title}, {name}", "labels", arguments, expected(name, "images"))


def draw_container(rng: Random, box: Box, stage: Stage) -> Case:
    """A workbook or an HDF5 file that is cut or has other bytes."""
    name = rng.choice(["a.xlsx", "CollectedData_me.h5", "a.slp"])
    path = Path(box.file(f"in/{name}", b""))
    CONTAINERS[path.suffix](path)
    content = bytearray(path.read_bytes())
    if rng.random() < 0.3:
        content = content[: rng.randrange(len(content))]
    for _ in range(rng.choice([1, 4, 40])):
        if content:
            content[rng.randrange(len(content))] = rng.randrange(256)
    path.write_bytes(content)
    folder = stage.video.parent if path.suffix == ".slp" else stage.photo.parent
    arguments = [f"source=in/{name}", f"images={folder}", "out=out/labels"]
    words = expected(name, "clip.mp4", "images")
    return Case(f"bytes of {name}", "labels", arguments, words, frozenset({OK, BAD}))


def _workbook(path: Path) -> None:
    write_xlsx(path, {"pz1": [["image", "nose"], ["test0.jpg", "10,20"]]})


def _dlc_h5(path: Path) -> None:
    """The arrays of a table as pandas writes it in its fixed format."""
    levels: dict[str, Any] = {"level0": [b"me"], "level1": [b"nose"], "level2": [b"x", b"y"]}
    codes = {"label0": [0, 0], "label1": [0, 0], "label2": [0, 1]}
    with h5py.File(path, "w") as file:
        table = file.create_group("df_with_missing")
        for name, values in (levels | codes).items():
            table[f"block0_items_{name}"] = np.array(values)
        table["axis1"] = np.array([b"labeled-data/a/test0.jpg"])
        table["block0_values"] = np.array([[10.0, 20.0]])


def _slp(path: Path) -> None:
    frame = [("video", "u4"), ("frame_idx", "u8"), ("instance_id_start", "u8"),
             ("instance_id_end", "u8")]  # fmt: skip
    instance = [("instance_type", "u1"), ("skeleton", "u4"), ("point_id_start", "u8"),
                ("point_id_end", "u8")]  # fmt: skip
    point = [("x", "f8"), ("y", "f8"), ("visible", "?")]
    with h5py.File(path, "w") as file:
        header = file.create_group("metadata").attrs
        header["json"] = json.dumps({k: SLEAP[k] for k in ("nodes", "skeletons")})
        header["format_id"] = 1.2
        file.create_dataset("videos_json", data=[json.dumps(SLEAP["videos"][0])])
        file["frames"] = np.array([(0, 1, 0, 1)], frame)
        file["instances"] = np.array([(0, 0, 0, 1)], instance)
        file["points"] = np.array([(9.0, 8.0, True)], point)


CONTAINERS = {".xlsx": _workbook, ".h5": _dlc_h5, ".slp": _slp}
"""Writers of good files by suffix."""
