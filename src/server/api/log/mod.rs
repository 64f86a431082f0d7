//! `/api/log/*`.
mod bind;
mod content;
mod download;
mod search;
pub(crate) mod stream;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// The paths of this folder.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(bind::paths())
        .merge(content::paths())
        .merge(download::paths())
        .merge(search::paths())
        .merge(stream::paths())
}
