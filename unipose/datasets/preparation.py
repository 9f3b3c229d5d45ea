"""Preparation: the commands that make the label files which configurations and documents name."""

from pathlib import Path

# By the file's folder, or by both names where one file of it is made otherwise.
COMMANDS = {
    "sample": "python data/make_sample.py --out {folder}",
    "clips": "python data/make_sample.py --frames 15 --count 100 --out {folder}",
    "clips0": "python data/make_sample.py --frames 15 --count 500 --occluders 8 --seed 0 --out {folder}",
    "clips1": "python data/make_sample.py --frames 15 --count 500 --occluders 8 --seed 1 --out {folder}",
    "lsp": "python data/prepare_lsp.py lsp_dataset.zip --out {folder}",
    "lspet": "python data/prepare_lsp.py lspet_dataset.zip --out {folder}",
    "lspet/clean.json": "python data/clean_labels.py MODEL {folder}/train.json --out {folder}/clean.json",
    "mpii": "python data/prepare_mpii.py mpii --images mpii --out {folder}",
    "penn": "python data/prepare_penn_action.py Penn_Action --out {folder}",
    "jhmdb": "python data/prepare_jhmdb.py JHMDB --split 1 --out {folder}",
    "coco": "python data/prepare_coco.py annotations_trainval2017.zip --images coco --out {folder}",
    "parts/eighth.json": "python data/split_set.py data/coco/train2017.json --share 0.125 --out {folder}/eighth.json",
    "parts/quarter.json": "python data/split_set.py data/coco/train2017.json --share 0.25 --out {folder}/quarter.json",
    "parts/half.json": "python data/split_set.py data/coco/train2017.json --share 0.5 --out {folder}/half.json",
}


def require_labels(path: Path) -> None:
    """Raises FileNotFoundError for a label file that is not there, with the command that makes it."""
    if path.exists():
        return
    folder = path.parent
    command = COMMANDS.get(f"{folder.name}/{path.name}") or COMMANDS.get(folder.name)
    how = f"{command.format(folder=folder)} makes it" if command else "data/README.md says how one is made"
    raise FileNotFoundError(f"no label file {path}: {how}")
