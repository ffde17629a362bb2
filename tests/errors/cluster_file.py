"""What can be wrong with a cluster.yaml."""

from __future__ import annotations

from pathlib import Path

from tests.errors.provoked import HEAD, Scene, provokes

CLUSTER = "The cluster file"
OURS = Path(__file__).parents[2] / "cluster.yaml"


def edited(scene: Scene, *pairs: tuple[str, str]) -> None:
    """A cluster.yaml that is ours but for some lines."""
    text = OURS.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    scene.write("cluster.yaml", text)


@provokes(CLUSTER, "A cluster file that is not there")
def cluster_missing(scene: Scene) -> None:
    scene.genai("cluster", "check", "clsuter.yaml")


@provokes(CLUSTER, "A cluster file that PyYAML does not read", "`genai cluster check` with `=` as a value")
def cluster_unread(scene: Scene) -> None:
    scene.write("cluster.yaml", "cluster_name: =\n")
    scene.genai("cluster", "check")


@provokes(CLUSTER, "A cluster file that says next to nothing", "`genai cluster check`, `provider: {type: aws}` alone")
def cluster_bare(scene: Scene) -> None:
    scene.write("cluster.yaml", "provider: {type: aws}\ndocker: {image: mine}\nhead_start_ray_commands: []\n")
    scene.genai("cluster", "check")


@provokes(CLUSTER, "Faults that `ray up` would tell of", "`genai cluster check` with several faults")
def cluster_refused(scene: Scene) -> None:
    edited(
        scene,
        ("cluster_name: genai", "cluster_name: 7"),
        ("upscaling_speed: 1.0", "upscaling_speed: -1"),
        ("idle_timeout_minutes", "idle_timeout"),
        ("use_internal_ips: true", "gcp_credentials: {type: none}"),
        ("  container_name: ray\n  head_image: rayproject/ray:2.60.0-py311-cpu\n", "  container_name: ray\n"),
        ("head_node_type: head", "head_node_type: haed"),
        ("constraints.txt: constraints.txt", "constraints.txt: [constraints.txt]"),
        ("resources: {CPU: 8, GPU: 1}", "resources: {CPU: 8, GPU: a}"),
    )
    scene.genai("cluster", "check")


@provokes(CLUSTER, "No type of machine for the head", "`genai cluster check` without `head_node_type`")
def cluster_headless(scene: Scene) -> None:
    edited(scene, ("head_node_type: head\n", ""))
    scene.genai("cluster", "check")


@provokes(CLUSTER, "Another cloud", "`genai cluster check` with `type: gcp`")
def cluster_cloud(scene: Scene) -> None:
    edited(scene, ("type: aws", "type: gcp"))
    scene.genai("cluster", "check")


@provokes(CLUSTER, "Faults that `ray up` would let through", "`genai cluster check` with many faults")
def cluster_let_through(scene: Scene) -> None:
    rule = "{FromPort: 8265, ToPort: 8265, IpProtocol: tcp, IpRanges: [{CidrIp: 0.0.0.0/0}]}"
    edited(
        scene,
        ("max_workers: 10", "max_workers: 7"),
        ("use_internal_ips", f"security_group: {{IpPermissions: [{rule}]}}\n  use_internal_ip"),
        ("ray:2.60.0-py311-gpu", "ray:latest"),
        ("{CPU: 0}", "{CPU: 4, GPU: 1}"),
        ("InstanceType: m7i.xlarge", "InstancType: m7i.xlarge"),
        ("[subnet-0123456789abcdef0]", "subnet-0123456789abcdef0"),
        ("SecurityGroupIds: [sg-0123456789abcdef0]", "SecurityGroupIds: []"),
        ("{Name: genai-head}", "genai-head"),
        ("MarketType: spot", "MarketType: sport"),
        ("VolumeSize: 150", "VolumeSize: '150'"),
        ("        - DeviceName: /dev/sda1\n          Ebs:", "          DeviceName: /dev/sda1\n          Ebs:"),
        ("resources: {CPU: 8, GPU: 1}", "resources: {CPU: 8, GPU: 4}"),
        ("min_workers: 0\n    max_workers: 2", "min_workers: 3\n    max_workers: 2"),
        ("- pip install --quiet", "- pip install ray==2.9.0 --quiet"),
        (" --autoscaling-config=~/ray_bootstrap_config.yaml", ""),
        ("dashboard-host=127.0.0.1", "dashboard-host=0.0.0.0"),
    )
    scene.genai("cluster", "check")


@provokes(CLUSTER, "Numbers that are none", "`genai cluster check` with `min_workers: -1` and `max_workers: -2`")
def cluster_negative(scene: Scene) -> None:
    edited(scene, ("min_workers: 0", "min_workers: -1"), ("max_workers: 2", "max_workers: -2"))
    scene.genai("cluster", "check")


@provokes(CLUSTER, "Another Python, and builds of Ray", "`genai cluster check` with set-up commands of its own")
def cluster_python(scene: Scene) -> None:
    wheel = "conda install python=3.10; pip install https://wheels/ray-3.0.0.dev0-cp310-linux.whl"
    edited(scene, ("- pip install --quiet --constraint", f"- {wheel} --quiet --constraint"))
    scene.genai("cluster", "check")


@provokes(CLUSTER, "Keys in the file", "`genai cluster check` with `aws_credentials` and a token")
def cluster_keys(scene: Scene) -> None:
    edited(
        scene,
        ("  type: aws", "  type: aws\n  aws_credentials: {aws_access_key_id: mine}"),
        ("ray stop", "export HF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz"),
    )
    scene.genai("cluster", "check")


@provokes(CLUSTER, "A job that the cluster cannot hold", "`genai cluster check --job job.yaml` with 99 workers")
def cluster_small(scene: Scene) -> None:
    edited(scene)
    scene.write("job.yaml", HEAD + "generate: {workers: {min: 99, gpu: 1}}\n")
    scene.genai("cluster", "check", "--job", "job.yaml")
