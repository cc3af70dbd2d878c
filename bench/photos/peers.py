"""A peer that loads photographs: random resized crop to 224x224 pixels and flip.

    peers.py NAME DIR --workers N

DIR has the photographs in a folder for each class, and DIR-shards has them in tars. The
peer reads lines "run N", makes N batches of uint8 images for each, and answers with the
seconds that they took, like `pipeline bench photos --serve`. It repeats the photographs without
starting a new epoch: otherwise a peer would lose the batches that it has prepared at the end
of the data set, which the big photographs reach after four batches.
"""

import argparse
import math
import os
import pathlib
import sys
import time

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
SIDE = 224
AREAS = (0.08, 1)
PROPORTIONS = (3 / 4, 4 / 3)
ENDLESS = 1 << 40


def torch_batches(dataset, options):
    import torch
    from torch.utils.data import DataLoader, IterableDataset, RandomSampler
    torch.set_num_threads(1)
    order = {} if isinstance(dataset, IterableDataset) else {"sampler": RandomSampler(dataset, num_samples=ENDLESS)}
    return iter(DataLoader(dataset, options.batch, drop_last=True, num_workers=options.workers, **order))


def transforms():
    from torchvision.transforms import v2
    return v2.Compose([v2.RandomResizedCrop(SIDE, AREAS, PROPORTIONS, antialias=True), v2.RandomHorizontalFlip()])


def torchvision_pil(options):
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2
    return torch_batches(ImageFolder(options.folder, v2.Compose([transforms(), v2.PILToTensor()])), options)


def torchvision_decode(options):
    from torchvision.datasets import ImageFolder
    from torchvision.io import ImageReadMode, decode_image
    return torch_batches(ImageFolder(options.folder, transforms(), loader=lambda path: decode_image(path, ImageReadMode.RGB)), options)


def webdataset(options):
    import torch
    import webdataset as wds
    from torchvision.io import ImageReadMode, decode_image
    change = transforms()

    def sample(s):
        data = torch.frombuffer(bytearray(s["jpg"]), dtype=torch.uint8)
        return change(decode_image(data, ImageReadMode.RGB)), int(s["cls"])

    shards = sorted(map(str, pathlib.Path(f"{options.folder}-shards").glob("*.tar")))
    return torch_batches(wds.WebDataset(shards, shardshuffle=len(shards)).repeat().shuffle(1000).map(sample), options)


def albumentations(options, interpolation):
    import albumentations as A
    import cv2
    from torchvision.datasets import ImageFolder
    cv2.setNumThreads(0)
    change = A.Compose([
        A.RandomResizedCrop((SIDE, SIDE), AREAS, PROPORTIONS, interpolation=getattr(cv2, interpolation)),
        A.HorizontalFlip(),
    ])
    return torch_batches(ImageFolder(options.folder, lambda image: change(image=image)["image"],
                                     loader=lambda path: cv2.imread(path, cv2.IMREAD_COLOR_RGB)), options)


def tensorflow(options, crops, antialias):
    import tensorflow as tf
    threads = max(options.workers, 1)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    paths = sorted(map(str, pathlib.Path(options.folder).glob("*/*.jpg")))

    def image(path):
        data = tf.io.read_file(path)
        window = torchvision_crop(tf, tf.io.extract_jpeg_shape(data))
        if crops:
            pixels = tf.image.decode_and_crop_jpeg(data, window, channels=3)
        else:
            pixels = tf.image.crop_to_bounding_box(tf.io.decode_jpeg(data, channels=3), *tf.unstack(window))
        pixels = tf.image.resize(pixels, (SIDE, SIDE), antialias=antialias)
        return tf.cast(tf.image.random_flip_left_right(pixels) + 0.5, tf.uint8)

    data = tf.data.Dataset.from_tensor_slices(paths).shuffle(len(paths)).repeat()
    data = data.map(image, num_parallel_calls=threads).batch(options.batch, drop_remainder=True).prefetch(1)
    limits = tf.data.Options()
    limits.deterministic = False
    limits.threading.private_threadpool_size = threads
    return iter(data.with_options(limits))


def torchvision_crop(tf, shape):
    """Draws the crop of torchvision's RandomResizedCrop: [top, left, height, width] in a picture
    of this shape. tf.image.sample_distorted_bounding_box would be less work for the peer: it
    draws smaller parts, because it draws the height uniformly and not the area."""
    attempts = 10
    area = tf.cast(shape[0] * shape[1], tf.float32) * tf.random.uniform([attempts], *AREAS)
    proportion = tf.exp(tf.random.uniform([attempts], *map(math.log, PROPORTIONS)))
    sides = tf.cast(tf.round(tf.sqrt(tf.stack([area / proportion, area * proportion], 1))), tf.int32)
    fits = tf.cast(tf.reduce_all(sides <= shape[:2], 1), tf.int32)
    size = tf.minimum(sides[tf.argmax(fits)], shape[:2])
    corner = tf.cast(tf.random.uniform([2]) * tf.cast(shape[:2] - size + 1, tf.float32), tf.int32)
    return tf.concat([corner, size], 0)


PEERS = {
    "torchvision": torchvision_decode,
    "torchvision-pil": torchvision_pil,
    "webdataset": webdataset,
    "albumentations": lambda o: albumentations(o, "INTER_LINEAR"),
    "albumentations-antialias": lambda o: albumentations(o, "INTER_AREA"),
    "tf": lambda o: tensorflow(o, crops=False, antialias=False),
    "tf-antialias": lambda o: tensorflow(o, crops=False, antialias=True),
    "tf-crop": lambda o: tensorflow(o, crops=True, antialias=False),
    "tf-crop-antialias": lambda o: tensorflow(o, crops=True, antialias=True),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("folder")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    batches = PEERS[options.name](options)
    for line in sys.stdin:
        begun = time.perf_counter()
        for _ in range(int(line.split()[1])):
            next(batches)
        seconds = time.perf_counter() - begun
        print(f"{seconds:.6f} {seconds:.6f}", flush=True)


if __name__ == "__main__":
    main()
