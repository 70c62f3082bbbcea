//! The values that fields of a profile have.

/// How contexts get their ids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ContextIds {
    /// 1, 2, 3 in order.
    Counted,
    /// Any number but 0, in no order, by the model's seed.
    Random,
}

/// What a trap costs beside the request, or the callback, in which it happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TrapCosts {
    /// The VM: it answers nothing any more until something replaces it.
    Vm,
    /// Nothing: the next request finds a new VM.
    Request,
}
