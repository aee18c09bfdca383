"""The adaptation benchmark: a tiny version from its preset to its page."""

import csv
import math
import re
import shutil
from pathlib import Path

import hydra
import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from fidip.core.errors import RunError
from fidip.io.json import read_object, write_json
from fidip.io.paths import config_dir
from fidip.metrics import Difference
from fidip.nn.weights.net_weights import load_weights
from fidip.report import read_runs
from tests.conftest import load_script, run_command

FOLDER = config_dir().parent / "experiments" / "010-adaptation"
SIZE = ("codec.input_wh=[64,64]", "codec.heatmap_wh=[16,16]")
TINY = (
    *("data.num_workers=0", "data.batch_size=6", "trainer.max_epochs=2"),
    *SIZE,
)


def script(name):
    """A module of the experiment's folder."""
    return load_script(FOLDER / f"{name}.py")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The first images of every part of ``preset=adaptation``, small."""
    folder = tmp_path_factory.mktemp("adaptation")
    words = ("preset=adaptation", "first=2", "preset.size_wh=[64,64]", "workers=1")
    assert run_command("synthesize", *words, f"out={folder}") == 0
    return folder


@pytest.fixture(scope="module")
def outputs(root, tmp_path_factory):
    """Runs of a sweep: two methods and two numbers of labels of one target."""
    folder = tmp_path_factory.mktemp("outputs")
    sweep(
        root, folder, "sweep=adaptation", "method=finetune,mean_teacher", "data.target_labels=0,1"
    )
    return folder


def sweep(root, folder, *words):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        where = (f"data.root={root}", f"hydra.sweep.dir={folder}", "sweep.resume=true")
        assert run_command("train", "-m", *words, "target=night", "seed=0", *TINY, *where) == 0


def test_the_jobs_of_a_sweep_are_in_folders_named_by_cell_and_have_equal_updates(outputs):
    results = sorted(outputs.glob("*/*/*/results.json"))
    methods = ("finetune", "mean_teacher")
    names = [f"adaptation-{method}-night-{labels}" for method in methods for labels in (0, 1)]
    assert [file.parents[2].name for file in results] == names
    for file, name in zip(results, names, strict=True):
        assert read_object(file)["experiment"] == name
        assert read_object(file)["updates"] == 2
        assert read_object(file)["source"]["split"] == "validate_adult"


def test_a_method_is_added_to_existing_runs(root, outputs, tmp_path):
    folder = Path(shutil.copytree(outputs, tmp_path / "outputs"))
    before = {file: file.stat().st_mtime_ns for file in folder.glob("*/*/*/results.json")}
    words = ("sweep=adaptation_replay", "method=replay", "data.target_labels=0")
    sweep(root, folder, *words)
    (new,) = set(folder.glob("*/*/*/results.json")) - set(before)
    assert new.parents[2].name == "adaptation-replay-night-0"
    sweep(root, folder, *words)  # with sweep.resume=true nothing is left to do
    after = {file: file.stat().st_mtime_ns for file in folder.glob("*/*/*/results.json")}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def test_archived_runs_give_the_same_page_and_are_not_run_again(
    root, outputs, tmp_path, page_of, monkeypatch
):
    archive, folder, restored = script("archive"), tmp_path / "runs", tmp_path / "restored"
    monkeypatch.chdir(outputs)
    archive.pack(outputs, folder)
    names = ["adaptation-finetune.tar.xz", "adaptation-mean_teacher.tar.xz"]
    assert sorted(file.name for file in folder.iterdir()) == names
    packed = {file.name: file.read_bytes() for file in folder.iterdir()}
    archive.unpack(restored, folder)
    assert not list(restored.rglob("*.ckpt"))
    for file in restored.rglob("*.*"):
        assert file.is_dir() or f"{outputs}/" not in file.read_text()
    assert page_of(restored) == page_of(outputs)
    archive.pack(restored, folder)
    assert packed == {file.name: file.read_bytes() for file in folder.iterdir()}
    times = {file: file.stat().st_mtime_ns for file in restored.rglob("*.json")}
    archive.unpack(restored, folder)
    sweep(root, restored, "sweep=adaptation", "method=finetune", "data.target_labels=0,1")
    assert times == {file: file.stat().st_mtime_ns for file in restored.rglob("*.json")}


def copied(outputs, folder, start, method, seed, ap_kept, ap_before=0.5):
    """A finished run under the name of another method, with other weights on adults."""
    (source,) = outputs.glob("adaptation-finetune-night-0/*/*")
    target = Path(shutil.copytree(source, folder / f"{start}-{method}-night-0" / "x" / str(seed)))
    content = read_object(target / "results.json")
    content |= {"experiment": f"{start}-{method}-night-0", "seed": seed}
    content["source"] = {"split": "validate_adult", "AP": ap_kept, "AP_before": ap_before}
    write_json(target / "results.json", content)
    config = (target / "config.yaml").read_text()
    assert "seed: 0\n" in config
    config = config.replace("name: adaptation-finetune", f"name: {start}-{method}")
    (target / "config.yaml").write_text(config.replace("seed: 0\n", f"seed: {seed}\n"))


@pytest.fixture
def page_of(tmp_path):
    def write(outputs):
        script("report").main(outputs, tmp_path / "page", 20)
        return (tmp_path / "page" / "results.md").read_text()

    return write


def test_the_page_compares_with_fine_tuning_and_adabn_of_the_same_start(outputs, tmp_path, page_of):
    folder = tmp_path / "outputs"
    for seed in range(3):
        for start, method, kept in (
            ("adaptation", "finetune", 0.2),
            ("adaptation", "dann", 0.3),
            ("adaptation_norm", "adabn", 0.25),
            ("adaptation_norm", "finetune", 0.5),
        ):
            copied(outputs, folder, start, method, seed, kept)
    copied(outputs, folder, "adaptation", "source_free", 0, 0.3, ap_before=0.4)
    text = page_of(folder)
    first, second = text.split("\n## ")[1:3]
    same = "0.000 (0.000 to 0.000), not distinguishable"
    assert (first.count(same), second.count(same)) == (1, 2)
    of_one_seed = "60% |"  # .3 of the .5 of the start, not of the .4 of its own weights
    assert f"| 0 | source_free | night | 0.000 | n/a | {of_one_seed}" in first
    equal = "0.000 (0.000 to 0.000) | 0 of 1"
    assert f"| 0 | dann | night | 0.000 | n/a | 60% | {equal} |  |  |" in first
    assert f"| 0 | adabn | night | 0.000 | n/a | 50% | {equal} |  |  |" in second
    assert f"| 0 | finetune | night | 0.000 | n/a | 100% |  |  | {equal} |" in second
    assert " Its difference from fine-tuning is 0.000 (not distinguishable) on night." in first
    assert "Of the AP on adults, it keeps 60% on night." in first
    assert "## Missing" not in text
    with (tmp_path / "page" / "differences.csv").open() as file:
        pairs = {(row["experiment"], row["against"]) for row in csv.DictReader(file)}
    norm = ("adaptation_norm-adabn-night-0", "adaptation_norm-finetune-night-0")
    own = {
        (f"adaptation-{method}-night-0", "adaptation-finetune-night-0")
        for method in ("dann", "source_free")
    }
    assert pairs == {*own, norm, norm[::-1]}
    for name in ("plane.png", "labels.png"):
        assert (tmp_path / "page" / name).stat().st_size > 10_000


def test_a_method_is_compared_with_its_own_seeds_of_the_reference(outputs, tmp_path):
    seeds = {"finetune": (0, 1, 2), "dann": (0, 1, 2), "style": (0, 1), "coral": (1,), "mmd": (5,)}
    for method, own in seeds.items():
        for seed in own:
            copied(outputs, tmp_path, "adaptation", method, seed, 0.3)
    runs = read_runs(str(tmp_path / "*" / "*" / "*")).runs
    cells = script("cells")
    parts = [
        sorted((cells.method_of(run), run.results.seed) for run in part)
        for part in cells.same_seeds(runs, "adaptation-finetune-night-0")
    ]
    whole = [(method, seed) for method in ("dann", "finetune") for seed in (0, 1, 2)]
    assert parts[0] == [*whole, ("mmd", 5)]  # it has no seed of the reference
    assert sorted(parts[1:]) == [
        [("coral", 1), ("finetune", 1)],
        [("finetune", 0), ("finetune", 1), ("style", 0), ("style", 1)],
    ]


def test_the_interval_of_a_mean_difference_is_that_of_simulated_errors():
    generator = np.random.default_rng(0)
    values, errors = np.array([0.05, -0.01, 0.02]), np.array([0.01, 0.03, 0.02])
    drawn = values + errors * generator.standard_normal((200_000, 3))
    ends = np.percentile(drawn, [2.5, 97.5], axis=0).T
    differences = [
        Difference(value=value, interval=tuple(interval), p=0.5)
        for value, interval in zip(values, ends, strict=True)
    ]
    mean, interval = script("cells").mean_difference(differences)
    assert mean == pytest.approx(0.02)
    simulated = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    assert interval == pytest.approx(simulated, abs=2e-4)


def test_the_page_orders_labels_and_lists_what_is_missing(outputs, tmp_path, page_of, capsys):
    folder = Path(shutil.copytree(outputs, tmp_path / "outputs"))
    (lost,) = folder.glob("adaptation-mean_teacher-night-1/*/*/results.json")
    lost.unlink()
    text = page_of(folder)
    rows = [line.split(" | ")[:2] for line in text.split("### night")[1].splitlines()[4:7]]
    assert rows == [["| 0", "finetune"], ["| 0", "mean_teacher"], ["| 1", "finetune"]]
    assert "adaptation-mean_teacher-night-1, seed 0: not finished" in text.split("## Missing")[1]
    assert "missing runs or comparisons: 1;" in capsys.readouterr().out


def test_the_page_lists_seeds_and_the_closed_part_of_the_gap(outputs, tmp_path, page_of):
    folder = Path(shutil.copytree(outputs, tmp_path / "outputs"))
    aps = {"finetune-night-0": 0.1, "mean_teacher-night-0": 0.175, "finetune-night-1": 0.2}
    for name, ap in aps.items():
        (file,) = folder.glob(f"adaptation-{name}/*/*/results.json")
        content = read_object(file)
        content["metrics"]["AP"] = ap
        supervised = "adaptation-finetune-night-None"
        is_supervised = name == "finetune-night-1"
        content["experiment"] = supervised if is_supervised else content["experiment"]
        write_json(file, content)
    text = page_of(folder)
    assert "| 0 | mean_teacher | night | 0.175 | 75% |" in text
    (paragraph,) = [line for line in text.splitlines() if line.startswith("**mean_teacher.** ")]
    assert "With 1 labels" not in paragraph
    for sentence in (
        "Mean teacher: pseudo-labels of a moving average",
        " Without labels, AP is 0.175 on night.",
        " Of the gap to all labels, it closes 75% on night.",
    ):
        assert sentence in paragraph
    assert "| mean_teacher | 0: 1, 1: 1 |" in text
    assert "| finetune | 0: 1, all: 1 |" in text
    assert "| dann | none |" in text
    assert "Choice without labels" not in text


def test_criteria_of_finished_runs_are_those_of_the_training(outputs, tmp_path, page_of, capsys):
    file = tmp_path / "page" / "criteria.csv"
    file.parent.mkdir()
    criteria = script("criteria")
    criteria.main(outputs, file)
    rows = criteria.read(file)
    assert len(rows) == len(list(outputs.glob("*/*/*/results.json")))
    for name, row in rows.items():
        with (outputs / name / "metrics.csv").open() as lines:
            logged = list(csv.DictReader(lines))[-1]
        for key in ("agreement", "teacher_agreement"):
            value = logged.get(f"val/{key}")
            assert (float(row[key]) if row[key] else None) == (
                pytest.approx(float(value), abs=1e-3) if value else None
            )
        assert bool(row["teacher_agreement"]) == ("mean_teacher" in name)
    content = file.read_bytes()
    criteria.main(outputs, file)  # nothing is left to do
    assert file.read_bytes() == content
    assert len(capsys.readouterr().out.splitlines()) == len(rows)
    table = page_of(outputs).split("## Choice without labels")[1]
    assert "| criterion | runs | rank correlation | 95 % interval | MoveNet, night |" in table
    assert "| agreement | 4 |" in table
    assert "| teacher_agreement |" not in table  # of two runs only


def test_runs_with_other_names_are_refused(outputs, tmp_path, page_of):
    copied(outputs, tmp_path / "outputs", "adaptation", "x-y", 0, 0.1)
    (file,) = tmp_path.glob("outputs/*/*/*/results.json")
    write_json(file, {**read_object(file), "experiment": "adaptation-x"})
    with pytest.raises(RunError, match="is named adaptation-x; expected START-METHOD-TARGET"):
        page_of(tmp_path / "outputs")


def compose(*overrides):
    with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
        return hydra.compose("train", overrides, return_hydra_config=True)


VIEWS = 6 * (96 / 64) ** 2
"""Of the teacher, which enlarges crops of 64 px to 96 px: 1.25 times in steps of 32 px."""


@pytest.mark.parametrize(
    ("method", "labels", "crops", "with_gradients"),
    [
        ("finetune", 0, 1, 1),
        ("mean_teacher", 0, 1 + VIEWS / 2, 1),
        ("mean_teacher", 1, 1 + VIEWS / 3, 1),
    ],
)
def test_forward_passes_of_an_update(root, method, labels, crops, with_gradients):
    """A teacher sees the unlabelled images: a half of a batch, or with labels a third."""
    passes = script("passes")
    words = ("sweep=adaptation", f"method={method}", f"data.target_labels={labels}")
    config = compose(*words, f"data.root={root}", "data.batch_size=6", *SIZE, *passes.TRAINING)
    assert passes.passes(config) == pytest.approx((crops, with_gradients))


def test_the_forward_passes_of_all_methods_of_the_sweeps_are_known():
    with (FOLDER / "passes.csv").open(encoding="utf-8") as file:
        known = {(row["start"], row["method"]) for row in csv.DictReader(file)}
    found = set()
    for name, start in script("passes").SWEEPS.items():
        methods = compose(f"sweep={name}").hydra.sweeper.params.method.split(",")
        found |= {(start, method) for method in methods}
    assert known == found


def guide_format(value):
    """A number as in ``+.012``, and .000 without a sign."""
    text = f"{float(value):+.3f}".replace("0.", ".", 1)
    return text[1:] if text in ("+.000", "-.000") else text


def test_differences_in_tables_of_the_pages_are_those_of_the_benchmark():
    """Every difference with an interval in a table is the AP of a row of differences.csv."""
    with (FOLDER / "differences.csv").open(encoding="utf-8") as file:
        known = {
            "{} ({} to {})".format(*(guide_format(row[k]) for k in ("difference", "low", "high")))
            for row in csv.DictReader(file)
            if row["number"] == "AP"
        }
    for page in (FOLDER / "README.md", FOLDER.parents[1] / "docs" / "how-to" / "method.md"):
        tables = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
        quoted = re.findall(r"[+-]?\.\d{3} \([+-]?\.\d{3} to [+-]?\.\d{3}\)", "\n".join(tables))
        assert len(quoted) >= 10
        assert set(quoted) - known == set(), page


def test_the_whole_benchmark_has_408_runs():
    """24 of them are supervised, and 12 are what source_free starts from."""
    runs = 24 + 12
    for name in script("passes").SWEEPS:
        params = compose(f"sweep={name}").hydra.sweeper.params
        runs += math.prod(len(str(values).split(",")) for values in params.values())
    assert runs == 408


def test_the_start_with_batch_norm_computes_what_the_bundled_network_does(root):
    norm = script("start").start(root, ["data.num_workers=0", "data.batch_size=2"]).eval()
    plain = instantiate(compose("experiment=adaptation").net).eval()
    load_weights(plain, "bundled:movenet-lightning", allow_partial=True)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, found = (net(images).heatmaps for net in (plain, norm))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)
    assert expected.std() > 0.005
    layers = [m for m in norm.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(layers) > 50
    assert all((layer.running_mean != 0).any() for layer in layers)
