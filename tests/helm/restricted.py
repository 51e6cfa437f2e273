"""Kubernetes' Pod Security Standard `restricted`: what of a pod is against it.

https://kubernetes.io/docs/concepts/security/pod-security-standards/, baseline and restricted, as of Kubernetes 1.37.
"""

from collections.abc import Iterator
from typing import Any, Final

VOLUMES: Final = frozenset(
    "configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret".split()
)
SECCOMP: Final = frozenset({"RuntimeDefault", "Localhost"})
SELINUX: Final = frozenset({None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
SYSCTLS: Final = frozenset(
    "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.ip_unprivileged_port_start net.ipv4.tcp_syncookies "
    "net.ipv4.ping_group_range net.ipv4.ip_local_reserved_ports net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout "
    "net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes net.ipv4.tcp_rmem net.ipv4.tcp_wmem".split()
)

Spec = dict[str, Any]


def against_restricted(spec: Spec) -> list[str]:
    """One sentence for each thing in a pod's spec that `restricted` does not allow."""
    return [*_of_pod(spec), *(found for it in _containers(spec) for found in _of_container(it, spec))]


def _containers(spec: Spec) -> Iterator[Spec]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(kind, ())


def _of_pod(spec: Spec) -> Iterator[str]:
    yield from (f"{name} is on" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name))
    for volume in spec.get("volumes", ()):
        kinds = set(volume) - {"name"}
        if not kinds <= VOLUMES:
            yield f"the volume {volume['name']} is {', '.join(sorted(kinds - VOLUMES))}"
    context = spec.get("securityContext", {})
    for sysctl in context.get("sysctls", ()):
        if sysctl["name"] not in SYSCTLS:
            yield f"the sysctl {sysctl['name']}"
    yield from _of_context("the pod", context)


def _of_container(container: Spec, spec: Spec) -> Iterator[str]:
    name = container["name"]
    own, pods = container.get("securityContext", {}), spec.get("securityContext", {})
    yield from _of_context(name, own)
    if own.get("privileged"):
        yield f"{name} is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may escalate privileges"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()):
        yield f"{name} does not drop all capabilities"
    if not set(capabilities.get("add", ())) <= {"NET_BIND_SERVICE"}:
        yield f"{name} adds capabilities"
    if own.get("procMount", "Default") != "Default":
        yield f"{name} has another /proc"
    if own.get("runAsNonRoot", pods.get("runAsNonRoot")) is not True:
        yield f"{name} may be root"
    if own.get("seccompProfile", pods.get("seccompProfile", {})).get("type") not in SECCOMP:
        yield f"{name} has no seccomp profile"
    yield from (
        f"{name} has the host port {port['hostPort']}" for port in container.get("ports", ()) if port.get("hostPort")
    )
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(kind, {}).get("httpGet", {}).get("host"):
            yield f"{name} probes another host"


def _of_context(name: str, context: Spec) -> Iterator[str]:
    if context.get("runAsUser") == 0:
        yield f"{name} is root"
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield f"{name} is a host process"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in SECCOMP:
        yield f"{name} has no AppArmor"
    labels = context.get("seLinuxOptions", {})
    if labels.get("type") not in SELINUX or labels.get("user") or labels.get("role"):
        yield f"{name} chooses its SELinux label"
