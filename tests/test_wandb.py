"""What W&B receives of a run, read back from the files of offline runs."""

import json

import pytest
import yaml

from fidip.cli import run_test
from fidip.core.errors import FidipError
from fidip.tasks.wandb_run import joint_table, sync_command
from tests.wandb_file import finished, logged

TINY = ("data.num_workers=0", "data.batch_size=2", "data.val_fraction=0.5", "debug=smoke")
NAMED = "data.batch_size=2-data.val_fraction=0.5"
"""What TINY adds to a name."""
PICTURE = {b"\x89PNG", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1", b"GIF8", b"RIFF"}


@pytest.fixture
def train(cli, monkeypatch, tmp_path, tiny_root):
    """Trains in a folder of its own, with no W&B account."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)

    def run(*arguments, status=0):
        given = [*arguments, f"data.root={tiny_root}", "ckpt=null", *TINY]
        given += [] if "logger=csv" in given else ["logger=wandb"]
        return cli("train", *given, status=status)

    return run


def offline(folder):
    """Records of the W&B runs below a folder, in order of their start."""
    runs = sorted(folder.rglob("offline-run-*-*"))
    return [finished(run / f"run-{run.name.rsplit('-', 1)[1]}.wandb") for run in runs]


def about(found):
    """The record that says what the run is, last changes first."""
    return [record.run for record in found if record.HasField("run")][-1]


def config_of(found):
    """Settings, from the run's start and its later updates."""
    updates = [u for r in found if r.HasField("run") for u in r.run.config.update]
    updates += [u for r in found if r.HasField("config") for u in r.config.update]
    return {u.key or ".".join(u.nested_key): json.loads(u.value_json) for u in updates}


def pictures(folder):
    """Files that W&B keeps that are pictures by their first bytes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if path.read_bytes()[:4] in PICTURE]


@pytest.mark.slow
def test_a_run_has_a_name_curves_and_tables_but_no_image(train, tmp_path):
    printed = train("experiment=fidip_demo", "method.weight=0.001", "seed=3")
    (found,) = offline(tmp_path)
    run = about(found)
    assert run.display_name == f"fidip_demo-seed3-{NAMED}-method.weight=0.001"
    assert (run.run_group, run.job_type, run.project) == ("fidip_demo", "train", "fidip")
    assert set(run.tags) == {"fidip_demo", "demo", "seed3"}
    values = logged(found)
    expected = {
        "train/domain_accuracy",
        "domain/accuracy",
        "val/AP",
        "test/AP",
        "test/joints._type",
    }
    assert values.keys() >= expected
    assert not [name for name in values if "overlays" in name]
    (folder,) = tmp_path.glob("outputs/*/*")
    assert (folder / "figures/overlays.png").is_file()  # there is one to keep back
    assert pictures(folder / "wandb") == []
    best = {r.metric.name: r.metric.summary.max for r in found if r.HasField("metric")}
    assert best["val/AP"]
    assert not best["val/loss"]
    settings = config_of(found)
    assert settings["method"]["weight"] == 0.001
    assert settings.keys().isdisjoint({"logger", "callbacks", "run_dir", "resume"})
    assert "_target_" not in json.dumps(settings)
    assert str(tmp_path) not in json.dumps(settings)
    lines = [line for line in printed.err.splitlines() if "wandb sync" in line]
    sent = lines[0].partition("wandb sync ")[2]
    assert len(lines) == 1
    assert list((tmp_path / sent).glob("run-*.wandb"))


@pytest.mark.slow
def test_the_model_card_describes_the_run(train, tmp_path):
    train("experiment=fidip_demo", "optimizer.lr=0.002")
    (folder,) = tmp_path.glob("outputs/*/*")
    card = (folder / "model_card.md").read_text()
    results = json.loads((folder / "results.json").read_text())
    low, high = results["intervals"]["AP"]
    assert f"| AP | {results['metrics']['AP']:.3f} | {low:.3f} to {high:.3f} |" in card
    assert card.count("\n| A") == 10
    assert "| optimiser | AdamW, lr 0.002 |" in card
    assert "| starts from | random weights |" in card
    assert f"{results['instances']} people" in card
    for part in ("## Data", "## Recipe", "## Limits", "## Licence"):
        assert part in card
    assert str(tmp_path) not in card
    (found,) = offline(tmp_path)
    artifacts = [r.request.log_artifact.artifact for r in found if r.HasField("request")]
    artifacts += [r.artifact for r in found if r.HasField("artifact")]
    (artifact,) = [a for a in artifacts if a.type == "model-card"]
    assert [entry.path for entry in artifact.manifest.contents] == ["model_card.md"]


@pytest.mark.slow
def test_images_are_sent_when_asked_for(train, tmp_path):
    train("experiment=scratch_demo", "logger.images=true")
    (found,) = offline(tmp_path)
    assert "test/overlays._type" in logged(found)
    assert len(pictures(tmp_path / "outputs")) > 1


@pytest.mark.slow
def test_jobs_of_one_process_are_runs_of_their_own(train, tmp_path):
    train("-m", "experiment=scratch_demo", "seed=0,1")
    runs = [about(found) for found in offline(tmp_path)]
    assert sorted(run.display_name for run in runs) == [
        f"scratch_demo-seed{i}-{NAMED}" for i in (0, 1)
    ]
    assert len({run.run_id for run in runs}) == 2
    assert {run.run_group for run in runs} == {"scratch_demo"}


@pytest.mark.slow
def test_a_job_after_one_that_failed_is_a_run_of_its_own(train, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(run_test, "score_poses", fail)
        train("experiment=scratch_demo", "seed=0", status=2)
    train("experiment=scratch_demo", "seed=1")
    runs = [about(found) for found in offline(tmp_path)]
    assert sorted(run.display_name for run in runs) == [
        f"scratch_demo-seed{i}-{NAMED}" for i in (0, 1)
    ]


def fail(*args):
    raise FidipError("the disk is full")


@pytest.mark.slow
def test_a_resumed_run_is_the_same_run(train, tmp_path, cli):
    train("experiment=scratch_demo", "scheduler=constant")
    (folder,) = tmp_path.glob("outputs/*/*")
    (folder / "results.json").unlink()
    cli("train", f"resume={folder}", "trainer.max_epochs=2")
    first, second = (about(found) for found in offline(tmp_path))
    saved = yaml.safe_load((folder / "config.yaml").read_text())
    assert first.run_id == second.run_id == saved["logger"]["wandb"]["id"]


@pytest.mark.slow
def test_an_evaluation_is_a_run_of_its_own(train, tmp_path, tiny_root, cli):
    train("experiment=scratch_demo", "logger=csv")
    (folder,) = tmp_path.glob("outputs/*/*")
    cli("evaluate", f"ckpt={folder}", f"data.root={tiny_root}", "logger=wandb", "out=scored")
    (found,) = offline(tmp_path)
    run = about(found)
    assert (run.display_name, run.job_type) == ("scratch_demo-seed0", "evaluate")
    assert run.run_group == "scratch_demo"
    assert "test/AP" in logged(found)


def test_a_run_that_was_resumed_offline_is_sent_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("20260101_000000-ab", "20260102_000000-ab", "20260103_000000-cd"):
        (tmp_path / "wandb" / f"offline-run-{name}").mkdir(parents=True)
    parts = "wandb/offline-run-20260101_000000-ab wandb/offline-run-20260102_000000-ab"
    command = sync_command(tmp_path / "wandb/offline-run-20260102_000000-ab")
    assert command == f"wandb sync --id ab {parts}"


def test_a_table_of_joints_has_numbers_only():
    joints = {"nose": {"oks": 0.5, "kinds": {"good": 1}}, "left_ear": {"oks": None, "kinds": {}}}
    assert joint_table(joints) == (["joint", "oks"], [["nose", 0.5], ["left_ear", None]])


def test_an_evaluation_that_matches_nobody_is_sent(train, tmp_path, tiny_root, cli):
    (tmp_path / "empty.json").write_text("[]")
    arguments = ["predictions=empty.json", f"data.root={tiny_root}", "logger=wandb", "out=scored"]
    cli("evaluate", *arguments)
    (found,) = offline(tmp_path)
    assert "test/AP" in logged(found)
