"""Weights of the zoo on the command line, and that they compute what transformers computes."""

import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from transformers import VitPoseImageProcessor

from fidip.cli.loading import default_ckpt, load_net, load_predictor
from fidip.core.crop_window import CropWindow
from fidip.core.errors import ConfigError
from fidip.core.geometry import apply_affine, crop_affine
from fidip.inference.runtime import TorchRuntime
from fidip.nn.weights import model_zoo as weights
from tests.nn.hub import serving
from tests.nn.movenet_files import picture
from tests.nn.vitpose_folder import write_vitpose

SMALL = {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12}
ENTRY = """
title: a ViTPose-S with random weights
source: huggingface:somebody/random
revision: {revision}
file: model.safetensors
sha256: {sha256}
size_mb: 100
licence: Apache-2.0
input_wh: [192, 256]
net: vitpose_s
codec: udp_192x256
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as transformers writes it, of ViTPose+ with random weights, and its own model."""
    folder = tmp_path_factory.mktemp("vitpose")
    return folder, write_vitpose(folder, experts=2, **SMALL)


@pytest.fixture
def random_zoo(folder, tmp_path, monkeypatch):
    """The zoo with ``zoo:random``, on a hub on this computer."""
    content = (folder[0] / "model.safetensors").read_bytes()
    (tmp_path / "conf" / "zoo").mkdir(parents=True)
    entry = ENTRY.format(revision="ab" * 20, sha256=hashlib.sha256(content).hexdigest())
    (tmp_path / "conf" / "zoo" / "random.yaml").write_text(entry)
    monkeypatch.setattr(weights, "config_dir", lambda: tmp_path / "conf")
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    with serving(content) as (address, _):
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield


def transformers_keypoints(model, crop):
    """Keypoints in px of a 192x256 crop, and scores, by transformers alone."""
    processor = VitPoseImageProcessor(do_affine_transform=False)
    pixels = processor(crop, boxes=[[[0, 0, 1, 1]]], return_tensors="pt").pixel_values
    with torch.no_grad():
        outputs = model(pixels, dataset_index=torch.zeros(1, dtype=torch.long))
    # The box whose window, once padded, is the crop; its width comes out a quarter px too wide.
    box = [95.5 - 50, 127.5 - 255 / 1.25 / 2, 100, 255 / 1.25]
    found = processor.post_process_pose_estimation(outputs, boxes=[[box]])[0][0]
    center = np.array([95.5, 127.5])
    xy = (found["keypoints"].numpy() - center) * [191 / 191.25, 1] + center
    return xy, found["scores"].numpy()


def noise():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (300, 400, 3)).astype(np.uint8)


@pytest.mark.parametrize("by", ["zoo:random", "folder"])
def test_keypoints_are_those_of_transformers(by, folder, random_zoo):
    import cv2

    path, model = folder
    predictor = load_predictor(by if by != "folder" else str(path), flip_test=False)
    window = CropWindow(np.array([180.0, 150.0]), 220.0)
    affine = crop_affine(window.center, window.width, (192, 256))
    expected, scores = transformers_keypoints(model, cv2.warpAffine(noise(), affine, (192, 256)))
    ours = predictor.predict_windows(noise(), [window])
    np.testing.assert_allclose(ours.scores[0], scores, rtol=1e-3, atol=1e-3)
    crop = apply_affine(affine, ours.xy[0])
    np.testing.assert_allclose(crop, expected, atol=0.05)


def test_the_list_has_all_with_their_terms(cli):
    ended = cli("zoo")
    printed = ended.out
    for name in ("vitpose-s", "vitpose-b", "vitpose-l", "vitpose-h", "bundled", "hrnet-w48"):
        assert f" {name} " in printed
    assert "non-commercial use only" in printed
    assert "downloaded at first use" in printed


def test_fetch_downloads(random_zoo, cli, tmp_path):
    ended = cli("zoo", "fetch=random")
    path = Path(ended.out.strip().splitlines()[-1])
    assert path == tmp_path / "cache" / "zoo" / "random" / "model.safetensors"
    assert path.is_file()


def test_a_name_that_the_zoo_lacks_is_named_by_its_key(cli):
    ended = cli("zoo", "fetch=choice(", status=2)
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("error: fetch=choice(: no such weights; there are bundled, ")


def test_without_network_it_is_one_line_and_status_2(monkeypatch, cli, tmp_path):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path))
    ended = cli("zoo", "fetch=vitpose-b", status=2)
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("error: zoo:vitpose-b: cannot be downloaded")
    assert line.endswith(f"copy model.safetensors to {tmp_path}/zoo/vitpose-b/model.safetensors")


def test_without_network_the_bundled_net_predicts_and_its_score_is_printed(
    tiny_root, monkeypatch, cli, tmp_path
):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    photo = next((tiny_root / "images" / "train_infant").glob("*.jpg"))
    arguments = [f"source={photo}", f"out={tmp_path}", "save=[csv]"]
    ended = cli("predict", *arguments)
    sentence, export = ended.err.strip().splitlines()
    assert sentence.startswith("zoo:accurate is not here and cannot be downloaded, so zoo:fast is")
    assert "27 real adults" in sentence
    assert sentence.endswith("'fidip zoo fetch=accurate' says how to get it")
    assert ". " not in sentence
    assert export.startswith("exporting the network for ONNX Runtime, once")
    cli("predict", arguments[0], "ckpt=zoo:fast", "save=[csv]", f"out={tmp_path / 'named'}")
    table = (tmp_path / "keypoints.csv").read_text()
    assert (tmp_path / "named" / "keypoints.csv").read_text() == table


@pytest.mark.parametrize(
    ("has_video", "gpus", "device", "is_there", "expected"),
    [
        (False, 0, None, True, "zoo:accurate"),  # photographs
        (False, 0, None, False, "zoo:fast"),
        (True, 0, None, True, "zoo:fast"),  # videos on a CPU
        (True, 1, None, True, "zoo:accurate"),
        (True, 1, "cuda:0", False, "zoo:fast"),
        (True, 1, "cpu", True, "zoo:fast"),
    ],
)
def test_the_default_weights(
    has_video, gpus, device, is_there, expected, monkeypatch, caplog, tmp_path
):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    if is_there:
        path = weights.entry_of("zoo:accurate").path
        path.parent.mkdir(parents=True)
        path.touch()
        path.with_name(f"{path.name}.sha256").touch()  # it was checked
    caplog.set_level("INFO", "fidip")
    assert default_ckpt(has_video, device) == expected
    assert len(caplog.records) == (expected == "zoo:fast")


def test_a_cache_that_cannot_be_written_to_leaves_the_fast_net(monkeypatch, caplog):
    caplog.set_level("INFO", "fidip")
    monkeypatch.setenv("FIDIP_CACHE", "/dev/null")
    predictor = load_predictor()
    assert isinstance(predictor.runtime, TorchRuntime)
    assert len(caplog.records) == 1


def test_fast_and_accurate_are_entries_of_the_zoo():
    known = weights.entries()
    assert weights.entry_of("zoo:fast") == known["bundled"]
    assert weights.entry_of("zoo:accurate") == known["vitpose-b"]
    assert " on 27 real adults" in known["bundled"].note
    with pytest.raises(ConfigError, match="did you mean 'fast'"):
        weights.entry_of("zoo:fasst")


@pytest.fixture
def figure(tmp_path):
    """A photograph of a painted figure, whose face is at (201, 113)."""
    image = np.full((300, 400, 3), 120, np.uint8)
    image[80:272, 105:297] = picture(192, 1)
    cv2.imwrite(str(tmp_path / "figure.png"), image[..., ::-1])
    return tmp_path / "figure.png", image


def test_the_bundled_movenet_predicts_without_a_warning(figure, monkeypatch, cli, tmp_path):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    arguments = [f"source={figure[0]}", "save=[csv,overlay]", "person=surest"]
    tables = []
    for number, ckpt in enumerate(("bundled:movenet-lightning", "zoo:movenet-lightning")):
        out = tmp_path / str(number)
        ended = cli("predict", *arguments, f"ckpt={ckpt}", f"out={out}")
        assert "warning" not in ended.err
        tables.append((out / "keypoints.csv").read_text())
        assert (out / "overlays" / "figure.jpg").is_file()
    assert tables[0] == tables[1]


@pytest.mark.parametrize("settings", [{}, {"runtime": "onnx"}, {"rotation_test": [-20, 20]}])
@pytest.mark.usefixtures("own_cache")
def test_the_bundled_movenet_finds_a_figure(figure, settings):
    window = CropWindow(np.array([200.5, 175.5]), 230.0)
    poses = load_predictor("bundled:movenet_lightning", **settings).predict_windows(
        figure[1], [window]
    )
    plain = load_predictor("bundled:movenet-lightning")(figure[1], [window]).xy
    np.testing.assert_allclose(poses.xy[0, 0], [201, 113], atol=5)
    assert poses.scores.mean() > 0.25
    # On the average of turned windows a few joints change sides: the figure shows no front.
    tolerance = 5 if settings.get("rotation_test") else 1e-2
    assert np.median(np.linalg.norm(poses.xy - plain, axis=2)) < tolerance


def test_an_imported_movenet_is_recognised(monkeypatch, tmp_path):
    """A file in no run directory: its tensors tell the net, and the zoo has its codec."""
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    shutil.copy(weights.bundled("movenet-lightning"), tmp_path / "mine.safetensors")
    net, codec = load_net(str(tmp_path / "mine.safetensors"))
    assert type(codec).__name__ == "MoveNetCodec"
    assert codec.input_wh == (192, 192)
    assert next(net.parameters()).dtype == torch.float32
