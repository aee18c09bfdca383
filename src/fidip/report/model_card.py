"""Model card: training data, recipe, results and limits of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from fidip.metrics.results import Results
from fidip.report.formatting import show_interval, show_number


def model_card(
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
    results: Results,
    is_selected: bool,
) -> str:
    """Return the model card of a run as Markdown.

    Args:
        config: settings of the run.
        environment: content of ``environment.json``.
        results: results of the test.
        is_selected: whether the weights are those with the best score, not those of the last epoch.
    """
    start = config.get("ckpt")
    template = Environment(loader=PackageLoader("fidip.report"), autoescape=False, trim_blocks=True)
    return template.get_template("model_card.md").render(
        config=config,
        environment=environment,
        results=results,
        data_name=Path(str(config["data"]["root"])).name,
        start=Path(str(start)).name if start else None,
        selected=_selection(config) if is_selected else "nothing: the last epoch",
        recipe=_recipe(config, environment, results),
        number=show_number,
        interval=show_interval,
    )


def _selection(config: Mapping[str, Any]) -> str:
    """Return what the weights were selected on."""
    monitor = config["callbacks"]["checkpoints"]["monitor"]
    if str(monitor).endswith("agreement"):
        return f"{monitor} on unlabelled images of the target"
    return f"{monitor} on a fraction of {config['data']['val_fraction']} of the training split"


def _recipe(
    config: Mapping[str, Any], environment: Mapping[str, Any], results: Results
) -> dict[str, Any]:
    task, trainer, optimizer = config["task"], config["trainer"], config["optimizer"]
    backbone = config["net"]["backbone"]
    facts = {
        **_method(task),
        "backbone": backbone.get("name", str(backbone["_target_"]).rpartition(".")[2]),
        "crop, width x height": " x ".join(map(str, config["codec"]["input_wh"])),
        "frozen": ", ".join(config["net"].get("frozen") or ()) or "nothing",
        "optimiser": f"{str(optimizer['_target_']).rpartition('.')[2]}, lr {optimizer['lr']}",
        "batch size": config["data"]["batch_size"],
        "epochs": trainer["max_epochs"],
        "updates": results.updates,
        "precision": trainer["precision"],
        "device": f"{environment['device']}, {environment['processes']} process(es)",
        "minutes": environment["minutes"],
    }
    return {name: value for name, value in facts.items() if value is not None}


def _method(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return the class of the method, or of a task without one, and the method's own weights.

    Of combined methods, return the classes and weights of all.
    """
    method = task.get("method") or task
    methods: Mapping[str, Any] = method.get("methods") or {"": method}
    weights = {
        f"{name} {key}".replace("_", " ").strip(): value
        for name, each in methods.items()
        for key, value in each.items()
        if key.endswith("weight")
    }
    names = (str(each["_target_"]).rpartition(".")[2] for each in methods.values())
    return {"method": " + ".join(names), **weights}
