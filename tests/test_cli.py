"""What a user sees of a mistake: one line, exit status 2, the remedy in it."""

import subprocess
import sys

import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader

from fidip import cli
from fidip.cli.arguments import check_command_line, read_words
from fidip.cli.commands import SCHEMAS
from fidip.cli.components import trusting
from fidip.core.errors import ConfigError, DataError


def fail(message):
    raise ConfigError(message)


def run_task(monkeypatch, task, *arguments):
    """Exit status of a command made from ``task``, with these arguments."""
    monkeypatch.setattr(sys, "argv", ["fidip train", "hydra.run.dir=.", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.command("train")(task)()
    return exit_.value.code


def test_an_expected_error_is_one_line_and_status_2(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_task(monkeypatch, lambda config: fail("box_xywh is odd")) == 2
    assert capsys.readouterr().err == "error: box_xywh is odd\n"


def test_the_traceback_can_be_asked_for(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIDIP_TRACEBACK", "1")
    assert run_task(monkeypatch, lambda config: fail("odd")) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), cli.user_errors():
        print(1 / 0)


def test_an_interrupt_is_status_130():
    with pytest.raises(SystemExit) as exit_, cli.user_errors():
        raise KeyboardInterrupt
    assert exit_.value.code == 130


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("task.flip_tset=false", "unknown key 'task.flip_tset', did you mean 'task.flip_test'?"),
        ("sed=3", "unknown key 'sed', did you mean 'seed'?"),
        ("trainr=gpu", "unknown key 'trainr', did you mean 'trainer'?"),
        ("trainer=gpus", "no trainer 'gpus', did you mean 'gpu'?; there are cpu, ddp, gpu"),
        ("seed", "seed: expected seed=VALUE"),
        ("photo.jpg", "photo.jpg: settings are given as KEY=VALUE; did you mean experiment=photo"),
        ("+seed=3", "the key exists already; write seed=VALUE without the +"),
        ("~sed", "there is nothing to delete, did you mean 'seed'?"),
        ("seed=1,2", "several values are for a sweep: add -m"),
        ("task={a: ", "the value cannot be read"),
        ("--epochs=3", "there is no such option; a setting is given as epochs=VALUE"),
        ("--experimental-rerun=job.pickle", "reads a pickle"),
        ("seed=-1", "seed=-1: expected at least 0"),
        ("seed=4294967296", "seed=4294967296: expected at most 4294967295"),
        ("ckpt=''", "ckpt=: expected text that is not empty"),
        ("name=../../escape", "name=../../escape: expected a plain name"),
        ("data.train_split=x/../y", "data.train_split=x/../y: expected a plain name"),
        ("data.batch_size=0", "data.batch_size=0: expected at least 1"),
        ("data.batch_size=1.5", "data.batch_size=1.5: expected an integer"),
        ("data.augment.scale_limits=[2,1]", "expected the lower value first"),
        ("data.augment.flip_probability=5", "expected at most 1"),
        ("optimizer.lr=nan", "optimizer.lr=nan: expected a finite number"),
        ("optimizer.lr=-1e-3", "optimizer.lr=-0.001: expected at least 0"),
        ("codec.input_wh=[0,384]", "codec.input_wh=[0, 384]: expected at least 8"),
        ("task.flip_test=maybe", "task.flip_test=maybe: expected true or false"),
        (
            "callbacks.checkpoints.monitor=val/XX",
            "expected one of val/OKS, val/AP, val/agreement or val/teacher_agreement",
        ),
        ("trainer.precision=7", "trainer.precision=7: expected one of 32-true"),
        ("+foo=1", "foo: unknown key"),
        ("hydra.job=5", "hydra.job=5: expected a value of the kind that this key"),
        ("hydra.launcher=nope", "hydra.launcher=nope: expected hydra/launcher=NAME"),
        ("seed=${nothing}", "seed: refers to itself or to a key that does not exist"),
        ("seed=${seed}", "seed: refers to itself or to a key that does not exist"),
        (f"data.root={'x' * 300}", "expected names of at most 255 bytes"),
        ("task.flip_test=nan", "task.flip_test=nan: expected true or false\n"),
        ("+data.rot=x", "data.rot: unknown key, did you mean 'root'?"),
        ("task.loss._target_=os.system", "task.loss._target_=os.system: expected a class"),
        ("+optimizer.foo={_target_:os.system}", "optimizer.foo._target_=os.system: expected"),
    ],
)
def test_mistakes_on_the_command_line(monkeypatch, capsys, tmp_path, argument, words):
    monkeypatch.chdir(tmp_path)
    assert run_task(monkeypatch, lambda config: None, argument) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert words in message


def test_all_mistakes_come_out_at_once(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    arguments = ["sed=3", "photo.jpg", "seed=-1", "optimizer.lr=nan", "trainer=gpus"]
    assert run_task(monkeypatch, lambda config: None, *arguments) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    for words in ("'sed'", "photo.jpg", "seed=-1", "optimizer.lr", "'gpus'"):
        assert words in message


def test_parts_of_a_component_are_chosen_by_short_names(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    seen = []
    arguments = ["experiment=scratch_demo", "augment=upright", "loss=heatmap_ohkm", "ckpt=null"]
    monkeypatch.setattr(sys, "argv", ["fidip train", "hydra.run.dir=.", *arguments])
    cli.command("train")(lambda config: seen.append((config.data.augment, config.task.loss)))()
    ((augment, loss),) = seen
    assert (augment.rotation_limit, loss._target_) == (45, "fidip.nn.losses.heatmap_ohkm")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "save=coco,csv"], "-m: fidip predict runs once; only fidip train has sweeps"),
        (["save=coco,csv"], "save=coco,csv: several values; expected one. Quote one value with"),
    ],
)
def test_only_training_has_sweeps(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["fidip predict", "source=x.jpg", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.command("predict")(pytest.fail)()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


@pytest.mark.parametrize(
    "value",
    [
        "my baby (1).mp4", "a,b=c.mp4", "Säugling über.mp4", "it's.mp4", "[a]{b}.mp4", "007",
        "caf\udce9.jpg", "2024_01", "1e5", "true", "back\\slash", "trailing\\", "$HOME", "a: b",
        "#1", "null.mp4",
    ],
)  # fmt: skip
def test_file_names_need_no_quotes_of_hydras(monkeypatch, tmp_path, value):
    monkeypatch.chdir(tmp_path)
    seen = []
    argv = ["fidip predict", f"source={value}", f"out={tmp_path / value}"]
    monkeypatch.setattr(sys, "argv", argv)
    cli.command("predict")(lambda config: seen.append((config.source, config.out)))()
    assert seen == [(value, str(tmp_path / value))]


@pytest.mark.parametrize("value", ["my baby (1).mp4", "line\nbreak.jpg", 'say "hi".mp4'])
def test_file_names_may_be_quoted_as_hydra_reads_them(monkeypatch, value):
    seen = []
    monkeypatch.setattr(sys, "argv", ["fidip predict", f"source='{value}'"])
    cli.command("predict")(lambda config: seen.append(config.source))()
    assert seen == [value]


NEEDED = {
    "adapt": ["source=x", "out=x"],
    "check": ["data.root=x"],
    "export": ["ckpt=x", "out=x.onnx"],
    "convert": ["src=x", "out=x.safetensors"],
    "frames": ["source=x", "out=x"],
    "labels": [f"source={__file__}", "out=x"],
    "predict": ["source=x"],
    "synthesize": ["out=x"],
    "train": ["experiment=scratch_demo"],
}
"""Arguments without which a command does not start."""

OTHERS = sorted(set(cli.COMMANDS) - {"adapt", "train"})
"""Commands that do not train."""


UNUSED = (
    *("optimizer.lr=1", "+optimizer.lr=1", "++optimizer.lr=1", "optimizer=adamw"),
    *("+optimizer=adamw", "~optimizer", "~optimizer.lr", "callbacks=ema", "sweep=lambda"),
    *("resume=x", "recipe=short", "method.domain_epochs=1", "augment=light", "loss=movenet"),
    *("+recipe=short", "scheduler=one_cycle", "callbacks.progress.refresh_rate=1"),
)
"""Arguments with keys that only training uses."""


@pytest.mark.parametrize("command", OTHERS)
def test_a_command_refuses_keys_that_it_does_not_use(monkeypatch, capsys, command):
    for argument in UNUSED:
        key = argument.lstrip("+~").partition("=")[0].partition(".")[0]
        if key not in SCHEMAS[command].model_fields:  # frames has a method of its own
            (problem,), left = read_words([argument], SCHEMAS[command], multirun=False)
            assert key in problem
            assert not left
    monkeypatch.setattr(sys, "argv", [f"fidip {command}", *NEEDED.get(command, []), *UNUSED])
    with pytest.raises(SystemExit) as status:
        cli.command(command)(lambda config: pytest.fail("started"))()
    assert status.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    for key in ("optimizer", "callbacks", "sweep", "resume", "recipe", "method", "scheduler"):
        assert f"{key}: unknown key" in line or f"{key}." in line


@pytest.mark.parametrize("command", ["predict", "export", "app", "evaluate"])
def test_a_command_gets_only_what_it_uses_of_an_experiment(monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    seen = []
    arguments = [*NEEDED.get(command, []), "experiment=fidip_demo", "hydra.run.dir=."]
    monkeypatch.setattr(sys, "argv", [f"fidip {command}", *arguments])
    cli.command(command)(seen.append)()
    (config,) = seen
    assert config.net.backbone._target_ == "fidip.nn.MoveNetBackbone"
    assert list(config.codec.input_wh) == [128, 128]
    assert not {"callbacks", "sweep", "resume", "debug"} & set(config)
    assert ("data" in config) == ("optimizer" in config) == (command == "evaluate")
    if command == "evaluate":  # interpolations find what they refer to
        assert OmegaConf.to_container(config.task, resolve=True)["optimizer"]["lr"] == 5e-4
    with pytest.raises(AttributeError):
        print(config.unknown)


def test_a_mistyped_argument_is_refused_before_pytorch_is_imported():
    code = (
        "import runpy, sys; sys.argv = ['fidip train', 'sed=3']\n"
        "try: runpy.run_module('fidip.train', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2 False\n"


def test_an_error_of_a_constructor_is_unwrapped():
    config = OmegaConf.create({"_target_": f"{__name__}.fail", "message": "sigma is -1"})
    with trusting([__name__]), pytest.raises(ConfigError, match=r"^sigma is -1$"):
        cli.instantiate(config)


class Broken(torch.utils.data.Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise DataError("cat.jpg: cannot be read; replace the file")


def test_an_error_of_a_loaders_worker_is_unwrapped():
    with pytest.raises(DataError) as error:
        list(DataLoader(Broken(), num_workers=1))
    assert cli.explain(error.value) == "cat.jpg: cannot be read; replace the file"


def test_lightnings_complaints_about_settings_are_the_users():
    error = MisconfigurationException("No supported gpu\nbackend found!")
    assert cli.explain(error) == "No supported gpu backend found!"


def test_running_out_of_gpu_memory_names_what_to_lower():
    message = cli.explain(torch.OutOfMemoryError("Tried to allocate 2 GiB"))
    assert message.startswith("Tried to allocate 2 GiB; lower data.batch_size")


def test_errors_are_known_by_their_class_and_not_by_its_name():
    for name in ("OutOfMemoryError", "MisconfigurationException"):
        assert cli.explain(type(name, (Exception,), {})("of another library")) is None


def run_fidip(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "fidip.cli", *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_the_commands():
    done = run_fidip("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in cli.COMMANDS)


def test_an_unknown_command_names_the_nearest():
    done = run_fidip("trian")
    assert (done.returncode, done.stderr) == (
        2,
        "error: no command 'trian', did you mean 'train'?\n",
    )


@pytest.mark.parametrize("name", ["check", "train", "evaluate"])
def test_every_command_explains_its_keys_in_one_screen(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    done = run_fidip(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "data.root" in done.stdout
    assert done.stdout.count("\n") <= 40


def test_help_imports_no_pytorch():
    code = (
        "import sys; sys.argv = ['fidip', 'train', '--help']; from fidip.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("None False\n")


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_hydras_output_folder_is_checked_in_every_command(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"fidip {name}", *NEEDED.get(name, []), "hydra.run.dir=f/x"])
    (tmp_path / "f").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        cli.command(name)(pytest.fail)()
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert "f is not a folder" in line


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_a_command_that_ends_with_an_error_leaves_no_empty_folder(
    name, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", [f"fidip {name}", *NEEDED.get(name, []), "hydra.run.dir=new/x"]
    )
    with pytest.raises(SystemExit):
        cli.command(name)(lambda config: fail("wrong"))()
    assert capsys.readouterr().err == "error: wrong\n"
    assert not list(tmp_path.iterdir())


def test_files_of_a_users_folder_are_choices(tmp_path, monkeypatch):
    (tmp_path / "my conf" / "net").mkdir(parents=True)
    (tmp_path / "my conf" / "net" / "mine.yaml").write_text("defaults: [hrnet_w32, _self_]\n")
    monkeypatch.chdir(tmp_path)
    words = ["fidip train", "experiment=scratch_demo", "net=mine"]
    for flags in (["--config-dir=my conf"], ["-cd", "my conf"]):
        monkeypatch.setattr(sys, "argv", [*words, *flags])
        check_command_line("train")
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(ConfigError, match="no net 'mine'"):
        check_command_line("train")
