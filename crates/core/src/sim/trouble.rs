//! Trouble: crashes, backups, partitions, spells of silence; and their end.

use super::world::{Happening, QUIET_LIMIT_MS, World};

/// How often it is looked whether all has come to rest, milliseconds.
const LOOK_EVERY_MS: u64 = 10_000;

impl World {
    /// Plans the faults, and their end.
    pub fn schedule_faults(&mut self) {
        let f = self.cfg.faults.clone();
        let scale = |every: u64, nodes: usize| (every * 10 / nodes.max(10) as u64).max(50);
        let nodes = self.members.len();
        for (every, what) in [
            (f.crash_every_ms, Happening::Crash),
            (f.partition_every_ms, Happening::Partition),
            (f.mute_every_ms, Happening::Mute),
            (f.lie_every_ms, Happening::Lie),
        ] {
            if every > 0 {
                let first = self.dice.around(scale(every, nodes)) + 3_000;
                self.at(first, what);
            }
        }
        self.at(8_000, Happening::Backup);
        self.schedule_script();
        self.at(self.cfg.minutes * 60_000, Happening::Calm);
    }

    /// Plans the next of a kind of trouble.
    fn again(&mut self, every: u64, what: Happening) {
        let every = (every * 10 / self.members.len().max(10) as u64).max(50);
        let delay = self.dice.around(every);
        self.after(delay, what);
    }

    /// A node dies, whichever it hits.
    pub fn crash_somebody(&mut self) {
        if self.calm {
            return;
        }
        let f = self.cfg.faults.clone();
        self.again(f.crash_every_ms, Happening::Crash);
        let n = self.dice.index(self.members.len());
        if self.members[n].node.is_some() {
            self.crash(n);
        }
    }

    /// A node dies: its memory is gone, of its disk some prefix is left, and sometimes only an old backup.
    pub fn crash(&mut self, n: usize) {
        self.summary.crashes += 1;
        let f = self.cfg.faults.clone();
        let member = &mut self.members[n];
        member.node = None;
        member.life += 1;
        let (kept, lost) = member.disk.crash(&mut self.dice);
        for (count, name) in [
            (kept, "write of unknown outcome kept"),
            (lost, "write of unknown outcome lost"),
        ] {
            if count > 0 {
                self.summary.saw(name);
            }
        }
        let restored = self.dice.chance(f.restore) && self.members[n].disk.restore(&mut self.dice);
        self.settle_calls(n);
        self.check_forfeit(n);
        if restored {
            self.summary.restores += 1;
            self.members[n].cfg.incarnation += 1;
            self.check_restore(n);
        }
        let member = &mut self.members[n];
        member.witnessed = member.witnessed.min(member.disk.len());
        let peers: Vec<usize> = self.net.wanted.get(&n).into_iter().flatten().copied().collect();
        for peer in peers {
            let delay = self.dice.range(10, 4_000);
            self.after(delay, Happening::Sever(n, peer));
        }
        let down = self.dice.around(f.down_ms.max(1_000));
        // A connection whose end has died is found dead before the node is back, or the node finds it so.
        self.after(down.max(4_001), Happening::Restart { node: n });
    }

    /// Everybody takes a backup, now and then.
    pub fn back_up(&mut self) {
        if self.calm {
            return;
        }
        for n in 0..self.members.len() {
            if self.dice.chance(300) {
                self.members[n].disk.back_up();
            }
        }
        self.erase_something();
        let delay = self.dice.around(15_000);
        self.after(delay, Happening::Backup);
    }

    /// Somebody erases the text of a message on the disk of a node.
    fn erase_something(&mut self) {
        let n = self.dice.index(self.members.len());
        let Some(p) = self.project_of(n) else { return };
        let (project, disk) = (p.id(), &self.members[n].disk);
        let messages = p.state.threads.values().flat_map(|t| t.messages.values());
        // What is not durable yet is also still to be sent.
        let kept = messages.filter(|m| disk.is_durable(project, m.reference.feed, m.reference.seq));
        let texts = kept.map(|m| m.message.statement.text.hash);
        // People erase what is there.
        let texts: Vec<_> = texts.filter(|text| disk.blob(project, *text).is_some()).collect();
        if let Some(text) = self.dice.pick(&texts).copied() {
            self.members[n].disk.erase(project, text);
            self.check.erased.insert((n, text), self.now);
            self.summary.saw("text erased");
        }
    }

    /// A group falls apart.
    pub fn partition(&mut self) {
        if self.calm {
            return;
        }
        let f = self.cfg.faults.clone();
        self.again(f.partition_every_ms, Happening::Partition);
        let group = self.dice.index(self.groups.len());
        if self.net.cut.contains_key(&group) {
            return;
        }
        self.summary.partitions += 1;
        let nodes = self.groups[group].nodes.clone();
        let side = nodes.iter().filter(|_| self.dice.chance(500)).copied().collect();
        self.net.cut.insert(group, side);
        let crossing: Vec<(usize, usize)> = self
            .net
            .up
            .iter()
            .filter(|(a, b)| self.is_cut(*a, *b))
            .copied()
            .collect();
        for (a, b) in crossing {
            let delay = self.dice.range(500, 8_000);
            self.after(delay, Happening::Sever(a, b));
        }
        let lasts = self.dice.around(f.partition_ms);
        self.after(lasts, Happening::Heal { group });
    }

    /// It is whole again.
    pub fn heal(&mut self, group: usize) {
        if self.net.cut.remove(&group).is_none() {
            return;
        }
        for n in self.groups[group].nodes.clone() {
            if self.members[n].node.is_some() {
                self.dial(n, 3_000);
            }
        }
    }

    /// A node can hear and not speak for a while.
    pub fn mute(&mut self) {
        if self.calm {
            return;
        }
        let f = self.cfg.faults.clone();
        self.again(f.mute_every_ms, Happening::Mute);
        let n = self.dice.index(self.members.len());
        self.summary.saw("spell of silence");
        self.members[n].muted_until = self.now + self.dice.around(f.mute_ms);
    }

    /// Faults end: everything heals, everybody comes back.
    pub fn calm_down(&mut self) {
        self.calm = true;
        for group in 0..self.groups.len() {
            self.heal(group);
        }
        for n in 0..self.members.len() {
            self.members[n].muted_until = 0;
            if self.members[n].node.is_none() {
                self.after(5_000, Happening::Restart { node: n });
            } else {
                self.dial(n, 3_000);
            }
        }
        self.after(LOOK_EVERY_MS, Happening::Rest);
    }

    /// Whether all has come to rest; if it has not in time, something is stuck.
    pub fn look_for_rest(&mut self) {
        // Connections that broke in the last faults are dialled again, as the shell does.
        for n in 0..self.members.len() {
            if self.members[n].node.is_some() {
                self.dial(n, 500);
            }
        }
        match self.unrest() {
            None => {
                self.rested = true;
                self.final_checks();
            }
            Some(why) if self.now > self.cfg.minutes * 60_000 + QUIET_LIMIT_MS => self.violate(why.invariant, why.what),
            Some(_) => self.after(LOOK_EVERY_MS, Happening::Rest),
        }
    }
}
