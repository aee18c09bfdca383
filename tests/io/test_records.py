"""Checks of single fields: what is accepted, up to its limits, and what a message names."""

import math

import numpy as np
import pytest

from fidip.core.errors import DataError
from fidip.core.skeleton import COCO17
from fidip.io import record_fields, records
from fidip.io.record_fields import LARGEST, LONGEST_NAME, LONGEST_SIDE, LONGEST_TEXT
from fidip.io.records import RecordError

MISSING = object()


def record_of(value):
    return {} if value is MISSING else {"f": value}


ACCEPTED = [
    (record_fields.integer, [0, -1, 640, -(2**63), 2**63 - 1]),
    (record_fields.number, [0, -1, 0.5, LARGEST, -LARGEST]),
    (record_fields.positive, [1, 1e-9, LARGEST]),
    (record_fields.image_side, [1, 640, LONGEST_SIDE, 640.0]),
    (record_fields.text, ["a", "é", "a b", "人", "x" * LONGEST_TEXT, "a\u00a0b"]),
    (record_fields.objects, [[], [{}], [{"a": 1}, {}]]),
    (record_fields.mapping, [{}, {"a": 1}]),
]
NUMBERS = "expected a finite number"
REFUSED = [
    (record_fields.integer, "an integer of 64 bits",
     [2**63, -(2**63) - 1, 1.0, True, "1", None, MISSING]),
    (record_fields.number, NUMBERS, [True, "1", None, MISSING, math.nan, math.inf, [1]]),
    (record_fields.number, rf"{NUMBERS} between -1e\+12 and 1e\+12$",
     [2e12, -2e12, 10**13, -(10**400)]),
    (record_fields.positive, "a number above 0", [0, -1, -0.5]),
    (record_fields.positive, NUMBERS, [None, MISSING]),
    (
        record_fields.image_side,
        f"a whole number of px from 1 to {LONGEST_SIDE}",
        [0, -1, LONGEST_SIDE + 1, 1.5, 0.5, True, "1", None, MISSING, math.nan],
    ),
    (record_fields.flag, "expected true or false", [2, -1, "true", 0.0, 1.0]),
    (record_fields.text, "expected a text$", ["", 1, None, MISSING, ["a"]]),
    (record_fields.text, f"of {LONGEST_TEXT + 1} characters, expected at most {LONGEST_TEXT}$",
     ["x" * (LONGEST_TEXT + 1)]),
    (record_fields.text, "a text without control characters",
     ["a\nb", "\x7f", "\ud800", "\u2028", "\u2029"]),
    (record_fields.objects, "expected a list of objects", [{}, "a", 1, [1], [{}, None]]),
    (record_fields.mapping, "expected an object", [[], "a", 1, None, MISSING]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("read", "values"), ACCEPTED, ids=lambda each: getattr(each, "__name__", "")
)
def test_values_up_to_the_limits_are_returned(read, values):
    for value in values:
        assert read({"f": value}, "f") == value


def test_numbers_are_returned_in_the_type_that_is_promised():
    assert type(record_fields.number({"f": 1}, "f")) is float
    assert type(record_fields.positive({"f": 1}, "f")) is float
    assert type(record_fields.image_side({"f": 640.0}, "f")) is int
    assert record_fields.numbers({"f": [1, 2]}, "f", 2).dtype == np.float64


@pytest.mark.parametrize(("read", "words", "values"), REFUSED)
def test_other_values_are_refused_with_field_and_value(read, words, values):
    for value in values:
        with pytest.raises(RecordError, match=words) as error:
            read(record_of(value), "f")
        message = str(error.value)
        assert message.startswith("f is ")
        assert ("missing" in message) == (value is MISSING)
        assert "\n" not in message


def test_a_message_shows_the_value():
    for read in (
        record_fields.integer,
        record_fields.image_side,
        record_fields.number,
        record_fields.mapping,
        record_fields.text,
    ):
        with pytest.raises(RecordError, match=r"^f is \[7, 8\]"):
            read({"f": [7, 8]}, "f")
    with pytest.raises(RecordError, match=r"^f is 'no', expected true or false$"):
        record_fields.flag({"f": "no"}, "f")
    with pytest.raises(RecordError, match=r"^f is \[7\], expected a list of objects$"):
        record_fields.objects({"f": [7]}, "f")
    with pytest.raises(RecordError, match=r"^f is -0\.5, expected a number above 0$"):
        record_fields.positive({"f": -0.5}, "f")
    with pytest.raises(RecordError, match=r"^f is 'xxxxxxxxxxxx\.\.\.xxxxxxxxxxxxx' of 1001 "):
        record_fields.text({"f": "x" * 1001}, "f")
    with pytest.raises(RecordError, match=r"^f is 'a\\n\\xe9', expected"):
        record_fields.text({"f": "a\né"}, "f")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), (1, True), (0, False), (None, None), (MISSING, None)],
)
def test_flags_may_be_written_as_numbers_or_left_out(value, expected):
    assert record_fields.flag(record_of(value), "f") is expected


def test_a_list_of_objects_may_be_left_out():
    assert record_fields.objects({}, "f") == record_fields.objects({"f": None}, "f") == []


NAMES = {
    "a file": "a.jpg",
    "in a folder": "a/b.jpg",
    "two dots before it": "..a.jpg",
    "back from a folder": "a/../b.jpg",
    "long": "x" * LONGEST_NAME,
    "long in bytes": "é" * 127,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_paths_inside_the_folder_are_returned(name):
    assert record_fields.file_name({"file_name": name}) == name
    assert record_fields.file_name({"other": name}, "other") == name


@pytest.mark.parametrize("name", ["/a.jpg", "../a.jpg", "a/../../b", ".", "a/..", "..", "./"])
def test_paths_that_lead_out_of_the_folder_are_refused(name):
    with pytest.raises(RecordError, match=f"^file_name is '{name}', expected a path inside"):
        record_fields.file_name({"file_name": name})


@pytest.mark.parametrize("name", ["x" * 256, "a/" + "x" * 256, "x" * 256 + "/a", "é" * 128])
def test_names_that_file_systems_cannot_store_are_refused(name):
    with pytest.raises(RecordError, match=r"^f is '.*', expected names of at most 255 bytes$"):
        record_fields.below("f", name)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2], "f has 2 values, expected 3"),
        ([1, 2, 3, 4], "f has 4 values, expected 3"),
        ("123", "f is '123', expected a list of numbers"),
        (MISSING, "f is missing, expected a list of numbers"),
        ([1, "2", 3], "f has '2', expected finite numbers"),
        ([1, 2, None], "f has None, expected finite numbers"),
        ([math.nan, 2, 3], "f has nan, expected finite numbers"),
        ([1, 2, -2e12], r"f has -2000000000000\.0, expected finite numbers between -1e\+12 and"),
    ],
)
def test_lists_of_other_values_are_refused(values, words):
    with pytest.raises(RecordError, match=f"^{words}( 1e.12)?$"):
        record_fields.numbers(record_of(values), "f", 3)


@pytest.mark.parametrize(
    "bbox",
    [
        [0, 0, 4, 4], [10, 20, 4, 0.1], [10, 20, 0.1, 4], [-6, 10, 10, 1], [10, -6, 1, 10],
        [96, 10, 50, 1], [10, 76, 1, 50], [99.5, 10, 1, 30], [-50, -50, 200, 200],
    ],
)  # fmt: skip
def test_boxes_of_which_four_pixels_are_in_the_image_are_returned(bbox):
    assert record_fields.box({"bbox": bbox}, (100, 80)).tolist() == bbox


@pytest.mark.parametrize(
    ("bbox", "words"),
    [
        ([10, 10, 0, 5], r"bbox \[10.0, 10.0, 0.0, 5.0\] has no area"),
        ([10, 10, 5, 0], "has no area, expected width and height above 0"),
        ([10, 10, -5, 5], "has no area"),
        ([100, 10, 5, 5], r"bbox \[100.0, 10.0, 5.0, 5.0\] lies outside its image of 100x80 px"),
        ([10, 80, 5, 5], "lies outside"),
        ([-5, 10, 5, 5], "lies outside"),
        ([10, -5, 5, 5], "lies outside"),
        ([10, 10, 3.9, 3.9], r"bbox \[10.0, 10.0, 3.9, 3.9\] shows less than 4 px of a person"),
        ([96.5, 10, 50, 1], "shows less than 4 px"),
        ([10, 76.5, 1, 50], "shows less than 4 px"),
        ([-7, 10, 10, 1], "shows less than 4 px"),
        ([10, -7, 1, 10], "shows less than 4 px"),
        ([10, 10, 5], "bbox has 3 values, expected 4"),
    ],
)
def test_other_boxes_are_refused(bbox, words):
    with pytest.raises(RecordError, match=words):
        record_fields.box({"bbox": bbox}, (100, 80))


def test_keypoints_are_triplets_with_a_visibility():
    flat = np.arange(3.0 * len(COCO17))
    flat[2::3] = np.arange(len(COCO17)) % 3
    keypoints = record_fields.keypoints({"keypoints": flat.tolist()})
    np.testing.assert_array_equal(keypoints, flat.reshape(17, 3))
    for visibility, shown in ((3, "3"), (-1, "-1"), (0.5, "0.5")):
        flat[[2, 5]] = visibility
        with pytest.raises(
            RecordError, match=f"^keypoints has visibility {shown}, expected 0, 1 or 2$"
        ):
            record_fields.keypoints({"keypoints": flat.tolist()})
    with pytest.raises(RecordError, match=r"^keypoints has 48 values, expected 51$"):
        record_fields.keypoints({"keypoints": [0] * 48})


def whole(record):
    return record_fields.integer(record, "f")


def test_malformed_records_are_named_by_id_or_position():
    parsed, problems = records.try_records(
        "thing", [{"f": 1}, 5, {"id": "a", "f": 2}, {"id": "b"}, {"f": "x"}], whole
    )
    assert parsed == [1, 2]
    assert problems == [
        "thing at position 1: is 5, expected an object",
        "thing 'b': f is missing, expected an integer of 64 bits",
        "thing at position 4: f is 'x', expected an integer of 64 bits",
    ]


@pytest.mark.parametrize(
    ("count", "end"),
    [(1, "0: f"), (3, "2: f"), (4, "and 1 more problems"), (6, "and 3 more problems")],
)
def test_a_file_is_refused_with_its_first_problems(tmp_path, count, end):
    path = tmp_path / "a.json"
    assert records.parse_records(path, "thing", [{"f": 3}], whole) == [3]
    with pytest.raises(DataError) as error:
        records.parse_records(path, "thing", [{}] * count, whole)
    message = str(error.value)
    assert message.startswith(f"{path}: thing at position 0: f is missing")
    assert message.endswith("; correct the file")
    listed = message.removesuffix("; correct the file").split("; ")
    assert len(listed) == min(count, 4)
    assert end in listed[-1]
