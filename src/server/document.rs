//! The API's OpenAPI document, made from the handlers' own annotations, with what all calls have in common filled in.
//!
//! Handlers say what is theirs: method, path, parameters, body, answer, and errors of their own (404, 409). What follows
//! from the layers around them (401, 421, 429, …), from having a body, or from `Option` is added here, so that no handler
//! repeats it or forgets it.
use gpuyard_core::wire::ErrorAnswer;
use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder},
};

use crate::{api::pages::API_VERSION, guard::access::is_open};

/// For people who open the document.
const ABOUT: &str = "\
Everything that the dashboard does, for programs.

**Secret.** Log in (`POST /api/auth/login`) for a token, or send the secret of `control_setting.yaml` itself: \
`Authorization: Bearer …`. No cookies, no CORS. Calls without a padlock are open.

**Errors.** Every failed call answers `{\"success\": false, \"code\": …, \"message\": …}` with a fitting status; 422 \
names each field in `errors`. Programs go by `code`, people read `message`.

**Language.** `Accept-Language: zh` or `en` picks the language of every `message` and `text`; without it the daemon's \
own `language` setting does. 消息的语言由 `Accept-Language`（`zh` 或 `en`）决定。

**Units.** Memory is bytes (`memory_gb` and a command file's `memory` are GiB), times are RFC 3339. What is unknown is \
`null`, never 0 and never left out.";

/// A response that calls have in common: its name, its status, and what it means.
const RESPONSES: [(&str, u16, &str); 10] = [
    (
        "BadRequest",
        400,
        "The body is not JSON, or the request cannot be understood.",
    ),
    (
        "Unauthorized",
        401,
        "No secret, a wrong one, or a login that has ended.",
    ),
    (
        "Forbidden",
        403,
        "A daemon without a secret: another user, or a page of another origin.",
    ),
    ("NotFound", 404, "There is no such thing."),
    ("Conflict", 409, "Not possible in the state that things are in."),
    ("TooLarge", 413, "The body is larger than 1 MiB."),
    (
        "WrongHost",
        421,
        "This machine does not know itself by the name in `Host`; see `trusted-hosts`.",
    ),
    (
        "Invalid",
        422,
        "What was sent makes no sense; `errors` says which field and why.",
    ),
    (
        "SlowDown",
        429,
        "Too many wrong tries from this address; `Retry-After` says how long to wait.",
    ),
    (
        "Unavailable",
        503,
        "It was not answered in time, or whom it needs does not answer.",
    ),
];

/// The document before any path: what the API is, and the shape of its errors.
pub(crate) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("gpuyard")
        .version(API_VERSION)
        .description(Some(ABOUT));
    let mut schemas = Vec::new();
    ErrorAnswer::schemas(&mut schemas);
    schemas.push((ErrorAnswer::name().into_owned(), ErrorAnswer::schema()));
    OpenApiBuilder::new()
        .info(info.build())
        .components(Some(ComponentsBuilder::new().schemas_from_iter(schemas).build()))
        .build()
}

/// The document of all paths, as it is served.
pub(crate) fn complete(paths: OpenApi) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(paths)?;
    if let Some(info) = document["info"].as_object_mut() {
        info.remove("license");
    }
    each_object(&mut document, &|object| {
        bound(object);
        for_readers_of_json(object);
        // A map's keys are text in JSON, whatever they are read as.
        object.remove("propertyNames");
    });
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.values_mut().for_each(nullable_is_required);
        schemas.values_mut().for_each(left_out_is_unchanged);
    }
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                complete_operation(path, operation);
            }
        }
    }
    document["components"]["responses"] = RESPONSES.iter().map(response).collect::<Map<_, _>>().into();
    document["components"]["securitySchemes"] = json!({
        "secret": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token of a login, or the secret of control_setting.yaml.",
        }
    });
    Ok(document)
}

fn response((name, _, description): &(&str, u16, &str)) -> (String, Value) {
    let shape = json!({"$ref": "#/components/schemas/ErrorAnswer"});
    let mut response = json!({"description": description, "content": {"application/json": {"schema": shape}}});
    if *name == "SlowDown" {
        response["headers"] = json!({
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
        });
    }
    ((*name).to_owned(), response)
}

fn complete_operation(path: &str, operation: &mut Map<String, Value>) {
    // `/api/gpu/state` belongs to `gpu`; its handler is called `state`, and many are.
    let noun = path
        .trim_start_matches("/api/")
        .split(['/', '.'])
        .next()
        .unwrap_or_default();
    let handler = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let id = if handler == noun {
        noun.to_owned()
    } else {
        format!("{noun}_{handler}")
    };
    operation.insert("operationId".into(), id.into());
    operation.insert("tags".into(), json!([noun]));

    let parameters = operation
        .get("parameters")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let takes = |place: &str| parameters.iter().any(|parameter| parameter["in"] == place);
    let has_body = operation.contains_key("requestBody");
    let mut statuses = vec![421, 503];
    if !is_open(path) {
        operation.insert("security".into(), json!([{"secret": []}]));
        statuses.extend([401, 403, 429]);
    }
    if has_body {
        statuses.extend([400, 413, 422]);
    }
    if takes("query") {
        statuses.push(422);
    }
    if takes("path") {
        statuses.push(404);
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    // A handler names its own errors by status alone, or with a word of its own about what they mean.
    for (name, status, _) in RESPONSES {
        let key = status.to_string();
        let own = responses.get(&key).and_then(|own| own["description"].as_str());
        match own {
            None if !statuses.contains(&status) => {}
            None | Some("") => {
                responses.insert(key, json!({"$ref": format!("#/components/responses/{name}")}));
            }
            Some(own) if responses[&key].get("content").is_none() => {
                let (_, mut common) = response(&(name, status, own));
                common["description"] = own.into();
                responses.insert(key, common);
            }
            Some(_) => {}
        }
    }
}

/// Does something with every object of the document.
fn each_object(value: &mut Value, act: &impl Fn(&mut Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            act(map);
            map.values_mut().for_each(|inner| each_object(inner, act));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| each_object(inner, act)),
        _ => {}
    }
}

/// Says how large a number may be: programs that are made from the document know no `uint32`.
fn bound(schema: &mut Map<String, Value>) {
    let Some(format) = schema.get("format").and_then(Value::as_str) else {
        return;
    };
    let format = format.replace("u-int", "uint");
    let (least, most) = match format.as_str() {
        "uint8" => (json!(0), json!(u8::MAX)),
        "uint16" => (json!(0), json!(u16::MAX)),
        "uint32" => (json!(0), json!(u32::MAX)),
        "uint64" => (json!(0), json!(u64::MAX)),
        "int32" => (json!(i32::MIN), json!(i32::MAX)),
        _ => return,
    };
    schema.insert("format".into(), format.into());
    schema.entry("minimum").or_insert(least);
    schema.entry("maximum").or_insert(most);
}

/// Descriptions are doc comments: what is `None` there is `null` here, and links to code lead nowhere.
fn for_readers_of_json(object: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.replace("`None`", "`null`").replace("[`", "`").replace("`]", "`");
    }
}

/// What may be left out of a body that is sent has no default to be filled in by programs: a change would then carry every
/// key.
fn left_out_is_unchanged(schema: &mut Value) {
    if schema.get("additionalProperties") != Some(&json!(false)) {
        return;
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(|properties| properties.values_mut()) {
        if let Some(property) = property.as_object_mut() {
            property.remove("default");
        }
    }
}

/// An answer's `Option` is `null`, never left out. In a body that is sent, what may be `null` may be left out as well: those
/// shapes refuse unknown fields, by which they are told apart.
fn nullable_is_required(schema: &mut Value) {
    if schema.get("additionalProperties") == Some(&json!(false)) {
        return;
    }
    let parts = schema.get_mut("allOf").or(None).and_then(Value::as_array_mut);
    parts.into_iter().flatten().for_each(nullable_is_required);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let is_null = |kind: &Value| kind == "null" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("null")));
    let may_be_null = |property: &Value| {
        let one_of = property.get("oneOf").and_then(Value::as_array);
        property.get("type").is_some_and(is_null)
            || one_of.is_some_and(|each| each.iter().any(|one| one.get("type").is_some_and(is_null)))
    };
    let nullable: Vec<String> = properties
        .iter()
        .filter(|(_, p)| may_be_null(p))
        .map(|(name, _)| name.clone())
        .collect();
    let mut required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| {
            names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        })
        .unwrap_or_default();
    for name in nullable {
        if !required.contains(&name) {
            required.push(name);
        }
    }
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
}
