"""The study's recipes in torchvision's transforms v2, on uint8 tensors. Their affine
transform fills with black and zooms both axes equally, which is less work, not more."""

from torchvision.transforms import v2

SHIFT = 4 / 32  # of the side, each way


def compose(recipe):
    """Returns a function that augments an image, uint8 [3, height, width]."""
    bilinear = v2.InterpolationMode.BILINEAR
    if recipe == "medium":
        return v2.Compose([v2.RandomAffine(0, translate=(SHIFT, SHIFT), interpolation=bilinear), v2.RandomHorizontalFlip()])
    return v2.Compose([
        v2.RandomAffine(10, translate=(SHIFT, SHIFT), scale=(0.75, 1.25), interpolation=bilinear),
        v2.ColorJitter(brightness=0.2),
        v2.RandomHorizontalFlip(),
        v2.RandomErasing(p=0.5, scale=(0.05, 0.2), ratio=(0.2, 0.8), value=128),
    ])


def whole_pixels(size):
    """The usual shortcut for medium: pad by 4 and crop, which moves whole pixels and interpolates nothing."""
    return v2.Compose([v2.RandomCrop(size, padding=round(SHIFT * size[0]), padding_mode="edge"), v2.RandomHorizontalFlip()])
