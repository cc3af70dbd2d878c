"""Training steps in Keras 3 on TensorFlow, fed by ImageDataGenerator in the same way as
fit: through its adapter, in a separate thread or in worker processes."""

from step import keras_peer  # must come first, since it chooses Keras's backend

from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

import serve
from augment import recipe_keras


def batches(images, labels, batch, workers):
    """Yields batches, epoch after epoch; without workers in the thread that fit starts itself."""
    flow = recipe_keras.generator("strong").flow(images, labels, batch_size=batch)
    flow.workers, flow.use_multiprocessing = max(workers, 1), workers > 0
    adapter = PyDatasetAdapter(flow)
    dataset = adapter.get_tf_dataset()
    while True:
        adapter.on_epoch_begin()
        try:
            yield from dataset
        finally:
            adapter.on_epoch_end()


def main():
    options = serve.options()
    images, labels = serve.epoch(options.batch)
    images = images.astype("float32")  # otherwise every generator makes its own copy
    serve.serve(keras_peer.trainer(options, "float32"), lambda workers: batches(images, labels, options.batch, workers))


if __name__ == "__main__":
    main()
