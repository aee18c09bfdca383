"""What Lightning does not document, as of the version that it was checked with."""

import pytorch_lightning as pl

from fidip.tasks import lightning


def test_the_version_is_the_one_that_was_checked():
    """After an update, read the release notes; then change CHECKED_WITH."""
    assert pl.__version__ == lightning.CHECKED_WITH


def test_a_position_in_the_middle_of_an_epoch_and_at_its_start():
    def loops():
        counts = dict.fromkeys(("ready", "started", "processed", "completed"), 7)
        return {
            "epoch_loop.batch_progress": {"total": dict(counts), "current": dict(counts)},
            "epoch_loop.state_dict": {"_batches_that_stepped": 6},
        }

    within, at_start = loops(), loops()
    lightning.set_position(within, epoch=2, batch=3)
    lightning.set_position(at_start, epoch=2, batch=0)
    assert within["epoch_progress"]["total"]["started"] == 3
    assert at_start["epoch_progress"]["total"]["started"] == 2
    assert set(within["epoch_loop.batch_progress"]["current"].values()) >= {3}
    assert within["epoch_loop.state_dict"]["_batches_that_stepped"] == 7
    assert at_start["epoch_loop.state_dict"]["_batches_that_stepped"] == 6
    assert within["epoch_loop.batch_progress"]["total"]["completed"] == 7


def test_no_other_module_uses_names_that_lightning_keeps_to_itself():
    from pathlib import Path

    private = (
        "fit_loop._",
        "epoch_loop._",
        "_data_fetcher",
        "batch_progress",
        "_average_model",
        "_wandb_init",
        "_signal_connector",
    )
    for file in Path(lightning.__file__).parents[1].rglob("*.py"):
        if file.name != "lightning.py":
            assert not any(name in file.read_text(encoding="utf-8") for name in private), file
