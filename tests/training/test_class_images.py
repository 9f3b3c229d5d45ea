import io
import pickle
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from unipose.training.class_images import SmallImages, class_batch, crop_and_flip, mixup, open_sets, read_small

RNG = np.random.default_rng


def archive_of_noise() -> bytes:
    """An archive of a file that cannot be packed much smaller."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        member.size = 90_000
        tar.addfile(member, io.BytesIO(RNG(0).bytes(member.size)))
    return stream.getvalue()


WHOLE = archive_of_noise()


def pixels(count: int, seed: int = 0) -> np.ndarray:
    return RNG(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """Files as CIFAR-10's: the folder, with five images in each of the five training batches, and the archive."""
    monkeypatch.setattr(datasets.cifar, "check_integrity", lambda *_: True)  # it knows the true files' hashes
    folder = tmp_path / "unpacked" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for seed, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        rows = pixels(5, seed).transpose(0, 3, 1, 2).reshape(5, -1)
        (folder / name).write_bytes(pickle.dumps({"data": rows, "labels": [0, 1, 2, 3, 4]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}))
    archive = tmp_path / "packed" / "cifar-10-python.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    return tmp_path


@pytest.mark.parametrize(
    "path", ["unpacked", "unpacked/cifar-10-batches-py", "packed", "packed/cifar-10-python.tar.gz"]
)
def test_cifar_is_read_from_its_archive_and_from_its_folder(cifar, path):
    train, test = read_small(cifar / path)
    assert np.array_equal(train.images, np.concatenate([pixels(5, seed) for seed in range(5)]))
    assert np.array_equal(test.images, pixels(5, 5))
    assert train.labels.tolist() == [0, 1, 2, 3, 4] * 5 and len(train.classes) == 10


def folders(root, part: str, sizes=((32, 32), (32, 32)), classes=("cat", "dog")) -> None:
    for name in classes:
        (root / part / name).mkdir(parents=True)
        for i, (width, height) in enumerate(sizes):
            Image.fromarray(pixels(1, i)[0, :height, :width]).save(root / part / name / f"{i}.png")


@pytest.mark.parametrize("other", ["val", "test"])
def test_a_folder_per_class(tmp_path, other):
    folders(tmp_path, "train")
    folders(tmp_path, other)
    train, test = read_small(tmp_path)
    assert train.labels.tolist() == test.labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(train.images[2], pixels(1)[0]) and train.classes == ["cat", "dog"]


def test_what_holds_no_classes_is_refused(tmp_path):
    with pytest.raises(ValueError, match="neither train/ and val/ or test/"):
        open_sets(tmp_path)
    folders(tmp_path, "train", sizes=((32, 32), (20, 32)))
    folders(tmp_path, "test", classes=("cat", "cow"))
    with pytest.raises(ValueError, match="train and test must have the same classes"):
        open_sets(tmp_path)
    folders(tmp_path, "val")
    with pytest.raises(ValueError, match="images must have one size"):
        read_small(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"\x1f\x8b\x08", WHOLE[:300], WHOLE[:300] + bytes(300), WHOLE[:-8] + bytes(8)]
)
def test_a_damaged_archive_is_named(tmp_path, content):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"cifar-10-python.tar.gz is damaged"):
        open_sets(tmp_path)


def test_an_archive_of_something_else_is_damaged(tmp_path):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz"):
        pass
    with pytest.raises(ValueError, match=r"cifar-10-python.tar.gz is damaged"):
        open_sets(tmp_path)


def test_crops_lie_within_the_padding_and_half_are_mirrored():
    """Of one bright pixel: where it comes to lie in 4,000 crops."""
    images = np.zeros((4000, 12, 20, 3), np.uint8)
    images[:, 5, 4] = (10, 20, 30)
    moved = crop_and_flip(images, RNG(0))
    assert moved.shape == images.shape and moved.dtype == np.uint8
    number, y, x = np.nonzero(moved[..., 0])
    assert np.array_equal(np.unique(number), np.arange(4000))
    assert (moved[number, y, x] == (10, 20, 30)).all()
    assert set(y) == set(range(1, 10))
    kept, mirrored = set(range(9)), {19 - i for i in range(9)}
    assert set(x) == kept | mirrored
    assert np.mean(x > 9) == pytest.approx(0.5, abs=0.03)


def small(count: int = 11) -> SmallImages:
    return SmallImages(pixels(count), np.arange(count) % 3, ("a", "b", "c"))


def test_training_batches_are_full_shuffled_and_repeatable():
    one, same, other = (list(small().training_batches(4, RNG(seed))) for seed in (1, 1, 2))
    indices = torch.cat([b["index"] for b in one])
    assert [len(b["index"]) for b in one] == [4, 4] and len(set(indices.tolist())) == 8
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(one, same, strict=True))
    assert not torch.equal(indices, torch.cat([b["index"] for b in other]))
    assert torch.equal(one[0]["target"].argmax(dim=1), one[0]["index"] % 3)


def test_judging_batches_have_every_image_once_as_it_is():
    batches = list(small().batches(4))
    assert [len(b["index"]) for b in batches] == [4, 4, 3]
    assert torch.equal(torch.cat([b["image"] for b in batches]), torch.from_numpy(pixels(11)))


def test_a_subset_is_always_the_same_and_never_larger_than_the_set():
    images = small()
    assert images.subset(None) is images
    assert np.array_equal(images.subset(5).images, images.subset(5).images)
    assert len(set(images.subset(11).labels)) == 3
    with pytest.raises(ValueError, match="there are 11 training images: lower --images 12"):
        images.subset(12)


def test_mixup_mixes_images_and_targets_by_the_same_share():
    torch.manual_seed(0)
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 2, 2, 3)
    mixed = [mixup(class_batch(images, torch.tensor([0, 1]), 2), 1.0) for _ in range(8)]
    assert all(torch.allclose(b["image"][:, 0, 0, 0] / 255, b["target"][:, 1], atol=1e-5) for b in mixed)
    assert any(0.01 < b["target"][0, 1] < 0.99 for b in mixed)


def test_drawn_classes_need_no_files(monkeypatch):
    monkeypatch.setattr("unipose.training.class_images.DRAWN", (20, 10))
    train, test = read_small(None)
    assert (len(train.labels), len(test.labels)) == (20, 10) and train.classes == test.classes
    assert not np.array_equal(train.images[: len(test.images)], test.images)
