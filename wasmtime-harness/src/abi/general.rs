//! Logging, time, contexts and foreign functions.

use wasmtime::{Caller, Linker};

use crate::{memory::answer, vm::State};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_log",
        |caller: Caller<'_, State>, level: u32, text: u32, text_size: u32| {
            answer(caller, "proxy_log", |filter| {
                let text = filter.read(text, text_size)?;
                filter.model().log(level, &text)
            })
        },
    )?;
    linker.func_wrap("env", "proxy_get_log_level", |caller: Caller<'_, State>, level: u32| {
        answer(caller, "proxy_get_log_level", |filter| {
            let found = filter.model().get_log_level()?;
            filter.write_u32(level, found)
        })
    })?;
    linker.func_wrap(
        "env",
        "proxy_get_current_time_nanoseconds",
        |caller: Caller<'_, State>, time: u32| {
            answer(caller, "proxy_get_current_time_nanoseconds", |filter| {
                let found = filter.model().get_current_time_nanoseconds()?;
                filter.write_u64(time, found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_tick_period_milliseconds",
        |caller: Caller<'_, State>, period: u32| {
            answer(caller, "proxy_set_tick_period_milliseconds", |filter| {
                filter.model().set_tick_period_milliseconds(period)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_effective_context",
        |caller: Caller<'_, State>, context: u32| {
            answer(caller, "proxy_set_effective_context", |filter| {
                filter.model().set_effective_context(context)
            })
        },
    )?;
    linker.func_wrap("env", "proxy_done", |caller: Caller<'_, State>| {
        answer(caller, "proxy_done", |filter| filter.model().done())
    })?;
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |caller: Caller<'_, State>,
         name: u32,
         name_size: u32,
         arguments: u32,
         arguments_size: u32,
         result: u32,
         result_size: u32| {
            answer(caller, "proxy_call_foreign_function", |filter| {
                let name = filter.read(name, name_size)?;
                let arguments = filter.read(arguments, arguments_size)?;
                let found = filter.model().call_foreign_function(&name, &arguments)?;
                filter.give_if_wanted(&found, result, result_size)
            })
        },
    )?;
    Ok(())
}
