"""The command ``fidip synthesize``: former names and a configuration folder of the user."""

from fidip import synthesize

PART = "[{group: infant, %s: varied, is_synthetic: false, count: 1}]"


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["fidip synthesize", *arguments])
    synthesize.main()


def test_presets_in_a_configuration_folder_of_the_user(monkeypatch, tmp_path):
    preset = tmp_path / "conf/preset/mine.yaml"
    preset.parent.mkdir(parents=True)
    preset.write_text(f"size_wh: [48, 48]\nsplits: {{train_x: {PART % 'appearance'}}}\n")
    folder = str(tmp_path / "conf")
    run(monkeypatch, "--config-dir", folder, "preset=mine", f"out={tmp_path}/out", "workers=1")
    assert (tmp_path / "out/images/train_x/train00001.jpg").exists()


def test_former_names_of_appearances(monkeypatch, capsys, tmp_path):
    splits = f"preset.splits={{train_infant: {PART % 'look'}}}"
    size, out = "preset.size_wh=[48,48]", f"out={tmp_path}"
    others = ("validate_infant", "train_pre_infant", "train_adult", "validate_adult")
    words = [f"~preset.splits.{name}" for name in others]
    run(monkeypatch, "preset=tiny", splits, size, out, "workers=1", "looks.varied.mat=1", *words)
    notes = capsys.readouterr().err
    assert "note: looks.varied.mat=1 is now appearances.varied.mat=1" in notes
    assert f"is now preset.splits={{train_infant: {PART % 'appearance'}}}" in notes
    assert (tmp_path / "images/train_infant/train00001.jpg").exists()
