"""Fixtures of all tests: a data set small enough to be made in a second."""

import contextlib
import copy
import gc
import importlib
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest
from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.defaults_list import Overrides
from hydra._internal.hydra import Hydra

from fidip.cli import module_of
from fidip.core.skeleton import COCO17
from fidip.io.paths import cache_dir, config_dir

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("WANDB_MODE", "offline")
os.environ["WANDB_HTTP_TIMEOUT"] = "2"  # s, not 19: no test reaches W&B
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"  # no server: no test downloads weights
os.environ["FIDIP_CACHE"] = str(Path(tempfile.gettempdir()) / "fidip-tests")

SPLITS = {  # name: (first image id, domains; None where the split does not tell them)
    "train_infant": (1, [False] * 4 + [True] * 8),
    "validate_infant": (0, [None] * 5),
    "train_pre_infant": (20001, [False, True] * 3),
    "train_adult": (30001, [True] * 6),
    "validate_adult": (40001, [True] * 4),
}
STANDING = np.array(
    [
        (0, -8), (1, -9), (-1, -9), (2, -8), (-2, -8), (4, -5), (-4, -5), (6, -2), (-6, -2),
        (7, 1), (-7, 1), (3, 2), (-3, 2), (3, 6), (-3, 6), (4, 10), (-4, 10),
    ],
    dtype=float,
)  # fmt: skip
"""(17, 2) joints of a person 20 units tall, seen from the front."""


def pytest_collection_modifyitems(items):
    """SLURM's module first, for it waits more than it works, then forks, then slow tests.

    Some libraries start threads on first use, after which PyTorch cannot compute gradients in a
    fork of the process. With slow modules early, no worker of ``-n`` is left with one at the end.
    """
    marks = ("slurm", "forks", "slow")
    first = [{item.path for item in items if item.get_closest_marker(mark)} for mark in marks]
    items.sort(key=lambda item: [item.path not in paths for paths in first])


def pytest_collection_finish():
    """Keep the garbage collector from what lives as long as the session, mostly imported modules.

    It would look through hundreds of thousands of objects again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def conf_composed_once():
    """Let Hydra read each file of ``conf`` once, and merge each choice of its files once.

    Both take most of a composition, and a command composes twice: to check its arguments, and to
    run. Values on the command line are set each time, on a copy. Files of other folders, which
    tests may change, are read each time.
    """
    read, files = ConfigRepository.load_config, {}
    choose, chosen = config_loader_impl.create_defaults_list, {}
    merge, merged = ConfigLoaderImpl._compose_config_from_defaults_list, {}
    own = str(config_dir())

    def reads_own(repository):
        sources = repository.get_sources()
        paths = {source.path for source in sources if source.scheme() == "file"}
        return {path.removeprefix("file://") for path in paths} == {own}

    def load_config(self, config_path):
        if not reads_own(self):
            return read(self, config_path)
        if config_path not in files:
            files[config_path] = read(self, config_path)
        result = copy.copy(files[config_path])
        if result is not None:
            result.config = copy.deepcopy(result.config)  # Hydra merges others into it
        return result

    def create_defaults_list(repo, config_name, overrides_list, **options):
        if not reads_own(repo):
            return choose(repo, config_name, overrides_list, **options)
        values = Overrides(repo, overrides_list).config_overrides
        choices = [each.input_line for each in overrides_list if each not in values]
        key = (config_name, *choices, *options.items())
        if key not in chosen:
            chosen[key] = choose(repo, config_name, overrides_list, **options)
        return replace(chosen[key], config_overrides=values)

    def compose(self, defaults, repo):
        if not any(defaults is each.defaults for each in chosen.values()):
            return merge(self, defaults, repo)
        if id(defaults) not in merged:
            merged[id(defaults)] = merge(self, defaults, repo)
        return copy.deepcopy(merged[id(defaults)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConfigRepository, "load_config", load_config)
        patch.setattr(config_loader_impl, "create_defaults_list", create_defaults_list)
        patch.setattr(ConfigLoaderImpl, "_compose_config_from_defaults_list", compose)
        yield


@pytest.fixture(scope="session", autouse=True)
def mode_without_composition():
    """Let Hydra compose no configuration just to read ``hydra.mode``, which no file here sets.

    It is one of three compositions of a command, which take half the time of a tiny training.
    """
    composed = Hydra.get_mode

    def get_mode(self, config_name, overrides):
        if any("hydra.mode" in word for word in overrides):
            return composed(self, config_name, overrides)
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hydra, "get_mode", get_mode)
        yield


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory):
    """A data set in SyRIP's layout; shared, so only to be read."""
    root = tmp_path_factory.mktemp("tiny")
    make_tiny_dataset(root)
    return root


@pytest.fixture
def tiny_copy(tiny_root, tmp_path):
    """A data set in SyRIP's layout that a test may damage."""
    return Path(shutil.copytree(tiny_root, tmp_path / "tiny"))


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    """A cache of this test only, except for networks exported to ONNX, each of which takes long."""
    exported, cache = cache_dir() / "onnx", tmp_path / "cache"
    exported.mkdir(parents=True, exist_ok=True)
    cache.mkdir()
    (cache / "onnx").symlink_to(exported)
    monkeypatch.setenv("FIDIP_CACHE", str(cache))
    return cache


@contextlib.contextmanager
def ctrl_c_works():
    """Restore Python's handling of Ctrl-C, which child processes inherit.

    Shells make background processes ignore it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def ctrl_c():
    """Ctrl-C works in a test."""
    with ctrl_c_works():
        yield


def interrupt_at_work(part):
    """Press Ctrl-C after 2 s of CPU time of this process that follow the start of a file."""

    def press():
        while not part.exists():
            time.sleep(0.01)
        began = time.process_time()
        while time.process_time() < began + 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    Thread(target=press, daemon=True).start()


def make_tiny_dataset(root: Path) -> None:
    """Stick figures in SyRIP's layout: the splits of ``SPLITS``, one person an image."""
    rng = np.random.default_rng(0)
    for split, (first_id, domains) in SPLITS.items():
        (root / "images" / split).mkdir(parents=True)
        (root / "annotations").mkdir(exist_ok=True)
        content = {"images": [], "annotations": [], "categories": [category()]}
        for image_id, is_synthetic in enumerate(domains, start=first_id):
            stem = f"test{image_id}" if is_synthetic is None else f"train{image_id:05d}"
            image, keypoints = stick_figure(rng, bool(is_synthetic))
            record = image_record(image_id, f"{stem}.jpg", image, is_synthetic)
            cv2.imwrite(str(root / "images" / split / record["file_name"]), image)
            content["images"].append(record)
            content["annotations"].append(annotation_record(image_id, keypoints))
        file = root / "annotations" / f"person_keypoints_{split}.json"
        file.write_text(json.dumps(content), encoding="utf-8")


def category():
    return {"id": 1, "name": "person", "keypoints": list(COCO17.joints)}


def image_record(image_id, file_name, image, is_synthetic):
    height, width = image.shape[:2]
    record = {"id": image_id, "file_name": file_name, "width": width, "height": height}
    return record if is_synthetic is None else {**record, "is_synthetic": is_synthetic}


def annotation_record(image_id, keypoints):
    labelled = keypoints[keypoints[:, 2] > 0, :2]
    low, high = labelled.min(0) - 4, labelled.max(0) + 4
    width, height = (high - low).tolist()
    return {
        "id": 100 + image_id,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [*low.tolist(), width, height],
        "area": width * height / 2,
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "keypoints": keypoints.ravel().tolist(),
    }


def stick_figure(rng, is_synthetic):
    """An image (H, W, 3) and the (17, 3) keypoints of the figure on it, one joint unlabelled."""
    width, height = rng.integers(90, 130, 2).tolist()
    angle, scale = rng.uniform(-1, 1), rng.uniform(2.5, 3.5)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    joints = STANDING @ turn.T + [width / 2, height / 2] + rng.normal(0, 1, (17, 2))
    noise = 5 if is_synthetic else 40
    image = rng.normal(90, noise, (height, width, 3)).clip(0, 255).astype(np.uint8)
    for a, b in COCO17.limbs:
        ends = joints[[a, b]].round().astype(int).tolist()
        cv2.line(image, *ends, (200, 120, 40 + 10 * a), 3, cv2.LINE_AA)
    keypoints = np.column_stack([joints.round(2), rng.integers(1, 3, 17)])
    keypoints[rng.integers(17)] = 0
    return image, keypoints


@pytest.fixture
def small_disk(tmp_path, request):
    """An empty disk that holds the ``DISK_SIZE`` of the test's module."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={request.module.DISK_SIZE}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@dataclass(frozen=True)
class Ended:
    """What a command printed, to its end."""

    out: str
    err: str

    @property
    def errors(self):
        """The lines of ``err`` that are errors."""
        return [line for line in self.err.splitlines() if line.startswith("error:")]

    @property
    def error(self):
        """The error that is all of ``err``, in one line."""
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        return line


def run_command(name, *arguments):
    """Run ``fidip NAME ARGUMENTS`` in this process, and return its exit status.

    For fixtures of a module and for forks; a test takes the fixture ``cli``.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"fidip {name}", *map(str, arguments)])
        try:
            importlib.import_module(f"fidip.{module_of(name)}").main()
        except SystemExit as exit_:
            return exit_.code or 0
    return 0


@contextlib.contextmanager
def script_folder(folder):
    """Import modules of a folder of scripts, then forget them: two folders have a ``report``."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == folder:
            del sys.modules[name]


def load_script(path):
    """Import a script of this repository, which imports modules beside it by their base names."""
    file = Path(__file__).parents[1] / path
    with script_folder(file.parent):
        return importlib.import_module(file.stem)


@pytest.fixture
def cli(capfd):
    """Run ``fidip NAME ARGUMENTS`` in this process, and expect it to end with a status."""

    def run(name, *arguments, status=0):
        capfd.readouterr()
        ended = run_command(name, *arguments)
        printed = Ended(*capfd.readouterr())
        assert ended == status, printed.err or printed.out
        return printed

    return run


@pytest.fixture
def two_ranks(capfd):
    """Run a command in two processes as torchrun would, and expect it to end with a status.

    They are forks of this process, which need not import anything again. Only the first one reports
    an error of both.
    """

    def run(name, *arguments, status=0):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        fork = multiprocessing.get_context("fork")
        ranks = [fork.Process(target=be_rank, args=(r, port, name, arguments)) for r in (0, 1)]
        capfd.readouterr()
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join(300)
            rank.kill()
        printed = Ended(*capfd.readouterr())
        assert [rank.exitcode for rank in ranks] == [status, 0], printed.err
        return printed

    return run


def be_rank(rank, port, name, arguments):
    os.environ |= {"TORCHELASTIC_RUN_ID": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"GROUP_RANK": "0", "RANK": str(rank), "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    sys.exit(run_command(name, *arguments))


@pytest.fixture(scope="session")
def browser():
    """A real browser with a camera; Playwright allows one at a time in a process."""
    playwright = pytest.importorskip("playwright.sync_api")
    there = shutil.which("chromium") or shutil.which("google-chrome")
    if there is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=there, args=["--no-sandbox", *camera])
        yield opened
        opened.close()
