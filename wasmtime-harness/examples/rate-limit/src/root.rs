//! One configuration of the filter, and the ticks.

use std::{rc::Rc, time::Duration};

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};

use crate::{config::Config, metrics::Metrics, store::Store, stream::Stream};

/// How often each worker looks whether the window is over: by so much a window may be longer.
const TICK: Duration = Duration::from_secs(1);

/// What requests of one configuration have in common.
pub(crate) struct Shop {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
}

/// One configuration of the filter. An update makes a new one beside it in the same VM, so nothing
/// that depends on the configuration may live in a static.
#[derive(Default)]
pub(crate) struct Root {
    /// `None` before a configuration was accepted.
    shop: Option<Rc<Shop>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let document = self.get_plugin_configuration().unwrap_or_default();
        let config = match Config::read(&document) {
            Ok(config) => config,
            Err(problem) => {
                log::error!("rate-limit: configuration: {problem}");
                return false;
            }
        };
        let metrics = if config.metrics { Metrics::define() } else { Metrics::default() };
        let store = Store::new(config.key_prefix.clone());
        self.set_tick_period(TICK);
        self.shop = Some(Rc::new(Shop { config, store, metrics }));
        true
    }

    fn on_tick(&mut self) {
        if let Some(shop) = &self.shop {
            shop.store.turn(self.get_current_time(), shop.config.window());
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context: u32) -> Option<Box<dyn HttpContext>> {
        let shop = Rc::clone(self.shop.as_ref()?);
        Some(Box::new(Stream::new(shop)))
    }
}
