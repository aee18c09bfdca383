"""TF.js files of MoveNet: converted exactly, and refused in one line where they are damaged."""

import json
from hashlib import sha256

import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from fidip.cli.composition import choice
from fidip.core.errors import CheckpointError
from fidip.nn import load_weights
from fidip.nn.weights.architecture import net_of
from fidip.nn.weights.checkpoint_files import read_weights
from fidip.nn.weights.tfjs import PUBLISHED, read_tfjs, tfjs_files
from tests.nn.movenet_files import kernel_of, movenet_arrays, theirs, write_tfjs


def make_net(name):
    torch.manual_seed(0)
    return instantiate(choice("net", name))


@pytest.fixture(scope="module")
def lightning():
    net = make_net("movenet_lightning_full")
    for tensor in net.state_dict().values():
        torch.nn.init.normal_(tensor)
    return net.half().float()


@pytest.mark.parametrize("stored", [np.float16, np.float32])
@pytest.mark.parametrize("shards", [1, 3])
def test_a_converted_net_is_the_same(lightning, tmp_path, stored, shards):
    path = write_tfjs(tmp_path, movenet_arrays(lightning), shards=shards, stored=stored)
    weights = read_weights(path)
    assert weights.family == "MoveNet of TF.js"
    assert {t.dtype for t in weights.tensors.values()} == {torch.from_numpy(stored([0])).dtype}
    net = make_net("movenet_lightning_full")
    report = load_weights(net, path)
    assert not report.unused
    state = lightning.state_dict()
    assert all(torch.equal(t, state[name]) for name, t in net.state_dict().items())


@pytest.mark.parametrize("name", ["movenet_lightning", "movenet_thunder"])
def test_the_net_is_recognised(name):
    full = make_net(f"{name}_full").state_dict()
    assert net_of(full) == f"{name}_full"
    assert net_of(make_net(name).state_dict()) == name
    assert net_of({n: t[:8] for n, t in full.items()}) is None


def test_a_net_with_norm_is_not_one_of_conf():
    config = choice("net", "movenet_lightning")
    config.backbone.norm = True
    assert net_of(instantiate(config).state_dict()) is None


def test_files_of_a_model_are_listed(tmp_path):
    path = write_tfjs(tmp_path, {"a": np.zeros((2, 3))}, shards=2)
    assert tfjs_files(path) == (path, tmp_path / "net0.bin", tmp_path / "net1.bin")
    assert list(read_tfjs(path)) == ["a"]


def small(folder):
    return write_tfjs(folder, {"a": np.ones((2, 3)), "b": np.arange(4)}, shards=2)


def edited(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def refused(path):
    with pytest.raises(CheckpointError) as error:
        read_tfjs(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_missing_shard(tmp_path):
    path = small(tmp_path)
    (tmp_path / "net1.bin").unlink()
    assert "net1.bin: no such file or directory; net.json names it" in refused(path)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_shard_of_another_length(tmp_path, change):
    path = small(tmp_path)
    shard = tmp_path / "net1.bin"
    content = shard.read_bytes()
    shard.write_bytes(content[:change] if change < 0 else content + b"0")
    message = refused(path)
    assert f"{28 + change} bytes; expected 28 according to net.json" in message
    assert "net0.bin, " in message


def test_an_empty_shard(tmp_path):
    path = small(tmp_path)
    (tmp_path / "net0.bin").write_bytes(b"")
    assert "14 bytes; expected 28" in refused(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(tmp_path, value):
    path = write_tfjs(tmp_path, {"a": np.array([1, value])})
    assert "a holds NaN or infinity" in refused(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ('{"modelTopology": {}, "weightsM', "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("\udcff", "not text in UTF-8"),
        ("[]", "not a TF.js model"),
        ('{"a": 1}', "not a TF.js model"),
        ('{"modelTopology": {}}', "weightsManifest is damaged (no weightsManifest)"),
        ('{"modelTopology": {}, "weightsManifest": 3}', "weightsManifest is damaged"),
        ('{"modelTopology": {}, "weightsManifest": [3]}', "weightsManifest is damaged"),
        ('{"modelTopology": {}, "weightsManifest": []}', "names no tensors"),
        ('{"modelTopology": {}, "format": "layers-model"}', "format 'layers-model'"),
    ],
)
def test_json_of_something_else(tmp_path, text, reason):
    path = tmp_path / "net.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert reason in refused(path)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda w: w.pop("name"), "no name"),
        (lambda w: w.update(name=3), "no name or no shape"),
        (lambda w: w.update(shape=[2, -3]), r"shape \[2, -3\]"),
        (lambda w: w.update(shape=[2, 3.0]), r"shape \[2, 3.0\]"),
        (lambda w: w.update(shape=[True, 6]), r"shape \[True, 6\]"),
        (lambda w: w.update(shape="23"), "no name or no shape"),
        (lambda w: w.update(shape=[10**9, 10**9]), "expected 2,000,000,000,000,000,016"),
        (lambda w: w.update(dtype="complex64", quantization=None), "stored as complex64"),
        (lambda w: w.update(quantization={"dtype": "uint8", "scale": 1}), "stored as uint8"),
        (lambda w: w.update(quantization={}, shape=[2, 4]), "expected 48 according"),
        (lambda w: w.update(name="b"), "names a tensor twice"),
        (lambda w: w.update(dtype=[], quantization=None), "damaged"),
    ],
)
def test_damaged_manifests(tmp_path, edit, reason):
    path = small(tmp_path)
    edited(path, lambda content: edit(content["weightsManifest"][0]["weights"][0]))
    with pytest.raises(CheckpointError, match=reason) as error:
        read_tfjs(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["../net0.bin", "/etc/passwd", "a/b.bin", "..", "", 3, "a\0b"])
def test_shards_lie_beside_the_json_file(tmp_path, name):
    path = small(tmp_path)
    edited(path, lambda content: content["weightsManifest"][0].update(paths=[name]))
    assert "is not a plain file name" in refused(path)


def test_another_shard_than_the_published_one(tmp_path, monkeypatch):
    """Of the same length, but with one bit changed: seen by the hash of a known JSON file."""
    path = small(tmp_path)
    data = b"".join((tmp_path / f"net{n}.bin").read_bytes() for n in range(2))
    published = sha256(data).hexdigest()
    monkeypatch.setitem(PUBLISHED, sha256(path.read_bytes()).hexdigest(), published)
    read_tfjs(path)
    first = bytearray((tmp_path / "net0.bin").read_bytes())
    first[0] ^= 1
    (tmp_path / "net0.bin").write_bytes(first)
    assert f"expected {published}, as published with net.json" in refused(path)


@pytest.mark.parametrize("part", ["backbone.stem.conv.weight", "head.offset.final.bias"])
def test_wrong_shapes(lightning, tmp_path, part):
    arrays = movenet_arrays(lightning)
    arrays[theirs(part)] = np.zeros((5, *kernel_of(part, lightning.state_dict()[part]).shape))
    with pytest.raises(CheckpointError, match=f"wrong shapes: {part}"):
        load_weights(make_net("movenet_lightning_full"), write_tfjs(tmp_path, arrays))


def test_weights_of_another_net(lightning, tmp_path):
    path = write_tfjs(tmp_path, movenet_arrays(lightning))
    with pytest.raises(CheckpointError, match="give net=movenet_lightning_full"):
        load_weights(make_net("movenet_thunder"), path)
    arrays = {n: a for n, a in movenet_arrays(lightning).items() if "kpt_" not in n}
    with pytest.raises(CheckpointError, match=r"has no head\.heatmaps"):
        load_weights(make_net("movenet_lightning_full"), write_tfjs(tmp_path, arrays))
    other = write_tfjs(tmp_path, {"conv/kernel": np.zeros((3, 3, 3, 8))}, "other")
    with pytest.raises(CheckpointError, match=r"has no backbone\.stem"):
        load_weights(make_net("movenet_lightning"), other)
