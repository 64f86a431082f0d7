//! Checks of what is around the files: folders, host folder, port, GPUs, conda.
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, TcpListener},
    path::Path,
    time::Duration,
};

use gpuyard_core::model::{Bytes, Health, Lang, Settings};
use gpuyard_exec::{clock, host::HostFolder, place::Place};
use gpuyard_gpu::GpuReader;
use gpuyard_store::{Root, StoreError, adhoc::Tasks, network};
use rustix::fs::Access;

use super::{Findings, files::Files, lone};
use crate::{client::Daemon, failure::Failure, wiring};

/// A driver that takes longer is taken for hung.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tasks of one kind that are named before the rest is left out.
const NAMED: usize = 3;

/// The root's folders: ours to write, and on which file system.
pub(super) fn folders(root: &Root, lang: Lang, findings: &mut Findings) {
    for folder in [
        root.path().to_owned(),
        root.config_dir(),
        root.command_dir(),
        root.logs(),
    ] {
        if folder.exists() && rustix::fs::access(&folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err()
        {
            let user = gpuyard_exec::identity::owner().name;
            findings.wrong(
                "permissions",
                folder.display(),
                say!(lang, "{user} may not write here", "{user} 没有写权限"),
                say!(
                    lang,
                    "give it to {user}, or run gpuyard as its owner",
                    "将其交给 {user}，或以其所有者身份运行 gpuyard"
                ),
            );
        }
    }
    if let Some(kind) = network::file_system(root.path()) {
        findings.fine(
            "root",
            root.path().display(),
            say!(
                lang,
                "lies on {kind}: files are looked at by polling, and other machines' runs are shown only",
                "位于 {kind}：文件变化通过轮询发现，其他机器的运行仅供查看"
            ),
        );
    }
}

/// Where ad-hoc tasks are kept.
pub(super) fn database(root: &Root, settings: &Settings, lang: Lang, findings: &mut Findings) {
    let path = Tasks::path(root, settings);
    match Tasks::check_place(root, settings) {
        Ok(()) => findings.fine(
            "database",
            path.display(),
            lang.pick("ad-hoc tasks can be kept here", "可在此保存临时任务"),
        ),
        Err(StoreError::DatabaseOnNetwork { kind, .. }) => findings.wrong(
            "database",
            path.display(),
            say!(
                lang,
                "ad-hoc tasks cannot be kept here: it lies on {kind}, where other machines can damage it",
                "不能在此保存临时任务：它位于网络文件系统（{kind}）上，可能被其他机器损坏"
            ),
            lang.pick(
                "set `data-dir` in config/control_setting.yaml to a folder on a local disk",
                "请在 config/control_setting.yaml 中将 `data-dir` 设为本地磁盘上的目录",
            ),
        ),
        Err(error) => findings.wrong("database", path.display(), error, ""),
    }
}

/// The host folder.
pub(super) fn host(host: &HostFolder, lang: Lang, findings: &mut Findings) {
    let place = host.path().display().to_string();
    match host.warning() {
        Some(warning) => findings.odd(
            "host",
            &place,
            warning,
            lang.pick(
                "let root make /run/lock/gpuyard with mode 1777",
                "请 root 创建模式为 1777 的 /run/lock/gpuyard",
            ),
        ),
        None => findings.fine("host", &place, lang.pick("leases can be kept here", "可存放租约")),
    }
    if let Err(error) = host.leases() {
        findings.wrong(
            "host",
            &place,
            error,
            lang.pick("remove what does not belong there", "移除不属于该目录的内容"),
        );
    }
}

/// The daemon, or the port that it would take.
pub(super) fn port(root: &Root, host: &HostFolder, settings: &Settings, lang: Lang, findings: &mut Findings) {
    match Place::holder(host, root.path(), Daemon::PLACE) {
        Ok(Some(holder)) => {
            let url = Daemon::address(root, &holder.process).unwrap_or_default();
            findings.fine(
                "daemon",
                url,
                say!(
                    lang,
                    "it runs (pid {pid})",
                    "正在运行（pid {pid}）",
                    pid = holder.process.pid
                ),
            );
            return;
        }
        Ok(None) => {}
        Err(error) => findings.wrong("daemon", "", error, ""),
    }
    let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let ip = if settings.allow_lan {
        settings.bind_address.parse().unwrap_or(all)
    } else {
        Ipv4Addr::LOCALHOST.into()
    };
    let port = settings.port;
    match TcpListener::bind((ip, port)) {
        Ok(_) => findings.fine("port", format!("port {port}"), lang.pick("is free", "空闲")),
        Err(error) => findings.odd(
            "port",
            format!("port {port}"),
            say!(lang, "cannot be had on {ip}: {error}", "在 {ip} 上不可用：{error}"),
            lang.pick(
                "the daemon takes the next free port and says which; to have a fixed one, set `port`",
                "守护进程会使用下一个空闲端口并告知；如需固定端口请设置 `port`",
            ),
        ),
    }
}

/// The GPUs, and whether every task could ever run on them.
pub(super) fn gpus(host: &HostFolder, files: &Files, lang: Lang, findings: &mut Findings) {
    let read = wiring::source(&files.settings, host).and_then(|source| {
        GpuReader::spawn(source)
            .read(clock::now(), PATIENCE)
            .map_err(Failure::failed)
    });
    let snapshot = match read {
        Ok(snapshot) => snapshot,
        Err(failure) => {
            let mend = lang.pick(
                "install the NVIDIA driver, or set gpu-source (simulated:4x24GiB serves for trying out)",
                "安装 NVIDIA 驱动，或设置 gpu-source（可用 simulated:4x24GiB 试用）",
            );
            return findings.wrong("gpus", "", failure.message, mend);
        }
    };
    if snapshot.gpus.is_empty() {
        findings.odd(
            "gpus",
            "",
            lang.pick("no GPU was found", "没有发现显卡"),
            lang.pick(
                "is the driver installed? does `nvidia-smi` list them?",
                "驱动是否已安装？`nvidia-smi` 能列出显卡吗？",
            ),
        );
        return;
    }
    let count = snapshot.gpus.len();
    findings.fine("gpus", &snapshot.source, say!(lang, "{count} GPUs", "{count} 张显卡"));
    for gpu in &snapshot.gpus {
        if let Health::Lost { message } | Health::Unreadable { message } = &gpu.health {
            findings.odd(
                "gpus",
                format!("GPU {}", gpu.index),
                message,
                lang.pick(
                    "nothing is placed on it; see `dmesg | grep Xid`",
                    "不会在其上运行任务；请查看 `dmesg | grep Xid`",
                ),
            );
        }
    }
    let rules = &files.rules;
    let there = |index: &u32| snapshot.gpus.iter().any(|gpu| gpu.index == *index);
    let (compete, prefer) = (
        rules.compete_gpus.iter().filter(|_| !rules.use_all_gpus),
        rules.prefer_gpus.iter(),
    );
    let named = compete
        .map(|index| ("compete_gpus", index))
        .chain(prefer.map(|index| ("prefer_gpus", index)));
    for (key, index) in named.filter(|(_, index)| !there(index)) {
        findings.odd(
            "rules",
            &files.rules_place,
            say!(
                lang,
                "{key} names GPU {index}, and there is none",
                "{key} 中的 GPU {index} 不存在"
            ),
            say!(lang, "take it out of {key}", "从 {key} 中移除"),
        );
    }
    let competed = |index: u32| rules.use_all_gpus || rules.compete_gpus.contains(&index);
    let totals: Vec<Bytes> = snapshot
        .gpus
        .iter()
        .filter(|gpu| competed(gpu.index))
        .filter_map(|gpu| gpu.memory.map(|memory| memory.total))
        .collect();
    if totals.len() < snapshot.gpus.iter().filter(|gpu| competed(gpu.index)).count() {
        // What cannot be read may have any size.
        return;
    }
    let too_big = files.tasks.iter().filter(|task| {
        let ask = Bytes::from_gib(task.block.memory_gb + rules.memory_headroom);
        (totals.iter().filter(|total| **total >= ask).count() as u64) < u64::from(task.block.gpu_count)
    });
    for task in too_big.take(NAMED) {
        let (gpus, gib) = (task.block.gpu_count, task.block.memory_gb);
        findings.odd(
            "commands",
            &task.place,
            say!(
                lang,
                "asks for {gpus} GPU(s) with {gib} GiB each, which this machine does not have: it will wait for ever",
                "需要 {gpus} 张各 {gib} GiB 的显卡，本机没有：将一直等待"
            ),
            lang.pick(
                "ask for less, or see use_all_gpus, compete_gpus and memory_headroom",
                "降低需求，或检查 use_all_gpus、compete_gpus 和 memory_headroom",
            ),
        );
    }
}

/// Conda, where a command wants it.
pub(super) fn conda(files: &Files, lang: Lang, findings: &mut Findings) {
    let wants = |command: &&String| gpuyard_scheduler::conda::is_wanted(command);
    let commands = || {
        files
            .tasks
            .iter()
            .flat_map(|task| task.block.commands.iter().map(move |command| (&task.place, command)))
    };
    let Some((place, _)) = commands().find(|(_, command)| wants(command)) else {
        return;
    };
    let exe = std::env::var_os("CONDA_EXE");
    let home = std::env::home_dir();
    let script = gpuyard_scheduler::conda::script(
        files.rules.conda_base.as_deref(),
        exe.as_ref().map(Path::new),
        home.as_deref(),
    );
    let Some(script) = script else {
        findings.odd(
            "conda",
            place,
            lang.pick(
                "the command uses conda, and conda.sh was not found",
                "命令使用了 conda，但找不到 conda.sh",
            ),
            lang.pick(
                "set conda_base in the rules to the folder that conda is installed in",
                "在规则中将 conda_base 设为 conda 的安装目录",
            ),
        );
        return;
    };
    findings.fine(
        "conda",
        script.display(),
        lang.pick(
            "is sourced before commands that use conda",
            "会在使用 conda 的命令之前加载",
        ),
    );
    // …/etc/profile.d/conda.sh
    let Some(base) = script.ancestors().nth(3) else { return };
    let folders: Vec<_> = std::iter::once(base.join("envs"))
        .chain(home.map(|home| home.join(".conda/envs")))
        .collect();
    let mut told = BTreeSet::new();
    for (place, command) in commands() {
        let Some(name) = lone::conda_environment(command) else {
            continue;
        };
        let there = name == "base"
            || name.contains('/') && Path::new(name).is_dir()
            || folders.iter().any(|folder| folder.join(name).is_dir());
        if !there && told.insert(name) {
            findings.odd(
                "conda",
                place,
                say!(
                    lang,
                    "there is no conda environment `{name}` in {folder}",
                    "{folder} 中没有 conda 环境 `{name}`",
                    folder = folders[0].display()
                ),
                say!(
                    lang,
                    "conda create -n {name} …, or correct the name",
                    "conda create -n {name} …，或更正名称"
                ),
            );
        }
    }
}
