//! Buffers, properties, shared data, queues and metrics.

use wasmtime::{Caller, Linker};

use crate::{memory::answer, vm::State};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |caller: Caller<'_, State>,
         buffer: u32,
         start: u32,
         length: u32,
         data: u32,
         data_size: u32| {
            answer(caller, "proxy_get_buffer_bytes", |filter| {
                let found = filter.model().get_buffer_bytes(buffer, start, length)?;
                filter.give(&found, data, data_size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_status",
        |caller: Caller<'_, State>, buffer: u32, length: u32, flags: u32| {
            answer(caller, "proxy_get_buffer_status", |filter| {
                let (length_found, flags_found) = filter.model().get_buffer_status(buffer)?;
                filter.write_u32(length, length_found)?;
                filter.write_u32(flags, flags_found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |caller: Caller<'_, State>,
         buffer: u32,
         start: u32,
         length: u32,
         data: u32,
         data_size: u32| {
            answer(caller, "proxy_set_buffer_bytes", |filter| {
                let data = filter.read(data, data_size)?;
                filter.model().set_buffer_bytes(buffer, start, length, &data)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |caller: Caller<'_, State>, path: u32, path_size: u32, value: u32, value_size: u32| {
            answer(caller, "proxy_get_property", |filter| {
                let path = filter.read(path, path_size)?;
                let found = filter.model().get_property(&path)?;
                filter.give(&found, value, value_size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |caller: Caller<'_, State>, path: u32, path_size: u32, value: u32, value_size: u32| {
            answer(caller, "proxy_set_property", |filter| {
                let path = filter.read(path, path_size)?;
                let value = filter.read(value, value_size)?;
                filter.model().set_property(&path, &value)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |caller: Caller<'_, State>,
         key: u32,
         key_size: u32,
         value: u32,
         value_size: u32,
         cas: u32| {
            answer(caller, "proxy_get_shared_data", |filter| {
                let key = filter.read(key, key_size)?;
                let (value_found, cas_found) = filter.model().get_shared_data(&key)?;
                filter.give(&value_found, value, value_size)?;
                filter.write_u32(cas, cas_found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |caller: Caller<'_, State>,
         key: u32,
         key_size: u32,
         value: u32,
         value_size: u32,
         cas: u32| {
            answer(caller, "proxy_set_shared_data", |filter| {
                let key = filter.read(key, key_size)?;
                let value = filter.read(value, value_size)?;
                filter.model().set_shared_data(&key, &value, cas)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_register_shared_queue",
        |caller: Caller<'_, State>, name: u32, name_size: u32, queue: u32| {
            answer(caller, "proxy_register_shared_queue", |filter| {
                let name = filter.read(name, name_size)?;
                let found = filter.model().register_shared_queue(&name)?;
                filter.write_u32(queue, found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |caller: Caller<'_, State>,
         vm_id: u32,
         vm_id_size: u32,
         name: u32,
         name_size: u32,
         queue: u32| {
            answer(caller, "proxy_resolve_shared_queue", |filter| {
                let vm_id = filter.read(vm_id, vm_id_size)?;
                let name = filter.read(name, name_size)?;
                let found = filter.model().resolve_shared_queue(&vm_id, &name)?;
                filter.write_u32(queue, found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_enqueue_shared_queue",
        |caller: Caller<'_, State>, queue: u32, value: u32, value_size: u32| {
            answer(caller, "proxy_enqueue_shared_queue", |filter| {
                let value = filter.read(value, value_size)?;
                filter.model().enqueue_shared_queue(queue, &value)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_dequeue_shared_queue",
        |caller: Caller<'_, State>, queue: u32, value: u32, value_size: u32| {
            answer(caller, "proxy_dequeue_shared_queue", |filter| {
                let found = filter.model().dequeue_shared_queue(queue)?;
                filter.give(&found, value, value_size)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |caller: Caller<'_, State>, kind: u32, name: u32, name_size: u32, metric: u32| {
            answer(caller, "proxy_define_metric", |filter| {
                let name = filter.read(name, name_size)?;
                let found = filter.model().define_metric(kind, &name)?;
                filter.write_u32(metric, found)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_increment_metric",
        |caller: Caller<'_, State>, metric: u32, offset: i64| {
            answer(caller, "proxy_increment_metric", |filter| {
                filter.model().increment_metric(metric, offset)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_record_metric",
        |caller: Caller<'_, State>, metric: u32, value: u64| {
            answer(caller, "proxy_record_metric", |filter| {
                filter.model().record_metric(metric, value)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_metric",
        |caller: Caller<'_, State>, metric: u32, value: u32| {
            answer(caller, "proxy_get_metric", |filter| {
                let found = filter.model().get_metric(metric)?;
                filter.write_u64(value, found)
            })
        },
    )?;
    Ok(())
}
