//! Where the access state is kept: a port, since a server has a file and a function has a table.

use super::AccessError;
use super::state::State;

/// Keeps one [`State`]. Several processes may change it: a change is made on top of what was read last, or not at all.
/// All of it may block.
pub trait Keeper: Send {
    /// The state, if it is another one than was read or written last; `None`, too, while there is none yet.
    ///
    /// # Errors
    /// [`AccessError::Kept`] when it cannot be read, or is not understood.
    fn read_if_changed(&mut self) -> Result<Option<State>, AccessError>;

    /// Puts `state` in the place of what was read or written last, durably and as a whole. False, and nothing is
    /// written, when somebody else was faster.
    ///
    /// # Errors
    /// [`AccessError::Kept`] when it cannot be written.
    fn replace(&mut self, state: &State) -> Result<bool, AccessError>;
}
