"""Training steps in Keras 3 on TensorFlow, fed by ImageDataGenerator as fit is:
through its adapter, on a thread beside the steps or in worker processes."""

from step import keras_peer  # chooses Keras's backend, so it is first

from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

import serve
from augment import recipe_keras


def batches(images, labels, batch, workers):
    """Epoch after epoch; without workers on the thread that fit takes by itself."""
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
    images = images.astype("float32")  # else every generator makes its own copy
    serve.serve(keras_peer.trainer(options, "float32"), lambda workers: batches(images, labels, options.batch, workers))


if __name__ == "__main__":
    main()
