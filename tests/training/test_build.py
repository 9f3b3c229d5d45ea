import json

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.utils._python_dispatch import TorchDispatchMode

from tests.training.test_sets import BODY, LSP, coco
from unipose.training.build import build_run
from unipose.training.config import read_config
from unipose.training.configuration import SAMPLE_CONFIG
from unipose.training.distillation import Teacher
from unipose.training.optim import OPTIMIZERS, parameter_groups
from unipose.training.run import TrainingRun
from unipose.weights import default_weights


def tiny_run(drawn, tmp_path, *words: str, device: str = "cpu") -> TrainingRun:
    small = [
        "model.input_wh=[64, 64]", "model.wasp_channels=16", "model.decoder_channels=16", "train.batch_size=2",
        "train.workers=0", "train.threads=1", "train.warmup_epochs=0", f"train.run={tmp_path}",
    ]  # fmt: skip
    return build_run(read_config(None, [*small, *words], SAMPLE_CONFIG), [drawn[0]], None, torch.device(device))


@pytest.mark.parametrize(
    ("words", "lr"),
    [  # of the first step of each of three epochs of four steps
        (["train.milestones=[1, 2]"], [1, 0.1, 0.01]),
        (["train.milestones=[0.75, 1.5]", "train.gamma=0.5"], [1, 0.5, 0.25]),
        (["train.milestones=[2, 8]", "train.milestone_unit=steps"], [1, 0.1, 0.01]),
        (["train.milestones=[1, 2]", "train.accumulate=2"], [1, 0.1, 0.01]),
    ],
)
def test_milestones_are_epochs_or_steps(drawn, tmp_path, words, lr):
    run = tiny_run(drawn, tmp_path, "train.epochs=3", "train.lr=1", "train.schedule=step", *words)
    scheduler = run.trainer.scheduler
    steps = len(run.batch_sampler) // run.trainer.accumulate
    assert [scheduler.lr_lambdas[0](epoch * steps) for epoch in range(3)] == pytest.approx(lr)


@pytest.mark.parametrize("words", [["train.schedule=step"], ["train.milestones=[3]"]])
def test_milestones_and_their_schedule_belong_together(drawn, tmp_path, words):
    with pytest.raises(ValueError, match=r"train.milestones, .* belong to train.schedule=step"):
        tiny_run(drawn, tmp_path, *words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["train.checkpointing=true", "train.compile=true"],
            "train.checkpointing is for networks that are not compiled",
        ),
        (["data.resident=gpu", "model.kind=finder", "train.loss=boxes"], "data.resident=gpu is for pose networks"),
    ],
)
def test_what_does_not_go_together_is_refused(drawn, tmp_path, words, message):
    with pytest.raises(ValueError, match=message):
        tiny_run(drawn, tmp_path, *words)


def test_checkpointing_changes_no_step(drawn, tmp_path):
    """Nor does it if the run goes on without."""
    words = ["augment.appearance=1", "train.epochs=1"]
    plain = tiny_run(drawn, tmp_path / "plain", *words)
    less = tiny_run(drawn, tmp_path / "less", *words, "train.checkpointing=true")
    assert less.trainer.unwrapped.trunk.checkpointing and not plain.trainer.unwrapped.trunk.checkpointing
    assert less.train_epoch(lambda loss, images: None)["loss"] == plain.train_epoch(lambda loss, images: None)["loss"]
    for name, tensor in plain.trainer.result.state_dict().items():
        assert torch.equal(tensor, less.trainer.result.state_dict()[name]), name


class Reads(TorchDispatchMode):
    """Counts numbers that Python reads off tensors: each one waits for a GPU."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **kwargs or {})


@pytest.mark.parametrize("resident", ["none", "gpu"])
def test_no_number_is_read_off_the_device_in_a_step(drawn, tmp_path, resident):
    words = [f"data.resident={resident}", "augment.appearance=1.6", "augment.occlusion=0.5"]
    run = tiny_run(drawn, tmp_path, *words)
    trainer = run.trainer
    trainer.optimizer = OPTIMIZERS["adamw"](parameter_groups(trainer.unwrapped, 0.1), 1e-3, 0.9, True)  # a GPU's
    trainer.scheduler = LambdaLR(trainer.optimizer, lambda step: 1.0)
    batches = list(run.loader)
    with Reads() as reads:
        for batch in batches:
            trainer.forward_backward(batch, trainer.counts([batch]))
            trainer.step()
    assert len(batches) == 4 and reads.count == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_not_waited_for_between_reads_of_the_loss(drawn, tmp_path):
    words = ["data.resident=gpu", "augment.appearance=1.6", "augment.occlusion=0.5"]
    run = tiny_run(drawn, tmp_path, *words, device="cuda")
    run.train_epoch(lambda loss, images: None)  # which chooses kernels
    batches = iter(run.loader)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches:
            run.trainer.forward_backward(batch, run.trainer.counts([batch]))
            run.trainer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_last_epochs_are_plain(drawn, tmp_path):
    still = ["augment.scale=[1, 1]", "augment.rotation=0", "augment.shift=0", "augment.flip=0", "augment.appearance=9"]
    dataset = tiny_run(drawn, tmp_path, "train.epochs=5", "augment.plain_epochs=2", *still).dataset
    images = []
    for dataset.epoch in range(5):
        images.append(dataset[0]["image"])
    assert torch.equal(images[3], images[4]) and not any(torch.equal(image, images[4]) for image in images[:3])


def test_a_teacher_is_followed_at_first_and_named_in_the_file(drawn, tmp_path):
    words = [
        f"train.teacher={default_weights()}",
        "train.teacher_weight=1",
        "train.epochs=2",
        "model.input_wh=[96, 96]",
    ]
    run = tiny_run(drawn, tmp_path, *words)
    teacher = run.trainer.teacher
    assert run.spec.provenance["teacher"]["file"] == default_weights().name
    shares = []
    mix = Teacher.mix

    def record(self, image, target, done):
        mixed = mix(self, image, target, done)
        shares.append(((mixed - target).abs().sum() / target.sum()).item())
        return mixed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Teacher, "mix", record)
        for _ in range(2):
            run.train_epoch(lambda loss, images: None)
    assert teacher.weight == 1 and len(shares) == 8
    assert shares[0] > 2 * shares[-1] > 0


def test_simcc_is_for_poses(drawn, tmp_path):
    assert tiny_run(drawn, tmp_path, "model.head=simcc", "model.decoder_stride=2").spec.heatmap_wh == (32, 32)
    with pytest.raises(ValueError, match=r"a finder needs model\.head=maps"):
        tiny_run(drawn, tmp_path, "model.head=simcc", "model.kind=finder", "train.loss=boxes")
    with pytest.raises(ValueError, match="decoder stride 2"):
        tiny_run(drawn, tmp_path, "model.decoder_stride=2")


def test_a_network_of_body19_learns_from_both_and_is_judged_on_fewer(drawn, tmp_path):
    """What a set does not label weighs nothing, so that its maps have no gradient, and the validation is of lsp14."""
    train, validation = drawn
    words = [
        "model.input_wh=[64, 64]", "model.wasp_channels=16", "model.decoder_channels=16", "train.batch_size=8",
        "train.workers=0", "train.threads=1", "train.epochs=1", "data.skeleton=body19", f"train.run={tmp_path}",
    ]  # fmt: skip
    run = build_run(read_config(None, words, SAMPLE_CONFIG), [train, coco(train)], validation, torch.device("cpu"))
    assert run.spec.skeleton == BODY and len(run.dataset) == 16
    lacking = torch.tensor([name not in LSP.keypoints for name in BODY.keypoints])
    samples = [run.dataset[i] for i in range(8)]
    assert not any(sample["weight"][lacking].any() or sample["target"][lacking].any() for sample in samples)
    assert not any(sample["weight"][-2:].any() for sample in (run.dataset[i] for i in range(8, 16)))
    batch, network = torch.utils.data.default_collate(samples), run.trainer.unwrapped
    [loss] = run.trainer.loss.sums(network(run.trainer.normalise(batch["image"])), batch["target"], batch["weight"])
    loss.backward()
    assert torch.equal(network.decoder.maps.weight.grad.abs().sum(dim=(1, 2, 3)) > 0, ~lacking)
    line = run.train_epoch(lambda loss, images: None)
    assert line["metric"] == "PCK@0.2" and "validation" in line
    assert json.loads((tmp_path / "log.jsonl").read_text()) == line
