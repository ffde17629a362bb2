"""Dialogue: a prompt as a user's turn, as the tokenizer's chat template writes it.

A template is Jinja of the pipeline's folder. transformers runs it in Jinja's immutable sandbox, which shows it plain
texts, lists and mappings, and no files, modules or attributes of Python's; it may only waste the time and the memory of
its worker. Tokens that steer a model count as plain text where a prompt has them.

A template that shows the day would make samples hang on the clock: it gets the day that the job says.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from genai.errors import InputError
from genai.networks.pipeline import told

LONGEST = 1 << 20  # characters of a template, and of a prompt under it
_CLOCK = re.compile(r"""strftime_now\(\s*(["'])([^"'\\0-9]{1,64})\1\s*\)""")


@dataclass(frozen=True)
class Turns:
    """What is said beside a user's turn: a turn of the system's, and the day (2026-01-31); "" where there is none."""

    system: str = ""
    day: str = ""

    def tokens(self, tokenizer: Any, prompts: list[str]) -> list[list[int]]:
        """The tokens of each prompt in its dialogue, up to where the model's turn begins."""
        template = self._template(tokenizer)
        before = [{"role": "system", "content": self.system}] if self.system else []
        talks = [[*before, {"role": "user", "content": prompt}] for prompt in prompts]
        how = {"chat_template": template, "add_generation_prompt": True}
        try:
            longest = max(map(len, tokenizer.apply_chat_template(talks, tokenize=False, **how)))
            if longest <= LONGEST:
                found: list[list[int]] = tokenizer.apply_chat_template(
                    talks, return_dict=True, return_attention_mask=False, sanitize_control_tokens=True, **how
                )["input_ids"]
                return found
        except Exception as error:  # a template's, which may be anything
            text = f"the chat template cannot be used ({told(error)}); allowed: one that takes "
            raise InputError(text + ("a system's and a user's turn" if self.system else "a user's turn")) from error
        raise InputError(f"found a prompt of {longest:,} characters under the chat template; allowed: {LONGEST:,}")

    def _template(self, tokenizer: Any) -> str:
        """The tokenizer's, with the day in it. Raises InputError where it has none."""
        try:
            found = tokenizer.get_chat_template()
        except ValueError as error:
            text = "found a tokenizer without a chat template; allowed: model.chat: false, or a model made for dialogue"
            raise InputError(text) from error
        if not isinstance(found, str) or len(found) > LONGEST:
            raise InputError(f"found a chat template that is none; allowed: a text of at most {LONGEST:,} characters")
        dated = _CLOCK.sub(self._dated, found)
        if "strftime_now(" in dated:
            raise InputError("found a chat template that asks a clock; allowed: one that shows a day of a plain format")
        return dated

    def _dated(self, shown: re.Match[str]) -> str:
        if not self.day:
            raise InputError("model.day: missing for a chat template that shows the day; allowed: one, as 2026-01-31")
        return json.dumps(date.fromisoformat(self.day).strftime(shown[2]))
