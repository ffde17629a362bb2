"""cluster.yaml: the one of this repository is in order, and each thing that can be wrong with one is told, with its
place.
"""

import json
import re
import shlex
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import click
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.own_ray  # noqa: F401  # before ray
from genai.errors import InputError, SpecError
from jobs import cluster as clusters
from jobs.cli import main
from jobs.cluster import Versions
from jobs.cluster.instances import GPUS, has
from jobs.cluster.nodes import lacks, offers
from tests.jobs.scripted import job
from workers.__main__ import ENVIRONMENT

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "cluster.yaml").read_text()
OURS = Versions("2.60.0", "3.11")
SPOT = "available_node_types.gpu_spot"


def faults(text, ours=OURS):
    """Each as `line: path: text`."""
    found = clusters.check(clusters.read("cluster.yaml", text), ours)
    return [str(fault).removeprefix("cluster.yaml:") for fault in found]


def edited(*pairs):
    text = TEXT
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def line_of(text, word):
    return next(number for number, line in enumerate(text.splitlines(), 1) if word in line)


def genai(*words):
    click.Group.main(main, list(words), prog_name="genai", standalone_mode=False)


def test_our_own_is_in_order():
    """With the Ray and the Python of constraints.txt and of CI."""
    assert faults(TEXT) == []
    assert f"\nray=={OURS.ray}\n" in (ROOT / "constraints.txt").read_text()


def test_ray_takes_our_own_too():
    """By what `ray up` does first: its own defaults, its own schema."""
    assert refused_by_ray(yaml.safe_load(TEXT)) is None


def refused_by_ray(values):
    """What Ray says, or None."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    try:
        validate_config(prepare_config(values))
    except Exception as error:  # noqa: BLE001  # KeyErrors and assertions are how it says no
        return error
    return None


@pytest.fixture
def aws(monkeypatch, tmp_path):
    """Moto's EC2, with what the page says has to be there once; our file with the names of that."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    (tmp_path / ".ssh").mkdir()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-west-2", "HOME": str(tmp_path),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    for profile in ("genai-head", "genai-worker"):
        boto3.client("iam").create_instance_profile(InstanceProfileName=profile)
    group = ec2.create_security_group(GroupName="genai", Description="its own", VpcId=vpc)["GroupId"]
    text = edited(("subnet-0123456789abcdef0", subnet), ("sg-0123456789abcdef0", group))
    yield ec2, text
    server.stop()


def test_rays_own_client_of_aws_starts_our_machines(aws):
    """What `ray up` and the autoscaler do with the file, over EC2's own requests: no port is opened, no key is sent."""
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config

    ec2, text = aws
    config = AWSNodeProvider.fillout_available_node_types_resources(prepare_config(yaml.safe_load(text)))
    spot = config["available_node_types"]["gpu_spot"]["resources"]
    assert (spot["CPU"], spot["GPU"], spot["accelerator_type:L4"]) == (8, 1, 1)
    config = AWSNodeProvider.bootstrap_config(config)
    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    for name, node in config["available_node_types"].items():
        assert len(provider.create_node(node["node_config"], {"ray-user-node-type": name}, 1)) == 1

    machines = [m for each in ec2.describe_instances()["Reservations"] for m in each["Instances"]]
    assert sorted(machine["InstanceType"] for machine in machines) == ["g6.2xlarge", "g6.2xlarge", "m7i.xlarge"]
    groups = {group["GroupName"]: group["IpPermissions"] for group in ec2.describe_security_groups()["SecurityGroups"]}
    assert groups["genai"] == []
    assert set(groups) == {"genai", "default"}


def test_nodes_get_what_the_workers_want_of_ray():
    """The settings of the composition root, by the containers' environment, so that raylets hand them on."""
    options = [line.split(maxsplit=1)[1] for line in yaml.safe_load(TEXT)["docker"]["run_options"] if "--env" in line]
    assert dict(option.split("=", 1) for option in options) == ENVIRONMENT


def test_what_is_mounted_is_there():
    """By paths from the repository's root, where `ray up` is typed."""
    mounts = yaml.safe_load(TEXT)["file_mounts"]
    assert all((ROOT / here).is_file() for here in mounts.values())
    started = str(yaml.safe_load(TEXT)["worker_start_ray_commands"])
    assert "~/genai/spot_notice.py" in started
    assert mounts["/home/ray/genai/spot_notice.py"] == "workers/spot_notice.py"


WRONG = {
    "fewest above most": (("min_workers: 0", "min_workers: 9"), "min_workers: 9", f"{SPOT}.min_workers: found 9, abov"),
    "fewer than none": (("min_workers: 0", "min_workers: -1"), "min_workers: -1", f"{SPOT}.min_workers: found -1; "),
    "most below none": (("max_workers: 2", "max_workers: -2"), "max_workers: -2", "gpu_on_demand.max_workers: found -"),
    "most above all": (("max_workers: 2", "max_workers: 11"), "max_workers: 11", "found 11, above max_workers of the"),
    "sum above all": (("max_workers: 10", "max_workers: 9"), "max_workers: 9", "max_workers: found 9; allowed: at lea"),
    "provider's key": (("use_internal_ips", "use_internal_ip"), "use_internal_ip:", "did you mean use_internal_ips?"),
    "region": (("  region: us-west-2", "  #"), "provider:", "provider.region: missing"),
    "another cloud": (("type: aws", "type: gcp"), "type: gcp", "provider.type: found 'gcp'; allowed: aws"),
    "node's key": (("InstanceType: m7i", "InstancType: m7i"), "InstancType", "did you mean InstanceType?"),
    "no instance": (("InstanceType: m7i.xlarge", "KeyName: mine"), "node_config: &node", "InstanceType: missing"),
    "deep key": (("HttpTokens", "HttpToken"), "HttpToken:", "MetadataOptions.HttpToken: found an unknown key, did you"),
    "key in a list": (("VolumeSize", "VolumSize"), "VolumSize", "BlockDeviceMappings.0.Ebs.VolumSize: found an unknow"),
    "instance": (("g6.2xlarge", "g6.2xlarg"), "g6.2xlarg", "InstanceType: found 'g6.2xlarg', did you mean g6.2xlarge?"),
    "market": (("MarketType: spot", "MarketType: sport"), "sport", "found 'sport', did you mean spot?; allowed: spot,"),
    "text for a number": (("VolumeSize: 150", "VolumeSize: '150'"), "'150'", "VolumeSize: found '150'; allowed: a who"),
    "a number for text": (("VolumeType: gp3", "VolumeType: 3"), "VolumeType: 3", "VolumeType: found 3; allowed: text"),
    "no list": (("[sg-0123456789abcdef0]", "sg-1"), "SecurityGroupIds: sg-1", "found 'sg-1'; allowed: a list"),
    "no mapping": (("{Name: genai-head}", "genai-head"), "genai-head", "found 'genai-head'; allowed: a mapping of Arn"),
    "no subnets": (("[subnet-0123456789abcdef0]", "subnet-1"), "subnet-1", "SubnetIds: found 'subnet-1'; allowed: a l"),
    "no group": (("      SecurityGroupIds", "      # "), "node_config: &node", "opens port 22 to 0.0.0.0/0"),
    "no autoscaling": ((" --autoscaling-config=~/ray_bootstrap_config.yaml", ""), "ray start --head", "without --auto"),
    "no head": (("ray start --address", "ray start --block"), "ray start --block", "without --address; allowed: with"),
    "no start": (("ray start --address=$RAY_HEAD_IP:6379", "true"), "worker_start_ray", "found no `ray start`; allowe"),
    "dashboard": (("host=127.0.0.1", "host=0.0.0.0"), "ulimit -n 65536; ray start --head", "found the dashboard on ev"),
    "busy head": (("{CPU: 0}", "{CPU: 4}"), "CPU: 4", "available_node_types.head.resources.CPU: found 4; allowed: 0"),
    "head by default": (("{CPU: 0}", "{}"), "resources: {}", "available_node_types.head.resources.CPU: missing"),
    "GPU head": (("m7i.xlarge", "g5.xlarge"), "resources: {CPU: 0}", "head.resources.GPU: found 1; allowed: 0 on the"),
    "more GPUs": (("GPU: 1}", "GPU: 4}"), "GPU: 4}", f"{SPOT}.resources.GPU: found 4; allowed: at most 1, which is wh"),
    "another Ray": (("2.60.0-py311-gpu", "2.59.0-py311-gpu"), "2.59.0", "docker.worker_image: found rayproject/ray:2."),
    "another Python": (("py311-cpu", "py312-cpu"), "py312", "allowed: a tag that begins with 2.60.0-py311, the Ray"),
    "no Python": (("2.60.0-py311-gpu", "2.60.0"), "worker_image", "found rayproject/ray:2.60.0; allowed: a tag that b"),
    "newest": (("2.60.0-py311-gpu", "latest"), "worker_image", "found rayproject/ray:latest; allowed: a tag that begi"),
    "no tag": ((":2.60.0-py311-gpu", ""), "worker_image", "found rayproject/ray; allowed: a tag that begins"),
    "pip's Ray": (("- pip install", "- pip install 'ray[data]==2.9.0'"), "ray[data]", "found ray[data]==2.9.0; allowe"),
    "any Ray": (("- pip install --quiet --constraint genai/constraints.txt", "- pip install -U ray"), "-U ray", "foun"),
    "a wheel": (("- pip install", "- pip install https://x/ray-3.0.0.dev0-cp310-x.whl"), "3.0.0", "found ray-3.0.0.de"),
    "conda": (("- pip install", "- conda install python=3.10; pip install"), "conda", "found Python 3.10; allowed: 3."),
    "image without name": (("  container_name: ray\n", ""), "docker:", "docker.container_name: missing"),
    "no image": (("  head_image: rayproject/ray:2.60.0-py311-cpu\n", ""), "docker:", "docker.image: missing"),
    "head's type": (("head_node_type: head", "head_node_type: haed"), "haed", "found 'haed', did you mean head?; allo"),
    "no head's type": (("head_node_type: head\n", ""), "# A cluster", "head_node_type: missing; allowed: one of avail"),
    "no types": (("available_node_types", "metadata"), "# A cluster", "available_node_types: missing; allowed: a type"),
    "Ray's key": (("upscaling_speed", "upscaling_sped"), "upscaling_sped", "upscaling_sped: found an unknown key, did"),
    "Ray's type": (("cluster_name: genai", "cluster_name: 7"), "cluster_name: 7", "cluster_name: found 7; allowed: te"),
    "Ray's least": (("speed: 1.0", "speed: -1"), "speed: -1", "upscaling_speed: found -1; allowed: at least 0"),
    "Ray's need": (("cluster_name: genai", ""), "# A cluster", "cluster_name: missing; Ray needs it"),
    "Ray's needs in a type": (("    resources: {CPU: 8, GPU: 1}\n", ""), "gpu_spot:", f"{SPOT}.resources: missing; Ra"),
    "proxy by node": (("  ssh_proxy_command", "  #"), "auth:", "auth.ssh_proxy_command: missing; Ray needs it"),
    "a mount of nothing": (("constraints.txt: constraints.txt", "constraints.txt:"), "/genai/constraints.txt:", "foun"),
    "stands twice": (("upscaling_speed: 1.0", "max_workers: 10"), "max_workers: 10", "max_workers: stands twice, firs"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_with_its_place(wrong):
    """The line that was changed (or what is around what is missing), the path, what was found, what is allowed."""
    edit, at, text = WRONG[wrong]
    changed = edited(edit)
    found = faults(changed)
    assert any(text in fault for fault in found), found
    if wrong != "stands twice" and not at.startswith("#"):
        lines = {int(fault.partition(":")[0]) for fault in found if text in fault}
        assert line_of(changed, at) in lines | {line + 1 for line in lines}, found  # a block begins before its text


KEYS = {
    "key id": "setup_commands:\n  - export X=AKIAIOSFODNN7EXAMPLE",
    "secret key": "setup_commands:\n  - export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
    "token": "setup_commands:\n  - hf auth login --token hf_abcdefghijklmnopqrstuvwxyz",
    "URI": "setup_commands:\n  - git clone https://me:ghsecretpassword@github.com/me/mine",
    "private key": "metadata:\n  pem: |\n    -----BEGIN RSA PRIVATE KEY-----\n    MIIEow",
    "named": "metadata: {db_password: hunter22}",
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_in_the_file_is_told_and_not_repeated(kind):
    """Where it stands, and never what it is."""
    whole = re.sub(r"(?m)^setup_commands:.*\n(  .*\n)+", "", TEXT)
    found = faults(f"{whole}\n{KEYS[kind]}\n")
    told = "\n".join(found)
    assert "none in this file" in told
    for secret in ("AKIAIOSF", "wJalr", "hf_abc", "ghsecret", "MIIE", "hunter22"):
        assert secret not in told


def test_credentials_under_provider_are_told():
    """Ray would take them; nobody else should."""
    found = faults(edited(("  type: aws", "  type: aws\n  aws_credentials: {aws_access_key_id: A, x: y}")))
    assert [fault.split("; ")[0].partition(" ")[2] for fault in found] == [
        "provider.aws_credentials: found AWS credentials"
    ]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            "{FromPort: 8265, ToPort: 8265, IpProtocol: tcp, IpRanges: [{CidrIp: 0.0.0.0/0}]}",
            "found port 8265 open to 0",
        ),
        (
            "{FromPort: 1, ToPort: 99, IpProtocol: tcp, Ipv6Ranges: [{CidrIpv6: '::/0'}]}",
            "found ports 1 to 99 open to ::",
        ),
        ("{IpProtocol: '-1', IpRanges: [{CidrIp: 0.0.0.0/0}]}", "found every port open to 0.0.0.0/0"),
        ("{FromPort: 22, ToPort: 22, IpProtcol: tcp}", "IpPermissions.0.IpProtcol: found an unknown key"),
    ],
)
def test_a_port_that_is_open_to_everybody_is_told(rule, told):
    """As is a rule that EC2 would not understand."""
    found = faults(edited(("  type: aws", f"  type: aws\n  security_group: {{IpPermissions: [{rule}]}}")))
    assert len(found) == 1
    assert told in found[0]


def test_a_port_for_some_is_nobodys_business():
    """An office's addresses, say."""
    rule = "{FromPort: 22, ToPort: 22, IpProtocol: tcp, IpRanges: [{CidrIp: 10.0.0.0/8}]}"
    assert faults(edited(("  type: aws", f"  type: aws\n  security_group: {{IpPermissions: [{rule}]}}"))) == []


def test_what_types_share_is_told_of_once():
    """A typo below an anchor, at the place where it stands."""
    found = faults(edited(("HttpTokens", "HttpToken")))
    assert [fault.split(": ")[1] for fault in found] == [
        "available_node_types.head.node_config.MetadataOptions.HttpToken"
    ]


def test_all_faults_come_at_once_in_the_order_of_the_file():
    """Six of six kinds."""
    edits = [
        WRONG[name][0]
        for name in ("provider's key", "another Ray", "busy head", "deep key", "market", "no autoscaling")
    ]
    lines = [int(fault.partition(":")[0]) for fault in faults(edited(*edits))]
    assert len(lines) >= 6
    assert lines == sorted(lines)


def test_what_ray_fills_in_is_checked_too():
    """Its default start opens the dashboard, and its default set-up a nightly build of Ray for another Python."""
    text = re.sub(r"(?ms)^head_start_ray_commands:.*?\n(?=\S)", "", TEXT)
    text = re.sub(r"(?ms)^setup_commands:.*?\n(?=\S)", "", text)
    told = "\n".join(faults(text))
    assert "head_start_ray_commands.1: found the dashboard on every address (Ray's default)" in told
    assert "setup_commands.1: found ray-3.0.0.dev0-cp310" in told


def test_versions_are_those_of_this_machine():
    """Another Ray here is another one there."""
    found = faults(TEXT, Versions("2.61.0", "3.12"))
    assert [fault.partition(" ")[2] for fault in found] == [
        f"docker.{kind}_image: found rayproject/ray:2.60.0-py311-{what}; "
        "allowed: a tag that begins with 2.61.0-py312, the Ray and the Python of this machine"
        for kind, what in (("head", "cpu"), ("worker", "gpu"))
    ]


@pytest.mark.parametrize(
    "text", ["", "- 1", "a: [", "a: !!python/name:os.system x", "a: 2020-13-45", "a: =", "a: \x00"]
)
def test_what_is_no_mapping_is_one_fault(text):
    """With a line, and without a traceback."""
    with pytest.raises(SpecError, match=r"^cluster.yaml:1:\d+: "):
        clusters.read("cluster.yaml", text)


def paths(values, path=()):
    """Of all values below one."""
    inner = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from paths(value, (*path, key))


VALUES = yaml.safe_load(TEXT)
PATHS = sorted(paths(VALUES), key=str)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 200), st.floats(), st.text(max_size=8), st.just([]), st.just({}),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text("ab", min_size=1), st.integers(), max_size=2),
)  # fmt: skip


def edit(values, path, how, value):
    """Set, drop or rename one value, where an earlier edit has left it."""
    *before, last = path
    with suppress(LookupError, TypeError, AttributeError):
        for part in before:
            values = values[part]
        if isinstance(values, dict):
            old = values.pop(last)
            if how == "rename":
                values[f"{last}s"] = old
            elif how == "set":
                values[last] = value


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(["set", "drop", "rename"]), ANYTHING), max_size=3))
def test_what_ray_refuses_is_refused_here(edits):
    """Whatever was changed, dropped or renamed in the file; and nothing makes this check fail."""
    values = deepcopy(VALUES)
    for path, how, value in edits:
        edit(values, path, how, value)
    text = yaml.dump(values, allow_unicode=True, Dumper=yaml.CDumper)
    found = faults(text)
    refused = refused_by_ray(yaml.load(text, yaml.CSafeLoader))
    assert found or refused is None, refused


def test_instances_are_what_aws_says():
    """Every name that the table knows, and every name that the rule reads, by the list that moto keeps of EC2's own."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    known = {name: about for name, about in INSTANCE_TYPES.items() if re.match(r"(?!g5g)(g|p|[mcr][5-9])", name)}
    for name, about in known.items():
        gpus = sum(gpu["Count"] for gpu in about.get("GpuInfo", {}).get("Gpus", []))
        assert has(name).gpu in (gpus, None), name
        assert has(name).cpu in (about["VCpuInfo"]["DefaultVCpus"], None), name
    named = {f"{family}.{size}" for family, sizes in GPUS.items() for size in sizes}
    assert len(named & set(known)) > 30


def cluster():
    return clusters.read("cluster.yaml", TEXT)


def test_what_workers_there_would_be():
    """By type, with what Ray counts on each."""
    spot, on_demand = offers(cluster())
    assert (spot.most, spot.cpu, spot.gpu, spot.spot) == (8, 8, 1, True)
    assert (on_demand.most, on_demand.spot) == (2, False)


@pytest.mark.parametrize(
    ("settings", "path", "room"),
    [
        (["generate.workers={min: 10, gpu: 1}"], None, None),
        (["generate.workers={min: 11, gpu: 1}"], "generate.workers", 10),
        (["generate.workers={min: 20, gpu: 0.5}"], None, None),
        (["generate.workers={min: 1, cpu: 16}"], "generate.workers", 0),
        (["generate.workers={min: 1, gpu: 2}"], "generate.workers", 0),
        (["generate.workers={min: 80}"], None, None),
        (["generate.workers={min: 81}"], "generate.workers", 80),
        (["train.workers={count: 8, gpu: 2}", "train.micro_batches=8"], "train.workers", 0),
    ],
)
def test_a_job_that_asks_for_too_much_is_told_so(settings, path, room):
    """How much there would be, by machines that hold whole workers."""
    found = list(lacks(cluster(), job(*settings)))
    assert [".".join(each.path) for each in found] == ([path] if path else [])
    assert all(f"allowed: at most {room}, " in each.text for each in found)


def test_the_command_says_that_it_is_in_order(capsys, monkeypatch):
    """In one line, or as JSON; with a job, too."""
    monkeypatch.setattr(Versions, "here", classmethod(lambda _: OURS))
    monkeypatch.chdir(ROOT)
    genai("cluster", "check")
    assert re.fullmatch(
        r"cluster\.yaml: in order; gpu_spot: 0 to 8 of g6\.2xlarge on spot .*\n", capsys.readouterr().out
    )
    genai("cluster", "check", "cluster.yaml", "--job", "examples/demo.yaml", "--json")
    told = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told["workers"]] == ["gpu_spot", "gpu_on_demand"]
    assert told["max_workers"] == 10


def test_the_command_tells_of_faults_and_of_a_job_that_is_too_large(tmp_path, monkeypatch):
    """Exit code 2 is the error's own."""
    monkeypatch.setattr(Versions, "here", classmethod(lambda _: OURS))
    wrong, large = tmp_path / "cluster.yaml", tmp_path / "job.yaml"
    wrong.write_text(edited(WRONG["market"][0]))
    with pytest.raises(SpecError, match="did you mean spot") as told:
        genai("cluster", "check", str(wrong))
    assert told.value.exit_code == 2
    large.write_text(
        'name: a\noutput: s3://b/c\ndata: {source: "sklearn://digits"}\ngenerate: {workers: {min: 99, gpu: 1}}\n'
    )
    with pytest.raises(
        SpecError, match=r"job\.yaml:4:12: generate\.workers: found 99 workers of 1 CPU and 1 GPU; allowed"
    ):
        genai("cluster", "check", str(ROOT / "cluster.yaml"), "--job", str(large))
    with pytest.raises(InputError, match="cannot be read: No such file"):
        genai("cluster", "check", str(tmp_path / "nothing.yaml"))


def test_the_pages_commands_run(capsys, monkeypatch):
    """Those of docs/cluster.md that need no cloud."""
    monkeypatch.setattr(Versions, "here", classmethod(lambda _: OURS))
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/cluster.md").read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 2
    for line in lines:
        genai(*shlex.split(line)[1:])
        assert ": in order; " in capsys.readouterr().out
