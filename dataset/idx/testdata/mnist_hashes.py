"""Prints the SHA-256 of the pixels and of the labels in MNIST's files. It shares no code with onnxlab.

    python mnist_hashes.py DIR

DIR is the folder with the four gzipped files, which "pipeline data fetch --source mnist" prints.
The script needs only Python. TestMNIST has the hashes.
"""

import gzip
import hashlib
import pathlib
import struct
import sys

for split in "train", "t10k":
    folder = pathlib.Path(sys.argv[1])
    images = gzip.decompress((folder / f"{split}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    magic, count, height, width = struct.unpack(">IIII", images[:16])
    assert magic == 2051 and len(images) == 16 + count * height * width
    assert struct.unpack(">II", labels[:8]) == (2049, count) and len(labels) == 8 + count
    print(split, count, height, width, hashlib.sha256(images[16:]).hexdigest(), hashlib.sha256(labels[8:]).hexdigest())
