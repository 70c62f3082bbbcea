//! What is said on a connection.
