"""What is done on the nodes of a kind cluster: the words of shell for it, and the deeds that they make.

The runtime is spoken to as the kubelet does, by CRI: a container that goes by another way is one that the runtime still
tells the kubelet of. A call has one field, an id of 64 letters, so its few bytes are written by hand.
"""

from __future__ import annotations

from shlex import quote

from ansible_collections.podpatterns.core.plugins.module_utils._lifecycle.facts import PodFacts
from conformance.deeds import OnNode

# What a node that boots can do once it has booted.
BOOTED = "soon listens"
STATIC_PODS = "/etc/kubernetes/manifests"

WORDS = r"""
set -e
sandboxes() {
  ctr -n k8s.io containers list -q \
    "labels.\"io.kubernetes.pod.uid\"==$POD_UID,labels.\"io.cri-containerd.kind\"==sandbox" 2> /dev/null
}
container() { for one in $CONTAINERS; do [ "${one%%=*}" != "$1" ] || echo "${one#*=}"; done; }
cri() {
  printf '\000\000\000\000\102\012\100%s' "$2" |
    curl -sS --http2-prior-knowledge --unix-socket /run/containerd/containerd.sock \
      -H 'content-type: application/grpc' -H 'te: trailers' --data-binary @- -o /dev/null -D - \
      "http://localhost/runtime.v1.RuntimeService/$1" | grep -q 'grpc-status: 0'
}
listens() { curl -sko /dev/null https://127.0.0.1:10250/healthz; }
board=/var/lib/kubelet/pods/$POD_UID/volumes/kubernetes.io~empty-dir/board
server() { pgrep -o -x kube-apiserver; }
soon() { n=0; until "$@"; do n=$((n + 1)); [ "$n" -lt "$TRIES" ] || return 1; sleep 0.2; done; }
say() { read -r now _ < /proc/uptime; echo "@ $now $*"; }
""".strip()


def script(pod: PodFacts, patience: int, command: str) -> str:
    """The command with its words, for the node of this Pod. patience: seconds to wait for what must come."""
    ids = (f"{one.name}={one.container_id.rpartition('/')[2]}" for one in pod.containers if one.container_id)
    given = {
        "NAMESPACE": pod.namespace,
        "POD_UID": pod.uid,
        "CONTAINERS": " ".join(ids),
        "TRIES": str(patience * 5),
    }
    return "\n".join([*(f"{name}={quote(text)}" for name, text in given.items()), WORDS, command])


def stop_sandbox(pod: str) -> OnNode:
    """Take a Pod's sandbox away, as a reboot would: with it go its network and all its containers."""
    return OnNode(
        f"stop the sandbox of {pod}", pod, 'for one in $(sandboxes); do cri StopPodSandbox "$one"; done'
    )


def remove_container(pod: str, container: str) -> OnNode:
    """Remove a container that has ended, as somebody does who cleans up."""
    return OnNode(f"remove {container} of {pod}", pod, f'cri RemoveContainer "$(container {container})"')


def restart_kubelet(pod: str) -> OnNode:
    """Restart the kubelet of the Pod's node."""
    return OnNode(f"restart the kubelet of {pod}", pod, "systemctl restart kubelet; soon listens")


def stop_kubelet(pod: str) -> OnNode:
    """Stop the kubelet of the Pod's node; it is started again at the end, whatever comes between."""
    return OnNode(f"stop the kubelet of {pod}", pod, "systemctl stop kubelet", undo="systemctl start kubelet")


def start_kubelet(pod: str) -> OnNode:
    """Start the kubelet of the Pod's node."""
    return OnNode(f"start the kubelet of {pod}", pod, "systemctl start kubelet; soon listens")


def without_server(pod: str, go: str, until: str, note: str) -> OnNode:
    """Freeze the API server, give the Pod a mark to go on, and thaw the server when the Pod has arrived at another one.

    It is thawed before long in any case, or its own probes would end it.
    """
    return OnNode(
        f"freeze the API server while {pod} goes on",
        pod,
        f"""
        frozen=$(server)
        trap 'kill -CONT "$frozen"; say thawed' EXIT
        kill -STOP "$frozen"; say frozen
        : > "$board/{go}"
        TRIES=200
        if soon [ -e "$board/{until}" ]; then say arrived; fi
        """,
        note,
        undo='kill -CONT "$(server)"',
    )
