//! `gpuyard queue`: command files shown, added to and edited, in this root or at a daemon elsewhere.
use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
};

use gpuyard_core::{
    formats::command::{self, CommandFile, QueueDraft, Severity, TaskDraft},
    model::{ConfigKey, QueueId},
    wire::{CommandQueue, CommandText, CommandTextSaved},
};
use gpuyard_exec::foreground;
use gpuyard_store::{Root, StoreError, commands, file, file::Version};
use serde_json::json;

use super::{
    Context,
    account::{self, Where},
    daemon::Put,
};
use crate::{
    cli::{QueueAddArgs, QueueArgs, QueueEditArgs, QueueListArgs, QueueVerb},
    failure::{Exit, Failure},
    output,
};

/// Tries of an addition while others save too.
const TRIES: usize = 5;

/// Shows, adds or edits.
pub(crate) fn queue(context: &Context, args: &QueueArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    match &args.verb {
        QueueVerb::List(args) => list(context, args, out),
        QueueVerb::Add(args) => add(context, args, out),
        QueueVerb::Edit(args) => edit(context, args, out),
    }
}

/// A command file as it was read.
struct Text {
    file_name: String,
    text: String,
    /// `None` where it is not there yet.
    version: Option<String>,
}

/// What came of a save.
enum Saved {
    Done,
    /// Somebody else was faster; this is theirs.
    Stale(Text),
}

impl Where {
    fn path(context: &Context, root: &Root, key: ConfigKey) -> Result<PathBuf, Failure> {
        let rules = root.rules_path(&context.settings(root)?);
        let rules = gpuyard_store::rules::load(&rules).map_err(Failure::unusable)?;
        Ok(root.command_path(&rules, key))
    }

    fn read(&self, context: &Context, key: ConfigKey) -> Result<Text, Failure> {
        match self {
            Where::There(daemon) => {
                let ConfigKey { mode, index } = key;
                let answer: CommandText = daemon.get(&format!("/api/commands/{mode}/text?config_index={index}"))?;
                Ok(theirs(answer))
            }
            Where::Here(root) => {
                let path = Where::path(context, root, key)?;
                let (text, version) = match commands::load(&path, key.mode) {
                    Ok(loaded) => (loaded.file.to_string(), Some(loaded.version.0)),
                    Err(error) if error.is_not_found() && key.index == 0 => (String::new(), None),
                    Err(error) if error.is_not_found() => {
                        return Err(context.not_found("there is no such command file", "没有这个配置"));
                    }
                    Err(error) => return Err(Failure::unusable(error)),
                };
                Ok(Text {
                    file_name: path.display().to_string(),
                    text,
                    version,
                })
            }
        }
    }

    fn save(&self, context: &Context, key: ConfigKey, text: &str, over: &Option<String>) -> Result<Saved, Failure> {
        match self {
            Where::There(daemon) => {
                let ConfigKey { mode, index } = key;
                let path = format!("/api/commands/{mode}/text?config_index={index}");
                match daemon.put::<CommandTextSaved, CommandText>(&path, &json!({"text": text}), over.as_deref())? {
                    Put::Done(_) => Ok(Saved::Done),
                    Put::Stale(answer) => Ok(Saved::Stale(theirs(answer))),
                }
            }
            Where::Here(root) => {
                let path = Where::path(context, root, key)?;
                let expected = over.clone().map(Version);
                match commands::save(&path, text, expected.as_ref()) {
                    Ok(_) => Ok(Saved::Done),
                    Err(StoreError::Conflict { .. } | StoreError::Exists { .. }) => {
                        Ok(Saved::Stale(self.read(context, key)?))
                    }
                    Err(error) => Err(Failure::failed(error)),
                }
            }
        }
    }
}

fn theirs(answer: CommandText) -> Text {
    Text {
        file_name: answer.file_name,
        text: answer.text,
        version: answer.etag,
    }
}

fn list(context: &Context, args: &QueueListArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let key = args.config.key();
    let read = Where::find(context)?.read(context, key)?;
    let file = command::parse(&read.text, key.mode);
    if args.json {
        let queues: Vec<CommandQueue> = file.queues().into_iter().map(CommandQueue::from).collect();
        output::json(
            out,
            &json!({"mode": key.mode, "config_index": key.index, "queues": queues}),
        )?;
        return Ok(0);
    }
    let lang = context.lang;
    for queue in file.queues() {
        let (id, tasks) = (queue.id, queue.tasks.len());
        writeln!(
            out,
            "{}",
            say!(lang, "queue {id} ({tasks})", "队列 {id}（{tasks} 个任务）")
        )?;
        for (place, task) in queue.tasks.iter().enumerate() {
            let (gpus, memory) = (task.gpu_count, task.memory_gb);
            let commands = task.commands.join(" ; ").replace("\\\n", " ");
            writeln!(out, "  {place:>3}  {gpus} × {memory} GiB  {commands}")?;
        }
    }
    tell_findings(context, &read.file_name, &file);
    Ok(0)
}

/// What is wrong with a file, by line, on stderr; answers whether a block cannot be run.
fn tell_findings(context: &Context, name: &str, file: &CommandFile) -> bool {
    for finding in file.findings() {
        let kind = match finding.severity {
            Severity::Error => context.lang.pick("error", "错误"),
            Severity::Warning => context.lang.pick("warning", "警告"),
        };
        let (line, said) = (finding.line, finding.message.get(context.lang));
        let _ = writeln!(io::stderr(), "{name}:{line}: {kind}: {said}");
    }
    file.findings().iter().any(|finding| finding.skipped)
}

fn add(context: &Context, args: &QueueAddArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let (key, lang) = (args.config.key(), context.lang);
    let place = Where::find(context)?;
    let id = QueueId(args.queue);
    let task = TaskDraft {
        commands: args.commands.clone(),
        gpu_count: args.gpus,
        memory: args.memory,
    };
    let mut read = place.read(context, key)?;
    for _ in 0..TRIES {
        let file = command::parse(&read.text, key.mode);
        let mut queues = file.drafts();
        match queues.iter_mut().find(|queue| queue.id == id) {
            Some(queue) => queue.processes.push(task.clone()),
            None => queues.push(QueueDraft {
                id,
                processes: vec![task.clone()],
            }),
        }
        let text = command::edit(&file, &queues).map_err(|errors| {
            let each: Vec<String> = errors.iter().map(|error| error.text(lang)).collect();
            Failure::unusable(each.join("; "))
        })?;
        match place.save(context, key, &text, &read.version)? {
            Saved::Done => {
                let number = queues
                    .iter()
                    .find(|queue| queue.id == id)
                    .map_or(0, |q| q.processes.len());
                if args.json {
                    output::json(
                        out,
                        &json!({"success": true, "queue_id": id, "process_index": number - 1}),
                    )?;
                } else {
                    writeln!(
                        out,
                        "{}",
                        say!(
                            lang,
                            "queue {id} has {number} task(s) now",
                            "队列 {id} 现有 {number} 个任务"
                        )
                    )?;
                }
                return Ok(0);
            }
            Saved::Stale(now) => read = now,
        }
    }
    let (en, zh) = ("others keep changing the file; try again", "文件不断被他人修改；请重试");
    Err(Failure::new(Exit::Held, lang.pick(en, zh)))
}

/// A draft on disk, so that nothing typed is lost, whatever happens to us.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn write(&self, text: &str) -> Result<(), Failure> {
        file::write_atomic(&self.path, text.as_bytes()).map_err(Failure::failed)
    }

    fn read(&self) -> Result<String, Failure> {
        file::read_text(&self.path, commands::MOST_BYTES).map_err(Failure::unusable)
    }

    fn is_kept(&self, context: &Context, why: &str) -> Failure {
        let (lang, shown) = (context.lang, self.path.display());
        Failure::new(
            Exit::Unusable,
            say!(
                lang,
                "{why}; your text is kept in {shown}",
                "{why}；您的文本保存在 {shown}"
            ),
        )
    }
}

fn edit(context: &Context, args: &QueueEditArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let (key, lang) = (args.config.key(), context.lang);
    let place = Where::find(context)?;
    let mut read = place.read(context, key)?;
    let drafts = account::folder(context)?.join("drafts");
    file::create_folder(&drafts).map_err(Failure::failed)?;
    let draft = Draft {
        path: drafts.join(format!("{key}-{}.txt", std::process::id())),
    };
    draft.write(&read.text)?;
    loop {
        open_editor(context, &draft.path)?;
        let text = draft.read()?;
        if text == read.text {
            forget(&draft);
            writeln!(out, "{}", lang.pick("nothing was changed", "没有改动"))?;
            return Ok(0);
        }
        let file = command::parse(&text, key.mode);
        if tell_findings(context, &read.file_name, &file) {
            match ask(lang.pick(
                "[e]dit again, [s]ave all the same, [q]uit? ",
                "[e] 继续编辑，[s] 仍然保存，[q] 退出？ ",
            )) {
                Some('e') => continue,
                Some('s') => {}
                _ => return Err(draft.is_kept(context, lang.pick("nothing was saved", "未保存"))),
            }
        }
        match place.save(context, key, &text, &read.version) {
            Ok(Saved::Done) => {
                forget(&draft);
                let name = &read.file_name;
                writeln!(out, "{}", say!(lang, "{name} is saved", "{name} 已保存"))?;
                return Ok(0);
            }
            Ok(Saved::Stale(now)) => {
                let beside = Draft {
                    path: draft.path.with_extension("theirs.txt"),
                };
                beside.write(&now.text)?;
                let shown = beside.path.display();
                let question = say!(
                    lang,
                    "somebody else has changed the file meanwhile; theirs is in {shown}\n[e]dit yours again, [o]verwrite theirs, [q]uit? ",
                    "文件已被他人修改；对方的版本在 {shown}\n[e] 继续编辑，[o] 覆盖对方的版本，[q] 退出？ "
                );
                match ask(&question) {
                    Some('e') => read.version = now.version,
                    Some('o') => {
                        if let Saved::Done = place.save(context, key, &text, &now.version)? {
                            forget(&draft);
                            forget(&beside);
                            return Ok(0);
                        }
                        return Err(held(
                            draft.is_kept(context, lang.pick("it was changed again", "文件再次被修改")),
                        ));
                    }
                    _ => return Err(held(draft.is_kept(context, lang.pick("nothing was saved", "未保存")))),
                }
            }
            Err(failure) => return Err(draft.is_kept(context, &failure.message)),
        }
    }
}

fn held(failure: Failure) -> Failure {
    Failure {
        exit: Exit::Held,
        ..failure
    }
}

/// A draft that is saved, or was never one.
fn forget(draft: &Draft) {
    let _ = std::fs::remove_file(&draft.path);
}

fn open_editor(context: &Context, path: &Path) -> Result<(), Failure> {
    let set = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".into());
    let ended = foreground::edit(&editor, path).map_err(Failure::failed)?;
    if ended.success() {
        return Ok(());
    }
    let (lang, shown) = (context.lang, path.display());
    Err(Failure::failed(say!(
        lang,
        "the editor `{editor}` failed ({ended}); the text is kept in {shown}",
        "编辑器 `{editor}` 出错（{ended}）；文本保存在 {shown}"
    )))
}

/// Asks a person for a letter; nobody is there to ask where stdin is no terminal.
fn ask(question: &str) -> Option<char> {
    if !io::stdin().is_terminal() {
        return None;
    }
    let _ = write!(io::stderr(), "{question}");
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).ok()?;
    line.trim().chars().next().map(|letter| letter.to_ascii_lowercase())
}
