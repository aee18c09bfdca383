"""Every mistake in the data ends ``fidip train`` with one line that names it, and status 2."""

import json

import pytest

TRAIN = "annotations/person_keypoints_train_infant.json"
TEST = "annotations/person_keypoints_validate_infant.json"


def edit(file, change):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def first_image(root):
    content = json.loads((root / TRAIN).read_text())
    return root / "images/train_infant" / content["images"][0]["file_name"]


def annotation(**values):
    return lambda root: edit(root / TRAIN, lambda c: c["annotations"][0].update(values))


def truncate(root):
    path = first_image(root)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def all_images(root, **values):
    edit(root / TRAIN, lambda c: [image.update(values) for image in c["images"]])


def without_domains(root):
    edit(root / TRAIN, lambda c: [image.pop("is_synthetic") for image in c["images"]])


def without_joints(root):
    edit(
        root / TRAIN,
        lambda c: [a.update(keypoints=[0] * 51, num_keypoints=0) for a in c["annotations"]],
    )


CASES = {
    "text for an image": (
        lambda root: first_image(root).write_text("not an image"),
        "train00001.jpg",
    ),
    "empty image": (lambda root: first_image(root).write_bytes(b""), "train00001.jpg"),
    "truncated image": (truncate, "train00001.jpg"),
    "missing image": (lambda root: first_image(root).unlink(), "train00001.jpg"),
    "missing annotations": (
        lambda root: (root / TEST).unlink(),
        "person_keypoints_validate_infant",
    ),
    "broken JSON": (
        lambda root: (root / TRAIN).write_text('{"images": ['),
        "person_keypoints_train_infant",
    ),
    "wrong number of keypoints": (annotation(keypoints=[1.0] * 48), "keypoints"),
    "NaN": (annotation(keypoints=[float("nan")] * 51), "keypoints"),
    "box outside": (annotation(bbox=[5000, 5000, 10, 10]), "bbox"),
    "no labelled person": (without_joints, "person_keypoints_train_infant"),
    "no domains": (without_domains, "is_synthetic"),
    "one domain": (lambda root: all_images(root, is_synthetic=True), "synthetic"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "workers"), [*((name, 0) for name in CASES), ("empty image", 1)])
def test_bad_data_is_one_line(name, workers, tiny_copy, tmp_path, monkeypatch, cli):
    damage, words = CASES[name]
    damage(tiny_copy)
    monkeypatch.chdir(tmp_path)
    arguments = ["experiment=fidip_demo", "ckpt=null", "debug=smoke", f"data.root={tiny_copy}"]
    arguments += ["data.batch_size=4", "data.val_fraction=0.5", f"data.num_workers={workers}"]
    # all of the epoch, so that the damaged image is met
    arguments += ["trainer.limit_train_batches=1.0"]
    ended = cli("train", *arguments, status=2)
    (line,) = ended.errors
    assert "Traceback" not in ended.err
    assert words in line
    assert not list(tmp_path.glob("outputs/*/*/results.json"))
