//! `gpuyard login` and `logout`: which daemon elsewhere the client talks to, kept in `~/.config/gpuyard/config.toml`.
use std::{
    io::{self, BufRead, IsTerminal, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use gpuyard_core::wire::{LoginAnswer, LogoutAnswer};
use gpuyard_store::{Root, file};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;
use toml_edit::{DocumentMut, Item, value};

use super::{Context, Daemon};
use crate::{
    cli::LoginArgs,
    failure::{Exit, Failure},
};

/// Larger than any such file that a person wrote.
const MOST_BYTES: u64 = 1 << 20;

/// A daemon elsewhere, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Where it answers, without a slash at the end.
    pub(crate) url: String,
    /// What it is shown; none where it asks for no secret.
    pub(crate) token: Option<String>,
}

/// The client's own folder.
pub(crate) fn folder(context: &Context) -> Result<PathBuf, Failure> {
    let set = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    set("XDG_CONFIG_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("gpuyard"))
        .ok_or_else(|| {
            let (en, zh) = (
                "neither XDG_CONFIG_HOME nor HOME is set",
                "未设置 XDG_CONFIG_HOME 或 HOME",
            );
            Failure::unusable(context.lang.pick(en, zh))
        })
}

fn read(path: &Path, context: &Context) -> Result<DocumentMut, Failure> {
    let text = match file::read_text(path, MOST_BYTES) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => String::new(),
        Err(error) => return Err(Failure::unusable(error)),
    };
    text.parse().map_err(|error: toml_edit::TomlError| {
        let (shown, lang) = (path.display(), context.lang);
        Failure::unusable(say!(lang, "cannot read {shown}: {error}", "无法读取 {shown}：{error}"))
    })
}

/// The account that was logged in to last, if there is one.
pub(crate) fn account(context: &Context) -> Result<Option<Account>, Failure> {
    let document = read(&folder(context)?.join("config.toml"), context)?;
    let text = |key| {
        let item = document.get("daemon").and_then(|daemon| daemon.get(key));
        item.and_then(Item::as_str).map(str::to_owned)
    };
    Ok(text("url").map(|url| Account {
        url: plain(&url),
        token: text("token"),
    }))
}

fn plain(url: &str) -> String {
    url.trim().trim_end_matches('/').to_owned()
}

/// Writes the account; what else stands in the file stays as it is.
fn keep(context: &Context, account: Option<&Account>) -> Result<PathBuf, Failure> {
    let folder = folder(context)?;
    let path = folder.join("config.toml");
    let mut document = read(&path, context)?;
    let daemon = document["daemon"].or_insert(toml_edit::table());
    match account {
        Some(account) => {
            daemon["url"] = value(&account.url);
            match &account.token {
                Some(token) => daemon["token"] = value(token),
                None => daemon["token"] = Item::None,
            }
        }
        None => daemon["token"] = Item::None,
    }
    file::create_folder(&folder).map_err(Failure::failed)?;
    // A file that was there may be open to others; what it is about to hold is not.
    if path.exists() {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(Failure::failed)?;
    }
    file::write_atomic(&path, document.to_string().as_bytes()).map_err(Failure::failed)?;
    Ok(path)
}

/// Asks a daemon for a token and keeps it.
pub(crate) fn login(context: &Context, args: &LoginArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let (lang, url) = (context.lang, plain(&args.url));
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(Failure::new(
            Exit::Unusable,
            say!(
                lang,
                "`{url}` is no address: write it as in a browser, http://gpu-server:29214",
                "`{url}` 不是地址：请按浏览器中的写法，例如 http://gpu-server:29214"
            ),
        ));
    }
    let daemon = Daemon::elsewhere(context, &url, None);
    let check: gpuyard_core::wire::AuthCheck = daemon.get("/api/auth/check")?;
    let password = if check.requires_auth {
        secret(context)?
    } else {
        String::new()
    };
    let answer: LoginAnswer = daemon.post("/api/auth/login", &json!({"password": password}))?;
    let account = Account {
        url,
        token: answer.token,
    };
    let path = keep(context, Some(&account))?;
    let (url, shown) = (&account.url, path.display());
    writeln!(
        out,
        "{}",
        say!(
            lang,
            "logged in to {url}; the token stands in {shown}",
            "已登录 {url}；令牌保存在 {shown}"
        )
    )?;
    Ok(0)
}

/// Ends the token and forgets it.
pub(crate) fn logout(context: &Context, out: &mut dyn Write) -> Result<i32, Failure> {
    let lang = context.lang;
    let Some(account) = account(context)?.filter(|account| account.token.is_some()) else {
        return Err(context.not_found("nobody is logged in", "尚未登录"));
    };
    let told = Daemon::elsewhere(context, &account.url, account.token.clone())
        .post::<LogoutAnswer>("/api/auth/logout", &json!({}));
    keep(context, None)?;
    // A daemon that is gone, or has ended the login itself, needs no telling.
    if let Err(failure) = told {
        crate::output::note(&failure.message);
    }
    let url = &account.url;
    writeln!(out, "{}", say!(lang, "logged out of {url}", "已退出 {url}"))?;
    Ok(0)
}

/// The secret: typed without being shown, or the first line of what is piped in.
fn secret(context: &Context) -> Result<String, Failure> {
    let stdin = io::stdin();
    let mut line = String::new();
    if !stdin.is_terminal() {
        stdin.lock().read_line(&mut line).map_err(Failure::failed)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let _ = write!(io::stderr(), "{}", context.lang.pick("secret: ", "密钥："));
    let before = tcgetattr(&stdin).map_err(Failure::failed)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &quiet).map_err(Failure::failed)?;
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Flush, &before).map_err(Failure::failed)?;
    let _ = writeln!(io::stderr());
    read.map_err(Failure::failed)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The daemon elsewhere that is meant: the one that `--url` names, else, where this folder is no root, the one that was
/// logged in to. None where the root here is meant.
pub(crate) fn chosen(context: &Context) -> Result<Option<Daemon>, Failure> {
    let at_hand = context.root.join("config").is_dir();
    match &context.url {
        Some(url) => {
            let url = plain(url);
            let token = account(context)?
                .filter(|account| account.url == url)
                .and_then(|account| account.token);
            Ok(Some(Daemon::elsewhere(context, &url, token)))
        }
        // Without a home there is no account.
        None if at_hand || folder(context).is_err() => Ok(None),
        None => Ok(account(context)?.map(|account| Daemon::elsewhere(context, &account.url, account.token))),
    }
}

/// Where a verb looks, and acts.
pub(crate) enum Where {
    /// Below this root, with or without a daemon.
    Here(Root),
    /// At a daemon elsewhere.
    There(Daemon),
}

impl Where {
    /// The daemon elsewhere that is meant, else the root.
    pub(crate) fn find(context: &Context) -> Result<Where, Failure> {
        match chosen(context)? {
            Some(daemon) => Ok(Where::There(daemon)),
            None => Ok(Where::Here(context.root()?)),
        }
    }
}
