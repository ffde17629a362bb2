"""What holds for every family: a small member of each in the suite that a user's own inherits, and what a job file may
say of it. A new family adds a class.
"""

from dataclasses import fields
from typing import get_args, get_origin, get_type_hints

import numpy as np
import pytest
from annotated_types import DocInfo, Ge
from pydantic import TypeAdapter, ValidationError

from genai import families
from genai.families import Family
from genai.families.flow import Flow, Solver
from genai.families.gan import Gan
from genai.families.gpt import Gpt
from genai.families.m2 import M2
from genai.families.vae import Vae
from genai.families.vqvae import Sampling, Vqvae
from genai.modalities.video import Video
from genai.registry import find, names
from genai.testing.families import FamilySuite


class TestDenseVae(FamilySuite):
    family = Vae("dense", latent=4, width=32, importance_samples=4)


class TestConvVae(FamilySuite):
    family = Vae(latent=4, width=8, importance_samples=4)


class TestGaussianVae(FamilySuite):
    family = Vae(latent=4, width=8, likelihood="gaussian", importance_samples=4, conditional=False)


class TestM2(FamilySuite):
    family = M2("dense", latent=4, width=32, importance_samples=4, classifier=4)


class TestFlow(FamilySuite):
    family = Flow(widths=(8, 16), depth=1)
    sampler = Solver(steps=3)


class TestFlowOfClips(FamilySuite):
    family = Flow(widths=(8, 16), depth=1)
    sampler = Solver(steps=2)
    modality = Video(2, 8, "L", 8.0)

    def data(self, rows):
        """Images, and the same moved by a pixel."""
        images, labels = FamilySuite.data(TestFlow(), rows)
        return np.stack([images, np.roll(images, 1, 1)], axis=1), labels


class TestGan(FamilySuite):
    family = Gan(widths=(16, 32), latent=4)


class TestVqvae(FamilySuite):
    family = Vqvae(levels=(4, 3), halvings=1, width=8, prior_width=16, prior_depth=1, prior_heads=2)
    sampler = Sampling(temperature=0.9)


class TestGpt(FamilySuite):
    family = Gpt(width=16, depth=1, heads=2)
    sampler = Sampling(temperature=0.9)


MEMBERS = {suite.__name__: suite.family for suite in FamilySuite.__subclasses__()}


def test_every_family_is_put_to_the_test():
    """A family without a small member would go untested."""
    learn = {kind for kind in (find(families, n, Family) for n in names(families)) if not kind.pretrained}
    assert {type(family) for family in MEMBERS.values()} >= learn


@pytest.mark.parametrize("name", MEMBERS)
def test_fields_survive_a_job_file(name):
    """What a spec says of a family builds the same family."""
    family = MEMBERS[name]
    for value in (family, family.Sampler()):
        assert TypeAdapter(type(value)).validate_json(TypeAdapter(type(value)).dump_json(value)) == value


def parts(hint):
    """A type and all that it is made of, metadata among it."""
    return [hint, *(found for part in get_args(hint) for found in parts(part))]


@pytest.mark.parametrize("name", names(families))
def test_fields_have_bounds_that_hold_and_a_line_of_doc(name):
    """A number below its bound is refused; an editor can say what each field is."""
    family = find(families, name, Family)
    for kind in (family, family.Sampler):
        hints = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            found = parts(hints[field.name])
            assert any(isinstance(part, DocInfo) for part in found), field.name
            for bound in (part for part in found if isinstance(part, Ge) and get_args(hints[field.name])):
                below = [bound.ge - 1] if tuple in map(get_origin, found) else bound.ge - 1
                with pytest.raises(ValidationError):
                    TypeAdapter(kind).validate_python({field.name: below})
