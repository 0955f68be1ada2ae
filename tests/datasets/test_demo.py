"""The bundled demo speech is complete, and its samples match the digests in the manifest."""

from __future__ import annotations

import hashlib

from idf.config.schema import DataConfig
from idf.datasets.dataset import open_dataset
from idf.datasets.demo import demo_folder, read_demo_manifest


def test_every_clip_has_the_samples_of_the_manifest() -> None:
    clips = {clip.name: clip for clip in open_dataset(DataConfig()).clips}
    dataset = open_dataset(DataConfig())
    manifest = read_demo_manifest()
    assert {clip.name for clip in manifest.clips} == clips.keys()
    for entry in manifest.clips:
        pcm = dataset.read(clips[entry.name])
        assert len(pcm.samples) == entry.samples
        assert pcm.rate_hz == manifest.rate_hz == 8000
        assert hashlib.sha256(pcm.samples.astype("<i2").tobytes()).hexdigest() == entry.sha256


def test_the_folder_contains_only_the_clips_of_the_manifest() -> None:
    files = {path.name for path in demo_folder().iterdir() if not path.name.startswith(".")}
    clips = {f"{clip.name}.flac" for clip in read_demo_manifest().clips}
    assert files == clips | {"manifest.json", "LICENSE.txt", "ATTRIBUTION.md"}


def test_the_split_is_fixed_and_sensible() -> None:
    dataset = open_dataset(DataConfig(train_fraction=0.1))
    assert (dataset.name, dataset.split) == ("demo", "demo-v1")
    total = sum(clip.samples for clip in dataset.clips)
    share = {part: sum(clip.samples for clip in getattr(dataset, part)) / total for part in ("validation", "test")}
    assert 5 <= total / 8000 / 60 <= 8.1
    assert 0.06 < share["validation"] < 0.10
    assert 0.10 < share["test"] < 0.14
    # A window of 2^14 samples fits in every clip.
    assert min(clip.samples for clip in dataset.clips) >= 2**14


def test_the_fingerprint_never_changes() -> None:
    assert open_dataset(DataConfig()).fingerprint == "441b695858d0caca"


def test_explicit_lists_replace_the_fixed_split() -> None:
    dataset = open_dataset(DataConfig(test_clips=["demo-echotest"]))
    assert [clip.name for clip in dataset.test] == ["demo-echotest"]
    assert dataset.train == ()
    assert dataset.split.startswith("lists ")


def test_licence_and_attribution_are_beside_the_clips() -> None:
    assert "CC BY-SA 3.0" in (demo_folder() / "LICENSE.txt").read_text(encoding="utf-8")
    assert "Allison Smith" in (demo_folder() / "ATTRIBUTION.md").read_text(encoding="utf-8")
