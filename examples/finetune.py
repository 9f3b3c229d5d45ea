"""Fine-tune on own keypoints, and look: python examples/finetune.py labels.json photo.jpg

`labels.json`: COCO-keypoint JSON, as data/prepare_coco.py writes it; docs/fine-tuning.md says more. Needs
pip install '.[train]'.
"""

import sys

import unipose
from unipose.train import train
from unipose.training.configuration import configure
from unipose.weights import default_weights


def main(labels: str, photo: str, *overrides: str) -> None:
    config = configure(
        [f"model.start={default_weights()}", f"data.train=[{labels}]", "train.run=runs/finetuned", *overrides]
    )
    train(config)
    predictor = unipose.load(config.train.run / "last.safetensors", detector="whole")  # one person fills the photo
    result = predictor(photo)
    print(dict(zip(result.names, result.keypoints[0].round(1).tolist(), strict=True)))
    result.save("finetuned.jpg")


if __name__ == "__main__":
    main(*sys.argv[1:])
