"""The first images of each part of ``preset=infant_bench`` against the record in the package."""

import json
import shutil

import hydra
import pytest

from fidip.cli import config_dir
from fidip.synth.dataset.fingerprint import (
    INFANT_BENCH,
    LABEL_TOLERANCE,
    compare_fingerprints,
    fingerprints,
    main,
)
from fidip.synthesize import synthesize
from tests.synth.tiny_record import RECORD, surroundings


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("bench")
    keys = ["preset=infant_bench", "first=8", "more_labels=none", "workers=1", f"out={root}"]
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        synthesize(hydra.compose("synthesize", keys))
    return root


def test_the_benchmark_is_the_recorded_one(made):
    """Labels everywhere; bytes where versions and processor are those of the record."""
    recorded = json.loads(INFANT_BENCH.read_text())
    result = compare_fingerprints(recorded, fingerprints(made))
    assert result.images == len(recorded) == 8 * 8
    assert result.drift <= LABEL_TOLERANCE
    assert result.same_visibility > 0.995
    if json.loads(RECORD.read_text())["made_with"] == surroundings():
        assert result.same_files == result.same_annotations == 64


def test_a_changed_image_and_a_moved_joint_are_found(made, tmp_path, monkeypatch, capsys):
    root = shutil.copytree(made, tmp_path / "changed")
    with (root / "images/validate_infant/test250.jpg").open("ab") as image:  # first of the clinic
        image.write(b"x")
    file = root / "annotations/person_keypoints_validate_infant.json"
    content = json.loads(file.read_text())
    content["annotations"][3]["keypoints"][0] += 0.01
    file.write_text(json.dumps(content))
    result = compare_fingerprints(fingerprints(made), fingerprints(root))
    assert (result.same_files, result.same_annotations) == (63, 63)
    assert result.drift == pytest.approx(0.01)
    monkeypatch.setattr("sys.argv", ["fingerprint", str(root)])
    assert main() == 1
    assert "at most 0.010 px" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["fingerprint", str(tmp_path / "nowhere")])
    assert main() == 2
    assert "give the out=DIR of fidip synthesize" in capsys.readouterr().err
