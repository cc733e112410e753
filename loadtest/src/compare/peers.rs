//! Other proxies, started here from the templates in `peers/`.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::child::{Child, Ending};

/// Name of the nginx whose access log is on; some ratios are taken to it as well.
pub(super) const NGINX_WITH_LOG: &str = "nginx, access log";
/// Name of the one without.
pub(super) const NGINX: &str = "nginx";
/// Name of HAProxy, which logs too.
pub(super) const HAPROXY: &str = "haproxy, log";

const NGINX_CONF: &str = include_str!("../../peers/nginx.conf");
const HAPROXY_CFG: &str = include_str!("../../peers/haproxy.cfg");

/// What a template is filled with.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    /// Where the server is.
    pub(super) upstream: &'a str,
    /// A folder of its own.
    pub(super) directory: PathBuf,
    /// Connections that clients may open at the same time.
    pub(super) streams: usize,
}

/// Starts nginx on a free port.
pub(super) fn start_nginx(program: &Path, place: &Place<'_>, log: bool) -> io::Result<(Child, SocketAddr)> {
    let access_log =
        if log { format!("{}/access.log combined", place.directory.display()) } else { "off".to_owned() };
    // The master ends its worker only when it is asked to end; killed, it would leave it behind.
    start(program, place, NGINX_CONF, "nginx.conf", &access_log, Ending::Asked, |command, file| {
        command.arg("-e").arg("stderr").arg("-p").arg(&place.directory).arg("-c").arg(file);
    })
}

/// Starts HAProxy on a free port.
pub(super) fn start_haproxy(program: &Path, place: &Place<'_>) -> io::Result<(Child, SocketAddr)> {
    start(program, place, HAPROXY_CFG, "haproxy.cfg", "", Ending::Killed, |command, file| {
        command.arg("-db").arg("-f").arg(file);
    })
}

fn start(
    program: &Path,
    place: &Place<'_>,
    template: &str,
    name: &str,
    access_log: &str,
    ending: Ending,
    arguments: impl FnOnce(&mut Command, &Path),
) -> io::Result<(Child, SocketAddr)> {
    fs::create_dir_all(&place.directory)?;
    let listen = free_port()?;
    let directory = place.directory.display().to_string();
    let text = fill(
        template,
        &[
            ("listen", &listen.to_string()),
            ("upstream", place.upstream),
            ("directory", &directory),
            ("access_log", access_log),
            ("streams", &place.streams.to_string()),
            // One to the client, one to the server, and some for listeners and logs.
            ("descriptors", &(2 * place.streams + 64).to_string()),
        ],
    )?;
    let file = place.directory.join(name);
    fs::write(&file, text)?;
    let mut command = Command::new(program);
    arguments(&mut command, &file);
    let child = Child::start_silent(command, listen, &place.directory.join("output"), ending)?;
    Ok((child, listen))
}

/// A port that is free now. Another program might take it before the peer does; then the peer says so.
pub(crate) fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Puts values in the places of a template; one without a value is an error.
fn fill(template: &str, values: &[(&str, &str)]) -> io::Result<String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, next) = after
            .split_once("}}")
            .ok_or_else(|| io::Error::other("the template has a `{{` without its `}}`"))?;
        let value = values.iter().find(|(known, _)| *known == name);
        let (_, value) = value
            .ok_or_else(|| io::Error::other(format!("the template names `{name}`, which nobody fills in")))?;
        filled.push_str(before);
        filled.push_str(value);
        rest = next;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_template_is_filled_in() {
        assert_eq!(fill("a {{x}}{{y}} {{x}};", &[("x", "1"), ("y", "2")]).unwrap(), "a 12 1;");
        assert_eq!(fill("plain { } text", &[]).unwrap(), "plain { } text");
        for (template, expected) in [("{{z}}", "`z`, which nobody"), ("{{z", "without its")] {
            let error = fill(template, &[("x", "1")]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_templates_mend_the_defaults_that_break_streams() {
        for (template, directives) in [
            (
                NGINX_CONF,
                &[
                    "proxy_buffering off;",
                    "proxy_read_timeout 1d;",
                    "proxy_http_version 1.1;",
                    "worker_processes 1;",
                ][..],
            ),
            (
                HAPROXY_CFG,
                &["option http-no-delay", "timeout server 1d", "timeout client 1d", "nbthread 1"][..],
            ),
        ] {
            for directive in directives {
                assert!(template.contains(directive), "{directive}");
            }
        }
    }
}
