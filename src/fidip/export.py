"""``fidip export``: export the network of a checkpoint for other programs."""

from __future__ import annotations

from fidip.cli import check_arguments, command

if __name__ == "__main__":
    check_arguments("export")

from pathlib import Path

from omegaconf import DictConfig

from fidip.cli.loading import load_net
from fidip.nn.export_formats import export_net, require_exportable
from fidip.nn.portable_export import INPUTS, Portable


def export(config: DictConfig) -> None:
    """Load the network, export it, compare the file with it, and print its input and outputs."""
    out = Path(config.out)
    require_exportable(out, config.format)
    net, codec = load_net(str(config.ckpt), config)
    model = Portable(net, codec, config.input, config.decode)
    found = export_net(model, out, config.format)
    width, height = codec.input_wh
    print(
        f"written: {out} ({out.stat().st_size / 1e6:.1f} MB); takes images (N, 3, {height}, "
        f"{width}), {str(INPUTS[config.input]).removeprefix('torch.')}, N any; "
        f"gives {' and '.join(model.outputs)}"
    )
    print(
        f"checked on random images, N = 1 and 3: largest error {found.error:.1e} "
        f"of outputs up to {found.largest:.2g}"
    )


@command("export")
def main(config: DictConfig) -> None:
    """Run the command."""
    export(config)


if __name__ == "__main__":
    main()
