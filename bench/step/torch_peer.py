"""Training steps in PyTorch, channels-last, eager; with --compile through torch.compile."""

import itertools
import os

os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # else processes that compile stay, and count as its memory

import torch
import torch.nn.functional as F
from torch import nn

import serve


def network(widths):
    layers, channels = [], 3
    for stage, width in enumerate(widths):
        if stage:
            layers.append(nn.AvgPool2d(2))
        for _ in range(serve.CONVOLUTIONS):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width, 1e-3, 0.01), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, serve.CLASSES))


def count(model):
    return sum(t.numel() for name, t in model.state_dict().items() if "num_batches" not in name)


def trainer(options):
    """A function that trains on images uint8 [n, 3, 32, 32], channels-last in memory, and labels."""
    torch.set_num_threads(options.threads)
    model = network(options.widths).to(memory_format=torch.channels_last).train()
    serve.check_count(count(model), options.widths)
    optimizer = torch.optim.SGD(model.parameters(), 0.001, momentum=0.9)

    def forward_backward(image, label):
        logits = model(image.float() / 255)
        loss = F.cross_entropy(logits, label)
        loss.backward()
        return loss.detach(), (logits.argmax(1) == label).sum()

    train = torch.compile(forward_backward) if options.compile else forward_backward

    def step(image, label):
        optimizer.zero_grad(set_to_none=True)
        loss, correct = train(image, label)
        optimizer.step()
        return loss.item(), correct.item()

    return step


def main():
    options = serve.options()
    image, label = serve.images(options.batch)
    # The memory of NHWC images seen as NCHW is channels-last as it is.
    batch = torch.from_numpy(image).permute(0, 3, 1, 2), torch.from_numpy(label)
    serve.serve(trainer(options), lambda _: itertools.repeat(batch))


if __name__ == "__main__":
    main()
