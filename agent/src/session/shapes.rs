//! What the results of the SQL API look like that have more partitions than one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::snowflake::QueryId;
use crate::snowflake::result::api::Shape;

/// All shapes together; the oldest go first. A row type is some 200 bytes for each column, so this
/// is some thousand results. Who asks for more of one that is forgotten is told to begin anew.
const BYTES_MAX: usize = 32 << 20;

/// What is known of a result with more partitions than one.
#[derive(Clone, Debug)]
pub struct Partitioned {
    pub shape: Shape,
    /// Of the plan that its beginning was masked by.
    pub digest: [u8; 32],
}

/// The shapes of results by handle. A later partition has nothing but cells: what they are, only its
/// result's beginning has said.
#[derive(Debug, Default)]
pub struct Shapes(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<QueryId, Arc<Partitioned>>,
    order: VecDeque<QueryId>,
    bytes: usize,
}

impl Shapes {
    /// Remembers a shape; the newest answer is believed.
    pub fn keep(&self, id: &QueryId, shape: Partitioned) {
        let mut inner = self.lock();
        inner.bytes += weight(&shape.shape);
        match inner.known.insert(id.clone(), Arc::new(shape)) {
            Some(old) => inner.bytes = inner.bytes.saturating_sub(weight(&old.shape)),
            None => inner.order.push_back(id.clone()),
        }
        while inner.bytes > BYTES_MAX
            && let Some(oldest) = inner.order.pop_front()
        {
            if let Some(old) = inner.known.remove(&oldest) {
                inner.bytes = inner.bytes.saturating_sub(weight(&old.shape));
            }
        }
    }

    #[must_use]
    pub fn get(&self, id: &QueryId) -> Option<Arc<Partitioned>> {
        self.lock().known.get(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(shape: &Shape) -> usize {
    256 + shape.row_type.len() + shape.rows.len() * size_of::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(bytes: usize) -> Partitioned {
        let shape = Shape {
            row_type: vec![b' '; bytes].into(),
            rows: vec![1, 2],
        };
        Partitioned {
            shape,
            digest: [0; 32],
        }
    }

    #[test]
    fn the_oldest_are_forgotten_when_there_are_too_many_bytes() {
        let shapes = Shapes::default();
        let id = QueryId::of_entry;
        for number in 0..3 {
            shapes.keep(&id(number), shape(BYTES_MAX / 2 - 1024));
        }
        assert!(shapes.get(&id(0)).is_none());
        assert!(shapes.get(&id(1)).is_some() && shapes.get(&id(2)).is_some());
        shapes.keep(&id(2), shape(1));
        assert_eq!(shapes.get(&id(2)).unwrap().shape.row_type.len(), 1);
        shapes.keep(&id(3), shape(BYTES_MAX / 2 - 1024));
        assert!(
            shapes.get(&id(1)).is_some(),
            "what was replaced counts no more"
        );
        shapes.keep(&id(4), shape(BYTES_MAX));
        assert!(shapes.get(&id(1)).is_none(), "even the newest is bounded");
    }
}
