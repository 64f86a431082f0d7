//! Which container a process is in, by the names of its cgroups (`/proc/PID/cgroup`, v1 and v2).
use gpuyard_core::wire::{Container, ContainerRuntime};

/// The innermost container that the lines of a `cgroup` file name; `None` for a process in none, or where a container of
/// its own hides it (a private cgroup namespace shows `/`).
pub(crate) fn container_of(cgroup: &str) -> Option<Container> {
    // `12:memory,cpu:/docker/ab…` with v1, `0::/system.slice/docker-ab….scope` with v2; both on a hybrid host.
    cgroup.lines().find_map(|line| in_path(line.splitn(3, ':').nth(2)?))
}

fn in_path(path: &str) -> Option<Container> {
    let parts: Vec<&str> = path.split('/').collect();
    // A monitor stands beside the container that it watches, not in it.
    if parts.iter().any(|part| is_monitor(part)) {
        return None;
    }
    if let Some(place) = parts.iter().position(|part| part.contains("kubepods")) {
        let below = &parts[place..];
        let pod = below.iter().find_map(|part| pod_uid(part))?;
        let id = below
            .iter()
            .rev()
            .find_map(|part| Some(named_by_id(part)?.1.to_owned()));
        return Some(Container {
            runtime: ContainerRuntime::Kubernetes,
            id: id.unwrap_or_else(|| pod.clone()),
            pod: Some(pod),
        });
    }
    (0..parts.len()).rev().find_map(|place| {
        let part = parts[place];
        let above = place.checked_sub(1).map_or("", |above| parts[above]);
        let (runtime, id) = match named_by_id(part) {
            Some((prefix, id)) => (runtime(prefix, above)?, id),
            None => (ContainerRuntime::Lxc, lxc_name(part, above)?),
        };
        Some(Container {
            runtime,
            id: id.to_owned(),
            pod: None,
        })
    })
}

fn is_monitor(part: &str) -> bool {
    part.starts_with("lxc.monitor") || part.starts_with("libpod-conmon-") || part.starts_with("crio-conmon-")
}

/// `docker-<64 hex digits>.scope`, or the digits alone: what is before them, and they.
fn named_by_id(part: &str) -> Option<(&str, &str)> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let (prefix, id) = name.rsplit_once('-').unwrap_or(("", name));
    let is_id = id.len() == 64
        && id
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    is_id.then_some((prefix, id))
}

fn runtime(prefix: &str, above: &str) -> Option<ContainerRuntime> {
    Some(match (prefix, above) {
        ("docker", _) | ("", "docker") => ContainerRuntime::Docker,
        ("libpod" | "libpod-payload", _) | ("", "libpod_parent") => ContainerRuntime::Podman,
        ("cri-containerd" | "nerdctl" | "containerd", _) => ContainerRuntime::Containerd,
        // A pod outside of any kubepods: CRI-O's own tests, or a kubelet with an odd root.
        ("crio", _) => ContainerRuntime::Kubernetes,
        // containerd's folders are /NAMESPACE/ID, where no systemd names them.
        ("", above) if !above.is_empty() => ContainerRuntime::Containerd,
        _ => return None,
    })
}

/// `pod<uid>`, or systemd's `kubepods-burstable-pod<uid with _ for ->.slice`.
fn pod_uid(part: &str) -> Option<String> {
    let uid = match part.strip_suffix(".slice") {
        Some(slice) => slice.rsplit_once("-pod")?.1.replace('_', "-"),
        None => part.strip_prefix("pod")?.to_owned(),
    };
    let fits = uid.len() >= 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    fits.then_some(uid)
}

/// `lxc.payload.NAME`, or NAME below `lxc` or `lxc.payload`.
fn lxc_name<'a>(part: &'a str, above: &str) -> Option<&'a str> {
    let name = match above {
        "lxc" | "lxc.payload" => part,
        _ => part.strip_prefix("lxc.payload.")?,
    };
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ID: &str = "3f2a9c0d4e5b6a7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7";
    const POD: &str = "0b6f0c0e-8b1f-4a55-9f3e-2d8e6f1c7a90";

    fn shown(cgroup: &str) -> Option<String> {
        let cgroup = cgroup
            .replace("ID", ID)
            .replace("POD_", &POD.replace('-', "_"))
            .replace("POD", POD);
        let found = container_of(&cgroup)?;
        let runtime = serde_json::to_value(found.runtime).unwrap();
        let id = if found.id == ID { "ID".to_owned() } else { found.id };
        let pod = if found.pod.as_deref() == Some(POD) {
            " in POD"
        } else {
            ""
        };
        Some(format!("{} {id}{pod}", runtime.as_str().unwrap()))
    }

    #[test]
    fn every_kind_is_known_by_its_cgroups_of_both_versions() {
        for (cgroup, wanted) in [
            ("0::/system.slice/docker-ID.scope\n", "docker ID"),
            ("0::/system.slice/docker-ID.scope/init.scope\n", "docker ID"),
            (
                "12:pids:/docker/ID\n11:memory:/docker/ID\n1:name=systemd:/docker/ID\n",
                "docker ID",
            ),
            // Hybrid: systemd's v2 line says nothing, a v1 line does.
            ("0::/\n5:devices:/docker/ID\n", "docker ID"),
            ("0::/../docker-ID.scope\n", "docker ID"),
            ("0::/machine.slice/libpod-ID.scope/container\n", "podman ID"),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope\n",
                "podman ID",
            ),
            ("9:memory:/libpod_parent/libpod-ID\n", "podman ID"),
            ("0::/system.slice/nerdctl-ID.scope\n", "containerd ID"),
            ("4:cpu:/default/ID\n", "containerd ID"),
            (
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podPOD_.slice/cri-containerd-ID.scope\n",
                "kubernetes ID in POD",
            ),
            (
                "0::/kubepods.slice/kubepods-podPOD_.slice/crio-ID.scope/container\n",
                "kubernetes ID in POD",
            ),
            ("8:cpu:/kubepods/besteffort/podPOD/ID\n", "kubernetes ID in POD"),
            ("8:cpu:/docker/ID/kubelet/kubepods/podPOD/ID\n", "kubernetes ID in POD"),
            ("0::/lxc.payload.gpu-box/user.slice\n", "lxc gpu-box"),
            ("6:memory:/lxc/101/ns/system.slice\n", "lxc 101"),
            ("0::/lxc.payload/box\n", "lxc box"),
            ("0::/lxc.payload.box/system.slice/docker-ID.scope\n", "docker ID"),
        ] {
            assert_eq!(shown(cgroup).as_deref(), Some(wanted), "{cgroup}");
        }
    }

    #[test]
    fn what_is_in_none_is_in_none() {
        for cgroup in [
            "",
            "0::/\n",
            "0::/user.slice/user-1000.slice/session-3.scope\n",
            "0::/system.slice/docker.service\n",
            "0::/machine.slice/libpod-conmon-ID.scope\n",
            "0::/lxc.monitor.box\n",
            "0::/gpuyard-ID\n",
            "0::/docker/ab12\n",
            "torn",
            "0::",
        ] {
            assert_eq!(shown(cgroup), None, "{cgroup}");
        }
    }
}
