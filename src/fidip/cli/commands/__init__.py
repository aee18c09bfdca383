"""Schemas of the commands: their keys with types and ranges."""

from __future__ import annotations

from fidip.cli.commands.command import Command
from fidip.cli.commands.dataset_commands import Check, LabelFormat, Labels, Synthesize
from fidip.cli.commands.prediction_commands import App, Frames, Predict
from fidip.cli.commands.scoring_commands import Compare, Evaluate
from fidip.cli.commands.training_commands import Adapt, SavedConfig, Train
from fidip.cli.commands.weights_commands import Convert, Export, Zoo

__all__ = ["SCHEMAS", "Command", "LabelFormat", "SavedConfig", "Train"]

SCHEMAS: dict[str, type[Command]] = {
    "adapt": Adapt,
    "app": App,
    "check": Check,
    "compare": Compare,
    "evaluate": Evaluate,
    "export": Export,
    "convert": Convert,
    "frames": Frames,
    "labels": Labels,
    "predict": Predict,
    "synthesize": Synthesize,
    "train": Train,
    "zoo": Zoo,
}
