"""Writes metrics.json: the metrics that scikit-learn computes for three made-up classifiers.

    pip install -r requirements.txt
    python reference.py

No two logits of an image are equal, so that the order of equal logits does not matter.
Macro averages are over the classes that have images, which are passed to scikit-learn as
labels. A precision of 0/0 counts as 0.
"""
import json
import pathlib

import numpy as np
from sklearn import metrics

CASES = {
    # name: seed, images, classes, classes that have images, amount added to the right logit
    "twelve classes": (1, 60, 12, range(12), 1.5),
    "some of the classes": (2, 40, 8, (1, 4, 5), 1.0),
    "two classes": (3, 25, 2, range(2), 0.5),
}


def report(seed, images, classes, present, pull):
    rng = np.random.default_rng(seed)
    labels = rng.choice(list(present), images)
    rows = [rng.choice(4000, classes, replace=False) for _ in range(images)]
    logits = (np.array(rows) - 2000) / 1000  # in -2..2, with three decimals
    right = np.arange(images), labels
    logits[right] = np.round(logits[right] + pull + 0.0005, 4)  # with a fourth decimal
    predicted = logits.argmax(1)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    everything = list(range(classes))
    per_class = metrics.precision_recall_fscore_support(labels, predicted, labels=everything, zero_division=0)
    macro = metrics.precision_recall_fscore_support(
        labels, predicted, labels=sorted(set(labels.tolist())), average="macro", zero_division=0
    )
    tops = [k for k in (1, 2, 3, 5) if k < classes] if classes > 2 else []
    return {
        "labels": labels.tolist(),
        "logits": logits.tolist(),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
        "loss": metrics.log_loss(labels, probabilities, labels=everything),
        "top": {str(k): metrics.top_k_accuracy_score(labels, logits, k=k, labels=everything) for k in tops},
        "confusion": metrics.confusion_matrix(labels, predicted, labels=everything).tolist(),
        "precision": per_class[0].tolist(),
        "recall": per_class[1].tolist(),
        "f1": per_class[2].tolist(),
        "macro": [float(value) for value in macro[:3]],
    }


if __name__ == "__main__":
    reports = {name: report(*case) for name, case in CASES.items()}
    path = pathlib.Path(__file__).parent / "metrics.json"
    path.write_text(json.dumps(reports, separators=(",", ":")).replace("],[", "],\n[") + "\n")
