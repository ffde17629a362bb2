"""The files of a pretrained pipeline, as Hugging Face's libraries save it: which are taken, and which are refused.

Nothing of a folder runs. Pickled weights, which may run anything, are refused wherever they lie, also beside
safetensors; so is code of the folder's own, and a config that asks for some, or for a kernel from the Hub. An adapter
is refused, too: it is loaded over a model's weights, and only where its library is. What is neither (a README,
pictures, the weights of other frameworks) is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from genai.errors import InputError, listed

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
TAKEN = (".json", ".txt", ".model", ".spm", ".jinja", ".safetensors")
CONFIGS = (
    "model_index.json", "config.json", "scheduler_config.json", "generation_config.json", "tokenizer_config.json",
    "preprocessor_config.json", "processor_config.json",
)  # fmt: skip
CONFIG_BYTES = 16 << 20
FILES = 10_000
FOREIGN = ("auto_map", "custom_pipelines", "custom_generate")  # keys that name code
KERNELS = ("attn_implementation", "experts_implementation", "_attn_implementation", "_experts_implementation")
BUILT_IN = (None, "eager", "sdpa")


def taken(place: str, names: Iterable[str]) -> list[str]:
    """The names of the files that make the pipeline. Raises InputError where it has something that may run."""
    found = []
    for name in names:
        lowered = name.lower()
        if lowered.endswith(PICKLES):
            raise InputError(f"{place}/{name}: found pickled weights, which may run anything; {_converted(name)}")
        if lowered.endswith(".py"):
            raise InputError(f"{place}/{name}: found code; allowed: pipelines of classes that the libraries have")
        if lowered.rpartition("/")[2] == "adapter_config.json":
            merged = "the whole model, as PEFT's merge_and_unload().save_pretrained(…) writes it"
            raise InputError(f"{place}/{name}: found an adapter; allowed: {merged}")
        if lowered.endswith(TAKEN):
            found.append(name)
        if len(found) > FILES:
            raise InputError(f"{place}: found more than {FILES:,} files; allowed: the folder of one pipeline")
    if not any(name.endswith(".safetensors") for name in found):
        raise InputError(f"{place}: found no .safetensors file, but {listed(found) or 'nothing'}; allowed: a folder "
                         "that save_pretrained wrote")  # fmt: skip
    return sorted(found)


def _converted(name: str) -> str:
    made = name.rpartition(".")[0].replace("pytorch_model", "model") + ".safetensors"
    load = f"torch.load('{name}', weights_only=True)"
    return (
        f'convert them and remove this file: python -c "import torch, safetensors.torch as s; '
        f"s.save_file({{k: v.clone() for k, v in {load}.items()}}, '{made}', {{'format': 'pt'}})\""
    )


def config(where: str, data: bytes) -> dict[str, Any]:
    """A config file's JSON. Raises InputError where it is none, or asks for code."""
    try:
        found = json.loads(data) if len(data) <= CONFIG_BYTES else None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: cannot be read ({str(error)[:200]}); allowed: the JSON of a config") from error
    if not isinstance(found, dict):
        raise InputError(f"{where}: found no mapping; allowed: the JSON of a config, of {CONFIG_BYTES:,} bytes at most")
    odd = next((key for each in mappings(found) for key, value in each.items() if _asks_for_code(key, value)), None)
    if odd is not None:
        raise InputError(f"{where}: found {odd}, which asks for code; allowed: classes that the libraries have")
    return found


def mappings(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A mapping and all below it: a model of two parts has a config of each."""
    left: list[Any] = [found]
    while left:
        each = left.pop()
        if isinstance(each, Mapping):
            yield each
            left += each.values()


def _asks_for_code(key: str, value: Any) -> bool:
    return bool(value) if key in FOREIGN else key in KERNELS and value not in BUILT_IN
