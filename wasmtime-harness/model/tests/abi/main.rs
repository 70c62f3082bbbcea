//! Every host function, every status that it gives and every phase that it differs in, in the
//! profile of Envoy unless a test says otherwise.
//!
//! A test is a filter, which is a closure, and the steps that a proxy takes with it. What the filters
//! of all tests called is held against what the functions' documentation promises: see `coverage`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

/// Tests that can be run again by the one that looks at what all of them cover.
macro_rules! tests {
    ($($(#[doc = $about:literal])* fn $name:ident() $body:block)*) => {
        $(
            $(#[doc = $about])*
            #[test]
            fn $name() $body
        )*

        /// All tests of this file.
        pub(crate) const ALL: &[fn()] = &[$($name),*];
    };
}

mod buffers;
mod callouts;
mod contexts;
mod coverage;
mod foreign;
mod grpc;
mod guest;
mod headers;
mod metrics;
mod properties;
mod queues;
mod replies;
mod resumption;
mod shared_data;
mod tcp;
mod time;
