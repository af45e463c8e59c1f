//! Environments that are granted and withdrawn while a stream is open.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::sync::v1::{self, control_frame, directive};
use shared::name::EnvironmentName;

use super::Stream;
use super::cursor::Cursor;
use crate::sync::fleet;
use crate::sync::refusal::Refusal;

impl Stream {
    /// Follows what the proxy is granted now.
    pub(super) fn regrant(&mut self) -> Result<(), Refusal> {
        let published = self.shared.feeds.published();
        let record = self.record()?;
        let granted: BTreeMap<_, _> = fleet::granted(&published, &record).collect();
        // An environment that was deleted and made again has another feed.
        let kept = |cursor: &Cursor| {
            granted.get(cursor.environment()).is_some_and(|place| Arc::ptr_eq(&place.feed, &cursor.feed))
        };
        let gone: Vec<_> =
            self.cursors.values().filter(|cursor| !kept(cursor)).map(|c| c.environment().clone()).collect();
        for environment in gone {
            self.withdraw(&environment);
        }
        let here = self.shared.feeds.here();
        for (environment, place) in granted {
            if !self.cursors.contains_key(environment) {
                place.feed.subscribe(self.session.id(), Arc::clone(&self.wake));
                self.cursors.insert(environment.clone(), Cursor::granted(Arc::clone(&place.feed), &here));
                self.direct(directive::Directive::EnvironmentGranted(environment.to_string()));
            }
        }
        Ok(())
    }

    fn withdraw(&mut self, environment: &EnvironmentName) {
        if let Some(cursor) = self.cursors.remove(environment) {
            cursor.feed.unsubscribe(self.session.id());
        }
        self.window.forget(environment);
        self.session.withdrawn(environment);
        self.direct(directive::Directive::EnvironmentWithdrawn(environment.to_string()));
    }

    fn direct(&mut self, directive: directive::Directive) {
        let directive = v1::Directive { directive: Some(directive) };
        self.queue(control_frame::Frame::Directive(directive));
    }
}
