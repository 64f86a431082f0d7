//! Searches over a whole log.
use super::*;

/// The lines of a search's answer.
pub(super) async fn search(yard: &Yard, path: &Path, query: &str) -> Vec<Value> {
    let asked = format!("/api/log/search?path={}&{query}", path.display());
    let (status, _, body) = yard.ask_whole(known("GET", &asked, "")).await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, StatusCode::OK, "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_search_tells_hits_context_and_a_total() {
    let yard = yard();
    let content: String = (0..5000)
        .map(|i| format!("step {i}{}\n", if i % 1000 == 7 { " NaN" } else { "" }))
        .collect();
    let path = log(&yard, content.as_bytes());
    let events = search(&yard, &path, "q=nan&context=1&limit=2").await;
    let hits: Vec<&Value> = events.iter().filter(|event| event["event"] == "hit").collect();
    assert_eq!(hits.len(), 2);
    assert_eq!(
        (&hits[1]["line"], &hits[1]["text"], &hits[1]["ranges"]),
        (&json!(1008), &json!("step 1007 NaN"), &json!([[10, 13]]))
    );
    assert_eq!(
        (&hits[1]["before"][0]["text"], &hits[1]["after"][0]["text"]),
        (&json!("step 1006"), &json!("step 1008"))
    );
    let offset = hits[1]["offset"].as_u64().unwrap() as usize;
    assert!(content[offset..].starts_with("step 1007 "));
    let end = events.last().unwrap();
    assert_eq!(
        (&end["event"], &end["total"], &end["listed"], &end["complete"]),
        (&json!("end"), &json!(5), &json!(2), &json!(true))
    );
    let end = search(&yard, &path, "q=%5Estep%20%5Cd%24&regex=true")
        .await
        .pop()
        .unwrap();
    assert_eq!(end["total"], 9, "0 to 9 but for 7");
    let (status, body) = get(
        &yard,
        &format!("/api/log/search?path={}&q=a(&regex=true", path.display()),
    )
    .await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("q")));
}

#[tokio::test]
async fn a_search_that_nobody_waits_for_ends() {
    let yard = yard();
    let path = log(&yard, "needle\n".repeat(2_000_000).as_bytes());
    let turns = yard.app.logs.searches();
    let all = turns.available_permits();
    let asked = format!("/api/log/search?path={}&q=needle&limit=10000", path.display());
    let response = yard.respond(known("GET", &asked, "")).await;
    assert_eq!(turns.available_permits(), all - 1);
    drop(response);
    let _back = tokio::time::timeout(LONG, turns.acquire_many(all as u32))
        .await
        .unwrap()
        .unwrap();
}
