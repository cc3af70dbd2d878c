"""Training steps in PyTorch, channels-last, eager; with --compile through torch.compile."""

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


def main():
    options = serve.options()
    torch.set_num_threads(options.threads)
    model = network(options.widths).to(memory_format=torch.channels_last).train()
    serve.check_count(count(model), options.widths)
    optimizer = torch.optim.SGD(model.parameters(), 0.001, momentum=0.9)
    image, label = serve.batch(options.batch)

    def forward_backward(image, label):
        # The memory of NHWC images seen as NCHW is channels-last as it is.
        logits = model(image.permute(0, 3, 1, 2).float() / 255)
        loss = F.cross_entropy(logits, label)
        loss.backward()
        return loss.detach(), (logits.argmax(1) == label).sum()

    train = torch.compile(forward_backward) if options.compile else forward_backward

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss, correct = train(torch.from_numpy(image), torch.from_numpy(label))
        optimizer.step()
        return loss.item(), correct.item()

    serve.serve(step)


if __name__ == "__main__":
    main()
