"""A peer that loads photographs: random resized crop to 224x224 pixels and flip.

    peers.py NAME FOLDER --workers N

It reads lines "run N", makes N batches for each, and answers with the seconds that they
took, like `pipeline bench photos --serve`.
"""

import argparse
import os
import pathlib
import sys
import time

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
SIDE = 224


def torch_batches(dataset, options):
    import torch
    from torch.utils.data import DataLoader
    torch.set_num_threads(1)
    shuffled = {} if hasattr(dataset, "pipeline") else {"shuffle": True}  # WebDataset shuffles by itself
    loader = DataLoader(dataset, options.batch, drop_last=True, num_workers=options.workers,
                        persistent_workers=options.workers > 0, **shuffled)
    while True:
        yield from loader


def transforms(*first):
    from torchvision.transforms import v2
    return v2.Compose([*first, v2.RandomResizedCrop(SIDE, antialias=True), v2.RandomHorizontalFlip()])


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

    return torch_batches(wds.WebDataset(str(options.folder) + ".tar", shardshuffle=False).shuffle(1000).map(sample), options)


def albumentations(options):
    import albumentations as A
    import cv2
    from torchvision.datasets import ImageFolder
    cv2.setNumThreads(0)
    change = A.Compose([A.RandomResizedCrop((SIDE, SIDE)), A.HorizontalFlip()])
    return torch_batches(ImageFolder(options.folder, lambda im: change(image=im)["image"],
                                     loader=lambda path: cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)), options)


def tensorflow(options, crops, antialias):
    import tensorflow as tf
    tf.config.threading.set_inter_op_parallelism_threads(max(options.workers, 1))
    tf.config.threading.set_intra_op_parallelism_threads(max(options.workers, 1))
    paths = sorted(map(str, pathlib.Path(options.folder).glob("*/*.jpg")))

    def image(path):
        data = tf.io.read_file(path)
        shape = tf.io.extract_jpeg_shape(data)
        begin, size, _ = tf.image.sample_distorted_bounding_box(
            shape, tf.zeros([1, 0, 4]), area_range=(0.08, 1), aspect_ratio_range=(3 / 4, 4 / 3),
            use_image_if_no_bounding_boxes=True)
        if crops:
            window = tf.concat([begin[:2], size[:2]], 0)
            pixels = tf.image.decode_and_crop_jpeg(data, window, channels=3)
        else:
            pixels = tf.slice(tf.io.decode_jpeg(data, channels=3), begin, size)
        pixels = tf.image.resize(pixels, (SIDE, SIDE), antialias=antialias)
        return tf.cast(tf.image.random_flip_left_right(pixels), tf.uint8)

    data = tf.data.Dataset.from_tensor_slices(paths).shuffle(len(paths)).repeat()
    data = data.map(image, num_parallel_calls=max(options.workers, 1)).batch(options.batch, drop_remainder=True).prefetch(1)
    limits = tf.data.Options()
    limits.threading.private_threadpool_size = max(options.workers, 1)
    return iter(data.with_options(limits))


PEERS = {
    "torchvision-pil": torchvision_pil,
    "torchvision": torchvision_decode,
    "webdataset": webdataset,
    "albumentations": albumentations,
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
    next(batches)
    for line in sys.stdin:
        begun = time.perf_counter()
        for _ in range(int(line.split()[1])):
            next(batches)
        seconds = time.perf_counter() - begun
        print(f"{seconds:.6f} {seconds:.6f}", flush=True)


if __name__ == "__main__":
    main()
