"""Put-if-absent: by `If-None-Match: *` where the server heeds it, by an election where it does not.

Whether a server heeds the condition is found out once a bucket, by a probe object under the hidden prefix.

The election needs that a listing shows every object whose put was answered before. A racer puts a claim beside the key
and lists the claims. Alone, with the key absent, it writes the key, and only then removes its claim. Otherwise it
removes its claim, waits a random, growing time and starts again, until the key is there. Of two racers the one who
listed last saw the other's claim, or, that being gone, the key; so at most one writes.

A racer may be killed, and then its claim must go. Whoever has watched a claim for `WATCH_SECONDS` removes it. That is
sound, because a racer that lives is done with a claim before anybody can have watched it so long:

- It gives a claim up that it has not found alone within HOLD_SECONDS of beginning to put it, and none can have seen
  it before that beginning.
- Nothing of its write is sent after another WRITE_SECONDS; the time is looked at before each packet. So this way is for
  small objects: what takes longer to send is never written.
- A request that its client gave up is carried out within LATE_SECONDS or never. This we assume of the network.

Together that is 55 seconds, and WATCH_SECONDS is 60, each counted by its own machine's clock that nobody sets: no more
is asked of two clocks than that their rates agree to a twelfth. What may still be under way keeps its claim: a write of
which a try had no answer leaves it behind, even for a winner, who might delete the key before that try arrives.

Should a machine stand still between a look at the clock and the packet after it, and for so long, then its late write
may replace the winner's bytes. It finds its claim removed then and does not say that it won, so there are not two.

A claim that is DEAD_SECONDS older than mine, by the server's clock for both, is removed without watching. That time is
longer because a server's clock may be set, by up to four minutes.

Whoever called, got a StoreError, and calls again with the same bytes learns that the first call had won: the bucket
remembers under what name it wrote. `tests/jobs/stores/test_s3_election.py` takes these steps in every order.
"""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from genai.errors import GenaiError, StoreError
from genai.identity import sha256
from jobs.stores import HIDDEN, _s3_patience
from jobs.stores._s3_bucket import Bucket
from jobs.stores._s3_errors import status_of
from jobs.stores._s3_patience import Unanswered

HOLD_SECONDS, WRITE_SECONDS, LATE_SECONDS = 15.0, 20.0, 20.0
WATCH_SECONDS = 60.0
DEAD_SECONDS = 300.0
PATIENCE_SECONDS = 2 * WATCH_SECONDS  # long enough to outlive the claim of a dead racer
PAUSE_SECONDS = 2.0  # the longest wait between two tries
WRITES = 3  # that the server may refuse for the time being


def put_new(bucket: Bucket, root: str, key: str, data: bytes) -> bool:
    """Write an object only if there is none of that key, in the way that the server allows; `root`, under
    which it may be probed, is "" or ends in `/`.
    """
    if bucket.heeds_conditions is None:
        bucket.heeds_conditions = heeds_conditions(bucket, root)
    try:
        return (put_if_absent if bucket.heeds_conditions else put_elected)(bucket, key, data)
    except Unanswered as error:
        raise StoreError(*error.args) from None


def heeds_conditions(bucket: Bucket, root: str) -> bool:
    """Whether the server refuses a conditional put onto an object that is there."""
    probe = f"{root}{HIDDEN}/probe/{secrets.token_hex(8)}"
    bucket.put_once(probe, b"")
    try:
        bucket.put_once(probe, b"", if_absent=True)
    except ClientError as error:
        if status_of(error) == 409:
            raise StoreError(f"s3://{bucket.name}/{probe}: another request is at work on it; try again") from None
        return status_of(error) == 412  # 501 says openly that it does not know conditions
    finally:
        with suppress(GenaiError):  # whoever may write but not delete keeps an empty probe
            bucket.delete(probe)
    return False


def put_if_absent(bucket: Bucket, key: str, data: bytes) -> bool:
    """One conditional put. Where it is refused because an earlier try of ours had arrived, and only its answer was
    lost, the object bears our name: then we are the winner.
    """
    memory = (key, sha256(data))
    mine = bucket.unsure.pop(memory, "") or secrets.token_hex(8)
    for pause in _pauses(time.monotonic):
        try:
            bucket.put_once(key, data, writer=mine, if_absent=True)
        except ClientError as error:
            if status_of(error) == 412:
                return _asked(bucket, key, memory, mine)
            if status_of(error) != 409:
                raise
        except Unanswered:
            bucket.unsure[memory] = mine
            raise
        else:
            return True
        time.sleep(pause)
    raise StoreError(f"s3://{bucket.name}/{key}: the server saw racing writers for too long; try again")


def _asked(bucket: Bucket, key: str, memory: tuple[str, str], mine: str) -> bool:
    """Whether the object that is there bears our name."""
    try:
        return writer_of(bucket.head(key)) == mine
    except StoreError:
        bucket.unsure[memory] = mine
        raise


def put_elected(bucket: Bucket, key: str, data: bytes) -> bool:
    """Put-if-absent among racers who all come this way."""
    steps = election(Race(key, data, bucket.unsure, _s3_patience.now))
    try:
        step = next(steps)
        while True:
            try:
                answer = step.take(bucket)
            except GenaiError as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        return bool(end.value)


@dataclass(frozen=True)
class Put:
    """Write; the answer is whether every try of it was answered, so that none can yet arrive."""

    key: str
    data: bytes
    writer: str = ""
    until: float = float("inf")

    def take(self, bucket: Bucket) -> bool:
        return bucket.put_once(self.key, self.data, writer=self.writer, until=self.until)


@dataclass(frozen=True)
class Head:
    """Look at one; the answer has its metadata, or is None."""

    key: str

    def take(self, bucket: Bucket) -> dict[str, Any] | None:
        return bucket.head(self.key)


@dataclass(frozen=True)
class List:
    """Look at many; the answer has the time of each, by the server's clock."""

    prefix: str

    def take(self, bucket: Bucket) -> dict[str, datetime]:
        return {found["Key"]: found["LastModified"] for found in bucket.list(self.prefix)}


@dataclass(frozen=True)
class Delete:
    """Remove."""

    key: str

    def take(self, bucket: Bucket) -> None:
        bucket.delete(self.key)


@dataclass(frozen=True)
class Pause:
    """Wait."""

    seconds: float

    def take(self, _: Bucket) -> None:
        time.sleep(self.seconds)


Steps = Generator[Put | Head | List | Delete | Pause, Any, bool]


@dataclass(frozen=True)
class Race:
    """One call of `put_new`, and the memory and the clock of its process."""

    key: str
    data: bytes
    unsure: dict[tuple[str, str], str]
    clock: Callable[[], float]
    seen: dict[str, float] = field(default_factory=dict)  # the claims of others, and since when

    @property
    def memory(self) -> tuple[str, str]:
        return self.key, sha256(self.data)


def election(race: Race) -> Steps:
    """The steps of one racer, which end in whether it won. Whoever takes them sends in each one's answer, or throws
    in the GenaiError that it failed with.
    """
    refused = 0
    for pause in _pauses(race.clock):
        there = yield Head(race.key)
        if there is not None:
            return (yield from _had_won(race, there))
        name, begun = secrets.token_hex(8), race.clock()
        if (yield from _is_alone(race, name, begun)):
            try:
                return (yield from _write(race, name, begun))
            except Unanswered:
                raise
            except StoreError:
                refused += 1
                if refused == WRITES:
                    raise
        yield Pause(pause)
    raise StoreError(f"{race.key}: other writers claim it and none writes it; try again")


def _had_won(race: Race, there: dict[str, Any]) -> Steps:
    """Whether what is there is ours, of an earlier call that did not learn it; its claim shows that none doubted it."""
    name = race.unsure.get(race.memory)
    won = name == writer_of(there) and (yield Head(claims_of(race.key) + str(name))) is not None
    return race.unsure.pop(race.memory, None) == name and won


def _is_alone(race: Race, name: str, begun: float) -> Steps:
    """Put a claim; keep it, and say True, where it is the only one, the key is absent and time is left."""
    claim = claims_of(race.key) + name
    try:
        yield Put(claim, b"claim")
        claims = yield List(claims_of(race.key))
        now = race.clock()
        alone = claims.keys() == {claim} and (yield Head(race.key)) is None
    except GenaiError:
        yield from _removed(claim)
        raise
    if alone and race.clock() - begun < HOLD_SECONDS:
        return True
    yield from _removed(claim)
    seen = {other: race.seen.get(other, now) for other in claims if other != claim}
    race.seen.clear()
    race.seen.update(seen)
    for other, since in seen.items():
        older = (claims[claim] - claims[other]).total_seconds() if claim in claims else 0
        if now - since >= WATCH_SECONDS or older > DEAD_SECONDS:
            yield from _removed(other)
    return False


def _write(race: Race, name: str, begun: float) -> Steps:
    """Write the key, being alone. Raises Unanswered where it may be written and we cannot say that we won; then the
    claim stays, as it does where a try may yet arrive.
    """
    claim = claims_of(race.key) + name
    try:
        sure = yield Put(race.key, race.data, name, begun + HOLD_SECONDS + WRITE_SECONDS)
    except Unanswered:
        race.unsure[race.memory] = name
        raise
    except GenaiError:  # the server refused it, so it will not arrive
        yield from _removed(claim)
        raise
    try:
        held = (yield Head(claim)) is not None
    except GenaiError as error:
        race.unsure[race.memory] = name
        raise Unanswered(*error.args) from None
    if not held:
        raise Unanswered(f"{race.key}: this writer was held up so long that it passed for dead; try again")
    if sure:
        yield from _removed(claim)
    return True


def _removed(claim: str) -> Steps:
    """One that cannot be removed is removed by others, in time."""
    with suppress(GenaiError):
        yield Delete(claim)
    return True


def writer_of(found: dict[str, Any] | None) -> str | None:
    """The name that an object bears."""
    return None if found is None else found["Metadata"].get("writer")


def claims_of(key: str) -> str:
    """The hidden folder of a key's claims: beside the key, so that it is one whatever root a racer came by."""
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{HIDDEN}/{hashlib.sha256(name.encode()).hexdigest()[:32]}/"


def _pauses(clock: Callable[[], float]) -> Iterator[float]:
    """Random, growing waits, until patience is over."""
    end, longest = clock() + PATIENCE_SECONDS, 0.02
    while clock() < end:
        yield random.uniform(0, longest)
        longest = min(2 * longest, PAUSE_SECONDS)
