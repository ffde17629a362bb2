"""Does a published dataset help a classifier that has few real rows? One small network, trained in four ways.

    python examples/downstream/train_classifier.py runs/few/datasets/KEY few.parquet --test data/mnist/test.parquet

On the real rows alone; with shifts and rotations of them; with samples of the dataset mixed in; with both. Each way has
the same number of steps, and is tried with several seeds, which decide first weights, order, samples and shifts. Test
rows are real ones that neither the generator nor the classifier has seen.
"""

import argparse
import statistics

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from genai.augment import Augmented


def network(channels: int, classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 16, classes),
    )  # fmt: skip


def moved(images: Tensor, degrees: float = 12.0, shift: float = 0.08) -> Tensor:
    """Each image turned and shifted by an amount of its own; what comes in from outside is as the edge."""
    angle = torch.deg2rad((torch.rand(len(images)) * 2 - 1) * degrees)
    dx, dy = ((torch.rand(2, len(images)) * 2 - 1) * 2 * shift).unbind()  # a side is 2 long
    rows = [angle.cos(), -angle.sin(), dx, angle.sin(), angle.cos(), dy]
    grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def train(rows: Augmented, steps: int, batch: int, seed: int, *, move: bool) -> nn.Module:
    """A classifier after so many steps, which may be several epochs."""
    torch.manual_seed(seed)
    net = network(rows.modality.array_shape[2], len(rows.classes))
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    epoch = step = 0
    while step < steps:
        rows.set_epoch(epoch)
        for images, labels, _ in DataLoader(rows, batch):
            loss = F.cross_entropy(net(moved(images) if move else images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            falling.step()
            step += 1
            if step == steps:
                break
        epoch += 1
    return net.eval()


@torch.inference_mode()
def accuracy(net: nn.Module, rows: Augmented) -> float:
    """The share, in percent, of rows whose label it finds."""
    right = sum(int((net(images).argmax(1) == labels).sum()) for images, labels, _ in DataLoader(rows, 500))
    return 100 * right / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("published", help="folder or URI of a published dataset: <output>/<job>/datasets/<key>")
    parser.add_argument("real", help="real rows to train on: a Parquet file, a folder of images, sklearn://digits ...")
    parser.add_argument("--test", required=True, help="real rows to test on")
    parser.add_argument("--ratio", type=float, default=0.5, help="synthetic share of the mixed epochs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    given = parser.parse_args()

    test = Augmented(given.published, given.test, ratio=0)
    ways = {
        "real rows alone": (0, False),
        "shifts and rotations": (0, True),
        "published dataset": (given.ratio, False),
        "both": (given.ratio, True),
    }
    for name, (ratio, move) in ways.items():
        found = []
        for seed in range(given.seeds):
            rows = Augmented(given.published, given.real, ratio=ratio, seed=seed)
            found.append(accuracy(train(rows, given.steps, given.batch, seed, move=move), test))
        spread = statistics.stdev(found) if len(found) > 1 else 0.0
        print(f"{name:22} {len(rows):7,} rows an epoch   {statistics.mean(found):6.2f} % ± {spread:.2f}", flush=True)


if __name__ == "__main__":
    main()
