//! What is noted of the feeds beside the store: never behind after an orderly end, kept when the log was cut off, and then no number is
//! given a second time.

use bzzz_node::{Settings, audit, noted_heads, start};
use bzzz_store::{Head, Store, StoreConfig};

use crate::support::*;

/// Heads of the store and of the file beside it, and the faults of a check that compares them.
async fn looked_at(settings: &Settings) -> (Vec<Head>, Vec<Head>, Vec<String>) {
    let folder = settings.data.clone().expect("a folder");
    let store = Store::open(StoreConfig::sqlite(folder)).expect("a store");
    let heads = store.heads().await.expect("heads");
    let noted = noted_heads(&store).await.expect("read").expect("a file");
    let known = audit::Known {
        by: "the file".to_owned(),
        elsewhere: false,
        heads: noted.clone(),
    };
    let report = audit::verify(&store, None, &[known]).await.expect("a report");
    store.close().await.expect("closed");
    (heads, noted, report.faults)
}

/// Takes the last events of the store away.
fn cut(settings: &Settings, events: i64) {
    let folder = settings.data.as_ref().expect("a folder");
    let database = rusqlite::Connection::open(folder.join(bzzz_store::DATABASE_FILE)).expect("a database");
    let gone = database.execute(
        "DELETE FROM events WHERE pos IN (SELECT pos FROM events ORDER BY pos DESC LIMIT ?1)",
        [events],
    );
    assert_eq!(gone.expect("deleted") as i64, events);
}

#[tokio::test]
async fn a_log_that_was_cut_off_is_seen_and_gone_on_with_in_a_new_life() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), "a", &["security"]);
    let node = start(settings.clone()).await.unwrap();
    until_live(&node, 1, &["security"]).await;
    review(&node, bad_change(), 30_000).await;
    node.stop().await;

    let (heads, noted, faults) = looked_at(&settings).await;
    assert_eq!((heads.len(), &heads, faults.len()), (1, &noted, 0), "{faults:?}");

    cut(&settings, 3);
    let (shorter, known, faults) = looked_at(&settings).await;
    assert_eq!((shorter[0].seq + 3, &known), (heads[0].seq, &noted));
    assert!(
        faults.iter().any(|fault| fault.contains("its end was cut off")),
        "{faults:?}"
    );

    // The numbers that are gone were used: others may have those events.
    let node = start(settings.clone()).await.unwrap();
    let me = node.node();
    until("it speaks under a new life", || async {
        let lives = node
            .project(None, move |p, _| {
                p.feeds
                    .heads()
                    .filter(|(feed, ..)| feed.node == me)
                    .map(|(feed, ..)| feed.incarnation)
                    .collect::<Vec<_>>()
            })
            .await
            .ok()?;
        (lives.len() == 2 && lives[1] > heads[0].feed.incarnation).then_some(())
    })
    .await;
    node.stop().await;
    let (after, noted, faults) = looked_at(&settings).await;
    let old = after
        .iter()
        .find(|head| head.feed == heads[0].feed)
        .expect("the old life");
    assert_eq!(old.seq, shorter[0].seq, "nothing was written where the log was cut");
    // What was known stays known, beside what is new.
    assert!(noted.contains(&heads[0]) && noted.len() == 2, "{noted:?}");
    assert!(faults.iter().any(|fault| fault.contains("its end was cut off")));

    // And no further life begins at each start.
    let node = start(settings.clone()).await.unwrap();
    node.stop().await;
    assert_eq!(looked_at(&settings).await.0.len(), 2);
}

#[tokio::test]
async fn an_emptied_folder_begins_anew_and_what_was_known_is_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), "a", &["security"]);
    let node = start(settings.clone()).await.unwrap();
    until_live(&node, 1, &["security"]).await;
    node.stop().await;
    let (_, before, _) = looked_at(&settings).await;
    std::fs::remove_file(folder.path().join(bzzz_store::DATABASE_FILE)).unwrap();
    // Another project: the one before is nowhere any more.
    let node = start(settings.clone()).await.unwrap();
    until_live(&node, 1, &["security"]).await;
    review(&node, bad_change(), 30_000).await;
    node.stop().await;
    let (heads, noted, faults) = looked_at(&settings).await;
    assert_eq!((heads.len(), noted.len(), faults.len()), (1, 2, 1), "{faults:?}");
    assert!(noted.contains(&before[0]) && noted.contains(&heads[0]), "{noted:?}");
    assert!(faults[0].contains("nothing of the feed is here"), "{faults:?}");
}
