//! Logging, time, contexts and foreign functions.

use crate::{
    model::Model,
    outcome::LogLevel,
    status::{Refusal, Status},
};

impl Model {
    /// Logs a line.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for a level above 5.
    pub fn log(&mut self, level: u32, text: &[u8]) -> Result<(), Refusal> {
        self.host_call("proxy_log", &[&level, &text], |model| {
            let level = LogLevel::from_number(level).ok_or(Status::BAD_ARGUMENT)?;
            model.write_log(level, text);
            Ok(())
        })
    }

    /// The level from which on lines are kept.
    ///
    /// # Errors
    ///
    /// None of its own.
    pub fn get_log_level(&mut self) -> Result<u32, Refusal> {
        self.host_call("proxy_get_log_level", &[], |model| Ok(model.settings.log_level.number()))
    }

    /// The time in nanoseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// None of its own.
    pub fn get_current_time_nanoseconds(&mut self) -> Result<u64, Refusal> {
        self.host_call("proxy_get_current_time_nanoseconds", &[], |model| Ok(model.read_wall()))
    }

    /// Asks for ticks every so many milliseconds; 0 ends them.
    ///
    /// # Errors
    ///
    /// None of its own in most profiles; some have one period for each root and take no other
    /// ([`Profile::tick_again`](crate::Profile::tick_again)).
    pub fn set_tick_period_milliseconds(&mut self, period: u32) -> Result<(), Refusal> {
        self.denied_call("proxy_set_tick_period_milliseconds", &[&period], |model| {
            let next_tick = model.clock.after_millis(period);
            let again = model.profile.tick_again;
            let in_stream = model.stream().is_some();
            let root = model.root_id();
            if let Some(root) = model.root_mut(root) {
                let ticking = period > 0 && root.tick_period > 0;
                match again {
                    Some(denial) if in_stream => {
                        return Err(denial.of("a request asked for ticks"));
                    }
                    Some(denial) if ticking => {
                        return Err(denial.of("ticks were asked for a second time"));
                    }
                    _ => {}
                }
                root.tick_period = period;
                root.next_tick = next_tick;
            }
            Ok(())
        })
    }

    /// Makes the following calls of this callback speak for another context.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for a context that does not exist, where the profile looks at it at all.
    pub fn set_effective_context(&mut self, context: u32) -> Result<(), Refusal> {
        self.host_call("proxy_set_effective_context", &[&context], |model| {
            if !model.profile.effective_context {
                return Ok(());
            }
            // The VM's own context, which means whichever was called: probe `effective`.
            if context == 0 && model.profile.effective_vm_context {
                model.effective = None;
                return Ok(());
            }
            if !model.contexts.contains_key(&context) {
                return Err(Status::BAD_ARGUMENT);
            }
            model.effective = Some(context);
            Ok(())
        })
    }

    /// Ends a context whose `proxy_on_done` answered "not yet".
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` when there is none.
    pub fn done(&mut self) -> Result<(), Refusal> {
        self.host_call("proxy_done", &[], |model| {
            let id = model.context_id();
            let root = model.root_mut(id).filter(|root| root.pending_done);
            let root = root.ok_or(Status::NOT_FOUND)?;
            root.pending_done = false;
            root.finished = true;
            Ok(())
        })
    }

    /// Calls a function that the host offers beyond the ABI, one of [`Model::foreign`].
    ///
    /// # Errors
    ///
    /// What the profile says to a function that does not exist there, `NOT_FOUND` in most, and
    /// whatever the function answers.
    pub fn call_foreign_function(
        &mut self,
        name: &[u8],
        arguments: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        self.denied_call("proxy_call_foreign_function", &[&name, &arguments], |model| {
            let text = String::from_utf8_lossy(name);
            let allowed = model.profile.foreign_functions.allows(&text);
            match model.foreign.get(name).filter(|_| allowed) {
                Some(function) => function.call(arguments).map_err(Refusal::Status),
                None => {
                    let why = format!("there is no foreign function {text:?}");
                    Err(model.profile.unknown_foreign_function.of(why))
                }
            }
        })
    }
}
