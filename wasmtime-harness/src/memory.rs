//! Memory between the host and a filter, in the middle of a host call.

use proxy_host_model::{Model, Refusal, Status};
use wasmtime::Caller;

use crate::vm::State;

/// The filter that makes a host call.
pub(crate) struct Filter<'a>(Caller<'a, State>);

/// Makes a host call and gives the filter its status.
///
/// What goes wrong with the memory that the filter named is a status too, and is in the trace.
///
/// # Errors
///
/// The host ends the filter.
pub(crate) fn answer(
    caller: Caller<'_, State>,
    name: &'static str,
    call: impl FnOnce(&mut Filter<'_>) -> Result<(), Refusal>,
) -> wasmtime::Result<u32> {
    let mut filter = Filter(caller);
    let before = filter.model().calls_recorded();
    match call(&mut filter) {
        Ok(()) => Ok(Status::OK.0),
        Err(Refusal::Status(status)) => {
            let model = filter.model();
            if model.calls_recorded() == before {
                model.refuse(name, status);
            } else {
                model.amend(status);
            }
            Ok(status.0)
        }
        Err(Refusal::Trap(reason)) => Err(wasmtime::Error::msg(reason)),
    }
}

impl<'a> Filter<'a> {
    pub(crate) fn new(caller: Caller<'a, State>) -> Self {
        Self(caller)
    }

    pub(crate) fn model(&mut self) -> &mut Model {
        &mut self.0.data_mut().model
    }

    /// Copies bytes that the filter names.
    pub(crate) fn read(&self, address: u32, size: u32) -> Result<Vec<u8>, Refusal> {
        let memory = self.0.data().memory.ok_or(OUTSIDE)?;
        let bytes =
            memory.data(&self.0).get(index(address)..).and_then(|rest| rest.get(..index(size)));
        bytes.map(<[u8]>::to_vec).ok_or(OUTSIDE)
    }

    /// Writes bytes where the filter says.
    pub(crate) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Refusal> {
        let memory = self.0.data().memory.ok_or(OUTSIDE)?;
        let written = memory.write(&mut self.0, index(address), bytes);
        written.map_err(|_| OUTSIDE)
    }

    /// Writes a number where the filter says.
    pub(crate) fn write_u32(&mut self, address: u32, number: u32) -> Result<(), Refusal> {
        self.write(address, &number.to_le_bytes())
    }

    /// Writes a number where the filter says.
    pub(crate) fn write_u64(&mut self, address: u32, number: u64) -> Result<(), Refusal> {
        self.write(address, &number.to_le_bytes())
    }

    /// Hands bytes over in memory that the filter allocates, and writes where they are and how many.
    ///
    /// Nothing is handed over as address 0, as in Envoy.
    pub(crate) fn give(&mut self, bytes: &[u8], address: u32, size: u32) -> Result<(), Refusal> {
        self.hand_over(bytes, Some(address), Some(size))
    }

    /// As [`Filter::give`], but address 0 means that the filter does not want to know: so
    /// proxy-wasm-cpp-host has it for foreign functions.
    pub(crate) fn give_if_wanted(
        &mut self,
        bytes: &[u8],
        address: u32,
        size: u32,
    ) -> Result<(), Refusal> {
        let wanted = |address: u32| (address != 0).then_some(address);
        self.hand_over(bytes, wanted(address), wanted(size))
    }

    fn hand_over(
        &mut self,
        bytes: &[u8],
        address: Option<u32>,
        size: Option<u32>,
    ) -> Result<(), Refusal> {
        let count = u32::try_from(bytes.len()).map_err(|_| OUTSIDE)?;
        if let Some(address) = address {
            let copy = match count {
                0 => 0,
                _ => self.allocate(count)?,
            };
            self.write(copy, bytes)?;
            self.write_u32(address, copy)?;
        }
        size.map_or(Ok(()), |size| self.write_u32(size, count))
    }

    fn allocate(&mut self, size: u32) -> Result<u32, Refusal> {
        self.model().allocation(size)?;
        let allocate = self.0.data().allocate.clone().ok_or(OUTSIDE)?;
        let address = allocate.call(&mut self.0, size).map_err(|error| {
            Refusal::Trap(format!("the filter's allocator: {}", error.root_cause()))
        })?;
        match address {
            0 => Err(OUTSIDE),
            address => Ok(address),
        }
    }
}

const OUTSIDE: Refusal = Refusal::Status(Status::INVALID_MEMORY_ACCESS);

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
