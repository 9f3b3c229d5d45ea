"""A training that takes seconds."""

SMALL = [
    "model.input_wh=[64, 64]", "model.wasp_channels=32", "model.decoder_channels=32", "train.workers=0",
    "train.threads=1", "train.batch_size=8", "train.epochs=2", "train.warmup_epochs=0.1",
]  # fmt: skip


def arguments(sample, run, *more):
    return [*SMALL, f"data.train=[{sample}/train.json]", f"data.val={sample}/test.json", f"train.run={run}", *more]
