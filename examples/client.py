#!/usr/bin/env python3
"""Asks a server such as examples/serve for the classes of images.

    python3 examples/client.py [--server http://localhost:8080] photo.jpg …

It prints one line for each image: the file, its class and the probability of the class. It
needs only Python.
"""

import argparse
import json
import sys
import urllib.error
import urllib.request


def ask(server, path):
    """Returns {"class": …, "probability": …, "probabilities": {class: …}}."""
    with open(path, "rb") as file:
        request = urllib.request.Request(server, data=file.read(), method="POST")
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="http://localhost:8080")
    parser.add_argument("images", nargs="+")
    options = parser.parse_args()
    if "://" not in options.server:
        options.server = "http://" + options.server
    for path in options.images:
        try:
            answer = ask(options.server, path)
        except urllib.error.HTTPError as error:
            sys.exit(f"{path}: {error}: {error.read().decode().strip()}")
        except OSError as error:
            sys.exit(f"{path}: {error}")
        print(f"{path}\t{answer['class']}\t{100 * answer['probability']:.2f} %")


if __name__ == "__main__":
    main()
