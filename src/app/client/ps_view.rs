//! What `ps` shows: a line a process, or the tree that they hang in.
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use gpuyard_core::{
    model::Lang,
    wire::{ContainerRuntime, GpuProcessEntry, GpuProcesses, Multiplexer, TaskRef, Way},
};

use crate::output::{
    Screen, format,
    style::Tone,
    table::{Cell, Column, Table, clean},
};

/// Digits of a container's id that people know it by.
const SHORT_ID: usize = 12;

/// The processes that are to be shown.
pub(crate) struct PsView<'a> {
    pub(crate) list: &'a GpuProcesses,
    /// How many more run, and were not asked for.
    pub(crate) passed_over: usize,
    pub(crate) screen: Screen,
}

/// A process in the tree, by pid and start time.
type Key<'a> = (i32, &'a str);

/// A process of the tree.
struct Node<'a> {
    parent: Option<Key<'a>>,
    name: &'a str,
    command: Option<&'a str>,
    username: Option<&'a str>,
    /// It is on a GPU.
    entry: Option<&'a GpuProcessEntry>,
}

impl PsView<'_> {
    /// Prints it for people.
    pub(crate) fn print(&self, out: &mut dyn Write, tree: bool) -> io::Result<()> {
        let (list, lang) = (self.list, self.screen.lang);
        if let Some(message) = &list.message {
            writeln!(out, "{}", self.screen.style.paint(&clean(message), Tone::Warn))?;
        } else if list.processes.is_empty() {
            let text = match (self.passed_over, lang) {
                (0, _) => lang
                    .pick("no GPU process is running", "当前没有 GPU 进程在运行")
                    .to_owned(),
                (1, Lang::En) => "the one GPU process that runs is not what was asked for".to_owned(),
                (n, Lang::En) => format!("none of the {n} GPU processes that run is what was asked for"),
                (n, Lang::Zh) => format!("正在运行的 {n} 个 GPU 进程均不符合所给条件"),
            };
            writeln!(out, "{}", self.screen.style.paint(&text, Tone::Faint))?;
        }
        let mut table = self.table();
        if tree {
            self.tree(&mut table);
        } else {
            for process in &list.processes {
                table.row(self.row(process, String::new()));
            }
        }
        if !table.is_empty() {
            table.print(out, self.screen, 0)?;
        }
        if let Some(message) = &list.hidden.message {
            writeln!(out, "{}", self.screen.style.paint(&clean(message), Tone::Faint))?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let titles: [&str; 10] = match self.screen.lang {
            Lang::En => [
                "GPU", "PID", "USER", "MEMORY", "SM", "CPU", "RSS", "TIME", "FROM", "COMMAND",
            ],
            Lang::Zh => [
                "显卡", "PID", "用户", "显存", "SM", "CPU", "内存", "时长", "来自", "命令",
            ],
        };
        let kinds = [
            Column::Left,
            Column::Right,
            Column::Left,
            Column::Right,
            Column::Right,
            Column::Right,
            Column::Right,
            Column::Right,
            Column::Shrink,
            Column::Shrink,
        ];
        let mut columns = kinds.map(|kind| (kind, ""));
        for (column, title) in columns.iter_mut().zip(titles) {
            column.1 = title;
        }
        Table::new(columns)
    }

    fn row(&self, process: &GpuProcessEntry, branch: String) -> [Cell; 10] {
        let gpus: Vec<u32> = process.gpus.iter().map(|share| share.gpu_index).collect();
        let share =
            |share: Option<gpuyard_core::model::Percent>| format::or_dash(share.map(|s| format!("{:.0}%", s.0)));
        let tone = match process.ending.way {
            Way::NotPermitted | Way::Protected => Tone::Faint,
            Way::Signal | Way::Task => Tone::Plain,
        };
        let command = process.command.as_deref().or(process.name.as_deref()).unwrap_or("?");
        [
            format::indices(&gpus).into(),
            Cell::new(process.pid.to_string(), tone),
            process.username.as_deref().unwrap_or("?").into(),
            format::or_dash(process.gpu_memory).into(),
            share(process.gpu_sm_utilization).into(),
            share(process.cpu_percent).into(),
            format::or_dash(process.host_memory).into(),
            format::or_dash(process.running_time.map(|time| format::duration(time.0))).into(),
            Cell::new(origin(process, self.screen.lang), Tone::Done),
            format!("{branch}{command}").into(),
        ]
    }

    fn tree(&self, table: &mut Table) {
        let nodes = nodes(&self.list.processes);
        let mut children: BTreeMap<Option<Key<'_>>, Vec<Key<'_>>> = BTreeMap::new();
        for (key, node) in &nodes {
            children.entry(node.parent).or_default().push(*key);
        }
        let mut lines = vec![];
        walk(None, "", &children, &mut lines);
        for (key, branch) in lines {
            let node = &nodes[&key];
            match node.entry {
                Some(entry) => table.row(self.row(entry, branch)),
                None => {
                    let blank = || Cell::default();
                    let words = node.command.unwrap_or(node.name);
                    table.row([
                        blank(),
                        Cell::new(key.0.to_string(), Tone::Faint),
                        Cell::new(node.username.unwrap_or("?"), Tone::Faint),
                        blank(),
                        blank(),
                        blank(),
                        blank(),
                        blank(),
                        blank(),
                        Cell::new(format!("{branch}{words}"), Tone::Faint),
                    ]);
                }
            }
        }
    }
}

/// Every process that is shown, and every parent, each once.
fn nodes(processes: &[GpuProcessEntry]) -> BTreeMap<Key<'_>, Node<'_>> {
    let mut nodes: BTreeMap<Key<'_>, Node<'_>> = BTreeMap::new();
    for process in processes {
        let parents: Vec<Key<'_>> = process
            .ancestors
            .iter()
            .map(|parent| (parent.pid, parent.start_time.as_str()))
            .collect();
        let own = Node {
            parent: parents.first().copied(),
            name: process.name.as_deref().unwrap_or("?"),
            command: process.command.as_deref(),
            username: process.username.as_deref(),
            entry: Some(process),
        };
        // A process on a GPU may be another's parent: it is shown as what it is.
        nodes.insert((process.pid, &process.start_time), own);
        for (at, parent) in process.ancestors.iter().enumerate() {
            nodes.entry(parents[at]).or_insert_with(|| Node {
                parent: parents.get(at + 1).copied(),
                name: &parent.name,
                command: parent.command.as_deref(),
                username: parent.username.as_deref(),
                entry: None,
            });
        }
    }
    nodes
}

/// Each process below its parent, with the branches before it.
fn walk<'a>(
    parent: Option<Key<'a>>,
    before: &str,
    children: &BTreeMap<Option<Key<'a>>, Vec<Key<'a>>>,
    lines: &mut Vec<(Key<'a>, String)>,
) {
    let below = children.get(&parent).map_or(&[][..], Vec::as_slice);
    for (at, child) in below.iter().enumerate() {
        let is_last = at + 1 == below.len();
        let (branch, next) = match (parent.is_none(), is_last) {
            (true, _) => ("", ""),
            (false, true) => ("└─ ", "   "),
            (false, false) => ("├─ ", "│  "),
        };
        lines.push((*child, format!("{before}{branch}")));
        walk(Some(*child), &format!("{before}{next}"), children, lines);
    }
}

/// Where a process comes from, in few words: its task, container or terminal.
pub(crate) fn origin(process: &GpuProcessEntry, lang: Lang) -> String {
    let mut parts = Vec::new();
    parts.extend(process.task.as_ref().map(|of| task(of, lang)));
    parts.extend(process.container.as_ref().map(|container| {
        let runtime = match container.runtime {
            ContainerRuntime::Docker => "docker",
            ContainerRuntime::Podman => "podman",
            ContainerRuntime::Containerd => "containerd",
            ContainerRuntime::Kubernetes => "k8s",
            ContainerRuntime::Lxc => "lxc",
        };
        let id: String = container.id.chars().take(SHORT_ID).collect();
        format!("{runtime} {id}")
    }));
    parts.extend(process.terminal.as_ref().map(|terminal| {
        let kind = match terminal.kind {
            Multiplexer::Tmux => "tmux",
            Multiplexer::Screen => "screen",
        };
        match &terminal.session {
            Some(session) => format!("{kind} {session}"),
            None => kind.to_owned(),
        }
    }));
    parts.join(", ")
}

/// `single_0 t-4`, or `task 12` for an ad-hoc one, behind the owner where that is another user.
fn task(task: &TaskRef, lang: Lang) -> String {
    let mut parts = Vec::new();
    parts.extend(task.owner.clone());
    parts.push(match (task.mode, task.config_index) {
        (Some(mode), Some(index)) => format!("{mode}_{index}"),
        _ => lang.pick("task", "任务").to_owned(),
    });
    parts.push(task.task_id.to_string());
    parts.join(" ")
}
