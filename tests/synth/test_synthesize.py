"""The command ``fidip synthesize``: former names and a configuration folder of the user."""

PART = "[{group: infant, %s: varied, is_synthetic: false, count: 1}]"


def test_presets_in_a_configuration_folder_of_the_user(tmp_path, cli):
    preset = tmp_path / "conf/preset/mine.yaml"
    preset.parent.mkdir(parents=True)
    preset.write_text(f"size_wh: [48, 48]\nsplits: {{train_x: {PART % 'appearance'}}}\n")
    folder = str(tmp_path / "conf")
    cli("synthesize", "--config-dir", folder, "preset=mine", f"out={tmp_path}/out", "workers=1")
    assert (tmp_path / "out/images/train_x/train00001.jpg").exists()


def test_former_names_of_appearances(tmp_path, cli):
    splits = f"preset.splits={{train_infant: {PART % 'look'}}}"
    size, out = "preset.size_wh=[48,48]", f"out={tmp_path}"
    others = ("validate_infant", "train_pre_infant", "train_adult", "validate_adult")
    words = [f"~preset.splits.{name}" for name in others]
    words += ["preset=tiny", splits, size, out, "workers=1", "looks.varied.mat=1"]
    notes = cli("synthesize", *words).err
    assert "note: looks.varied.mat=1 is now appearances.varied.mat=1" in notes
    assert f"is now preset.splits={{train_infant: {PART % 'appearance'}}}" in notes
    assert (tmp_path / "images/train_infant/train00001.jpg").exists()
