"""``fidip export``, called as a user does."""

import subprocess
import sys

import hydra
import onnxruntime
import pytest

from fidip.codecs.gaussian import HeatmapCodec, dark_decode
from fidip.core.errors import CheckpointError, ConfigError, DiskError, FidipError
from fidip.export import export, main
from fidip.io.paths import config_dir
from fidip.nn import ConvHead, HeatmapFusion, MoveNetBackbone, SequenceNet
from fidip.nn.export_formats import export_net
from fidip.nn.portable_export import Portable


def compose(*overrides):
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra.compose("export", overrides)


@pytest.mark.slow
def test_a_bundled_network_as_onnx(tmp_path):
    out = tmp_path / "net.onnx"
    command = ["fidip.export", "ckpt=bundled:movenet-lightning", f"out={out}", "decode=true"]
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "takes images (N, 3, 192, 192), uint8, N any; gives xy and scores" in done.stdout
    assert "largest error" in done.stdout
    assert done.stderr == ""
    outputs = onnxruntime.InferenceSession(out).get_outputs()
    assert [output.shape[1:] for output in outputs] == [[17, 2], [17]]


def test_torchscript(tmp_path, capsys):
    out = tmp_path / "net.pt"
    export(compose("ckpt=bundled:movenet-lightning", f"out={out}", "format=torchscript"))
    assert "largest error 0.0e+00" in capsys.readouterr().out
    assert out.is_file()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["out=net.onnx"], "ckpt is not set: give ckpt=RUN_OR_CKPT"),
        (["ckpt=x"], "out is not set: give out=FILE"),
        (["ckpt=x", "out=net.pt"], "files of format=onnx end in .onnx"),
        (
            ["ckpt=x", "out=net.onnx", "format=tflite"],
            "format=tflite: expected one of onnx, torchscript",
        ),
        (["ckpt=x", "out=net.onnx", "input=bgr"], "input=bgr: expected one of pixels"),
        (["ckpt=x", "out=net.onnx"], "ckpt=x: there is no such file"),
    ],
)
def test_what_is_wrong_is_said(arguments, expected, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fidip export", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert expected in message


def test_openvino_is_named_where_it_is_missing(tmp_path):
    arguments = ["ckpt=bundled:movenet-lightning", f"out={tmp_path / 'net.xml'}", "format=openvino"]
    try:
        import openvino  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(FidipError, match="pip install openvino"):
            export(compose(*arguments))
    else:
        export(compose(*arguments))
        assert (tmp_path / "net.bin").is_file()


def test_a_file_that_cannot_be_written_is_told_before_the_network_is_read(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.onnx").mkdir()
    for out in ("/dev/null/x.onnx", tmp_path / "file" / "x.onnx", tmp_path / "folder.onnx"):
        with pytest.raises(DiskError, match="out="):
            export(compose("ckpt=x", f"out={out}"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.onnx"]


def test_a_device_is_not_replaced(tmp_path):
    device = tmp_path / "net.onnx"
    device.symlink_to("/dev/null")
    with pytest.raises(DiskError, match="not a regular file"):
        export(compose("ckpt=bundled:movenet-lightning", f"out={device}"))
    assert device.is_symlink()


def test_a_network_for_windows_is_not_exported_as_one_for_single_frames(tmp_path):
    net = SequenceNet(MoveNetBackbone(0.125), ConvHead, HeatmapFusion(past=2, future=1, width=2))
    codec = HeatmapCodec((32, 32), (8, 8), 1.5, dark_decode)
    with pytest.raises(ConfigError, match="ckpt: is a network for windows of 4 frames"):
        export_net(Portable(net, codec), tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_compute_the_same_is_not_written(tmp_path, monkeypatch):
    out = tmp_path / "net.pt"
    out.write_text("of before")
    monkeypatch.setattr("fidip.nn.export_formats.OUTPUT_TOLERANCE", -1)
    with pytest.raises(CheckpointError, match="not written"):
        export(compose("ckpt=bundled:movenet-lightning", f"out={out}", "format=torchscript"))
    assert out.read_text() == "of before"
    assert list(tmp_path.iterdir()) == [out]
