//! A log that is followed while it grows, is rotated, cut or replaced.
use super::*;

/// What a stream sends, event by event.
pub(super) struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    pub(super) async fn open(yard: &Yard, asked: &str, last: Option<&str>) -> Stream {
        let mut request = known("GET", asked, "");
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.parse().unwrap());
        }
        let response = yard.respond(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        Stream {
            body: response.into_body(),
            text: String::new(),
        }
    }

    /// The next event: its id and its data. Signs of life are passed over.
    pub(super) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name).map(str::to_owned))
                };
                if let Some(data) = field("data: ") {
                    return Some((field("id: ").unwrap(), serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let body = &mut self.body;
            let frame = std::future::poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context));
            let frame = tokio::time::timeout(LONG, frame).await.expect("an event in time")?;
            self.text += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
    }

    /// The next event of a kind.
    pub(super) async fn of(&mut self, kind: &str) -> (String, Value) {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.1["event"] == kind {
                return event;
            }
        }
    }

    /// Data until this much is there.
    pub(super) async fn text(&mut self, until: &str) -> String {
        let mut all = String::new();
        while !all.ends_with(until) {
            all += self.of("data").await.1["content"].as_str().unwrap();
        }
        all
    }
}

/// Fault L2 (P5).
#[tokio::test]
async fn a_stream_goes_on_through_growth_rotation_and_truncation() {
    let yard = yard();
    let path = log(&yard, b"one\ntwo\n");
    let asked = format!("/api/log/stream?path={}&tail_lines=1", path.display());
    let mut stream = Stream::open(&yard, &asked, None).await;
    assert_eq!(stream.next().await.unwrap().1["event"], "head");
    let (id, data) = stream.of("data").await;
    assert_eq!(
        (id.as_str(), &data["content"], &data["offset"]),
        ("0-8", &json!("two\n"), &json!(4))
    );
    append(&path, "三".as_bytes());
    append(&path, b"\n");
    assert_eq!(stream.text("\n").await, "三\n");
    std::fs::rename(&path, yard.folder().join("train.log.1")).unwrap();
    std::fs::write(&path, "after\n").unwrap();
    let (_, divider) = stream.of("divider").await;
    assert_eq!(
        (&divider["why"], &divider["generation"]),
        (&json!("rotated"), &json!(1))
    );
    assert_eq!(stream.text("\n").await, "after\n");
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(stream.of("divider").await.1["why"], "truncated");
    append(&path, b"again\n");
    assert_eq!(stream.text("\n").await, "again\n");
    std::fs::remove_file(&path).unwrap();
    loop {
        if stream.of("head").await.1["exists"] == false {
            break;
        }
    }
    // Who was there before goes on from there.
    std::fs::write(&path, "x\ny\n").unwrap();
    let (id, _) = stream.of("data").await;
    append(&path, b"z\n");
    let mut again = Stream::open(&yard, &asked, Some(&id)).await;
    assert_eq!(again.text("\n").await, "z\n");
}

#[tokio::test]
async fn who_falls_far_behind_is_told_what_was_passed_over() {
    let yard = yard();
    let path = log(&yard, b"one\n");
    let asked = format!("/api/log/stream?path={}", path.display());
    let mut stream = Stream::open(&yard, &asked, None).await;
    assert_eq!(stream.text("\n").await, "one\n");
    append(&path, "many words\n".repeat(2_000_000).as_bytes());
    append(&path, b"end\n");
    let mut at = 4;
    loop {
        let (_, event) = stream.next().await.unwrap();
        match event["event"].as_str().unwrap() {
            "data" => {
                assert_eq!(event["offset"], at);
                at = event["end"].as_u64().unwrap();
                if event["content"].as_str().unwrap().ends_with("end\n") {
                    break;
                }
            }
            "skipped" => {
                assert_eq!(event["from"], at);
                at = event["to"].as_u64().unwrap();
                assert!(at > 10_000_000);
            }
            _ => {}
        }
    }
    assert_eq!(at, 4 + 22_000_000 + 4);
}
