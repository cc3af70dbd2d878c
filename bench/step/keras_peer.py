"""Training steps in Keras 3 on TensorFlow: Model.train_step in a tf.function,
without the work of fit between the steps; with --compile, through XLA."""

import itertools
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf

import serve


def network(widths, dtype):
    layers = [keras.Input((serve.SIZE, serve.SIZE, 3), dtype=dtype), keras.layers.Rescaling(1 / 255)]
    for stage, width in enumerate(widths):
        if stage:
            layers.append(keras.layers.AveragePooling2D(2))
        for _ in range(serve.CONVOLUTIONS):
            layers += [keras.layers.Conv2D(width, 3, padding="same"), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    return keras.Sequential(layers + [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(serve.CLASSES)])


def trainer(options, dtype="uint8"):
    """Returns a function that trains on images of this type, 0..255, and labels."""
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    model = network(options.widths, dtype)
    serve.check_count(model.count_params(), options.widths)
    model.compile(
        keras.optimizers.SGD(0.001, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=options.compile)
    train = tf.function(lambda image, label: model.train_step((image, label)), jit_compile=options.compile)

    def step(image, label):
        logs = train(tf.constant(image), tf.constant(label))
        return float(logs["loss"]), float(logs["accuracy"])

    return step


def main():
    options = serve.options()
    batch = serve.images(options.batch)
    serve.serve(trainer(options), lambda _: itertools.repeat(batch))


if __name__ == "__main__":
    main()
