//! What each setting is, in words, and what to mind before it is changed.
use gpuyard_core::model::Lang;

/// Key, English, Chinese, and the warning in both.
type Words = (
    &'static str,
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
);

const WORDS: [Words; 19] = [
    (
        "target-yaml-path",
        "The rules file, relative to the settings file.",
        "要操作的 YAML 文件路径",
        None,
    ),
    (
        "log-dir",
        "Where the daemon's and schedulers' own logs are, relative to the root.",
        "守护进程与调度器日志所在目录（相对于根目录）。",
        None,
    ),
    (
        "port",
        "The port that is wished for; the next free one is taken when it is in use.",
        "当前任务运行端口",
        Some((
            "the next start may use the new port",
            "修改端口后，下次启动可能使用新端口",
        )),
    ),
    (
        "allow-lan",
        "Whether other machines are served.",
        "是否允许其他机器访问。",
        Some((
            "other machines are let in, or kept out, from the next start on",
            "下次启动后，其他机器才会被允许或禁止访问",
        )),
    ),
    (
        "bind-address",
        "The address to listen on.",
        "监听的地址。",
        Some((
            "after the next start the daemon may be reached at another address",
            "下次启动后，访问地址可能改变",
        )),
    ),
    (
        "log-level",
        "How much the daemon's log tells.",
        "守护进程日志的详细程度。",
        None,
    ),
    (
        "secret",
        "The key to everything; it is never shown.",
        "访问密钥；保存后不再显示。",
        Some(("every login ends when it changes", "修改密钥后，所有登录都会失效")),
    ),
    (
        "gpu-source",
        "Where GPUs are read: auto, nvml, amd, intel, simulated:4x24GiB.",
        "显卡数据来源：auto、nvml、amd、intel、simulated:4x24GiB。",
        None,
    ),
    (
        "gpu-interval",
        "Seconds between two samples of the GPUs.",
        "显卡采样间隔（秒）。",
        None,
    ),
    (
        "language",
        "Language of logs, and of answers to callers who name none.",
        "日志语言，以及未指明语言时的应答语言。",
        None,
    ),
    (
        "session-hours",
        "How long a login lasts at most.",
        "登录最长有效时间（小时）。",
        None,
    ),
    (
        "log-roots",
        "Folders whose logs may be read besides the daemon user's own.",
        "除守护进程用户自己的文件外，允许读取日志的目录。",
        Some((
            "whoever has the secret can read the logs in these folders",
            "拥有密钥的人都能读取这些目录中的日志",
        )),
    ),
    (
        "tls-cert",
        "Certificate chain, PEM; together with tls-key.",
        "证书链（PEM），与 tls-key 同时设置。",
        None,
    ),
    (
        "tls-key",
        "Private key, PEM; together with tls-cert.",
        "私钥（PEM），与 tls-cert 同时设置。",
        None,
    ),
    (
        "trusted-hosts",
        "Names that this machine is called by, besides its own.",
        "除本机名外，允许的访问域名。",
        None,
    ),
    (
        "allow-anonymous",
        "Without a secret: serve everyone, not only the daemon's own user.",
        "未设置密钥时，是否向所有人开放（而不仅是守护进程的用户）。",
        Some((
            "without a secret, whoever reaches the port can run commands as the daemon's user",
            "若没有密钥，任何能访问该端口的人都能以守护进程用户的身份运行命令",
        )),
    ),
    (
        "data-dir",
        "Where the database is when the root lies on a network file system.",
        "根目录位于网络文件系统时，数据库所在目录。",
        None,
    ),
    (
        "keep-runs",
        "Ended runs kept for each command file.",
        "每个命令文件保留的历史运行数。",
        Some((
            "what is beyond it is deleted, logs included",
            "超出的历史运行会连同日志一起删除",
        )),
    ),
    (
        "keep-logs-days",
        "Days that task logs of ended runs are kept; empty: as long as their run.",
        "历史任务日志保留的天数；留空表示与运行记录同时删除。",
        Some(("older logs are deleted", "更早的日志会被删除")),
    ),
];

/// What a setting is.
pub(super) fn description(key: &str, lang: Lang) -> &'static str {
    find(key).map_or("", |(_, en, zh, _)| lang.pick(en, zh))
}

/// What to mind before it is changed.
pub(super) fn warning(key: &str, lang: Lang) -> Option<&'static str> {
    let (en, zh) = find(key)?.3?;
    Some(lang.pick(en, zh))
}

fn find(key: &str) -> Option<Words> {
    WORDS.iter().find(|words| words.0 == key).copied()
}

#[cfg(test)]
mod tests {
    use gpuyard_core::model::Settings;

    use super::*;

    #[test]
    fn every_setting_is_described_in_both_languages() {
        let serde_json::Value::Object(keys) = serde_json::to_value(Settings::default()).unwrap() else {
            panic!()
        };
        for key in keys.keys() {
            let (en, zh) = (description(key, Lang::En), description(key, Lang::Zh));
            assert!(!en.is_empty() && !zh.is_empty() && en != zh, "{key}");
        }
        assert_eq!(keys.len(), WORDS.len());
        // Seed 001's example.
        assert_eq!(warning("port", Lang::Zh), Some("修改端口后，下次启动可能使用新端口"));
        assert_eq!(description("target-yaml-path", Lang::Zh), "要操作的 YAML 文件路径");
        assert_eq!(description("port", Lang::Zh), "当前任务运行端口");
    }
}
