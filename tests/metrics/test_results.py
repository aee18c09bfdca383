"""``results.json``: what is written is read again, today's and that of fidip 0.1."""

import json

import pytest

from fidip.core.errors import DamagedRunError
from fidip.metrics import NAMES
from fidip.metrics.results import SCHEMA_VERSION, Results
from fidip.report.run_files import read_scores

SCORES = {
    "experiment": "demo", "seed": 3, "instances": 9, "box_source": "ground truth",
    "area_source": "box area",
    "metrics": dict.fromkeys(NAMES, 0.5), "intervals": {"AP": [0.4, 0.6]},
}  # fmt: skip


def write(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    return path


def test_results_come_back(tmp_path):
    results = Results(**SCORES, group="demos", minutes=1.5, leaked_images=None, slices={})
    content = results.to_json()
    assert content["schema_version"] == SCHEMA_VERSION
    assert (content["leaked_images"], content["slices"]) == (None, {})
    assert "oks" not in content
    assert read_scores(write(tmp_path, content)) == results


def test_results_of_fidip_0_1(tmp_path):
    old = {**SCORES, "contaminated": 2, "human": {"AP": 0.9, "interval": None}, "note": "mine"}
    results = read_scores(write(tmp_path, old))
    assert (results.leaked_images, results.second_annotator) == (2, old["human"])
    assert (results.seed, results.minutes, results.has_diagnosis) == (3, None, False)


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, "2", None])
def test_another_version_is_one_line(tmp_path, version):
    with pytest.raises(
        DamagedRunError, match=r"results\.json: schema_version is .*; expected"
    ) as error:
        read_scores(write(tmp_path, {**SCORES, "schema_version": version}))
    assert "\n" not in str(error.value)
