"""Bad command lines: every key of every command with invalid values, and bad grammar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from .case import OK, Box, Case, expected
from .stage import TRAINING, Stage

# Values by what a key takes. All are wrong for every key of that kind. They are written as on the
# command line.
NO_NUMBER = (
    "abc",
    "nan",
    "inf",
    "-inf",
    "[]",
    "[1]",
    "{a: 1}",
    "1,5",
    "''",
    "' '",
    "0x",
    "--1",
    "1e400",
)
HUGE = ("1" + "0" * 400, "1e308", "99999999999999999999999")
BOOL = ("maybe", "2", "-1", "nan", "[]", "[true]", "{a: true}", "''", "tru", "null", "1.5")
BOOL_OR_NULL = tuple(value for value in BOOL if value != "null")
FRACTION = (*NO_NUMBER, *HUGE, "-0.1", "1.5", "-1e-9", "1.0000001", "2", "null")
RATE = (*NO_NUMBER, "-1", "-0.5", "null", HUGE[0])
POSITIVE = (*NO_NUMBER, "0", "-1", "-0.5", "-1e-300", "null", HUGE[0])
NOT_NEGATIVE = (*NO_NUMBER, "-1", "-0.5", "-1e-9", HUGE[0], "null")
POSITIVE_INT = (*NO_NUMBER, "0", "-1", "-20", "1.5", "0.5", "null", HUGE[0])
COUNT = (*NO_NUMBER, "-1", "1.5", "null", HUGE[0])
OPTIONAL_COUNT = tuple(value for value in COUNT if value != "null")
SEED = (*NO_NUMBER, "-1", "4294967296", "1.5", "null", *HUGE)
SIZE = (
    "[0,0]", "[-96,96]", "[96]", "96", "[96,96,96]", "[1.5,96]", "[a,b]", "[nan,96]", "[]", "null",
    "[[96,96]]", "[96,null]", "[inf,inf]", "x", "{w: 96}", "[1000000000,1000000000]",
)  # fmt: skip
LIMITS = (
    "[2,1]",
    "[nan,1]",
    "[1]",
    "[]",
    "5",
    "[-1,1]",
    "[0.5,1,2]",
    "[a,b]",
    "null",
    "[0.5,inf]",
    "[0,0]",
)
ANGLES = (
    "abc",
    "[abc]",
    "[nan]",
    "[inf]",
    "null",
    "[[0]]",
    "[null]",
    "{a: 0}",
    "''",
    "[true]",
    "[1e400]",
)
CHOICE = ("nonsense", "''", "7", "[]", "nan", "{a: b}", "[nonsense]", "1.5", "'a b'")
NO_FILE = (
    "/nowhere/at/all", "''", "' '", ".", "'no such file'", "'ü/ß'", "kept/results.json/x",
    "x" * 300, "/".join("y" * 100 for _ in range(60)), "[a]", "{a: b}", "nan", "/dev/null", "~",
    "'../../../../nowhere'", "'\\u0000'", "'a\tb'", "https://example.org/x", "-1",
)  # fmt: skip
NO_TARGET = (
    "/dev/null", "/dev/null/x", "kept/results.json", "kept/results.json/x", "/proc/x/y",
    "'" + "x" * 300 + "'",
)  # fmt: skip
PORT = ("-1", "65536", "99999999", "1.5", "abc", "null", "nan", "[]", "''")
DEVICE = ("cuda", "cuda:7", "gpu", "tpu", "cpu:x", "7", "''", "[]", "nan", "meta", "-1")

TRAIN = {
    "seed": SEED,
    "allow_partial": BOOL,
    "allow_leakage": BOOL,
    "ckpt": (*NO_FILE, "zoo:nope", "zoo:", "bundled:nope", "bundled:../x", "zoo:../../x"),
    "name": (
        "../../escape",
        "''",
        "[]",
        "/nowhere/x",
        "..",
        "{a: b}",
        "x" * 300,
    ),
    "data.root": NO_FILE,
    "data.batch_size": POSITIVE_INT,
    "data.num_workers": (*COUNT, "1000000"),
    "data.balanced": BOOL,
    "data.val_fraction": (*NO_NUMBER, "-0.1", "1.5", "1", "null", "2"),
    "data.train_split": ("nope", "''", "'../../x'", "[]", "'*'", "/etc"),
    "data.test_split": ("nope", "''", "'../../x'", "[]", "'*'", "/etc"),
    "data.domain_split": ("'../../x'", "[]", "{a: b}"),
    "data.real_images": OPTIONAL_COUNT,
    "data.synthetic_images": OPTIONAL_COUNT,
    "data.skip_unusable": BOOL,
    "data.augment.flip_probability": FRACTION,
    "data.augment.scale_std": NOT_NEGATIVE,
    "data.augment.scale_limits": LIMITS,
    "data.augment.rotation_std": NOT_NEGATIVE,
    "data.augment.rotation_limit": NOT_NEGATIVE,
    "data.augment.rotation_probability": FRACTION,
    "data.augment.half_body_probability": FRACTION,
    "data.augment.half_body_min_joints": COUNT,
    "codec.input_wh": SIZE,
    "codec.heatmap_wh": SIZE,
    "codec.sigma": POSITIVE,
    "codec.decoder.kernel": (*POSITIVE_INT, "4", "1000000"),
    "net.frozen": ("5", "[nope]", "[1]", "{a: b}", "[backbone.nope]", "[[]]"),
    "net.backbone.name": ("nope", "''", "[]", "5"),
    "net.backbone.width": POSITIVE,
    "net.backbone.channels": ("[]", "[0]", "[-1,-1,-1,-1]", "5", "[a]", "[nan]"),
    "optimizer.lr": RATE,
    "optimizer.weight_decay": NOT_NEGATIVE,
    "scheduler.pct_start": FRACTION,
    "task.flip_test": BOOL,
    "task.flip_shift": BOOL,
    "callbacks.checkpoints.monitor": ("val/XX", "''", "5", "[]", "{a: b}", "nan"),
    "callbacks.checkpoints.every_minutes": (*NO_NUMBER, "-1"),
    "callbacks.checkpoints.max_requeues": OPTIONAL_COUNT,
    "trainer.max_epochs": (*NO_NUMBER, "0", "-5", "1.5"),
    "trainer.devices": ("0", "-3", "1.5", "abc", "[]", "nan", "{a: 1}"),
    "trainer.accelerator": CHOICE,
    "trainer.precision": ("8", "abc", "''", "[]", "{a: 1}", "nan"),
    "trainer.accumulate_grad_batches": POSITIVE_INT,
    "trainer.check_val_every_n_epoch": (*NO_NUMBER, "0", "-1", "1.5"),
    "trainer.limit_train_batches": ("-1", "1.5", "abc", "nan", "[]", "-0.5"),
    "trainer.gradient_clip_val": ("abc", "[]", "nan", "-1"),
    "resume": (*NO_FILE, "typo", "out", "kept"),
    "hydra.run.dir": (*NO_TARGET, "''"),
}
FIDIP = {
    "method.weight": NOT_NEGATIVE,
    "method.domain_epochs": COUNT,
    "task.accumulate": POSITIVE_INT,
    "task.domain_optimizer.lr": RATE,
}
EVALUATE = {
    "ckpt": NO_FILE,
    "predictions": NO_FILE,
    "split": CHOICE,
    "boxes": NO_FILE,
    "second_annotator": NO_FILE,
    "box_threshold": (*NO_NUMBER, *HUGE, "null"),
    "nms": CHOICE,
    "nms_threshold": FRACTION,
    "calibrate": (*BOOL, "true"),
    "out": NO_TARGET,
    "data.root": NO_FILE,
    "data.batch_size": POSITIVE_INT,
    "data.num_workers": COUNT,
    "data.test_split": ("nope", "'../../x'", "[]", "''"),
    "task.flip_test": BOOL,
    "allow_leakage": BOOL,
    "trainer.devices": ("0", "-3", "abc", "[]"),
}
PREDICT = {
    "source": (
        *(value for value in NO_FILE if value != "."),
        "/dev/zero",
        "webcam:x",
        "webcam:99",
        "kept",
    ),
    "ckpt": (*NO_FILE, "kept", "in", "zoo:nope", "bundled:nope", "bundled:../../x", "net.onnx"),
    "boxes": NO_FILE,
    "seconds": ("5", "-1", "abc", "nan", "[]"),
    "save": ("[nope]", "nope", "[coco,nope]", "{a: b}", "5", "null", "[[coco]]", "[dlc]", "[nwb]"),
    "overlay.threshold": FRACTION,
    "overlay.ghosts": COUNT,
    "blur_face": BOOL,
    "on_black": BOOL,
    "person": CHOICE,
    "rotations": ("[]", *ANGLES),
    "lost": FRACTION,
    "device": DEVICE,
    "runtime": CHOICE,
    "flip_test": BOOL_OR_NULL,
    "rotation_test": ANGLES,
    "out": NO_TARGET,
    "detector.threshold": FRACTION,
    "smoothing.causal": BOOL,
    "smoothing.filters": ("5", "[5]", "abc", "{a: b}", "null"),
    "optimizer.lr": ("1", "abc"),
}
COMPARE = {
    "runs": (*NO_FILE, "'*'", "'**'", "'['", "in"),
    "against": CHOICE,
    "rounds": (*POSITIVE_INT, "19"),
    "data.root": NO_FILE,
    "to": CHOICE,
    "out": NO_TARGET,
}
CHECK = {
    "data.root": NO_FILE,
    "splits": ("nope", "[nope]", "5", "{a: b}", "['../x']", "[[]]", "[5]", "['']"),
    "out": NO_TARGET,
    "data.skip_unusable": BOOL,
    "seed": SEED,
}
EXPORT = {
    "ckpt": NO_FILE,
    "format": CHOICE,
    "out": (*NO_TARGET, "x.txt", "out", "''", "x"),
    "input": CHOICE,
    "decode": BOOL,
}
IMPORT = {
    "src": NO_FILE,
    "out": (*NO_TARGET, "x.txt", "out", "''", "x", "/dev/null/x.safetensors"),
}
LABELS = {
    "source": tuple(value for value in NO_FILE if value != "."),  # a folder whose files are named
    "images": tuple(value for value in NO_FILE if value not in (".", "''") and ":" not in value),
    "out": NO_TARGET,
    "split": ("../../escape", "''", "[]", "/nowhere/x", "..", "{a: b}", "x" * 300),
    "joints": ("5", "[a]", "{snout: nope}", "{nose: [1]}", "abc", "{nose: null}"),
    "is_synthetic": BOOL,
}
FRAMES = {
    "source": (*(value for value in NO_FILE if value != "."), "/dev/zero", "kept"),
    "out": NO_TARGET,
    "count": POSITIVE_INT,
    "choice": CHOICE,
    "subject": ("'('", "'[a'", "'*'", "room", "''", "'(x)|'"),
    "seed": SEED,
    "rate": POSITIVE,
    "gap": NOT_NEGATIVE,
    "ckpt": (*NO_FILE, "kept", "in", "zoo:nope", "bundled:nope", "bundled:../../x", "net.onnx"),
    "person": CHOICE,
    "lost": FRACTION,
    "device": DEVICE,
    "runtime": CHOICE,
}
ADAPT = {
    **{key: FRAMES[key] for key in ("source", "out", "subject", "seed", "rate", "lost", "device")},
    "labels": NO_FILE,
    "ckpt": (*NO_FILE, "kept", "in", "zoo:nope", "bundled:nope", "bundled:../../x", "net.onnx"),
    "synthetic": tuple(value for value in NO_FILE if value != "."),
    "split": CHOICE,
    "test_subjects": ("nope", "[nope]", "[]", "5", "[clip0001,nope]", "{a: b}", "[[a]]", "''"),
    "counts": ("[0]", "[-1]", "abc", "[1.5]", "5", "[a]", "{a: 1}", "[null]", "null", "[[5]]"),
    "updates": POSITIVE_INT,
    "unlabelled": COUNT,
    "data.batch_size": (*POSITIVE_INT, "5"),
    "data.num_workers": COUNT,
    "optimizer.lr": RATE,
}
SYNTHESIZE = {
    "seed": SEED,
    "workers": (*POSITIVE_INT, "1000000"),
    "force": BOOL,
    "first": (*NO_NUMBER, "0", "-1", "1.5"),
    "more_labels": CHOICE,
    "extra_points": ("nope", "[nope]", "5", "{a: b}", "[[palm]]"),
    "body": NO_FILE,
    "body_group": CHOICE,
    "out": NO_TARGET,
    "preset.size_wh": SIZE,
    "appearances.varied.noise": NOT_NEGATIVE,
    "appearances.clean.jpeg": ("[2,1]", "abc", "[nan,1]", "5", "[-1,200]"),
    "preset.splits": ("5", "[]", "abc", "{'../x': []}", "{a: 5}", "{a: [{}]}"),
}
ZOO = {"fetch": ("nope", "'../../x'", "zoo:nope", "[]", "{a: b}", "nan", "'a b'", "x" * 300)}
APP = {
    "host": ("999.1.1.1", "''", "'no such host'", "[]", "null", "-1"),
    "port": PORT,
    "keep": ("/dev/null", "/dev/null/x", "kept/results.json"),
    "open_browser": BOOL,
    "ckpt": NO_FILE,
    "device": DEVICE,
    "lost": FRACTION,
    "rotations": ("[]", *ANGLES),
}

COMMANDS: dict[str, tuple[dict[str, tuple[str, ...]], Sequence[str]]] = {
    "train": (TRAIN, (*TRAINING, "data.root={data}", "hydra.run.dir=out")),
    "evaluate": (EVALUATE, ("ckpt={run}", "data.root={data}", "out=out")),
    "predict": (PREDICT, ("source={photo}", "ckpt={run}", "out=out")),
    "compare": (COMPARE, ("runs={run}", "out=out")),
    "check": (CHECK, ("data.root={data}",)),
    "export": (EXPORT, ("ckpt={run}", "out=out/net.pt", "format=torchscript")),
    "convert": (IMPORT, ("src={weights}", "net=movenet_lightning", "out=out/net.safetensors")),
    "frames": (FRAMES, ("source={video}", "ckpt={run}", "runtime=torch", "count=1", "out=out")),
    "adapt": (
        ADAPT,
        ("source={clips}/videos", "labels={frame_labels}", "ckpt={run}", "updates=1", "out=out"),
    ),
    "labels": (LABELS, ("source={labels}", "images={images}", "out=out")),
    "synthesize": (SYNTHESIZE, ("preset=tiny", "first=1", "workers=1", "out=out")),
    "zoo": (ZOO, ()),
    "app": (APP, ("ckpt={run}", "port=0", "open_browser=false")),
}
"""Every command: its keys with their bad values, and a command line that would be good."""

REQUIRED = {
    "evaluate": ("ckpt",),
    "predict": ("source",),
    "export": ("ckpt", "out"),
    "convert": ("src", "out"),
    "frames": ("source", "out"),
    "adapt": ("source", "out"),
    "labels": ("source", "out"),
    "synthesize": ("out",),
    "check": ("data.root",),
    "train": ("experiment", "data.root"),
}

BROKEN = (
    "{key}", "={value}",  "{key}=[1,2", "{key}={{a", "{key}='a", '{key}="a', "{key}=a(b",
    "{key}=$" + "{{nothing}}", "{key}=$" + "{{oc.env:NO_SUCH_VARIABLE}}", "{key}=$" + "{{{key}}}",
    "{key}=$" + "{{oc.decode:'['}}", "{key}=$" + "{{nope:1}}", "{key}=$" + "{{",
    "{key}={value},{value}",
    "+{key}={value}", "~nothing", "+foo=1", "++foo=1", "foo.bar=1", "{key}.deeper=1", "{key}@x=1",
    "{key}x={value}", "x{key}={value}",  "{key}:{value}", "--nonsense", "-z",
    "--config-name=nope", "--config-path=/nowhere", "--config-dir=/nowhere", "--cfg=nope",
     "baby.mp4", "'my baby.mp4'",  "hydra=nope",
    "hydra/launcher=nope", "hydra/job_logging=nope", "hydra.nope=1", "\u00fc=1", "{key}=\u00fc(",
    "{key}=choice(", "{key}=glob(*)", "{key}=range(1,3)", "{key}=interval(0,1)",
    "{key}=" + "[" * 2000,
    "\U0001f476=1", "{key}=\x01", "{key}\n=1", "{key}=a\nb: c", "_target_=os.system",
    "--multirun=x",
     "{key}=a:b=c,d",   "%s=1", "{key}=!!python/name:os.system",
)  # fmt: skip
"""Command lines that are no override of a key, or of none that there is."""

WRITTEN = ("out", "hydra.run.dir", "keep")
"""Keys that name something new."""

GROUPS = {
    "train": (
        "experiment",
        "net",
        "codec",
        "data",
        "task",
        "optimizer",
        "trainer",
        "debug",
        "sweep",
    ),
    "evaluate": ("experiment", "net", "codec", "trainer", "data"),
    "predict": ("smoothing", "detector", "experiment", "net"),
    "convert": ("net",),
    "check": ("data",),
    "synthesize": ("preset",),
}
NO_CHOICE = ("nope", "''", "[a,b]", "../../x", "null/x", "5", "{a: b}", "/etc/passwd", "a b")


def draw_value(rng: Random, box: Box, stage: Stage) -> Case:
    """A key that exists with a value that it cannot have."""
    command = rng.choice(list(COMMANDS))
    keys, base = COMMANDS[command]
    key = rng.choice(list(keys))
    value = rng.choice(keys[key])
    extra = ["experiment=scratch_demo"] if (command, key) == ("evaluate", "predictions") else []
    if key == "predictions":
        base = [word for word in base if not word.startswith("ckpt=")]
    if key.startswith("detector."):
        extra = ["detector=torchvision"]
    return _case(f"{key}={value[:60]}", command, base, [*extra, f"{key}={value}"], key, stage)


def draw_method_value(rng: Random, box: Box, stage: Stage) -> Case:
    """The same for the keys that only FiDIP has."""
    key = rng.choice(list(FIDIP))
    value = rng.choice(FIDIP[key])
    base = ["experiment=fidip_demo", "ckpt=null", *COMMANDS["train"][1][1:]]
    return _case(f"{key}={value[:60]}", "train", base, [f"{key}={value}"], key, stage)


TYPED = (BOOL, FRACTION, POSITIVE, NOT_NEGATIVE, POSITIVE_INT, COUNT, OPTIONAL_COUNT, SEED, SIZE)
"""Kinds of values that can be judged by themselves."""


def draw_several(rng: Random, box: Box, stage: Stage) -> Case:
    """Several bad values at once; the one line names all of them."""
    command = rng.choice(["predict", "evaluate", "train", "train", "train", "synthesize", "check"])
    keys, base = COMMANDS[command]
    # a detector's keys are there only with a detector
    typed = [key for key in keys if keys[key] in TYPED and not key.startswith("detector.")]
    chosen = rng.sample(typed, min(len(typed), rng.randrange(10, 21)))
    # a comma is refused by Hydra itself, before any value is looked at
    values = {key: [value for value in keys[key] if value != "1,5"] for key in chosen}
    given = [f"{key}={rng.choice(values[key])}" for key in chosen]
    case = _case(" ".join(given)[:80], command, base, given, chosen[0], stage)
    return replace(case, words=tuple(chosen))


def draw_grammar(rng: Random, box: Box, stage: Stage) -> Case:
    """A word that is no override, or overrides nothing."""
    command = rng.choice(list(COMMANDS))
    keys, base = COMMANDS[command]
    broken = rng.choice(BROKEN)
    # most texts are names that a folder can have
    key = rng.choice([key for key in keys if "$" in broken or key not in WRITTEN])
    word = broken.format(key=key, value=rng.choice(["1", "a", "true", "x.jpg"]))
    if command == "compare" and "=" not in word:  # takes the runs as a word
        word = f"+{key}=1"
    named = word.strip("-+~").partition("=")[0] or word
    alternatives = (key, named.split()[0] if named.split() else named, word, word[1:9])
    if word.startswith("--"):  # Hydra's own options, which name files
        alternatives += (word.partition("=")[2] or word,)
    return _case(word[:60], command, base, [word], key, stage, alternatives, drop=False)


def draw_typo(rng: Random, box: Box, stage: Stage) -> Case:
    """A key with one letter exchanged, missing, or twice."""
    command = rng.choice(list(COMMANDS))
    keys, base = COMMANDS[command]
    key = rng.choice([key for key in keys if len(key) > 2])
    at = rng.randrange(1, len(key) - 1)
    wrong = rng.choice(
        [key[:at] + key[at + 1 :], key[:at] + "q" + key[at:], key[:at] + key[at] + key[at:]]
    )
    if wrong == key or wrong in keys:
        wrong = f"{key}q"
    return _case(f"typo {wrong}", command, base, [f"{wrong}=1"], wrong, stage, drop=False)


def draw_choice(rng: Random, box: Box, stage: Stage) -> Case:
    """A group of the configuration with a choice that it does not have."""
    command = rng.choice(list(GROUPS))
    group, choice = rng.choice(GROUPS[command]), rng.choice(NO_CHOICE)
    _, base = COMMANDS[command]
    return _case(f"{group}={choice}", command, base, [f"{group}={choice}"], group, stage)


def draw_missing(rng: Random, box: Box, stage: Stage) -> Case:
    """A command line without something that it needs."""
    command = rng.choice(list(REQUIRED))
    key = rng.choice(REQUIRED[command])
    base = [word for word in COMMANDS[command][1] if not word.startswith(f"{key}=")]
    return _case(f"without {key}", command, base, [], key, stage)


CONTRADICTIONS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("evaluate", ("predictions={run}/predictions.json",), ("ckpt", "predictions")),
    ("evaluate", ("calibrate=true",), ("calibrate",)),
    ("evaluate", ("calibrate=true", "split=val", "boxes={detections}"), ("calibrate", "boxes")),
    ("evaluate", ("second_annotator={detections}",), ("second_annotator", "detections.json")),
    ("evaluate", ("boxes={labels}",), ("boxes", "person_keypoints")),
    ("predict", ("save=[timeline]",), ("save", "timeline")),
    ("predict", ("seconds=5",), ("seconds",)),
    ("predict", ("detector=onnx",), ("detector.path",)),
    ("predict", ("source=webcam:77",), ("webcam",)),
    ("predict", ("detector=torchvision", "detector.weights={weights}"), ("weights", "last.ckpt")),
    ("predict", ("ckpt={labels}",), ("person_keypoints", "ckpt")),
    ("predict", ("ckpt={photo}",), ("test0.jpg", "ckpt")),
    ("predict", ("source={labels}",), ("person_keypoints", "source")),
    ("predict", ("source={run}",), ("source", "run")),
    ("predict", ("boxes={detections}",), ("detections.json", "boxes")),
    ("export", ("format=onnx",), ("out", "onnx")),
    ("export", ("format=openvino", "out=out/net.xml"), ("openvino",)),
    ("convert", ("src={labels}",), ("person_keypoints",)),
    ("convert", ("net=hrnet_w18_small",), ("net", "last.ckpt")),
    ("labels", ("source={detections}",), ("detections.json",)),
    ("labels", ("source={weights}",), ("last.ckpt",)),
    ("check", ("data.root={run}",), ("data.root", "run")),
    ("check", ("data.root={photo}",), ("data.root", "test0.jpg")),
    ("compare", ("runs={data}",), ("runs", "tiny")),
    ("compare", ("runs={weights}",), ("runs", "last.ckpt")),
    ("train", ("resume={run}",), ("resume", "experiment")),
    ("train", ("trainer=gpu",), ("gpu", "trainer")),
    ("train", ("task=fidip", "trainer.accumulate_grad_batches=2"), ("accumulate",)),
    ("train", ("data.domain_split=nope", "task=fidip"), ("domain_split", "nope")),
    ("train", ("codec.input_wh=[64,96]",), ("codec",)),
    ("train", ("data.real_images=0", "data.synthetic_images=0"), ("real_images", "images")),
    ("train", ("data.real_images=1000",), ("real_images",)),
    ("train", ("data.train_split=validate_infant", "allow_leakage=false"),
     ("train_split", "test", "validate_infant")),
    ("train", ("sweep=lambda",), ("sweep",)),
    ("train", ("-m", "seed=0,abc"), ("seed",)),
    ("train", ("-m", "seed=0,1", "trainer.max_epochs=-7"), ("max_epochs",)),
    ("train", ("-m", "sweep=lambda", "data.root=/nowhere"), ("data.root", "ckpt", "sweep=lambda")),
    ("train", ("hydra.launcher=nope",), ("launcher",)),
)  # fmt: skip
"""Settings that are right by themselves, and not together or not with these files."""


def draw_contradiction(rng: Random, box: Box, stage: Stage) -> Case:
    """Settings that contradict each other, or a good file where another kind is meant."""
    command, words, named = rng.choice(CONTRADICTIONS)
    given = [word.format(**_paths(stage)) for word in words]
    title = f"{' '.join(words)}"[:80]
    return _case(title, command, COMMANDS[command][1], given, named[0], stage, named)


WRITERS = {
    "predict": ("save=[overlay]",),
    "convert": (),
    "export": (),
    "labels": (),
    "compare": (),
    "evaluate": ("predictions={run}/predictions.json", "ckpt=null", "experiment=scratch_demo"),
}


def draw_full_disk(rng: Random, box: Box, stage: Stage) -> Case:
    """A good command line whose results do not fit."""
    command = rng.choice(list(WRITERS))
    given = [word.format(**_paths(stage)) for word in WRITERS[command]]
    base = COMMANDS[command][1]
    case = _case("files of at most 3 kB", command, base, given, "out", stage, ("out", "disk"))
    return replace(case, file_size=3000, is_late=True)


FOLDERS = ("/dev/null", "/dev/null/x", "/proc/x", "kept/results.json")


def draw_environment(rng: Random, box: Box, stage: Stage) -> Case:
    """A place for caches where nothing can be written."""
    folder = rng.choice(FOLDERS)
    environment = {"FIDIP_CACHE": folder}
    given = ["runtime=onnx", "save=[coco]"]
    case = _case(
        f"FIDIP_CACHE={folder}", "predict", COMMANDS["predict"][1], given, "out", stage, (folder,)
    )
    return replace(case, environment=environment)


def draw_command(rng: Random, box: Box, stage: Stage) -> Case:
    """A command that there is not."""
    name = rng.choice(
        [
            "predct",
            "Train",
            "trian",
            "evaluate ",
            "../predict",
            "",
            "x" * 500,
            "--version",
            "-x",
            "train.py",
        ]
    )
    return Case(f"command {name[:20]!r}", name, [], expected("command", name[:20] or "''"))


def draw_good(rng: Random, box: Box, stage: Stage) -> Case:
    """A command line that is right, so that a refusal of everything is noticed, too."""
    command = rng.choice(["predict", "check", "labels", "convert", "zoo", "export"])
    given = [f"{word}".format(**_paths(stage)) for word in COMMANDS[command][1]]
    return Case("all right", command, given, (), frozenset({OK}))


def _case(
    title: str,
    command: str,
    base: Sequence[str],
    given: list[str],
    key: str,
    stage: Stage,
    alternatives: Sequence[str] = (),
    drop: bool = True,
) -> Case:
    """``base`` with ``given`` in place of what it says of the same keys."""
    keys = {word.partition("=")[0] for word in given} if drop else set()
    kept = [word for word in base if word.partition("=")[0] not in keys]
    arguments = [*(word.format(**_paths(stage)) for word in kept), *given]
    values = [word.partition("=")[2] for word in given]
    values += [value.strip("'[]") for value in values]
    words = alternatives or (
        key,
        key.rpartition(".")[2],
        *(value[:40] for value in values if len(value) > 2),
    )
    return Case(f"{command}: {title}", command, arguments, expected(*words))


def _paths(stage: Stage) -> dict[str, str]:
    return {
        "data": str(stage.data),
        "run": str(stage.run),
        "photo": str(stage.photo),
        "video": str(stage.video),
        "clips": str(stage.clips),
        "frame_labels": str(stage.frame_labels),
        "weights": str(stage.weights),
        "labels": str(stage.annotations()),
        "images": str(stage.photo.parent),
        "detections": str(stage.detections),
    }
