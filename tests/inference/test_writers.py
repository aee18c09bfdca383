"""Every file of keypoints, opened by the program that it is meant for."""

import csv
import json
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pycocotools.coco import COCO

from fidip.core.people import Annotation, People
from fidip.core.poses import Poses
from fidip.core.skeleton import COCO17
from fidip.core.track import Track
from fidip.inference.writers import OUTPUT_FORMATS, write
from fidip.io.atomic import atomic_path
from fidip.io.coco import from_coco_results, read_results
from fidip.metrics import evaluate_keypoints

TIMES = np.array([0.0, 0.04, 0.08, 0.14, 0.16])
PLACES = [(joint, axis) for joint in COCO17.joints for axis in ("x", "y")]


@pytest.fixture
def track():
    """Five frames, unevenly spaced; no person in the third, a knee unknown in the fifth."""
    rng = np.random.default_rng(0)
    xy, scores = rng.uniform(0, 600, (5, 17, 2)), rng.uniform(0.2, 1, (5, 17))
    xy[2], scores[2] = np.nan, 0
    xy[4, 13] = np.nan
    return Track(TIMES, xy, scores.astype(np.float32), np.ones((5, 4)), (640, 480))


@pytest.fixture
def photos():
    """Two people in the second of three photographs, one in the third."""
    rng = np.random.default_rng(0)
    return Poses.of_keypoints(
        rng.uniform(0, 600, (3, 17, 2)),
        rng.uniform(size=(3, 17)).astype(np.float32),
        image_ids=np.array([2, 2, 3]),
        image_names=np.array(["b.jpg", "b.jpg", "c.jpg"], dtype=object),
    )


def pivot(table, value, joints=COCO17.joints):
    return table.pivot(index="frame", columns="joint", values=value)[list(joints)].to_numpy()


@pytest.mark.parametrize(("name", "atol"), [("csv", 5e-4), ("parquet", 0)])
def test_pandas_reads_the_tidy_tables(name, atol, track, tmp_path):
    (path,) = write(track, tmp_path / "v", [name])
    table = getattr(pd, f"read_{name}")(path)
    table["joint"] = table["joint"].astype(str)
    for axis in range(2):
        np.testing.assert_allclose(pivot(table, "xy"[axis]), track.xy[..., axis], atol=atol)
    np.testing.assert_allclose(pivot(table, "score"), track.scores, atol=max(atol, 1e-7))
    assert table.groupby("frame")["time_s"].first().to_list() == TIMES.tolist()


def test_a_file_has_the_ap_of_its_poses(tmp_path):
    """The right pose is more certain in half of its joints, and the wrong one in the mean."""
    keypoints = np.c_[np.random.default_rng(0).uniform(50, 150, (17, 2)), np.full(17, 2.0)]
    box = np.array([50.0, 50.0, 100.0, 100.0])
    person = Annotation(1, 1, Path("1.jpg"), (200, 200), box, 1e4, keypoints)
    poses = Poses.of_keypoints(
        np.stack([keypoints[:, :2], keypoints[:, :2] + 500]),
        np.stack([[0.9] * 8 + [0.1] * 9, [0.5] * 17]).astype(np.float32),
        image_ids=np.array([1, 1]),
        box_scores=np.array([0.8, 1.0]),
    )
    (path,) = write(poses, tmp_path / "keypoints", ["coco"])
    results = read_results(path)
    assert [entry["score"] for entry in results] == pytest.approx([0.9 * 0.8, 0.5])
    for found in (poses, from_coco_results(results)):
        metrics = evaluate_keypoints(People.without_others([person]), found).metrics
        assert metrics["AP"] == pytest.approx(1.0)


def test_people_of_a_photograph_are_numbered(photos, tmp_path):
    (path,) = write(photos, tmp_path / "keypoints", ["csv"])
    people = pd.read_csv(path)[["file_name", "person"]].drop_duplicates()
    assert people.to_numpy().tolist() == [["b.jpg", 0], ["b.jpg", 1], ["c.jpg", 0]]


def test_pycocotools_reads_the_results(track, photos, tmp_path):
    for found, ids in ((track, [0, 1, 3, 4]), (photos, [2, 2, 3])):
        (path,) = write(found, tmp_path / "v", ["coco"])
        truth = COCO()
        truth.dataset = {"images": [{"id": n} for n in range(5)], "annotations": []}
        truth.dataset["categories"] = [{"id": 1, "name": "person"}]
        truth.createIndex()
        results = truth.loadRes(str(path)).dataset["annotations"]
        assert [result["image_id"] for result in results] == ids
        first = np.reshape(results[0]["keypoints"], (17, 3))
        np.testing.assert_allclose(first[:, :2], found.xy[0], atol=1e-4)
        np.testing.assert_allclose(first[:, 2], found.scores[0], atol=1e-4)


def test_pandas_reads_the_tables_of_deeplabcut(track, tmp_path):
    text, h5 = write(track, tmp_path / "v", ["dlc"])
    for table in (pd.read_csv(text, header=[0, 1, 2], index_col=0), pd.read_hdf(h5)):
        assert table.columns.names == ["scorer", "bodyparts", "coords"]
        for joint, axis in PLACES:
            number = COCO17.joints.index(joint)
            np.testing.assert_allclose(
                table["fidip", joint, axis], track.xy[:, number, "xy".index(axis)]
            )


def test_the_h5_file_is_laid_out_as_deeplabcut_does(track, tmp_path):
    _, h5 = write(track, tmp_path / "v", ["dlc"])
    with pd.HDFStore(h5, "r") as store:
        assert store.keys() == ["/df_with_missing"]
        assert store.get_storer("df_with_missing").is_table


def check_movement(data, track):
    """The same keypoints, as movement holds them; of NWB it sorts them by name."""
    assert set(data.keypoints.values) == set(COCO17.joints)
    data = data.sel(keypoints=list(COCO17.joints))
    for axis in ("x", "y"):
        values = data.position.sel(space=axis).squeeze("individuals").transpose("time", "keypoints")
        np.testing.assert_allclose(values, track.xy[..., "xy".index(axis)])
    scores = data.confidence.squeeze("individuals").transpose("time", "keypoints")
    np.testing.assert_allclose(scores, track.scores, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".dlc.csv", ".dlc.h5"])
def test_movement_reads_the_tables_of_deeplabcut(suffix, track, tmp_path):
    load_poses = pytest.importorskip("movement.io.load_poses")
    write(track, tmp_path / "v", ["dlc"])
    data = load_poses.from_dlc_file(tmp_path / f"v{suffix}", fps=25)
    check_movement(data, track)


def test_movement_reads_nwb(track, tmp_path):
    load_poses = pytest.importorskip("movement.io.load_poses")
    (path,) = write(track, tmp_path / "v", ["nwb"])
    check_movement(load_poses.from_nwb_file(path), track)


def test_pynwb_reads_and_validates_nwb(track, tmp_path):
    import pynwb

    (path,) = write(track, tmp_path / "v", ["nwb"])
    with pynwb.NWBHDF5IO(path, "r") as io:
        file = io.read()
        pose = file.processing["behavior"]["PoseEstimation"]
        knee = pose.pose_estimation_series["left_knee"]
        np.testing.assert_array_equal(knee.data[:], track.xy[:, 13])
        np.testing.assert_array_equal(knee.timestamps[:], TIMES)
        np.testing.assert_array_equal(knee.confidence[:], track.scores[:, 13])
        assert pose.skeleton.nodes[:].tolist() == list(COCO17.joints)
    assert pynwb.validate(path=str(path)) == []


def test_movement_computes_with_the_netcdf(track, tmp_path):
    xr = pytest.importorskip("xarray")
    pytest.importorskip("movement")
    from movement.kinematics import compute_velocity
    from movement.validators.datasets import ValidPosesInputs

    (path,) = write(track, tmp_path / "v", ["netcdf"])
    with xr.open_dataset(path) as data:
        ValidPosesInputs.validate(data)
        check_movement(data, track)
        velocity = compute_velocity(data.position).squeeze("individuals")
        assert data.time.values.tolist() == TIMES.tolist()
        assert data.attrs["fps"] == pytest.approx(1 / np.median(np.diff(TIMES)))
    ends = (track.xy[1, 0] - track.xy[0, 0]) / TIMES[1]
    np.testing.assert_allclose(velocity.sel(keypoints="nose").isel(time=0), ends)


def test_photographs_have_no_files_about_time(photos, tmp_path):
    files = write(photos, tmp_path / "keypoints", list(OUTPUT_FORMATS))
    assert sorted(f.name for f in files) == ["keypoints.csv", "keypoints.json", "keypoints.parquet"]


def test_no_person_at_all_is_a_table_without_rows(tmp_path):
    no_person = Poses.of_keypoints(
        np.zeros((0, 17, 2)), np.zeros((0, 17), np.float32), image_names=np.zeros(0, object)
    )
    for path in write(no_person, tmp_path / "keypoints", ["csv", "parquet", "coco"]):
        assert path.is_file()
    with (tmp_path / "keypoints.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["file_name", "person", "joint", "x", "y", "score"]]
    assert json.loads((tmp_path / "keypoints.json").read_text()) == []


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupted_file_leaves_the_one_before(tmp_path):
    path = tmp_path / "v.csv"
    path.write_text("before")

    def interrupted():
        with atomic_path(path) as part:
            part.write_text("half of")
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_unknown_is_0_in_json_never_nan(tmp_path):
    xy, scores = np.ones((1, 17, 2)), np.full((1, 17), 0.9, np.float32)
    xy[0, 3], xy[0, 4, 1] = np.nan, np.inf
    found = Track(np.zeros(1), xy, scores, np.full((1, 4), np.nan), (64, 48))
    (path,) = write(found, tmp_path / "v", ["coco"])
    (entry,) = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert entry["keypoints"][9:15] == [0] * 6
    assert entry["keypoints"][:3] == [1, 1, 0.9]
