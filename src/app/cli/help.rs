//! Help in both languages. The English stands beside each argument; here is the Chinese, found by the English.
use clap::Command;
use gpuyard_core::model::Lang;

/// What stands at the end of `gpuyard --help`.
const EXIT_CODES_EN: &str = "\
Exit codes:
  0    done; for schedule: every task completed
  1    it did not work; for schedule: a task failed; for check: warnings; for kill: one was not ended
  2    the command line, a file or the rules cannot be used; for check: errors
  3    another scheduler or daemon holds the place
  4    there is no such run, task or log, or nothing runs
  130  stopped
  wait, attach: the task's own exit code, 128 + n if signal n killed it, 130 if it was cancelled
  logs --exit-code: the task's own exit code, or 128 + n if signal n killed it

Environment:
  GPUYARD_ROOT, GPUYARD_URL, GPUYARD_GPU_SOURCE, GPUYARD_SIMULATION, GPUYARD_HOST_DIR, NO_COLOR";

const EXIT_CODES_ZH: &str = "\
退出码：
  0    完成；schedule：全部任务成功
  1    未能完成；schedule：有任务失败；check：有警告；kill：有进程未结束
  2    命令行、文件或规则无法使用；check：有错误
  3    已有其他调度器或守护进程占用
  4    没有这样的运行、任务或日志，或没有正在运行的
  130  已停止
  wait、attach：任务自身的退出码；被信号 n 结束时为 128 + n，被取消时为 130
  logs --exit-code：任务自身的退出码；被信号 n 结束时为 128 + n

环境变量：
  GPUYARD_ROOT, GPUYARD_URL, GPUYARD_GPU_SOURCE, GPUYARD_SIMULATION, GPUYARD_HOST_DIR, NO_COLOR";

/// English → Chinese, as clap has the English (without a full stop at the end).
const ZH: &[(&str, &str)] = &[
    ("Show, add to and edit command files", "查看、追加、编辑配置"),
    (
        "Log in to a daemon elsewhere, and remember it",
        "登录其他机器上的守护进程，并记住它",
    ),
    ("End the login to the daemon elsewhere", "退出其他机器上的守护进程"),
    ("What to do", "要做什么"),
    ("Show the queues of a command file", "显示一个配置的队列"),
    ("Add a task to the end of a queue", "在队列末尾添加一个任务"),
    (
        "Edit a command file in $EDITOR, and see what is wrong with it before it is saved",
        "用 $EDITOR 编辑配置，保存前先检查",
    ),
    ("The queue's id; a new one is made", "队列 ID；没有则新建"),
    ("GiB on each GPU", "每张卡的显存（GiB）"),
    ("GPUs at once", "同时使用的显卡数"),
    (
        "Its commands, each in quotes; they run one after another",
        "任务的命令，每条加引号；依次运行",
    ),
    (
        "The daemon's address, as in a browser: http://gpu-server:29214",
        "守护进程的地址，写法同浏览器：http://gpu-server:29214",
    ),
    (
        "A daemon elsewhere (default: the root here, else the one that was logged in to); not for serve, schedule, check and attach",
        "其他机器上的守护进程（默认：此处的目录，否则为已登录的那个）；serve、schedule、check、attach 除外",
    ),
    (
        "Run the scheduler of one command file, or of the ad-hoc tasks, in the foreground",
        "在前台运行一个配置或临时任务的调度器",
    ),
    (
        "Queue an ad-hoc task, or a sweep, and print its number",
        "提交一个临时任务或一组参数扫描，并打印编号",
    ),
    ("List the ad-hoc tasks, newest first", "列出临时任务，新的在前"),
    ("Show one ad-hoc task", "显示一个临时任务"),
    (
        "Cancel ad-hoc tasks: what waits at once, what runs by ending it",
        "取消临时任务：排队的立即取消，运行中的将被结束",
    ),
    (
        "Let an ad-hoc task that is over run again",
        "让已结束的临时任务重新运行",
    ),
    (
        "Queue the same ad-hoc task once more, and print its number",
        "再提交一个相同的临时任务，并打印编号",
    ),
    (
        "Wait for the end of an ad-hoc task, and exit as it did",
        "等待临时任务结束，并以其退出码退出",
    ),
    (
        "Look at the terminal of a running ad-hoc task, and type on it",
        "查看运行中临时任务的终端，并可输入",
    ),
    ("GPUs at once", "同时使用的显卡数"),
    (
        "GPU model, or a part of its name (default: any)",
        "显卡型号或其名称的一部分（默认：任意）",
    ),
    (
        "GiB on each GPU (default: each GPU must be empty)",
        "每张卡所需显存（GiB；默认：需要空闲的整卡）",
    ),
    (
        "Start once this task has completed (may be given several times)",
        "该任务完成后才开始（可多次指定）",
    ),
    (
        "A name for people (default: the last line of the command)",
        "名称（默认：命令的最后一行）",
    ),
    ("The higher, the sooner", "数值越大越先运行"),
    (
        "Where it runs (default: the current folder)",
        "运行目录（默认：当前目录）",
    ),
    (
        "A variable of its environment (may be given several times)",
        "环境变量（可多次指定）",
    ),
    (
        "Whoever sees this can let go by other means (tmux): no key does",
        "查看者另有离开的办法（tmux）：没有离开的按键",
    ),
    ("End it after so many seconds", "超过此秒数后结束任务"),
    ("Further tries after a failure", "失败后的重试次数"),
    (
        "Do not start before this moment, as in 2026-01-31T22:00:00+08:00",
        "不早于此时刻开始，例如 2026-01-31T22:00:00+08:00",
    ),
    (
        "A word to find it by (may be given several times)",
        "用于查找的标签（可多次指定）",
    ),
    (
        "A sweep: {NAME} in the command becomes each of the values, which have commas between (may be given several times)",
        "参数扫描：命令中的 {NAME} 依次替换为以逗号分隔的各个取值（可多次指定）",
    ),
    (
        "The script is in this file; - is standard input",
        "脚本所在文件；- 表示标准输入",
    ),
    (
        "The command and its arguments; several words are quoted for the shell, one alone is taken as a line of shell",
        "命令及其参数；多个词会为 shell 加上引号，只有一个词时视为一行 shell 命令",
    ),
    (
        "Only those that are queued, running, completed, failed or cancelled (may be given several times)",
        "只列出 queued、running、completed、failed 或 cancelled 的任务（可多次指定）",
    ),
    (
        "Only those with this in their name, command, tags or maker",
        "只列出名称、命令、标签或创建者中含有此文字的任务",
    ),
    ("Only those with this tag", "只列出带此标签的任务"),
    ("So many at most", "最多列出的数量"),
    ("The task's number", "任务编号"),
    ("The tasks' numbers", "任务编号"),
    (
        "The key that lets go of the terminal: ctrl- and a letter or one of ]\\^_",
        "离开终端的按键：ctrl- 加一个字母或 ]\\^_ 之一",
    ),
    (
        "A config-driven, multi-queue GPU scheduler for the GPU servers that a lab shares",
        "面向实验室共享 GPU 服务器的、由配置驱动的多队列 GPU 调度器",
    ),
    (
        "The folder that holds config/, command/ and logs/ (default: the current folder)",
        "存放 config/、command/、logs/ 的目录（默认：当前目录）",
    ),
    (
        "Language of what people read (default: by the locale)",
        "显示语言：en、zh（默认：跟随系统区域设置）",
    ),
    (
        "When to use colours",
        "何时使用颜色：auto（在终端上，除非设置了 NO_COLOR）、always、never",
    ),
    (
        "Run the daemon in the foreground: API, supervision of schedulers",
        "在前台运行守护进程：API、调度器的监管",
    ),
    (
        "`single`, `multi`, or `tasks` for the ad-hoc tasks",
        "`single`、`multi`，或表示临时任务的 `tasks`",
    ),
    (
        "Show the GPUs: memory, load, and who holds them",
        "显示显卡：显存、负载、由谁占用",
    ),
    (
        "Show the processes on the GPUs: whose, what, how long, and where from",
        "显示显卡上的进程：属于谁、是什么、运行多久、来自哪里",
    ),
    (
        "End processes on the GPUs, and say what became of each",
        "结束显卡上的进程，并说明每个进程的结果",
    ),
    (
        "Only those with this in their name, command, user, pid, task or container",
        "只显示名称、命令、用户、pid、任务或容器中含有此文字的进程",
    ),
    ("Only this user's", "只显示该用户的进程"),
    ("Only those on this GPU", "只显示该显卡上的进程"),
    (
        "What comes first",
        "排序方式：gpu、memory（显存）、sm、cpu、rss（内存）、time（时长）、user、pid",
    ),
    (
        "With their parents, up to the session, container or task that they came from",
        "连同父进程一起显示，直到其所属的会话、容器或任务",
    ),
    ("Show again every so many seconds (2)", "每隔若干秒重新显示（默认 2）"),
    ("Processes on a GPU, 20 at most", "显卡上的进程，最多 20 个"),
    ("Do not ask", "不再询问"),
    (
        "`TERM`: they may save their work; `KILL`: they end at once",
        "`TERM`：进程可以先保存结果；`KILL`：立即结束",
    ),
    (
        "Kill what TERM has not ended when the time to wait is over",
        "等待时间过后，强制结束 TERM 未能结束的进程",
    ),
    (
        "Seconds to wait for them to be gone, 0 to 30",
        "等待进程消失的秒数，0 到 30",
    ),
    ("Start a scheduler in the background", "在后台启动调度器"),
    ("Stop a scheduler", "停止调度器"),
    ("Show schedulers, queues and tasks", "显示调度器、队列和任务"),
    (
        "Say for each waiting task what it waits for",
        "说明每个等待中的任务在等什么",
    ),
    ("Print the log of a task, or of a scheduler", "输出任务或调度器的日志"),
    (
        "Look over config, command files, drivers, conda, ports and permissions, and say how to mend what is wrong",
        "检查配置、命令文件、驱动、conda、端口和权限，并说明如何修复",
    ),
    ("Print a completion script for a shell", "输出 shell 的补全脚本"),
    ("`single` or `multi`", "`single`（单卡）或 `multi`（多卡）"),
    ("The command file's index, from 0", "配置序号，从 0 开始"),
    (
        "Go on with the last run: finished tasks stay finished, failed and stopped ones get another chance",
        "继续上一次运行：已完成的任务保持完成，失败和停止的任务再次尝试",
    ),
    (
        "Take up a run whose scheduler died (the daemon's way to start)",
        "接手调度器已崩溃的运行（由守护进程使用）",
    ),
    (
        "Tell the starter on stdout, in one line of JSON, that the run's first state is on disk",
        "首个状态写入磁盘后，在标准输出以一行 JSON 告知启动者",
    ),
    ("Print JSON", "输出 JSON"),
    (
        "Let running tasks finish, start none",
        "让运行中的任务完成，不再启动新任务",
    ),
    (
        "Leave running tasks running; the next start takes them back",
        "保留运行中的任务，下次启动时接管",
    ),
    ("Return only when the scheduler has ended", "等到调度器结束后再返回"),
    (
        "`single` or `multi`: only this one, with all its tasks",
        "`single` 或 `multi`：只显示这个配置及其全部任务",
    ),
    ("Earlier runs too", "同时显示以前的运行"),
    ("Show again whenever something changes", "有变化时重新显示"),
    (
        "A task's id, an ad-hoc task's number, `tasks` (all of those), or: MODE INDEX [QUEUE [PROCESS]]; processes count from 0",
        "任务 ID、临时任务的编号、`tasks`（全部临时任务），或：模式 序号 [队列 [任务]]；任务序号从 0 开始",
    ),
    (
        "Follow the log, through retries, to the task's end",
        "持续跟踪日志，跨越重试，直到任务结束",
    ),
    ("Only the last N lines", "仅最后 N 行"),
    (
        "The log of this attempt (default: the last one)",
        "这一次尝试的日志（默认：最后一次）",
    ),
    ("Print the log file's path only", "只输出日志文件的路径"),
    (
        "Exit as the task did (128 + n if signal n killed it)",
        "以任务的退出码退出（被信号 n 结束时为 128 + n）",
    ),
    ("Which shell", "哪种 shell：bash、elvish、fish、powershell、zsh"),
    ("Print help", "显示帮助"),
    ("Print help (see more with '--help')", "显示帮助"),
    ("Print version", "显示版本"),
];

fn zh(english: &str) -> Option<&'static str> {
    let english = english.trim_end_matches('.');
    ZH.iter().find(|(en, _)| *en == english).map(|(_, zh)| *zh)
}

/// Puts the help into one language.
pub(super) fn localize(command: Command, lang: Lang) -> Command {
    match lang {
        Lang::En => command.after_help(EXIT_CODES_EN),
        Lang::Zh => {
            // What clap adds by itself (--help, --version) is there only after this.
            let mut command = command;
            command.build();
            chinese(command).after_help(EXIT_CODES_ZH)
        }
    }
}

fn chinese(command: Command) -> Command {
    let about = command.get_about().map(ToString::to_string);
    let has_verbs = command.has_subcommands();
    let verbs: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    let mut command = command
        .mut_args(|arg| {
            let heading = if arg.is_positional() { "参数" } else { "选项" };
            let help = arg.get_help().and_then(|help| zh(&help.to_string()));
            // What the values mean stands in the Chinese text: clap has their English only.
            let arg = arg.help_heading(heading).hide_possible_values(true);
            match help {
                Some(help) => arg.help(help).long_help(help),
                None => arg,
            }
        })
        .subcommand_help_heading("命令")
        .help_template(if has_verbs {
            "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}"
        } else {
            "{about-with-newline}\n用法：{usage}\n\n{all-args}"
        });
    if let Some(about) = about.as_deref().and_then(zh) {
        command = command.about(about);
    }
    for verb in verbs {
        command = command.mut_subcommand(verb, chinese);
    }
    command
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn texts(command: &Command, out: &mut Vec<String>) {
        out.extend(command.get_about().map(ToString::to_string));
        for arg in command.get_arguments() {
            out.extend(arg.get_help().map(ToString::to_string));
        }
        for verb in command.get_subcommands() {
            texts(verb, out);
        }
    }

    #[test]
    fn every_help_text_is_there_in_chinese() {
        let mut command = Cli::command();
        command.build();
        let mut found = Vec::new();
        texts(&command, &mut found);
        found.retain(|text| zh(text).is_none());
        assert!(found.is_empty(), "without a Chinese text: {found:#?}");
    }

    #[test]
    fn chinese_help_says_everything_in_chinese() {
        let mut command = localize(Cli::command(), Lang::Zh);
        let help = command.render_long_help().to_string();
        for word in ["用法：", "命令", "选项", "退出码", "在后台启动调度器"] {
            assert!(help.contains(word), "{word} is not in:\n{help}");
        }
        for english in ["Usage:", "Options:", "Print", "Possible values"] {
            assert!(!help.contains(english), "{english} is in:\n{help}");
        }
    }
}
