//! Who holds a task, which version a resource has, which answer counts.

use bzzz_core::body::*;
use bzzz_core::crypto::Hash;
use bzzz_core::event::FeedId;
use bzzz_core::hlc::MAX_SKEW_MS;
use bzzz_core::state::{Lease, Resource, Standing, Task, TaskStatus};

use crate::world::{START_MS, World};

const UNTIL_MS: u64 = START_MS + 60_000;

struct Job {
    w: World,
    task: Hash,
}

impl Job {
    /// A task announced by member 0.
    fn new(w: World) -> Job {
        let mut w = w;
        let title = w.text("mend it");
        let body = TaskAnnounced {
            thread: None,
            title,
            role: "reviewer".into(),
            capabilities: vec![],
            lease_ms: 60_000,
            priority: 3,
        };
        let task = w.append(0, Body::TaskAnnounced(body)).hash();
        Job { w, task }
    }

    fn claim(&mut self, by: usize) {
        let body = TaskClaimed {
            task: self.task,
            agent: self.w.agent(by, "worker").public(),
            load: 0,
        };
        self.w.append(by, Body::TaskClaimed(body));
    }

    fn ack(&mut self, by: usize, owner: usize, token: u64, until_ms: u64) {
        let body = ClaimAcked {
            task: self.task,
            agent: self.w.agent(owner, "worker").public(),
            owner: self.w.members[owner].feed(),
            token,
            until_ms,
        };
        self.w.append(by, Body::ClaimAcked(body));
    }

    fn extend(&mut self, by: usize, token: u64, until_ms: u64) {
        let task = self.task;
        self.w
            .append(by, Body::LeaseExtended(LeaseExtended { task, token, until_ms }));
    }

    fn release(&mut self, by: usize, token: u64) {
        let task = self.task;
        self.w.append(by, Body::TaskReleased(TaskReleased { task, token }));
    }

    fn complete(&mut self, by: usize, token: u64, ok: bool) {
        let body = TaskCompleted {
            task: self.task,
            token,
            ok,
            result: None,
        };
        self.w.append(by, Body::TaskCompleted(body));
    }

    fn task(&self) -> Task {
        self.w.state().tasks[&self.task].clone()
    }

    fn status(&self, now_ms: u64) -> TaskStatus {
        let state = self.w.state();
        state.tasks[&self.task].status(now_ms, state.policy.authority, state.rosters.latest())
    }

    fn lease(&self, owner: usize, token: u64, until_ms: u64) -> Lease {
        Lease {
            agent: self.w.agent(owner, "worker").public(),
            owner: self.w.members[owner].feed(),
            token,
            until_ms,
        }
    }
}

fn majority() -> World {
    World::new(&[("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1)], 1, Authority::Majority)
}

#[test]
fn a_claim_is_provisional_until_the_home_acknowledges_it() {
    let mut job = Job::new(World::three());
    assert_eq!(job.status(START_MS), TaskStatus::Open);
    job.claim(1);
    job.claim(2);
    assert_eq!(job.task().claims.len(), 2);
    assert_eq!(job.status(START_MS), TaskStatus::Open);
    job.ack(1, 1, 1, UNTIL_MS);
    assert_eq!(job.status(START_MS), TaskStatus::Open, "only the home may");
    job.ack(0, 2, 1, UNTIL_MS);
    assert_eq!(job.status(START_MS), TaskStatus::Leased(job.lease(2, 1, UNTIL_MS)));
    job.ack(0, 1, 1, UNTIL_MS);
    assert_eq!(
        job.status(START_MS),
        TaskStatus::Leased(job.lease(2, 1, UNTIL_MS)),
        "a token is given once"
    );
}

#[test]
fn a_lease_expires_after_the_skew_bound_and_is_extended_by_its_granter() {
    let mut job = Job::new(World::three());
    job.ack(0, 1, 1, UNTIL_MS);
    let last_ms = UNTIL_MS + MAX_SKEW_MS;
    assert_eq!(job.status(last_ms), TaskStatus::Leased(job.lease(1, 1, UNTIL_MS)));
    assert_eq!(job.status(last_ms + 1), TaskStatus::Expired(job.lease(1, 1, UNTIL_MS)));
    job.extend(1, 1, UNTIL_MS + 5_000);
    assert_eq!(job.status(last_ms + 1), TaskStatus::Expired(job.lease(1, 1, UNTIL_MS)));
    job.extend(0, 1, UNTIL_MS + 5_000);
    job.extend(0, 1, UNTIL_MS + 2_000);
    assert_eq!(
        job.status(last_ms + 1),
        TaskStatus::Leased(job.lease(1, 1, UNTIL_MS + 5_000))
    );
    // The next token supersedes it, and the late completion under the old one is nothing to the new owner.
    job.ack(0, 2, 2, UNTIL_MS + 90_000);
    assert_eq!(
        job.status(START_MS),
        TaskStatus::Leased(job.lease(2, 2, UNTIL_MS + 90_000))
    );
    job.complete(1, 2, true);
    assert_eq!(
        job.status(START_MS),
        TaskStatus::Leased(job.lease(2, 2, UNTIL_MS + 90_000))
    );
    job.complete(2, 2, false);
    assert_eq!(job.status(START_MS), TaskStatus::Completed { ok: false });
    job.complete(2, 2, true);
    assert_eq!(
        job.status(START_MS),
        TaskStatus::Completed { ok: false },
        "the first word counts"
    );
}

#[test]
fn an_endless_lease_does_not_overflow() {
    let mut job = Job::new(World::three());
    job.ack(0, 1, MAX_NUMBER, MAX_NUMBER);
    assert_eq!(
        job.status(MAX_NUMBER),
        TaskStatus::Leased(job.lease(1, MAX_NUMBER, MAX_NUMBER))
    );
}

/// Whoever could acknowledge the last token there is would leave none for anybody.
#[test]
fn tokens_are_counted_one_by_one_and_only_where_the_authority_gave_them() {
    for authority in [Authority::Home, Authority::Majority] {
        let mut job = Job::new(World::three());
        let highest = |job: &Job| {
            let state = job.w.state();
            job.task().highest_token(authority, state.rosters.latest())
        };
        job.ack(2, 2, MAX_NUMBER, MAX_NUMBER);
        assert_eq!(highest(&job), 0, "{authority:?}");
        job.ack(0, 1, 1, UNTIL_MS);
        assert_eq!(highest(&job), 1, "{authority:?}");
        job.ack(2, 2, 2, UNTIL_MS);
        assert_eq!(
            highest(&job),
            1 + u64::from(authority == Authority::Majority),
            "{authority:?}"
        );
        job.ack(2, 2, 4, UNTIL_MS);
        assert!(highest(&job) <= 2, "{authority:?}");
    }
}

#[test]
fn only_its_owner_gives_a_lease_back() {
    let mut job = Job::new(World::three());
    job.ack(0, 1, 1, UNTIL_MS);
    job.release(2, 1);
    assert_eq!(job.status(START_MS), TaskStatus::Leased(job.lease(1, 1, UNTIL_MS)));
    let over = |job: &Job| {
        let state = job.w.state();
        job.task().token_is_over(1, Authority::Home, state.rosters.latest())
    };
    // A member acknowledges itself and releases at once: that ends nobody's lease.
    job.ack(2, 2, 1, UNTIL_MS);
    assert!(!over(&job));
    // Nor does the owner's next life, which does not hold the lease.
    let mut restarted = Job {
        w: job.w.clone(),
        task: job.task,
    };
    restarted.w.restart(1, 0);
    restarted.release(1, 1);
    assert!(!over(&restarted));
    job.release(1, 1);
    assert!(over(&job));
    assert_eq!(job.status(START_MS), TaskStatus::Open);
}

#[test]
fn only_the_home_cancels() {
    let mut job = Job::new(World::three());
    let cancel = |job: &mut Job, by| {
        let task = job.task;
        job.w.append(by, Body::TaskCancelled(TaskCancelled { task }));
    };
    cancel(&mut job, 1);
    assert_eq!(job.status(START_MS), TaskStatus::Open);
    cancel(&mut job, 0);
    assert_eq!(job.status(START_MS), TaskStatus::Cancelled);
}

#[test]
fn a_majority_of_weight_acknowledges_where_the_policy_says_so() {
    let mut job = Job::new(majority());
    job.ack(0, 2, 1, UNTIL_MS);
    assert_eq!(job.status(START_MS), TaskStatus::Open, "one of three");
    job.ack(3, 2, 1, UNTIL_MS);
    assert_eq!(job.status(START_MS), TaskStatus::Open, "a reader has no weight");
    job.ack(1, 1, 1, UNTIL_MS);
    assert_eq!(job.status(START_MS), TaskStatus::Open, "for another owner");
    job.ack(2, 2, 1, UNTIL_MS + 1_000);
    // Two of three grant it until then; one of them longer.
    assert_eq!(job.status(START_MS), TaskStatus::Leased(job.lease(2, 1, UNTIL_MS)));
    job.extend(0, 1, UNTIL_MS + 3_000);
    assert_eq!(
        job.status(START_MS),
        TaskStatus::Leased(job.lease(2, 1, UNTIL_MS + 1_000))
    );
    assert_eq!(
        job.task().promised(&job.w.members[0].feed()),
        Some((1, UNTIL_MS + 3_000))
    );
    assert_eq!(job.task().promised(&job.w.members[1].feed()), Some((1, UNTIL_MS)));
}

#[test]
fn a_voter_that_grants_no_time_ends_nobodys_lease() {
    let mut job = Job::new(majority());
    job.ack(0, 2, 1, UNTIL_MS);
    job.ack(2, 2, 1, UNTIL_MS);
    job.ack(1, 2, 1, 0);
    job.ack(3, 2, 1, 0);
    assert_eq!(job.status(UNTIL_MS), TaskStatus::Leased(job.lease(2, 1, UNTIL_MS)));
}

#[test]
fn two_lives_of_one_node_have_one_say() {
    let mut job = Job::new(majority());
    job.ack(1, 2, 1, UNTIL_MS);
    job.w.restart(1, 0);
    job.ack(1, 2, 1, UNTIL_MS);
    assert_eq!(job.status(START_MS), TaskStatus::Open);
}

#[test]
fn with_fewer_than_three_voters_the_home_decides_alone() {
    let mut job = Job::new(World::new(&[("ann", 1, 1), ("bob", 1, 1)], 0, Authority::Majority));
    job.ack(1, 1, 1, UNTIL_MS);
    assert_eq!(job.status(START_MS), TaskStatus::Open);
    job.ack(0, 1, 1, UNTIL_MS);
    assert_eq!(job.status(START_MS), TaskStatus::Leased(job.lease(1, 1, UNTIL_MS)));
}

#[test]
fn what_was_done_outside_is_kept_with_its_token() {
    let mut job = Job::new(World::three());
    job.ack(0, 1, 1, UNTIL_MS);
    let body = OutsideActed {
        task: job.task,
        token: 1,
        action: "comment".into(),
    };
    job.w.append(1, Body::OutsideActed(body.clone()));
    let actions: Vec<(FeedId, OutsideActed)> = job.task().actions.into_values().collect();
    assert_eq!(actions, [(job.w.members[1].feed(), body)]);
}

/// A resource `plan` whose home is member 1.
struct Plan(World);

impl Plan {
    fn write(&mut self, by: usize, text: &str, base: Option<Hash>) -> Hash {
        let body = ResourceWritten {
            path: "plan".into(),
            home: self.0.members[1].node(),
            base,
            content: self.0.text(text),
            mime: "text/plain".into(),
            idempotency_key: Some(text.into()),
        };
        self.0.append(by, Body::ResourceWritten(body)).hash()
    }

    fn order(&mut self, by: usize, write: Hash, version: Option<u64>) {
        let body = WriteOrdered {
            path: "plan".into(),
            write,
            version,
        };
        self.0.append(by, Body::WriteOrdered(body));
    }

    fn read(&self) -> Resource {
        self.0.state().resources["plan"].clone()
    }
}

fn versions(resource: &Resource) -> Vec<(u64, Hash)> {
    resource
        .versions()
        .iter()
        .map(|v| (v.number, v.write.meta.hash()))
        .collect()
}

#[test]
fn a_home_orders_five_versions_refuses_a_stale_base_and_shows_siblings() {
    let mut plan = Plan(World::three());
    let mut writes = Vec::new();
    for n in 1..=5u64 {
        let write = plan.write(n as usize % 3, &format!("version {n}"), writes.last().copied());
        plan.order(1, write, Some(n));
        writes.push(write);
    }
    let stale = plan.write(2, "on an old base", Some(writes[1]));
    plan.order(1, stale, None);
    let sibling = plan.write(0, "the home is away", Some(writes[4]));
    plan.order(0, sibling, Some(6));
    let resource = plan.read();
    let expected: Vec<(u64, Hash)> = (1..).zip(writes.iter().copied()).collect();
    assert_eq!(versions(&resource), expected);
    assert_eq!(resource.standing(&stale), Some(Standing::Refused));
    assert_eq!(resource.standing(&writes[2]), Some(Standing::Version(3)));
    assert_eq!(resource.standing(&Hash([9; 32])), None);
    assert_eq!(
        resource.standing(&sibling),
        Some(Standing::Waiting),
        "a version by another than the home is none"
    );
    let siblings: Vec<Hash> = resource.siblings().iter().map(|w| w.meta.hash()).collect();
    assert_eq!(siblings, [sibling]);
    let refused: Vec<Hash> = resource.refused().iter().map(|w| w.meta.hash()).collect();
    assert_eq!(refused, [stale], "what was refused is kept");
    let repeated = resource
        .by_idempotency_key(&plan.0.members[1].node(), "version 4")
        .unwrap();
    assert_eq!(repeated.meta.hash(), writes[3]);
    assert_eq!(
        resource.by_idempotency_key(&plan.0.members[0].node(), "version 4"),
        None
    );
}

#[test]
fn a_homes_first_word_on_a_write_counts_over_all_its_lives() {
    let mut plan = Plan(World::three());
    let write = plan.write(0, "text", None);
    plan.order(1, write, Some(1));
    plan.order(1, write, Some(7));
    assert_eq!(versions(&plan.read()), [(1, write)]);
    plan.0.restart(1, 0);
    plan.order(1, write, Some(9));
    // The later life's word arrives first.
    let genesis = plan.0.genesis.clone();
    plan.0.events.sort_by_key(|e| {
        (
            e.hash() != genesis.hash(),
            std::cmp::Reverse(e.header().incarnation),
            e.header().seq,
        )
    });
    assert_eq!(
        versions(&crate::world::fold(&genesis, &plan.0.events).resources["plan"]),
        [(1, write)]
    );
}

#[test]
fn a_number_that_a_home_gave_twice_hides_no_write() {
    let mut plan = Plan(World::three());
    let (one, two) = (plan.write(0, "one", None), plan.write(2, "two", None));
    plan.order(1, one, Some(1));
    // Restored from a backup, it does not know what it had ordered.
    plan.0.restart(1, 0);
    plan.order(1, two, Some(1));
    let resource = plan.read();
    assert_eq!(versions(&resource), [(1, one)]);
    assert_eq!(resource.standing(&two), Some(Standing::Refused));
    let refused: Vec<Hash> = resource.refused().iter().map(|w| w.meta.hash()).collect();
    assert_eq!(refused, [two]);
    assert_eq!(resource.writes().count(), 2);
}

#[test]
fn shares_are_moved_drawn_and_returned_by_their_holder() {
    let mut w = World::three();
    let (ann, bob, cat) = (w.members[0].feed(), w.members[1].feed(), w.members[2].feed());
    let amount = |amount_microusd| ChunkDrawn { amount_microusd };
    w.append(
        0,
        Body::ShareMoved(ShareMoved {
            to: cat,
            amount_microusd: 2_000_000,
        }),
    );
    w.append(0, Body::ChunkDrawn(amount(1_000_000)));
    w.append(
        0,
        Body::ModelCalled(ModelCalled {
            thread: None,
            agent: ann.node,
            model: "m".into(),
            reserved_microusd: 300_000,
            charged_microusd: 200_000,
            ok: true,
        }),
    );
    let account = w.state().shares.account(&ann);
    assert_eq!(account.balance_microusd(), Some(2_000_000));
    assert_eq!(account.unaccounted_microusd(), 800_000);
    w.append(
        0,
        Body::ChunkReturned(ChunkReturned {
            amount_microusd: 800_000,
        }),
    );
    let state = w.state();
    assert_eq!(state.shares.account(&ann).balance_microusd(), Some(2_800_000));
    assert_eq!(state.shares.account(&ann).unaccounted_microusd(), 0);
    assert_eq!(state.shares.account(&bob).balance_microusd(), Some(5_000_000));
    assert_eq!(state.shares.account(&cat).balance_microusd(), Some(2_000_000));
    assert_eq!(state.shares.total_microusd(), 10_000_000);
    assert_eq!(state.spending.total_microusd, 200_000);
    // A later life starts with nothing, and one that spends what it has not is seen.
    w.restart(2, 0);
    w.append(2, Body::ChunkDrawn(amount(1)));
    let next_life = w.members[2].feed();
    assert_eq!(w.state().shares.account(&next_life).balance_microusd(), None);
}

#[test]
fn nobody_makes_money_by_moving_or_returning_what_it_has_not() {
    let mut w = World::three();
    let (ann, bob, cat) = (w.members[0].feed(), w.members[1].feed(), w.members[2].feed());
    let moved = |to, amount_microusd| Body::ShareMoved(ShareMoved { to, amount_microusd });
    let balance = |w: &World, feed| w.state().shares.account(&feed).balance_microusd();
    let (anns, bobs) = (balance(&w, ann).unwrap(), balance(&w, bob).unwrap());
    w.append(0, moved(bob, MAX_NUMBER));
    assert_eq!((balance(&w, ann), balance(&w, bob)), (None, Some(bobs)));
    // What it does have, it can still give: honest holders are not hurt by what it said before.
    w.append(0, moved(bob, anns));
    assert_eq!(balance(&w, bob), Some(bobs + anns));
    w.append(2, Body::ChunkReturned(ChunkReturned { amount_microusd: 5 }));
    w.append(2, moved(bob, 5));
    assert_eq!((balance(&w, cat), balance(&w, bob)), (None, Some(bobs + anns)));
}
