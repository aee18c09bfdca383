"""Which case a seed and a number stand for."""

from __future__ import annotations

from random import Random

from . import checkpoints, documents, labels, media, onnx_files, runs, settings, videos
from .case import Box, Case, Draw
from .stage import Stage

AREAS: dict[str, tuple[int, dict[Draw, int]]] = {
    "settings": (
        32,  # the cheapest: most end before PyTorch is needed
        {
            settings.draw_value: 20,
            settings.draw_method_value: 2,
            settings.draw_several: 80,
            settings.draw_grammar: 6,
            settings.draw_typo: 3,
            settings.draw_choice: 3,
            settings.draw_missing: 2,
            settings.draw_contradiction: 4,
            settings.draw_full_disk: 1,
            settings.draw_environment: 1,
            settings.draw_command: 1,
            settings.draw_good: 1,
        },
    ),
    "data files": (
        6,
        {
            documents.draw_annotations: 8,
            documents.draw_results: 2,
            documents.draw_detections: 2,
            documents.draw_second_labels: 1,
            documents.draw_label_studio: 4,
            documents.draw_deeplabcut: 4,
            labels.draw_labelme: 3,
            labels.draw_sleap: 3,
            labels.draw_table: 3,
            labels.draw_container: 3,
            documents.draw_path: 1,
            documents.draw_good: 1,
        },
    ),
    "checkpoints": (
        4,
        {
            checkpoints.draw_bytes: 6,
            checkpoints.draw_code: 3,
            checkpoints.draw_state: 6,
            checkpoints.draw_safetensors: 3,
            checkpoints.draw_path: 1,
            checkpoints.draw_good: 1,
        },
    ),
    "ONNX files": (
        3,
        {onnx_files.draw_pose_net: 6, onnx_files.draw_detector: 2, onnx_files.draw_good: 1},
    ),
    "media": (
        4,
        {
            media.draw_photo: 4,
            media.draw_video: 4,
            media.draw_folder: 10,
            media.draw_name: 3,
            media.draw_quoted_name: 2,
            media.draw_odd_entry: 1,
            media.draw_training_image: 2,
            media.draw_good: 1,
        },
    ),
    "videos and labels": (
        4,
        {
            videos.draw_labels: 8,
            videos.draw_mistake: 4,
            videos.draw_broken: 3,
            videos.draw_folder: 2,
        },
    ),
    "run directories": (
        4,
        {
            runs.draw_code: 5,
            runs.draw_interpolation: 1,
            runs.draw_settings: 4,
            runs.draw_yaml: 3,
            runs.draw_results: 3,
            runs.draw_curves: 1,
            runs.draw_calibration: 1,
            runs.draw_resume: 1,
            runs.draw_finished: 1,
            runs.draw_sweep: 1,
            runs.draw_good: 1,
        },
    ),
}
"""By area, how often it is drawn, and how often each of its generators is."""


def area_of(seed: int, number: int) -> str:
    """The area of a case, without drawing it."""
    return _start(seed, number)[1]


def draw(seed: int, number: int, box: Box, stage: Stage) -> Case:
    """Make the files of a case in its box; the same for the same seed and number."""
    rng, area = _start(seed, number)
    generators = AREAS[area][1]
    [generator] = rng.choices(list(generators), list(generators.values()))
    return generator(rng, box, stage)


def _start(seed: int, number: int) -> tuple[Random, str]:
    rng = Random(f"{seed}/{number}")
    [area] = rng.choices(list(AREAS), [often for often, _ in AREAS.values()])
    return rng, area
