"""Command lines of the smallest runs of each model family."""

from __future__ import annotations

# the smallest network with every part, not compiled, since compiling would take most of the time
TINY = [
    "data=folder",
    "data.train_clips=[a, b]",
    "data.validation_clips=[c]",
    "data.test_clips=[d]",
    "tracker=none",
    "layout=channelwise",
    "layout.channels=4",
    "layout.scales=1",
    "model.window=64",
    "width.components=2",
    "width.hidden=4",
    "width.blocks=1",
    "width.context_frames=1",
    "width.experts=2",
    "training.steps=8",
    "training.batch_samples=256",
    "training.log_every=2",
    "training.validate_every=4",
    "training.code_every=0",
    "training.audio_every=0",
    "training.checkpoint_every=2",
    "training.compile=false",
    "optimizer.warmup_steps=2",
    "optimizer.averaging=0.5",
    "deterministic=false",
]

# the same for the adaptive flow
TINY_ADAPTIVE = [
    *(word for word in TINY if not word.startswith(("layout", "width.", "model."))),
    "model=adaptive_fast",
    "model.adaptive.stages=8",
    "model.adaptive.experts=[[1, 4], [3, 8], [6, 8]]",
    "model.adaptive.filter_orders=[16]",
    "model.adaptive.filter_rates=[0.005]",
    "model.adaptive.past=4",
    "model.adaptive.components=2",
    "model.adaptive.cascades=[1]",
    "model.adaptive.hidden=32",
]


TINY_BANDS = [
    *(word for word in TINY if not word.startswith(("layout", "width."))),
    "layout=bands",
    *(word.replace("model.adaptive.", "model.bands.") for word in TINY_ADAPTIVE if word.startswith("model.adaptive.")),
    "model.bands.layers=1",
]

TINY_FLOW = [
    *(word for word in TINY if not word.startswith("layout=")),
    "layout=flow",
    "width.coupling_hidden=4",
    "whitening.stages=8",
    "whitening.experts=[[1, 4], [3, 8]]",
    "whitening.classes=4",
    "whitening.order=4",
]

TINY_ORIGINAL = [
    *(word for word in TINY if not word.startswith(("layout=", "width."))),
    "layout=original",
    "layout.factor_channels=1",
    "width.components=2",
    "width.wavenet_layers=1",
    "width.wavenet_channels=4",
]
