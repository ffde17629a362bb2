"""AWS's side: what Ray knows under `provider`, what EC2 knows in a `node_config`, and which ports are open.

`node_config` goes to EC2's RunInstances as it is, and botocore carries the shape of that; a typo would else be told
when the autoscaler asks for the first machine, on the head, at night.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore
from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StringShape, StructureShape

from jobs.cluster import Cluster, Found, listing, mapping, meant, number
from jobs.cluster.instances import has
from jobs.document import Path, shown

#: what Ray's autoscaler reads under `provider` for AWS
PROVIDER = (
    "type", "region", "availability_zone", "cache_stopped_nodes", "use_internal_ips", "use_external_head_ip",
    "security_group", "key_pair", "aws_credentials", "cloudwatch", "disable_node_updaters",
    "disable_launch_config_check", "foreground_node_launch", "worker_liveness_check",
)  # fmt: skip
_ALLOWED = [key for key in PROVIDER if key != "aws_credentials"]  # which Ray reads and nobody should write
_OURS = "SubnetIds"  # Ray's own word in a node_config: it takes one of them for each machine
_ANYBODY = ("0.0.0.0/0", "::/0")
_MANY = 12  # names that are listed
_KINDS = {
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "long": (int, "a whole number"),
    "float": (int | float, "a number"),
    "double": (int | float, "a number"),
    "string": (str, "text"),
}


def check(cluster: Cluster) -> Iterator[Found]:
    """All of AWS's side."""
    provider = mapping(cluster.given.get("provider"))
    kind = provider.get("type")
    if isinstance(kind, str) and kind != "aws":
        yield Found(("provider", "type"), f"found {shown(kind)}; allowed: aws, the one whose nodes this check knows")
        return
    for key in provider:
        if key not in PROVIDER:
            text = f"found an unknown key{meant(key, _ALLOWED)}; allowed: {', '.join(_ALLOWED)}"
            yield Found(("provider", key), text, key=True)
    if provider and "region" not in provider:
        yield Found(("provider", "region"), "missing; allowed: the AWS region that the machines are in, us-west-2 say")
    yield from _opened(provider)
    told = set()
    for name, node in cluster.types.items():
        path: Path = ("available_node_types", name, "node_config")
        if isinstance(node.get("node_config"), dict):
            merged = (*path, "<<") in cluster.document.places  # what it shares is told of once
            for found in _node(path, node["node_config"]):
                same = (found.path[len(path) :], found.text)
                if not (merged and same in told):
                    yield found
                told.add(same)
            yield from _counted(("available_node_types", name, "resources"), node)


def _node(path: Path, config: dict[str, Any]) -> Iterator[Found]:
    yield from _fits(path, {key: value for key, value in config.items() if key != _OURS}, _shape("RunInstances"))
    subnets = config.get(_OURS, [""])
    if not (isinstance(subnets, list) and subnets and all(isinstance(one, str) for one in subnets)):
        yield Found((*path, _OURS), f"found {shown(subnets)}; allowed: a list of subnets")
    templated = "LaunchTemplate" in config
    if "InstanceType" not in config and not templated:
        yield Found((*path, "InstanceType"), "missing; allowed: an instance type of EC2, g6.2xlarge say")
    groups = config.get("SecurityGroupIds") or config.get("NetworkInterfaces")
    if not groups and not templated:
        text = "missing; Ray then makes a group that opens port 22 to 0.0.0.0/0; allowed: a group without such a rule"
        yield Found((*path, "SecurityGroupIds"), text)


def _opened(provider: dict[str, Any]) -> Iterator[Found]:
    """Rules that the file adds to the group that Ray makes."""
    path = ("provider", "security_group", "IpPermissions")
    rules = mapping(provider.get("security_group")).get("IpPermissions", [])
    shape = _shape("AuthorizeSecurityGroupIngress").members["IpPermissions"]
    yield from _fits(path, rules, shape)
    for at, rule in enumerate(listing(rules)):
        for key, field in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
            for number_, range_ in enumerate(listing(mapping(rule).get(key))):
                if mapping(range_).get(field) in _ANYBODY:
                    text = f"found {_ports(mapping(rule))} open to {range_[field]}; allowed: no rule for everybody"
                    yield Found((*path, at, key, number_, field), text)


def _ports(rule: dict[str, Any]) -> str:
    first, last = number(rule.get("FromPort"), -1), number(rule.get("ToPort"), -1)
    if first == -1:
        return "every port"
    return f"port {first}" if first == last else f"ports {first} to {last}"


def _counted(path: Path, node: dict[str, Any]) -> Iterator[Found]:
    """More on a machine than there is."""
    instance = str(node["node_config"].get("InstanceType"))
    real, said = has(instance), mapping(node.get("resources"))
    for kind, there in (("CPU", real.cpu), ("GPU", real.gpu)):
        if there is not None and number(said.get(kind)) > there:
            yield Found((*path, kind), f"found {said[kind]}; allowed: at most {there}, which is what a {instance} has")


@cache
def _shape(operation: str) -> StructureShape:
    model = ServiceModel(Loader().load_service_model("ec2", "service-2"))
    return model.operation_model(operation).input_shape


def _fits(path: Path, value: Any, shape: Shape) -> Iterator[Found]:
    """Whether a value has a shape, and where it does not."""
    if isinstance(shape, StructureShape):
        yield from _structure(path, value, shape)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list):
            yield Found(path, f"found {shown(value)}; allowed: a list")
        for at, inner in enumerate(listing(value)):
            yield from _fits((*path, at), inner, shape.member)
    elif shape.type_name in _KINDS:
        kind, name = _KINDS[shape.type_name]
        names = shape.enum if isinstance(shape, StringShape) else []
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            yield Found(path, f"found {shown(value)}; allowed: {name}")
        elif names and value not in names:
            yield Found(path, f"found {shown(value)}{meant(str(value), names)}; allowed: {_among(names)}")


def _structure(path: Path, value: Any, shape: StructureShape) -> Iterator[Found]:
    if not isinstance(value, dict):
        yield Found(path, f"found {shown(value)}; allowed: a mapping of {_among(list(shape.members))}")
        return
    for key, inner in value.items():
        if key in shape.members:
            yield from _fits((*path, key), inner, shape.members[key])
        else:
            names = list(shape.members)
            yield Found((*path, key), f"found an unknown key{meant(key, names)}; allowed: {_among(names)}", key=True)


def _among(names: list[str]) -> str:
    if len(names) <= _MANY:
        return ", ".join(names)
    return f"one of the {len(names)} that botocore {botocore.__version__} knows (pip install -U boto3 for newer ones)"
