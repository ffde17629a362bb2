"""What Ray knows of its machines beyond those that are there: which are drained, and whether more may come.

Both are in Ray's private state alone, where its own libraries and its dashboard read them.
"""

from __future__ import annotations

import json

import ray
from ray.experimental.internal_kv import _internal_kv_get

from jobs.rayjobs import added

_STATUS = b"__autoscaling_status"


def leaving() -> frozenset[str]:
    """Ids of the nodes that are drained now: taken away with notice, or idle and not wanted any more. What runs there
    may finish; nothing more is placed there.
    """
    return frozenset(ray._private.state.state.get_draining_nodes())  # noqa: SLF001  # no public way


def grows() -> bool:
    """Whether an autoscaler may add machines."""
    from ray.autoscaler.v2.utils import is_autoscaler_v2

    if is_autoscaler_v2():  # Kubernetes
        from ray.autoscaler.v2.sdk import get_cluster_status

        status = get_cluster_status(ray.get_runtime_context().gcs_address)
        kinds = [node.ray_node_type_name for node in [*status.active_nodes, *status.idle_nodes]]
    else:
        status = json.loads(_internal_kv_get(_STATUS) or b"{}")
        kinds = list(((status.get("autoscaler_report") or {}).get("node_type_mapping") or {}).values())
    return added(kinds)
