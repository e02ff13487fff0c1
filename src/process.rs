//! What the calls of one process share.

use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, OnceLock};

use crate::pool::Pool;
use crate::resolver::Resolver;

/// What belongs to the process that made it, and to no child that it forks: the
/// child must not use its parent's connections, and has none of its threads.
pub(crate) struct Process {
    id: Id,
    pub(crate) pool: Pool,
    pub(crate) resolver: Arc<Resolver>,
    /// That of the child whose memory this is, if it is no longer the parent's.
    child: OnceLock<Box<Self>>,
}

impl Process {
    pub(crate) fn new() -> Self {
        Self::with(Id::current())
    }

    fn with(id: Id) -> Self {
        Self {
            pool: Pool::new(id.is_certain()),
            id,
            resolver: Resolver::new(),
            child: OnceLock::new(),
        }
    }

    /// That of the process that asks.
    pub(crate) fn current(&self) -> &Self {
        self.find(&Id::current())
    }

    fn find(&self, id: &Id) -> &Self {
        let mut process = self;
        while process.id != *id {
            if process.child.get().is_none() {
                // The parent uses them; here, they would only stay open.
                process.pool.clear();
            }
            process = process
                .child
                .get_or_init(|| Box::new(Self::with(id.clone())));
        }
        process
    }
}

/// What tells a process from its parent and its children.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Id {
    process: u32,
    /// The PID namespace of process 1, since each namespace has one.
    namespace: Option<PathBuf>,
}

impl Id {
    fn current() -> Self {
        let process = process::id();
        let link = || fs::read_link("/proc/self/ns/pid").ok();
        let namespace = (process == 1).then(link).flatten();
        Self { process, namespace }
    }

    /// Whether no other process can have this one.
    fn is_certain(&self) -> bool {
        self.process != 1 || self.namespace.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(process: u32, namespace: Option<&str>) -> Id {
        Id {
            process,
            namespace: namespace.map(PathBuf::from),
        }
    }

    #[test]
    fn each_process_has_its_own() {
        let parent = Process::with(id(1, Some("pid:[1]")));
        let ids = [
            id(1, Some("pid:[1]")),
            id(1, Some("pid:[2]")),
            id(2, None),
            id(3, None),
        ];
        let all = ids.each_ref().map(|id| parent.find(id));
        for (id, found) in ids.iter().zip(all) {
            assert_eq!(found.id, *id);
            assert!(std::ptr::eq(found, parent.find(id)));
        }
        assert!(std::ptr::eq(all[0], &raw const parent));
        assert!(!Arc::ptr_eq(&all[0].resolver, &all[1].resolver));
    }

    #[test]
    fn process_1_needs_a_namespace() {
        assert!(id(1, Some("pid:[1]")).is_certain());
        assert!(!id(1, None).is_certain());
        assert!(id(2, None).is_certain());
        let current = Id::current();
        assert!(current.is_certain());
        // Others do without the system call.
        assert!(current.process == 1 || current.namespace.is_none());
    }
}
