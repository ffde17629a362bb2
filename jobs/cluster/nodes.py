"""Node types: how many, a head that takes no work, how Ray is started; and what a job would find there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jobs.cluster import Cluster, Found, commands, mapping, number
from jobs.cluster.instances import has
from jobs.document import Path, shown
from jobs.spec import JobSpec

_START = re.compile(r"\bray\s+start\b")
_OPEN = re.compile(r"--dashboard-host[=\s]+['\"]?(0\.0\.0\.0|::|\*)")


@dataclass(frozen=True)
class Offer:
    """Machines of one type: how many there may be, and what Ray counts on each."""

    name: str
    instance: str
    spot: bool
    least: int
    most: int
    cpu: float
    gpu: float

    def holds(self, cpu: float, gpu: float) -> int:
        """Workers of that size on one machine."""
        rooms = [int(there / each + 1e-9) for there, each in ((self.cpu, cpu), (self.gpu, gpu)) if each]
        return min(rooms, default=0)

    def __str__(self) -> str:
        kind = f"{self.instance}{' on spot' if self.spot else ''}"
        return f"{self.name}: {self.least} to {self.most} of {kind} ({self.cpu:g} CPU, {self.gpu:g} GPU)"


def offers(cluster: Cluster) -> list[Offer]:
    """What the workers' types would give."""
    return [_offer(cluster, name) for name in cluster.types if name != cluster.head]


def check(cluster: Cluster) -> Iterator[Found]:
    """What Ray's validation misses of any provider."""
    yield from _numbers(cluster)
    yield from _idle_head(cluster)
    yield from _starts(cluster)


def lacks(cluster: Cluster, spec: JobSpec) -> Iterator[Found]:
    """What a job asks for and the cluster could never give: the path in the job, and a sentence."""
    train, generate = spec.train.workers, spec.generate.workers
    asked: list[tuple[Path, int, float, float]] = [(("generate", "workers"), generate.min, generate.cpu, generate.gpu)]
    if not spec.model.given:
        asked.insert(0, (("train", "workers"), train.count, train.cpu, train.gpu))
    there = offers(cluster)
    for path, count, cpu, gpu in asked:
        room = _room(there, cluster.most, cpu, gpu)
        if room < count:
            wants = f"{count} worker{'s' * (count > 1)} of {cpu:g} CPU and {gpu:g} GPU"
            gives = "; ".join(map(str, there)) or "no worker"
            text = f"found {wants}; allowed: at most {room}, as many as the cluster has room for with max_workers"
            yield Found(path, f"{text} {cluster.most} ({gives})")


def _room(there: list[Offer], machines: int, cpu: float, gpu: float) -> int:
    """Workers of one size that all machines hold, at most so many machines, the largest first."""
    room = 0
    for offer in sorted(there, key=lambda offer: -offer.holds(cpu, gpu)):
        used = min(machines, offer.most)
        room, machines = room + used * offer.holds(cpu, gpu), machines - used
    return room


def _offer(cluster: Cluster, name: str) -> Offer:
    node = cluster.types[name]
    config, resources = mapping(node.get("node_config")), mapping(node.get("resources"))
    instance = str(config.get("InstanceType", "?"))
    real = has(instance)
    spot = mapping(config.get("InstanceMarketOptions")).get("MarketType") == "spot"
    cpu, gpu = (number(resources.get(kind), there or 0) for kind, there in (("CPU", real.cpu), ("GPU", real.gpu)))
    return Offer(name, instance, spot, number(node.get("min_workers")), cluster.most_of(name), cpu, gpu)


def _numbers(cluster: Cluster) -> Iterator[Found]:
    workers = [name for name in cluster.types if name != cluster.head]
    for name in cluster.types:
        path, least, most = ("available_node_types", name), _least(cluster, name), cluster.most_of(name)
        if least < 0:
            yield Found((*path, "min_workers"), f"found {least}; allowed: at least 0")
        if most < 0:
            yield Found((*path, "max_workers"), f"found {most}; allowed: at least 0")
        if least > most >= 0:
            text = f"found {least}, above max_workers, {most}; allowed: at most max_workers"
            yield Found((*path, "min_workers"), text)
        if name in workers and most > cluster.most:
            text = f"found {most}, above max_workers of the whole cluster, {cluster.most}; allowed: at most that"
            yield Found((*path, "max_workers"), text)
    most = sum(cluster.most_of(name) for name in workers)
    least = sum(_least(cluster, name) for name in cluster.types)
    if cluster.head in cluster.types and max(most, least) > cluster.most:
        each = ", ".join(f"{name} {cluster.most_of(name)}" for name in workers)
        text = f"found {cluster.most}; allowed: at least {max(most, least)}, the sum over the types ({each})"
        yield Found(("max_workers",), f"{text}, or fewer there")


def _least(cluster: Cluster, name: str) -> int:
    return number(cluster.types[name].get("min_workers"))


def _idle_head(cluster: Cluster) -> Iterator[Found]:
    if cluster.head not in cluster.types:
        return
    path = ("available_node_types", cluster.head, "resources")
    resources = mapping(cluster.types[cluster.head].get("resources"))
    why = "the driver and the autoscaler live there, and work would get into their way"
    if resources.get("CPU") != 0:
        found = f"found {shown(resources['CPU'])}" if "CPU" in resources else "missing"
        yield Found((*path, "CPU"), f"{found}; allowed: 0 on the head, since {why}")
    real = has(str(mapping(cluster.types[cluster.head].get("node_config")).get("InstanceType")))
    if gpus := number(resources.get("GPU"), real.gpu or 0):
        yield Found((*path, "GPU"), f"found {gpus}; allowed: 0 on the head")


def _starts(cluster: Cluster) -> Iterator[Found]:
    for key, option, why in (
        ("head_start_ray_commands", "--autoscaling-config", "or no worker ever comes"),
        ("worker_start_ray_commands", "--address", "or each worker is a cluster of its own"),
    ):
        starts = [(path, line) for path, line in commands(cluster, key) if _START.search(line)]
        if not starts:
            yield Found((key,), f"found no `ray start`; allowed: one with {option}")
        for path, line in starts:
            if option not in line:
                yield Found(path, f"found `ray start` without {option}; allowed: with it, {why}")
    for path, line in commands(cluster, "head_start_ray_commands"):
        if _OPEN.search(line):
            found = "the dashboard on every address" + ("" if path[0] in cluster.given else " (Ray's default)")
            text = f"found {found}; allowed: --dashboard-host=127.0.0.1, which `ray dashboard` reaches by SSH"
            yield Found(path, text)
