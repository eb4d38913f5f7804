//! A call, apart from its request.
//!
//! Promises: everything that a phase of a call may use of its caller is here.
//! Does not promise: that two calls share anything. `in_process` has what they share.

use crate::afterwards::Afterwards;
use crate::in_process::Moment;
use crate::model::cancellation::Cancellation;
use crate::model::event::Event;

/// The parts of a call besides its request.
pub struct Call<'a> {
    /// The switch that stops it.
    pub cancellation: &'a Cancellation,
    /// The moment when it was made. Nothing older may answer it.
    pub made: Moment,
    /// The receiver of events.
    pub emit: &'a dyn Fn(Event),
    /// The work that can wait until the answer is given.
    pub afterwards: &'a Afterwards,
}
