//! `/api/commands/*`: command files, as queues and as text.
use std::{path::Path, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path as UrlPath, State},
};
use gpuyard_core::{
    formats::command::{self, CommandFile},
    model::{ConfigKey, FieldError, Lang, Mode},
    wire::{
        CommandConfig, CommandConfigUpdate, CommandCreated, CommandDeleted, CommandFileContent, CommandFileList,
        CommandFileName, CommandFiles, CommandQueue, CommandSaved, CommandText, CommandTextSaved, CommandTextUpdate,
        CommandVersion, CommandVersionText, CommandVersions, FindingAnswer,
    },
};
use gpuyard_exec::place::{Place, PlaceError};
use gpuyard_store::{
    StoreError,
    commands::{self, Listed, Loaded, versions},
    file::Version,
};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::ApiError,
    extract::{Body, Config, ModePath},
    if_match::{IfMatch, Tag},
};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(all))
        .routes(routes!(config, save_config))
        .routes(routes!(text, save_text))
        .routes(routes!(create))
        .routes(routes!(delete))
        .routes(routes!(reset))
        .routes(routes!(older))
        .routes(routes!(older_text))
}

/// A command file as it stands, or as it would be.
struct Opened {
    key: ConfigKey,
    file_name: String,
    /// `None` where it is not there: index 0 always may be.
    version: Option<Version>,
    file: CommandFile,
}

impl Opened {
    fn etag(&self) -> Option<String> {
        self.version.as_ref().map(|version| version.0.clone())
    }

    fn config(&self, lang: Lang) -> CommandConfig {
        CommandConfig {
            mode: self.key.mode,
            config_index: self.key.index,
            config_name: name(self.key.index, lang),
            file_name: self.file_name.clone(),
            exists: self.version.is_some(),
            etag: self.etag(),
            queues: queues(&self.file),
            findings: findings(&self.file, lang),
        }
    }

    fn text(&self, lang: Lang) -> CommandText {
        CommandText {
            mode: self.key.mode,
            config_index: self.key.index,
            config_name: name(self.key.index, lang),
            file_name: self.file_name.clone(),
            exists: self.version.is_some(),
            etag: self.etag(),
            text: self.file.to_string(),
            findings: findings(&self.file, lang),
        }
    }
}

/// Opens a command file. Of index 0 there is always one, if only in name.
fn open(app: &App, key: ConfigKey) -> Result<Opened, ApiError> {
    let path = app.command_path(key);
    let (version, file) = match commands::load(&path, key.mode) {
        Ok(Loaded { file, version }) => (Some(version), file),
        Err(error) if error.is_not_found() && key.index == 0 => (None, command::parse("", key.mode)),
        Err(error) if error.is_not_found() => return Err(no_such_config(key)),
        Err(error) => return Err(ApiError::of_file(error)),
    };
    Ok(Opened {
        key,
        file_name: file_name(&path),
        version,
        file,
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// `config 1` is index 0.
fn name(index: u32, lang: Lang) -> String {
    let number = u64::from(index) + 1;
    match lang {
        Lang::En => format!("config {number}"),
        Lang::Zh => format!("配置 {number}"),
    }
}

fn named(listed: &Listed, lang: Lang) -> CommandFileName {
    CommandFileName {
        index: listed.key.index,
        name: name(listed.key.index, lang),
        file_name: file_name(&listed.path),
        exists: listed.exists,
    }
}

fn queues(file: &CommandFile) -> Vec<CommandQueue> {
    file.queues().into_iter().map(CommandQueue::from).collect()
}

fn findings(file: &CommandFile, lang: Lang) -> Vec<FindingAnswer> {
    file.findings()
        .iter()
        .map(|finding| FindingAnswer::new(finding, lang))
        .collect()
}

pub(crate) fn no_such_config(ConfigKey { mode, index }: ConfigKey) -> ApiError {
    ApiError::not_found(
        "no_such_config",
        format!("there is no command file {mode} {index}"),
        format!("没有配置 {mode} {index}"),
    )
}

/// The command files of a mode.
#[utoipa::path(
    get, path = "/api/commands/{mode}/list", params(ModePath), responses((status = 200, body = CommandFileList)),
)]
async fn list(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    ModePath(mode): ModePath,
) -> Result<Json<CommandFileList>, ApiError> {
    let look = move |app: &Arc<App>| {
        let listed = commands::list(&app.root, &app.rules(), mode)?;
        Ok(Json(CommandFileList {
            mode,
            configs: listed.iter().map(|listed| named(listed, lang)).collect(),
        }))
    };
    app.blocking(look).await
}

/// The command files of a mode with their queues. One that cannot be read says why.
#[utoipa::path(
    get, path = "/api/commands/{mode}/all", params(ModePath), responses((status = 200, body = CommandFiles)),
)]
async fn all(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    ModePath(mode): ModePath,
) -> Result<Json<CommandFiles>, ApiError> {
    let look = move |app: &Arc<App>| {
        let listed = commands::list(&app.root, &app.rules(), mode)?;
        Ok(Json(CommandFiles {
            mode,
            configs: listed.iter().map(|listed| content(app, listed, lang)).collect(),
        }))
    };
    app.blocking(look).await
}

fn content(app: &App, listed: &Listed, lang: Lang) -> CommandFileContent {
    let CommandFileName {
        index,
        name,
        file_name,
        exists,
    } = named(listed, lang);
    let (etag, queues, findings, error) = match open(app, listed.key) {
        Ok(opened) => (opened.etag(), queues(&opened.file), findings(&opened.file, lang), None),
        Err(error) => (None, Vec::new(), Vec::new(), Some(error.message.get(lang).to_owned())),
    };
    CommandFileContent {
        index,
        name,
        file_name,
        exists,
        etag,
        queues,
        findings,
        error,
    }
}

/// One command file as queues.
#[utoipa::path(
    get, path = "/api/commands/{mode}", params(Config),
    responses(
        (status = 200, body = CommandConfig, headers(("ETag" = String, description = "The file's version."))),
        (status = 409, description = "The file cannot be read; the answer names the line."),
    ),
)]
async fn config(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Config(key): Config,
) -> Result<(Tag, Json<CommandConfig>), ApiError> {
    let look = move |app: &Arc<App>| {
        let opened = open(app, key)?;
        Ok((Tag(opened.etag()), Json(opened.config(lang))))
    };
    app.blocking(look).await
}

/// Puts these queues into a command file, in this order. Comments and layout stay with their blocks, and what is unchanged
/// keeps its bytes.
#[utoipa::path(
    put, path = "/api/commands/{mode}", params(Config, IfMatch), request_body = CommandConfigUpdate,
    responses(
        (status = 200, body = CommandSaved, headers(("ETag" = String, description = "The file's new version."))),
        (status = 409, description = "Somebody else has changed the file, or it cannot be read."),
    ),
)]
async fn save_config(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Config(key): Config,
    if_match: IfMatch,
    Body(body): Body<Value>,
) -> Result<(Tag, Json<CommandSaved>), ApiError> {
    let save = move |app: &Arc<App>| {
        let drafts = drafts(&body, key.mode)?;
        // Without `If-Match` the queues are put into whatever stands there; an edit in between only means another look.
        loop {
            let opened = open(app, key)?;
            let stale = |now: &Opened| ApiError::stale(now.etag(), &now.config(lang));
            let Some(expected) = if_match.expects(opened.version.as_ref()) else {
                return Err(stale(&opened));
            };
            let text = command::edit(&opened.file, &drafts).map_err(ApiError::fields)?;
            match commands::save(&app.command_path(key), &text, opened.version.as_ref()) {
                Ok(version) => {
                    let file = command::parse(&text, key.mode);
                    app.follow_binding(key, &file);
                    return Ok(saved(key, version, &file, lang));
                }
                Err(StoreError::Conflict { .. } | StoreError::Exists { .. }) if expected.is_none() => {}
                Err(StoreError::Conflict { .. } | StoreError::Exists { .. }) => return Err(stale(&open(app, key)?)),
                Err(error) => return Err(ApiError::of_file(error)),
            }
        }
    };
    app.blocking(save).await
}

fn drafts(body: &Value, mode: Mode) -> Result<Vec<command::QueueDraft>, ApiError> {
    let keys = body.as_object().into_iter().flat_map(|object| object.keys());
    let unknown = keys.filter(|key| *key != "queues").map(|key| {
        FieldError::new(
            key,
            "unknown_key",
            "is not known here: there is queues",
            "没有这个字段；可用的有 queues",
        )
    });
    let unknown: Vec<FieldError> = unknown.collect();
    if !unknown.is_empty() {
        return Err(ApiError::fields(unknown));
    }
    command::drafts(&body["queues"], mode).map_err(ApiError::fields)
}

fn saved(key: ConfigKey, version: Version, file: &CommandFile, lang: Lang) -> (Tag, Json<CommandSaved>) {
    let queues_count = file.queues().len() as u32;
    let answer = CommandSaved {
        message: match lang {
            Lang::En => format!("{} is saved", name(key.index, lang)),
            Lang::Zh => format!("{}已保存", name(key.index, lang)),
        },
        mode: key.mode,
        config_index: key.index,
        queues_count,
        etag: version.0.clone(),
        findings: findings(file, lang),
    };
    (Tag(Some(version.0)), Json(answer))
}

/// One command file as text.
#[utoipa::path(
    get, path = "/api/commands/{mode}/text", params(Config),
    responses(
        (status = 200, body = CommandText, headers(("ETag" = String, description = "The file's version."))),
        (status = 409, description = "The file cannot be read; the answer names the line."),
    ),
)]
async fn text(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Config(key): Config,
) -> Result<(Tag, Json<CommandText>), ApiError> {
    let look = move |app: &Arc<App>| {
        let opened = open(app, key)?;
        Ok((Tag(opened.etag()), Json(opened.text(lang))))
    };
    app.blocking(look).await
}

/// Puts a text into a command file, or only checks it. What the parser finds does not keep it from being saved.
#[utoipa::path(
    put, path = "/api/commands/{mode}/text", params(Config, IfMatch), request_body = CommandTextUpdate,
    responses(
        (status = 200, body = CommandTextSaved, headers(("ETag" = String, description = "The text's version."))),
        (status = 409, description = "Somebody else has changed the file, or it cannot be written."),
    ),
)]
async fn save_text(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Config(key): Config,
    if_match: IfMatch,
    Body(CommandTextUpdate { text, dry_run }): Body<CommandTextUpdate>,
) -> Result<(Tag, Json<CommandTextSaved>), ApiError> {
    let save = move |app: &Arc<App>| {
        refuse_nul(&text)?;
        let path = app.command_path(key);
        let current = commands::version(&path);
        if current.is_none() && key.index != 0 {
            // It is not there, or cannot be read: the error says which. What cannot be read is not written over.
            open(app, key)?;
        }
        let stale = || open(app, key).map(|now| ApiError::stale(now.etag(), &now.text(lang)));
        let Some(expected) = if_match.expects(current.as_ref()) else {
            return Err(stale()?);
        };
        let version = if dry_run {
            Version::of(text.as_bytes())
        } else {
            open(app, key)?;
            match commands::save(&path, &text, expected.as_ref()) {
                Ok(version) => {
                    app.follow_binding(key, &command::parse(&text, key.mode));
                    version
                }
                Err(StoreError::Conflict { .. } | StoreError::Exists { .. }) => return Err(stale()?),
                Err(error) => return Err(ApiError::of_file(error)),
            }
        };
        let file = command::parse(&text, key.mode);
        let queues = queues(&file);
        let message = match (dry_run, lang) {
            (true, _) => lang.pick("checked; nothing was saved", "已检查，未保存").to_owned(),
            (false, Lang::En) => format!("{} is saved", name(key.index, lang)),
            (false, Lang::Zh) => format!("{}已保存", name(key.index, lang)),
        };
        Ok((
            Tag(Some(version.0.clone())),
            Json(CommandTextSaved {
                message,
                mode: key.mode,
                config_index: key.index,
                saved: !dry_run,
                etag: version.0,
                findings: findings(&file, lang),
                queues_count: queues.len() as u32,
                queues,
            }),
        ))
    };
    app.blocking(save).await
}

/// A file with a NUL in it is no text, and would not be read again.
fn refuse_nul(text: &str) -> Result<(), ApiError> {
    let Some(at) = text.find('\0') else { return Ok(()) };
    let line = text[..at].matches('\n').count() + 1;
    Err(ApiError::field(
        "text",
        "nul",
        format!("has a NUL character in line {line}"),
        format!("第 {line} 行含有 NUL 字符"),
    ))
}

/// A new, empty command file, with the lowest index that is free.
#[utoipa::path(
    post, path = "/api/commands/{mode}/new", params(ModePath), responses((status = 200, body = CommandCreated)),
)]
async fn create(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    ModePath(mode): ModePath,
) -> Result<Json<CommandCreated>, ApiError> {
    let make = move |app: &Arc<App>| {
        let made = commands::create(&app.root, &app.rules(), mode).map_err(ApiError::of_file)?;
        let config = named(&made, lang);
        Ok(Json(CommandCreated {
            message: match lang {
                Lang::En => format!("{} is there: {}", config.name, config.file_name),
                Lang::Zh => format!("已创建{}：{}", config.name, config.file_name),
            },
            config,
        }))
    };
    app.blocking(make).await
}

/// Deletes a command file that does not run. Its text is kept among its versions; index 0 always stays.
#[utoipa::path(
    delete, path = "/api/commands/{mode}/{config_index}",
    params(
        ModePath,
        ("config_index" = u32, Path, description = "Index of the command file, above 0."),
        IfMatch,
    ),
    responses(
        (status = 200, body = CommandDeleted),
        (status = 409, description = "Its scheduler runs, it is index 0, or somebody else has changed it."),
        (status = 422, description = ""),
    ),
)]
async fn delete(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    ModePath(mode): ModePath,
    UrlPath((_, index)): UrlPath<(String, String)>,
    if_match: IfMatch,
) -> Result<Json<CommandDeleted>, ApiError> {
    let remove = move |app: &Arc<App>| {
        let index = index.parse().map_err(|_| {
            ApiError::not_found(
                "no_such_config",
                "the config index is a whole number from 0",
                "配置序号应为从 0 开始的整数",
            )
        })?;
        let key = ConfigKey { mode, index };
        if index == 0 {
            return Err(ApiError::conflict(
                "first_config",
                "the command file of index 0 stays; empty it instead",
                "不能删除第一个配置；可以清空它",
            ));
        }
        let path = app.command_path(key);
        // Held while it goes, so that no scheduler starts on it meanwhile.
        let _place = match Place::take_briefly(&app.host, app.root.path(), &key.to_string()) {
            Ok(place) => place,
            Err(PlaceError::Held { holder, .. }) => return Err(runs(key, holder.pid)),
            Err(PlaceError::Failed(error)) => return Err(error.into()),
        };
        // A file that cannot be read as text can be deleted all the same, when nobody says what they expect.
        let current = commands::version(&path);
        if !path.exists() {
            return Err(no_such_config(key));
        }
        let stale = || open(app, key).map(|now| ApiError::stale(now.etag(), &now.config(lang)));
        let Some(expected) = if_match.expects(current.as_ref()) else {
            return Err(stale()?);
        };
        match commands::delete(&path, expected.as_ref()) {
            // The file is gone, whatever becomes of its bindings.
            Ok(()) => {
                if let Err(error) = app.bindings.forget(key) {
                    tracing::error!("the log bindings of {key} are still there: {error}");
                }
            }
            Err(StoreError::Conflict { .. }) => return Err(stale()?),
            Err(error) if error.is_not_found() => return Err(no_such_config(key)),
            Err(error) => return Err(ApiError::of_file(error)),
        }
        let config = CommandFileName {
            index,
            name: name(index, lang),
            file_name: file_name(&path),
            exists: false,
        };
        Ok(Json(CommandDeleted {
            message: match lang {
                Lang::En => format!("{} is deleted", config.name),
                Lang::Zh => format!("{}已删除", config.name),
            },
            config,
        }))
    };
    app.blocking(remove).await
}

fn runs(ConfigKey { mode, index }: ConfigKey, pid: i32) -> ApiError {
    ApiError::conflict(
        "running",
        format!("the scheduler {mode} {index} runs (pid {pid}): stop it first"),
        format!("调度器 {mode} {index} 正在运行（pid {pid}）：请先停止它"),
    )
}

/// Brings back the version before the last save. What stands there now takes its place: a second reset undoes the first.
#[utoipa::path(
    post, path = "/api/commands/{mode}/reset", params(Config, IfMatch),
    responses(
        (status = 200, body = CommandSaved, headers(("ETag" = String, description = "The file's new version."))),
        (status = 404, description = "There is no such command file, or nothing before it."),
        (status = 409, description = "Somebody else has changed the file, or it cannot be read."),
    ),
)]
async fn reset(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Config(key): Config,
    if_match: IfMatch,
) -> Result<(Tag, Json<CommandSaved>), ApiError> {
    let bring_back = move |app: &Arc<App>| {
        let opened = open(app, key)?;
        let stale = |now: &Opened| ApiError::stale(now.etag(), &now.config(lang));
        let Some(expected) = if_match.expects(opened.version.as_ref()) else {
            return Err(stale(&opened));
        };
        match commands::reset(&app.command_path(key), key.mode, expected.as_ref()) {
            Ok(Loaded { file, version }) => {
                app.follow_binding(key, &file);
                Ok(saved(key, version, &file, lang))
            }
            Err(StoreError::Conflict { .. }) => Err(stale(&open(app, key)?)),
            Err(error) if error.is_not_found() => Err(ApiError::not_found(
                "no_backup",
                "there is no version before this one",
                "没有更早的版本可恢复",
            )),
            Err(error) => Err(ApiError::of_file(error)),
        }
    };
    app.blocking(bring_back).await
}

/// Older versions of a command file, newest first.
#[utoipa::path(
    get, path = "/api/commands/{mode}/versions", operation_id = "versions", params(Config),
    responses((status = 200, body = CommandVersions)),
)]
async fn older(State(app): State<Arc<App>>, Config(key): Config) -> Result<Json<CommandVersions>, ApiError> {
    let look = move |app: &Arc<App>| {
        let versions = versions::list(&app.command_path(key))?;
        let version = |older: versions::Older| CommandVersion {
            id: older.id,
            written_at: older.written_at,
            size: older.size,
        };
        Ok(Json(CommandVersions {
            mode: key.mode,
            config_index: key.index,
            versions: versions.into_iter().map(version).collect(),
        }))
    };
    app.blocking(look).await
}

/// The text of an older version.
#[utoipa::path(
    get, path = "/api/commands/{mode}/versions/{id}", operation_id = "version",
    params(Config, ("id" = String, Path, description = "The version, by its id.")),
    responses((status = 200, body = CommandVersionText)),
)]
async fn older_text(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Config(key): Config,
    UrlPath((_, id)): UrlPath<(String, String)>,
) -> Result<Json<CommandVersionText>, ApiError> {
    let look = move |app: &Arc<App>| {
        let found = versions::load(&app.command_path(key), &id).map_err(ApiError::of_file)?;
        let (older, text) =
            found.ok_or_else(|| ApiError::not_found("no_such_version", "there is no such version", "没有这个版本"))?;
        Ok(Json(CommandVersionText {
            id: older.id,
            written_at: older.written_at,
            findings: findings(&command::parse(&text, key.mode), lang),
            text,
        }))
    };
    app.blocking(look).await
}
