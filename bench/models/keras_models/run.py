"""Exports Keras's models with tf2onnx, with random weights from fixed seeds.

    bench/models/keras_models/run.py --keep DIR [--only NAMES]

Files in DIR that the same sources and versions made are kept. Beside each model
are batches to choose from, and Keras's own results for them.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf2onnx  # noqa: E402
from keras import layers  # noqa: E402

from models import layout, weights  # noqa: E402

HERE = Path(__file__).resolve().parent
CLASSES = 10
SIZE = 64
FORM = "tf2onnx"
OPSET = 17
IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])**2  # mean and variance
CANDIDATES = (8, 6, 8, 6, 8, 8, 6, 8)  # images of each batch, as in reference/zoo.py


def mobilenet_v2():
    return keras.applications.MobileNetV2((SIZE, SIZE, 3), weights=None, classes=CLASSES)


def efficientnet_b0():
    return keras.applications.EfficientNetB0(input_shape=(SIZE, SIZE, 3), weights=None, classes=CLASSES)


def small_resnet():
    """A network like those of tutorials: BatchNorm before and after activations, LeakyReLU, separable convolutions,
    pools with padding, Dropout and two dense layers."""
    def block(x, width, stride):
        y = layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.SeparableConv2D(width, 3, padding="same")(y)
        y = layers.BatchNormalization()(y)
        if stride > 1 or x.shape[-1] != width:
            x = layers.Conv2D(width, 1, stride, padding="same")(x)
        return layers.BatchNormalization()(layers.LeakyReLU(0.1)(layers.Add()([x, y])))

    image = x = layers.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 127.5, -1)(x)
    x = layers.Conv2D(16, 5, 2, padding="same", activation="elu")(x)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = block(block(x, 16, 1), 32, 2)
    x = layers.AveragePooling2D(3, 2, padding="same")(x)
    x = layers.Concatenate()([block(x, 32, 1), layers.Activation("swish")(x)])
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(48, activation="relu")(layers.Dropout(0.3)(x))
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


# By name: the model, and the range of its images.
MODELS = {
    "keras_mobilenet_v2": (mobilenet_v2, (-1, 1)),
    "keras_efficientnet_b0": (efficientnet_b0, (0, 255)),
    "keras_small_resnet": (small_resnet, (0, 255)),
}


def build(name, variant=0):
    keras.utils.set_random_seed(zlib.crc32(name.encode()) % 2**31 + variant)
    draw = np.random.default_rng([zlib.crc32(name.encode()), variant])
    model = MODELS[name][0]()
    for layer in model.layers:
        if isinstance(layer, layers.Normalization):  # has the values of trained models, which training does not change
            layer.set_weights([*IMAGENET, np.int64(0)])
            layer.finalize_state()
        elif layer.weights:
            layer.set_weights([enliven(v, w, draw) for v, w in zip(layer.variables, layer.get_weights())])
    settle(model, images(name, draw, 32))
    return model


def enliven(variable, value, draw):
    """Draws weights that are 0 or 1 in a new model, where errors in them would not show."""
    shape = value.shape
    if variable.name in ("beta", "bias"):
        return draw.normal(0, 0.1, shape)
    return draw.uniform(0.7, 1.3, shape) if variable.name == "gamma" else value


def settle(model, data):
    """Gives each BatchNorm the statistics of some data, changed a little so that they are not exact."""
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    for i in range(4):  # the first one replaces the initial values, the others are averaged with it
        for norm in norms:
            norm.momentum = i / (i + 1)
        model(data[8 * i:8 * i + 8], training=True)
    draw = np.random.default_rng(len(norms))
    for norm in norms:
        mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
        norm.moving_mean.assign(mean + 0.1 * np.sqrt(variance) * draw.standard_normal(mean.shape))
        norm.moving_variance.assign(variance * draw.uniform(0.8, 1.2, mean.shape))
        norm.momentum = 0.99


def images(name, draw, count):
    """Returns images [count, SIZE, SIZE, 3] in the range of the model: coarse shapes and noise."""
    low, high = MODELS[name][1]
    shapes = np.kron(draw.standard_normal((count, 8, 8, 3)), np.ones((1, SIZE // 8, SIZE // 8, 1)))
    noise = draw.standard_normal((count, SIZE, SIZE, 3))
    share = np.clip(0.5 + 0.2 * shapes + 0.08 * noise, 0, 1)
    return (low + (high - low) * share).astype(np.float32)


def candidates(name):
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    return [(images(name, draw, count), draw.integers(0, CLASSES, count)) for count in CANDIDATES]


def own_answer(model, batch):
    """Returns Keras's probabilities, and the gradient of the loss with respect to the images, without training."""
    x, labels = tf.constant(batch[0]), tf.constant(batch[1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        probabilities = model(x, training=False)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, probabilities))
    return probabilities.numpy(), tape.gradient(loss, x).numpy()


def apart(function, *arguments):
    """Calls a function in a new process, in which sets have the same order each time. tf2onnx goes through sets of
    names, and Keras and tf2onnx count in names how often they were called."""
    os.environ["PYTHONHASHSEED"] = "0"
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def write(name, variant, path, batch=None):
    """Builds a model and exports it; returns its own answer to the batch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model = build(name, variant)
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="image")]
    tf2onnx.convert.from_keras(model, input_signature=signature, opset=OPSET, output_path=str(path))
    return batch and own_answer(model, batch)


def export(work, name, stamp):
    folder = layout.folder(work, name, FORM)
    about = folder / "exported.json"
    if about.exists() and json.loads(about.read_text()).get("stamp") == stamp:
        return
    path, other = folder / f"{name}.onnx", folder / "other" / f"{name}.onnx"
    batches = candidates(name)
    probabilities, gradient = apart(write, name, 0, path, batches[0])
    apart(write, name, 1, other)
    from_weights = weights.differing(path, other)
    shutil.rmtree(other.parent)
    np.savez(folder / "candidates.npz", **{
        f"{kind}/{i}": array for i, batch in enumerate(batches) for kind, array in zip(("images", "labels"), batch)})
    np.savez(folder / "keras.npz", probabilities=probabilities, input_gradient=gradient)
    about.write_text(json.dumps({
        "stamp": stamp, "model": name, "form": FORM, "file": path.name, "weights": from_weights,
        "source": f"Keras {keras.__version__} by tf2onnx {tf2onnx.__version__}"}, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, required=True, help="work folder")
    parser.add_argument("--only", default="", help="models, separated by commas")
    options = parser.parse_args()
    sources = [HERE / "run.py", HERE / "requirements.txt", HERE.parent / "weights.py"]
    stamp = hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:16]
    chosen = set(filter(None, options.only.split(",")))  # some of them may be models of reference/zoo.py
    for name in MODELS:
        if not chosen or name in chosen:
            export(options.keep.resolve(), name, stamp)
            print(f"{name} {FORM}: exported", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
