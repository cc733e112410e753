//! Which cluster is meant, and what is told when it cannot be known.

use super::*;

const TOKEN: &str = "PLANTED-TOKEN";

fn kubeconfig(contexts: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\n{contexts}\nclusters:\n- name: here\n  cluster: {{server: 'https://127.0.0.1:1'}}\n\
         - name: proxied\n  cluster: {{server: 'https://127.0.0.1:1', certificate-authority: absent.pem}}\n\
         users:\n- name: me\n  user: {{token: {TOKEN}}}\n"
    )
}

const CONTEXTS: &str = "current-context: one\ncontexts:\n- name: one\n  context: {cluster: here, user: me}\n\
    - name: two\n  context: {cluster: gone, user: me}\n- name: three\n  context: {cluster: proxied, user: me}";

fn written(text: &str) -> (tempfile::TempDir, ConnectSettings) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config");
    std::fs::write(&path, text).expect("written");
    (folder, ConnectSettings { kubeconfig: Some(path), context: None })
}

#[test]
fn the_flag_comes_before_the_variable_before_the_home_before_the_pod() {
    let (folder, settings) = written("");
    let home = folder.path().join("home");
    std::fs::create_dir_all(home.join(".kube")).expect("a folder");
    let standard = home.join(".kube/config");
    let none = ConnectSettings::default();
    let mut environment =
        Environment { kubeconfig: Some("/a::/b".into()), home: Some(home.clone()), in_pod: true };
    let given = settings.kubeconfig.clone().expect("given");
    assert_eq!(source(&settings, &environment).expect("one"), Source::Files(vec![given]));
    let both = vec![PathBuf::from("/a"), PathBuf::from("/b")];
    assert_eq!(source(&none, &environment).expect("one"), Source::Files(both));
    environment.kubeconfig = Some("".into());
    assert_eq!(source(&none, &environment).expect("one"), Source::Pod);
    std::fs::write(&standard, "").expect("written");
    assert_eq!(source(&none, &environment).expect("one"), Source::Files(vec![standard.clone()]));
    std::fs::remove_file(&standard).expect("removed");
    let named = ConnectSettings { context: Some("dev".to_owned()), ..none.clone() };
    let error = source(&named, &environment).expect_err("a pod has no contexts").to_string();
    assert!(
        error.contains("--context \"dev\" needs a kubeconfig") && error.contains("--kubeconfig"),
        "{error}"
    );
    environment.in_pod = false;
    let error = source(&none, &environment).expect_err("nothing").to_string();
    assert!(error.contains(".kube/config") && error.contains("--cluster sim"), "{error}");
}

#[tokio::test]
async fn clients_do_not_retry_and_do_not_wait_for_ever() {
    let (_folder, settings) = written(&kubeconfig(CONTEXTS));
    let source = source(&settings, &Environment::default()).expect("one");
    let config = config(source, None).await.expect("a configuration");
    assert!(!config.default_retry && config.reset_reader_on_write);
    assert_eq!((config.connect_timeout, config.read_timeout), (Some(CONNECT), Some(SILENCE)));
    connect(&settings).await.expect("a client, before anything listens there");
}

#[tokio::test]
async fn mistakes_name_the_file_and_a_remedy_but_no_secret() {
    let full = kubeconfig(CONTEXTS);
    let broken = format!("apiVersion: v1\nusers:\n- name: me\n  user: {{token: [{TOKEN}]}}\n");
    let proxied = full.replace("cluster: {server:", "cluster: {proxy-url: 'http://127.0.0.1:2', server:");
    let no_context = kubeconfig("contexts:\n- name: one\n  context: {cluster: here, user: me}");
    for (text, context, words) in [
        (full.as_str(), Some("four"), &["no context \"four\"", "one, two, three", "--context"][..]),
        (&full, Some("two"), &["cluster \"gone\" is not in it", "--context"]),
        (&full, Some("three"), &["cannot read", "absent.pem", "readable file"]),
        (&no_context, None, &["no current-context", "it has: one", "--context"]),
        ("", None, &["no current-context", "it has: none"]),
        (&broken, None, &["not a valid kubeconfig", "line 4", "kubectl config view"]),
        (&proxied, None, &["proxy-url cannot be used"]),
        ("{{{", None, &["not a valid kubeconfig"]),
    ] {
        let (folder, mut settings) = written(text);
        settings.context = context.map(str::to_owned);
        let Err(error) = connect(&settings).await else { panic!("a client of {text}") };
        let error = error.to_string();
        for word in words {
            assert!(error.contains(word), "{word:?} in: {error}");
        }
        assert!(error.contains(&folder.path().join("config").display().to_string()), "{error}");
        assert!(!error.contains(TOKEN), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let absent = ConnectSettings { kubeconfig: Some("/nowhere/config".into()), context: None };
    let Err(error) = connect(&absent).await else { panic!("a client of nothing") };
    assert!(error.to_string().contains("cannot read /nowhere/config"), "{error}");
}

#[tokio::test]
async fn a_token_with_a_line_break_is_refused_before_it_is_sent() {
    let user = "user: {tokenFile: token}";
    let (folder, settings) =
        written(&kubeconfig(CONTEXTS).replace(&format!("user: {{token: {TOKEN}}}"), user));
    let path = folder.path().join("token");
    for (text, words) in [(None, "cannot read"), (Some("\n"), "without a line break"), (Some(""), "")] {
        if let Some(end) = text {
            std::fs::write(&path, format!("{TOKEN}{end}")).expect("written");
        }
        let error = connect(&settings).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error.is_empty(), words.is_empty(), "{error}");
        assert!(error.contains(words) && !error.contains(TOKEN), "{error}");
        assert!(error.is_empty() || error.contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_pod_without_its_token_says_what_is_missing() {
    // The folder of the token is fixed, so only its absence can be tested here.
    if Path::new("/var/run/secrets/kubernetes.io/serviceaccount/token").exists() {
        return;
    }
    let Err(error) = config(Source::Pod, None).await else { panic!("a client") };
    let error = error.to_string();
    assert!(error.starts_with("in-cluster: ") && error.contains("automountServiceAccountToken"), "{error}");
}
