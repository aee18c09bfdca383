"""Infant pose estimation with little data, by adversarial domain adaptation (FiDIP).

The commands of fidip are available from Python::

    import fidip

    predictor = fidip.load_predictor("bundled")
    poses = predictor(image)
    pipeline = fidip.VideoPipeline(predictor, smoother=fidip.KalmanSmoother(), writers=["csv"])
    track = pipeline.run("baby.mp4", out="keypoints")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fidip.cli.loading import load_predictor
    from fidip.cli.run_comparison import RunComparison, compare_runs
    from fidip.core.crop_window import CropWindow
    from fidip.core.people import People
    from fidip.core.poses import Poses
    from fidip.core.track import Track
    from fidip.data.annotations import read_annotations
    from fidip.inference.overlay import Overlay
    from fidip.inference.pipelines import CameraPipeline, ImagePipeline, VideoPipeline
    from fidip.inference.predictor import Predictor
    from fidip.inference.smoothing import KalmanSmoother
    from fidip.metrics.evaluation import evaluate_poses
    from fidip.metrics.results import Results

__version__ = "0.2.0.dev0"

__all__ = [
    "CameraPipeline",
    "CropWindow",
    "ImagePipeline",
    "KalmanSmoother",
    "Overlay",
    "People",
    "Poses",
    "Predictor",
    "Results",
    "RunComparison",
    "Track",
    "VideoPipeline",
    "compare_runs",
    "evaluate_poses",
    "load_predictor",
    "read_annotations",
]

_MODULES = {
    "CameraPipeline": "fidip.inference.pipelines",
    "CropWindow": "fidip.core.crop_window",
    "ImagePipeline": "fidip.inference.pipelines",
    "KalmanSmoother": "fidip.inference.smoothing",
    "Overlay": "fidip.inference.overlay",
    "People": "fidip.core.people",
    "Poses": "fidip.core.poses",
    "Predictor": "fidip.inference.predictor",
    "Results": "fidip.metrics.results",
    "RunComparison": "fidip.cli.run_comparison",
    "Track": "fidip.core.track",
    "VideoPipeline": "fidip.inference.pipelines",
    "compare_runs": "fidip.cli.run_comparison",
    "evaluate_poses": "fidip.metrics.evaluation",
    "load_predictor": "fidip.cli.loading",
    "read_annotations": "fidip.data.annotations",
}


def __getattr__(name: str) -> Any:
    """Import a name on first use, because ``fidip --help`` should not wait for PyTorch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
