//! daemon: what is due, when, and that it is done once.
