"""A trained model: `config.json` + `model.safetensors`, named by the digest of both.

The config says all that rebuilding needs, and what made the model; nothing in it depends on the clock or on the
number of workers. Family and modality are found again by their names (`genai.registry`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import genai
from genai import families, modalities, weights
from genai.checkpoint_files import CONFIG, MODEL, VERSION, digest_of
from genai.errors import InputError, IntegrityError
from genai.families import Family, Pretrained
from genai.identity import canonical
from genai.modalities import Modality
from genai.recipe import Recipe
from genai.registry import describe, rebuild
from genai.space import Space
from genai.train import Trained

__all__ = ["CONFIG", "MODEL", "Checkpoint", "digest_of"]

CONFIG_BYTES = 1 << 20
T = TypeVar("T")


@dataclass(frozen=True)
class Checkpoint:
    """A member of a family. `classes` are the names of the labels it heeds, in order; none: it knows no labels.
    `made` records recipe, steps, digest of the prepared data, and versions.
    """

    family: Family
    modality: Modality
    classes: tuple[str, ...]
    weights: dict[str, Tensor]
    made: dict[str, Any]

    @classmethod
    def of(
        cls,
        trained: Trained,
        family: Family,
        modality: Modality,
        classes: tuple[str, ...],
        recipe: Recipe,
        prepared: str,
        device: str = "cpu",
        start: str | None = None,
    ) -> Self:
        """The checkpoint of a finished training; `prepared` is the digest of its data, `device` a device's kind,
        `start` the digest of the checkpoint that it began with.
        """
        made = {
            "recipe": json.loads(canonical(asdict(recipe))),  # as it comes back
            "steps": trained.steps,
            "prepared": prepared,
            "device": torch.device(device).type,
            "torch": torch.__version__,
            "genai": genai.__version__,
            **({"start": start} if start else {}),
        }
        return cls(family, modality, classes if family.conditional else (), trained.weights, made)

    @cached_property
    def _files(self) -> dict[str, bytes]:
        config = {
            "format": VERSION,
            "family": describe(families, self.family),
            "modality": describe(modalities, self.modality),
            "shape": self.modality.shape,
            "classes": self.classes,
            **self.made,
        }
        return {CONFIG: canonical(config), MODEL: weights.to_bytes(self.weights)}

    def to_files(self) -> dict[str, bytes]:
        """The two files by name; same checkpoint, same bytes."""
        return dict(self._files)

    @property
    def digest(self) -> str:
        """SHA-256 over both files, hexadecimal."""
        return digest_of(self._files)

    @classmethod
    def from_files(cls, files: dict[str, bytes], digest: str | None = None) -> Self:
        """The checkpoint that `to_files` wrote. Raises IntegrityError where its digest is not `digest`, where it is
        damaged or of another version, and where the weights do not fit the network.
        """
        actual = digest_of(files)
        if digest not in (None, actual):
            raise IntegrityError(f"checkpoint: found digest {actual}, expected {digest}")
        found = _config(files[CONFIG])
        try:
            family: Family = rebuild(families, found.pop("family"), Family)  # type: ignore[type-abstract]  # find gives concrete ones
            modality = modalities.stored(found.pop("modality"))
            classes = _names(found.pop("classes"))
            expected = _expected(family, modality.space, found.pop("shape"), len(classes))
            _check_shapes(expected, weights.shapes(files[MODEL]))
            tensors = weights.from_bytes(files[MODEL])[0]
            _check_kinds(expected, tensors)
        except _FOREIGN as error:
            why = str(error).split("\n")[0][:500]
            raise IntegrityError(f"checkpoint: its config cannot be used ({why}); train it again") from error
        return cls(family, modality, classes, tensors, found)

    def network(self, folder: Path | None = None) -> nn.Module:
        """The network with its weights, ready to draw from. `folder` has the files of a pretrained pipeline, whose
        weights are no part of the checkpoint. Raises InputError where that is missing, or cannot be loaded.
        """
        if isinstance(self.family, Pretrained):
            if folder is None:
                raise InputError("found a checkpoint of a pretrained pipeline without its files; allowed: `genai run`")
            self.family.check_installed()
            return self.family.load(folder).eval().requires_grad_(requires_grad=False)
        net = self.family.network(self.modality.space, len(self.classes))
        net.load_state_dict(self.weights)
        return net.eval().requires_grad_(requires_grad=False)


def _config(data: bytes) -> dict[str, Any]:
    if len(data) > CONFIG_BYTES:
        raise IntegrityError(f"checkpoint: {CONFIG} has {len(data):,} bytes; allowed: at most {CONFIG_BYTES:,}")
    try:
        found = json.loads(data)
        version = found.pop("format")
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError) as error:
        raise IntegrityError(f"checkpoint: {CONFIG} cannot be read: {error}") from error
    if version != VERSION:
        raise IntegrityError(f"checkpoint: found format {version}, this program reads {VERSION}; train it again")
    return dict(found)


_FOREIGN = (
    KeyError, TypeError, ValueError, AttributeError, AssertionError, OverflowError, ZeroDivisionError, IndexError,
    RuntimeError, InputError,
)  # fmt: skip  # what a network makes of a config that does not fit


def _names(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise TypeError("its classes are no names")
    return tuple(found)


def _expected(family: Family, space: Space, claimed: Any, classes: int) -> dict[str, Tensor]:
    """The tensors of the network that the config describes, which take no memory."""
    if not isinstance(claimed, list) or tuple(claimed) != space.shape:
        raise ValueError(f"found shape {str(claimed)[:100]}, its modality has {space.shape}")
    with torch.device("meta"), _Blank():
        return dict(family.network(space, classes).state_dict())


class _Blank(TorchFunctionMode):
    """Draws no weights: to draw normal ones of no memory, torch would import its compiler, which takes a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is nn.init.normal_:
            return kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _check_shapes(expected: dict[str, Tensor], found: dict[str, tuple[int, ...]]) -> None:
    """Before any memory is taken for the weights."""
    wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    odd = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    if odd:
        raise ValueError(f"{MODEL}: found {found.get(odd[0])} as {odd[0][:100]}, expected {wanted.get(odd[0])}")


def _check_kinds(expected: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    """Real numbers where there are real ones: others would be bent to fit, with a warning at most."""
    for name, tensor in found.items():
        if tensor.is_complex() or tensor.is_floating_point() != expected[name].is_floating_point():
            raise ValueError(f"{MODEL}: found {tensor.dtype} as {name}, expected {expected[name].dtype}")
