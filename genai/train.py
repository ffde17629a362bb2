"""Training: a checkpoint is a pure function of (data, family, recipe), not of how many workers made it.

- Each batch is M micro-batches, fixed by the recipe. Row order and noise follow from (seed, step, micro-batch), and
  gradients are summed in one fixed tree (`genai.exchange`), so every worker takes the same step to the same weights.
- All that a step changes is in `Training.state`: a training resumed from it ends in the bits of an undisturbed one.
- `reduction: ddp` hands the summing to the caller's `wrap` (torch's DistributedDataParallel); its bits depend on W.
- fp16 scales the loss (Micikevicius et al. 2018) and skips a step that overflows. Validation is always float32.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from genai import weights
from genai.adam import Adam
from genai.errors import GenaiError, InputError, IntegrityError, listed
from genai.evaluate import Measure, means
from genai.exchange import Alone, Exchange, share, total
from genai.families import Family
from genai.flat import Flat
from genai.modalities import Modality
from genai.noise import INITIALISE, Noise, StepNoise, stream
from genai.order import Batch
from genai.recipe import Recipe
from genai.schedule import LossScale, averaging, learning_rate
from genai.space import Space

_SEEDING = threading.Lock()  # torch's global generator is shared by threads
HISTORY = 200  # points of the loss curve


class Data(Protocol):
    """Training rows; `genai.order.Stream` is one."""

    @property
    def rows(self) -> int: ...

    def batches(self, micro: int, start_step: int = 0) -> Iterator[Batch]:
        """Micro-batch `micro` of each step from `start_step` on, without end: (arrays uint8, labels int64)."""
        ...


@dataclass(frozen=True)
class Trained:
    """What a training ends with. `measures` are of the test rows; `history` has an entry {step, loss, lr} at even
    distances, and {step, **measures} at each validation.
    """

    weights: dict[str, Tensor]
    steps: int
    measures: dict[str, float]
    history: list[dict[str, Any]]


def fit(
    family: Family,
    modality: Modality,
    classes: int,
    data: Data,
    recipe: Recipe,
    *,
    validation: Batch | None = None,
    test: Batch | None = None,
    exchange: Exchange | None = None,
    device: torch.device | str = "cpu",
    wrap: Callable[[nn.Module], nn.Module] | None = None,
    state: bytes | None = None,
    save: Callable[[bytes], None] | None = None,
    report: Callable[[dict[str, Any]], None] | None = None,
    mark: Callable[[str], None] | None = None,
    start: Mapping[str, Tensor] | None = None,
    frozen: Sequence[str] = (),
) -> Trained:
    """Train a member of `family` on `data`, or go on from a saved `state`. It begins with random weights, or with those
    of `start`; what begins with a name of `frozen` stays as it is.

    All workers call it alike. `report` is called on each worker after each step with step, steps, rows, loss, lr, and
    with the measures under `validation` where there was one; `save` on worker 0 every `recipe.checkpoint_every` steps
    and at the end of the last; `mark` with what begins (`reading` and `computing` each micro-batch, `measuring` each
    batch of held-out rows), so that somebody may see that it gets on. The caller sets torch's threads to
    `recipe.threads`. Raises GenaiError where the loss is not finite, IntegrityError where `state` is not of this
    training.
    """
    run = Training(
        family, modality, classes, data, recipe, exchange or Alone(), torch.device(device), wrap, mark, start, frozen
    )
    if state is not None:
        run.restore(state)
        del state  # it may be as large as the network, and training is long
    seen = _some(validation, recipe.validation_rows)
    while run.step < run.steps:
        told = run.advance()
        if seen and (run.step % recipe.validate_every == 0 or run.step == run.steps):
            told["validation"] = run.validate(seen)
        if save and run.exchange.rank == 0 and (run.step % recipe.checkpoint_every == 0 or run.step == run.steps):
            save(run.state())
        if report:
            report(told)
    return run.finish(_some(test, None))


class Training:
    """The loop's state: weights, their average, the optimiser's moments, the best so far, and where it stands."""

    def __init__(
        self,
        family: Family,
        modality: Modality,
        classes: int,
        data: Data,
        recipe: Recipe,
        exchange: Exchange,
        device: torch.device,
        wrap: Callable[[nn.Module], nn.Module] | None,
        mark: Callable[[str], None] | None = None,
        start: Mapping[str, Tensor] | None = None,
        frozen: Sequence[str] = (),
    ) -> None:
        self.family, self.modality, self.data, self.recipe = family, modality, data, recipe
        self.exchange, self.device, self.mark = exchange, device, mark or _unmarked
        self.steps = recipe.total_steps(data.rows)
        net = begun(initial(family, modality.space, classes, recipe.seed), start or {}).to(device)
        self.flat = Flat(net)
        self.still = still(self.flat, frozen)
        self.kept = self.flat.weights[self.still].clone()
        self.mean = Flat(deepcopy(net)) if recipe.ema else self.flat  # the weights that are the model
        self.objective = _Objective(family, net)
        self.wrapped = wrap(self.objective) if wrap and recipe.reduction == "ddp" else None
        self.optimizer = Adam(recipe, self.flat.weights)
        self.scale = LossScale(on=recipe.precision == "fp16")
        self.best: Tensor | None = None
        self.facts: dict[str, Any] = {"step": 0, "best": None, "losses": [0.0, 0], "history": []}
        self._streams: list[Iterator[Batch]] = []
        self._own = share(exchange.rank, exchange.size, recipe.micro_batches)

    @property
    def step(self) -> int:
        """Steps done."""
        return int(self.facts["step"])

    def advance(self) -> dict[str, Any]:
        """One step; what there is to tell about it."""
        if not self._streams:
            self._streams = [self.data.batches(m, self.step) for m in self._own]
        self.objective.train()
        loss = self._reduced_by_ddp() if self.wrapped else self._reduced_by_tree()
        lr = learning_rate(self.recipe, self.step, self.steps)
        self._update(loss, lr)
        self.facts["step"] += 1
        self._remember(loss, lr)
        return {"step": self.step, "steps": self.steps, "rows": self.recipe.batch, "loss": loss, "lr": lr}

    def validate(self, held: Batch) -> dict[str, float]:
        """The held-out measures of the model as it stands; keeps its weights if they are the best so far."""
        values = self._means(self.family.held_out, held)
        self.facts["history"].append({"step": self.step, **values})
        first, best = next(iter(values.values())), self.facts["best"]
        if self.recipe.keep == "best" and (best is None or first < best):
            self.facts["best"], self.best = first, self.mean.weights.clone()
        return values

    def finish(self, test: Batch | None) -> Trained:
        """The model, measured on the test rows."""
        if self.best is not None:
            self.mean.weights.copy_(self.best)
        measures = self._means(self.family.final, test) if test else {}
        tensors = {name: t.detach().cpu().contiguous().clone() for name, t in self.mean.net.state_dict().items()}
        return Trained(tensors, self.step, measures, self.facts["history"])

    def state(self) -> bytes:
        """All that the rest of the training depends on."""
        moments = {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state.items()}
        tensors = {"weights": self.flat.weights, **moments}
        tensors |= {"mean": self.mean.weights} if self.recipe.ema else {}
        tensors |= {} if self.best is None else {"best": self.best}
        return weights.to_bytes(tensors, {**self.facts, "scale": self.scale.state})

    def restore(self, state: bytes) -> None:
        """Stand where `state` was taken. Raises IntegrityError where it is of another network or recipe."""
        tensors, facts = weights.from_bytes(state)
        try:
            self.flat.weights.data.copy_(tensors["weights"])
            if self.recipe.ema:
                self.mean.weights.copy_(tensors["mean"])
            self.best = tensors["best"].to(self.device) if "best" in tensors else None
            self.optimizer.restore({name.removeprefix("optimizer."): tensor for name, tensor in tensors.items()})
            self.scale.state = facts.pop("scale")
            self.facts = {name: facts[name] for name in self.facts}
        except (KeyError, RuntimeError, ValueError) as error:
            raise IntegrityError(f"the saved training state is of another training: {error}; remove it") from error

    def _reduced_by_tree(self) -> float:
        """Leaves the gradient of the whole batch in `flat.gradient`; its mean loss."""
        streams = dict(zip(self._own, self._streams, strict=True))

        def leaf(micro: int) -> Tensor:
            self.flat.gradient.zero_()
            self.mark("reading")
            loss = self._backward(self.objective, next(streams[micro]), micro, 1)
            return torch.cat([self.flat.gradient, loss.reshape(1)])

        summed = total(leaf, self.recipe.micro_batches, self.exchange)
        self.flat.gradient.copy_(summed[:-1])
        return float(summed[-1])

    def _reduced_by_ddp(self) -> float:
        """The same with one pass over all of this worker's rows, and the summing left to DDP, which averages."""
        assert self.wrapped is not None
        self.mark("reading")
        pieces = [next(rows) for rows in self._streams]
        rows = np.concatenate([a for a, _ in pieces]), np.concatenate([c for _, c in pieces])
        self.flat.gradient.zero_()
        loss = self._backward(self.wrapped, rows, self.exchange.rank, self.exchange.size)
        return float(torch.stack(self.exchange.gather(loss)).sum())

    def _backward(self, objective: nn.Module, rows: Batch, number: int, workers: int) -> Tensor:
        """Add the gradient of these rows' part of the batch's mean loss, times `workers`; that part."""
        self.mark("computing")
        x, c = (t.to(self.device) for t in (self.modality.to_tensor(rows[0]), self.modality.under(*rows)))
        noise = StepNoise(self.recipe.seed, self.step, number, len(c), device=self.device)
        with autocast(self.device, self.recipe.precision):
            losses = objective(x, c, noise)
        loss = losses.float().sum() / self.recipe.batch
        (loss * (self.scale.value * workers)).backward()
        return loss.detach()

    def _update(self, loss: float, lr: float) -> None:
        gradient = self.flat.gradient
        if self.scale.on:
            gradient.div_(self.scale.value)
        if len(self.kept):
            gradient.masked_fill_(self.still, 0)
        norm = float(gradient.norm())
        if not np.isfinite(norm) or not np.isfinite(loss):
            if self.scale.shrink():
                return
            raise GenaiError(
                f"training: step {self.step + 1} has the loss {loss} and a gradient of norm {norm}; both must be "
                "finite: try a smaller train.learning_rate, a train.clip, a longer train.warmup, or precision fp32"
            )
        self.scale.grow()
        if self.recipe.clip is not None and norm > self.recipe.clip:
            gradient.mul_(self.recipe.clip / norm)
        self.optimizer.step(gradient, lr)
        if len(self.kept):
            self.flat.weights.data[self.still] = self.kept  # also from weight decay
        if self.recipe.ema:
            self.mean.weights.lerp_(self.flat.weights.data, 1 - averaging(self.recipe.ema, self.step))

    def _remember(self, loss: float, lr: float) -> None:
        """A point of the loss curve is the mean since the last."""
        losses = self.facts["losses"]
        losses[0], losses[1] = losses[0] + loss, losses[1] + 1
        if self.step % max(1, self.steps // HISTORY) == 0:
            self.facts["history"].append({"step": self.step, "loss": losses[0] / losses[1], "lr": lr})
            self.facts["losses"] = [0.0, 0]

    def _means(self, measure: Measure, held: Batch) -> dict[str, float]:
        def marked(net: nn.Module, x: Tensor, c: Tensor, noise: Noise) -> dict[str, Tensor]:
            self.mark("measuring")
            return measure(net, x, c, noise)

        return means(marked, self.mean.net, self.modality, held, self.recipe.seed, self.exchange)


class _Objective(nn.Module):
    """The loss as a module's forward, so that DDP can wrap it."""

    def __init__(self, family: Family, net: nn.Module) -> None:
        super().__init__()
        self.family, self.net = family, net

    def forward(self, x: Tensor, c: Tensor, noise: Noise) -> Tensor:
        return self.family.loss(self.net, x, c, noise)


def _unmarked(doing: str) -> None:
    """Nobody watches."""


def initial(family: Family, space: Space, classes: int, seed: int) -> nn.Module:
    """A new network whose weights follow from `seed`; torch's global generator is left as it was."""
    with _SEEDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream(seed, INITIALISE).integers(2**63)))
        return family.network(space, classes)


def begun(net: nn.Module, start: Mapping[str, Tensor]) -> nn.Module:
    """A network with what fits of the weights `start`, by name and shape (an embedding of other classes does not).
    Raises InputError where nothing fits.
    """
    own = net.state_dict()
    taken = {name: tensor for name, tensor in start.items() if name in own and own[name].shape == tensor.shape}
    if start and not taken:
        raise InputError("train.init_from: found no weights that fit this network; allowed: those of the same fields")
    net.load_state_dict({**own, **taken})
    return net


def still(flat: Flat, frozen: Sequence[str]) -> Tensor:
    """Which weights stay as they are, (size,) bool: those whose parameter's name begins as one of `frozen`. Raises
    InputError where none does, or nothing is left to train.

    Their gradients are computed all the same, and put to zero.
    """
    mask = torch.zeros_like(flat.weights, dtype=torch.bool)
    for begin in frozen:
        places = [place for name, place in flat.places.items() if name.startswith(begin)]
        for place in places:
            mask[place] = True
        if not places:
            parts = listed(list(dict.fromkeys(name.partition(".")[0] for name in flat.places)))
            raise InputError(f"train.init_from.frozen: found {begin!r}; allowed: how names begin: {parts}")
    if mask.all():
        raise InputError("train.init_from.frozen: found the whole network; allowed: a part of it")
    return mask


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """What runs the network's matrix products in `precision`: fp32 (does nothing), bf16 or fp16."""
    kind = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, kind, enabled=precision != "fp32")


def _some(held: Batch | None, rows: int | None) -> Batch | None:
    """The first rows, or None where there are none."""
    return (held[0][:rows], held[1][:rows]) if held and len(held[1]) else None
