"""Base classes of the schemas of commands."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from omegaconf import DictConfig, OmegaConf
from pydantic import ConfigDict

from fidip.cli.components import (
    Codecs,
    Nets,
)
from fidip.cli.fields import (
    Name,
    Strict,
    Text,
)


class Command(Strict):
    """Base of the commands' schemas.

    Attributes:
        main_key: the key that a lone word on the command line most likely belongs to.
        takes_word: whether a lone word is the value of ``main_key``.
        needs: keys without a default, and what to give.
        groups: configuration groups that may be chosen, in addition to the fields.
        inherits: whether an experiment may be named, of which only the fields are used.
        refers: keys of an experiment that the fields refer to and users cannot set.
        sweeps: whether ``-m`` runs it several times.
    """

    main_key: ClassVar[str] = "data.root"
    takes_word: ClassVar[bool] = False
    needs: ClassVar[dict[str, str]] = {}
    groups: ClassVar[frozenset[str]] = frozenset()
    inherits: ClassVar[bool] = False
    refers: ClassVar[frozenset[str]] = frozenset()
    sweeps: ClassVar[bool] = False

    @classmethod
    def used(cls, config: DictConfig) -> DictConfig:
        """Return the part of a composed configuration that the command uses."""
        if not cls.inherits:
            return config
        keys = {*cls.model_fields, *cls.refers}
        part = OmegaConf.masked_copy(config, [str(key) for key in config if key in keys])
        OmegaConf.set_struct(part, True)
        return part


class Inheriting(Command):
    """A command that takes network and data from an experiment, and nothing else."""

    model_config = ConfigDict(extra="ignore")

    inherits: ClassVar[bool] = True
    groups: ClassVar[frozenset[str]] = frozenset({"experiment"})

    name: Name
    net: Annotated[Any, Nets]
    codec: Annotated[Any, Codecs]
    run_dir: Text | None = None
    ckpt: Text | None = None
    allow_partial: bool = False
    allow_targets: list[Text] = []
