"""The page of a comparison in a browser, on a telephone and on a desk."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from fidip.cli.run_comparison import compare_runs
from fidip.data import read_annotations
from fidip.io.coco import from_coco_results
from fidip.io.json import write_json
from fidip.metrics import GROUND_TRUTH, evaluate_poses

TEST, IMAGES = "annotations/person_keypoints_validate_infant.json", "images/validate_infant"
NARROW, WIDE = 420, 1200
"""Widths in px."""


@pytest.fixture(scope="module")
def page_file(tiny_root, tmp_path_factory):
    """The page of three experiments with one seed, and of one more that cannot be compared."""
    folder = tmp_path_factory.mktemp("page")
    people = read_annotations(tiny_root / TEST, tiny_root / IMAGES).people
    places = {
        "data_root": tiny_root,
        "test_json": tiny_root / TEST,
        "test_images": tiny_root / IMAGES,
    }
    for name, error in (("scratch_demo", 9), ("finetune_demo", 3), ("fidip_demo", 2), ("lost", 5)):
        rng = np.random.default_rng(error)
        results = []
        for person in people:
            keypoints = person.keypoints.copy()
            keypoints[:, :2] += rng.normal(0, error, (17, 2))
            results.append(
                {"image_id": person.image_id, "category_id": 1, "score": float(rng.uniform()),
                 "keypoints": keypoints.ravel().tolist()}
            )  # fmt: skip
        run = folder / "runs" / name
        write_json(run / "predictions.json", results if name != "lost" else [])
        scores = evaluate_poses(from_coco_results(results), people)
        about = {"experiment": name, "box_source": GROUND_TRUTH, "minutes": 8.0}
        write_json(run / "results.json", replace(scores, **about).to_json())
        command = (
            f"python -m fidip.train experiment={name} data.root=data/demo resume=auto ckpt=a.ckpt"
        )
        facts = {key: str(path) for key, path in places.items()}
        write_json(
            run / "environment.json",
            {**facts, "device": "cpu", "commit": "4d569b5", "command": command},
        )
        module = {"_target_": "fidip.data.SyripDataModule", "root": "x", "input_wh": [96, 96]}
        weight = {"fidip_demo": 1e-3}.get(name, 0)
        write_json(run / "config.yaml", {"data": module, "task": {"adversarial_weight": weight}})
        (run / "metrics.csv").write_text(
            "epoch,step,val/AP,train/pose_loss\n0,1,0.1,0.5\n1,2,0.2,0.4\n"
        )
    shutil.copytree(folder / "runs/lost", folder / f"runs/{'a_long_name_' * 9}")
    compared = compare_runs(f"{folder}/runs/*", against="finetune_demo", rounds=20)
    compared.write(folder)
    return folder / "compare.html"


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_the_page_does_not_scroll_sideways(width, page_file, browser):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = """[...document.querySelectorAll("table, svg, img")].filter(
        e => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll")).length"""
    assert page.evaluate(outside) == 0
    scrolls = """[...document.querySelectorAll(".scroll")].map(
        e => [e.scrollWidth > e.clientWidth, getComputedStyle(e).overflowX])"""
    states = page.evaluate(scrolls)
    assert {overflow for _, overflow in states} == {"auto"}
    if width == NARROW:
        assert any(is_wider for is_wider, _ in states)
    page.close()


def test_every_column_has_a_heading_and_every_term_a_sentence(page_file, browser):
    page = browser.new_page()
    page.goto(page_file.as_uri())
    headings = page.locator("th").all_inner_texts()
    assert all(heading.strip() for heading in headings)
    (last,) = page.locator("h2:text-is('Differences') + .scroll th:last-child").all_inner_texts()
    assert last == "verdict"
    terms = dict(
        zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True)
    )
    assert terms.keys() >= {"OKS", "AP, AR", "PCK", "ECE", "jitter", "inversion", "swap"}
    assert all(meaning.endswith(".") and meaning.count(". ") == 0 for meaning in terms.values())
    page.close()
