"""``fidip export``, called as a user does."""

import onnxruntime
import pytest

from fidip.codecs.decoders import dark_decode
from fidip.codecs.gaussian import HeatmapCodec
from fidip.core.errors import ConfigError
from fidip.nn import ConvHead, HeatmapFusion, MoveNetBackbone, SequenceNet
from fidip.nn.export_formats import export_net
from fidip.nn.portable_export import Portable

BUNDLED = "ckpt=bundled:movenet-lightning"


@pytest.mark.slow
def test_a_bundled_network_as_onnx(cli, tmp_path):
    out = tmp_path / "net.onnx"
    printed = cli("export", BUNDLED, f"out={out}", "decode=true")
    assert "takes images (N, 3, 192, 192), uint8, N any; gives xy and scores" in printed.out
    assert "largest error" in printed.out
    assert printed.err == ""
    outputs = onnxruntime.InferenceSession(out).get_outputs()
    assert [output.shape[1:] for output in outputs] == [[17, 2], [17]]


def test_torchscript(tmp_path, cli):
    out = tmp_path / "net.pt"
    printed = cli("export", BUNDLED, f"out={out}", "format=torchscript")
    assert "largest error 0.0e+00" in printed.out
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
def test_mistakes_are_one_line(arguments, expected, cli):
    assert expected in cli("export", *arguments, status=2).error


def test_openvino_is_named_where_it_is_missing(tmp_path, cli):
    arguments = ["export", BUNDLED, f"out={tmp_path / 'net.xml'}", "format=openvino"]
    try:
        import openvino  # noqa: F401
    except ModuleNotFoundError:
        assert "pip install openvino" in cli(*arguments, status=2).error
    else:
        cli(*arguments)
        assert (tmp_path / "net.bin").is_file()


def test_a_file_that_cannot_be_written_is_found_before_the_network_is_read(tmp_path, cli):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.onnx").mkdir()
    for out in ("/dev/null/x.onnx", tmp_path / "file" / "x.onnx", tmp_path / "folder.onnx"):
        error = cli("export", "ckpt=x", f"out={out}", status=2).error
        assert error.startswith(f"error: out={out}: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.onnx"]


def test_a_device_is_not_replaced(tmp_path, cli):
    device = tmp_path / "net.onnx"
    device.symlink_to("/dev/null")
    assert "not a regular file" in cli("export", BUNDLED, f"out={device}", status=2).error
    assert device.is_symlink()


def test_a_network_for_windows_is_not_exported_as_one_for_single_frames(tmp_path):
    net = SequenceNet(MoveNetBackbone(0.125), ConvHead, HeatmapFusion(past=2, future=1, width=2))
    codec = HeatmapCodec((32, 32), (8, 8), 1.5, dark_decode)
    with pytest.raises(ConfigError, match="ckpt: is a network for windows of 4 frames"):
        export_net(Portable(net, codec), tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_does_not_compute_the_same_is_not_written(tmp_path, monkeypatch, cli):
    out = tmp_path / "net.pt"
    out.write_text("of before")
    monkeypatch.setattr("fidip.nn.export_formats.OUTPUT_TOLERANCE", -1)
    error = cli("export", BUNDLED, f"out={out}", "format=torchscript", status=2).error
    assert "not written" in error
    assert out.read_text() == "of before"
    assert list(tmp_path.iterdir()) == [out]
