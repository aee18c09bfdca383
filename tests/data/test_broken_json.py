"""Generated broken files: every reader answers each of them with one line that names the file."""

import copy
import json
import os
import random

import pytest

from fidip.core.errors import DataError
from fidip.data import read_annotations, read_detections, read_second_annotator
from fidip.io.coco import read_results
from fidip.io.json import read_json
from fidip.io.labels.label_studio import read_label_studio
from fidip.io.labels.labelled import Joints

SPLIT = "train_infant"
LITERALS = {
    "null": "null",
    "true": "true",
    "false": "false",
    "0": "0",
    "-1": "-1",
    "1.5": "1.5",
    "10^30": str(10**30),
    "400 digits": "9" * 400,
    "-400 digits": "-" + "9" * 400,
    "5000 digits": "9" * 5000,
    "1e400": "1e400",
    "1e300": "1e300",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "empty text": '""',
    "text": '"x"',
    "number as text": '"1"',
    "NUL": '"a\\u0000b.jpg"',
    "half a pair": '"a\\ud800.jpg"',
    "two lines": '"a\\nb.jpg"',
    "long text": '"' + "a" * 100_000 + '"',
    "many folders": '"' + "a/" * 50_000 + 'b"',
    "long name": '"' + "a" * 300 + '.jpg"',
    "parent": '"../../../../../../etc/passwd"',
    "hidden parent": '"a/../../b.jpg"',
    "absolute": '"/etc/passwd"',
    "dots": '".."',
    "dot": '"."',
    "list": "[]",
    "list of null": "[null]",
    "list of list": "[[1]]",
    "object": "{}",
    "object with id": '{"id": 1}',
    "deep": "[" * 500 + "]" * 500,
}
OBJECTS = {"object", "object with id"}
INTEGERS = {"0", "-1"}
FLAGS = {"null", "true", "false", "0"}
FITTING = {  # what a field may be, beside what it is
    "id": INTEGERS,
    "category_id": INTEGERS,  # not of people: left out
    "is_synthetic": FLAGS,
    "iscrowd": FLAGS,
    "area": {"1.5"},
    "score": {"0", "-1", "1.5"},
    "coordinate": {"0", "-1", "1.5"},
    "categories": {"null", "list"},
    "list of records": set(),
}
HOLES = "@hole@"


def with_hole(content, path):
    """The content with a place to put something into, as text before and after it."""
    content = copy.deepcopy(content)
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = HOLES
    return json.dumps(content).split(f'"{HOLES}"')


def places(content, required, path=()):
    """Every path in a document with the name of what belongs there."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key in required:
                yield (*path, key), key
                yield from places(value, required, (*path, key))
    elif isinstance(content, list):
        for i in (0, len(content) // 2, len(content) - 1) if content else ():
            yield (*path, i), "record" if isinstance(content[i], dict) else "coordinate"
            yield from places(content[i], required, (*path, i))


def broken(content, required, optional=()):
    """Name and bytes of files that nothing can be read from, some hundreds."""
    for name, literal in LITERALS.items():
        if name != "list" or isinstance(content, dict):  # an empty list of results is none too few
            yield f"top: {name}", literal.encode()
    for path, kind in places(content, required):
        before, after = with_hole(content, path)
        for name, literal in LITERALS.items():
            if name not in FITTING.get(kind, set()):
                yield f"{path}: {name}", f"{before}{literal}{after}".encode()
        if isinstance(path[-1], str):
            double = json.dumps(path[-1])
            yield f"{path} twice", f"{before}1, {double}: 2{after}".encode()
            if path[-1] not in optional:
                yield f"{path} missing", without(content, path)
    whole = json.dumps(content).encode()
    for cut in range(1, len(whole), len(whole) // 20):
        yield f"cut at {cut}", whole[:cut]
    for name, data in {
        "nothing": b"",
        "blank": b" \n\t",
        "brackets": b"[" * 200_000,
        "braces": b'{"a":' * 100_000,
        "closed brackets": b"[" * 200_000 + b"]" * 200_000,
        "latin-1": json.dumps({"é": content}, ensure_ascii=False).encode("latin-1"),
        "UTF-16, odd": whole.decode().encode("utf-16")[:-1],
        "UTF-16, cut": whole.decode().encode("utf-16")[:40],
        "mark only": b"\xef\xbb\xbf",
        "zeros": b"\0" * 100,
        "image": b"\xff\xd8\xff\xe0" * 50,
        "two documents": whole + whole,
        "comment": b"// labels\n" + whole,
        "trailing comma": whole[:-1] + b"," + whole[-1:],
        "single quotes": whole.replace(b'"', b"'"),
    }.items():
        yield name, data


def without(content, path):
    content = copy.deepcopy(content)
    place = content
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return json.dumps(content).encode()


@pytest.fixture
def labels(tiny_root):
    content = json.loads((tiny_root / "annotations" / f"person_keypoints_{SPLIT}.json").read_text())
    return {key: values[:3] for key, values in content.items()}


@pytest.fixture
def people(tiny_root):
    file = tiny_root / "annotations" / f"person_keypoints_{SPLIT}.json"
    return read_annotations(file, tiny_root / "images" / SPLIT).people


def refusals(path, read, variants, at_least):
    """Read all variants in a random order; returns those that are not refused in one line."""
    variants = list(variants)
    random.Random(0).shuffle(variants)
    assert len(variants) >= at_least
    wrong = []
    for name, data in variants:
        path.write_bytes(data)
        try:
            read(path)
        except DataError as error:
            message = str(error)
            named = message.startswith(f"{path}: ")
            if named and message.isprintable() and len(message) < 2000 + len(str(path)):
                continue
            wrong.append((name, message[:200]))
        except Exception as error:
            wrong.append((name, f"{type(error).__name__}: {error}"[:200]))
        else:
            wrong.append((name, "accepted"))
    return wrong


def test_broken_annotations(tmp_path, tiny_root, labels):
    images = tiny_root / "images" / SPLIT
    path = tmp_path / "a.json"
    path.write_text(json.dumps(labels))
    assert len(read_annotations(path, images).people) == 3
    required = {
        "images", "annotations", "categories", "id", "file_name", "width", "height", "image_id",
        "is_synthetic", "category_id", "iscrowd", "bbox", "area", "keypoints",
    }  # fmt: skip
    optional = {"categories", "category_id", "is_synthetic", "iscrowd"}
    labels["categories"] = [{"id": 1, "name": "person"}]
    variants = broken(labels, required - {"id"}, optional)
    ids = broken({"images": labels["images"], "annotations": labels["annotations"]}, required)
    chosen = [v for v in ids if "'id'" in v[0] and not v[0].endswith(("0", "-1"))]
    of_categories = "('categories'"
    fine = [  # categories are read for their joints only
        f"{of_categories}, 0): {name}" for name in OBJECTS
    ]
    both = [v for v in (*variants, *chosen) if v[0] not in fine]
    assert refusals(path, lambda p: read_annotations(p, images), both, 600) == []


def test_broken_skeletons(tmp_path, tiny_root, labels):
    path = tmp_path / "a.json"
    before, after = with_hole(labels, ("categories", 0, "keypoints"))
    nothing = ("null", "false", "0", "list", "object", "empty text")
    variants = [
        (name, f"{before}{literal}{after}".encode())
        for name, literal in LITERALS.items()
        if name not in nothing
    ]
    images = tiny_root / "images" / SPLIT
    assert refusals(path, lambda p: read_annotations(p, images), variants, 25) == []


def test_broken_results(tmp_path, people):
    triplets = people[0].keypoints.ravel().tolist()
    content = [
        {"image_id": i, "category_id": 1, "keypoints": [*triplets], "score": 0.5} for i in (1, 2, 3)
    ]
    path = tmp_path / "r.json"
    path.write_text(json.dumps(content))
    assert len(read_results(path)) == 3
    variants = [
        v
        for v in broken(content, {"image_id", "category_id", "keypoints", "score"})
        if not ("'image_id'" in v[0] and v[0].endswith((": 0", ": -1")))  # checked with the split
    ]
    assert refusals(path, read_results, variants, 300) == []


def test_broken_detections(tmp_path, people):
    content = [
        {"image_id": i, "category_id": 1, "bbox": [5, 5, 50, 60], "score": 0.5} for i in (1, 2, 3)
    ]
    path = tmp_path / "d.json"
    path.write_text(json.dumps(content))
    assert len(read_detections(path, people)) == 3
    variants = [
        v
        for v in broken(content, {"image_id", "category_id", "bbox", "score"}, {"category_id"})
        if not ("'image_id'" in v[0] and v[0].endswith((": 0", ": -1")))  # of another split
        and not ("'bbox', 2" in v[0] and v[0].endswith(": 1.5"))  # thin, but 60 px high
    ]
    assert refusals(path, lambda p: read_detections(p, people), variants, 200) == []


def test_broken_second_labels(tmp_path, people, labels):
    path = tmp_path / "second.json"
    path.write_text(json.dumps(labels))
    assert len(read_second_annotator(path, people).people) == 3
    del labels["categories"]
    required = {
        "images", "annotations", "id", "file_name", "width", "height", "image_id", "category_id",
        "iscrowd", "keypoints",
    }  # fmt: skip
    optional = {"images", "id", "file_name", "width", "height", "category_id", "iscrowd"}
    variants = [
        v
        for v in broken(labels, required, optional)
        if not (("'image_id'" in v[0] or "'id'" in v[0]) and v[0].endswith((": 0", ": -1")))
        and not ("('images', " in v[0] and v[0].endswith("): object with id"))  # all that is needed
    ]
    assert refusals(path, lambda p: read_second_annotator(p, people), variants, 400) == []


def test_broken_label_studio(tmp_path):
    size = {"original_width": 100, "original_height": 80}
    value = {"x": 10.0, "y": 20.0, "keypointlabels": ["nose"]}
    box = {"x": 10.0, "y": 20.0, "width": 50.0, "height": 40.0}
    results = [
        {**size, "type": "keypointlabels", "value": value},
        {**size, "type": "rectanglelabels", "value": box},
    ]
    content = [{"id": 1, "data": {"image": "/data/a.png"}, "annotations": [{"result": results}]}]
    path = tmp_path / "s.json"
    path.write_text(json.dumps(content))
    assert len(read_label_studio(path, Joints({}))) == 1
    required = {
        "data", "image", "annotations", "result", "original_width", "original_height", "value",
        "x", "y", "width", "height", "keypointlabels",
    }  # fmt: skip
    numbers = ("'x'", "'y'", "'width'", "'height'")
    fine = [
        ("(0,)", ("object", "object with id")),
        ("'annotations')", ("null", "list")),
        ("'annotations', 0)", ("object", "object with id")),
        ("'result')", ("null", "list")),
        ("'result', 0)", ("object", "object with id")),
        ("'result', 1)", ("object", "object with id")),
        ("'keypointlabels')", ("null", "false", "0", "empty text", "list", "object")),
        ("'keypointlabels', 0)", ("text", "number as text", "long name", "parent", "hidden parent",
                                  "absolute", "dots", "dot")),
        ("'image')", ("text", "number as text", "absolute")),
        *((name, ("0", "-1", "1.5")) for name in numbers),
    ]  # fmt: skip
    optional = {"annotations", "result", "keypointlabels"}
    variants = [
        v
        for v in broken(content, required, optional)
        if not any(k in v[0] and v[0].rpartition(": ")[2] in names for k, names in fine)
    ]
    assert refusals(path, lambda p: read_label_studio(p, Joints({})), variants, 300) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_in_any_unicode_encoding_is_read(tmp_path, labels, encoding):
    path = tmp_path / "a.json"
    labels["info"] = "küche"
    path.write_bytes(json.dumps(labels, ensure_ascii=False).encode(encoding))
    assert read_json(path) == labels


@pytest.mark.parametrize("name", ["a\0b.json", "\ud800.json", "x" * 300, "."])
def test_a_name_that_no_file_has_is_named(tmp_path, name):
    with pytest.raises(DataError) as error:
        read_json(tmp_path / name)
    assert str(error.value).isprintable()


def test_sizes_may_be_written_with_a_point(tmp_path, tiny_root, labels):
    labels["images"][0]["width"] = float(labels["images"][0]["width"])
    path = tmp_path / "a.json"
    path.write_text(json.dumps(labels))
    people = read_annotations(path, tiny_root / "images" / SPLIT).people
    assert people[0].image_wh[0] == labels["images"][0]["width"]


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match=r"pipe\.json: not a regular file"):
        read_json(tmp_path / "pipe.json")
