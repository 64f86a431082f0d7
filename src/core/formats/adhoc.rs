//! Ad-hoc tasks as people ask for them: checked field by field, sweeps made into tasks, GPU models compared with those
//! that are there.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    model::{ANY_GPU, AdhocSpec, Bytes, FieldError, Gpu, Seconds},
    wire::NewAdhocTask,
};

/// Bytes of a script.
pub const MOST_COMMAND: usize = 512 << 10;
/// Tasks that one sweep may make.
pub const MOST_TASKS: usize = 10_000;
/// Characters of a name.
const MOST_NAME: usize = 200;
/// Characters of a name that is taken from the command.
const SHORT_NAME: usize = 80;
/// Characters of a tag.
const MOST_TAG: usize = 64;
/// Tags of a task.
const MOST_TAGS: usize = 32;
/// Tasks that a task may wait for.
const MOST_WAITS: usize = 1000;
/// Variables that say what is an attempt's own: nobody else sets them.
const OWN_VARIABLES: [&str; 4] = [
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "ROCR_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
];

/// Collects what is wrong.
#[derive(Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn add(&mut self, field: &str, code: &str, en: impl Into<String>, zh: impl Into<String>) {
        self.0.push(FieldError::new(field, code, en, zh));
    }

    fn number(&mut self, field: &str, holds: bool, en: &str, zh: &str) {
        if !holds {
            self.add(field, "range", format!("must be {en}"), format!("应为{zh}"));
        }
    }

    /// A short text of one line.
    fn line(&mut self, field: &str, text: &str, most: usize) {
        if text.chars().count() > most {
            self.add(
                field,
                "too_long",
                format!("has more than {most} characters"),
                format!("超过 {most} 个字符"),
            );
        }
        if text.chars().any(char::is_control) {
            self.add(field, "text", "has a control character in it", "含有控制字符");
        }
    }
}

/// What was asked for, with every default; or all that is wrong with it.
pub fn check(asked: &NewAdhocTask) -> Result<AdhocSpec, Vec<FieldError>> {
    let mut errors = Errors::default();
    if asked.command.trim().is_empty() {
        errors.add(
            "command",
            "missing",
            "is empty: write what is to run",
            "为空：请写出要运行的命令",
        );
    }
    if asked.command.len() > MOST_COMMAND {
        errors.add(
            "command",
            "too_long",
            "is larger than 512 KiB: keep it in a file, and run that",
            "超过 512 KiB：请将其存为文件后运行",
        );
    }
    if asked.command.contains('\0') {
        errors.add("command", "text", "has a NUL character in it", "含有 NUL 字符");
    }
    let name = asked.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = name.map_or_else(|| name_of(&asked.command), str::to_owned);
    errors.line("name", &name, MOST_NAME);
    let gpu_type = asked.gpu_type.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let gpu_type = gpu_type.unwrap_or(ANY_GPU);
    errors.line("gpu_type", gpu_type, MOST_NAME);
    let gpu_count = asked.gpu_count.unwrap_or(1);
    errors.number(
        "gpu_count",
        (1..=1024).contains(&gpu_count),
        "from 1 to 1024",
        " 1 到 1024 之间",
    );
    let memory = asked.memory;
    errors.number(
        "memory",
        memory.is_none_or(|gib| gib > 0.0 && gib <= 1e6),
        "GiB above 0; leave it out for an empty GPU",
        "大于 0 的 GiB 数；需要空闲整卡时请省略",
    );
    let priority = asked.priority.unwrap_or(0);
    errors.number(
        "priority",
        (-1_000_000..=1_000_000).contains(&priority),
        "from -1000000 to 1000000",
        " -1000000 到 1000000 之间",
    );
    let work_dir = asked.work_dir.as_deref().filter(|path| !path.is_empty());
    if let Some(path) = work_dir {
        if !path.starts_with('/') {
            errors.add(
                "work_dir",
                "relative",
                "must be an absolute path (it begins with /)",
                "应为绝对路径（以 / 开头）",
            );
        }
        errors.line("work_dir", path, 4000);
    }
    let environment = asked.environment.clone().unwrap_or_default();
    check_environment(&environment, &mut errors);
    errors.number(
        "timeout",
        asked.timeout.is_none_or(|seconds| seconds > 0.0 && seconds <= 1e9),
        "seconds above 0; leave it out for none of its own",
        "大于 0 的秒数；不单独限制时请省略",
    );
    let retries = asked.retries.unwrap_or(0);
    errors.number("retries", retries <= 10_000, "from 0 to 10000", " 0 到 10000 之间");
    let mut depends_on = asked.depends_on.clone().unwrap_or_default();
    depends_on.sort_unstable();
    depends_on.dedup();
    errors.number(
        "depends_on",
        depends_on.len() <= MOST_WAITS,
        "1000 tasks at most",
        "最多 1000 个任务",
    );
    let tags: BTreeSet<String> = asked.tags.iter().flatten().map(|tag| tag.trim().to_owned()).collect();
    errors.number("tags", tags.len() <= MOST_TAGS, "32 at most", "最多 32 个");
    for (at, tag) in tags.iter().enumerate() {
        let field = format!("tags[{at}]");
        errors.line(&field, tag, MOST_TAG);
        if tag.is_empty() {
            errors.add(&field, "missing", "is empty", "为空");
        }
    }
    let created_by = asked.created_by.as_deref().map(str::trim).filter(|who| !who.is_empty());
    errors.line("created_by", created_by.unwrap_or_default(), MOST_NAME);
    if !errors.0.is_empty() {
        return Err(errors.0);
    }
    Ok(AdhocSpec {
        name,
        command: asked.command.clone(),
        gpu_type: gpu_type.to_owned(),
        gpu_count,
        memory,
        priority,
        work_dir: work_dir.map(str::to_owned),
        environment,
        timeout: asked.timeout.map(Seconds),
        retries,
        depends_on,
        not_before: asked.not_before,
        tags: tags.into_iter().collect(),
        created_by: created_by.map(str::to_owned),
    })
}

/// The fields of a new task that would be the same: what is cloned, and what a change is applied to.
pub fn asked(spec: &AdhocSpec) -> NewAdhocTask {
    NewAdhocTask {
        name: Some(spec.name.clone()),
        command: spec.command.clone(),
        gpu_type: Some(spec.gpu_type.clone()),
        gpu_count: Some(spec.gpu_count),
        memory: spec.memory,
        priority: Some(spec.priority),
        work_dir: spec.work_dir.clone(),
        environment: Some(spec.environment.clone()),
        timeout: spec.timeout.map(|limit| limit.0),
        retries: Some(spec.retries),
        depends_on: Some(spec.depends_on.clone()),
        not_before: spec.not_before,
        tags: Some(spec.tags.clone()),
        created_by: spec.created_by.clone(),
        matrix: None,
    }
}

fn check_environment(environment: &BTreeMap<String, String>, errors: &mut Errors) {
    for (name, value) in environment {
        let field = format!("environment.{name}");
        if !is_name(name) {
            errors.add(
                &field,
                "name",
                "is no name of a variable: letters, digits and _ only, no digit first",
                "不是合法的变量名：只能含字母、数字和下划线，且不以数字开头",
            );
        }
        if OWN_VARIABLES.contains(&name.as_str()) || name.starts_with("GPUYARD_") {
            errors.add(
                &field,
                "reserved",
                "is set by gpuyard itself: it says which GPUs are the task's own",
                "由 gpuyard 设置，用于指明任务所分配的显卡，不能更改",
            );
        }
        if value.contains('\0') {
            errors.add(&field, "text", "has a NUL character in it", "含有 NUL 字符");
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The last line that says something: what comes before it only prepares.
fn name_of(command: &str) -> String {
    let says = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let line = command.lines().map(str::trim).rfind(says).unwrap_or("task");
    let clean: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&clean, SHORT_NAME)
}

/// The beginning of a text, on one line.
pub fn brief(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    cut(&words.join(" "), most)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The tasks of a sweep, the last key of the matrix turning fastest; without a matrix, the one task.
pub fn expand(asked: NewAdhocTask) -> Result<Vec<NewAdhocTask>, Vec<FieldError>> {
    let Some(matrix) = asked.matrix.as_ref().filter(|matrix| !matrix.is_empty()) else {
        return Ok(vec![NewAdhocTask { matrix: None, ..asked }]);
    };
    let columns = columns(matrix, &asked.command)?;
    let mut rows: Vec<Vec<(&str, &str)>> = vec![Vec::new()];
    for (key, values) in &columns {
        rows = rows
            .into_iter()
            .flat_map(|row| {
                values.iter().map(move |value| {
                    let mut next = row.clone();
                    next.push((key.as_str(), value.as_str()));
                    next
                })
            })
            .collect();
    }
    Ok(rows.into_iter().map(|row| filled(&asked, &row)).collect())
}

/// The matrix with its values as text.
fn columns(
    matrix: &BTreeMap<String, Vec<Value>>,
    command: &str,
) -> Result<Vec<(String, Vec<String>)>, Vec<FieldError>> {
    let mut errors = Errors::default();
    let mut columns = Vec::new();
    let mut combinations: usize = 1;
    for (key, values) in matrix {
        let field = format!("matrix.{key}");
        if !is_name(key) || ["work_dir", "uni_id"].contains(&key.as_str()) {
            errors.add(
                &field,
                "name",
                "is no name for a placeholder: letters, digits and _ only; work_dir and uni_id have a meaning already",
                "不是合法的占位符名：只能含字母、数字和下划线；work_dir 和 uni_id 另有含义",
            );
        }
        if !command.contains(&format!("{{{key}}}")) {
            errors.add(
                &field,
                "unused",
                format!("is nowhere in the command: write {{{key}}} where its value belongs"),
                format!("未在命令中出现：请在对应位置写 {{{key}}}"),
            );
        }
        if values.is_empty() {
            errors.add(&field, "missing", "has no values", "没有取值");
        }
        combinations = combinations.saturating_mul(values.len().max(1));
        let mut texts = Vec::new();
        for (at, value) in values.iter().enumerate() {
            match value {
                Value::String(text) => texts.push(text.clone()),
                Value::Number(number) => texts.push(number.to_string()),
                Value::Bool(flag) => texts.push(flag.to_string()),
                _ => errors.add(
                    &format!("{field}[{at}]"),
                    "type",
                    "must be a text, a number, true or false",
                    "应为文本、数字、true 或 false",
                ),
            }
        }
        columns.push((key.clone(), texts));
    }
    if combinations > MOST_TASKS {
        errors.add(
            "matrix",
            "too_many",
            format!("makes {combinations} tasks; {MOST_TASKS} at once is the most"),
            format!("将产生 {combinations} 个任务；一次最多 {MOST_TASKS} 个"),
        );
    }
    if errors.0.is_empty() {
        Ok(columns)
    } else {
        Err(errors.0)
    }
}

/// One combination.
fn filled(asked: &NewAdhocTask, row: &[(&str, &str)]) -> NewAdhocTask {
    let fill = |text: &str| fill(text, row);
    let name = asked.name.as_deref().map(|name| {
        let with = fill(name);
        if with == name {
            let values: Vec<String> = row.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{name} {}", values.join(" "))
        } else {
            with
        }
    });
    let environment = asked
        .environment
        .as_ref()
        .map(|all| all.iter().map(|(name, value)| (name.clone(), fill(value))).collect());
    NewAdhocTask {
        name,
        command: fill(&asked.command),
        work_dir: asked.work_dir.as_deref().map(fill),
        environment,
        matrix: None,
        ..asked.clone()
    }
}

/// Each `{key}` of a row replaced, in one pass: what a value brings in is not looked through.
fn fill(text: &str, row: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let found = row
            .iter()
            .find_map(|(key, value)| Some((rest[1..].strip_prefix(key)?.strip_prefix('}')?, value)));
        match found {
            Some((after, value)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Compares what is asked for with the GPUs that are there: names the model in full, or says which there are.
pub fn fit(spec: &mut AdhocSpec, gpus: &[Gpu]) -> Result<(), FieldError> {
    let mut models: BTreeMap<&str, Vec<&Gpu>> = BTreeMap::new();
    for gpu in gpus {
        models.entry(gpu.name.as_deref().unwrap_or("?")).or_default().push(gpu);
    }
    let refuse = |field: &str, code: &str, en: String, zh: String| {
        let there = listed(&models);
        let (en_list, zh_list) = if there.is_empty() {
            ("this host has no GPU".to_owned(), "本机没有显卡".to_owned())
        } else {
            (format!("there are: {there}"), format!("可用的有：{there}"))
        };
        Err(FieldError::new(
            field,
            code,
            format!("{en}; {en_list}"),
            format!("{zh}；{zh_list}"),
        ))
    };
    let wanted = spec.gpu_type.to_lowercase();
    let of_model: Vec<&Gpu> = if wanted == ANY_GPU {
        ANY_GPU.clone_into(&mut spec.gpu_type);
        gpus.iter().collect()
    } else {
        let exact = models.keys().find(|name| name.to_lowercase() == wanted);
        let part: Vec<_> = models
            .keys()
            .filter(|name| name.to_lowercase().contains(&wanted))
            .collect();
        let asked = &spec.gpu_type;
        let Some(name) = exact.or(if part.len() == 1 { part.first().copied() } else { None }) else {
            let (en, zh) = if part.len() > 1 {
                (
                    format!("`{asked}` may mean several models"),
                    format!("“{asked}”对应多个型号"),
                )
            } else {
                (format!("there is no GPU `{asked}`"), format!("没有显卡“{asked}”"))
            };
            return refuse("gpu_type", "no_such_gpu", en, zh);
        };
        let (name, found) = ((*name).to_owned(), models[*name].clone());
        spec.gpu_type = name;
        found
    };
    let wanted = Bytes::from_gib(spec.memory.unwrap_or(0.0));
    let large = |gpu: &&&Gpu| gpu.memory.is_none_or(|memory| memory.total >= wanted);
    let enough = of_model.iter().filter(large).count();
    let needed = spec.gpu_count as usize;
    if of_model.len() < needed {
        let (n, of) = (of_model.len(), &spec.gpu_type);
        return refuse(
            "gpu_count",
            "too_many",
            format!("{needed} GPUs are asked for, and {n} of `{of}` are there"),
            format!("请求 {needed} 张显卡，而“{of}”只有 {n} 张"),
        );
    }
    if enough < needed {
        return refuse(
            "memory",
            "too_much",
            format!("{needed} GPUs of {wanted} are asked for, and {enough} are so large"),
            format!("请求 {needed} 张 {wanted} 的显卡，达到该容量的只有 {enough} 张"),
        );
    }
    Ok(())
}

/// `NVIDIA A100 (2 × 80GiB), …`.
fn listed(models: &BTreeMap<&str, Vec<&Gpu>>) -> String {
    let each = models.iter().map(|(name, gpus)| {
        let largest = gpus
            .iter()
            .filter_map(|gpu| gpu.memory)
            .map(|memory| memory.total)
            .max();
        match largest {
            Some(total) => format!("{name} ({} × {total})", gpus.len()),
            None => format!("{name} ({})", gpus.len()),
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
