"""Bad run directories: settings that would run code, and files of results that are none."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import yaml

from .case import BAD, OK, Box, Case, expected
from .checkpoints import Touch
from .documents import BYTES, DELETED, NO_LIST, NO_NUMBER, NO_RECORD, Spot, damaged, replaced
from .stage import Stage

DIGITS = 10**400
EITHER = frozenset({OK, BAD})
Settings = dict[str, Any]

PLACES: tuple[tuple[str | int, ...], ...] = (
    ("codec",), ("codec", "decoder"), ("net",), ("net", "backbone"), ("net", "head"),
    ("codec", "sigma"), ("net", "frozen"), ("codec", "input_wh"), ("net", "extra"),
    ("codec", "extra"),
)  # fmt: skip
"""Where ``fidip predict`` makes objects of a run's settings."""
DATA_PLACES: tuple[tuple[str | int, ...], ...] = (
    ("data",), ("data", "augment"), ("data", "augment", "appearance"), ("data", "seed"),
    ("data", "extra"),
)  # fmt: skip
"""The same of ``fidip evaluate`` and ``fidip compare``."""
TASK_PLACES: tuple[tuple[str | int, ...], ...] = (
    ("task",), ("task", "codec"), ("task", "net", "backbone"), ("task", "loss"),
    ("task", "optimizer"),
)  # fmt: skip
"""The same of ``fidip evaluate`` only."""


def code(box: Box) -> dict[str, Any]:
    """Settings that make a file, or read a pickle that does, if they are taken at their word."""
    path, evil = (
        str(box.canary),
        box.file("in/evil.pkl", pickle.dumps(Touch(box.canary, "os.system"), 2)),
    )
    touch = f"touch {path}"
    return {
        "torch.load": {"_target_": "torch.load", "f": evil, "weights_only": False},
        "os.system": {"_target_": "os.system", "command": touch},
        "numpy.save": {"_target_": "numpy.save", "file": path, "arr": [1]},
        "Path.touch": {
            "_target_": "pathlib.Path.touch",
            "_args_": [{"_target_": "pathlib.Path", "_args_": [path]}],
        },
        "open": {"_target_": "builtins.open", "file": path, "mode": "w"},
        "eval": {"_target_": "builtins.eval", "_args_": [f"open({path!r}, 'w')"]},
        "subprocess.run": {"_target_": "subprocess.run", "args": ["touch", path]},
        "inner": {
            "_target_": "fidip.codecs.gaussian.HeatmapCodec",
            "input_wh": {"_target_": "os.system", "command": touch},
        },
        "in a list": [{"_target_": "os.system", "command": touch}],
        "partial": {"_target_": "os.system", "command": touch, "_partial_": True},
        "get_method": {
            "_target_": "hydra.utils.call",
            "config": {"_target_": "os.system", "command": touch},
        },
        "call": {"_target_": "hydra.utils.get_method", "path": "os.system"},
        "partial of get_method": {
            "_target_": "functools.partial",
            "_args_": [{"_target_": "hydra.utils.get_method", "path": "os.system"}, touch],
        },
        "instantiate": {
            "_target_": "hydra.utils.instantiate",
            "config": {"_target_": "os.system", "command": touch},
        },
        "a module of ours as a way": {
            "_target_": "fidip.io.run_directory.subprocess.run",
            "args": ["touch", path],
        },
        "Path of ours": {
            "_target_": "fidip.predict.Path.touch",
            "_args_": [{"_target_": "fidip.predict.Path", "_args_": [path]}],
        },
        "a writer of ours": {
            "_target_": "fidip.io.json.write_json",
            "path": {"_target_": "pathlib.Path", "_args_": [path]},
            "content": 1,
        },
        "a text for a writer": {
            "_target_": "fidip.io.atomic.write_text_atomic",
            "path": path,
            "text": "x",
        },
        "shutil of ours": {"_target_": "fidip.labels.shutil.copyfile", "src": evil, "dst": path},
        "torch of ours": {
            "_target_": "fidip.nn.weights.checkpoint_files.torch.load",
            "f": evil,
            "weights_only": False,
        },
        "pickle of torch": {
            "_target_": "torch.serialization.pickle.load",
            "file": {"_target_": "builtins.open", "file": evil, "mode": "rb"},
        },
        "module below torch.optim": {
            "_target_": "torch.optim.lr_scheduler.types.FunctionType",
            "code": 1,
        },
        "albumentations.load": {"_target_": "albumentations.load", "filepath_or_buffer": evil},
        "albumentations.Lambda": {
            "_target_": "albumentations.Lambda",
            "image": {"_target_": "hydra.utils.get_method", "path": "os.system"},
        },
        "a way through albumentations": {
            "_target_": "albumentations.core.serialization.Path.touch",
            "_args_": [path],
        },
        "a way through Lightning": {
            "_target_": "pytorch_lightning.trainer.trainer.os.system",
            "command": touch,
        },
        "Lightning's loader": {
            "_target_": "pytorch_lightning.core.saving.pl_load",
            "path_or_url": evil,
            "weights_only": False,
        },
        "a private one": {"_target_": "fidip.io.environment._commit"},
        "a dunder": {"_target_": "fidip.__loader__.set_data", "path": path, "data": b"x".hex()},
        "a fidip of one's own": {"_target_": "fidipx.evil.run"},
        "upper case": {"_target_": "OS.system", "command": touch},
        "no module": {"_target_": "nope.nope"},
        "no such name": {"_target_": "fidip.nope.Nope"},
        "a number": {"_target_": 5},
        "empty": {"_target_": ""},
        "a module": {"_target_": "os"},
        "dots": {"_target_": "...."},
        "a list": {"_target_": ["os.system"]},
    }


def draw_code(rng: Random, box: Box, stage: Stage) -> Case:
    """Settings with a target that is none of ours."""
    settings = _settings(stage)
    found = code(box)
    name = rng.choice(list(found))
    command, places = rng.choice(
        [
            *(("predict", PLACES), ("predict", PLACES), ("predict", PLACES), ("export", PLACES)),
            *(("evaluate", DATA_PLACES + TASK_PLACES), ("compare", DATA_PLACES)),
        ]
    )
    place = rng.choice(places)
    _put(settings, place, found[name])
    where = ".".join(map(str, place))
    return _run_case(box, stage, f"{where} = {name}", _yaml(settings), command)


def draw_interpolation(rng: Random, box: Box, stage: Stage) -> Case:
    """Settings with an interpolation that reads what is not theirs, or never ends."""
    text = rng.choice(
        [
            "${oc.env:HOME}", "${oc.env:NO_SUCH_VARIABLE}", "${oc.decode:'['}", "${codec}",
            "${codec.sigma}",
            "${nope}", "${nope:1}", "${hydra:runtime.cwd}", "${oc.create:{a: 1}}", "${", "${codec.",
            "${oc.select:net}", "${fidip.run_directory_for:a,b,c,[]}", "${..}",
            "${oc.dict.keys:net}",
            "???",
        ]
    )  # fmt: skip
    place = rng.choice(
        [("codec", "sigma"), ("codec", "input_wh"), ("net", "backbone"), ("codec", "_target_")]
    )
    settings = _settings(stage)
    _put(settings, place, text)
    return _run_case(box, stage, f"{'.'.join(place)} = {text}", _yaml(settings), "predict")


NO_SETTINGS: tuple[Spot, ...] = (
    Spot(("codec",), (DELETED, None, 5, [], "text", {})),
    Spot(("net",), (DELETED, None, 5, [], "text", {})),
    Spot(("net", "backbone"), (DELETED, None, 5, [], "text", {})),
    Spot(("net", "head"), (None, 5, "text")),
    Spot(("net", "nope"), (1,)),
    Spot(("net", "backbone", "name"), ("nope", None, 5, "../x")),
    Spot(("net", "backbone", "width"), (0, -1, "x", None, 1.5, 10**30)),
    Spot(("net", "backbone", "channels"), ([], [0, 0, 0, 0], "x", [1], None)),
    Spot(("codec", "input_wh"), (DELETED, [0, 0], [-96, 96], "x", None, [96], [96, "x"],
                                 [10**12, 10**12], DIGITS)),
    Spot(("codec", "heatmap_wh"), ([0, 0], [-1, 1], "x", None, [24], [7, 7], [10**12, 10**12])),
    Spot(("codec", "sigma"), (0, -1, "x", None, [], float("nan"), DIGITS)),
    Spot(("codec", "decoder"), (5, "text", [])),
    Spot(("codec", "decoder", "kernel"), (-1, 0, "x", None, 1.5, 4)),
    Spot(("codec", "nope"), (1,)),
)  # fmt: skip
NO_DATA_SETTINGS: tuple[Spot, ...] = (
    Spot(("data",), (DELETED, None, 5, [], "text", {})),
    Spot(("data", "test_split"), ("../../x", None, 5, [], "", "nope", "/etc")),
    Spot(("data", "batch_size"), (0, -1, "x", None, 1.5)),
    Spot(("data", "nope"), (1,)),
    Spot(("data", "input_wh"), ([0, 0], "x", None, [96])),
    Spot(("task",), (DELETED, None, 5, [], "text")),
)  # fmt: skip


def draw_settings(rng: Random, box: Box, stage: Stage) -> Case:
    """Settings with one value that they cannot have."""
    in_data = rng.random() < 0.3
    spot = rng.choice(NO_DATA_SETTINGS if in_data else NO_SETTINGS)
    value = rng.choice(spot.values)
    settings = replaced(_settings(stage), spot.path, value)
    command = "evaluate" if in_data else rng.choice(["predict", "predict", "export"])
    key = ".".join(map(str, spot.path))
    case = _run_case(box, stage, f"{key} = {str(value)[:40]}", _yaml(settings), command)
    # of a split that is missing in the data set, its name is enough
    return replace(case, problems=expected(*case.problems[0], "no split")) if in_data else case


YAML: dict[str, Callable[[bytes, Random], bytes]] = {
    "empty": lambda data, rng: b"",
    "cut short": lambda data, rng: data[: rng.randrange(10, 300)] + b"\n  - : [",
    "tabs": lambda data, rng: data.replace(b"  ", b"\t"),
    "random bytes": lambda data, rng: rng.randbytes(500),
    "zeros": lambda data, rng: bytes(500),
    "UTF-16": lambda data, rng: b"\xff\xfe\x00" + data[:99],
    "not UTF-8": lambda data, rng: data + b"more: \xff\xfe\n",
    "a list": lambda data, rng: b"- a\n- b\n",
    "a number": lambda data, rng: b"5\n",
    "a text": lambda data, rng: b"settings\n",
    "null": lambda data, rng: b"null\n",
    "two documents": lambda data, rng: data + b"---\n" + data,
    "Python object": lambda data, rng: (
        data + b"evil: !!python/object/apply:os.system [touch EXECUTED]\n"
    ),
    "Python name": lambda data, rng: data + b"evil: !!python/name:os.system\n",
    "unknown tag": lambda data, rng: data + b"evil: !nope 5\n",
    "deep": lambda data, rng: b"a: " + b"[" * 20_000,
    "deep and closed": lambda data, rng: b"a: " + b"[" * 3000 + b"]" * 3000,
    "a key twice": lambda data, rng: data + b"codec: 5\n",
    "a key that is a list": lambda data, rng: b"? [1, 2]\n: 5\n" + data,
    "an alias to nothing": lambda data, rng: data + b"more: *nothing\n",
    "an alias to itself": lambda data, rng: data + b"more: &a [*a]\n",
    "laughs": lambda data, rng: data + _laughs(),
    "a folder": lambda data, rng: data,
}


def draw_yaml(rng: Random, box: Box, stage: Stage) -> Case:
    """Settings that are no YAML, or not of settings."""
    name = rng.choice(list(YAML))
    content = YAML[name]((stage.run / "config.yaml").read_bytes(), rng)
    command = rng.choice(["predict", "predict", "evaluate", "compare", "train"])
    case = _run_case(box, stage, name, content, command)
    if name == "laughs":  # a refusal is right, and so is reading them
        case = replace(case, statuses=EITHER)
    if name == "a folder":
        (box.work / "in/run/config.yaml").unlink()
        (box.work / "in/run/config.yaml").mkdir()
    return case


RESULTS = (
    Spot(("metrics",), (DELETED, *NO_LIST[:3], [])),
    Spot(("metrics", "AP"), (DELETED, *(v for v in NO_NUMBER if v is not None))),
    Spot(("intervals",), (5, "text")),
    Spot(("experiment",), (DELETED, [], {})),
    Spot(("seed",), (DELETED, "x", [], {}, float("nan"), DIGITS)),
    Spot(("area_source",), (DELETED,)),
    Spot(("instances",), (DELETED, "x", [])),
)
ENVIRONMENT = (
    Spot(("data_root",), (DELETED, None, 5, [], "", "/nowhere", "a\0b", "x" * 5000)),
    Spot(("test_json",), (5, [], "/nowhere", "a\0b")),
    Spot(("test_images",), (5, [], "/nowhere", "a\0b")),
    Spot(("data_sha256",), (5, [], "a\nb")),
)
PREDICTIONS = (
    Spot((0,), NO_RECORD),
    Spot((0, "score"), NO_NUMBER),
    Spot((0, "keypoints"), (DELETED, None, [], [1.0] * 48, ["1"] * 51, [float("nan")] * 51)),
    Spot((0, "image_id"), (DELETED, None, "x", DIGITS, 10**30, 987654)),
)


def draw_results(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad file of a finished run, for ``fidip compare``."""
    name, spots = rng.choice(
        [
            ("results.json", RESULTS),
            ("results.json", RESULTS),
            ("environment.json", ENVIRONMENT),
            ("predictions.json", PREDICTIONS),
        ]
    )
    document = json.loads((stage.run / name).read_text())
    is_needed = True
    if name == "environment.json":
        spots = (rng.choice(ENVIRONMENT),)
        is_needed = spots == ENVIRONMENT[:1]  # the labels are found by way of the settings
    if name == "results.json" and "intervals" not in document:
        spots = RESULTS[:2]
    title, content = damaged(rng, document, list(spots))
    box.copy(stage.run, "in/run")
    box.file(f"in/run/{name}", content)
    words = expected(name, *(["data.root", "/nowhere"] if name == "environment.json" else []))
    case = Case(f"{name}: {title}", "compare", ["runs=in/run", "out=out/page"], words)
    if name == "results.json":
        return case
    return _noted(case) if is_needed else replace(case, statuses=EITHER)


CURVES: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "text for a number": lambda text: text.replace("0.", "zero.", 9),
    "NUL": lambda text: text.replace("0.", "\0", 9),
    "long row": lambda text: text + "1,2,3" * 500 + "\n",
    "no epoch": lambda text: text.replace("epoch", "nope"),
    "long field": lambda text: text + "1" * 200_000 + "\n",
    "open quote": lambda text: text + '"1,2,3\n',
    "binary": lambda text: "\0\x01\x02" * 100,
}


def draw_curves(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad ``metrics.csv``: the learning curves are refused or left out, with the page made."""
    name = rng.choice(list(CURVES))
    box.copy(stage.run, "in/run")
    box.file("in/run/metrics.csv", CURVES[name]((stage.run / "metrics.csv").read_text()).encode())
    statuses = frozenset({OK}) if name == "empty" else EITHER
    return Case(
        f"metrics.csv, {name}",
        "compare",
        ["runs=in/run", "out=out/page"],
        expected("metrics.csv"),
        statuses,
    )


CALIBRATION = {"slope": 1.0, "bias": 0.0, "people": 5, "weights_sha256": "0", "task": "x"}
NO_CALIBRATION = (
    Spot(("slope",), (*NO_NUMBER, DELETED)),
    Spot(("bias",), (*NO_NUMBER, DELETED)),
    Spot(("weights_sha256",), (DELETED, None, 5, [])),
    Spot(("task",), (DELETED, None, 5, [])),
)


def draw_calibration(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad ``calibration.json`` beside the weights."""
    title, content = damaged(rng, CALIBRATION, list(NO_CALIBRATION))
    box.copy(stage.run, "in/run")
    box.file("in/run/calibration.json", content)
    arguments = ["ckpt=in/run", f"data.root={stage.data}", "out=out"]
    return Case(f"calibration.json: {title}", "evaluate", arguments, expected("calibration.json"))


def draw_resume(rng: Random, box: Box, stage: Stage) -> Case:
    """A run to resume of which a part is missing or damaged."""
    run = box.copy(stage.run, "in/run")
    what = rng.choice(
        ["no checkpoint", "cut checkpoint", "empty checkpoint", "no config", "finished", "a file"]
    )
    (run / "results.json").unlink()
    weights = "in/run/checkpoints/last.ckpt"
    if what == "no checkpoint":
        (run / "checkpoints" / "last.ckpt").unlink()
    elif what == "cut checkpoint":
        box.file(weights, stage.weights.read_bytes()[: rng.randrange(10, 10**6)])
    elif what == "empty checkpoint":
        box.file(weights, b"")
    elif what == "no config":
        (run / "config.yaml").unlink()
    name = "in/run/config.yaml" if what == "a file" else "in/run"
    statuses = EITHER if what in ("finished", "no checkpoint") else frozenset({BAD})
    arguments = [f"resume={name}"]
    return Case(f"resume, {what}", "train", arguments, expected("in/run"), statuses, is_late=True)


def draw_finished(rng: Random, box: Box, stage: Stage) -> Case:
    """A training into the run directory of a finished one: that is kept."""
    box.copy(stage.run, "in/run")
    arguments = [
        "experiment=scratch_demo",
        "debug=smoke",
        f"data.root={stage.data}",
        "hydra.run.dir=in/run",
    ]
    return Case(
        "train into a finished run", "train", arguments, expected("in/run", "hydra.run.dir")
    )


def draw_sweep(rng: Random, box: Box, stage: Stage) -> Case:
    """A bad record of a job among finished runs: it is listed or refused, and runs nothing."""
    box.copy(stage.run, "in/run")
    box.copy(stage.run, "in/job")
    (box.work / "in/job/results.json").unlink()
    name = rng.choice(["job.json", "failed.json", "pruned.json"])
    content = BYTES[rng.choice(list(BYTES))](b'{"error": "out of memory", "overrides": []}', rng)
    box.file(f"in/job/{name}", content)
    statuses = EITHER
    return Case(
        f"{name} that is damaged",
        "compare",
        ["runs='in/*'", "out=out/page"],
        expected(name, "job"),
        statuses,
    )


def draw_good(rng: Random, box: Box, stage: Stage) -> Case:
    """A run that was moved, with one of the commands that read runs."""
    box.copy(stage.run, "in/moved")
    command = rng.choice(["predict", "export"])
    arguments = _arguments(stage, "in/moved")[command]
    return Case(f"good run for {command}", command, arguments, (), frozenset({OK}))


def _run_case(box: Box, stage: Stage, title: str, settings: bytes, command: str) -> Case:
    """A copy of the run with other settings, given to a command."""
    box.copy(stage.run, "in/run")
    box.file("in/run/config.yaml", settings)
    if command == "train":
        (box.work / "in/run/results.json").unlink()
    arguments = _arguments(stage, "in/run")[command]
    words = expected("config.yaml", "in/run")
    case = Case(
        f"config.yaml for {command}: {title}", command, arguments, words, is_late=command == "train"
    )
    return _noted(case) if command == "compare" else case


def _noted(case: Case) -> Case:
    """Tables are made without what cannot be compared, and the reason is printed."""
    return replace(case, statuses=EITHER, is_noted=True)


def _arguments(stage: Stage, run: str) -> dict[str, list[str]]:
    return {
        "predict": [
            f"source={stage.photo}",
            f"ckpt={run}",
            "out=out",
            "save=[coco]",
            "rotations=[0]",
        ],
        "evaluate": [f"ckpt={run}", f"data.root={stage.data}", "out=out"],
        "export": [f"ckpt={run}", "out=out/net.pt", "format=torchscript"],
        "compare": [f"runs={run}", "out=out/page"],
        "train": [f"resume={run}"],
    }


def _settings(stage: Stage) -> Settings:
    settings: Settings = yaml.safe_load((stage.run / "config.yaml").read_text())
    return settings


def _put(settings: Settings, place: tuple[str | int, ...], value: Any) -> None:
    parent: Any = settings
    for key in place[:-1]:
        if parent.get(key) is None:
            parent[key] = {}
        parent = parent[key]
    parent[place[-1]] = copy.deepcopy(value)


def _yaml(settings: Settings) -> bytes:
    return yaml.safe_dump(settings, sort_keys=False).encode()


def _laughs() -> bytes:
    """Aliases of aliases: a few lines that stand for ten thousand words."""
    lines = ["l0: &l0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 4)]
    return "\n".join(lines).encode() + b"\n"
