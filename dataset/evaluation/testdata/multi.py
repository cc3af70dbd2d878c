"""Writes multi.json: the metrics that scikit-learn computes for classifiers of images that may
have several classes.

    pip install -r requirements.txt
    python multi.py

Logits have one decimal, so that many are equal. Means are over the classes that have
images.
"""
import json
import pathlib

import numpy as np
from sklearn import metrics

CASES = {
    # name: seed, images, classes, share of targets that are 1, amount added to the right logits
    "six classes": (1, 50, 6, 0.3, 1.0),
    "rare classes": (2, 30, 9, 0.05, 2.0),
    "no pull": (3, 40, 3, 0.5, 0.0),
}


def report(seed, images, classes, share, pull):
    rng = np.random.default_rng(seed)
    targets = (rng.uniform(0, 1, (images, classes)) < share).astype(int)
    logits = np.round(rng.normal(0, 1, (images, classes)) - 0.5 + pull * targets, 1) + 0.01
    answers = (logits > 0).astype(int)
    with_images = np.flatnonzero(targets.sum(0))
    scores = {}
    for average, columns in (("micro", slice(None)), ("macro", with_images)):
        scores[average] = metrics.precision_recall_fscore_support(
            targets[:, columns], answers[:, columns], average=average, zero_division=0)[:3]
    precisions = [metrics.average_precision_score(targets[:, k], logits[:, k]) if k in with_images else 0 for k in range(classes)]
    return {
        "targets": targets.tolist(), "logits": logits.tolist(), **scores,
        "accuracy": metrics.accuracy_score(targets, answers),
        "average_precision": precisions,
        "mean_average_precision": metrics.average_precision_score(targets[:, with_images], logits[:, with_images]),
        "loss": float(np.mean(np.logaddexp(0, logits) - targets * logits)),
    }


if __name__ == "__main__":
    path = pathlib.Path(__file__).parent / "multi.json"
    path.write_text(json.dumps({name: report(*case) for name, case in CASES.items()}) + "\n")
