import cv2
import numpy as np
import pytest
import torch

from unipose.datasets.synthetic.images import draw_image
from unipose.training.compression import compress


@pytest.mark.parametrize("size_wh", [(96, 128), (53, 71)])
@pytest.mark.parametrize("quality", [30, 49, 50, 75, 90])
def test_it_loses_what_a_jpeg_file_loses(quality, size_wh):
    picture = draw_image(np.random.default_rng(3), size_wh)[0]
    encoded, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    expected = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32)
    levels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    found = compress(levels, torch.tensor([quality]))[0].permute(1, 2, 0).numpy()
    assert encoded and found.shape == picture.shape
    loss = np.abs(expected - picture).mean()
    assert loss > 0.8 and np.abs(found - expected).mean() < 0.2 * loss


def test_each_image_has_its_own_quality():
    pictures = np.stack([draw_image(np.random.default_rng(seed), (48, 32))[0] for seed in range(2)])
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    both = compress(images, torch.tensor([30, 90]))
    assert torch.equal(both[0], compress(images[:1], torch.tensor([30]))[0])
    assert torch.equal(both[1], compress(images[1:], torch.tensor([90]))[0])
    assert not torch.equal(both[1], compress(images[1:], torch.tensor([30]))[0])
