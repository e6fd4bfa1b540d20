"""Shuffles scikit-learn's handwritten digits into folds: data/digits.npz and samples.png."""

import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

import picture


def main() -> None:
    folds, seed = int(os.environ["FOLDS"]), int(os.environ["SEED"])
    digits = load_digits()
    print(f"{len(digits.target)} digits of 8 x 8 pixels, {np.bincount(digits.target).min()} to "
          f"{np.bincount(digits.target).max()} of each kind")

    fold_of = np.empty(len(digits.target), dtype=np.int64)
    splitter = StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(splitter.split(digits.data, digits.target)):
        fold_of[held_out] = fold
        print(f"fold {fold + 1}/{folds}: {len(held_out)} digits")

    Path("data").mkdir(exist_ok=True)
    np.savez_compressed("data/digits.npz", images=digits.images, labels=digits.target, fold_of=fold_of)
    picture.digit_sheet(digits.images[:100], columns=20).save("samples.png")
    print("stored data/digits.npz and samples.png")


if __name__ == "__main__":
    main()
