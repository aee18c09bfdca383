"""Combined methods against closed formulas."""

import numpy as np
import pytest
from torch import nn

from fidip.adapt import AdaptationMethod, DataPart
from fidip.adapt.combined import Combined
from fidip.adapt.dann import GradientReversal
from fidip.adapt.easy_hard import EasyHard
from fidip.adapt.l2_sp import L2SP
from fidip.adapt.replay import Replay
from fidip.adapt.style import Style
from fidip.cli.commands import Train
from fidip.cli.config_validation import find_problems
from fidip.cli.loading import training_config
from fidip.core.errors import ArgumentError
from fidip.report.model_card import _method
from tests.adapt.test_dann import RATE, Head, T, X, Y, fit, sigmoid
from tests.adapt.test_mean_teacher import STILL, mean_teacher

METHOD = "replay_l2_sp"


def dann(weight):
    return GradientReversal(domain_head=Head, weight=weight, schedule=lambda progress: progress)


@pytest.mark.parametrize("weights", [(0.0, 0.0), (0.5, 2.0)])
def test_updates_follow_the_analytic_gradient_of_the_sum(weights):
    method = Combined(methods={"l2_sp": L2SP(weight=weights[0]), "dann": dann(weights[1])})
    task = fit(method, updates=4)
    (w, d), start = (0.7, 0.9), 0.7
    for update in range(4):
        error = sigmoid(d * w * X) - Y
        reversed_share = weights[1] * update / 4
        gradient = np.mean((w * X - T) * X) + weights[0] * (w - start)
        gradient -= reversed_share * np.mean(error * d * X)
        w, d = w - RATE * gradient, d - RATE * np.mean(error * w * X)
    assert task.net.w.item() == pytest.approx(w, rel=1e-6)
    assert task.method.methods["dann"].domain_head.d.item() == pytest.approx(d, rel=1e-6)
    assert task.method.methods["l2_sp"].start[0].item() == start


def test_values_are_logged_below_the_name_of_their_method():
    task = fit(Combined(methods={"a": L2SP(weight=0.5), "b": L2SP(weight=0.25)}), updates=2)
    logged = task.trainer.callback_metrics
    names = ("train/pose_loss", "train/a/distance", "train/b/distance")
    pose, first, second = (float(logged[name]) for name in names)
    assert first == second > 0
    assert float(logged["train/loss"]) == pytest.approx(pose + 0.25 * first + 0.125 * second)


def test_the_needs_and_hidden_states_are_those_of_all():
    class State(L2SP):
        def hidden_state(self):
            return {"seen": 3}

        def load_hidden_state(self, state):
            self.loaded = state

    method = Combined(methods={"replay": Replay(), "dann": dann(1.0), "state": State()})
    assert method.needs == Replay.needs | GradientReversal.needs
    assert DataPart.REPLAY in method.needs
    other = Combined(methods={"state": State(), "l2_sp": L2SP()})
    assert other.needs == frozenset()
    assert other.hidden_state() == {"state": {"seen": 3}, "l2_sp": {}}
    other.load_hidden_state(other.hidden_state())
    assert other.methods["state"].loaded == {"seen": 3}


class OwnUpdates(AdaptationMethod):
    def step(self, step):
        return {}


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({}, "methods={}: expected at least one"),
        ({"items": L2SP()}, "methods=items: is reserved"),
        ({"a.b": L2SP()}, "methods=a.b: is reserved or no word"),
        ({"own": OwnUpdates()}, "methods.own=OwnUpdates: makes its updates itself"),
        ({"net": nn.Identity()}, "methods.net=Identity: makes its updates itself"),
        ({"a": mean_teacher(), "b": Style()}, "methods.b=Style: changes the images that a shows"),
        (
            {"a": EasyHard(easy=STILL, hard=STILL), "b": mean_teacher()},
            "methods.b=MeanTeacher: changes the images",
        ),
        (
            {"a": Combined(methods={"c": mean_teacher()}), "b": Combined(methods={"d": Style()})},
            "methods.b=Combined: changes the images that a shows",
        ),
    ],
)
def test_what_cannot_be_combined_is_one_line(methods, message):
    with pytest.raises(ArgumentError) as error:
        Combined(methods=methods)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["method.methods.replay.map_weight=-1"], "method.methods.replay.map_weight=-1: expected"),
        (["+method.methods.replay.map_wight=1"], "method.methods.replay.map_wight: unknown key"),
        (["+method@method.methods.fidip=adversarial"], "method.methods.fidip={"),
        (["+method@method.methods.A-b=l2_sp"], "method.methods.A-b={"),
        (["method.methods=null"], "method.methods=null: expected a mapping"),
        (["~method.methods.replay", "~method.methods.l2_sp"], "method.methods={}: expected at"),
    ],
)
def test_settings_of_combined_methods_are_checked(words, message):
    words = ["experiment=finetune_demo", "ckpt=null", "run_dir=x", "method=replay_l2_sp", *words]
    problems = find_problems(Train, training_config(words))
    assert len(problems) == 1
    assert problems[0].startswith(message)
    assert not find_problems(Train, training_config(words[:4]))


def test_a_model_card_names_all_methods_and_their_weights():
    config = training_config(["experiment=finetune_demo", "run_dir=x", "method=replay_l2_sp"])
    assert _method(config.task) == {
        "method": "Replay + L2SP",
        "replay map weight": 1.0,
        "replay feature weight": 0.001,
        "replay target weight": 0.0,
        "l2 sp weight": 1e-5,
    }
