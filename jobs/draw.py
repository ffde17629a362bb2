"""Drawing on the spot: single samples of a run, and a page of sixteen, with no run and no Ray.

The same function of (checkpoint, seed, index) as the workers', with the plan's batch, precision and threads, so a
sample drawn here has the pixels of the published one. (Science is imported when it is called: the CLI stays quick.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genai.errors import InputError, IntegrityError, NotFound
from jobs import layout
from jobs.ledger import Manifest
from jobs.originals import editing_for
from jobs.pretrained import fetched
from jobs.shards import Plan
from jobs.spec import JobSpec
from jobs.stores import Store
from jobs.survey import Survey

END = 2**62  # of the indices that there are

if TYPE_CHECKING:
    import numpy as np

    from genai.accept import Terms
    from genai.editing import Editing
    from genai.formats import About, Samples
    from genai.generate import Generator
    from genai.modalities import Modality


def generator_of(
    spec: JobSpec,
    store: Store,
    train_key: str,
    digest: str,
    prompts: Sequence[str] = (),
    device: str = "cpu",
    editing: Editing | None = None,
) -> Generator:
    """The checkpoint as a generator. Raises IntegrityError where it is not the one of that digest, InputError where it
    cannot be drawn from under these prompts.
    """
    from genai.checkpoint import CONFIG, MODEL, Checkpoint
    from genai.generate import Generator

    files = {name: store.get(layout.checkpoint(train_key, name)) for name in (CONFIG, MODEL)}
    how = spec.generate
    try:
        checkpoint = Checkpoint.from_files(files, digest)
    except IntegrityError as error:
        place = store.locate(f"checkpoints/{train_key}")
        hint = "`genai repair` mends a finished run; else remove it, and `genai run` trains it again"
        raise IntegrityError(f"{place}: {error}; {hint}") from error
    with fetched(spec, checkpoint.made) if spec.model.pipeline is not None else nullcontext() as folder:
        return Generator(
            checkpoint, spec.sampling_seed, how.batch, how.sampler, how.precision, device, how.threads, prompts, folder,
            editing,
        )  # fmt: skip


def samples_of(
    generator: Generator,
    plan: Plan,
    indices: range,
    terms: Terms,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Samples, Mapping[str, int]]:
    """The samples of a range of indices, of the classes that the plan gives them, or that the rows have which they are
    drawn from; and what was rejected, by reason.
    """
    import numpy as np

    from genai.formats import Samples

    editing, labels = generator.editing, None
    if generator.checkpoint.classes:
        own = editing.labels(indices).tolist() if editing and not editing.mode.targets else None
        labels = own or plan.labels(indices.start, indices.stop)
    found = terms.draw(generator, indices, labels, progress)
    sources = editing.numbers(indices) if editing else None
    numbers = None if labels is None else np.array(labels, np.int64)
    return Samples(np.array(indices), numbers, found.arrays, sources), found.rejected


def about(modality: Modality, classes: tuple[str, ...], spec: JobSpec, checkpoint: str, key: str) -> About:
    """What all parts of a dataset say of themselves: nothing of the count, the clock or the program's version."""
    from genai.formats import About

    return About(
        classes=classes,
        modality=modality,
        checkpoint=checkpoint,
        seed=spec.sampling_seed,
        key=key,
        generator=f"genai-jobs, parts of version {layout.VERSIONS['generate']}",
    )


def generator_for(found: Survey) -> Generator:
    """The job's checkpoint as a generator. Raises InputError where there is none."""
    if not (found.train_key and found.checkpoint):
        raise InputError(f"{found.spec.name}: no checkpoint yet; run the job first (genai run trains it)")
    prompts = found.prompts.texts if found.prompts else ()
    editing = editing_for(found) if found.spec.generate.mode else None
    return generator_of(found.spec, found.store, found.train_key, found.checkpoint, prompts, editing=editing)


def _drawn(found: Survey, indices: range) -> tuple[Generator, Samples]:
    """Samples of the job's checkpoint. Raises InputError where there is none."""
    generator = generator_for(found)
    assert found.plan
    return generator, samples_of(generator, found.plan, indices, found.spec.generate.terms)[0]


@dataclass(frozen=True)
class Drawn:
    """One sample drawn again, as a file. `equal` says whether it is the published one; None: it is not published."""

    index: int
    label: str | None
    cell: bytes
    suffix: str
    equal: bool | None


def sample(found: Survey, index: int) -> Drawn:
    """Draw the sample `index` alone. Raises InputError where there is no checkpoint or no such index."""
    if not 0 <= index < END:
        raise InputError(f"--index {index}: allowed: 0 to {END - 1}")
    generator, drawn = _drawn(found, range(index, index + 1))
    classes = generator.checkpoint.classes
    published = _published(found.store, found.manifest, index) if found.manifest else None
    equal = None if published is None else bool((published == drawn.arrays[0]).all())
    label = classes[int(drawn.labels[0])] if drawn.labels is not None else None
    modality = generator.checkpoint.modality
    return Drawn(index, label, modality.cells(drawn.arrays)[0], modality.suffix, equal)


def _published(store: Store, manifest: Manifest, index: int) -> np.ndarray | None:
    from genai import formats

    part = next((part for part in manifest.parts if part.start <= index < part.stop), None)
    if part is None:
        return None
    try:
        data = store.get(layout.part(manifest.key, part.name))
    except NotFound:
        return None
    return formats.of(manifest.plan.suffix).decode(data).arrays[index - part.start]


def preview(found: Survey, command: str, count: int = 16) -> str:
    """A page of the first samples, from the newest checkpoint of the job, as HTML."""
    from jobs.report import Exhibit, Grid, GridRow, Page, render

    generator, drawn = _drawn(found, range(count))
    classes = generator.checkpoint.classes
    rows: dict[str, list[Exhibit]] = {}
    for i, look in enumerate(generator.checkpoint.modality.looks(drawn.arrays)):
        rows.setdefault(classes[int(drawn.labels[i])] if drawn.labels is not None else "", []).append(Exhibit(look, i))
    grid = Grid(f"The first {count} samples", tuple(GridRow(name, tuple(shown)) for name, shown in rows.items()))
    made = (found.metrics or {}).get("steps", 0)
    return render(
        Page(
            title=f"Preview of {found.spec.name}",
            job=found.spec.name,
            command=command,
            created="",
            sentence=f"Samples 0 to {count - 1}, drawn now from the checkpoint of step {made:,}; none is published.",
            grids=(grid,),
            identities={"checkpoint digest": found.checkpoint or "", "seed": str(found.spec.sampling_seed)},
        )
    )
