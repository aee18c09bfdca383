"""One way from crops to poses: the flip test, and batches beside windows of an image."""

from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from fidip.codecs.decoders import dark_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.crop_window import CropWindow
from fidip.core.geometry import box_to_center_size
from fidip.core.poses import Poses
from fidip.core.samples import Batch
from fidip.core.skeleton import COCO17
from fidip.data import PoseDataset, read_annotations
from fidip.data.dataset import read_image
from fidip.inference import Predictor
from fidip.inference.runtime import TorchRuntime
from fidip.nn import ConvHead, PoseNet, TimmPyramid
from fidip.tasks import PoseTask

CODEC = HeatmapCodec((48, 64), (12, 16), 1.5, dark_decode)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    backbone = TimmPyramid("resnet10t", width=8, stem_width=8, channels=[8, 8, 8, 8])
    net = PoseNet(backbone, ConvHead).eval()
    nn.init.normal_(net.head.final_layer.weight)
    return net


@pytest.fixture(scope="module")
def dataset(tiny_root):
    path = tiny_root / "annotations" / "person_keypoints_validate_infant.json"
    people = read_annotations(path, tiny_root / "images" / "validate_infant").people
    return PoseDataset(people, CODEC.input_wh)


@pytest.fixture(scope="module")
def batch(dataset):
    return Batch.collate([dataset[i] for i in range(3)])


def mirrored(batch):
    values = {**vars(batch), "crops": batch.crops.flip(-1)}
    return Batch(**values)


def test_maps_of_a_mirrored_crop_are_the_mirrored_maps(net, batch):
    flip, plain = (Predictor(TorchRuntime(net, "cpu"), CODEC, flip_test) for flip_test in (1, 0))
    maps, _ = flip.predict_batch(batch)
    other, _ = flip.predict_batch(mirrored(batch))
    torch.testing.assert_close(other, maps.flip(-1)[:, COCO17.flip_order.tolist()])
    assert not torch.allclose(plain.predict_batch(batch)[0], maps, atol=1e-3)


def test_maps_of_mirrored_crops_are_shifted_on_request(net, batch):
    runtime = TorchRuntime(net, "cpu")
    maps, back = runtime(batch.crops), runtime(batch.crops.flip(-1))
    for shift in (False, True):
        expected = (maps + CODEC.flip_back(back, COCO17.flip_order, shift)) / 2
        found, _ = Predictor(runtime, CODEC, flip_shift=shift).predict_batch(batch)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("flip_test", [False, True])
def test_a_task_predicts_what_the_predictor_finds_in_the_images(net, dataset, flip_test):
    task = PoseTask(
        net=net, codec=CODEC, optimizer=partial(torch.optim.SGD, lr=0.1), flip_test=flip_test
    )
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    trainer.test(task, DataLoader(dataset, 4, collate_fn=Batch.collate), verbose=False)
    poses, predictor = task.predictions, Predictor(TorchRuntime(net, "cpu"), CODEC, flip_test)
    assert poses.image_ids.tolist() == [person.image_id for person in dataset.annotations]
    for row, person in enumerate(dataset.annotations):
        image = read_image(person.image_path, person.image_wh)
        found = predictor.predict_windows(image, [dataset.crop_window(row)])
        np.testing.assert_allclose(poses.xy[row], found.xy[0], atol=1e-3)
        np.testing.assert_allclose(poses.scores[row], found.scores[0], atol=1e-5)
        np.testing.assert_array_equal(poses.boxes_xywh[row], person.box_xywh)


@pytest.mark.parametrize("rotation_test", [(), (90.0,)])
def test_no_windows_give_no_poses(net, rotation_test):
    predictor = Predictor(TorchRuntime(net, "cpu"), CODEC, rotation_test=rotation_test)
    image = np.zeros((100, 80, 3), np.uint8)
    one = predictor(image, [CropWindow(np.array([40.0, 50.0]), 60.0)])
    for found in (predictor(image, []), predictor.predict_windows(image, [])):
        assert found.xy.shape == (0, 17, 2)
        assert found.boxes_xywh.shape == (0, 4)
        assert len(Poses.concatenate([found, one])) == 1
        for name, values in vars(one[:0]).items():
            if values is not None:
                assert getattr(found, name).dtype == values.dtype, name


def test_the_boxes_of_poses_are_those_of_their_windows(net):
    predictor = Predictor(TorchRuntime(net, "cpu"), CODEC)
    windows = [
        CropWindow(np.array([30.0, 40.0]), 40.0),
        CropWindow(np.array([51.3, 22.7]), 17.9, rotation_deg=30.0),
    ]
    boxes = predictor(np.zeros((100, 80, 3), np.uint8), windows).boxes_xywh
    for box, window in zip(boxes, windows, strict=True):
        again, size_wh = box_to_center_size(box, predictor.aspect_ratio, padding=1.0)
        np.testing.assert_allclose(again, window.center)
        np.testing.assert_allclose(size_wh, [window.width, window.width / 0.75])
    # The centres of 40 px around 30 reach from 10.5 to 49.5
    assert boxes[0, [0, 2]].tolist() == [10.5, 40.0]
