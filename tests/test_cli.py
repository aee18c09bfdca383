"""What a user sees of a mistake: one line, exit status 2, the remedy in it."""

import subprocess
import sys

import pytest
import torch
from hydra.utils import instantiate
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch.utils.data import DataLoader

from fidip import cli
from fidip.errors import ConfigError, DataError


def fail(message):
    raise ConfigError(message)


def run_command(monkeypatch, task, *arguments):
    """Exit status of a command made from ``task``, with these arguments."""
    monkeypatch.setattr(sys, "argv", ["fidip train", "hydra.run.dir=.", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.command("train")(task)()
    return exit_.value.code


def test_an_expected_error_is_one_line_and_status_2(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_command(monkeypatch, lambda config: fail("box_xywh is odd")) == 2
    assert capsys.readouterr().err == "error: box_xywh is odd\n"


def test_the_traceback_can_be_asked_for(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIDIP_TRACEBACK", "1")
    assert run_command(monkeypatch, lambda config: fail("odd")) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), cli.user_errors("train"):
        print(1 / 0)


def test_an_interrupt_is_status_130():
    with pytest.raises(SystemExit) as exit_, cli.user_errors("train"):
        raise KeyboardInterrupt
    assert exit_.value.code == 130


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("task.flip_tset=false", "unknown key 'task.flip_tset', did you mean 'task.flip_test'?"),
        ("sed=3", "unknown key 'sed', did you mean 'seed'?"),
        ("trainr=gpu", "unknown key 'trainr', did you mean 'trainer'?"),
        ("trainer=gpus", "no trainer 'gpus', did you mean 'gpu'?; there are cpu, ddp, gpu"),
        ("seed", "Error parsing override 'seed'"),
    ],
)
def test_mistakes_on_the_command_line(monkeypatch, capsys, tmp_path, argument, words):
    monkeypatch.chdir(tmp_path)
    assert run_command(monkeypatch, lambda config: None, argument) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert words in message


def test_an_error_of_a_constructor_is_unwrapped():
    with pytest.raises(Exception, match="target") as error:
        instantiate({"_target_": f"{__name__}.fail", "message": "sigma is -1"})
    assert cli.explain(error.value, "train") == "sigma is -1"


class Broken(torch.utils.data.Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise DataError("cat.jpg: cannot be read; replace the file")


def test_an_error_of_a_loaders_worker_is_unwrapped():
    with pytest.raises(DataError) as error:
        list(DataLoader(Broken(), num_workers=1))
    assert cli.explain(error.value, "train") == "cat.jpg: cannot be read; replace the file"


def test_lightnings_complaints_about_settings_are_the_users():
    error = MisconfigurationException("No supported gpu\nbackend found!")
    assert cli.explain(error, "train") == "No supported gpu backend found!"


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
def test_every_command_explains_its_keys_in_one_screen(name):
    done = run_fidip(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "data.root" in done.stdout
    assert done.stdout.count("\n") <= 40
