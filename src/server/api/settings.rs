//! `/api/settings`: the daemon's settings.
mod words;

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use gpuyard_core::{
    formats::settings,
    model::{Lang, Settings},
    wire::{Setting, SettingsAnswer, SettingsChange, SettingsSaved},
};
use gpuyard_store::{StoreError, settings::LoadedSettings};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::ApiError,
    extract::Body,
    guard::secret::is_well_known,
    if_match::{IfMatch, Tag},
    listen,
    settings::is_for_start,
};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(all, change))
}

/// Every setting. The secret itself is never sent.
#[utoipa::path(
    get, path = "/api/settings", operation_id = "settings",
    responses(
        (status = 200, body = SettingsAnswer, headers(("ETag" = String, description = "The file's version."))),
        (status = 409, description = "The settings file cannot be read; the answer names the line."),
    ),
)]
async fn all(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
) -> Result<(Tag, Json<SettingsAnswer>), ApiError> {
    let look = move |app: &Arc<App>| {
        let loaded = load(app)?;
        Ok((Tag(Some(loaded.version.0.clone())), Json(answer(app, &loaded, lang))))
    };
    app.blocking(look).await
}

fn load(app: &App) -> Result<LoadedSettings, ApiError> {
    gpuyard_store::settings::load_versioned(&app.root.settings_path()).map_err(ApiError::of_file)
}

fn answer(app: &App, loaded: &LoadedSettings, lang: Lang) -> SettingsAnswer {
    let (file, started) = (values(&loaded.settings), values(app.settings.started()));
    let setting = |(key, value): (&String, &Value)| {
        let requires_restart = is_for_start(key);
        let shown = match key.as_str() {
            // An empty one is no secret, and says that there is none.
            "secret" if loaded.settings.requires_secret() => Value::Null,
            "secret" => Value::String(String::new()),
            _ => value.clone(),
        };
        let setting = Setting {
            value: shown,
            requires_restart,
            warning: words::warning(key, lang).map(str::to_owned),
            description: words::description(key, lang).to_owned(),
            pending: requires_restart && started.get(key) != Some(value),
        };
        (key.clone(), setting)
    };
    SettingsAnswer(file.iter().map(setting).collect())
}

/// Every key with its value.
fn values(settings: &Settings) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

/// Changes some settings. Comments, order and all other keys of the file stay. What needs no restart is in force when this
/// answers; a changed secret ends every login.
#[utoipa::path(
    put, path = "/api/settings", params(IfMatch), request_body = SettingsChange,
    responses(
        (status = 200, body = SettingsSaved, headers(("ETag" = String, description = "The file's new version."))),
        (status = 409, description = "Somebody else has changed the settings, or the file cannot be read or edited."),
    ),
)]
async fn change(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    if_match: IfMatch,
    Body(SettingsChange(change)): Body<SettingsChange>,
) -> Result<(Tag, Json<SettingsSaved>), ApiError> {
    let save = move |app: &Arc<App>| {
        let before = load(app)?;
        let stale = |now: &LoadedSettings| ApiError::stale(Some(now.version.0.clone()), &answer(app, now, lang));
        let expected = if_match.expects(Some(&before.version)).ok_or_else(|| stale(&before))?;
        let wanted = settings::check_change(&change, &before.settings).map_err(ApiError::fields)?;
        if app.guard.must_not_go_without(&wanted) {
            return Err(ApiError::field(
                "secret",
                "root",
                "must not be empty: this daemon runs as root",
                "不能为空：守护进程以 root 身份运行",
            ));
        }
        let after = match gpuyard_store::settings::edit(&app.root.settings_path(), &change, expected.as_ref()) {
            Ok(after) => after,
            Err(StoreError::Conflict { .. }) => return Err(stale(&load(app)?)),
            // Someone changed a setting that this one does not go with, between our look and the save.
            Err(StoreError::Fields { problems, .. }) => {
                return Err(ApiError::fields(
                    problems.into_iter().map(|problem| problem.error).collect(),
                ));
            }
            Err(error) => return Err(ApiError::of_file(error)),
        };
        app.follow_settings(after.settings.clone());
        let (old, new) = (values(&before.settings), values(&after.settings));
        let changed: Vec<&str> = new
            .iter()
            .filter(|(key, value)| old.get(*key) != Some(value))
            .map(|(key, _)| key.as_str())
            .collect();
        Ok((
            Tag(Some(after.version.0)),
            Json(SettingsSaved {
                message: lang.pick("the settings are saved", "设置保存成功").into(),
                requires_restart: changed
                    .iter()
                    .filter(|key| is_for_start(key))
                    .map(|&key| key.to_owned())
                    .collect(),
                warnings: warnings(app, &changed, &after.settings, lang),
            }),
        ))
    };
    app.blocking(save).await
}

/// What to mind about what was changed.
fn warnings(app: &App, changed: &[&str], now: &Settings, lang: Lang) -> Vec<String> {
    let mut warnings: Vec<String> = changed
        .iter()
        .filter_map(|key| words::warning(key, lang).map(str::to_owned))
        .collect();
    let mut warn = |en: &str, zh: &str| warnings.push(lang.pick(en, zh).to_owned());
    if changed.contains(&"secret") {
        if !now.requires_secret() {
            warn(
                "there is no secret any more: from now on only the daemon's own user on this machine is served, unless allow-anonymous is true",
                "已不再有密钥：除非 allow-anonymous 为 true，今后只接受本机守护进程用户的访问",
            );
        } else if is_well_known(&now.secret) {
            warn(
                "this secret is one that everyone knows, so only this machine is served; choose another one",
                "这是众所周知的密钥，因此只接受本机访问；请换一个",
            );
        }
    }
    // It listens where it did at its start, whatever is in the file now.
    let held = |settings: &Settings| listen::address(settings).ok().map(|(ip, _)| ip);
    if ["secret", "allow-anonymous"].iter().any(|key| changed.contains(key))
        && held(app.settings.started()) != held(now)
    {
        warn(
            "where the daemon listens (this machine only, or the network) follows at its next start",
            "监听范围（仅本机或局域网）将在下次启动时随之改变",
        );
    }
    warnings
}
