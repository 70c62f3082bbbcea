//! The configurations that users start from, made to run in a test.
//!
//! Only text is replaced (ports, the module's path, a key), so that what is proven to work is the
//! file as it is written, YAML and comments included.
