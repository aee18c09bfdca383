"""Bad JSON and CSV: annotations, results, detections, labels of a second annotator or program."""

from __future__ import annotations

import copy
import gzip
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from .case import OK, Box, Case, expected
from .checkpoints import PATHS
from .stage import TRAINING, Stage

DIGITS = 10**400
NAN, INF = float("nan"), float("inf")
Path = tuple[str | int, ...]

NO_INT = (None, "1", "text", 1.5, NAN, [], {}, [1], True, "", DIGITS, 10**30)
NO_NUMBER = (None, "5", "text", NAN, INF, -INF, [], {}, [1], "", DIGITS)
NO_SIZE = (*NO_NUMBER, 0, -1)
NO_TEXT = (None, 5, 1.5, [], {}, ["a.jpg"], "", True)
NO_NAME = (
    *NO_TEXT, "\0", "a\0.jpg", "\ud800.jpg", "../" * 9 + "etc/passwd", "/etc/passwd", "x" * 5000,
    "/".join(["y"] * 3000), ".", "..", "nope.jpg", "C:\\a.jpg", "a\nb.jpg", "\u202e.jpg",
)  # fmt: skip
NO_BOX = (
    None, "text", [], [1, 2, 3], [1, 2, 3, 4, 5], [1, 2, NAN, 4], [1, 2, "3", 4], [[1, 2, 3, 4]],
    {"x": 1}, [0, 0, -5, 5], [0, 0, 0, 0], [1e308, 1e308, 1e308, 1e308], [DIGITS, 0, 9, 9],
    [None] * 4, [1e6, 1e6, 9, 9], [True, None, 1, 1], 5, [0, 0, 1, 1], [INF, 0, 1, 1],
)  # fmt: skip
NO_KEYPOINTS = (
    None, "text", [], [1.0] * 48, [1.0] * 52, [None] * 51, [NAN] * 51, [INF] * 51, ["1"] * 51,
    [[1, 1, 2]] * 17, {}, 5, [DIGITS, 1, 2] * 17, [1, 1, 2] * 16 + [1, 1, "2"],
)  # fmt: skip
NO_VISIBILITY = ([5, 5, 3] * 17, [5, 5, -1] * 17, [5, 5, 0.5] * 17, [5, 5, 1e9] * 17)
NO_RECORD = (None, 5, "text", [], [{}], True, NAN, {})
NO_LIST = (None, 5, "text", {}, True, {"0": {}}, NAN)

IMAGE: dict[str, tuple[Any, ...]] = {
    "id": NO_INT,
    "file_name": NO_NAME,
    "width": NO_SIZE,
    "height": NO_SIZE,
    "is_synthetic": ("yes", 3, [], {}, -1, NAN, "false"),
}
PERSON: dict[str, tuple[Any, ...]] = {
    "id": NO_INT,
    "image_id": (*NO_INT, -1, 987654),
    "bbox": NO_BOX,
    "area": (*NO_NUMBER, -1, 0),
    "keypoints": (*NO_KEYPOINTS, *NO_VISIBILITY),
}
RESULT: dict[str, tuple[Any, ...]] = {
    "image_id": NO_INT,
    "category_id": NO_INT,
    "keypoints": NO_KEYPOINTS,
    "score": NO_NUMBER,
}
DETECTION: dict[str, tuple[Any, ...]] = {
    "image_id": NO_INT,
    "bbox": NO_BOX,
    "score": NO_NUMBER,
}
CATEGORY: dict[str, tuple[Any, ...]] = {
    "keypoints": (["a", "b"], 5, {"a": 1}, [1] * 17, ["nose"] * 17, [None], "nose"),
}


@dataclass(frozen=True)
class Spot:
    """A place in a document and what it cannot hold; ``DELETED`` stands for nothing at all."""

    path: Path
    values: tuple[Any, ...]


DELETED = "(deleted)"


def draw_annotations(rng: Random, box: Box, stage: Stage) -> Case:
    """A data set whose annotation file has one bad value, or is no JSON."""
    command = rng.choice(
        ["check", "check", "check", "evaluate", "labels", "labels", "predict", "train"]
    )
    split = "train_infant" if command == "train" else "validate_infant"
    root = box.copy(stage.data, "in")
    name = f"in/annotations/person_keypoints_{split}.json"
    document = json.loads(stage.annotations(split).read_text())
    people = rng.randrange(len(document["annotations"]))
    spots = [
        *_fields(
            ("images", rng.randrange(len(document["images"]))), IMAGE, optional=("is_synthetic",)
        ),
        *_fields(("annotations", people), PERSON),
        Spot(("images",), (*NO_LIST, DELETED, [])),
        Spot(("annotations",), (*NO_LIST, DELETED, [])),
        Spot(("images", 0), NO_RECORD),
        Spot(("annotations", people), NO_RECORD),
        Spot(("categories", 0), (5, "text", [])),
        Spot(("categories",), (5, "text", True)),
        *_fields(("categories", 0), CATEGORY, optional=("keypoints",)),
        Spot(("images", 1, "id"), (document["images"][0]["id"],)),
        Spot(("annotations", 1, "id"), (document["annotations"][0]["id"],)),
    ]
    if command == "predict":  # reads boxes by the name of the photograph
        spots = [spot for spot in spots if "is_synthetic" not in spot.path]
    title, content = damaged(rng, document, spots)
    box.file(name, content)
    file = f"person_keypoints_{split}.json"
    arguments = {
        "check": [f"data.root={root}", f"splits=[{split}]"],
        "evaluate": [f"ckpt={stage.run}", f"data.root={root}", "out=out"],
        "labels": [f"source={name}", f"images={stage.photo.parent}", "out=out/labels"],
        "predict": [
            f"source={stage.photo.parent}", f"boxes={name}", f"ckpt={stage.run}", "out=out",
            "save=[coco]",
        ],
        "train": [*TRAINING, f"data.root={root}", "hydra.run.dir=out/run"],
    }[command]  # fmt: skip
    return Case(
        f"annotations for {command}: {title}",
        command,
        arguments,
        expected(file, "data.root", str(root)),
        is_late=command == "train",
    )


def draw_results(rng: Random, box: Box, stage: Stage) -> Case:
    """A results file with one bad value, or none of JSON."""
    document = json.loads((stage.run / "predictions.json").read_text())
    title, content = damaged(rng, document, _list_spots(rng, document, RESULT))
    box.file("in/results.json", content)
    arguments = [
        "predictions=in/results.json",
        "experiment=scratch_demo",
        f"data.root={stage.data}",
        "out=out",
    ]
    return Case(f"results: {title}", "evaluate", arguments, expected("results.json"))


def draw_detections(rng: Random, box: Box, stage: Stage) -> Case:
    """Detected boxes with one bad value, or none of JSON."""
    document = json.loads(stage.detections.read_text())
    title, content = damaged(rng, document, _list_spots(rng, document, DETECTION))
    box.file("in/boxes.json", content)
    arguments = [f"ckpt={stage.run}", "boxes=in/boxes.json", f"data.root={stage.data}", "out=out"]
    return Case(f"detections: {title}", "evaluate", arguments, expected("boxes.json"))


def draw_second_labels(rng: Random, box: Box, stage: Stage) -> Case:
    """Labels of a second annotator with one bad value, or of other images."""
    document = json.loads(stage.annotations().read_text())
    spots = [
        *_fields(("annotations", 0), {k: PERSON[k] for k in ("image_id", "keypoints")}),
        Spot(("annotations",), (*NO_LIST, DELETED)),
        Spot(("annotations", 0), NO_RECORD),
        Spot(("annotations",), ([],)),
    ]
    title, content = damaged(rng, document, spots)
    box.file("in/second.json", content)
    arguments = [
        "predictions=" + str(stage.run / "predictions.json"), "experiment=scratch_demo",
        f"data.root={stage.data}", "second_annotator=in/second.json", "out=out",
    ]  # fmt: skip
    return Case(f"second labels: {title}", "evaluate", arguments, expected("second.json"))


LABEL_STUDIO = [
    {
        "data": {"image": "/data/upload/test0.jpg"},
        "annotations": [
            {
                "result": [
                    {
                        "type": "keypointlabels",
                        "original_width": 100,
                        "original_height": 100,
                        "value": {"x": 10.0, "y": 20.0, "keypointlabels": ["nose"]},
                    }
                ]
            }
        ],
    }
]
RESULT_OF_TASK: Path = (0, "annotations", 0, "result", 0)
NO_TASK = [
    Spot((0,), NO_RECORD),
    Spot((0, "annotations"), (5, "text", {"a": 1}, [5], [None], [[]], True)),
    Spot((0, "annotations", 0, "result"), (5, "text", {"a": 1}, [5], [None], [[]], True)),
    Spot((0, "data"), (5, "text", [1], {"image": 5}, {}, None)),
    Spot((*RESULT_OF_TASK, "original_width"), (None, 0, -1, "5", NAN, [], {})),
    Spot((*RESULT_OF_TASK, "value"), (5, "text", [1], None, {"x": 1})),
    Spot((*RESULT_OF_TASK, "value", "x"), NO_NUMBER),
    Spot((*RESULT_OF_TASK, "value", "keypointlabels"), (5, {"a": 1}, True)),
    Spot((0, "data", "image"), NO_NAME),
]


def draw_label_studio(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad export of Label Studio."""
    title, content = damaged(rng, LABEL_STUDIO, NO_TASK)
    box.file("in/tasks.json", content)
    arguments = ["source=in/tasks.json", f"images={stage.photo.parent}", "out=out/labels"]
    return Case(f"Label Studio: {title}", "labels", arguments, expected("tasks.json"))


DEEPLABCUT = "scorer,me,me\nbodyparts,nose,nose\ncoords,x,y\ntest0.jpg,10,20\n"
TABLES: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "only commas": lambda text: ",,,\n" * 5,
    "no header": lambda text: text.partition("\n")[2],
    "two headers": lambda text: "\n".join(text.splitlines()[:2]),
    "no rows": lambda text: "\n".join(text.splitlines()[:3]),
    "text for a number": lambda text: text.replace("10", "ten"),
    "infinite": lambda text: text.replace("10", "inf"),
    "huge": lambda text: text.replace("10", "1e400"),
    "huge but finite": lambda text: text.replace("10", "1e308"),
    "short row": lambda text: text.replace("10,20", "10"),
    "long row": lambda text: text.replace("10,20", "10,20,30,40"),
    "short header": lambda text: text.replace("nose,nose", "nose"),
    "no image": lambda text: text.replace("test0.jpg", "test0"),
    "missing image": lambda text: text.replace("test0", "nope"),
    "image outside": lambda text: text.replace("test0.jpg", "../" * 9 + "etc/passwd.jpg"),
    "NUL": lambda text: text.replace("10", "1\0"),
    "NUL in a name": lambda text: text.replace("test0", "te\0st0"),
    "semicolons": lambda text: text.replace(",", ";"),
    "open quote": lambda text: text.replace("10", '"10'),
    "long field": lambda text: text.replace("10", "1" * 200_000),
    "no joint of ours": lambda text: text.replace("nose", "tail"),
    "several animals": lambda text: text.replace("bodyparts", "individuals,a,a\nbodyparts"),
    "long name": lambda text: text.replace("test0", "x" * 5000),
    "a joint twice": lambda text: text.replace("nose,nose", "nose,nose,nose").replace(
        "x,y", "x,y,x"
    ),
}


def draw_deeplabcut(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad table of DeepLabCut."""
    title = rng.choice(list(TABLES))
    encoding = rng.choice(["utf-8", "utf-8", "utf-16", "latin-1"])
    text = TABLES[title](DEEPLABCUT)
    content = text.encode(encoding) + (b"\xff\xfe" if encoding == "latin-1" else b"")
    box.file("in/CollectedData.csv", content)
    arguments = ["source=in/CollectedData.csv", f"images={stage.photo.parent}", "out=out/labels"]
    return Case(
        f"DeepLabCut, {title}, {encoding}",
        "labels",
        arguments,
        expected("CollectedData.csv", "images"),
    )


def draw_path(rng: Random, box: Box, stage: Stage) -> Case:
    """A name with something behind it that is no file to read."""
    kind = rng.choice(list(PATHS))
    PATHS[kind](box)
    name = "in/net.ckpt"
    command, *arguments = rng.choice(
        [
            ("labels", f"source={name}", "out=out/labels"),
            ("check", f"data.root={name}"),
            (
                "evaluate",
                f"predictions={name}",
                "experiment=scratch_demo",
                f"data.root={stage.data}",
            ),
            ("evaluate", f"ckpt={stage.run}", f"boxes={name}", f"data.root={stage.data}"),
            ("predict", f"source={stage.photo}", f"boxes={name}", f"ckpt={stage.run}"),
            ("predict", f"source={name}", f"ckpt={stage.run}"),
            (
                "predict",
                f"source={stage.photo}",
                f"ckpt={stage.run}",
                "detector=onnx",
                f"detector.path={name}",
            ),
            ("compare", f"runs={name}"),
        ]
    )
    out = [] if command in ("labels", "check") else ["out=out"]
    return Case(f"{kind} for {command}", command, [*arguments, *out], expected("net.ckpt"))


def draw_good(rng: Random, box: Box, stage: Stage) -> Case:
    """Files that are right, in spellings that JSON allows."""
    document = json.loads(stage.annotations().read_text())
    document["info"] = {"note": "\u00fcber", "nothing": None}
    for record in document["images"] + document["annotations"]:
        record["more"] = rng.choice([None, [], {"a": 1}, "text", 1e308])
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16"])
    root = box.copy(stage.data, "in")
    text = json.dumps(document, ensure_ascii=rng.random() < 0.5)
    box.file("in/annotations/person_keypoints_validate_infant.json", text.encode(encoding))
    arguments = [f"data.root={root}", "splits=[validate_infant]"]
    return Case(f"good annotations, {encoding}", "check", arguments, (), frozenset({OK}))


def damaged(rng: Random, document: Any, spots: list[Spot]) -> tuple[str, bytes]:
    """A document with one bad value, or with bytes that are no JSON; and what was done."""
    if rng.random() < 0.3:
        name = rng.choice(list(BYTES))
        return name, BYTES[name](json.dumps(document).encode(), rng)
    spot = rng.choice(spots)
    value = rng.choice(spot.values)
    changed = replaced(document, spot.path, value)
    where = "".join(f"[{key!r}]" for key in spot.path)
    return f"{where} = {json.dumps(value)[:40]}", json.dumps(changed).encode()


def replaced(document: Any, path: Path, value: Any) -> Any:
    """A copy with another value at ``path``."""
    changed = copy.deepcopy(document)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    if value == DELETED:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return changed


def _fields(
    path: Path, fields: dict[str, tuple[Any, ...]], optional: tuple[str, ...] = ()
) -> list[Spot]:
    gone = {name: () if name in optional else (DELETED,) for name in fields}
    return [Spot((*path, name), (*values, *gone[name])) for name, values in fields.items()]


def _list_spots(rng: Random, document: list[Any], fields: dict[str, tuple[Any, ...]]) -> list[Spot]:
    index = rng.randrange(len(document))
    return [*_fields((index,), fields), Spot((index,), NO_RECORD)]


def _some_digits(data: bytes, rng: Random) -> bytes:
    """A number of so many digits that Python refuses to read it."""
    return re.sub(rb"([:\[] ?)(?=\d)", rb"\g<1>" + b"9" * 5000, data, count=1)


BYTES: dict[str, Callable[[bytes, Random], bytes]] = {
    "empty file": lambda data, rng: b"",
    "spaces": lambda data, rng: b" \n\t ",
    "cut short": lambda data, rng: data[: rng.randrange(1, len(data) - 1)],
    "front missing": lambda data, rng: data[rng.randrange(2, len(data)) :],
    "random bytes": lambda data, rng: random.Random(rng.random()).randbytes(3000),
    "zeros": lambda data, rng: bytes(3000),
    "open brackets": lambda data, rng: b"[" * 200_000,
    "deep list": lambda data, rng: b"[" * 200_000 + b"]" * 200_000,
    "deep objects": lambda data, rng: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "5000 digits": _some_digits,
    "comma at the end": lambda data, rng: data[:-1] + b"," + data[-1:],
    "single quotes": lambda data, rng: data.replace(b'"', b"'"),
    "comment": lambda data, rng: b"// labels\n" + data,
    "gzip": lambda data, rng: gzip.compress(data, mtime=0),
    "twice": lambda data, rng: data + data,
    "Latin-1": lambda data, rng: data.replace(b'{"', b'{"\xe9": 1, "', 1),
    "NUL at the end": lambda data, rng: data + b"\0",
    "NUL inside": lambda data, rng: data.replace(b'{"', b'{"\0', 1),
    "a web page": lambda data, rng: b"<!doctype html><html><body>404</body></html>",
    "null": lambda data, rng: b"null",
    "a number": lambda data, rng: b"3",
    "a text": lambda data, rng: b'"text"',
    "true": lambda data, rng: b"true",
    "NaN": lambda data, rng: b"NaN",
    "list of lists": lambda data, rng: b"[[1, 2], [3]]",
    "list of null": lambda data, rng: b"[null]",
    "YAML": lambda data, rng: b"images:\n- id: 1\n",
    "surrogate": lambda data, rng: b'{"\\ud800": 1, "images": "\\udfff"}',
    "missing colon": lambda data, rng: data.replace(b":", b"", 1),
    "hexadecimal": lambda data, rng: b"[0x10]",
    "an image": lambda data, rng: b"\x89PNG\r\n\x1a\n" + data[:50],
}
"""Files that are no JSON, or no object and no list of objects."""
