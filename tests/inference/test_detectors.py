"""Detectors of people, and where a search begins with them."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn

from fidip.core.errors import CheckpointError, ConfigError
from fidip.core.geometry import apply_affine, crop_affine
from fidip.core.poses import Poses
from fidip.inference.crop_windows import box_windows
from fidip.inference.detectors import OnnxDetector, TorchvisionDetector
from fidip.inference.search import find_person

BOXES = np.array([[10, 20, 40, 80], [0, 0, 5, 5], [50, 10, 90, 60], [1, 2, 3, 4]], np.float32)
SCORES = np.array([0.6, 0.2, 0.9, 0.95], np.float32)
LABELS = np.array([1, 1, 1, 7], np.int64)


def detector_file(path, size=("h", "w"), names=("boxes", "scores", "labels")):
    """An ONNX file that always finds ``BOXES``, with scores times the image's brightest value."""
    values = {"boxes": BOXES, "scores": SCORES, "labels": LABELS}
    kinds = {"boxes": TensorProto.FLOAT, "scores": TensorProto.FLOAT, "labels": TensorProto.INT64}
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["light"], keepdims=0),
        helper.make_node("Mul", ["score_values", "light"], ["scores"]),
    ]
    nodes += [helper.make_node("Constant", [], [f"{name}" if name != "scores" else "score_values"],
              value=numpy_helper.from_array(values[name])) for name in values]  # fmt: skip
    nodes = nodes[2:] + nodes[:2]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info(n, kinds[n], values[n].shape) for n in names],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return str(path)


def test_an_onnx_file_gives_the_boxes_of_people_surest_first(tmp_path):
    image = np.full((100, 120, 3), 255, np.uint8)
    boxes, scores = OnnxDetector(detector_file(tmp_path / "any.onnx"))(image)
    np.testing.assert_allclose(boxes, [[50, 10, 40, 50], [10, 20, 30, 60]])
    np.testing.assert_allclose(scores, [0.9, 0.6])
    _, dim = OnnxDetector(str(tmp_path / "any.onnx"))(image // 2)  # 0 to 1 goes in
    assert len(dim) == 0
    everything = detector_file(tmp_path / "people.onnx", names=("boxes", "scores"))
    assert len(OnnxDetector(everything)(image)[0]) == 3
    with pytest.raises(ConfigError, match="device=nowhere: the installed onnxruntime cannot"):
        OnnxDetector(everything, device="nowhere")


def test_boxes_of_a_fixed_input_come_back_in_image_px(tmp_path):
    detector = OnnxDetector(detector_file(tmp_path / "fixed.onnx", size=(100, 100)))
    boxes, _ = detector(np.full((400, 200, 3), 255, np.uint8))
    np.testing.assert_allclose(boxes[0], [200, 40, 160, 200])


def test_an_onnx_file_with_other_outputs_is_refused(tmp_path):
    file = detector_file(tmp_path / "other.onnx", names=("labels",))
    with pytest.raises(CheckpointError, match=r"other\.onnx: expected one float32 input"):
        OnnxDetector(file)


def test_torchvision_needs_its_weights_and_uses_them(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"no\.pth: .*expected the weights of https://.*\.pth"
    ):
        TorchvisionDetector(str(tmp_path / "no.pth"))
    file = tmp_path / "net.pth"
    torch.manual_seed(0)
    net = fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None).eval()
    torch.save(net.state_dict(), file)
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    boxes, scores = TorchvisionDetector(str(file), threshold=0.0)(image)
    with torch.inference_mode():
        found = net([torch.from_numpy(image).permute(2, 0, 1) / 255])[0]
    own = found["boxes"][found["labels"] == 1].numpy()
    own[:, 2:] -= own[:, :2]
    np.testing.assert_allclose(boxes, own, atol=1e-4)
    assert (np.diff(scores) <= 0).all()
    with pytest.raises(NotImplementedError, match="meta"):  # a device that computes shapes alone
        TorchvisionDetector(str(file), device="meta")(image)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cut short"):
        TorchvisionDetector(str(file))


@pytest.mark.parametrize("rotation", [0.0, 90.0, 180.0, 30.0])
def test_a_detected_box_lies_in_its_windows(rotation):
    (window,) = box_windows(np.array([10.0, 20, 80, 30]), 0.75, [rotation])
    corners = np.array([[10.0, 20], [89, 20], [10, 49], [89, 49]])
    crop = apply_affine(crop_affine(window.center, window.width, (60, 80), rotation), corners)
    assert (crop >= 0).all()
    assert (crop <= [59, 79]).all()


class Watched:
    """A predictor that notes where it looks."""

    aspect_ratio = 0.75

    def __init__(self):
        self.windows = []

    def __call__(self, image, windows):
        self.windows.append(windows)
        xy = np.random.default_rng(0).uniform(20, 60, (len(windows), 17, 2))
        return Poses.of_keypoints(xy, np.ones((len(windows), 17), np.float32))


def test_a_search_begins_at_the_detected_boxes_and_everywhere_without(tmp_path):
    detector = OnnxDetector(detector_file(tmp_path / "any.onnx"))
    watched = Watched()
    find_person(watched, np.full((100, 120, 3), 255, np.uint8), (0.0,), detector)
    assert {tuple(w.center) for w in watched.windows[0]} == {(69.5, 34.5), (24.5, 49.5)}
    find_person(watched, np.zeros((100, 120, 3), np.uint8), (0.0,), detector)
    assert (59.5, 49.5) in {tuple(w.center) for w in watched.windows[4]}
