//! A client of a real cluster: which one, and who we are there.
//!
//! As kubectl finds it: `--kubeconfig`, else the files of `KUBECONFIG`, else `~/.kube/config`, else the service account
//! of the pod that this runs in. No retries: a tool call has seconds, and a server that limits requests is not asked
//! again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};

/// How long a connection may take. A read has 5 seconds in all.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a credential plugin may take.
const CREDENTIALS: Duration = Duration::from_secs(20);
/// How long the server may be silent. The limit of a read comes first; this ends what nobody waits for any more.
const SILENCE: Duration = Duration::from_secs(6);

/// Which cluster, if not the one that the environment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectSettings {
    /// The kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it.
    pub context: Option<String>,
}

/// Why there is no client, and what to do about it. No part of a kubeconfig but names and paths is told.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is nothing that says which cluster.
    #[error(
        "no cluster to connect to: there is no {}, KUBECONFIG is not set, and this does not run in a pod; \
         name a file with --kubeconfig, or use --cluster sim",
        .looked.display()
    )]
    NoCluster {
        /// The file that was looked for.
        looked: PathBuf,
    },
    /// A file cannot be read.
    #[error("kubeconfig {file}: cannot read {}: {error}; give the path of a readable file", .path.display())]
    Unreadable {
        /// Where the kubeconfig is.
        file: String,
        /// What cannot be read: the kubeconfig, or a certificate, key or token that it names.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not a kubeconfig.
    #[error("kubeconfig {file} is not a valid kubeconfig{place}; check it with `kubectl config view`")]
    Malformed {
        /// Where the kubeconfig is.
        file: String,
        /// As ` (line 3, column 5)`; empty if it is not known.
        place: String,
    },
    /// The context is not there.
    #[error("kubeconfig {file} has no context {context:?} (it has: {known}); choose one with --context")]
    UnknownContext {
        /// Where the kubeconfig is.
        file: String,
        /// What was asked for.
        context: String,
        /// The names of the contexts.
        known: String,
    },
    /// No context is chosen.
    #[error("kubeconfig {file} sets no current-context (it has: {known}); choose one with --context")]
    NoContext {
        /// Where the kubeconfig is.
        file: String,
        /// The names of the contexts.
        known: String,
    },
    /// `--context` without a kubeconfig.
    #[error(
        "--context {context:?} needs a kubeconfig, and there is no {}; name a file with --kubeconfig",
        .looked.display()
    )]
    ContextWithoutFile {
        /// What was asked for.
        context: String,
        /// The file that was looked for.
        looked: PathBuf,
    },
    /// Something in it is not right.
    #[error("kubeconfig {file}: {problem}; correct it, or choose another context with --context")]
    Unusable {
        /// Where the kubeconfig is.
        file: String,
        /// What.
        problem: String,
    },
    /// The token cannot be sent as it is.
    #[error(
        "kubeconfig {file}: the token in {} has white space around it, which cannot be sent; \
         write it without a line break, as printf does",
        .path.display()
    )]
    TokenFile {
        /// Where the kubeconfig is.
        file: String,
        /// Where the token is.
        path: PathBuf,
    },
    /// The service account of the pod is not there.
    #[error(
        "in-cluster: {0}; the pod needs a service account whose token is mounted \
         (automountServiceAccountToken: true), or name a file with --kubeconfig"
    )]
    InCluster(String),
    /// The client cannot be made of it: certificates, keys, plugins.
    #[error(
        "{from}: {problem}; check certificate, key and user of the context with `kubectl get --raw /version`"
    )]
    Client {
        /// Where the settings are from.
        from: String,
        /// What.
        problem: String,
    },
}

/// A client of the cluster that these settings and the environment name. Asks nothing of it yet.
pub async fn connect(settings: &ConnectSettings) -> Result<kube::Client, ConnectError> {
    let source = source(settings, &Environment::of_process())?;
    let from = source.name();
    let config = config(source, settings.context.clone()).await?;
    // On a thread of its own: it may run a program that gives the credentials, and waits for that.
    let made = tokio::task::spawn_blocking(move || kube::Client::try_from(config));
    let problem = match tokio::time::timeout(CREDENTIALS, made).await {
        Ok(Ok(Ok(client))) => return Ok(client),
        Ok(Ok(Err(error))) => problem_of(&error),
        Ok(Err(_)) => "no client can be made of it".to_owned(),
        Err(_) => {
            let time = humantime::format_duration(CREDENTIALS);
            format!("its credential plugin gave nothing within {time}")
        }
    };
    Err(ConnectError::Client { from, problem })
}

/// Of a credential plugin neither arguments nor output are told: both may hold secrets.
fn problem_of(error: &kube::Error) -> String {
    use kube::client::AuthError;

    match error {
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
            "its proxy-url cannot be used: clusters are reached without a proxy".to_owned()
        }
        kube::Error::Auth(AuthError::AuthExecStart(error)) => {
            format!("its credential plugin cannot be started: {error}")
        }
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
            format!("its credential plugin failed with {}", out.status)
        }
        kube::Error::Auth(
            AuthError::AuthExecParse(_)
            | AuthError::ExecPluginFailed
            | AuthError::MalformedTokenExpirationDate(_)
            | AuthError::AuthExec(_),
        ) => "its credential plugin gave no credentials that can be read".to_owned(),
        error => chain(error),
    }
}

/// What the environment says of clusters.
#[derive(Debug, Default)]
struct Environment {
    kubeconfig: Option<OsString>,
    home: Option<PathBuf>,
    in_pod: bool,
}

impl Environment {
    fn of_process() -> Self {
        Self {
            kubeconfig: std::env::var_os("KUBECONFIG"),
            home: std::env::home_dir(),
            in_pod: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
        }
    }
}

/// Where the settings of the client are.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// Files, of which earlier ones come first.
    Files(Vec<PathBuf>),
    /// The service account of the pod.
    Pod,
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Files(paths) => format!("kubeconfig {}", shown(paths)),
            Self::Pod => "in-cluster".to_owned(),
        }
    }
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn source(settings: &ConnectSettings, environment: &Environment) -> Result<Source, ConnectError> {
    if let Some(path) = &settings.kubeconfig {
        return Ok(Source::Files(vec![path.clone()]));
    }
    let listed = environment.kubeconfig.as_deref().map(std::env::split_paths).into_iter().flatten();
    let listed: Vec<PathBuf> = listed.filter(|path| !path.as_os_str().is_empty()).collect();
    if !listed.is_empty() {
        return Ok(Source::Files(listed));
    }
    let looked = environment.home.as_deref().unwrap_or(Path::new("~")).join(".kube/config");
    match &settings.context {
        _ if looked.exists() => Ok(Source::Files(vec![looked])),
        Some(context) => Err(ConnectError::ContextWithoutFile { context: context.clone(), looked }),
        None if environment.in_pod => Ok(Source::Pod),
        None => Err(ConnectError::NoCluster { looked }),
    }
}

async fn config(source: Source, context: Option<String>) -> Result<Config, ConnectError> {
    let mut config = match &source {
        Source::Pod => Config::incluster_env().map_err(|error| ConnectError::InCluster(chain(&error)))?,
        Source::Files(paths) => of_files(paths, context).await?,
    };
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENCE);
    config.write_timeout = Some(SILENCE);
    // Without it the time that a pooled connection lay idle counts as silence.
    config.reset_reader_on_write = true;
    Ok(config)
}

async fn of_files(paths: &[PathBuf], context: Option<String>) -> Result<Config, ConnectError> {
    let mut merged = Kubeconfig::default();
    for path in paths {
        let one = std::slice::from_ref(path);
        let read =
            Kubeconfig::read_from(path).map_err(|error| in_words(error, one, &Kubeconfig::default()))?;
        merged = merged.merge(read).map_err(|error| in_words(error, one, &Kubeconfig::default()))?;
    }
    let names_proxy = merged
        .clusters
        .iter()
        .filter_map(|named| named.cluster.as_ref())
        .any(|cluster| cluster.proxy_url.as_deref().is_some_and(|url| !url.is_empty()));
    let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(merged.clone(), &options)
        .await
        .map_err(|error| in_words(error, paths, &merged))?;
    check_token_file(&config, paths)?;
    if !names_proxy {
        // kube takes HTTPS_PROXY for the way to every cluster, whatever NO_PROXY says; clusters are mostly nearer.
        config.proxy_url = None;
    }
    Ok(config)
}

/// kube sends what is in the file as it is, and with a line break no request can be made at all.
fn check_token_file(config: &Config, paths: &[PathBuf]) -> Result<(), ConnectError> {
    let Some(path) = config.auth_info.token_file.as_ref().map(PathBuf::from) else { return Ok(()) };
    let file = shown(paths);
    match std::fs::read_to_string(&path) {
        Err(error) => Err(ConnectError::Unreadable { file, path, error }),
        Ok(token) if token.trim() != token => Err(ConnectError::TokenFile { file, path }),
        Ok(_) => Ok(()),
    }
}

/// The error with the file and a remedy. Of a parser only the place is told: its words may quote a token.
fn in_words(error: KubeconfigError, paths: &[PathBuf], merged: &Kubeconfig) -> ConnectError {
    use kube::config::LoadDataError;

    let file = shown(paths);
    let known = || {
        let names: Vec<&str> = merged.contexts.iter().map(|context| context.name.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    match error {
        KubeconfigError::ReadConfig(error, path)
        | KubeconfigError::LoadCertificateAuthority(LoadDataError::ReadFile(error, path))
        | KubeconfigError::LoadClientCertificate(LoadDataError::ReadFile(error, path))
        | KubeconfigError::LoadClientKey(LoadDataError::ReadFile(error, path)) => {
            ConnectError::Unreadable { file, path, error }
        }
        KubeconfigError::Parse(error) => {
            let place = error.location().map(|at| format!(" (line {}, column {})", at.line(), at.column()));
            ConnectError::Malformed { file, place: place.unwrap_or_default() }
        }
        KubeconfigError::CurrentContextNotSet => ConnectError::NoContext { file, known: known() },
        KubeconfigError::LoadContext(context) => {
            ConnectError::UnknownContext { file, context, known: known() }
        }
        KubeconfigError::LoadClusterOfContext(cluster) => ConnectError::Unusable {
            file,
            problem: format!("the context's cluster {cluster:?} is not in it"),
        },
        other => ConnectError::Unusable { file, problem: other.to_string() },
    }
}

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
#[path = "tests/connect.rs"]
mod tests;
