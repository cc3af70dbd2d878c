"""Training steps in PyTorch, channels-last and eager; with --compile, through
torch.compile; with --bf16, under autocast to bfloat16; with --device cuda, with TF32."""

import itertools
import os

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # otherwise processes that compile stay alive and count as its memory

import torch
import torch.nn.functional as F
from torch import nn

import serve
from step import zoo


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
    """Returns a function that trains on images uint8 [n, 3, height, width] and labels, from pinned memory for a GPU."""
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    model = (zoo.read(options.model) if options.model else network(options.widths)).train()
    model = model.to(options.device, memory_format=torch.channels_last)
    if not options.model:
        serve.check_count(count(model), options.widths)
    optimizer = torch.optim.SGD(model.parameters(), 0.001, momentum=0.9)

    def forward_backward(image, label):
        with torch.autocast(options.device, dtype=torch.bfloat16, enabled=options.bf16):
            logits = model(image.float() / 255)
            loss = F.cross_entropy(logits, label)
        loss.backward()
        return loss.detach(), (logits.argmax(1) == label).sum()

    train = torch.compile(forward_backward) if options.compile else forward_backward

    def step(image, label):
        image = image.to(options.device, memory_format=torch.channels_last, non_blocking=True)
        label = label.to(options.device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        loss, correct = train(image, label)
        optimizer.step()
        return loss.item(), correct.item()  # item waits until a GPU has finished

    return step


def main():
    options = serve.options()
    image, label = serve.images(options.batch, zoo.SIZE if options.model else serve.SIZE)
    # NHWC images viewed as NCHW are already channels-last.
    batch = torch.from_numpy(image).permute(0, 3, 1, 2), torch.from_numpy(label)
    if options.device == "cuda":
        batch = [tensor.pin_memory() for tensor in batch]
    serve.serve(trainer(options), lambda _: itertools.repeat(batch))


if __name__ == "__main__":
    main()
