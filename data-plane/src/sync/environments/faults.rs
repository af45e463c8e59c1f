//! Any sequence of commits, lost and doubled frames, cuts and flipped bits: a proxy that is connected and quiet ends with exactly its
//! environment's state, and never goes back in time on the way.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::sync::model::{Control, Op, environment};

#[derive(Debug, Clone)]
enum Event {
    Commit(Vec<Op>),
    Deliver,
    Lose,
    Double,
    Swap,
    Cut,
    Flip,
    CheckUp,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let op = prop_oneof![
        3 => (0..20_u8, any::<u8>()).prop_map(|(slot, seed)| Op::Put { slot, seed }),
        1 => (0..20_u8).prop_map(|slot| Op::Delete { slot }),
    ];
    let event = prop_oneof![
        6 => prop::collection::vec(op, 1..5).prop_map(Event::Commit),
        12 => Just(Event::Deliver),
        1 => Just(Event::Lose),
        1 => Just(Event::Double),
        1 => Just(Event::Swap),
        1 => Just(Event::Cut),
        1 => Just(Event::Flip),
        1 => Just(Event::CheckUp),
    ];
    prop::collection::vec(event, 0..80)
}

#[derive(Clone)]
enum Sent {
    Delta(Delta),
    Begin(SnapshotBegin),
    Chunk(SnapshotChunk),
    End(SnapshotEnd),
}

/// A control plane with a log, a wire, and the proxy at its other end.
struct World {
    control: Control,
    log: Vec<Delta>,
    wire: VecDeque<Sent>,
    proxy: Environments,
    highest: u64,
}

impl World {
    fn new() -> Self {
        let mut proxy = Environments::new(AddressPolicy::Public);
        proxy.grant(&environment());
        let mut world = Self { control: Control::default(), log: Vec::new(), wire: VecDeque::new(), proxy, highest: 0 };
        world.connect();
        world
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Commit(ops) => {
                let delta = self.control.commit(ops);
                self.log.push(delta.clone());
                self.wire.push_back(Sent::Delta(delta));
            }
            Event::Deliver => self.deliver(),
            Event::Lose => drop(self.wire.pop_front()),
            Event::Double => {
                let again = self.wire.front().cloned();
                self.wire.extend(again);
                self.wire.rotate_right(usize::from(!self.wire.is_empty()));
            }
            Event::Swap if self.wire.len() > 1 => self.wire.swap(0, 1),
            Event::Swap => {}
            Event::Cut => self.connect(),
            Event::Flip => {
                let held = self.proxy.granted.get_mut(&environment()).unwrap();
                held.state = held.state.take().map(|state| state.clone().with_a_flipped_bit().unwrap_or(state));
            }
            Event::CheckUp => self.check_up(),
        }
    }

    /// A new stream: what is on the wire is lost, and the hello says where to go on.
    fn connect(&mut self) {
        self.wire.clear();
        let held = self.proxy.hello().pop().and_then(|held| held.position);
        let at = held.and_then(|at| {
            let positions = self.log.iter().map(|delta| delta.position.clone());
            positions.into_iter().position(|position| position.as_ref() == Some(&at))
        });
        match at {
            Some(at) => self.wire.extend(self.log[at + 1..].iter().cloned().map(Sent::Delta)),
            None => self.send_snapshot(),
        }
    }

    fn send_snapshot(&mut self) {
        self.wire.clear();
        let (begin, chunks, end) = self.control.snapshot(3);
        self.wire.push_back(Sent::Begin(begin));
        self.wire.extend(chunks.into_iter().map(Sent::Chunk));
        self.wire.push_back(Sent::End(end));
    }

    fn deliver(&mut self) {
        let step = match self.wire.pop_front() {
            Some(Sent::Delta(delta)) => self.proxy.delta(&delta),
            Some(Sent::Begin(begin)) => self.proxy.snapshot_begin(&begin),
            Some(Sent::Chunk(chunk)) => self.proxy.snapshot_chunk(&chunk),
            Some(Sent::End(end)) => self.proxy.snapshot_end(&end),
            None => Step::Nothing,
        };
        self.answer(&step);
        let revision = self.proxy.state(&environment()).map_or(0, |state| state.position().revision.0);
        assert!(revision >= self.highest, "back in time, from {} to {revision}", self.highest);
        self.highest = revision;
    }

    fn check_up(&mut self) {
        let drifted = self.proxy.states().any(|(_, state)| !state.is_intact());
        if drifted {
            let step = self.proxy.repair(&environment());
            self.answer(&step);
        }
    }

    fn answer(&mut self, step: &Step) {
        match step {
            Step::Refused { .. } => self.send_snapshot(),
            Step::GiveUp { .. } => self.connect(),
            Step::Nothing | Step::Applied { .. } => {}
        }
    }
}

proptest! {
    /// P1, P3, P5, P8.
    #[test]
    fn after_any_faults_a_quiet_proxy_holds_exactly_the_state(events in events()) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        // The faults stop: a stream on which nothing is acknowledged is ended by the control plane, and another one begins.
        world.connect();
        for _ in 0..2 {
            while !world.wire.is_empty() {
                world.deliver();
            }
            world.check_up();
        }
        let state = world.proxy.state(&environment()).unwrap();
        prop_assert_eq!(state.position(), world.control.position());
        prop_assert_eq!(state.dump(), world.control.dump());
        prop_assert!(state.is_intact());
    }
}
