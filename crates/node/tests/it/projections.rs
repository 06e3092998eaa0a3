//! The rows in the store are those that the events say, however a node came by them.

use std::path::Path;

use bzzz_core::projection::{self, Table, ThreadRow, ThreadState};
use bzzz_node::projections::{Rebuilt, are_current, rebuild};
use bzzz_node::{Settings, start};
use bzzz_store::{Batch, Projection, Store, StoreConfig};

use crate::support::*;

const ROLES: [&str; 2] = ["reviewer", "security"];

fn open(folder: &Path) -> Store {
    Store::open(StoreConfig::sqlite(folder)).unwrap()
}

async fn checked(folder: &Path) -> Rebuilt {
    let store = open(folder);
    assert!(are_current(&store).await.unwrap());
    let mut folded = 0;
    let found = rebuild(&store, |n| folded = n).await.unwrap();
    assert_eq!(folded, found.events);
    store.close().await.unwrap();
    found
}

#[tokio::test]
async fn rows_are_kept_with_the_events_here_and_at_a_peer() {
    let folder = tempfile::tempdir().unwrap();
    let (home, other) = (folder.path().join("a"), folder.path().join("b"));
    let a = start(settings(&home, "a", &ROLES)).await.unwrap();
    until_live(&a, 1, &ROLES).await;
    // Decided before the other comes, who takes it in as a history.
    let (thread, _) = review(&a, bad_change(), 60_000).await;
    let peers = a.addresses();
    let b = start(Settings {
        peers,
        ..settings(&other, "b", &ROLES)
    })
    .await
    .unwrap();
    until_live(&a, 2, &ROLES).await;
    until_live(&b, 2, &ROLES).await;
    review(&b, good_change(), 60_000).await;
    until_same(&[&a, &b]).await;
    let asked = a.rebuild().await.unwrap();
    assert_eq!(asked.wrong(), 0, "a running node's rows: {asked:?}");
    a.stop().await;
    b.stop().await;
    for folder in [&home, &other] {
        let found = checked(folder).await;
        assert_eq!(found.wrong(), 0, "{found:?}");
        assert!(
            found.rows > 8,
            "a project, two threads, their tasks, four agents: {found:?}"
        );
    }
    let store = open(&other);
    let rows = store.projection_range(Table::Threads.name(), b"", 10).await.unwrap();
    let row = rows
        .iter()
        .find(|(key, _)| key.ends_with(&thread.0))
        .expect("the thread's row");
    let row: ThreadRow = projection::read(Table::Threads, &row.1).unwrap();
    assert_eq!((row.state, row.task.as_str()), (ThreadState::Decided, "review"));
    store.close().await.unwrap();
}

#[tokio::test]
async fn damaged_rows_are_counted_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(settings(folder.path(), "a", &ROLES)).await.unwrap();
    until_live(&node, 1, &ROLES).await;
    review(&node, good_change(), 60_000).await;
    node.stop().await;
    let store = open(folder.path());
    let change = |table: Table, key: &[u8], value: Option<&[u8]>| Projection {
        name: table.name().to_owned(),
        key: key.to_vec(),
        value: value.map(<[u8]>::to_vec),
    };
    let threads = store.projection_range(Table::Threads.name(), b"", 10).await.unwrap();
    let agents = store.projection_range(Table::Agents.name(), b"", 10).await.unwrap();
    let damage = Batch {
        projections: vec![
            change(Table::Threads, &threads[0].0, Some(b"something else")),
            change(Table::Agents, &agents[1].0, None),
            change(Table::Tasks, &[7; 64], Some(b"of nobody")),
            change(Table::Tasks, &[255; 64], Some(b"of nobody")),
        ],
        ..Batch::default()
    };
    store.append(damage).await.unwrap();
    let found = rebuild(&store, |_| {}).await.unwrap();
    assert_eq!((found.changed, found.missing, found.extra), (1, 1, 2), "{found:?}");
    assert_eq!(
        store.projection_range(Table::Threads.name(), b"", 10).await.unwrap(),
        threads
    );
    assert_eq!(
        store.projection_range(Table::Agents.name(), b"", 10).await.unwrap(),
        agents
    );
    assert_eq!(rebuild(&store, |_| {}).await.unwrap().wrong(), 0);
    store.close().await.unwrap();
}

#[tokio::test]
async fn rows_of_another_version_are_made_anew_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let node = start(settings(folder.path(), "a", &ROLES)).await.unwrap();
    until_live(&node, 1, &ROLES).await;
    node.stop().await;
    let store = open(folder.path());
    let rows = store.projection_range(Table::Agents.name(), b"", 10).await.unwrap();
    let older = Batch {
        projections: vec![Projection {
            name: Table::Agents.name().to_owned(),
            key: rows[0].0.clone(),
            value: Some(b"as another version wrote it".to_vec()),
        }],
        meta: vec![("projections".to_owned(), Some(vec![0, 0, 0, 0]))],
        ..Batch::default()
    };
    store.append(older).await.unwrap();
    assert!(!are_current(&store).await.unwrap());
    store.close().await.unwrap();
    start(settings(folder.path(), "a", &ROLES)).await.unwrap().stop().await;
    assert_eq!(checked(folder.path()).await.wrong(), 0);
}
