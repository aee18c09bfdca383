"""A crop must show what its joints and its affine say; images must be what their labels say."""

import json
import math
from dataclasses import replace

import albumentations as A
import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from fidip.core.errors import DataError
from fidip.core.geometry import apply_affine
from fidip.core.people import Annotation
from fidip.core.samples import Batch, SampleKey
from fidip.core.skeleton import COCO17
from fidip.data.annotations import read_annotations
from fidip.data.augment import Augmentation
from fidip.data.dataset import PoseDataset, UnlabelledDataset, read_image

WH = (48, 64)
COLOURS = A.Compose([A.RandomBrightnessContrast(p=1), A.GaussNoise(p=0.5), A.CoarseDropout(p=0.5)])


@pytest.fixture(scope="module")
def people(tiny_root):
    path = tiny_root / "annotations" / "person_keypoints_train_infant.json"
    return read_annotations(path, tiny_root / "images" / "train_infant").people


@pytest.fixture
def compass(tmp_path):
    """A person on an image whose red is 2x and whose green is 2y."""
    x, y = np.meshgrid(np.arange(120), np.arange(100))
    image = np.stack([np.zeros_like(x), 2 * y, 2 * x], axis=-1).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "compass.png"), image)
    rng = np.random.default_rng(1)
    joints = np.column_stack([rng.uniform([30, 20], [90, 80], (17, 2)), np.full(17, 2)])
    box = np.array([25.0, 15, 70, 70])
    return Annotation(1, 1, tmp_path / "compass.png", (120, 100), box, 4900.0, joints, True)


KEYS = [0, *(SampleKey(0, epoch) for epoch in range(8))]


@pytest.mark.parametrize("key", KEYS)
def test_pixels_lie_where_the_affine_maps_them(compass, key):
    sample = PoseDataset([compass], WH, Augmentation())[key]
    u, v = np.meshgrid(np.arange(WH[0]), np.arange(WH[1]))
    xy = apply_affine(sample.crop_to_image, np.stack([u, v], -1).reshape(-1, 2).astype(float))
    inside = ((xy > 1) & (xy < [118, 98])).all(1)
    assert inside.sum() > 500
    shown = sample.crop.reshape(-1, 3)[inside] / 2
    np.testing.assert_allclose(shown[:, :2], xy[inside], atol=0.6)  # 0.5 by rounding


@pytest.mark.parametrize("key", KEYS)
def test_joints_go_back_to_where_they_were_labelled(compass, key):
    sample = PoseDataset([compass], WH, Augmentation())[key]
    mirrored = np.linalg.det(sample.crop_to_image[:, :2]) < 0
    joints = compass.keypoints[COCO17.flip_order] if mirrored else compass.keypoints
    xy = apply_affine(sample.crop_to_image, sample.joints_crop.astype(float))
    np.testing.assert_allclose(xy, joints[:, :2], atol=1e-3)


def test_labels_change_sides_in_a_mirror_image(compass):
    keypoints = compass.keypoints.copy()
    keypoints[COCO17.joints.index("left_wrist"), 2] = 0
    person = replace(compass, keypoints=keypoints)
    sample = PoseDataset([person], WH, Augmentation(flip_probability=1))[SampleKey(0)]
    assert COCO17.joints[int(sample.labelled.argmin())] == "right_wrist"
    assert sample.labelled.sum() == 16


def test_occluded_joints_are_labelled(compass):
    keypoints = compass.keypoints.copy()
    keypoints[3:5, 2] = 1, 0
    sample = PoseDataset([replace(compass, keypoints=keypoints)], WH)[0]
    assert sample.labelled.tolist() == [1, 1, 1, 1, 0, *[1] * 12]


@pytest.mark.parametrize(("domain", "value"), [(True, 1.0), (False, 0.0), (None, math.nan)])
def test_domains_are_numbers(compass, domain, value):
    sample = PoseDataset([replace(compass, is_synthetic=domain)], WH)[0]
    np.testing.assert_equal(sample.is_synthetic, value)


def test_an_index_is_never_augmented(people):
    plain = PoseDataset(people, WH)
    augmented = PoseDataset(people, WH, Augmentation(appearance=COLOURS))
    np.testing.assert_array_equal(augmented[3].crop, plain[3].crop)
    np.testing.assert_array_equal(plain[SampleKey(3, 5, 1)].crop, plain[3].crop)


def test_a_batch_carries_what_its_poses_need(people):
    chosen = [replace(people[i], box_score=0.5 + i / 10) for i in (0, 2, 3)]
    dataset = PoseDataset(chosen, WH, Augmentation())
    batch = Batch.collate([dataset[SampleKey(i)] for i in (2, 0)])
    assert batch.index.tolist() == [2, 0]
    assert batch.image_ids.tolist() == [chosen[2].image_id, chosen[0].image_id]
    np.testing.assert_array_equal(batch.boxes_xywh, [chosen[2].box_xywh, chosen[0].box_xywh])
    assert batch.box_scores.tolist() == [0.8, 0.5]
    assert batch.boxes_xywh.dtype == batch.box_scores.dtype == torch.float64


@pytest.mark.parametrize("other", [SampleKey(3, 1), SampleKey(3, 0, 1)])
def test_every_draw_is_another_and_repeats_itself(people, other):
    dataset = PoseDataset(people, WH, Augmentation(appearance=COLOURS))
    first, again, different = dataset[SampleKey(3)], dataset[SampleKey(3)], dataset[other]
    np.testing.assert_array_equal(first.crop, again.crop)
    assert (first.crop != different.crop).any()
    assert (first.crop_to_image != different.crop_to_image).any()
    seeded = PoseDataset(people, WH, Augmentation(), seed=1)[SampleKey(3)]
    assert (first.crop_to_image != seeded.crop_to_image).any()


def test_samples_do_not_depend_on_the_number_of_workers(people):
    dataset = PoseDataset(people, WH, Augmentation(appearance=COLOURS))
    keys = [SampleKey(index, epoch) for epoch in range(2) for index in range(len(people))]

    def load(workers):
        options = {"sampler": keys, "batch_size": 5, "collate_fn": Batch.collate}
        return list(DataLoader(dataset, num_workers=workers, **options))

    for alone, shared in zip(load(0), load(2), strict=True):
        assert torch.equal(alone.crops, shared.crops)
        assert torch.equal(alone.joints_crop, shared.joints_crop)


def write_image(path, mode, **options):
    array = np.random.default_rng(0).integers(0, 255, (40, 60, 4), dtype=np.uint8)
    Image.fromarray(array, "RGBA").convert(mode).save(path, **options)
    return array


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "RGB", "1"])
def test_every_kind_of_png_becomes_rgb(tmp_path, mode):
    path = tmp_path / "a.png"
    write_image(path, mode)
    image = read_image(path, (60, 40))
    assert (image.shape, image.dtype) == ((40, 60, 3), np.uint8)
    # Pillow's RGB drops alpha, as ours does.
    np.testing.assert_array_equal(image, np.asarray(Image.open(path).convert("RGB")))


def test_sixteen_bits_become_eight(tmp_path):
    grey = np.arange(0, 65536, 257, dtype=np.uint16).reshape(8, 32)
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    image = read_image(tmp_path / "a.png", (32, 8))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[..., 1], grey // 257)


def test_exif_orientation_is_obeyed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    array = np.zeros((40, 60, 3), np.uint8)
    array[:20] = 255, 0, 0  # red above becomes red on the right
    Image.fromarray(array).save(tmp_path / "a.jpg", exif=exif)
    image = read_image(tmp_path / "a.jpg", (40, 60))
    assert image[:, 25:, 0].min() > 200
    assert image[:, :15, 0].max() < 50


def damage(path, how):
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "a folder":
        path.unlink()
        path.mkdir()
    else:
        left = {"empty": b"", "cut": data[: len(data) * 9 // 10], "text": b"Not found"}
        path.write_bytes(left[how])


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp"])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("missing", "cannot be read (No such file or directory)"),
        ("a folder", "not a regular file; expected a file to read"),
        ("empty", "the file is empty; copy it again"),
        ("cut", "not an image, or cut short; copy it again"),
        ("text", "not an image, or cut short; copy it again"),
    ],
)
def test_a_bad_image_is_named(tmp_path, suffix, how, words):
    path = tmp_path / f"baby.{suffix}"
    write_image(path, "RGB")
    damage(path, how)
    with pytest.raises(DataError) as error:
        read_image(path, (60, 40))
    assert str(error.value) == f"{path}: {words}"


def test_an_image_of_another_size_is_named(tmp_path):
    write_image(tmp_path / "a.png", "RGB")
    with pytest.raises(DataError, match="has 60x40 px, its annotations say 40x60; labels would"):
        read_image(tmp_path / "a.png", (40, 60))


def test_a_bad_image_is_named_by_a_worker_process_in_its_last_line(tiny_copy):
    """The DataLoader puts the worker's traceback before our line; the command line cuts it off."""
    path = tiny_copy / "annotations" / "person_keypoints_validate_infant.json"
    people = read_annotations(path, tiny_copy / "images" / "validate_infant").people
    damage(people[2].image_path, "cut")
    loader = DataLoader(PoseDataset(people, WH), num_workers=1, collate_fn=Batch.collate)
    with pytest.raises(DataError) as error:
        list(loader)
    last = str(error.value).strip().splitlines()[-1]
    assert last == (
        f"fidip.core.errors.DataError: {people[2].image_path}: not an image, or cut short; "
        "copy it again"
    )


def test_a_box_beyond_the_image_is_clipped_first(tiny_copy):
    path = tiny_copy / "annotations" / "person_keypoints_train_infant.json"
    content = json.loads(path.read_text())
    width, height = (content["images"][0][side] for side in ("width", "height"))
    content["annotations"][0]["bbox"] = [-50, -50, width + 50, height + 50]
    path.write_text(json.dumps(content))
    person = read_annotations(path, tiny_copy / "images" / "train_infant").people[0]
    sample = PoseDataset([person], WH)[0]
    # A box from (-50, -50) keeps its sides but for what lies beyond the far border.
    centre = apply_affine(sample.crop_to_image, np.array([[(WH[0] - 1) / 2, (WH[1] - 1) / 2]]))
    np.testing.assert_allclose(centre[0], [(width - 1) / 2, (height - 1) / 2])


@pytest.mark.parametrize("key", [0, *(SampleKey(0, epoch) for epoch in range(8))])
def test_keypoints_are_removed_from_unlabelled_samples(compass, key):
    augment = Augmentation(half_body_probability=1)  # crops around keypoints where there are any
    garbage = replace(compass, keypoints=np.full((17, 3), np.nan), area=np.nan)
    bare = replace(compass, keypoints=np.zeros((17, 3)))
    samples = [UnlabelledDataset([p], WH, augment)[key] for p in (compass, garbage, bare)]
    for sample in samples:
        assert sample.is_unlabelled
        assert not sample.joints_crop.any()
        assert not sample.labelled.any()
    batches = [vars(Batch.collate([sample])) for sample in samples]
    torch.testing.assert_close(batches[0], batches[1], rtol=0, atol=0)
    torch.testing.assert_close(batches[0], batches[2], rtol=0, atol=0)


def test_an_unlabelled_person_without_domain_is_real(compass):
    for is_synthetic, expected in ((None, 0.0), (False, 0.0), (True, 1.0)):
        people = [replace(compass, is_synthetic=is_synthetic)]
        assert UnlabelledDataset(people, WH)[0].is_synthetic == expected
