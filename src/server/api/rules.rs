//! `/api/config`: the rules.
use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use gpuyard_core::{
    formats::rules,
    model::{Lang, Rules},
    policy::Warning,
    wire::{RulesAnswer, RulesChange, RulesPreview, RulesSaved},
};
use gpuyard_store::{StoreError, rules::LoadedRules};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::ApiError,
    extract::Body,
    if_match::{IfMatch, Tag},
    preview,
};

/// Keys that a running scheduler does not follow: it keeps the command file that it was started with.
const AT_START: [&str; 2] = ["gpu_command_file", "gpus_command_file"];

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(rules, change))
        .routes(routes!(preview_change))
}

/// The rules.
#[utoipa::path(
    get, path = "/api/config", operation_id = "config",
    responses(
        (status = 200, body = RulesAnswer, headers(("ETag" = String, description = "The file's version."))),
        (status = 409, description = "The rules file cannot be read; the answer names the line."),
    ),
)]
async fn rules(State(app): State<Arc<App>>) -> Result<(Tag, Json<RulesAnswer>), ApiError> {
    app.blocking(|app| {
        let loaded = load(app)?;
        Ok((Tag(Some(loaded.version.0)), Json(RulesAnswer(loaded.rules))))
    })
    .await
}

fn load(app: &App) -> Result<LoadedRules, ApiError> {
    gpuyard_store::rules::load_versioned(&app.rules_path()).map_err(ApiError::of_file)
}

/// Changes some rules. Comments, order and all other keys of the file stay; running schedulers follow.
#[utoipa::path(
    put, path = "/api/config", params(IfMatch), request_body = RulesChange,
    responses(
        (status = 200, body = RulesSaved, headers(("ETag" = String, description = "The file's new version."))),
        (status = 409, description = "Somebody else has changed the rules, or the file cannot be read or edited."),
    ),
)]
async fn change(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    if_match: IfMatch,
    Body(RulesChange(change)): Body<RulesChange>,
) -> Result<(Tag, Json<RulesSaved>), ApiError> {
    let save = move |app: &Arc<App>| {
        let before = load(app)?;
        let expected = if_match.expects(Some(&before.version)).ok_or_else(|| stale(&before))?;
        check(&change, &before)?;
        let after = match gpuyard_store::rules::edit(&app.rules_path(), &change, expected.as_ref()) {
            Ok(after) => after,
            Err(StoreError::Conflict { .. }) => return Err(stale(&load(app)?)),
            // Someone changed a rule that this one does not go with, between our look and the save.
            Err(StoreError::Fields { problems, .. }) => {
                return Err(ApiError::fields(
                    problems.into_iter().map(|problem| problem.error).collect(),
                ));
            }
            Err(error) => return Err(ApiError::of_file(error)),
        };
        let changed = |key: &&str| before.tree.get(*key) != after.tree.get(*key);
        Ok((
            Tag(Some(after.version.0.clone())),
            Json(RulesSaved {
                status: "success".into(),
                requires_restart: AT_START
                    .iter()
                    .filter(|key| changed(key))
                    .map(|key| (*key).to_owned())
                    .collect(),
                warnings: warnings(app, &after.rules, lang),
                data: RulesAnswer(after.rules),
            }),
        ))
    };
    app.blocking(save).await
}

/// The rules as a change would make them.
fn check(change: &Map<String, Value>, before: &LoadedRules) -> Result<Rules, ApiError> {
    rules::check_change(change, &before.rules).map_err(ApiError::fields)
}

fn stale(now: &LoadedRules) -> ApiError {
    ApiError::stale(Some(now.version.0.clone()), &RulesAnswer(now.rules.clone()))
}

/// What is odd about rules on this machine, and no error.
fn warnings(app: &App, rules: &Rules, lang: Lang) -> Vec<String> {
    let mut warnings = Vec::new();
    let work_dir = app.root.work_dir(rules);
    if !work_dir.is_dir() {
        let shown = work_dir.display();
        warnings.push(match lang {
            Lang::En => format!("work_dir: {shown} is not a folder here; no scheduler starts until it is"),
            Lang::Zh => format!("work_dir：{shown} 目前不是文件夹；创建之前调度器无法启动"),
        });
    }
    if let (Some(snapshot), false) = (app.gpus.latest().0, rules.use_all_gpus) {
        let missing = rules
            .compete_gpus
            .iter()
            .filter(|index| !snapshot.gpus.iter().any(|gpu| gpu.index == **index));
        warnings.extend(missing.map(|&index| Warning::NoSuchGpu { index }.text(lang)));
    }
    warnings
}

/// What rules would do, before they are saved (without a body: those that stand): which heads would start now and on which GPUs, which would wait and why.
#[utoipa::path(
    post, path = "/api/config/preview", operation_id = "preview", request_body = Option<RulesChange>,
    responses(
        (status = 200, body = RulesPreview),
        (status = 409, description = "The rules file, which the change builds on, cannot be read."),
    ),
)]
async fn preview_change(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Body(RulesChange(change)): Body<RulesChange>,
) -> Result<Json<RulesPreview>, ApiError> {
    app.gpus.first_reading().await;
    let look = move |app: &Arc<App>| {
        let rules = check(&change, &load(app)?)?;
        let mut preview = preview::preview(app, &rules, lang)?;
        preview.warnings = warnings(app, &rules, lang);
        Ok(Json(preview))
    };
    app.blocking(look).await
}
