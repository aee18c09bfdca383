"""Exported networks: equal to the original, and usable without fidip."""

import json
import logging
from contextlib import nullcontext

import numpy as np
import onnxruntime
import pytest
import torch

from fidip.codecs.simcc import SimccCodec
from fidip.codecs.udp import UdpCodec, dark_udp_decode
from fidip.core.errors import CheckpointError, ConfigError
from fidip.inference.runtime import OnnxRuntime, TorchRuntime
from fidip.nn import PoseNet, SimccHead
from fidip.nn.codec_facts import codec_of, describe_codec
from fidip.nn.export_formats import measure_deviation, write_onnx, write_torchscript
from fidip.nn.onnx_sessions import FACTS, onnx_session, read_facts
from fidip.nn.portable_export import Portable
from tests.nn.spot_net import WH, Shrink, spot_codec, spot_net

SPOTS = {0: (60.0, 50.0), 1: (120.0, 130.0), 2: (40.0, 180.0)}
"""xy in image px of the red, the green and the blue spot."""


def spotted_image(wh=(180, 240), width=14.0):
    """(H, W, 3) RGB image of three soft spots."""
    y, x = np.mgrid[: wh[1], : wh[0]]
    image = np.zeros((wh[1], wh[0], 3))
    for channel, (at_x, at_y) in SPOTS.items():
        image[..., channel] = 255 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 2 / width**2)
    return image.round().astype(np.uint8)


@pytest.fixture(scope="module")
def rtmlib_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("rtmlib") / "net.onnx"
    check = write_onnx(Portable(spot_net(), spot_codec(), "rtmlib"), path)
    assert check.error < 1e-5
    return path


def test_rtmlib_runs_it_unchanged(rtmlib_file):
    """rtmlib feeds BGR and decodes by itself; the spots are where they were painted."""
    rtmlib = pytest.importorskip("rtmlib", reason="pip install --no-deps rtmlib")
    custom = rtmlib.Custom(
        pose_class="ViTPose", pose=str(rtmlib_file), pose_input_size=WH, backend="onnxruntime"
    )
    keypoints, scores = custom(spotted_image()[..., ::-1].copy())
    assert keypoints.shape == (1, 17, 2)
    for joint, at in SPOTS.items():
        assert np.linalg.norm(keypoints[0, joint] - at) < 0.2
        assert 0.8 < scores[0, joint] <= 1


def simcc_net(codec):
    """Any network with the head of SimCC."""
    torch.manual_seed(0)
    return PoseNet(Shrink(), lambda channels: SimccHead(channels, (24, 24), codec.bins_wh)).eval()


@pytest.mark.parametrize("input", ["rtmlib", "pixels", "normalized"])
def test_simcc_is_exported(tmp_path, input):
    codec = SimccCodec(WH, (192, 192), (3.0, 3.0))
    net = simcc_net(codec)
    model = Portable(net, codec, input)
    assert write_onnx(model, tmp_path / "net.onnx").error < 1e-4
    assert model.outputs == (["simcc_x", "simcc_y"] if input == "rtmlib" else ["heatmaps"])
    if input == "pixels":
        runtime = OnnxRuntime(tmp_path / "net.onnx")
        assert runtime.codec == codec
        crops = model.example(3)
        torch.testing.assert_close(runtime(crops), TorchRuntime(net)(crops), atol=1e-4, rtol=1e-4)
    if input == "rtmlib":
        rtmlib = pytest.importorskip("rtmlib", reason="pip install --no-deps rtmlib")
        custom = rtmlib.RTMPose(str(tmp_path / "net.onnx"), WH, backend="onnxruntime")
        image = spotted_image()
        keypoints, scores = custom(image[..., ::-1].copy())
        assert (keypoints.shape, scores.shape) == ((1, 17, 2), (1, 17))


def test_bins_that_rtmlib_does_not_know_are_refused():
    codec = SimccCodec(WH, (288, 288), (3.0, 3.0))
    with pytest.raises(ConfigError, match=r"input=rtmlib: .*SimccCodec"):
        Portable(simcc_net(codec), codec, "rtmlib")
    Portable(simcc_net(codec), codec, "rtmlib", decode=True)


@pytest.mark.parametrize(
    "change",
    [
        {"bins_wh": [192, 100]}, {"bins_wh": [10**9, 10**9]}, {"bins_wh": None}, {"sigma": 3.0},
        {"sigma": [1, float("nan")]}, {"sigma": [1, 0]}, {"sigma": [1, 2, 3]}, {"input_wh": "ab"},
    ],
    ids=str,
)  # fmt: skip
def test_metadata_of_simcc_that_do_not_fit_are_refused(change):
    about = describe_codec(SimccCodec(WH, (192, 192), (3.0, 3.0)))
    with pytest.raises(CheckpointError, match="codec"):
        codec_of({"codec": {**about, **change}}, "net.onnx")


@pytest.mark.parametrize("decode", [False, True])
def test_onnx_equals_the_network_at_any_batch_size(tmp_path, decode):
    model = Portable(spot_net(), spot_codec(), "pixels", decode)
    write_onnx(model, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    assert [output.name for output in session.get_outputs()] == model.outputs
    crops = model.example(5).numpy()
    found = session.run(None, {"images": crops})
    net, codec = spot_net(), spot_codec()
    with torch.no_grad():
        expected = net(net.normalize(torch.from_numpy(crops))).heatmaps
        wanted = codec.decode(expected) if decode else [expected]
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-2 if decode else 1e-5)


def test_torchscript_equals_the_network(tmp_path):
    model = Portable(spot_net(), spot_codec(), "normalized")
    assert write_torchscript(model, tmp_path / "net.pt").error < 1e-6
    facts = {FACTS: ""}
    loaded = torch.jit.load(tmp_path / "net.pt", _extra_files=facts)
    assert json.loads(facts[FACTS])["input"] == "normalized"
    images = torch.randn(4, 3, WH[1], WH[0])
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), spot_net()(images).heatmaps)


def test_the_check_sees_a_difference():
    model = Portable(spot_net(), spot_codec())
    assert measure_deviation(model, lambda images: [model(images)]).error == 0
    assert measure_deviation(model, lambda images: [model(images) + 0.5]).error == pytest.approx(
        0.5
    )


@pytest.mark.parametrize(
    "codec", [spot_codec(), UdpCodec((192, 256), (48, 64), 2.0, dark_udp_decode)]
)
def test_a_codec_survives_its_description(codec):
    again = codec_of({"codec": json.loads(json.dumps(describe_codec(codec)))}, "net.onnx")
    heatmaps = torch.rand(2, 17, codec.heatmap_wh[1], codec.heatmap_wh[0])
    for ours, theirs in zip(again.decode(heatmaps), codec.decode(heatmaps), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_an_unknown_decoder_is_refused():
    about = {**describe_codec(spot_codec()), "decoder": "os.system"}
    with pytest.raises(CheckpointError, match="codec"):
        codec_of({"codec": about}, "net.onnx")


def test_files_that_cannot_be_opened_are_refused(tmp_path, rtmlib_file):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(rtmlib_file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cut short"):
        onnx_session(broken)
    with pytest.raises(CheckpointError, match="no such file"):
        onnx_session(tmp_path / "none.onnx")
    with pytest.raises(ConfigError, match="device=cuda"):
        onnx_session(rtmlib_file, "cuda")
    assert read_facts(onnx_session(rtmlib_file), rtmlib_file)["input"] == "rtmlib"


@pytest.mark.parametrize(
    ("device", "provider"),
    [
        ("cpu", ("CPUExecutionProvider", {})),
        ("cuda", ("CUDAExecutionProvider", {})),
        ("cuda:1", ("CUDAExecutionProvider", {"device_id": 1})),
    ],
)
def test_a_session_is_opened_on_the_chosen_gpu(device, provider, rtmlib_file, monkeypatch):
    """With a stand-in for the session: machines of the tests have no two GPUs."""
    asked = []
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [provider[0]])
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *_, providers: asked.append(providers)
    )
    onnx_session(rtmlib_file, device)
    assert asked == [[provider]]


@pytest.mark.parametrize("name", ["net.pt", "folder/net.pt"])
def test_an_export_leaves_the_levels_of_loggers_as_they_were(name, tmp_path):
    """Also one that fails, in a folder that is a file."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    (tmp_path / "folder").touch()
    try:
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
        with pytest.raises(FileExistsError) if "/" in name else nullcontext():
            write_torchscript(Portable(spot_net(), spot_codec()), tmp_path / name)
        assert [logger.level for logger in loggers] == [logging.DEBUG] * 3
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
