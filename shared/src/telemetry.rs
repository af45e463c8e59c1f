//! Logs: how they are set up, and how an error's chain is printed.
