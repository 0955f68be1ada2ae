from __future__ import annotations

from types import ModuleType

import pytest

from idf.evaluation.codecs.ffmpeg import FfmpegCodec
from idf.evaluation.codecs.flac import FlacCommand, FlacPyflac, FlacSoundfile
from idf.evaluation.codecs.interface import FileCodec, from_json, to_json
from idf.evaluation.codecs.ours import ModelCodec
from idf.evaluation.codecs.programs import Command


@pytest.mark.parametrize(
    "codec",
    [
        Command(("sac", "{source}"), ("sac", "{target}"), ".sac"),
        FfmpegCodec("tta", "tta", "s16", None, ".tta"),
        FlacCommand(256),
        FlacPyflac(1024),
        FlacSoundfile(),
        ModelCodec("model.idfm", "craystack"),
    ],
)
def test_codecs_cross_to_another_process(codec: FileCodec) -> None:
    import json

    assert from_json(json.loads(json.dumps(to_json(codec)))).suffix == codec.suffix
    assert repr(from_json(to_json(codec))) == repr(codec)


def test_only_dataclasses_cross(fakes: ModuleType) -> None:
    class Plain(fakes.Raw):
        pass

    assert isinstance(from_json(to_json(fakes.Raw(3))), FileCodec)
    with pytest.raises(TypeError, match="must be a dataclass"):
        to_json(object())  # type: ignore[arg-type]
