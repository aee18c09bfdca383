"""``fidip train`` in processes that start fast: a server imports everything once, and forks."""

import multiprocessing
import os
import sys

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["fidip.train"])


def train(folder, *arguments, **environment):
    """Start it in a folder; what it prints goes to ``folder/log``. It ends with this process."""
    process = CONTEXT.Process(target=_train, args=(folder, arguments, environment), daemon=True)
    process.start()
    return process


def _train(folder, arguments, environment):
    from fidip.train import main

    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    os.environ.update(environment)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["fidip train", *arguments]
    main()
