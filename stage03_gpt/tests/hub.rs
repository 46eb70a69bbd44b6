//! A model by its name on the hub, from a server on this computer that answers as the hub does.

mod common;
#[path = "common/fake_hub.rs"]
mod fake_hub;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Finished, Place};
use fake_hub::{Answer, COMMIT, FakeHub, Fault, MODEL, Sending, Server, sha256};
use stage01_bigram::Result;
use stage03_gpt::files::hub::{Event, Hub, HubName, Token};
use stage03_gpt::model::Model;

const WEIGHTS: &str = "model.safetensors";

/// A hub with a model, and a cache of one's own.
struct Setting {
    fake: FakeHub,
    hub: Hub,
    place: Place,
}

impl Setting {
    fn new() -> Setting {
        let place = Place::with_model();
        let fake = FakeHub::new(&place.path("model"));
        fake.remove("trainer.safetensors");
        let hub = Hub {
            endpoint: fake.hub.address.clone(),
            cache: place.path("cache"),
            patience: Duration::from_millis(500),
            ..Hub::default()
        };
        Setting { fake, hub, place }
    }

    fn name(&self, text: &str) -> HubName {
        HubName::parse(text).unwrap().unwrap()
    }

    fn fetch(&self) -> Result<PathBuf> {
        self.hub.fetch(&self.name(MODEL), |_| {})
    }

    fn refusal(&self, words: &[&str]) {
        let error = self.fetch().unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "no {word:?} in {error}");
        }
    }

    fn repository(&self) -> PathBuf {
        self.hub.cache.join("models--owner--tiny")
    }

    fn blob(&self, name: &str) -> PathBuf {
        self.repository().join("blobs").join(sha256(&self.fake.file(name)))
    }

    fn incomplete(&self, name: &str) -> PathBuf {
        self.blob(name).with_extension("incomplete")
    }

    /// Asserts that the cache has the model, whole.
    fn is_whole(&self) {
        let directory = self.repository().join("snapshots").join(COMMIT);
        for name in ["config.json", "tokenizer.json", WEIGHTS] {
            assert_eq!(fs::read(directory.join(name)).unwrap(), self.fake.file(name), "{name}");
        }
        let blobs = fs::read_dir(self.repository().join("blobs")).unwrap();
        for blob in blobs.map(|blob| blob.unwrap().file_name().into_string().unwrap()) {
            assert!(!blob.ends_with("incomplete"), "{blob}");
        }
    }

    /// The program, with the hub in its environment.
    fn command(&self, arguments: &str) -> Command {
        let mut command = self.place.command(arguments);
        for (name, _) in std::env::vars() {
            if name.starts_with("HF_") || name.to_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        command.env("HF_ENDPOINT", &self.hub.endpoint).env("HF_HOME", self.place.path("home"));
        command.env("HF_HUB_CACHE", &self.hub.cache).env("HF_HUB_DOWNLOAD_TIMEOUT", "5");
        command
    }

    fn sample(&self, model: &str) -> Finished {
        let arguments = format!("sample --model {model} --max-new-tokens 3");
        Finished::new(&arguments, self.command(&arguments).output().unwrap())
    }
}

#[test]
fn a_model_is_fetched_once() {
    let setting = Setting::new();
    let mut fetched = Vec::new();
    let path = setting.hub.fetch(&setting.name(MODEL), |event| {
        if let Event::Fetched { file, .. } = event {
            fetched.push(file.to_string());
        }
    });
    let path = path.unwrap();
    let small =
        ["config.json", "tokenizer.json", "generation_config.json", "tokenizer_config.json"];
    assert_eq!(fetched, [&small[..], &[WEIGHTS]].concat());
    setting.is_whole();
    assert_eq!(path, setting.repository().join("snapshots").join(COMMIT));
    let (ours, theirs) =
        (Model::load(&setting.place.path("model")).unwrap(), Model::load(&path).unwrap());
    assert_eq!(ours.params(), theirs.params());
    let main = fs::read_to_string(setting.repository().join("refs/main")).unwrap();
    assert_eq!(main, COMMIT);

    // Again: only the commit of `main` is asked for, with its redirect. By the commit: nothing is.
    setting.fake.hub.requests();
    setting.fake.contents.requests();
    assert_eq!(setting.fetch().unwrap(), path);
    assert_eq!(setting.fake.hub.requests().len(), 2);
    let pinned = setting.name(&format!("{MODEL}@{COMMIT}"));
    assert_eq!(setting.hub.fetch(&pinned, |_| {}).unwrap(), path);
    assert!(setting.fake.hub.requests().is_empty() && setting.fake.contents.requests().is_empty());

    // Without a network, and offline.
    let offline = Hub { offline: true, ..setting.hub.clone() };
    assert_eq!(offline.fetch(&setting.name(MODEL), |_| {}).unwrap(), path);
    assert!(setting.fake.hub.requests().is_empty());
    let closed = Hub { endpoint: "http://127.0.0.1:1".into(), ..setting.hub.clone() };
    let mut told = false;
    let found = closed.fetch(&setting.name(MODEL), |event| {
        told |= matches!(event, Event::FromCache { .. });
    });
    assert!(found.unwrap() == path && told);
}

#[test]
#[cfg(unix)]
fn the_cache_has_links_that_other_programs_follow() {
    let setting = Setting::new();
    let path = setting.fetch().unwrap();
    let link = fs::read_link(path.join(WEIGHTS)).unwrap();
    let sum = sha256(&setting.fake.file(WEIGHTS));
    assert_eq!(link, Path::new("../../blobs").join(&sum));
    assert!(setting.hub.cache.join(format!(".locks/models--owner--tiny/{sum}.lock")).exists());
    let absent = setting.repository().join(".no_exist").join(COMMIT).join("chat_template.jinja");
    assert!(absent.is_file());
    // A content that was deleted is fetched again, behind its old link.
    fs::remove_file(setting.blob(WEIGHTS)).unwrap();
    setting.fetch().unwrap();
    setting.is_whole();
}

#[test]
fn a_mirror_that_stores_the_contents_itself() {
    let setting = Setting::new();
    setting.fake.store_contents();
    setting.fetch().unwrap();
    setting.is_whole();
    assert!(setting.fake.contents.requests().is_empty());
}

#[test]
fn one_file_in_the_format_gguf() {
    let setting = Setting::new();
    setting.fake.put("q/tiny-Q8 0.gguf", vec![7; 1000]);
    let name = setting.name(&format!("{MODEL}:q/tiny-Q8 0.gguf"));
    // The server does not decode the address.
    let error = setting.hub.fetch(&name, |_| {}).unwrap_err().to_string();
    assert!(error.contains("the model has no q/tiny-Q8 0.gguf"), "{error}");
    let asked = &setting.fake.hub.requests()[0].path;
    assert_eq!(asked, &format!("/{MODEL}/resolve/main/q/tiny-Q8%200.gguf"));
    setting.fake.put("q/tiny.gguf", vec![7; 1000]);
    let path = setting.hub.fetch(&setting.name(&format!("{MODEL}:q/tiny.gguf")), |_| {}).unwrap();
    assert_eq!(fs::read(&path).unwrap(), [7; 1000]);
    assert!(path.ends_with(format!("snapshots/{COMMIT}/q/tiny.gguf")), "{}", path.display());
}

#[test]
fn shards() {
    let setting = Setting::new();
    let weights = setting.fake.file(WEIGHTS);
    setting.fake.remove(WEIGHTS);
    let index = |file: &str| {
        let text =
            format!(r#"{{"weight_map": {{"a": "{file}", "b": "{file}", "c": "2.safetensors"}}}}"#);
        setting.fake.put("model.safetensors.index.json", text);
        let _ = fs::remove_dir_all(&setting.hub.cache);
    };
    setting.fake.put("1.safetensors", weights.clone());
    setting.fake.put("2.safetensors", "two");
    index("1.safetensors");
    let path = setting.fetch().unwrap();
    assert_eq!(fs::read(path.join("1.safetensors")).unwrap(), weights);
    assert_eq!(fs::read(path.join("2.safetensors")).unwrap(), b"two");
    for evil in
        ["../1.safetensors", "a/../../1.safetensors", "/etc/passwd", "config.json", ".safetensors"]
    {
        index(evil);
        setting.refusal(&["model.safetensors.index.json"]);
    }
    index("3.safetensors");
    setting.refusal(&["the model has no 3.safetensors"]);
}

#[test]
fn the_token_goes_to_the_hub_alone() {
    let mut setting = Setting::new();
    setting.hub.token = Token::new("hf_secret").unwrap();
    setting.fetch().unwrap();
    let (asked, contents) = (setting.fake.hub.requests(), setting.fake.contents.requests());
    assert!(asked.len() > 4 && !contents.is_empty());
    for request in asked {
        assert_eq!(request.header("authorization"), Some("Bearer hf_secret"), "{request:?}");
    }
    for request in contents {
        assert_eq!(request.header("authorization"), None, "{request:?}");
    }
    // Errors and the program's output do not have it.
    setting.fake.refuse(Answer::new(403, &[("X-Error-Code", "GatedRepo")], "no"));
    fs::remove_dir_all(&setting.hub.cache).unwrap();
    let error = setting.fetch().unwrap_err();
    assert!(!format!("{error} {error:?} {:?}", setting.hub).contains("hf_secret"));
    let output = setting.command("sample --model owner/tiny").env("HF_TOKEN", "hf_secret").output();
    let ended = Finished::new("sample", output.unwrap()).refuses(&["gated", "HF_TOKEN"]);
    assert!(!ended.err.contains("hf_secret"), "{}", ended.err);
    let sent = setting.fake.hub.requests();
    assert_eq!(sent.last().unwrap().header("authorization"), Some("Bearer hf_secret"));
}

#[test]
fn a_broken_transfer_is_resumed() {
    let setting = Setting::new();
    let size = setting.fake.file(WEIGHTS).len();
    setting.fake.faults([
        Fault::Sent(Sending::Broken(1000)),
        Fault::Sent(Sending::Silent(500)),
        Fault::Answer(Answer::new(503, &[], "busy")),
        Fault::Sent(Sending::Broken(1)),
    ]);
    setting.fetch().unwrap();
    setting.is_whole();
    let ranges = setting.fake.contents.requests();
    let ranges: Vec<_> = ranges.iter().map(|r| r.header("range").unwrap_or("none")).collect();
    assert_eq!(ranges, ["none", "bytes=1000-", "bytes=1500-", "bytes=1500-", "bytes=1501-"]);
    assert!(size > 1501);

    // A server that knows no ranges sends the whole again.
    fs::remove_dir_all(&setting.hub.cache).unwrap();
    setting.fake.faults([Fault::Sent(Sending::Broken(1000)), Fault::NoRanges]);
    setting.fetch().unwrap();
    setting.is_whole();
}

#[test]
fn a_transfer_that_stays_broken_ends_and_goes_on_the_next_time() {
    let setting = Setting::new();
    let broken = || (0..3).map(|_| Fault::Sent(Sending::Broken(0)));
    setting.fake.faults([Fault::Sent(Sending::Broken(2000))].into_iter().chain(broken()));
    setting.refusal(&[
        "model.safetensors was not fetched",
        "run the command again",
        "are here already",
    ]);
    assert_eq!(fs::metadata(setting.incomplete(WEIGHTS)).unwrap().len(), 2000);
    setting.fake.contents.requests();
    setting.fetch().unwrap();
    setting.is_whole();
    assert_eq!(setting.fake.contents.requests()[0].header("range"), Some("bytes=2000-"));
    // With nothing at all.
    fs::remove_dir_all(&setting.hub.cache).unwrap();
    setting.fake.faults(broken());
    setting.refusal(&["model.safetensors was not fetched", "has a network"]);
}

#[test]
fn a_wrong_checksum_is_refused_and_removed() {
    let setting = Setting::new();
    setting.fake.faults([Fault::Altered(3000)]);
    setting.refusal(&["model.safetensors has another checksum", "do not trust this connection"]);
    assert!(!setting.blob(WEIGHTS).exists() && !setting.incomplete(WEIGHTS).exists());
    setting.fetch().unwrap();
    setting.is_whole();

    // A beginning that was left by somebody else: wrong, too long, or whole already.
    let weights = setting.fake.file(WEIGHTS);
    let longer = [&*weights, b"more"].concat();
    for (left, requests) in [(&[1; 500][..], 2), (&longer, 1), (&weights, 0)] {
        fs::remove_dir_all(&setting.hub.cache).unwrap();
        fs::create_dir_all(setting.repository().join("blobs")).unwrap();
        fs::write(setting.incomplete(WEIGHTS), left).unwrap();
        setting.fake.contents.requests();
        setting.fetch().unwrap();
        setting.is_whole();
        assert_eq!(setting.fake.contents.requests().len(), requests);
    }
}

#[test]
fn answers_that_the_hub_would_not_give() {
    let setting = Setting::new();
    let redirect = |to: &str| {
        let to = to.replace("HUB", &setting.fake.hub.address);
        Answer::new(302, &[("Location", &to), ("X-Repo-Commit", COMMIT), ("ETag", "x")], "")
    };
    let wrong = |answer: Answer, words: &[&str]| {
        setting.fake.refuse(answer);
        setting.refusal(words);
    };
    wrong(redirect("/again"), &["more than 5 redirects"]);
    wrong(redirect("HUB/again"), &["more than 5 redirects"]);
    wrong(redirect("file:///etc/passwd"), &["leads to no address of HTTP"]);
    wrong(Answer::new(302, &[], ""), &["leads nowhere"]);
    let about = |commit: &str, etag: &str| {
        Answer::new(200, &[("X-Repo-Commit", commit), ("ETag", etag)], "{}")
    };
    for commit in ["", "../../../evil", "main", &"g".repeat(40)] {
        wrong(about(commit, "x"), &["without the commit"]);
    }
    let long = "a".repeat(200);
    for etag in ["", "..", "../../evil", "a/b", "\"\"", ".x", &long] {
        wrong(about(COMMIT, etag), &["without the name of the content"]);
    }
    let mut unannounced = about(COMMIT, "x");
    unannounced.sending = Sending::Unannounced;
    wrong(unannounced, &["without the length"]);
    wrong(
        Answer::new(
            200,
            &[("X-Linked-Size", "999999999999"), ("X-Repo-Commit", COMMIT), ("ETag", "x")],
            "",
        ),
        &["no such file is that long"],
    );
    wrong(Answer::new(418, &[], "tea"), &["status 418"]);
    wrong(Answer::new(500, &[], "no"), &["the hub was not reached", "status 500"]);
    setting.fake.refuse(None);
    assert!(!setting.repository().join("snapshots").exists());
    setting.fetch().unwrap();
    setting.is_whole();
}

#[test]
fn contents_that_the_hub_did_not_announce() {
    let setting = Setting::new();
    let weights = setting.fake.file(WEIGHTS);
    let longer = [&*weights, &[0; 1000]].concat();
    let mut unannounced = Answer::new(200, &[], longer.clone());
    unannounced.sending = Sending::Unannounced;
    for (fault, words) in [
        (Fault::Sent(Sending::Endless), "is longer than the"),
        (Fault::Answer(unannounced), "is longer than the"),
        (Fault::Answer(Answer::new(200, &[], longer)), "now sends"),
        (Fault::Answer(Answer::new(200, &[], "short")), "now sends"),
        (
            Fault::Answer(Answer::new(206, &[("Content-Range", "bytes 5-9/10")], "short")),
            "asked for bytes 0",
        ),
        (Fault::Answer(Answer::new(404, &[], "gone")), "no such model"),
        (
            Fault::Answer(Answer::new(302, &[("Location", "//127.0.0.1:1/x")], "")),
            "was not fetched",
        ),
    ] {
        setting.fake.faults(vec![fault; 3]);
        setting.refusal(&[words]);
        assert!(!setting.blob(WEIGHTS).exists());
        let left = fs::metadata(setting.incomplete(WEIGHTS)).map_or(0, |about| about.len());
        assert!(left <= weights.len() as u64);
    }
    // Without an announced length, but right.
    let mut right = Answer::new(200, &[], weights);
    right.sending = Sending::Unannounced;
    setting.fake.faults([Fault::Answer(right)]);
    setting.fetch().unwrap();
    setting.is_whole();
}

#[test]
fn what_the_hub_refuses_is_said_with_a_remedy() {
    let setting = Setting::new();
    for (status, code, words) in [
        (401, "", ["no such model on the hub, or it is private", "HF_TOKEN"]),
        (401, "RepoNotFound", ["no such model on the hub, or it is private", "spelling"]),
        (404, "RepoNotFound", ["no such model on the hub, or it is private", "spelling"]),
        (401, "GatedRepo", ["the model is gated", "accept them"]),
        (403, "", ["the model is gated", "HF_TOKEN"]),
        (404, "RevisionNotFound", ["the model has no revision main", "a branch"]),
        (404, "EntryNotFound", ["the model has no config.json", "owner/name:FILE.gguf"]),
    ] {
        setting.fake.refuse(Answer::new(status, &[("X-Error-Code", code)], "no"));
        setting.refusal(&words);
    }
    setting.fake.refuse(None);
    setting.fake.remove("tokenizer.json");
    setting.refusal(&["the model has no tokenizer.json"]);
    // What a commit does not have, it will not get.
    fs::remove_dir_all(&setting.hub.cache).unwrap();
    setting.fake.put("tokenizer.json", "{}");
    setting.fake.remove(WEIGHTS);
    setting.refusal(&["the model has no model.safetensors", "PyTorch"]);
    // A model that is not computed here: nothing large is fetched.
    setting.fake.put("config.json", r#"{"model_type": "t5"}"#);
    fs::remove_dir_all(&setting.hub.cache).unwrap();
    setting.fake.contents.requests();
    let error = setting.fetch().unwrap_err().to_string();
    assert!(error.contains("model_type") && error.contains("config.json"), "{error}");
    assert!(setting.fake.contents.requests().is_empty());
    // Offline, without what is needed.
    let offline = Hub { offline: true, cache: setting.place.path("empty"), ..setting.hub.clone() };
    let error = offline.fetch(&setting.name(MODEL), |_| {}).unwrap_err().to_string();
    assert!(error.contains("not in the cache") && error.contains("HF_HUB_OFFLINE"), "{error}");
}

#[test]
fn servers_that_are_silent_or_absent() {
    let mut setting = Setting::new();
    // It takes the connection, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    setting.hub.endpoint = format!("http://{}", silent.local_addr().unwrap());
    setting.refusal(&["the hub was not reached", "sends nothing for 0.5 s"]);
    setting.hub.endpoint = "http://127.0.0.1:1".into();
    setting.refusal(&["no such file or directory here, and the hub was not reached"]);
    // A server of another kind.
    let other = Server::start(|_| Answer::new(200, &[], "<html>welcome</html>"));
    setting.hub.endpoint = other.address.clone();
    setting.refusal(&["this is not how the hub answers: see HF_ENDPOINT"]);
    // In the middle of a content, again and again.
    setting.hub.endpoint = setting.fake.hub.address.clone();
    setting.fake.faults((0..4).map(|_| Fault::Sent(Sending::Silent(0))));
    setting.refusal(&["model.safetensors was not fetched", "sends nothing"]);
}

#[test]
fn two_at_once_fetch_a_content_once() {
    let setting = Setting::new();
    setting.fake.faults([Fault::Sent(Sending::Slowly(Duration::from_millis(5)))]);
    std::thread::scope(|scope| {
        let both: Vec<_> = (0..2).map(|_| scope.spawn(|| setting.fetch().unwrap())).collect();
        both.into_iter().for_each(|one| drop(one.join().unwrap()));
    });
    setting.is_whole();
    assert_eq!(setting.fake.contents.requests().len(), 1);

    // And as programs.
    fs::remove_dir_all(&setting.hub.cache).unwrap();
    setting.fake.faults([Fault::Sent(Sending::Slowly(Duration::from_millis(5)))]);
    let arguments = format!("sample --model {MODEL} --max-new-tokens 3");
    let start = || {
        let mut command = setting.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ended = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let [one, two] = ended.map(|output| Finished::new(&arguments, output).succeeds());
    assert_eq!(one.out, two.out);
    assert_eq!(setting.fake.contents.requests().len(), 1);
}

#[test]
fn a_killed_program_leaves_a_beginning_that_the_next_one_continues() {
    let setting = Setting::new();
    setting.fake.faults([Fault::Sent(Sending::Slowly(Duration::from_millis(50)))]);
    let arguments = format!("sample --model {MODEL} --max-new-tokens 3");
    let mut child =
        setting.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let length = || fs::metadata(setting.incomplete(WEIGHTS)).map_or(0, |about| about.len());
    for _ in 0..2_000 {
        if length() > 1000 {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left = length();
    assert!(left > 1000 && left < setting.fake.file(WEIGHTS).len() as u64, "{left}");
    setting.fake.contents.requests();
    let ended = setting.sample(MODEL).succeeds();
    assert!(ended.err.contains("fetched model.safetensors"), "{}", ended.err);
    setting.is_whole();
    let requests = setting.fake.contents.requests();
    assert_eq!(requests[0].header("range"), Some(&*format!("bytes={left}-")));
}

#[test]
fn the_program_takes_names_and_paths() {
    let setting = Setting::new();
    let by_name = setting.sample(MODEL).succeeds();
    assert_eq!(by_name.out, setting.sample("model").succeeds().out);
    // What is here goes first, also below a directory that is here.
    setting.fake.hub.requests();
    setting.sample("model/typo").refuses(&["there is no such directory"]);
    setting.sample("out/gpt").refuses(&["out/gpt: there is no such directory"]);
    assert!(setting.fake.hub.requests().is_empty());
    setting.sample("owner/other").refuses(&["owner/other: there is no such model on the hub"]);
    setting.sample(&format!("{MODEL}@v9")).refuses(&["the model has no revision v9"]);
    setting.sample(&format!("{MODEL}:x.bin")).refuses(&["--model", "GGUF"]);
    let arguments = format!("sample --model {MODEL} --max-new-tokens 3");
    let output = setting.command(&arguments).env("HF_HUB_OFFLINE", "1").output().unwrap();
    let ended = Finished::new(&arguments, output);
    assert_eq!(ended.succeeds().out, by_name.out);
    assert!(
        setting
            .fake
            .hub
            .requests()
            .iter()
            .all(|request| !request.path.contains("tiny/resolve/main/tok"))
    );
}
