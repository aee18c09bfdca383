"""ONNX files of other programs: keypoints equal those of rtmlib, and anything else is one line."""

import cv2
import numpy as np
import onnx
import pytest
import torch

from fidip.cli.loading import load_net, load_predictor
from fidip.codecs.simcc import SimccCodec
from fidip.codecs.udp import UdpCodec
from fidip.core.crop_window import CropWindow
from fidip.core.errors import CheckpointError, ConfigError
from fidip.inference.runtime import OnnxRuntime
from fidip.nn.weights.model_zoo import entry_of
from tests.inference.blob_nets import BOXES, SPOTS, WH, spotted_image, write_blobs, write_constant

rtmlib = pytest.importorskip("rtmlib", reason="pip install --no-deps rtmlib")
CLASSES = {"simcc": rtmlib.RTMPose, "heatmaps": rtmlib.ViTPose}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files by kind and fixed batch size."""
    folder = tmp_path_factory.mktemp("onnx")
    return {
        (kind, batch): write_blobs(folder / f"{kind}_{batch}.onnx", kind, batch=batch)
        for kind in CLASSES
        for batch in (None, 1, 3)
    }


def windows():
    image = spotted_image()
    wh = image.shape[1::-1]
    return image, [CropWindow.of_box(np.array(box), wh, WH[0] / WH[1]) for box in BOXES]


def by_rtmlib(kind, path):
    """Return keypoints and scores of every box; the class expects RGB and swaps no channels."""
    corners = [[x, y, x + w, y + h] for x, y, w, h in BOXES]
    model = CLASSES[kind](str(path), WH, backend="onnxruntime")
    return model(spotted_image(), corners)


@pytest.mark.parametrize("kind", CLASSES)
def test_keypoints_and_scores_are_those_of_rtmlib(files, kind):
    predictor = load_predictor(str(files[kind, None]), flip_test=False)
    poses = predictor.predict_windows(*windows())
    theirs_xy, theirs_scores = by_rtmlib(kind, files[kind, None])
    image_px = np.array([window.width for window in windows()[1]])[:, None, None] / WH[0]
    # Of heatmaps, rtmlib's keypoints lie up to 1 crop px too far right and down: it crops W px, and
    # reads pixel k of w as W k / (w - 1), which is 1 px beyond the crop's last one.
    allowed = {"simcc": 0.5, "heatmaps": 1.0}[kind]
    assert (abs(poses.xy - theirs_xy) / image_px).max() < allowed
    np.testing.assert_allclose(poses.scores, theirs_scores, atol=0.02)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("flip_test", [False, True])
def test_spots_are_found(files, kind, flip_test):
    """The network sees colours, so channels are RGB; mirrored crops agree with plain ones."""
    predictor = load_predictor(str(files[kind, None]), flip_test=False)
    predictor.flip_order = np.arange(17) if flip_test else None  # colours have no left and right
    xy = predictor.predict_windows(*windows()).xy
    for joint, at in SPOTS.items():
        assert np.linalg.norm(xy[:, joint] - at, axis=1).max() < 1


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_fixed_batch_size_changes_nothing(files, kind, batch):
    free, fixed = (
        load_predictor(str(files[kind, b])).predict_windows(*windows()) for b in (None, batch)
    )
    np.testing.assert_allclose(free.xy, fixed.xy, atol=1e-4)
    np.testing.assert_allclose(free.scores, fixed.scores, atol=1e-4)


@pytest.mark.parametrize("kind", CLASSES)
def test_maps_are_those_of_a_file_that_rtmlib_feeds(files, kind):
    crops = torch.randint(0, 256, (2, 3, WH[1], WH[0]), dtype=torch.uint8)
    runtime = OnnxRuntime(files[kind, None])
    model = CLASSES[kind](str(files[kind, None]), WH, backend="onnxruntime")
    for crop, maps in zip(crops, runtime(crops), strict=True):
        fed = (crop.permute(1, 2, 0).numpy() - np.array(model.mean)) / np.array(model.std)
        theirs = np.concatenate(model.inference(fed), axis=-1)[0]
        np.testing.assert_allclose(maps, theirs, atol=1e-4)


def test_the_codec_is_recognised_by_the_outputs(tmp_path):
    def codec(outputs, shape=("batch", 3, 256, 192)):
        return OnnxRuntime(write_constant(tmp_path / "net.onnx", outputs, shape)).codec

    simcc = codec([("simcc_x", (17, 384)), ("simcc_y", (17, 512))])
    assert isinstance(simcc, SimccCodec)
    assert (simcc.input_wh, simcc.bins_wh, simcc.bins_per_px) == ((192, 256), (384, 512), 2)
    assert codec([("simcc_y", (17, 512)), ("simcc_x", (17, 384))]).bins_wh == (384, 512)
    assert codec([("0", (17, 576)), ("1", (17, 768))]).bins_per_px == 3
    assert codec([("x", (17, 64)), ("y", (17, 64))], (1, 3, 32, 32)).bins_wh == (64, 64)
    heatmaps = codec([("any name", (17, 64, 48))])
    assert isinstance(heatmaps, UdpCodec)
    assert heatmaps.heatmap_wh == (48, 64)


NO_OUTPUTS = {
    "one-stage detections": ([("dets", (5,)), ("keypoints", (17, 3))], "dets .*keypoints"),
    "no joints": ([("logits", (1000,))], "logits"),
    "three axes": (
        [("simcc_x", (17, 384)), ("simcc_y", (17, 512)), ("simcc_z", (17, 384))],
        "simcc_z",
    ),
    "heatmaps and more": ([("heatmaps", (17, 64, 48)), ("tags", (17, 64, 48))], "tags"),
    "one axis": ([("simcc_x", (17, 384))], "simcc_x"),
    "whole-body SimCC": (
        [("simcc_x", (133, 384)), ("simcc_y", (133, 512))],
        "133 keypoints; expected 17",
    ),
    "21 heatmaps": ([("output", (21, 64, 48))], "21 keypoints; expected 17"),
    "channels last": ([("output", (64, 48, 17))], "64 keypoints; expected 17"),
    "different numbers of joints": ([("simcc_x", (17, 384)), ("simcc_y", (16, 512))], "16 and 17"),
    "wide heatmaps": ([("output", (17, 48, 64))], "ratio"),
    "one pixel": ([("output", (17, 1, 1))], "ratio"),
    "wrong number of bins": ([("simcc_x", (17, 384)), ("simcc_y", (17, 384))], "ratio"),
    "swapped axes": ([("0", (17, 512)), ("1", (17, 384))], "ratio"),
}  # fmt: skip


@pytest.mark.parametrize(("outputs", "expected"), NO_OUTPUTS.values(), ids=NO_OUTPUTS)
def test_unknown_outputs_are_one_line(tmp_path, outputs, expected):
    refuse(write_constant(tmp_path / "net.onnx", outputs), expected)


@pytest.mark.parametrize(
    "change",
    [
        {"input_shape": ("batch", 3, "height", "width")},
        {"input_shape": ("batch", 256, 192, 3)},
        {"input_shape": ("batch", 1, 256, 192)},
        {"input_shape": (3, 256, 192)},
        {"input_shape": ("batch", 3, 4, 3)},
        {"input_shape": ("batch", 3, 256, 100_000)},
        {"input_shape": (100_000, 3, 256, 192)},
        {"input_type": onnx.TensorProto.UINT8},
        {"input_type": onnx.TensorProto.FLOAT16},
    ],
    ids=str,
)
def test_unknown_inputs_are_one_line(tmp_path, change):
    path = write_constant(tmp_path / "net.onnx", [("output", (17, 64, 48))], **change)
    refuse(path, "takes .*expected")


def refuse(path, expected):
    with pytest.raises(CheckpointError, match=expected) as error:
        load_predictor(str(path))
    assert str(error.value).startswith(f"{path}: ")
    assert "expected" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_declares_any_batch_size_and_takes_one_is_refused(tmp_path):
    path = write_constant(tmp_path / "net.onnx", [("output", (17, 64, 48))])
    model = onnx.load(path)
    model.graph.node[1].input[0] = "one"  # in place of the number of crops
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1], np.int64), "one"))
    onnx.save(model, path)
    refuse(path, r"output \(1, 17, 64, 48\) for 2 images")


def test_windows_of_simcc_are_not_turned(files):
    with pytest.raises(ConfigError, match=r"rotation_test=.*SimccCodec"):
        load_predictor(str(files["simcc", None]), rotation_test=[-20, 20])
    turned = load_predictor(str(files["heatmaps", None]), rotation_test=[-20, 20])
    assert turned(*windows()).xy.shape == (len(BOXES), 17, 2)


@pytest.mark.parametrize("ckpt", ["net.onnx", "zoo:rtmpose-s"])
def test_only_prediction_takes_an_onnx_file(files, tmp_path, monkeypatch, ckpt):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "net.onnx", entry_of("zoo:rtmpose-s").path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files["simcc", None].read_bytes())
    with pytest.raises(CheckpointError, match="can only predict"):
        load_net(ckpt)
    assert isinstance(load_predictor(ckpt).codec, SimccCodec)


def test_a_missing_file_of_the_zoo_is_named_with_its_source(tmp_path, monkeypatch):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path))
    with pytest.raises(
        CheckpointError, match=r"end2end\.onnx from https://.*rtmpose-m.*Apache-2\.0"
    ):
        load_predictor("zoo:rtmpose-m")


def test_a_photograph_on_the_command_line(files, cli, tmp_path):
    photo, out = tmp_path / "photo.png", tmp_path / "out"
    cv2.imwrite(str(photo), spotted_image()[..., ::-1])
    arguments = (f"ckpt={files['simcc', 1]}", f"out={out}", "rotations=[0]")
    cli("predict", f"source={photo}", *arguments)
    assert (out / "overlays" / "photo.jpg").is_file()
    bad = write_constant(tmp_path / "bad.onnx", [("logits", (1000,))])
    ended = cli("predict", f"source={photo}", f"ckpt={bad}", f"out={tmp_path / 'none'}", status=2)
    (line,) = ended.err.splitlines()
    assert str(bad) in line
    assert not (tmp_path / "none").exists()
