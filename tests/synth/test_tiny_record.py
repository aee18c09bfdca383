"""``preset=tiny`` against a record: labels, and bytes where versions and processor are equal."""

import json

import numpy as np
import pytest

from tests.synth.tiny_record import RECORD, hashes, labels, make_tiny, surroundings


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("recorded")
    make_tiny(root, workers=2)  # the record was made with one
    return root


def test_labels_drift_at_most_a_thousandth_of_a_pixel(made):
    recorded, now = json.loads(RECORD.read_text())["keypoints"], labels(made)
    assert now.keys() == recorded.keys()
    for split, people in recorded.items():
        a, b = (np.array(p).reshape(-1, 17, 3) for p in (people, now[split]))
        assert np.abs(a[..., :2] - b[..., :2]).max() <= 1e-3 + 1e-9, split
        assert (a[..., 2] == b[..., 2]).mean() > 0.995, split


def test_bytes_are_those_recorded(made):
    record = json.loads(RECORD.read_text())
    if record["made_with"] != surroundings():
        pytest.skip(f"recorded with {record['made_with']}, this is {surroundings()}")
    assert hashes(made) == record["sha256"]
