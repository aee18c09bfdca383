"""PyTorch and ONNX Runtime give the same keypoints."""

import copy
import json
import sys

import cv2
import numpy as np
import onnx
import pytest
import torch

from fidip.cli.loading import instantiate, load_net, load_predictor, training_config
from fidip.codecs.centernet import Maps
from fidip.core.crop_window import CropWindow
from fidip.core.errors import CheckpointError, ConfigError
from fidip.inference import runtime as runtimes
from fidip.inference.runtime import OnnxRuntime, TorchRuntime, cached_onnx, make_runtime
from fidip.nn.portable_export import Portable


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cache(cache, monkeypatch):
    monkeypatch.setenv("FIDIP_CACHE", str(cache))


@pytest.fixture(scope="module")
def bundled():
    return load_net("bundled:movenet-lightning")


def test_heatmaps_are_equal(bundled):
    crops = torch.randint(0, 256, (3, 3, 192, 192), dtype=torch.uint8)
    ours, theirs = (make_runtime(kind, *bundled)(crops) for kind in ("torch", "onnx"))
    assert ours.dtype == torch.float32
    assert ours.shape == theirs.shape
    for name, our, their in zip(Maps._fields, Maps.split(ours), Maps.split(theirs), strict=True):
        # Vectors are up to 60 cells of 4 px: the same precision relative to that is 1e-3.
        atol = 1e-5 if name in ("center", "heatmaps") else 1e-3
        torch.testing.assert_close(our, their, atol=atol, rtol=1e-4)


def test_the_file_is_written_once(bundled):
    path = cached_onnx(*bundled)
    written = path.stat().st_mtime_ns
    assert cached_onnx(*bundled) == path
    assert path.stat().st_mtime_ns == written
    net, codec = bundled
    bias = net.head.heatmaps.final.bias
    before = bias.detach().clone()
    with torch.no_grad():
        bias.add_(1)
    assert cached_onnx(net, codec) != path
    with torch.no_grad():
        bias.copy_(before)


def test_keypoints_are_equal(bundled, tiny_root):
    """By name, by runtime= and by an exported file, with and without the mirrored image."""
    photo = next((tiny_root / "images" / "train_infant").glob("*.jpg"))
    image = cv2.imread(str(photo), cv2.IMREAD_COLOR_RGB)
    windows = [CropWindow(np.array([50.0, 55.0]), 110.0, turn) for turn in (0.0, 90.0)]
    file = str(cached_onnx(*bundled))
    for flip_test in (True, False):
        ours = load_predictor("bundled:movenet-lightning", flip_test=flip_test).predict_windows(
            image, windows
        )
        for ckpt, runtime in (("bundled:movenet-lightning", "onnx"), (file, "torch")):
            theirs = load_predictor(ckpt, runtime=runtime, flip_test=flip_test).predict_windows(
                image, windows
            )
            np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-5)
            np.testing.assert_allclose(ours.xy, theirs.xy, atol=0.05)


def test_a_file_with_another_input_is_refused(exported, bundled, tmp_path):
    facts = Portable(*bundled, "normalized").facts()
    assert facts != facts_of(exported)
    path = with_facts(exported, tmp_path / "net.onnx", facts)
    with pytest.raises(CheckpointError, match="input=pixels decode=false"):
        OnnxRuntime(path)


def test_there_is_no_such_runtime(bundled):
    with pytest.raises(ConfigError, match="runtime=tensorrt: expected one of torch, onnx"):
        make_runtime("tensorrt", *bundled)


def test_torch_leaves_crops_alone(bundled):
    crops = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8)
    before = crops.clone()
    TorchRuntime(bundled[0])(crops)
    assert torch.equal(before, crops)


@pytest.fixture
def exported(bundled):
    return cached_onnx(*bundled)


def with_facts(exported, path, facts):
    model = onnx.load(exported)
    model.metadata_props[0].value = facts if isinstance(facts, str) else json.dumps(facts)
    onnx.save(model, path)
    return path


def facts_of(exported):
    return json.loads(onnx.load(exported).metadata_props[0].value)


@pytest.mark.parametrize(
    "change",
    [
        {"input_wh": "ab"}, {"input_wh": [192, 10**9]}, {"input_wh": [192.0, 192]},
        {"input_wh": None},
        {"heatmap_wh": [48, 24]}, {"heatmap_wh": [1, 1]}, {"heatmap_wh": [24, 24]},
        {"sigma": "x"}, {"sigma": -1}, {"sigma": float("nan")}, {"sigma": None},
        {"decoder": "system"}, {"decoder": ["dark_decode"]}, {"decoder_settings": []},
        {"decoder": "dark_decode", "decoder_settings": {"kernel": None}},
        {"decoder": "dark_decode", "decoder_settings": {"kernel": 10**6}},
        {"decoder_settings": {"heatmaps": 3}}, {"name": "Codec"}, {"name": {}},
    ],
    ids=str,
)  # fmt: skip
def test_metadata_that_do_not_fit_are_one_line(exported, tmp_path, change):
    facts = facts_of(exported)
    path = with_facts(exported, tmp_path / "net.onnx", facts | {"codec": facts["codec"] | change})
    with pytest.raises(CheckpointError) as error:
        OnnxRuntime(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("facts", ["{", "[" * 200_000, "3", "null", '{"input": 3}', '"text"'])
def test_metadata_of_another_kind_are_one_line(exported, tmp_path, facts):
    path = with_facts(exported, tmp_path / "net.onnx", facts)
    with pytest.raises(CheckpointError, match=r"net\.onnx: "):
        OnnxRuntime(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(exported, tmp_path, value):
    model = onnx.load(exported)
    weights = next(t for t in model.graph.initializer if "regress.final.weight" in t.name)
    array = np.full(tuple(weights.dims), value, np.float32)
    weights.CopyFrom(onnx.numpy_helper.from_array(array, weights.name))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        OnnxRuntime(tmp_path / "net.onnx")


@pytest.mark.skipif(torch.cuda.device_count() > 7, reason="there is such a GPU")
def test_a_gpu_that_is_not_there_is_one_line(bundled):
    for runtime in ("torch", "onnx"):
        with pytest.raises(ConfigError, match="device=cuda:7"):
            make_runtime(runtime, *bundled, device="cuda:7")


def test_convolutional_networks_run_in_onnx_runtime_and_others_in_torch(bundled, monkeypatch):
    transformer = training_config(["net=vitpose_s", "codec=udp_192x256"])
    vit = instantiate(transformer.net), instantiate(transformer.codec)
    assert isinstance(make_runtime(None, *bundled), OnnxRuntime)
    assert isinstance(make_runtime(None, *vit), TorchRuntime)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert isinstance(make_runtime(None, *bundled, device="cpu"), OnnxRuntime)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None if name == "onnxruntime" else name)
    assert isinstance(make_runtime(None, *bundled), TorchRuntime)


def test_a_network_that_cannot_be_exported_runs_in_torch(bundled, monkeypatch, tmp_path):
    class Strange(torch.nn.Module):
        def forward(self, images):
            return backbone(images) if images.sum().item() > -1 else images

    net, codec = copy.deepcopy(bundled[0]), bundled[1]
    backbone, net.backbone = net.backbone, Strange()
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path))
    assert isinstance(make_runtime(None, net, codec), TorchRuntime)
    assert list(tmp_path.rglob("net.onnx")) == []
