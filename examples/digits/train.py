"""Trains one model on all folds but one and predicts that one: result/result.json."""

import json
import os
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

SHARES = (0.1, 0.25, 0.5, 1.0)


def model(name: str, seed: int):
    """An untrained model by the name that the workflow's matrix gives it."""
    return {
        "logistic-regression": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        "nearest-neighbours": lambda: KNeighborsClassifier(n_neighbors=3),
        "support-vectors": lambda: SVC(gamma=0.001, C=10),
        "random-forest": lambda: RandomForestClassifier(n_estimators=150, random_state=seed),
    }[name]()


def main() -> None:
    name, fold, seed = os.environ["MODEL"], int(os.environ["FOLD"]), int(os.environ["SEED"])
    with np.load(Path(os.environ["INPUT_DATA"]) / "digits.npz") as data:
        pixels = data["images"].reshape(len(data["labels"]), -1)
        labels, held_out = data["labels"], data["fold_of"] == fold
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~held_out))
    print(f"{name}, fold {fold}: {len(order)} digits to learn from, {held_out.sum()} to predict")

    curve = []
    started = time.monotonic()
    for step, share in enumerate(SHARES, 1):
        part = order[: int(len(order) * share)]
        classifier = model(name, seed).fit(pixels[part], labels[part])
        predicted = classifier.predict(pixels[held_out])
        accuracy = float((predicted == labels[held_out]).mean())
        curve.append({"learned_from": len(part), "accuracy": accuracy})
        print(f"{step}/{len(SHARES)}: learned from {len(part):4} digits, {accuracy:.2%} right")

    Path("result").mkdir(exist_ok=True)
    Path("result/result.json").write_text(json.dumps({
        "model": name,
        "fold": fold,
        "accuracy": curve[-1]["accuracy"],
        "curve": curve,
        "seconds": round(time.monotonic() - started, 3),
        "digits": np.flatnonzero(held_out).tolist(),
        "predicted": predicted.tolist(),
    }))


if __name__ == "__main__":
    main()
