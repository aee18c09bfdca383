"""``python -m fidip.cli``: the same as ``fidip``."""

from fidip.cli import main

main()
