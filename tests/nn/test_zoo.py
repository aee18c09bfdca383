"""Weights by name: from a hub once, from the cache afterwards, and never another file."""

import dataclasses
import hashlib
import re

import pytest
from omegaconf import OmegaConf

from fidip.cli import config_dir, preflight
from fidip.core.errors import CheckpointError, ConfigError, DiskError
from fidip.nn.weights.checkpoint_files import resolve_ckpt
from fidip.nn.weights.model_zoo import BUNDLED, HUB, bundled, entries, entry_of, fetch, is_named
from tests.nn.hub import serving

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FIDIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub(monkeypatch):
    with serving(CONTENT) as (address, requests):
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield requests


def made(**changes):
    entry = dataclasses.replace(entries()["vitpose-s"], sha256=SHA256)
    return dataclasses.replace(entry, **changes)


@pytest.mark.parametrize("entry", entries().values(), ids=entries())
def test_every_entry_is_whole(entry):
    if entry.is_onnx:
        assert (entry.net, entry.codec) == (None, None)
    else:
        assert (config_dir() / "net" / f"{entry.net}.yaml").is_file()
        codec = OmegaConf.load(config_dir() / "codec" / f"{entry.codec}.yaml")
        assert tuple(codec.input_wh) == entry.input_wh
    assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)
    assert entry.source.startswith((HUB, BUNDLED, "https://"))
    if entry.source.startswith(HUB):
        assert re.fullmatch("[0-9a-f]{40}", entry.revision)
        assert entry.licence == "Apache-2.0"


def test_a_file_is_downloaded_once(hub):
    entry = made()
    path = fetch(entry)
    assert path.read_bytes() == CONTENT
    where = f"/usyd-community/vitpose-plus-small/resolve/{entry.revision}/model.safetensors"
    assert f"GET {where}" in hub
    assert {request.split()[1] for request in hub} == {where}
    asked = len(hub)
    assert fetch(entry) == path
    assert len(hub) == asked
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, f"{path.name}.sha256"]


def test_another_file_than_expected_is_not_kept(hub):
    entry = made(sha256="0" * 64)
    with pytest.raises(CheckpointError, match=f"has SHA-256 {SHA256} instead of 0000"):
        fetch(entry)
    assert not any(path.is_file() for path in entry.path.parent.rglob("*"))


def test_a_hash_that_is_not_known_is_recorded_and_kept_to(hub, caplog):
    caplog.set_level("INFO", "fidip")
    entry = made(sha256=None)
    path = fetch(entry)
    assert f"SHA-256 {SHA256} is recorded" in caplog.text
    path.write_bytes(b"another")
    with pytest.raises(CheckpointError, match=f"instead of {SHA256}"):
        fetch(entry)


def test_without_network_the_message_names_what_to_copy_where(cache):
    entry = made()
    with pytest.raises(CheckpointError) as error:
        fetch(entry)
    assert "\n" not in str(error.value)
    assert "run 'hf download usyd-community/vitpose-plus-small model.safeten" in str(error.value)
    assert str(error.value).endswith(f"copy model.safetensors to {entry.path}")
    entry.path.parent.mkdir(parents=True)
    entry.path.write_bytes(CONTENT)
    assert entry.state == "here"
    assert fetch(entry) == entry.path


def test_files_that_people_must_get_themselves():
    entry = entries()["fidip-hrnet-w48"]
    assert entry.state == "to be copied by hand"
    with pytest.raises(CheckpointError, match=r"terms: non-commercial use only.*copy it to"):
        fetch(entry)


def test_the_bundled_movenet_is_the_documented_one():
    path = fetch(entry_of("zoo:movenet-lightning"))
    assert path == bundled("movenet-lightning") == bundled("movenet_lightning")
    assert path.stat().st_size < 4.7e6
    card = config_dir().parent / "experiments" / "007-real-adult-weights" / "README.md"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card.read_text(encoding="utf-8")


def test_the_infant_net_is_the_documented_one():
    path = fetch(entry_of("zoo:bundled"))
    assert path == bundled("movenet-thunder-infant")
    assert path.stat().st_size < 13e6
    card = config_dir().parent / "experiments" / "009-infant-net" / "README.md"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["bundled", "zoo:bundled", "zoo:fast", "bundled:movenet-thunder-infant"]
)
def test_names_of_weights_are_not_taken_for_files(name):
    assert is_named(name)
    assert preflight.MODEL_NAME.match(name)
    assert resolve_ckpt(name) == entries()["bundled"].path


@pytest.mark.parametrize("path", ["bundled.ckpt", "bundled/best.ckpt", "runs/zoo:1", "./bundled"])
def test_paths_are_not_taken_for_names_of_weights(path):
    assert not is_named(path)
    assert not preflight.MODEL_NAME.match(path)


def test_a_wrong_name_has_a_near_one():
    with pytest.raises(ConfigError, match=r"did you mean 'vitpose-b'\?; there are bundled, "):
        entry_of("zoo:vitpos-b")


def test_a_cache_that_cannot_be_written_is_found_before_the_download(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("FIDIP_CACHE", "/dev/null")
    with pytest.raises(
        DiskError, match=r"cache /dev/null \(FIDIP_CACHE\): /dev/null is not a folder"
    ):
        fetch(made())
    assert not hub


def test_a_cache_that_others_filled_needs_no_rights(hub, cache, monkeypatch):
    path = fetch(made())
    record = path.with_name(f"{path.name}.sha256")
    record.unlink()
    record.mkdir()  # as in a read-only folder, the hash cannot be recorded
    assert fetch(made()) == path
    path.write_bytes(b"other")
    with pytest.raises(CheckpointError, match="damaged"):
        fetch(made())
