"""What holds for every family of models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from genai import modes
from genai.checkpoint import Checkpoint
from genai.errors import InputError
from genai.exchange import Exchange
from genai.families import Family
from genai.generate import Generator
from genai.modalities import Modality
from genai.modalities.image import Image
from genai.modalities.text import Text
from genai.modes import Mode
from genai.noise import IndexNoise, StepNoise
from genai.order import Batch, Rows
from genai.recipe import Recipe
from genai.registry import find, names
from genai.testing.exchanges import together
from genai.testing.originals import editing
from genai.train import Trained, fit, initial

CLASSES = tuple("0123456789")
FEW = 24  # rows where nothing is trained
DIGITS, LINES = Image((8, 8), "L"), Text(length=12)
RECIPE = Recipe(steps=24, batch=32, micro_batches=4, learning_rate=3e-3, validate_every=8, checkpoint_every=8)


class FamilySuite:
    """Inherit it with a `family` whose fields make it small, and a `sampler` that is quick. `modality` (resolved) says
    what its rows are, and `data` makes some of ten classes that can be learned; both may be left as they are.
    """

    family: ClassVar[Family]
    sampler: ClassVar[Any] = None

    @property
    def modality(self) -> Modality:
        """Images of 8x8 for families of numbers, texts for those of tokens."""
        return LINES if self.family.tokens else DIGITS

    def data(self, rows: int) -> Batch:
        """Texts that name their class; images in which a line of pixels, or a column, is bright."""
        random, labels = np.random.default_rng(0), np.arange(rows) % len(CLASSES)
        if self.family.tokens:
            lines = b"".join(f"{i}: {CLASSES[i % 10] * 4}".encode().ljust(12, b"\0") for i in range(rows))
            return np.frombuffer(lines, np.uint8).reshape(-1, 12), labels.astype(np.int64)
        arrays = random.integers(0, 60, (rows, *self.modality.array_shape), np.uint8)
        for line in range(8):
            arrays[labels == line, line] += 160
        arrays[labels == 8, :, 1] += 160
        arrays[labels == 9, :, 5] += 160
        return arrays, labels.astype(np.int64)

    # What the methods below are made of

    def setup_method(self) -> None:
        """One thread is quickest where there is little to compute."""
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def teardown_method(self) -> None:
        torch.set_num_threads(self._threads)

    @property
    def classes(self) -> tuple[str, ...]:
        return CLASSES if self.family.conditional else ()

    def network(self) -> nn.Module:
        """A network whose every weight is random: those that start at zero would hide what depends on them."""
        net = initial(self.family, self.modality.space, len(CLASSES), 0)
        weights = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for p in net.parameters():
                p.add_(0.1 * torch.randn(p.shape, generator=weights))
        return net.eval()

    def checkpoint(self) -> Checkpoint:
        made = {"recipe": {}, "steps": 0, "prepared": "", "device": "cpu", "torch": torch.__version__, "genai": "0"}
        return Checkpoint(self.family, self.modality, self.classes, self.network().state_dict(), made)

    def few(self) -> tuple[Tensor, Tensor]:
        arrays, labels = self.data(FEW)
        return self.modality.to_tensor(arrays), torch.from_numpy(labels)

    def train(self, recipe: Recipe, **how: Any) -> Trained:
        """Trained on 1,200 rows, validated and tested on others."""
        arrays, labels = self.data(1700)
        data = Rows(arrays[:1200], labels[:1200], recipe.batch, recipe.micro_batches, recipe.seed)
        validation, test = ((arrays[a:b], labels[a:b]) for a, b in ((1200, 1400), (1400, 1700)))
        how = {"validation": validation, "test": test, **how}
        return fit(self.family, self.modality, len(CLASSES), data, recipe, **how)

    # What holds

    def test_it_is_imported_without_torch(self) -> None:
        """A job file is checked where no torch is."""
        module = type(self.family).__module__
        code = f"import sys; sys.path[:0] = {sys.path!r}; import {module}; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603  # our own words

    def test_shapes_are_those_of_the_contract(self) -> None:
        """One loss a row, and one value of each measure, or two; samples like the data; the net knows its shape."""
        (x, c), net = self.few(), self.network()
        assert net.shape == self.modality.shape
        assert net.classes == len(self.classes)
        assert self.family.loss(net, x, c, IndexNoise(0, range(FEW))).shape == (FEW,)
        for measure in (self.family.held_out, self.family.final):
            values = measure(net, x, c, IndexNoise(0, range(FEW)))
            assert values
            assert all(v.shape in {(FEW,), (FEW, 2)} and v.isfinite().all() for v in values.values())
        with torch.inference_mode():
            drawn = self.family.sample(net, c, IndexNoise(0, range(FEW)), self._sampler())
        assert (drawn.shape, drawn.dtype) == (x.shape, x.dtype)

    def test_a_loss_reaches_every_weight(self) -> None:
        """A weight without a gradient is dead, and plain DDP refuses it."""
        net = self.network().train()
        self.family.loss(net, *self.few(), StepNoise(0, 0, 0, FEW)).sum().backward()  # type: ignore[no-untyped-call]
        assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []

    def test_what_picks_the_best_falls(self) -> None:
        """A few dozen steps are enough to get better at unseen rows."""
        held = [h for h in self.train(replace(self._recipe(), validate_every=4)).history if "lr" not in h]
        first = next(name for name in held[0] if name != "step")
        assert held[-1][first] < 0.97 * held[0][first]

    @torch.no_grad()
    def test_a_row_does_not_depend_on_its_neighbours(self) -> None:
        """Rows change places and company: each keeps its measures, and its sample to the last bit."""
        (x, c), net = self.few(), self.network()
        turn = torch.randperm(FEW, generator=torch.Generator().manual_seed(1))
        for measure in (self.family.held_out, self.family.final):
            before, after = (measure(net, x[i], c[i], IndexNoise(0, i.tolist())) for i in (torch.arange(FEW), turn))
            for name, values in before.items():
                torch.testing.assert_close(after[name], values[turn], rtol=1e-5, atol=1e-4)
        generator = Generator(self.checkpoint(), 3, 32, self._sampler())
        labels = c.tolist() if self.classes else [0] * FEW
        together_ = generator.draw(range(FEW), labels)
        elsewhere = generator.draw([500, *turn.tolist()], [0, *[labels[i] for i in turn]])
        np.testing.assert_array_equal(elsewhere[1:], together_[turn])
        np.testing.assert_array_equal(generator.draw([17], [labels[17]])[0], together_[17])

    def test_what_it_makes_of_rows_is_theirs_alone(self) -> None:
        """In each mode that it is able to: samples in other company, and alone, keep every bit."""
        arrays, labels = self.data(FEW)
        classes, labels = (self.classes, labels) if self.classes else ((), np.zeros_like(labels))
        for kind in (find(modes, name, Mode) for name in names(modes)):  # type: ignore[type-abstract]
            if not issubclass(type(self.family), kind.needs):
                continue
            try:
                mode, small = kind(), kind().reads(self.modality)
            except InputError:  # it is for other rows
                continue
            rows = arrays[..., ::2, ::2, :] if small.array_shape != self.modality.array_shape else arrays
            source = editing(mode, small, classes, rows, labels)
            generator = Generator(self.checkpoint(), 3, 32, self._sampler(), editing=source)
            drawn = generator.draw(range(FEW), labels.tolist())
            assert np.unique(drawn, axis=0).shape == drawn.shape, f"{kind.__name__} makes two rows alike"
            turn = np.random.default_rng(1).permutation(FEW)
            elsewhere = generator.draw([500, *turn.tolist()], [labels[0], *labels[turn]])
            np.testing.assert_array_equal(elsewhere[1:], drawn[turn])
            np.testing.assert_array_equal(generator.draw([17], [labels[17]])[0], drawn[17])

    @torch.no_grad()
    def test_held_out_is_a_pure_function(self) -> None:
        """No generator but the noise that is handed in is drawn from."""
        net = self.network()
        for measure in (self.family.held_out, self.family.final):
            before, after = (self._seeded(seed, measure, net) for seed in (1, 2))
            assert all(torch.equal(before[name], after[name]) for name in before)

    def test_saved_and_loaded_it_draws_the_same(self) -> None:
        """A checkpoint that went through bytes gives the same samples, bit for bit, no two alike."""
        made = self.checkpoint()
        loaded = Checkpoint.from_files(made.to_files(), made.digest)
        assert loaded.family == self.family
        labels = [i % 10 for i in range(8)] if self.classes else None
        a, b = (Generator(ck, 5, 16, self._sampler()).draw(range(8), labels) for ck in (made, loaded))
        np.testing.assert_array_equal(a, b)
        assert len({row.tobytes() for row in a}) == 8

    def test_the_label_matters_where_it_should(self) -> None:
        """The same noise under another label is another sample, if the member heeds labels."""
        c, net = torch.zeros(8, dtype=torch.int64), self.network()
        with torch.inference_mode():
            a, b = (self.family.sample(net, k, IndexNoise(0, range(8)), self._sampler()) for k in (c, c + 1))
        assert torch.equal(a, b) != self.family.conditional

    def test_data_without_labels_will_do(self) -> None:
        """With no classes, labels are all zero and mean nothing."""
        net = self.family.network(self.modality.space, 0)
        none = torch.zeros(FEW, dtype=torch.int64)
        assert self.family.loss(net, self.few()[0], none, StepNoise(0, 0, 0, FEW)).isfinite().all()

    def test_any_number_of_workers_makes_the_same_checkpoint(self) -> None:
        """One worker or several: one set of weights, and the same measures, to the last bit."""
        brief = replace(self._recipe(), steps=5, validate_every=3)
        alone = self.train(brief)

        def work(exchange: Exchange) -> Trained:
            return self.train(brief, exchange=exchange)

        for size in (2, 3):
            for trained in together(size, work):
                self._equal(trained, alone)

    def test_a_resumed_training_ends_as_an_undisturbed_one(self) -> None:
        """From each saved state the rest of the training is the same, bit for bit."""
        states: list[bytes] = []
        recipe = replace(self._recipe(), steps=16, ema=0.9, keep="best")
        whole = self.train(recipe, save=states.append)
        assert len(states) == 2
        for state in states:
            self._equal(self.train(recipe, state=state), whole)

    def _recipe(self) -> Recipe:
        return replace(RECIPE, **self.family.RECIPE)

    def _sampler(self) -> Any:
        return self.family.Sampler() if self.sampler is None else self.sampler

    def _seeded(self, seed: int, measure: Callable[..., dict[str, Tensor]], net: nn.Module) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        return measure(net, *self.few(), IndexNoise(0, range(FEW)))

    @staticmethod
    def _equal(a: Trained, b: Trained) -> None:
        assert (a.history, a.measures) == (b.history, b.measures)
        assert all(torch.equal(a.weights[name], tensor) for name, tensor in b.weights.items())
